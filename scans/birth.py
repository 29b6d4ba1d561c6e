"""Birth dates that are somebody's, and those that stand where none was known; ages made of them."""

import re
from datetime import date

from scans.age import age_years

WRITTEN = re.compile(r"(\d{4})(\d\d)(\d\d)|(\d{4})\.(\d\d)\.(\d\d)")  # PS3.5 6.2, DA; with dots before 1993
STAND_INS = frozenset({date(1899, 12, 30), date(1899, 12, 31), date(1900, 1, 1)})  # what programs write for "none"
OLDEST_YEARS = 123  # nobody was ever older; "999Y" stands for an unknown age
EARLIEST, LATEST = date(1850, 1, 1), date(2100, 1, 1)  # 0001-01-01, 1111-11-11, 1800-01-01, 9999-12-31 lie outside


def known_birth_date(text: str) -> str:
    """Return a birth date as YYYYMMDD, "" where it is absent, no date, or one that stands for an unknown one.

    1970-01-01 is somebody's birthday, although a program may write it for an unknown one: it counts.
    """
    found = WRITTEN.fullmatch(text.strip())
    if found is None:
        return ""
    year, month, day = (int(part) for part in found.groups() if part)
    try:
        born = date(year, month, day)
    except ValueError:
        return ""
    return f"{born:%Y%m%d}" if EARLIEST <= born < LATEST and born not in STAND_INS else ""


def known_age_years(age: str, *, birth_date: str, study_date: str) -> float | None:
    """Return the age in years, from PatientAge or dates; None where it stands for an unknown one.

    Args:
        age: PatientAge (0010,1010), which scanners work out from the birth date that they were given.
        birth_date: PatientBirthDate (0010,0030) as written.
        study_date: StudyDate (0008,0020).
    """
    known = known_birth_date(birth_date)
    found = age_years(age, birth_date=known, study_date=study_date)
    made_up = None if known else age_years("", birth_date=birth_date.replace(".", ""), study_date=study_date)
    if found is not None and found > OLDEST_YEARS:
        return None
    is_made_up = found is not None and made_up is not None and abs(found - made_up) <= 1
    return None if is_made_up else found
