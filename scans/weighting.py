"""What weights an MR image, by the physics of its acquisition: times, flip angle, and how it was excited.

Thresholds of spin echoes: Westbrook and Talbot, MRI in Practice, 5th edition, chapter 2; inversion times that null fat
and fluid between 0.5 and 7 T: chapter 5. A spoiled gradient echo is weighted by T1 where its flip angle lies well above
the Ernst angle, arccos(exp(-TR / T1)), of tissue with a T1 of one second (Ernst and Anderson 1966). Between the
thresholds nothing is said.
"""

import math
import re

from scans.contrast import contrast_of
from scans.header import Header

Told = tuple[str, str]
NOTHING: Told = ("", "")
SHORT_TR_MS, SHORT_TE_MS, LONG_TR_MS, LONG_TE_MS = 900.0, 30.0, 1800.0, 70.0  # spin echo, up to 3 T
FLAIR_TI_MS, STIR_TI_MS = (1500.0, 3200.0), (80.0, 260.0)  # null fluid, null fat
T1_TI_MS = (450.0, 1300.0)  # grey and white matter at their most different; below lies late enhancement of the heart
TISSUE_T1_MS = 1000.0  # white and grey matter between 1.5 and 3 T: 600 to 1400
ABOVE_ERNST, BELOW_ERNST = 1.3, 0.7  # of the Ernst angle: surely weighted by T1, surely not
GRADIENT_SHORT_TE_MS, GRADIENT_LONG_TE_MS = 10.0, 15.0
INFLOW_TR_MS = (12.0, 60.0)  # of time of flight: bright vessels, weighted by T1 else
FEWEST_TR_MS, MOST_FAST_DEG = 6.0, 18.0  # below it a large angle is that of an angiogram with an agent
PLANAR_TE_MS = (15.0, 65.0)  # of gradient echo planar images, weighted by T2*: 1.5 to 7 T
FREE_INDUCTION = re.compile(r"\*?epfid")  # Siemens; its ScanningSequence says EP alone, of spin echoes as well
TWO_D_TR_MS = 150.0  # of a gradient echo slice by slice: susceptibility images in 3-D have less


def weighting_of(header: Header) -> Told:
    """Return the sequence family and the tags that told it, twice "" if they tell none."""
    repetition, echo = header.repetition_time_ms, header.echo_time_ms
    if echo is None or repetition is None:
        return NOTHING
    if "EP" in header.scanning_sequence:
        return _by_planar_echo(header, echo)
    if "IR" in header.scanning_sequence and header.inversion_time_ms:
        return _by_inversion(header.scanning_sequence, echo, header.inversion_time_ms)
    if "SE" in header.scanning_sequence:
        return _by_spin_echo(repetition, echo)
    if "GR" in header.scanning_sequence:
        return _by_gradient_echo(header, repetition, echo)
    return NOTHING


def ernst_deg(repetition_ms: float) -> float:
    """Return the Ernst angle of tissue."""
    return math.degrees(math.acos(math.exp(-repetition_ms / TISSUE_T1_MS)))


def _by_inversion(sequence: tuple[str, ...], echo: float, inversion: float) -> Told:
    is_fluid_null = FLAIR_TI_MS[0] <= inversion <= FLAIR_TI_MS[1]
    if echo >= LONG_TE_MS:
        return ("flair", "InversionTime") if is_fluid_null else NOTHING
    if STIR_TI_MS[0] <= inversion <= STIR_TI_MS[1]:
        return "stir", "InversionTime"
    longest = GRADIENT_SHORT_TE_MS if "GR" in sequence else SHORT_TE_MS
    if T1_TI_MS[0] <= inversion <= T1_TI_MS[1] and echo <= longest:
        return "t1", "InversionTime and EchoTime"
    return NOTHING


def _by_planar_echo(header: Header, echo: float) -> Told:
    """Gradient echo planar images show oxygen in blood, or an agent's first pass: with one nothing is said."""
    is_gradient = "GR" in header.scanning_sequence or FREE_INDUCTION.match(header.sequence_name)
    if not is_gradient or "SE" in header.scanning_sequence or contrast_of(header) == "given":
        return NOTHING
    is_weighted = PLANAR_TE_MS[0] <= echo <= PLANAR_TE_MS[1]
    return ("bold", "ScanningSequence and EchoTime") if is_weighted else NOTHING


def _by_spin_echo(repetition: float, echo: float) -> Told:
    if repetition <= SHORT_TR_MS and echo <= SHORT_TE_MS:
        return "t1", "RepetitionTime and EchoTime"
    if repetition >= LONG_TR_MS and echo >= LONG_TE_MS:
        return "t2", "RepetitionTime and EchoTime"
    if repetition >= LONG_TR_MS and echo <= SHORT_TE_MS:
        return "pd", "RepetitionTime and EchoTime"
    return NOTHING


def _by_gradient_echo(header: Header, repetition: float, echo: float) -> Told:
    if header.angio_flag == "Y":
        return "angio", "AngioFlag"
    flip = header.flip_angle_deg
    if flip is None or "SP" not in header.sequence_variant:
        return NOTHING
    ernst = ernst_deg(repetition)
    if echo <= GRADIENT_SHORT_TE_MS and flip >= ABOVE_ERNST * ernst and not _may_show_vessels(header, repetition, flip):
        return "t1", "FlipAngle and RepetitionTime"
    if echo >= GRADIENT_LONG_TE_MS and flip <= BELOW_ERNST * ernst and repetition >= TWO_D_TR_MS:
        return "t2star", "FlipAngle and EchoTime"
    return NOTHING


def _may_show_vessels(header: Header, repetition: float, flip: float) -> bool:
    """Time of flight and angiograms with an agent are spoiled gradient echoes too; AngioFlag N rules both out."""
    if header.angio_flag == "N":
        return False
    return INFLOW_TR_MS[0] <= repetition <= INFLOW_TR_MS[1] or (repetition < FEWEST_TR_MS and flip > MOST_FAST_DEG)
