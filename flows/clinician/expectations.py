"""Expected by chance, as the public JSON says it: stored shares times the patients that could have been listed."""

import json
from typing import cast

from db.calibrations import CalibrationRow
from db.lists import ListedMatch
from flows.answers.lanes import Change, Expectation
from flows.records.curve import curve_of
from review.words import changed, expected
from siamese.calibration import change
from siamese.calibration.chance import Code, Share, share_within


def expectation(share: Share, n_patients: int) -> Expectation:
    """Return how many of N patients a share is, with its sentence."""
    among = share.among(n_patients)
    code, value = (among.code, among.value) if n_patients > 0 else ("not-calibrated", None)
    text = expected(code, n_patients, value, among.fewer_than)
    return Expectation(code, among.n_patients, value, among.fewer_than, among.low, among.high, text)


def stored_expectation(match: ListedMatch, n_patients: int) -> Expectation:
    """Return the same from a row of match."""
    columns = (match.chance_share, match.chance_below, match.chance_low, match.chance_high)
    return expectation(Share(cast(Code, match.chance_code), *columns), n_patients)


def new_expectation(calibration: CalibrationRow | None, distance: float, n_patients: int) -> Expectation:
    """Return the same for a distance that stands in no list."""
    return expectation(share_within(curve_of(calibration), distance), n_patients)


def stored_change(match: ListedMatch) -> Change | None:
    """Return how far a listed scan is from an own prior, with its sentence; None for other patients."""
    if not match.change_code:
        return None
    columns = (match.change_code, match.change_percentile, match.change_references, match.change_scanner)
    return Change(*columns, changed(*columns))


def new_change(calibration: CalibrationRow | None, distance: float, *, same: bool | None) -> Change:
    """Return the same for a distance to an own prior that stands in no list."""
    known = json.loads(calibration.unchanged) if calibration is not None and calibration.unchanged else {}
    found = change.change(distance, known, same_scanner=same)
    columns = (found.code, found.percentile, found.n_references, found.scanner)
    return Change(*columns, changed(*columns))
