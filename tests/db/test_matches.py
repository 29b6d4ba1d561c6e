from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from db.lists import current_matches, lane_outcomes, match_counts
from db.match_tables import LANES
from db.matches import (
    Lane,
    Why,
    delete_lane_outcomes,
    mark_matched,
    replace_lane,
    replace_lanes,
    request_match,
    save_lane_outcomes,
)
from db.rows import mapping_of
from db.tables import Embedding, LaneOutcome, Match, Night
from db.upsert import CHUNK


def match(prior: str, rank: int | None = 1, **values: Any) -> dict[str, Any]:
    code = "prior" if rank else "same-day"
    return {"prior": prior, "rank": rank, "code": code, "distance": 0.5, "kind": "ct/chest/3d"} | values


def listed(connection: Any) -> set[tuple[str, str]]:
    return {(row.scan, row.prior) for row in current_matches(connection, "e")}


def history(connection: Any) -> list[tuple[Any, ...]]:
    columns = (Match.scan, Match.prior, Match.entered_night, Match.left_night)
    return sorted(map(tuple, connection.execute(select(*columns))), key=str)


def put(archive: Any, night: int, *priors: str, scan: str = "f", lane: str = "others") -> tuple[int, int]:
    with archive.db.write() as connection:
        matches = [match(prior, rank) for rank, prior in enumerate(priors, 1)]
        return replace_lane(connection, encoder="e", scan=scan, lane=lane, matches=matches, night=night)


def test_a_list_is_made_what_it_should_be(scans) -> None:
    assert put(scans, 1, "a", "b") == (2, 0)
    with scans.db.read() as connection:
        rows = current_matches(connection, "e")
    assert [(row.prior, row.rank, row.entered_night, row.left_night) for row in rows] == [
        ("a", 1, 1, None), ("b", 2, 1, None)
    ]  # fmt: skip


def test_the_same_list_again_changes_nothing(scans, new_night: Callable[[], int]) -> None:
    put(scans, 1, "a", "b")
    with scans.db.read() as connection:
        before = current_matches(connection, "e")
    assert put(scans, new_night(), "a", "b") == (0, 0)
    with scans.db.read() as connection:
        assert current_matches(connection, "e") == before


def test_a_match_that_leaves_keeps_its_row(scans, new_night: Callable[[], int]) -> None:
    put(scans, 1, "a", "b")
    assert put(scans, new_night(), "b", "c") == (1, 1)
    with scans.db.read() as connection:
        assert listed(connection) == {("f", "b"), ("f", "c")}
        assert history(connection) == [("f", "a", 1, 2), ("f", "b", 1, None), ("f", "c", 2, None)]
        assert [row.rank for row in current_matches(connection, "e")] == [1, 2]
        assert match_counts(connection, 2) == {"entered": 1, "left": 1, "current": 2}


def test_a_match_that_comes_back_later_is_a_second_stay(scans, new_night: Callable[[], int]) -> None:
    for night, priors in ((1, "a"), (new_night(), ""), (new_night(), "a")):
        put(scans, night, *priors)
    with scans.db.read() as connection:
        assert history(connection) == [("f", "a", 1, 2), ("f", "a", 3, None)]


def test_a_match_that_left_and_came_back_in_one_night_was_never_gone(scans, new_night: Callable[[], int]) -> None:
    put(scans, 1, "a")
    night = new_night()
    put(scans, night)
    assert put(scans, night, "a") == (1, 0)
    with scans.db.read() as connection:
        assert history(connection) == [("f", "a", 1, None)]


def test_a_match_that_came_and_went_in_one_night_was_never_there(scans) -> None:
    put(scans, 1, "a")
    assert put(scans, 1) == (0, 1)
    with scans.db.read() as connection:
        assert history(connection) == []


def moves(archive: Any) -> dict[str, tuple[Any, ...]]:
    """Prior -> rank, night of the last move, rank before it."""
    with archive.db.read() as connection:
        rows = connection.execute(select(Match.prior, Match.rank, Match.moved_night, Match.rank_before))
        return {prior: tuple(rest) for prior, *rest in rows}


