import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from flows.keys import Keys, read_keys, write_secret
from flows.settings import ConfigError

KEYS = Keys(b"x" * 32)


def test_a_key_depends_on_the_secret():
    assert KEYS.key("scan", "1") != Keys(b"y" * 32).key("scan", "1")


def test_the_same_number_of_two_issuers_is_two_patients():
    assert KEYS.patient("1", "north", "s") != KEYS.patient("1", "south", "s")


def test_parts_do_not_run_into_each_other():
    assert KEYS.key("file", "ab", "c") != KEYS.key("file", "a", "bc")


def test_without_a_patient_id_each_study_is_a_patient_of_its_own():
    assert KEYS.patient("", "", "1.2.3") != KEYS.patient("", "", "1.2.4")


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
    write_secret(tmp_path / "short", "abc")
    with pytest.raises(ConfigError, match="3 characters"):
        read_keys(tmp_path / "short")


def test_the_secret_is_not_shown():
    assert "xxx" not in repr(KEYS)
