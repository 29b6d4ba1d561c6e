"""What a person sees of a scan: small pictures in square millimetres, the way a radiologist hangs them."""

import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from scans.affine import letters
from scans.header import Header
from scans.sopclass import SECONDARY_CAPTURE
from scans.volume import Volume

SIDE = 256  # pixels of the whole picture, both ways
LEFT, TOP, RIGHT, BOTTOM = 20, 14, 20, 28  # margins for letters and text, so that neither covers the patient
FONT_SIZE, LINE = 10, 13  # pixels; Pillow brings the font along
WARNING = "not for diagnostic use"
CT_WINDOWS_HU = {"chest": (-500.0, 1500.0), "head": (40.0, 80.0)}  # level, width: lung and its walls, brain
SOFT_TISSUE_HU = (40.0, 400.0)  # every other part of the body
SUV_RANGE = (0.0, 10.0)
LIGHTEST_TISSUE_HU = -200.0  # below all fat; a CT without anything lighter is not in Hounsfield units
LOW_PERCENTILE, HIGH_PERCENTILE = 1.0, 99.0  # of all voxels, of those above the mean: the rest is mostly air
MAX_SAMPLED = 1 << 18  # voxels that percentiles are taken from

GREY_MODALITIES = frozenset({"CT", "MR", "PT", "NM", "CR", "DX", "MG", "RF", "XA", "PX", "IO"})
SCREEN_WORDS = frozenset({"SCREEN SAVE", "SECONDARY CAPTURE"})


@dataclass(frozen=True)
class Picture:
    """One slice or projection as PNG."""

    plane: str  # "axial", "coronal", "sagittal", "projection"
    png: bytes  # 8 bit grey, SIDE x SIDE
    letters: tuple[str, str, str, str]  # viewer's left, right, top, bottom: R L A P F H; "" where unknown


@dataclass(frozen=True, eq=False)
class _Plane:
    """A slice turned the way it is shown: first row on top, first column on the viewer's left."""

    name: str
    title: str
    grey: np.ndarray  # (rows, columns) float32
    pixel_mm: tuple[float, float]  # between rows, between columns
    right: np.ndarray | None  # where columns run to, in LPS; None: unknown
    down: np.ndarray | None


@dataclass(frozen=True)
class _Window:
    low: float
    high: float
    text: str


def allowed(header: Header) -> bool:
    """Return whether a picture of this instance may be shown.

    Ultrasound, secondary captures and screen pictures often carry a name in their pixels, and so may whatever
    says that it has burned-in text; photographs show faces. Source: PS3.15 E.3.1, Clean Pixel Data Option.
    """
    return (
        header.modality in GREY_MODALITIES
        and header.burned_in in ("", "NO")
        and header.sop_class_uid not in SECONDARY_CAPTURE
        and SCREEN_WORDS.isdisjoint(header.image_type)
    )


def pictures(volume: Volume) -> list[Picture]:
    """Draw the middle axial, coronal and sagittal slice of a volume, or the one picture of a projection.

    Radiological convention: the patient's right is on the viewer's left, a sagittal slice looks to the left.
    The same volume always gives the same bytes.
    """
    window = _window(volume)
    return [_drawn(plane, window) for plane in _planes(volume.to_canonical())]


def _planes(volume: Volume) -> list[_Plane]:
    voxels, (dz, dy, dx) = volume.voxels, volume.spacing_mm
    to_head, to_back, to_left = volume.affine[:3, :3].T  # where z, y, x run to
    if volume.is_projection:
        right, down = (to_left, to_back) if volume.has_directions else (None, None)
        title = "" if volume.has_directions else "sides unknown"
        return [_Plane("projection", title, voxels[0], (dy, dx), right, down)]
    nz, ny, nx = voxels.shape
    z, y, x = nz // 2, ny // 2, nx // 2
    return [
        _Plane("axial", f"axial {z + 1}/{nz}", voxels[z], (dy, dx), to_left, to_back),
        _Plane("coronal", f"coronal {y + 1}/{ny}", voxels[::-1, y], (dz, dx), to_left, -to_head),
        _Plane("sagittal", f"sagittal {x + 1}/{nx}", voxels[::-1, :, x], (dz, dy), to_back, -to_head),
    ]