def test_a_match_that_moves_keeps_when_and_from_which_rank(scans, new_night: Callable[[], int]) -> None:
    put(scans, 1, "a", "b", "c")
    assert put(scans, new_night(), "b", "a", "c") == (0, 0)
    assert moves(scans) == {"a": (2, 2, 1), "b": (1, 2, 2), "c": (3, None, None)}
    put(scans, new_night(), "a", "b", "c")
    assert moves(scans) == {"a": (1, 3, 2), "b": (2, 3, 1), "c": (3, None, None)}
    with scans.db.read() as connection:
        assert history(connection) == [("f", prior, 1, None) for prior in "abc"]


def test_a_night_that_is_run_again_moves_from_the_rank_before_that_night(scans, new_night: Callable[[], int]) -> None:
    put(scans, 1, "a", "b", "c")
    put(scans, new_night(), "b", "a", "c")
    put(scans, 2, "b", "c", "a")
    assert moves(scans) == {"a": (3, 2, 1), "b": (1, 2, 2), "c": (2, 2, 3)}
    put(scans, 2, "a", "b", "c")
    assert moves(scans) == {prior: (rank, None, None) for rank, prior in enumerate("abc", 1)}


def test_a_move_that_is_taken_back_within_its_night_leaves_that_of_an_earlier_night(
    scans, new_night: Callable[[], int]
) -> None:
    put(scans, 1, "a", "b", "c")
    put(scans, new_night(), "b", "a", "c")
    night = new_night()
    for priors in ("bca", "abc", "bac"):
        put(scans, night, *priors)
    assert moves(scans) == {"a": (2, 2, 1), "b": (1, 2, 2), "c": (3, None, None)}


def test_a_match_that_left_and_came_back_in_one_night_has_moved_if_its_rank_differs(
    scans, new_night: Callable[[], int]
) -> None:
    put(scans, 1, "a", "b")
    night = new_night()
    put(scans, night, "b")
    put(scans, night, "b", "a")
    assert moves(scans) == {"a": (2, night, 1), "b": (1, night, 2)}


def test_a_match_moves_in_no_night_that_it_entered_in(scans) -> None:
    put(scans, 1, "a", "b")
    put(scans, 1, "b", "a")
    assert moves(scans) == {"a": (2, None, None), "b": (1, None, None)}


def test_what_changes_but_the_rank_is_no_move_and_its_chance_is_read_again(scans, new_night: Callable[[], int]) -> None:
    put(scans, 1, "b", "a")
    put(scans, new_night(), "a", "b")
    with scans.db.write() as connection:
        connection.execute(update(Match).values(chance_basis="known"))
        lane = [match("a", 1), match("b", 2, distance=0.25, kind="ct/head/3d")]
        replace_lane(connection, encoder="e", scan="f", lane="others", matches=lane, night=2)
        found = {row.prior: row for row in connection.execute(select(Match.prior, Match.distance, Match.kind,
                                                                     Match.chance_basis))}  # fmt: skip
    assert tuple(found["a"]) == ("a", 0.5, "ct/chest/3d", "known")
    assert tuple(found["b"]) == ("b", 0.25, "ct/head/3d", "")
    assert moves(scans) == {"a": (1, 2, 2), "b": (2, 2, 1)}


def test_a_later_night_that_changes_only_the_distance_keeps_the_move(scans, new_night: Callable[[], int]) -> None:
    put(scans, 1, "b", "a")
    put(scans, new_night(), "a", "b")
    assert new_night() == 3
    lane = [match("a", 1, distance=0.125), match("b", 2, distance=0.25)]
    with scans.db.write() as connection:
        replace_lane(connection, encoder="e", scan="f", lane="others", matches=lane, night=3)
    assert moves(scans) == {"a": (1, 2, 2), "b": (2, 2, 1)}


