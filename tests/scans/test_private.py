"""Elements of makers are found by their creator, and believed where they can mean nothing else."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydicom import dcmread
from pydicom.uid import ImplicitVRLittleEndian, MRImageStorage

from scans.header import Header, read_header
from scans.sequence import b_value_of, sequence_of
from scans.stack import Member, group

MR = {"SOPClassUID": MRImageStorage, "Modality": "MR", "SeriesDescription": "DWI", "ScanningSequence": ["EP", "SE"]}
Reading = Callable[..., Header]
TOLD = (
    (0x0019, "SIEMENS MR HEADER", 0x0C, "IS", "1000", 1000.0),
    (0x0019, "SIEMENS MR HEADER", 0x0C, "IS", "0", 0.0),
    (0x0043, "GEMS_PARM_01", 0x39, "IS", ["1000000800", "8", "0", "0"], 800.0),
    (0x0043, "GEMS_PARM_01", 0x39, "IS", ["50", "8", "0", "0"], 50.0),
    (0x2001, "PHILIPS IMAGING DD 001", 0x03, "FL", 700.0, 700.0),
    (0x0065, "Image Private Header", 0x09, "FD", 1500.0, 1500.0),
)  # group, creator, element, VR, what is written, b-value


@pytest.fixture
def header(save: Callable[..., Path]) -> Callable[..., Header]:
    """Write an MR with a private element, and read its header."""

    def read(told: tuple[Any, ...] = (), *, block: int = 0x10, **tags: Any) -> Header:
        path = save(**(MR | tags))
        if told:
            at, creator, element, vr, value = told[:5]
            ds = dcmread(path)
            ds.add_new(at << 16 | block, "LO", creator)
            ds.add_new(at << 16 | block << 8 | element, vr, value)
            ds.save_as(path)
        return read_header(path)

    return read


@pytest.mark.parametrize("told", TOLD, ids=lambda t: f"{t[1]} {t[5]}")
@pytest.mark.parametrize("block", [0x10, 0x12])
def test_the_b_value_of_a_maker_is_read_wherever_its_block_lies(header: Reading, told: Any, block: int) -> None:
    found = header(told, block=block)
    assert (found.b_value, found.maker_b_value, b_value_of(found)) == (None, told[5], told[5])
    assert sequence_of(found)[0] == ("dwi" if told[5] else "dwi-b0")


def test_implicit_elements_are_read_as_well(header: Reading) -> None:
    found = header(TOLD[0], TransferSyntaxUID=ImplicitVRLittleEndian)
    assert found.maker_b_value == 1000.0


@pytest.mark.parametrize(
    ("told", "tags"),
    [
        ((0x0043, "GEMS_PARM_02", 0x39, "IS", ["800", "8", "0", "0"]), {}),
        ((0x0043, "GEMS_PARM_01", 0x39, "IS", ["800", "8", "0", "0"]), {"ScanningSequence": ["SE"]}),
        ((0x0019, "SIEMENS MR HEADER", 0x0C, "LO", "b1000"), {}),
        ((0x0019, "SIEMENS MR HEADER", 0x0C, "IS", "-5"), {}),
        ((0x0065, "Image Private Header", 0x09, "FD", float("nan")), {}),
        ((0x0065, "Image Private Header", 0x09, "FD", 1e9), {}),
        ((0x2001, "Philips Imaging DD 002", 0x03, "FL", 700.0), {}),
    ],
)
def test_what_may_mean_something_else_is_no_b_value(header: Reading, told: Any, tags: Any) -> None:
    assert header(told, **tags).maker_b_value is None


def test_the_standard_goes_before_the_maker(header: Reading) -> None:
    found = header(TOLD[0], DiffusionBValue=5.0)
    assert (b_value_of(found), sequence_of(found)[0]) == (5.0, "dwi-b0")


def test_a_gradient_direction_is_read(header: Reading) -> None:
    assert header(DiffusionGradientOrientation=[0.0, 0.6, -0.8]).gradient == (0.0, 0.6, -0.8)
    assert header(DiffusionGradientOrientation=[0.0, 0.6]).gradient is None
    assert header().gradient is None


def test_a_makers_b_value_parts_b0_from_diffusion_and_changes_no_key(
    make_series: Callable[..., Path], make_members: Callable[..., list[Member]]
) -> None:
    plain, told = make_members([0, 1, 2]), make_members([0, 1, 2], maker_b_value=0.0)
    assert group(plain).stacks[0].digest == group(told).stacks[0].digest
    folder = make_series(positions_mm=[0.0, 1.0, 2.0, 0.0, 1.0, 2.0], values=[1, 2, 3, 4, 5, 6], **MR)
    for number, path in enumerate(sorted(folder.iterdir(), key=lambda p: dcmread(p).InstanceNumber)):
        ds = dcmread(path)
        ds.private_block(0x0019, "SIEMENS MR HEADER", create=True).add_new(0x0C, "IS", "1000" if number > 2 else "0")
        ds.save_as(path)
    stacks = group([Member(p.name, p.name, read_header(p)) for p in folder.iterdir()]).stacks
    assert sorted(stack.kind.key for stack in stacks) == ["mr/chest/3d/dwi", "mr/chest/3d/dwi-b0"]
