"""A scan as the scanner saw it: voxels, and where they lie in the patient."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from math import prod
from pathlib import Path

import numpy as np

from scans.affine import axes_towards, projection_affine, reoriented, spacing_of, stack_affine, upright
from scans.archive import real_path
from scans.header import Header
from scans.kind import Kind
from scans.mosaic import untiled
from scans.outcome import BadValue, MixedEncoding, MultiFrame, NoGeometry, TooLarge
from scans.parallel import side_by_side
from scans.pixels import Opener, Stored, padding_of, read_stored
from scans.repair import even_grid
from scans.sopclass import is_multi_frame
from scans.stack import Member, Stack
from scans.values import check_image, empty_value, fill_padding, real_values

HEAD_BACK_LEFT = np.array([[0, 0, 1], [0, 1, 0], [1, 0, 0]], dtype=np.float64)  # targets of z, y, x in LPS
MAX_VOXELS = 1 << 30  # 4 GiB of float32; 2048 slices of 512 x 512 are half of it


@dataclass(frozen=True, eq=False)
class Volume:
    """One scan: a stack of slices, or one projection (then z has length 1).

    Slices lie in the order of the stack, rows and columns as they were stored. The affine tells where: it
    takes a voxel index (z, y, x, 1) to millimetres in LPS. `to_canonical` turns all scans the same way round.
    """

    voxels: np.ndarray  # (z, y, x) float32; Hounsfield units for CT; projections: bright is dense
    affine: np.ndarray  # (4, 4) float64
    kind: Kind
    is_padding: np.ndarray | None = None  # (z, y, x) bool: outside of what was imaged; None: nothing is
    has_directions: bool = True  # False: a projection that does not say which way the patient faces
    has_size: bool = True  # False: a projection without pixel spacing; pixels then count as 1 mm

    def __post_init__(self) -> None:
        """Check what everything else relies on."""
        if self.voxels.ndim != 3 or self.voxels.dtype != np.float32:
            raise ValueError(f"voxels are {self.voxels.dtype} {self.voxels.shape}, wanted float32 (z, y, x)")
        if self.is_projection and len(self.voxels) != 1:
            raise ValueError(f"a projection of {len(self.voxels)} slices")

    @property
    def spacing_mm(self) -> tuple[float, float, float]:
        """Distance between voxel centres along z, y, x; the first means nothing for a projection."""
        return spacing_of(self.affine)

    @property
    def is_projection(self) -> bool:
        """Whether this is one picture through the patient, not slices of them."""
        return self.kind.cover == "2d"

    def to_canonical(self) -> "Volume":
        """Return the volume with z running to the head, y to the back, x to the patient's left.

        By transposes and flips only: an oblique scan has its axes as close to those directions as they get.
        A projection keeps z = 1 and is turned head up, and if frontal, the patient's left to the viewer's
        right; without known directions it stays as it is. The arrays are views of this volume's.
        """
        if not self.is_projection:
            return self._turned(*axes_towards(self.affine, HEAD_BACK_LEFT))
        return self._turned(*upright(self.affine)) if self.has_directions else self

    def _turned(self, order: tuple[int, ...], flips: tuple[bool, ...]) -> "Volume":
        flipped = tuple(axis for axis, flip in enumerate(flips) if flip)
        padding = None if self.is_padding is None else np.flip(self.is_padding.transpose(order), flipped)
        return replace(
            self,
            voxels=np.flip(self.voxels.transpose(order), flipped),
            affine=reoriented(self.affine, self.voxels.shape, order, flips),
            is_padding=padding,
        )


def read_volume(stack: Stack, root: Path, opener: Opener | None = None) -> Volume:
    """Read the pixels of a stack.

    Every slice is rescaled by its own slope and intercept, padding becomes air before anything can be
    interpolated across it, and a MONOCHROME1 projection is inverted, so that dense is always bright. Slices of
    a stack with repairs are resampled onto the even grid that its passport tells.

    Args:
        stack: Instances that make one volume, in order.
        root: The archive's folder, which the members' paths are relative to.
        opener: Who opens files whose content has to be understood, see `scans.pixels.read_stored`.

    Raises:
        Refusal: The stack shows nothing that can be compared, or contradicts itself; its class says why.
        OSError: The disk or the share failed, which is worth another try.

    Example:
        A chest X-ray of a made-up patient, as a scanner would send it.

        >>> from tempfile import TemporaryDirectory
        >>> from scans.archive import list_files
        >>> from scans.header import read_header
        >>> from scans.phantoms.archive import write_archive
        >>> from scans.stack import group
        >>> with TemporaryDirectory() as folder:
        ...     _ = write_archive(Path(folder), n_patients=1, n_visits=1, seed=0, kinds=["dx"])
        ...     root = Path(folder) / "archive"
        ...     path = min(entry.path for entry in list_files(root) if "/" in entry.path)
        ...     (stack,) = group([Member(path, path, read_header(root / path))]).stacks
        ...     volume = read_volume(stack, root)
        >>> print(stack.kind.key, volume.voxels.dtype, len(volume.voxels), volume.is_projection)
        xr/chest/2d/lateral float32 1 True
    """
    headers = [member.header for member in stack.members]
    _check_shapes(headers)
    voxels, is_padding = _cropped(*_read_slices(stack.members, root, opener), headers[0].crop)
    is_inverted = stack.kind.cover == "2d" and headers[0].photometric == "MONOCHROME1"
    if is_padding is not None:
        fill_padding(voxels, is_padding, modality=headers[0].modality, inverted=is_inverted)
    check_image(voxels)
    if is_inverted:
        np.subtract(voxels.max() + voxels.min(), voxels, out=voxels)
    return _placed(voxels, is_padding, headers, stack)


def _read_slices(members: Sequence[Member], root: Path, opener: Opener | None) -> tuple[np.ndarray, np.ndarray | None]:
    """Return real values, (z, y, x) float32, and where padding is; each file is opened once, however many frames."""
    first = members[0].header
    voxels = np.empty((len(members), first.rows, first.columns), dtype=np.float32)
    by_path: dict[str, list[tuple[int, Member]]] = {}
    for z, member in enumerate(members):
        by_path.setdefault(member.path, []).append((z, member))

    named = {(member.header.padding_value, member.header.padding_limit): member.header for member in members}

    def read(name: str) -> list[tuple[int, np.ndarray]]:
        """Fill in the slices of one file, return where in which of them padding is."""
        slices, path = by_path[name], real_path(root, name)
        header = slices[0][1].header
        stored = _slices_of(read_stored(path, _of_file(header), opener), header, 1 + max(m.frame for _, m in slices))
        _require_named_padding(stored.values, header, named)
        for z, member in slices:
            voxels[z] = real_values(stored.values[member.frame], path, member.header, opener)
        return [] if stored.is_padding is None else [(z, stored.is_padding[member.frame]) for z, member in slices]

    padded = list(chain.from_iterable(side_by_side(read, by_path)))
    if not padded:
        return voxels, None
    is_padding = np.zeros(voxels.shape, dtype=bool)
    for z, where in padded:
        is_padding[z] = where
    return voxels, is_padding


def _of_file(header: Header) -> Header:
    """Return the header of the picture that a slice is stored in, which is larger where it is a tile."""
    if not header.tiles:
        return header
    return replace(header, rows=header.rows * header.tiles[0], columns=header.columns * header.tiles[1])


def _slices_of(stored: Stored, header: Header, n_tiles: int) -> Stored:
    """Return what a file stores by slice, (slices, rows, columns)."""
    if not header.tiles:
        return stored
    try:
        values = untiled(stored.values, header.tiles, n_tiles)
    except ValueError as error:
        raise BadValue(f"mosaic: {error}") from None
    is_padding = stored.is_padding
    return Stored(values, None if is_padding is None else untiled(is_padding, header.tiles, prod(header.tiles)))


def _cropped(
    voxels: np.ndarray, is_padding: np.ndarray | None, crop: Sequence[int]
) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the part of a picture that is read, see `scans.ultrasound`; without one all of it."""
    if not crop:
        return voxels, is_padding
    part = np.s_[:, crop[0] : crop[2], crop[1] : crop[3]]
    return np.ascontiguousarray(voxels[part]), None if is_padding is None else is_padding[part]