def reasons(archive: Any) -> dict[str, tuple[str, str]]:
    with archive.db.read() as connection:
        rows = connection.execute(select(Match.prior, Match.entered_why, Match.left_why))
        return {prior: (entered or "", left or "") for prior, entered, left in rows}


def test_each_match_keeps_why_it_entered_and_why_it_left(scans, new_night: Callable[[], int]) -> None:
    why = Why({"a": "scan-new"}, "rank")
    with scans.db.write() as connection:
        replace_lanes(connection, [Lane("e", "f", "others", [match("a"), match("b", 2)], entered=why)], 1)
    assert reasons(scans) == {"a": ("scan-new", ""), "b": ("rank", "")}
    new_night()
    with scans.db.write() as connection:
        replace_lanes(connection, [Lane("e", "f", "others", [], left=Why({"b": "withdrawn"}, "pushed"))], 2)
    assert reasons(scans) == {"a": ("scan-new", "pushed"), "b": ("rank", "withdrawn")}
    put(scans, 2, "b", "a")  # back in the same night: never gone, and as it is now
    assert reasons(scans) == {"a": ("scan-new", ""), "b": ("rank", "")}
    assert {prior: rank for prior, (rank, *_) in moves(scans).items()} == {"b": 1, "a": 2}


def test_lists_of_two_encoders_do_not_mix(scans) -> None:
    with scans.db.write() as connection:
        scans.encoder(connection, "other", purpose="patient")
        for key in "abf":
            scans.embedding(connection, key, "other")
        lanes = [Lane("e", "f", "others", [match("a")]), Lane("other", "f", "others", [match("b")])]
        assert replace_lanes(connection, lanes, 1) == (2, 0)
        assert replace_lanes(connection, lanes[:1], 1) == (0, 0)
        for encoder, prior in (("e", "a"), ("other", "b")):
            assert [row.prior for row in current_matches(connection, encoder)] == [prior]


def test_a_verdict_survives_a_match_that_came_and_went(scans) -> None:
    from db.verdicts import save_verdict

    put(scans, 1, "a")
    with scans.db.write() as connection:
        number = connection.scalar(select(Match.id))
        save_verdict(connection, match=number, verdict="relevant", by="me")
    put(scans, 1)
    with scans.db.read() as connection:
        assert connection.execute(text("SELECT scan, prior FROM verdict WHERE match IS NULL")).all() == [("f", "a")]


def test_many_lists_are_replaced_at_once_and_others_left_alone(scans, new_night: Callable[[], int]) -> None:
    put(scans, 1, "a", scan="b")
    put(scans, 1, "a", scan="c")
    put(scans, 1, "b", scan="c", lane="own")
    lanes = [
        Lane("e", "c", "others", [match("b")]),
        Lane("e", "d", "others", [match("c")]),
        Lane("e", "d", "own", []),
    ]
    with scans.db.write() as connection:
        assert replace_lanes(connection, lanes, new_night_inside(connection)) == (2, 1)
        assert {(row.scan, row.prior, row.lane) for row in current_matches(connection, "e")} == {
            ("b", "a", "others"), ("c", "b", "others"), ("c", "b", "own"), ("d", "c", "others")
        }  # fmt: skip


def new_night_inside(connection: Any) -> int:
    row = dict(connection.execute(select(Night)).mappings().one())
    connection.execute(insert(Night), row | {"id": 2})
    return 2


def test_a_list_cannot_hold_a_prior_twice(scans) -> None:
    with pytest.raises(ValueError, match="twice"):
        put(scans, 1, "a", "a")


def test_numbers_of_matches_are_never_used_again(scans) -> None:
    with scans.db.write() as connection:
        replace_lane(connection, encoder="e", scan="f", lane="own", matches=[match("a")], night=1)
        first = connection.scalar(select(Match.id))
        replace_lane(connection, encoder="e", scan="f", lane="own", matches=[], night=1)
        replace_lane(connection, encoder="e", scan="f", lane="own", matches=[match("a")], night=1)
        assert connection.scalar(select(Match.id)) != first


