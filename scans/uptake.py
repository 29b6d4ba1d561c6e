"""What the values of a PET are: standardised uptake values where the header proves them, else relative ones.

SUV by body weight is the activity in a millilitre times the patient's weight over the dose that was left when the
scan began. Weight, dose and times stay in the file: a header keeps the one factor that they give, or why they give
none. Source: PS3.3 C.8.9.1 and C.8.9.2; the vendor-neutral calculation of QIBA's profile of FDG-PET/CT, annex G.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, tzinfo
from typing import Any, Literal

from scans.sopclass import family_of
from scans.stamp import read_offset, read_stamp, split_datetime
from scans.tags import Field, Reader

DRUGS, DRUG_CODE, DRUG = 0x00540016, 0x00540304, 0x00180031  # of the items: code and name of the radiopharmaceutical
CORRECTED, DECAY, SUV_TYPE = 0x00280051, 0x00541102, 0x00541006
ATTENUATION = 0x00189759  # AttenuationCorrected, of enhanced objects
WEIGHT, SERIES_TIME = 0x00101030, 0x00080031
DOSE, HALF_LIFE, INJECTED, INJECTED_AT = 0x00181074, 0x00181075, 0x00181072, 0x00181078
PHILIPS, SUV_FACTOR, ACTIVITY_FACTOR = 0x70530010, 0x70531000, 0x70531009
UPTAKE_TAGS = (
    DRUGS, CORRECTED, ATTENUATION, DECAY, SUV_TYPE, WEIGHT, SERIES_TIME, PHILIPS, SUV_FACTOR, ACTIVITY_FACTOR,
)  # fmt: skip
RELATIVE_UNITS = frozenset({"CNTS", "NONE", "CPS", "PROPCNTS", "PROPCPS", "CM2ML"})  # signal, or an SUV of other kind
WEIGHT_KG = (0.2, 700.0)
DOSE_BQ = (1e5, 1e11)  # below stands one in MBq, whatever the standard asks for
HALF_LIFE_S = (10.0, 1e6)  # rubidium-82 has 76 s, zirconium-89 282,000 s
MOST_HALF_LIVES = 10.0  # after which a thousandth is left: a date was shifted, or the clock is wrong

What = Literal["", "suv", "nac", "relative"]


@dataclass(frozen=True, slots=True)
class Uptake:
    """Fields of a header that tell what a PET's or SPECT's values are."""

    drug: str = ""  # what was injected, in capitals
    uptake: What = ""  # nac: not corrected for attenuation
    suv_per_unit: float | None = None  # of rescaled values; None: they are not SUV
    uptake_why: str = ""  # why they are not


class _NotProven(Exception):
    """The header does not prove SUV; the text says what is missing, without any value of the patient."""


def read_uptake(reader: Reader, values: Mapping[str, Any]) -> Uptake:
    """Return what was injected, and the factor to SUV or why there is none.

    Args:
        reader: Of the whole object.
        values: Fields of the header by name, as far as they were read.
    """
    family = family_of(values["sop_class_uid"])
    if family not in ("pt", "nm"):
        return Uptake()
    drug = _drug(reader)
    if family == "nm":
        return Uptake(drug, "relative", None, "counts")
    corrected = _codes(reader, CORRECTED)
    if (corrected and "ATTN" not in corrected) or reader.first(ATTENUATION) == "NO":
        return Uptake(drug, "nac", None, "not corrected for attenuation")
    try:
        return Uptake(drug, "suv", float(f"{_suv_per_unit(reader, values):.9g}"))  # the same on every machine
    except _NotProven as reason:
        return Uptake(drug, "relative", None, str(reason))


def _drug(reader: Reader) -> str:
    items = [Reader(item) for item in reader.items(DRUGS)]
    told = [item.meaning(DRUG_CODE) or item.text(item.raw(DRUG)).upper() for item in items]
    return ", ".join(sorted({text for text in told if text}))


def _suv_per_unit(reader: Reader, values: Mapping[str, Any]) -> float:
    units = values["pet_units"]
    if values["rescale_slope"] is None and not values["has_modality_lut"]:
        raise _NotProven("RescaleSlope is absent")
    if units == "GML":
        if reader.first(SUV_TYPE) not in ("", "BW"):
            raise _NotProven("SUVType is not BW")
        return 1.0
    if not _codes(reader, CORRECTED) >= {"ATTN", "DECY"}:
        raise _NotProven("CorrectedImage does not tell both ATTN and DECY")
    if units == "BQML":
        return _suv_per_activity(reader, values)
    if units == "CNTS":
        if (factor := _philips(reader, SUV_FACTOR)) is not None:
            return factor
        if (factor := _philips(reader, ACTIVITY_FACTOR)) is not None:
            return factor * _suv_per_activity(reader, values)
    raise _NotProven(f"Units {units}" if units in RELATIVE_UNITS else "Units is absent or none that gives SUV")


def _philips(reader: Reader, number: int) -> float | None:
    """Return a factor of Philips counts; 0 is how it says that it knows none."""
    if not reader.first(PHILIPS).startswith("PHILIPS PET"):
        return None
    factor = _number(reader, number)
    return factor if factor is not None and factor > 0 else None


def _suv_per_activity(reader: Reader, values: Mapping[str, Any]) -> float:
    """Return what Bq/ml are multiplied by: grams of the patient over the Bq that were left."""
    weight_kg = _within(reader, WEIGHT, "PatientWeight", WEIGHT_KG)
    items = [Reader(item) for item in reader.items(DRUGS)]
    if len(items) != 1:
        raise _NotProven(f"{len(items)} items in RadiopharmaceuticalInformationSequence")
    dose_bq = _within(items[0], DOSE, "RadionuclideTotalDose", DOSE_BQ)
    corrected_to = reader.first(DECAY)
    if corrected_to == "ADMIN":
        return weight_kg * 1000 / dose_bq
    if corrected_to != "START":
        raise _NotProven("DecayCorrection is neither START nor ADMIN")
    half_life_s = _within(items[0], HALF_LIFE, "RadionuclideHalfLife", HALF_LIFE_S)
    elapsed_s = _elapsed_s(reader, items[0], values)
    if elapsed_s > MOST_HALF_LIVES * half_life_s:
        raise _NotProven(f"more than {MOST_HALF_LIVES:g} half lives between injection and scan")
    return float(weight_kg * 1000 / (dose_bq * 2 ** (-elapsed_s / half_life_s)))


def _elapsed_s(reader: Reader, drug: Reader, values: Mapping[str, Any]) -> float:
    """Return seconds from the injection to the time that decay is corrected to, which is when the series began.

    A series time that lies after the acquisition is that of a later processing, and tells nothing of decay.
    """
    offset = read_offset(values["timezone_offset"])
    zone: tzinfo = offset or UTC  # any would do: only the difference counts
    day, time = values["series_date"], reader.first(SERIES_TIME)
    began = _moment(day, time, zone, "SeriesDate or SeriesTime")
    acquired = split_datetime(values["acquisition_datetime"])
    if not acquired[1]:
        acquired = values["acquisition_date"], values["acquisition_time"]
    if began > _moment(*acquired, zone, "AcquisitionDate or AcquisitionTime"):
        raise _NotProven("the series begins after the acquisition")
    injected_day, injected_time = split_datetime(drug.first(INJECTED_AT))
    if injected_time:
        if offset is None and injected_time[-5:-4] in ("+", "-"):
            raise _NotProven("only the injection tells an offset from UTC")
    else:
        injected_day, injected_time = day, drug.first(INJECTED)
    elapsed_s = (began - _moment(injected_day, injected_time, zone, "time of injection")).total_seconds()
    if elapsed_s < 0:
        raise _NotProven("the injection is after the scan")
    return elapsed_s


def _moment(day: str, time: str, zone: tzinfo, name: str) -> datetime:
    stamp = read_stamp(day, time, zone)
    if stamp is None or stamp.precision != "second":
        raise _NotProven(f"{name} is absent or cannot be read")
    return stamp.from_utc


def _within(reader: Reader, number: int, name: str, limits: tuple[float, float]) -> float:
    value = _number(reader, number)
    if value is None:
        raise _NotProven(f"{name} is absent or cannot be read")
    if not limits[0] <= value <= limits[1]:
        raise _NotProven(f"{name} is impossible")
    return value


def _number(reader: Reader, number: int) -> float | None:
    value: float | None = reader.value(Field("", number, "number", 0))
    return value


def _codes(reader: Reader, number: int) -> frozenset[str]:
    return frozenset(reader.value(Field("", number, "codes", 0))) - {""}
