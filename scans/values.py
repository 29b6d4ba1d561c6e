"""From stored pixel values to what they mean: Hounsfield units for CT, SUV for PET, signal for MR, density for X-rays.

The modality transformation alone (PS3.3 C.11.1): windows and VOI LUTs are for the eye and change no volume.
"""

import io
from pathlib import Path

import numpy as np
from pydicom import dcmread
from pydicom.pixels.processing import apply_modality_lut

from scans.dicomfile import quiet, read_bytes
from scans.header import Header
from scans.outcome import BadValue, ConstantImage, NotFinite
from scans.pixels import Opener
from scans.sopclass import family_of

AIR_HU = -1000.0
EMPTY = {"CT": AIR_HU}  # Modality -> value of empty space; any other has no fixed one: its darkest value stands for it
TABLE_DEPTHS = (8, 16)  # Bits Allocated of pixels that a Modality LUT can be for (PS3.3 C.11.1.1)


def real_values(stored: np.ndarray, path: Path, header: Header, opener: Opener | None = None) -> np.ndarray:
    """Return stored pixel values after the modality LUT or the rescale of this very instance.

    Args:
        stored: Integers, any shape.
        path: The file, opened again only if it holds a Modality LUT.
        header: Its header. Of an MR or an X-ray without a rescale, the stored numbers are the values.
        opener: Who reads a Modality LUT; None: this very process.

    Returns:
        float32, same shape.

    Raises:
        BadValue: The transformation makes no sense.
        Refusal, OSError: As the opener.
    """
    if header.has_modality_lut:
        table = (opener.table if opener else lookup_table)(path, header)
        meant: np.ndarray = table[stored.astype(np.int64) & (len(table) - 1)]
        return _taken_up(meant, header)
    slope, intercept = _rescale(header)
    real = stored.astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows is refused as a whole image
        if slope != 1:
            real *= np.float32(slope)
        if intercept != 0:
            real += np.float32(intercept)
    return _taken_up(real, header)


def _taken_up(real: np.ndarray, header: Header) -> np.ndarray:
    """Return the values of a PET as SUV, where its header proves them; all others as they are."""
    return real if header.suv_per_unit is None else real * np.float32(header.suv_per_unit)


def _rescale(header: Header) -> tuple[float, float]:
    slope, intercept = header.rescale_slope, header.rescale_intercept
    if slope is None and intercept is None and family_of(header.sop_class_uid) != "ct":
        return 1.0, 0.0
    if slope is None or intercept is None or slope == 0:
        raise BadValue("RescaleSlope or RescaleIntercept is absent, or the slope 0")
    return slope, intercept


def lookup_table(path: Path, header: Header) -> np.ndarray:
    """Read the Modality LUT of a file; for hostile files, in a child process.

    Returns:
        float32, what each stored value means; a negative value is found at its bits read without a sign.

    Raises:
        BadValue: The table is damaged, or for pixels of another depth than 8 or 16 bits.
        Refusal: As `read_bytes`.
        OSError: The disk or the share failed, which is worth another try.
    """
    if header.bits_allocated not in TABLE_DEPTHS:
        raise BadValue(f"a modality LUT for {header.bits_allocated} bits allocated")
    words = np.arange(1 << header.bits_allocated, dtype=f"u{header.bits_allocated // 8}")
    stored = words.view(f"i{words.dtype.itemsize}") if header.pixel_representation == 1 else words
    content = read_bytes(path)
    try:
        with quiet():
            dataset = dcmread(io.BytesIO(content), stop_before_pixels=True, force=not header.has_preamble)
            return apply_modality_lut(stored.astype(np.int64), dataset).astype(np.float32)
    except MemoryError:
        raise
    except Exception as error:  # pydicom raises what it likes on a damaged table
        raise BadValue(f"modality LUT: {type(error).__name__}") from None


def fill_padding(voxels: np.ndarray, is_padding: np.ndarray, *, modality: str, inverted: bool) -> None:
    """Replace padding in place by what nothing looks like: air for CT, else the darkest value there is.

    Padding is outside of what was imaged. Left as it is, it makes false edges once voxels are interpolated.

    Args:
        voxels: Real values, any shape.
        is_padding: Same shape, bool.
        modality: DICOM's Modality.
        inverted: Low values are shown bright (MONOCHROME1), so that the highest is the darkest.

    Raises:
        ConstantImage: Nothing but padding.
    """
    if is_padding.all():
        raise ConstantImage("every voxel is padding")
    if modality in EMPTY:
        voxels[is_padding] = EMPTY[modality]
    else:
        imaged = voxels[~is_padding]
        voxels[is_padding] = imaged.max() if inverted else imaged.min()


def empty_value(voxels: np.ndarray, modality: str) -> float:
    """Return what fills the outside of slices: air for CT, else the darkest value there is."""
    return EMPTY[modality] if modality in EMPTY else float(voxels.min())


def check_image(voxels: np.ndarray) -> None:
    """Refuse what shows nothing.

    Raises:
        NotFinite: Some voxels are not finite numbers.
        ConstantImage: All voxels have one value.
    """
    low, high = float(voxels.min()), float(voxels.max())  # a NaN anywhere makes both NaN
    if not (np.isfinite(low) and np.isfinite(high)):
        raise NotFinite("some voxels are not finite numbers")
    if low == high:
        raise ConstantImage(f"every voxel is {low:g}")
