from datetime import UTC, datetime, timedelta

import pytest

from flows.clock import due_tick
from flows.settings import FlowsSettings


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


NIGHTLY = FlowsSettings(cron="0 2 * * *", time_zone="UTC")


def test_before_the_first_night_the_last_tick_is_due():
    assert due_tick(NIGHTLY, at("2026-03-05 12:00"), None) == at("2026-03-05 02:00")


def test_a_tick_is_answered_by_a_night_begun_since():
    assert due_tick(NIGHTLY, at("2026-03-05 12:00"), at("2026-03-05 02:00:01")) is None


def test_a_night_begun_before_the_tick_does_not_answer_it():
    assert due_tick(NIGHTLY, at("2026-03-05 02:00:30"), at("2026-03-05 01:59:59")) == at("2026-03-05 02:00")


def test_many_ticks_slept_through_make_one_night():
    last = at("2026-03-01 02:00:10")
    tick = due_tick(NIGHTLY, at("2026-03-05 12:00"), last)
    assert tick == at("2026-03-05 02:00")
    assert due_tick(NIGHTLY, at("2026-03-05 12:01"), at("2026-03-05 12:00:30")) is None


def test_the_cron_line_is_read_in_its_own_zone():
    berlin = FlowsSettings(cron="0 2 * * *", time_zone="Europe/Berlin")
    assert due_tick(berlin, at("2026-01-10 12:00"), None) == at("2026-01-10 01:00")
    assert due_tick(berlin, at("2026-07-10 12:00"), None) == at("2026-07-10 00:00")


@pytest.mark.parametrize("day", ["2026-03-29", "2026-10-25"])
def test_a_night_of_clock_change_is_neither_lost_nor_doubled(day):
    berlin = FlowsSettings(cron="30 2 * * *", time_zone="Europe/Berlin")
    now, last, nights = at(f"{day} 00:00") - timedelta(hours=12), at(f"{day} 00:00") - timedelta(hours=12), 0
    while now < at(f"{day} 23:00"):
        if due_tick(berlin, now, last) is not None:
            nights, last = nights + 1, now
        now += timedelta(minutes=5)
    assert nights == 1
