"""Whether stored numbers can be turned into what they mean: of one image, and of the slices of one volume alike.

An absent rescale is no rescale of 1 and 0. A CT without one is not in Hounsfield units for all that anybody knows
(PS3.3 C.8.2.1: both tags are type 1); of an MR or an X-ray the stored numbers are the values, in all slices or none.
"""

from collections.abc import Sequence
from dataclasses import replace

from scans.header import Header
from scans.outcome import MixedEncoding


def require_one_encoding(headers: Sequence[Header]) -> None:
    """Check that the slices of one volume tell their values in one way.

    Raises:
        MixedEncoding: Some are rescaled and others are not, or to other units.
    """
    n_told = sum(header.has_modality_lut or header.rescale_slope is not None for header in headers)
    if 0 < n_told < len(headers):
        raise MixedEncoding(f"a rescale in {n_told} of {len(headers)} slices")
    if len({header.pixel_representation for header in headers}) > 1:
        raise MixedEncoding("slices of signed and of unsigned pixels")
    units = {header.rescale_type for header in headers} - {"", "US"}  # unspecified, PS3.3 C.11.1.1.2
    if len(units) > 1 and any(header.modality != "CT" for header in headers):
        raise MixedEncoding(f"{len(units)} types of rescale among {len(headers)} slices")
    if len({header.pet_units for header in headers}) > 1:
        raise MixedEncoding(f"{len({header.pet_units for header in headers})} Units among {len(headers)} slices")


def with_one_uptake(headers: Sequence[Header]) -> list[Header]:
    """Return the slices of one volume, their values relative where they do not agree on the factor to SUV."""
    told = {(header.uptake, header.suv_per_unit) for header in headers}
    if len(told) == 1:
        return list(headers)
    why = "the slices do not agree on SUV"
    return [replace(header, uptake="relative", suv_per_unit=None, uptake_why=why) for header in headers]
