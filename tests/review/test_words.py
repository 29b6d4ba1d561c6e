from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest

from review.words import day, expected, gap, millimetres, moment, person, plain


@pytest.mark.parametrize(("earlier", "said"), [
    (date(2026, 11, 22), "same day"), (date(2026, 11, 21), "1 day earlier"), (date(2026, 10, 1), "52 days earlier"),
    (date(2025, 11, 22), "12 months earlier"), (date(2020, 11, 22), "6.0 years earlier"), (None, ""),
])  # fmt: skip
def test_a_gap_is_said_in_the_unit_a_person_would_use(earlier, said):
    assert gap(date(2026, 11, 22), earlier) == said


@pytest.mark.parametrize(("age", "said"), [(62.9, "F 62 y"), (89.0, "F 89 y"), (89.1, "F 90+ y"), (None, "F")])
def test_an_age_is_whole_years_and_ends_at_ninety(age, said):
    assert person("F", age) == said


def test_a_moment_names_its_zone():
    at = datetime(2026, 11, 22, 1, 30, tzinfo=UTC)
    assert (moment(at), moment(at, ZoneInfo("Europe/Berlin"))) == ("2026-11-22 01:30 UTC", "2026-11-22 02:30 CET")


def test_a_day_says_how_well_it_is_known():
    on = date(2026, 1, 2)
    assert [day(on, "second"), day(on, "day"), day(None, "unknown")] == [
        "2026-01-02", "2026-01-02 (day only)", "date unknown",
    ]  # fmt: skip


def test_control_characters_are_dropped():
    assert plain("a\x1b[31m\u202eb\x00\n") == "a[31mb" and plain(None) == ""


def test_unknown_sizes_are_left_out():
    assert millimetres(0.7, None, 2.50) == "0.7 × 2.5 mm" and millimetres(None) == ""


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (("estimate", 4120, 3.2, 5.0), "among 4,120 patients about 3 unrelated ones would look this near"),
        (("estimate", 100, 0.96, 2.0), "among 100 patients about 1 unrelated one would look this near"),
        (("estimate", 100, 0.3, 2.0), "among 100 patients about 0.3 unrelated ones would look this near"),
        (("fewer-than", 4120, None, 1.2), "among 4,120 patients fewer than 2 unrelated ones would look this near"),
        (("fewer-than", 9, None, 0.31), "among 9 patients fewer than 0.4 unrelated ones would look this near"),
        (("not-calibrated", 9, None, None), "not calibrated"),
    ],
)
def test_what_chance_gives_is_a_sentence_and_a_bound_is_rounded_up(found, words):
    assert expected(*found) == words
