import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.site.keys import Keys, read_keys, write_secret
from flows.site.settings import ConfigError

KEYS = Keys(b"x" * 32)


def test_a_key_depends_on_the_secret():
    assert KEYS.key("scan", "1") != Keys(b"y" * 32).key("scan", "1")


def test_a_secret_makes_the_keys_that_it_always_made():
    """Computed by hmac alone; other keys would make strangers of everybody whom a database knows."""
    assert KEYS.patient("1", "north", "1.2") == "7ed669a5c1cbba5e649b0b72"
    assert KEYS.patient("", "", "1.2") == "67bfe7f9ca8cf29da6cc132d"
    assert KEYS.tombstones("1", "north", "1.2") == ["3da60cd4153335225e58df5a", "809ca35e129506d497756df1"]
    assert (KEYS.split_number("p"), KEYS.shift_days("p")) == (0.865660428750239, -327)
    assert KEYS.key_id == "93faccf66b26"


def test_a_tombstone_stands_under_every_secret_and_for_what_is_known_alone():
    former = Keys(b"y" * 32)
    both = Keys(KEYS.secret, (former.secret,))
    assert both.tombstones("1", "north", "1.2") == [*KEYS.tombstones("1", "north", "1.2"),
                                                    *former.tombstones("1", "north", "1.2")]  # fmt: skip
    assert KEYS.tombstones("1", "north", "") == KEYS.tombstones("1", "north", "1.2")[:1]
    assert KEYS.tombstones("", "", "1.2") == KEYS.tombstones("1", "north", "1.2")[1:]


def test_one_person_s_part_of_a_shared_study_has_a_tombstone_under_every_secret():
    """Computed by hmac alone, as above: whoever was forgotten stays so under a new secret."""
    former = Keys(b"y" * 32)
    both = Keys(KEYS.secret, (former.secret,))
    assert KEYS.tombstones_in_study("1.2", "1", "north") == ["9da69a70b7a24e8e65f32096"]
    assert both.tombstones_in_study("1.2", "1", "north") == [
        *KEYS.tombstones_in_study("1.2", "1", "north"), *former.tombstones_in_study("1.2", "1", "north")
    ]  # fmt: skip
    assert KEYS.tombstones_in_study("1.2", "1", "south") != KEYS.tombstones_in_study("1.2", "1", "north")
    assert KEYS.tombstones_in_study("1.3", "1", "north") != KEYS.tombstones_in_study("1.2", "1", "north")


def test_two_numbers_of_one_issuer_are_two_patients():
    assert KEYS.patient("1", "north", "s") != KEYS.patient("2", "north", "s")


def test_the_same_number_of_two_issuers_is_two_patients():
    assert KEYS.patient("1", "north", "s") != KEYS.patient("1", "south", "s")


def test_parts_do_not_run_into_each_other():
    assert KEYS.key("file", "ab", "c") != KEYS.key("file", "a", "bc")


def test_without_a_patient_id_each_study_is_a_patient_of_its_own():
    assert KEYS.patient("", "", "1.2.3") != KEYS.patient("", "", "1.2.4")


def test_half_a_character_has_a_key_too():
    assert KEYS.key("patient", "\udcff") != KEYS.key("patient", "\udcfe")  # what a damaged character set leaves


@given(st.text())
def test_any_text_has_a_key_and_it_shows_nothing_of_the_text(text):
    key = KEYS.key("patient", text)
    assert len(key) == 24
    assert set(key) <= set("0123456789abcdef")


@given(st.text())
def test_split_numbers_lie_in_the_unit_interval_and_shifts_are_never_zero(patient):
    assert 0 <= KEYS.split_number(patient) < 1
    assert KEYS.shift_days(patient) != 0
    assert abs(KEYS.shift_days(patient)) <= 350


def test_every_shift_of_up_to_350_days_occurs_but_none_of_zero():
    shifts = {KEYS.shift_days(str(n)) for n in range(20_000)}
    assert shifts == set(range(-350, 351)) - {0}


def test_split_numbers_fill_the_interval_evenly():
    numbers = [KEYS.split_number(str(n)) for n in range(2000)]
    assert 0.56 < sum(n < 0.6 for n in numbers) / 2000 < 0.64


def test_a_secret_is_written_for_its_owner_alone_and_never_overwritten(tmp_path):
    path = tmp_path / "site.secret"
    write_secret(path)
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write_secret(path)
    assert read_keys(path).key_id == read_keys(path).key_id


def test_a_secret_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "site.secret"
    write_secret(path)
    os.chmod(path, 0o644)
    with pytest.raises(ConfigError, match="chmod 600"):
        read_keys(path)


def test_a_missing_or_short_secret_is_refused(tmp_path):
    with pytest.raises(ConfigError, match="no secret"):
        read_keys(tmp_path / "none")
    for text, n in (("abc", 3), (" ", 0), ("x" * 31, 31), ("x" * 32 + "\n" + "y" * 31, 31)):
        write_secret(tmp_path / f"short{n}{len(text)}", text)
        with pytest.raises(ConfigError, match=f" {n} characters"):
            read_keys(tmp_path / f"short{n}{len(text)}")


def test_a_secret_that_cannot_be_read_is_named_with_the_reason_and_what_to_do(tmp_path):
    with pytest.raises(ConfigError) as caught:
        read_keys(tmp_path)
    assert str(caught.value) == (
        f"cannot read the secret at {tmp_path}: Is a directory; put the file there from your copy, or correct "
        "[site] secret_file"
    )


def test_a_secret_that_is_no_text_is_refused_without_being_shown(tmp_path):
    path = tmp_path / "site.secret"
    path.write_bytes("ü".encode() * 32)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match="is not text; restore your copy") as caught:
        read_keys(path)
    assert "ü" not in str(caught.value)


def test_the_first_line_makes_the_keys_and_those_below_are_former_secrets(tmp_path):
    path = tmp_path / "site.secret"
    write_secret(path, "\n".join(letter * 32 for letter in "xyz"))
    keys = read_keys(path)
    assert (keys.key_id, keys.former) == (KEYS.key_id, (b"y" * 32, b"z" * 32))


def test_a_new_secret_has_as_many_random_digits_as_its_strength_asks_for(tmp_path):
    for name in "ab":
        write_secret(tmp_path / name)
    first, second = ((tmp_path / name).read_text().strip() for name in "ab")
    assert first != second and len(first) == len(second) == 64


def test_the_secret_is_not_shown():
    assert "xxx" not in repr(KEYS)
