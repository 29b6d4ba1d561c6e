from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from flows.night.schedule import due_tick, moment_of
from flows.site.settings import FlowsSettings


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


CHANGES = [  # zone, a day before a change of its clocks, what is changed
    ("Europe/Berlin", "2026-10-24 12:00"), ("Europe/Berlin", "2026-03-28 12:00"),
    ("America/New_York", "2026-11-01 00:00"), ("America/New_York", "2026-03-08 00:00"),
    ("Australia/Lord_Howe", "2026-04-04 06:00"), ("Australia/Lord_Howe", "2026-10-03 06:00"),  # by half an hour
    ("America/Havana", "2026-11-01 00:00"), ("America/Santiago", "2026-09-05 12:00"),  # at midnight
    ("Pacific/Apia", "2011-12-29 12:00"),  # a whole day was left out
    ("Asia/Kolkata", "2026-10-24 12:00"), ("UTC", "2026-10-24 12:00"),
]  # fmt: skip
LINES = ["30 2 * * *", "0 */2 * * *", "*/30 2 * * *", "*/30 * * * *", "0 * * * *", "15 0,1,2,3 * * *", "*/20 0-3 * * 0"]


def shown(zone, begin, end):
    """Every minute that the wall clock showed, once, and every minute that it left out."""
    wall, last = begin.astimezone(zone).replace(tzinfo=None), end.astimezone(zone).replace(tzinfo=None)
    while wall <= last:
        yield wall
        wall += timedelta(minutes=1)


def answered(flows, begin, end, minutes=5):
    """The wall clock of each night that somebody who looks every five minutes begins."""
    now, last, ticks = begin, begin, []
    while now <= end:
        if (tick := due_tick(flows, now, last)) is not None:
            ticks.append(tick)
            last = now
        now += timedelta(minutes=minutes)
    return ticks


def matches(line, wall):
    """Say whether a cron line of the few forms above names a minute; written apart from the clock's own reader."""

    def names(field, value):
        for part in field.split(","):
            span, _, step = part.partition("/")
            low, _, high = span.partition("-")
            first, last = (0, 59) if span == "*" else (int(low), int(high or low))
            if first <= value <= last and (value - first) % int(step or 1) == 0:
                return True
        return False

    minute, hour, _, _, weekday = line.split()
    return names(minute, wall.minute) and names(hour, wall.hour) and (weekday == "*" or wall.isoweekday() % 7 == 0)


@pytest.mark.parametrize("line", LINES)
@pytest.mark.parametrize(("name", "begin"), CHANGES)
def test_every_time_of_the_wall_clock_is_run_once_when_the_clocks_change(name, begin, line):
    zone, start = ZoneInfo(name), at(begin)
    end = start + timedelta(hours=48)
    wanted = {moment_of(wall, zone) for wall in shown(zone, start, end) if matches(line, wall)}
    ticks = answered(FlowsSettings(cron=line, time_zone=name), start, end)
    assert ticks == sorted(moment for moment in wanted if start < moment <= end)
    walls = [tick.astimezone(zone).replace(tzinfo=None) for tick in ticks]
    assert len(set(walls)) == len(walls)


def test_a_time_that_comes_twice_is_run_when_it_comes_first_and_a_skipped_one_after_the_change():
    berlin = ZoneInfo("Europe/Berlin")
    assert moment_of(datetime(2026, 10, 25, 2, 30), berlin) == at("2026-10-25 00:30")
    assert moment_of(datetime(2026, 10, 25, 3, 0), berlin) == at("2026-10-25 02:00")
    assert moment_of(datetime(2026, 3, 29, 2, 0), berlin) == at("2026-03-29 01:00")
    assert moment_of(datetime(2026, 3, 29, 2, 59), berlin) == at("2026-03-29 01:00")
    assert moment_of(datetime(2011, 12, 30, 13, 0), ZoneInfo("Pacific/Apia")) == at("2011-12-30 10:00")