def _require_named_padding(
    values: np.ndarray, header: Header, named: Mapping[tuple[int | None, int | None], Header]
) -> None:
    """Refuse a CT slice that holds what another one calls padding, and does not call it so.

    Left as a value it would be a piece of the patient of -2000 HU or so beside air; taken as padding it might
    be metal or bone. Where the scale is free, as in MR, it is taken for the signal that the slice says it is.
    """
    if header.modality != "CT" or len(named) < 2:
        return
    own = padding_of(values, header)
    for other in named.values():
        pixels = padding_of(values, other)
        if pixels is not None and (own is None or (pixels & ~own).any()):
            raise MixedEncoding("some slices name a padding value that others hold and do not name")


def _check_shapes(headers: list[Header]) -> None:
    if any(h.n_frames != 1 and h.picture_frame is None and not is_multi_frame(h.sop_class_uid) for h in headers):
        raise MultiFrame(f"{max(header.n_frames for header in headers)} frames in one instance")
    sizes = {(header.rows, header.columns) for header in headers}
    if len(sizes) != 1:
        raise MixedEncoding(f"{len(sizes)} sizes of slices")
    rows, columns = sizes.pop()
    if len(headers) * rows * columns > MAX_VOXELS:
        raise TooLarge(f"{len(headers)} slices of {rows} x {columns} pixels")


def _placed(voxels: np.ndarray, is_padding: np.ndarray | None, headers: list[Header], stack: Stack) -> Volume:
    if stack.kind.cover == "2d":
        return _projection(voxels, is_padding, headers[0], stack.kind)
    first = headers[0]
    positions = [header.position_mm for header in headers if header.position_mm is not None]
    if len(positions) != len(headers) or first.orientation is None or first.pixel_spacing_mm is None:
        raise NoGeometry("position, orientation or pixel spacing is absent")
    if stack.passport.repairs:
        voxels, is_padding, affine = even_grid(
            voxels, is_padding, positions_mm=positions, orientation=first.orientation,
            spacing_mm=first.pixel_spacing_mm, step_mm=stack.passport.spacing_z_mm,
            is_tilted="tilt" in stack.passport.repairs, fill=empty_value(voxels, first.modality),
        )  # fmt: skip
    else:
        thickness_mm = first.slice_thickness_mm or 1.0
        affine = stack_affine(first.orientation, positions, first.pixel_spacing_mm, thickness_mm)
    return Volume(voxels, affine, stack.kind, is_padding)


def _projection(voxels: np.ndarray, is_padding: np.ndarray | None, header: Header, kind: Kind) -> Volume:
    """Take directions from PatientOrientation, the size of a pixel in the patient, else at the detector."""
    spacing = header.pixel_spacing_mm or header.imager_spacing_mm
    if spacing is not None and min(spacing) <= 0:
        spacing = None
    affine, is_told = projection_affine(header.patient_orientation, spacing or (1.0, 1.0))
    return Volume(voxels, affine, kind, is_padding, has_directions=is_told, has_size=spacing is not None)
