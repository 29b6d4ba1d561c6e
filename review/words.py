"""How keys, dates and numbers are written for people; every door writes them alike."""

import math
import unicodedata
from datetime import UTC, date, datetime, tzinfo

from scans.outcome import OUTCOMES

ILL_ONES = "The unchanged pairs are of people who were scanned again soon, and these are the ill ones."
RIGHT = {
    "finding": "shares a finding with the scan that asks",
    "patient": "is of the same patient",
}
KEY_SHOWN = 10  # characters; enough for `scantwin similar` to find a scan among millions
OLDEST_SHOWN = 89  # years; above it the age is said as 90+


def short(key: str) -> str:
    """Shorten a key to what is shown; commands find a scan by it."""
    return key[:KEY_SHOWN]


def plain(text: str | None) -> str:
    """Drop control and formatting characters, so that no tag can steer a terminal or reorder a line."""
    return "".join(c for c in text or "" if unicodedata.category(c)[0] != "C").strip()


def code_words(code: str) -> tuple[str, str]:
    """Return what a code means and what to do; a code that this version does not know is said to be so."""
    known = OUTCOMES.get(code)
    return (known.meaning, known.action) if known else ("This version has no words for the code.", "")


def person(sex: str | None, age_years: float | None) -> str:
    """Say sex and age, 90 and above as one."""
    age = "" if age_years is None else ("90+" if age_years > OLDEST_SHOWN else f"{math.floor(age_years)}")
    return " ".join(part for part in (plain(sex), age and f"{age} y") if part)


def moment(at: datetime | None, zone: tzinfo = UTC) -> str:
    """Write a point in time to the minute with its zone's name."""
    return "–" if at is None else at.astimezone(zone).strftime("%Y-%m-%d %H:%M %Z")


def day(on: date | None, precision: str, doubts: str = "") -> str:
    """Write the local date of a scan, or that it has none, and what speaks against it."""
    said = " ".join(code_words(doubt)[0] for doubt in doubts.split(", ") if doubt)
    if on is None or precision == "unknown":
        told = "date unknown"
    else:
        told = f"{on.isoformat()}{'' if precision == 'second' else ' (day only)'}"
    return f"{told}. {said}" if said else told


def gap(later: date | None, earlier: date | None) -> str:
    """Say the time between two dates in the unit a person would use."""
    if later is None or earlier is None:
        return ""
    days = (later - earlier).days
    if days <= 0:
        return "same day"
    if days < 60:
        return f"{days} {'day' if days == 1 else 'days'} earlier"
    if days < 730:
        return f"{days / 30.44:.0f} months earlier"
    return f"{days / 365.25:.1f} years earlier"


def millimetres(*sizes: float | None) -> str:
    """Write sizes as `a × b × c mm`, leaving out what is not known."""
    known = [f"{size:.2f}".rstrip("0").rstrip(".") for size in sizes if size is not None]
    return " × ".join(known) + " mm" if known else ""


def expected(code: str, n_patients: int, value: float | None, fewer_than: float | None) -> str:
    """Say how many unrelated patients would look this near by chance; see docs/decisions/0009."""
    if code == "not-calibrated" or fewer_than is None or n_patients < 1:
        return "not calibrated"
    among = f"among {n_patients:,} {'patient' if n_patients == 1 else 'patients'}"
    if code == "fewer-than" or value is None:
        return f"{among} fewer than {_at_most(fewer_than)} unrelated ones would look this near"
    return f"{among} about {_about(value)} unrelated {'one' if _about(value) == '1' else 'ones'} would look this near"


def _about(value: float) -> str:
    return f"{value:,.0f}" if value >= 0.95 else f"{value:.1g}"


def _at_most(bound: float) -> str:
    """Round a bound up: never to less than it is."""
    if bound >= 1:
        return f"{math.ceil(bound):,}"
    step = 10.0 ** math.floor(math.log10(bound)) if bound > 0 else 1.0
    return f"{math.ceil(bound / step - 1e-9) * step:.1g}"


def changed(code: str, percentile: float | None, n_references: int | None, scanner: str) -> str:
    """Say how far a scan is from an own prior, measured against unchanged pairs of other people; "" where not asked."""
    if not code:
        return ""
    if code != "change" or percentile is None:
        return "no reference"
    which = "the same sort of scanner" if scanner == "same-scanner" else "two sorts of scanner"
    return f"farther than {percentile:.0f} % of {n_references:,} unchanged pairs from {which}"


def share_right(task: str, share: float, low: float, high: float, n_queries: int) -> str:
    """Say how often the first answer is right, with its interval."""
    often = f"in {percent(share)} of {n_queries:,} searches ({percent(low)} to {percent(high)})"
    return f"{often} the first answer {RIGHT[task]}"


def percent(share: float) -> str:
    """Write a share as whole per cent, or with a digit where rounding would say none or all."""
    whole = round(100 * share)
    return f"{100 * share:.1f} %" if whole in (0, 100) and share not in (0.0, 1.0) else f"{whole} %"


def plain_way(baseline: str) -> str:
    """Name a baseline in a sentence."""
    names = {
        "chance": "guessing",
        "untrained": "the same network untrained",
        "demographics": "going by age and sex",
        "metadata": "going by metadata",
        "histogram": "a grey-value histogram",
        "thumbnail": "a thumbnail",
    }
    return names[baseline]
