"""A mosaic gives the volume, the places and the kind of the same slices in files of their own."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from mosaics import STEP_MM, TILTED, csa, tiled, write_mosaic, write_slices
from pydicom import dcmread
from pydicom.dataset import Dataset

from scans.header import Header, read_header
from scans.mosaic import untiled
from scans.outcome import BadValue
from scans.stack import Grouping, Member, group
from scans.volume import Volume, read_volume

N, ROWS, COLUMNS = 7, 4, 6  # 3 x 3 tiles, two of them empty
VOLUME = np.arange(1, N * ROWS * COLUMNS + 1, dtype=np.uint16).reshape(N, ROWS, COLUMNS)


def grouped(paths: list[Path]) -> Grouping:
    return group([Member(p.name, p.name, read_header(p)) for p in paths])


def only(paths: list[Path]) -> Volume:
    (stack,) = grouped(paths).stacks
    return read_volume(stack, paths[0].parent)


def ending(path: Path) -> tuple[str, str]:
    ((code, why),) = {(e.code, e.why) for e in grouped([path]).endings}
    return code, why


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), (0, 1, 0, 0, 0, -1), TILTED])
@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("is_new", [True, False])
def test_a_mosaic_is_the_classic_series(
    tmp_path: Path, orientation: tuple[float, ...], sign: int, is_new: bool
) -> None:
    classic = only(write_slices(tmp_path, VOLUME, orientation=orientation, sign=sign))
    path = write_mosaic(tmp_path / "m", VOLUME, orientation=orientation, sign=sign, is_new=is_new)
    mosaic = only([path])
    assert mosaic.voxels.tolist() == classic.voxels.tolist()
    assert np.abs(mosaic.affine - classic.affine).max() < 1e-5
    assert mosaic.kind == classic.kind and mosaic.kind.key == "mr/head/3d/bold"
    assert mosaic.spacing_mm[0] == pytest.approx(STEP_MM, abs=1e-5)


def test_places_are_those_that_another_library_reads(tmp_path: Path) -> None:
    with warnings.catch_warnings(action="ignore"):  # it says that it is experimental
        wrappers = pytest.importorskip("nibabel.nicom.dicomwrappers")
    path = write_mosaic(tmp_path / "m", VOLUME, orientation=TILTED, sign=-1)
    other = wrappers.MosaicWrapper(dcmread(path))
    ours = only([path])
    order = -1 if np.allclose(ours.voxels[0], VOLUME[-1]) else 1
    first = ours.affine @ [N - 1 if order < 0 else 0, 0, 0, 1]
    assert other.image_shape == (ROWS, COLUMNS, N) and np.allclose(first[:3], other.image_position, atol=1e-5)
    assert (np.moveaxis(other.get_unscaled_data(), 2, 0)[::order] == ours.voxels).all()
    assert np.allclose(order * ours.affine[:3, 0] / STEP_MM, other.slice_normal, atol=1e-6)


def test_of_a_series_of_mosaics_one_stands(tmp_path: Path) -> None:
    paths = [write_mosaic(tmp_path / f"m{9 - t}", VOLUME + 10 * t, number=t) for t in range(5)]
    found = grouped(paths)
    assert [m.file for m in found.stacks[0].members] == ["m7"] * N and len(found.stacks) == 1
    assert [(e.file, e.code) for e in found.endings] == [(f"m{t}", "time-point") for t in (5, 6, 8, 9)]
    assert (read_volume(found.stacks[0], tmp_path).voxels == VOLUME + 20).all()


def test_a_header_of_a_mosaic_comes_back_from_its_text(tmp_path: Path) -> None:
    header = read_header(write_mosaic(tmp_path / "m", VOLUME))
    assert header.tiles == (3, 3) and len(header.frames) == N and Header.from_json(header.to_json()) == header


def test_the_number_of_tiles_is_read_from_wherever_it_stands(tmp_path: Path) -> None:
    path = write_mosaic(tmp_path / "m", VOLUME, told={"NumberOfImagesInMosaic": None})
    assert ending(path) == ("mosaic-unsupported", "no number of tiles")
    ds = dcmread(path)
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", N)
    ds.save_as(path)
    assert len(only([path]).voxels) == N
    del ds[0x0019100A]
    protocol = b"<x>\nsSliceArray.lSize\t = \t7\n"
    ds.private_block(0x0029, "SIEMENS CSA HEADER").add_new(0x20, "OB", csa({"MrPhoenixProtocol": ["a"]}) + protocol)
    ds.save_as(path)
    assert len(only([path]).voxels) == N


@pytest.mark.parametrize(
    ("told", "tags", "why"),
    [
        ({"NumberOfImagesInMosaic": ["5000"]}, {}, "5000 tiles, 2 to 4096 are possible"),
        ({"NumberOfImagesInMosaic": ["1"]}, {}, "1 tiles, 2 to 4096 are possible"),
        ({"NumberOfImagesInMosaic": ["17"]}, {}, "17 tiles, 5 by 5, do not divide 12 rows"),
        ({"NumberOfImagesInMosaic": ["-7"]}, {}, "no number of tiles"),
        ({"SliceNormalVector": None}, {}, "no SliceNormalVector: nothing tells in which direction the tiles run"),
        ({"SliceNormalVector": ["0", "0", "x"]}, {}, "no SliceNormalVector: nothing tells in which direction the"),
        ({"SliceNormalVector": ["0", "1", "0"]}, {}, "SliceNormalVector is not the normal of ImageOrientationPatient"),
        ({"SliceNormalVector": ["0", "0", "2"]}, {}, "SliceNormalVector is not the normal of ImageOrientationPatient"),
        ({}, {"ImagePositionPatient": None}, "position, orientation or pixel spacing is absent"),
        ({}, {"SpacingBetweenSlices": -3.0}, "SpacingBetweenSlices is absent or impossible"),
        ({}, {"SpacingBetweenSlices": None, "SliceThickness": None}, "SpacingBetweenSlices is"),
        ({}, {"ImageOrientationPatient": [1, 0, 0, 1, 0, 0]}, "row and column directions are not at"),
    ],
)  # fmt: skip
def test_a_mosaic_that_cannot_be_understood_says_why(tmp_path: Path, told: Any, tags: Any, why: str) -> None:
    code, facts = ending(write_mosaic(tmp_path / "m", VOLUME, told=told, **tags))
    assert code == "mosaic-unsupported" and facts.startswith(why)


def test_numbers_of_tiles_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    path = write_mosaic(tmp_path / "m", VOLUME)
    ds = dcmread(path)
    ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0A, "US", 8)
    ds.save_as(path)
    assert ending(path) == ("mosaic-unsupported", "contradicting numbers of tiles: 7, 8")


def test_a_slice_behind_the_last_tile_is_refused(tmp_path: Path) -> None:
    path = write_mosaic(tmp_path / "m", VOLUME, told={"NumberOfImagesInMosaic": ["6"]})
    with pytest.raises(BadValue, match="a tile behind the last of 6 slices is not empty"):
        only([path])


def test_the_thickness_of_slices_is_not_taken_for_their_distance(tmp_path: Path) -> None:
    path = write_mosaic(tmp_path / "m", VOLUME, SpacingBetweenSlices=None)
    assert ending(path) == ("mosaic-unsupported", "SpacingBetweenSlices is absent or impossible")


def test_a_map_in_tiles_is_a_map(tmp_path: Path) -> None:
    path = write_mosaic(tmp_path / "m", VOLUME, ImageType=["DERIVED", "PRIMARY", "DIFFUSION", "ADC", "MOSAIC"])
    assert ending(path)[0] == "derived"


def united(path: Path, n_items: int = N, n_told: float = N) -> Path:
    """Write a grid of United Imaging: each tile tells where it lies."""
    write_mosaic(path, VOLUME, told={"NumberOfImagesInMosaic": None, "SliceNormalVector": None})
    ds = dcmread(path)
    ds.ImageType, ds.Manufacturer = ["ORIGINAL", "PRIMARY", "BOLD", "VFRAME"], "UIH"
    block = ds.private_block(0x0065, "Image Private Header", create=True)
    items = []
    for k in range(n_items):
        one = Dataset()
        one.ImagePositionPatient = [-90.0, -120.0, 30.0 - STEP_MM * k]
        items.append(one)
    block.add_new(0x50, "DS", str(n_told))
    block.add_new(0x51, "SQ", items)
    ds.save_as(path)
    return path


def test_a_grid_of_united_imaging_lies_where_its_tiles_say(tmp_path: Path) -> None:
    classic = only(write_slices(tmp_path, VOLUME, sign=-1))
    grid = only([united(tmp_path / "u")])
    assert grid.voxels.tolist() == classic.voxels.tolist() and np.abs(grid.affine - classic.affine).max() < 1e-5
    assert ending(united(tmp_path / "v", n_told=8)) == ("mosaic-unsupported", "contradicting numbers of tiles: 7, 8")


def test_a_grid_of_united_imaging_has_no_empty_rows(tmp_path: Path) -> None:
    classic = only(write_slices(tmp_path, VOLUME[:5], sign=-1))
    path = united(tmp_path / "u", n_items=5, n_told=5)
    ds = dcmread(path)
    words = tiled(VOLUME[:5])[: 2 * ROWS]  # two rows of three tiles, the last one empty
    ds.Rows, ds.PixelData = len(words), words.astype("<u2").tobytes()
    ds.save_as(path)
    grid = only([path])
    assert grid.voxels.tolist() == classic.voxels.tolist() and np.abs(grid.affine - classic.affine).max() < 1e-5


@pytest.mark.parametrize("n", [2, 4, 5, 9, 10])
def test_tiles_come_back_in_the_order_in_which_they_were_laid(n: int) -> None:
    volume = np.arange(1, n * 6 + 1).reshape(n, 2, 3)
    side = int(np.ceil(np.sqrt(n)))
    assert untiled(tiled(volume)[None], (side, side), n).tolist() == volume.tolist()
    with pytest.raises(ValueError, match="not empty"):
        untiled(tiled(volume)[None], (side, side), n - 1)
