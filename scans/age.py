"""How old somebody was, as written or from two dates."""

import re

from scans.stamp import read_day

DAYS_A_YEAR = 365.2425
OLDEST_YEARS = 130.0  # nobody has been older; a greater number is of a wrong date
AGE_UNITS = {"D": 1 / DAYS_A_YEAR, "W": 7 / DAYS_A_YEAR, "M": 1 / 12, "Y": 1.0}  # PS3.5 6.2, VR AS


def age_years(age: str, *, birth_date: str, study_date: str) -> float | None:
    """Return PatientAge in years, else the time from birth to study, else None."""
    if match := re.fullmatch(r"(\d{1,3})([DWMY])", age.strip().upper()):
        return round(int(match[1]) * AGE_UNITS[match[2]], 2)
    born, studied = read_day(birth_date), read_day(study_date)
    if born is None or studied is None or born > studied:
        return None
    years = round((studied - born).days / DAYS_A_YEAR, 2)
    return years if years <= OLDEST_YEARS else None
