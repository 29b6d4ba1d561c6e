"""Expected by chance, as the public JSON says it: stored shares times the patients that could have been listed."""

from dataclasses import asdict
from typing import Any, cast

from db.calibrations import CalibrationRow
from db.lists import ListedMatch
from flows.stages.match.calibrate import change_of, curve_of
from review.words import changed, expected
from siamese.calibration.chance import Code, Share, share_within


def expectation(share: Share, n_patients: int) -> dict[str, Any]:
    """Return value, code, fewer_than, low, high, n_patients and the sentence of a share among N patients."""
    among = share.among(n_patients)
    told = asdict(among) if n_patients > 0 else {**asdict(among), "code": "not-calibrated", "value": None}
    return told | {"text": expected(told["code"], n_patients, told["value"], told["fewer_than"])}


def stored_expectation(match: ListedMatch, n_patients: int) -> dict[str, Any]:
    """Return the same from a row of match."""
    columns = (match.chance_share, match["chance_below"], match["chance_low"], match["chance_high"])
    return expectation(Share(cast(Code, str(match.chance_code)), *columns), n_patients)


def new_expectation(calibration: CalibrationRow | None, distance: float, n_patients: int) -> dict[str, Any]:
    """Return the same for a distance that stands in no list."""
    return expectation(share_within(curve_of(calibration), distance), n_patients)


def stored_change(match: ListedMatch) -> dict[str, Any] | None:
    """Return code, percentile, n_references, scanner and the sentence of a row of match; None for other patients."""
    if not match.change_code:
        return None
    columns = (match.change_code, match["change_percentile"], match["change_references"], match["change_scanner"])
    names = ("code", "percentile", "n_references", "scanner")
    return dict(zip(names, columns, strict=True)) | {"text": changed(*columns)}


def new_change(calibration: CalibrationRow | None, distance: float, *, same: bool | None) -> dict[str, Any] | None:
    """Return the same for a distance to an own prior that stands in no list."""
    return stored_change(change_of(calibration, distance, same=same))
