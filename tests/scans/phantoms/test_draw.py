import re

from scans.phantoms.draw import Draw


def test_a_stream_depends_on_its_name_alone() -> None:
    first, second = Draw(1, "easy 1"), Draw(1, "easy 1")
    first.stream("noise", 1).random(100)
    assert first.stream("noise", 2).random() == second.stream("noise", 2).random()


def test_seed_preset_and_name_all_matter() -> None:
    draws = [Draw(1, "easy 1"), Draw(2, "easy 1"), Draw(1, "easy 2")]
    numbers = {draw.stream(*name).random() for draw in draws for name in (("a", 1), ("a", 2), ("a", "1"))}
    assert len(numbers) == 9


def test_each_round_of_a_deck_holds_each_card_once_and_rounds_differ() -> None:
    draw = Draw(1, "easy 1")
    rounds = [tuple(draw.deal("x", index=5 * r + i, cards=5) for i in range(5)) for r in range(20)]
    assert all(sorted(cards) == [0, 1, 2, 3, 4] for cards in rounds)
    assert len(set(rounds)) > 10


def test_uids_are_valid_and_made_from_a_uuid() -> None:
    uids = {Draw(1, "easy 1").uid("instance", number) for number in range(1000)}
    assert len(uids) == 1000
    assert all(re.fullmatch(r"2\.25\.[1-9][0-9]{0,38}", uid) for uid in uids)