STEP = st.tuples(st.booleans(), st.sampled_from("ef"), st.sampled_from(LANES), st.sets(st.sampled_from("abcd")))


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(STEP, max_size=12))
def test_any_history_ends_as_a_plain_model_says(scans, new_night, steps) -> None:
    """The model keeps, a lane and prior, the list of stays; nights close what they opened elsewhere."""
    with scans.db.write() as connection:
        connection.execute(delete(Match))
    night = new_night()
    stays: dict[tuple[str, str, str], list[list[int | None]]] = {}
    for is_new_night, scan, lane, priors in steps:
        night = new_night() if is_new_night else night
        put(scans, night, *sorted(priors), scan=scan, lane=lane)
        for prior in "abcd":
            mine = stays.setdefault((scan, lane, prior), [])
            is_open = bool(mine) and mine[-1][1] is None
            if prior in priors and not is_open:
                if mine and mine[-1][1] == night:
                    mine[-1][1] = None
                else:
                    mine.append([night, None])
            elif prior not in priors and is_open:
                if mine[-1][0] == night:
                    mine.pop()
                else:
                    mine[-1][1] = night
    columns = (Match.scan, Match.lane, Match.prior, Match.entered_night, Match.left_night)
    with scans.db.read() as connection:
        found = sorted(map(tuple, connection.execute(select(*columns))), key=str)
    assert found == sorted([(*key, *stay) for key, stays_ in stays.items() for stay in stays_], key=str)


def bare(scan: str = "f", prior: str = "a", **values: Any) -> dict[str, Any]:
    row = match(prior) | {
        "scan": scan,
        "encoder": "e",
        "lane": "others",
        "entered_night": 1,
        "left_night": None,
    }
    return row | values


@pytest.mark.parametrize(
    "row",
    [
        bare(encoder="other"), bare(scan="nobody"), bare(prior="nobody"), bare(prior="f"), bare(rank=0),
        bare(distance=-0.1), bare(rank=None), bare(lane="third"), bare(code="guess"), bare(left_night=1),
        bare(entered_night=9),
    ],
    ids=str,
)  # fmt: skip
def test_a_match_that_cannot_be_is_refused_by_the_database(scans, row: dict[str, Any]) -> None:
    with scans.db.write() as connection:
        scans.encoder(connection, "other", purpose="patient")
        scans.embedding(connection, "f", "other")
    with pytest.raises(IntegrityError), scans.db.write() as connection:
        connection.execute(insert(Match), row)


def test_a_distance_across_encoders_is_impossible(scans) -> None:
    with scans.db.write() as connection:
        scans.encoder(connection, "other", purpose="patient")
        scans.scan(connection, "only-other")
        scans.embedding(connection, "only-other", "other")
        connection.execute(insert(Match), bare(scan="f", prior="a"))
    for encoder in ("e", "other"):  # f has a vector of e alone, only-other of other alone
        with pytest.raises(IntegrityError), scans.db.write() as connection:
            connection.execute(insert(Match), bare(scan="f", prior="only-other", encoder=encoder))


def test_a_pair_is_current_once_but_may_have_left_before(scans, new_night: Callable[[], int]) -> None:
    night = new_night()
    with scans.db.write() as connection:
        connection.execute(insert(Match), bare(left_night=night))
        connection.execute(insert(Match), bare(entered_night=night))
    with pytest.raises(IntegrityError), scans.db.write() as connection:
        connection.execute(insert(Match), bare(entered_night=night))


@pytest.mark.parametrize("vector", [b"", bytes(7), bytes(12)])
def test_a_vector_of_the_wrong_length_is_refused(scans, vector: bytes) -> None:
    row = {"scan": "a", "encoder": "other", "dim": 2, "vector": vector, "device": "cpu", "night": 1}
    with scans.db.write() as connection:
        scans.encoder(connection, "other", purpose="patient")
    with pytest.raises(IntegrityError), scans.db.write() as connection:
        connection.execute(insert(Embedding), row)


