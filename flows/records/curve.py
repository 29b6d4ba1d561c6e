"""The curve of a row of calibration: which share of unrelated patients lies within each distance."""

import json

from db.calibrations import CalibrationRow
from siamese.calibration.chance import Calibration


def curve_of(row: CalibrationRow | None) -> Calibration | None:
    """Return the curve of a row of calibration, None where there is none."""
    if row is None or not row.curve:
        return None
    return Calibration(**json.loads(row.curve))