def _window(volume: Volume) -> _Window:
    """Return what becomes black and white: a preset for CT, percentiles for everything without a scale."""
    imaged = volume.voxels if volume.is_padding is None else volume.voxels[~volume.is_padding]
    family, part = (*volume.kind.key.split("/"), "")[:2]
    if family == "ct" and imaged.min() < LIGHTEST_TISSUE_HU:
        level, width = CT_WINDOWS_HU.get(part, SOFT_TISSUE_HU)
        return _Window(level - width / 2, level + width / 2, f"W{width:.0f} L{level:.0f} HU")
    if family == "pt" and volume.kind.key.endswith("/suv"):
        return _Window(*SUV_RANGE, f"SUV {SUV_RANGE[0]:g} to {SUV_RANGE[1]:g}")
    sample = imaged.reshape(-1)[:: max(1, imaged.size // MAX_SAMPLED)].astype(np.float64)
    low = float(np.percentile(sample, LOW_PERCENTILE))
    high = float(np.percentile(sample[sample >= sample.mean()], HIGH_PERCENTILE))
    return _Window(low, high, f"W{_short(high - low)} L{_short((low + high) / 2)}")


def _short(number: float) -> str:
    return f"{number:.0f}" if abs(number) >= 100 else f"{number:.3g}"


def _drawn(plane: _Plane, window: _Window) -> Picture:
    canvas = Image.new("L", (SIDE, SIDE), 0)
    image = _fitted(plane, window)
    box = SIDE - LEFT - RIGHT, SIDE - TOP - BOTTOM
    canvas.paste(image, (LEFT + (box[0] - image.width) // 2, TOP + (box[1] - image.height) // 2))
    sides = _sides(plane)
    _write(canvas, plane.title, sides, f"{window.text}  {WARNING}")
    png = io.BytesIO()
    canvas.save(png, "PNG")
    return Picture(plane.name, png.getvalue(), sides)


def _fitted(plane: _Plane, window: _Window) -> Image.Image:
    """Return the slice in grey levels, as large as the box allows, its pixels square."""
    scaled = (plane.grey.astype(np.float32) - window.low) * (255.0 / max(window.high - window.low, 1e-6))
    levels = np.ascontiguousarray(np.clip(scaled, 0, 255), dtype=np.float32)
    rows, columns = plane.grey.shape
    height_mm, width_mm = rows * plane.pixel_mm[0], columns * plane.pixel_mm[1]
    scale = min((SIDE - LEFT - RIGHT) / width_mm, (SIDE - TOP - BOTTOM) / height_mm)  # pixels a mm
    size = max(1, round(width_mm * scale)), max(1, round(height_mm * scale))
    image = Image.fromarray(levels).resize(size, Image.Resampling.BICUBIC)
    return Image.fromarray(np.clip(np.rint(np.asarray(image)), 0, 255).astype(np.uint8))


def _sides(plane: _Plane) -> tuple[str, str, str, str]:
    if plane.right is None or plane.down is None:
        return "", "", "", ""
    return letters(-plane.right), letters(plane.right), letters(-plane.down), letters(plane.down)


def _write(canvas: Image.Image, title: str, sides: Sequence[str], foot: str) -> None:
    """Write into the margins: the title, the four letters at the middle of their sides, the foot line."""
    draw = ImageDraw.Draw(canvas)
    font = ImageFont.load_default(FONT_SIZE)
    middle_x, middle_y = SIDE // 2, TOP + (SIDE - TOP - BOTTOM) // 2
    left, right, top, bottom = sides
    for text, x, y, grey in (
        (title, 2 + draw.textlength(title, font) / 2, 1, 160),
        (left, LEFT // 2, middle_y - LINE // 2, 255),
        (right, SIDE - RIGHT // 2, middle_y - LINE // 2, 255),
        (top, middle_x, 1, 255),
        (bottom, middle_x, SIDE - BOTTOM + 2, 255),
        (foot, middle_x, SIDE - LINE, 160),
    ):
        draw.text((round(x - draw.textlength(text, font) / 2), y), text, fill=grey, font=font)