def test_lane_outcomes_are_written_only_when_they_differ(scans, new_night: Callable[[], int]) -> None:
    row = {"scan": "a", "encoder": "e", "lane": "own", "code": "no-prior", "gallery_patients": 0,
           "n_matches": 0, "rules": "r", "night": 1, "reach": None}  # fmt: skip
    night = new_night()
    with scans.db.write() as connection:
        assert save_lane_outcomes(connection, [row]) == 1
        assert save_lane_outcomes(connection, [row | {"night": night}]) == 0
        assert connection.scalar(select(LaneOutcome.night)) == 1
        assert save_lane_outcomes(connection, [row | {"night": night, "gallery_patients": 4}]) == 1
        (kept,) = lane_outcomes(connection, "e", "ct/chest/3d")
        assert mapping_of(kept) == row | {"night": night, "gallery_patients": 4, "alarm": ""}
        assert delete_lane_outcomes(connection, "e", ["a", "b"]) == 1
        assert lane_outcomes(connection, "e", "ct/chest/3d") == []


def test_scans_are_marked_matched_and_asked_for_again(scans) -> None:
    with scans.db.write() as connection:
        assert mark_matched(connection, "e", ["a", "b"], 1) == 2
        assert mark_matched(connection, "e", ["a", "b"], 1) == 0
        assert mark_matched(connection, "e", ["a"], None) == 1
        found = connection.execute(select(Embedding.scan).where(Embedding.matched_night == 1)).all()
    assert found == [("b",)]


def test_scans_that_go_to_another_patient_are_asked_for_again_by_every_encoder(scans) -> None:
    with scans.db.write() as connection:
        scans.encoder(connection, "other", purpose="patient")
        for scan in "abc":
            scans.embedding(connection, scan, "other")
        for encoder in ("e", "other"):
            mark_matched(connection, encoder, ["a", "c"], 1)
        assert request_match(connection, ["a", "b"]) == 2  # b was never matched
        found = connection.execute(select(Embedding.scan, Embedding.encoder).where(Embedding.matched_night == 1))
        assert sorted(map(tuple, found)) == [("c", "e"), ("c", "other")]


def test_only_the_outcomes_of_the_encoder_that_lost_its_lists_are_deleted(scans) -> None:
    row = {"scan": "a", "encoder": "e", "lane": "own", "code": "no-prior", "gallery_patients": 0,
           "n_matches": 0, "rules": "r", "night": 1, "reach": None}  # fmt: skip
    with scans.db.write() as connection:
        scans.encoder(connection, "other", purpose="patient")
        scans.embedding(connection, "a", "other")
        save_lane_outcomes(connection, [row, row | {"encoder": "other"}, row | {"scan": "b"}])
        assert delete_lane_outcomes(connection, "e", ["a"]) == 1
        left = connection.execute(select(LaneOutcome.scan, LaneOutcome.encoder))
        assert sorted(map(tuple, left)) == [("a", "other"), ("b", "e")]


def test_scans_are_counted_over_all_the_statements_that_many_of_them_take(scans) -> None:
    many = ["a", *(f"b{number}" for number in range(CHUNK)), "c"]
    row = {"encoder": "e", "lane": "own", "code": "no-prior", "gallery_patients": 0,
           "n_matches": 0, "rules": "r", "night": 1, "reach": None}  # fmt: skip
    with scans.db.write() as connection:
        save_lane_outcomes(connection, [row | {"scan": scan} for scan in "ac"])
        assert mark_matched(connection, "e", many, 1) == 2
        assert request_match(connection, many) == 2
        assert delete_lane_outcomes(connection, "e", many) == 2


def test_only_the_scans_of_the_encoder_that_was_matched_are_marked(scans) -> None:
    with scans.db.write() as connection:
        scans.encoder(connection, "other", purpose="patient")
        scans.embedding(connection, "a", "other")
        assert mark_matched(connection, "e", ["a"], 1) == 1
        found = connection.execute(select(Embedding.scan, Embedding.encoder).where(Embedding.matched_night == 1))
        assert list(map(tuple, found)) == [("a", "e")]
