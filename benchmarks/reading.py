"""Files of one series -> one float32 volume, beside SimpleITK, MONAI's PydicomReader, highdicom and dcm2niix.

`python -m benchmarks.reading [--json] [--data DIR] [--rounds 7]`. Real series come from the folder given with
--data (one folder of DICOM each, or tar.xz files of such); phantom series are written in each lossless transfer
syntax. Each contestant reads in a process of its own that has warmed up, in turns; "known" is ours when the headers
were read before, as in every night's second half; the guard is on in both. All arrays are asserted equal before a
clock starts; a peer that refuses a series or reads other values is named and left out there. dcm2niix is timed with
its writing.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom import Dataset, dcmread

from benchmarks.figure import Child, Figure, Tasks, in_turns, report

Voxels = NDArray[np.float32]
SYNTAXES = {
    "explicit": "1.2.840.10008.1.2.1",
    "implicit": "1.2.840.10008.1.2",
    "big-endian": "1.2.840.10008.1.2.2",
    "deflated": "1.2.840.10008.1.2.1.99",
    "rle": "1.2.840.10008.1.2.5",
    "jpeg-lossless": "1.2.840.10008.1.2.4.70",
    "jpeg-ls": "1.2.840.10008.1.2.4.80",
    "jpeg-2000": "1.2.840.10008.1.2.4.90",
}
SIDE, NOISE = 512, 8.0  # pixels a side; HU
DCM2NIIX = str(Path(sys.executable).with_name("dcm2niix"))  # .venv/bin need not be on PATH
PEERS = ("SimpleITK", "MONAI", "highdicom", "dcm2niix")


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.reading", description=__doc__)
    parser.add_argument("--data", type=Path, help="folder of real series")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--files", type=int, default=20_000, help="of the archive whose headers are indexed")
    parser.add_argument("--only", default="", help="series whose name holds this text, or indexing")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        series = dict(phantom_series(Path(folder) / "phantoms"))
        if options.data:
            series |= dict(real_series(options.data, Path(folder) / "real"))
        report(measured(series, Path(folder) / "links", options), as_json=options.json)


def measured(series: dict[str, Path], links: Path, options: argparse.Namespace) -> Iterator[Figure]:
    """Yield every figure as it is measured."""
    for name, folder in series.items():
        if options.only not in name:
            continue
        if is_one_volume(folder):
            yield from measure(name, folder, options.rounds)
        else:
            print(f"{name}: not one volume by our rules, left out\n", file=sys.stderr)
    if options.only in "indexing":
        yield indexing(next(iter(series.values())), links, options.files, options.rounds)


def measure(name: str, folder: Path, n_rounds: int) -> list[Figure]:
    """Return two figures for a series: read from nothing, and with known headers."""
    children = {"cold": Child(ours_tasks, folder)}
    wanted = children["cold"].result("voxels")
    notes = []
    for peer in PEERS:
        child = Child(peer_tasks, peer, folder)
        said = child.result("check", wanted)
        if said:
            notes.append(f"{peer}: {said}")
        if said in ("", OTHER_ORDER):
            children[peer] = child
        else:
            child.end()
    contestants: dict[str, Callable[[], float]] = {
        "cold": lambda: children["cold"].time("cold"),
        "known": lambda: children["cold"].time("known"),
    }
    contestants |= {peer: _timed(children[peer]) for peer in PEERS if peer in children}
    times = in_turns(contestants, n_rounds=n_rounds)
    for child in children.values():
        child.end()
    peers = {peer: times[peer] for peer in PEERS if peer in times}
    size = f"{' x '.join(map(str, wanted.shape))} voxels"
    note = "; ".join([size, *notes])
    return [
        Figure(f"reading {name}, cold", times["cold"], peers, note=note),
        Figure(f"reading {name}, headers known", times["known"], peers, note=size),
    ]


def indexing(series: Path, out: Path, n_files: int, n_rounds: int) -> Figure:
    """Return the figure of reading headers: ours in guarded processes, beside pydicom told the same tags."""
    out.mkdir()
    files = sorted(series.iterdir())
    for number in range(n_files):
        (out / f"{number:06d}").hardlink_to(files[number % len(files)])
    ours, peer = Child(index_tasks, out), Child(pydicom_tasks, out)
    times = in_turns({"ours": lambda: ours.time("index"), "pydicom": lambda: peer.time("index")}, n_rounds=n_rounds)
    for child in (ours, peer):
        child.end()
    note = f"{n_files:,} files, guard on, digests of file and pixels included; pydicom only parses"
    return Figure("indexing", times["ours"], {"pydicom": times["pydicom"]}, note=note)


def index_tasks(folder: Path) -> Tasks:
    from scans.sandbox.pool import Guard

    guard, paths = Guard(), sorted(folder.iterdir())
    return {"index": lambda: len(guard.headers(paths))}


def pydicom_tasks(folder: Path) -> Tasks:
    from scans.header import ALSO_READ, Header, Identity
    from scans.tags import tags_of

    tags, paths = [*tags_of(Identity, Header), *ALSO_READ], sorted(folder.iterdir())

    def index() -> int:
        return sum(_read_values(path, tags) for path in paths)

    return {"index": index}


def _read_values(path: Path, tags: list[int]) -> int:
    dataset = dcmread(path, stop_before_pixels=True, specific_tags=tags)
    return sum(dataset.get(tag) is not None for tag in tags)


def _timed(child: Child) -> Callable[[], float]:
    return lambda: child.time("read")


OTHER_ORDER = "same values, slices in another order"


# --- ours ---------------------------------------------------------------------------------------


def ours_tasks(folder: Path) -> Tasks:
    """Read as the night does, guard on: headers, stacks, volume; or the volume of a known stack."""
    from scans.archive import list_files, real_path
    from scans.header import Header
    from scans.sandbox.pool import Guard
    from scans.stack import Member, Stack, group
    from scans.volume import read_volume

    guard = Guard()

    def stack() -> Stack:
        names = [entry.path for entry in list_files(folder)]
        headers = guard.headers([real_path(folder, name) for name in names])
        known = [(name, one) for name, one in zip(names, headers, strict=True) if isinstance(one, Header)]
        (only,) = group([Member(name, name, header) for name, header in known]).stacks  # an XML file lies in one series
        return only

    def volume(stack: Stack) -> Voxels:
        return read_volume(stack, folder, guard).voxels

    known = stack()
    return {"cold": lambda: volume(stack()), "known": lambda: volume(known), "voxels": lambda: volume(known)}


def is_one_volume(folder: Path) -> bool:
    """Say whether the files of a folder make one volume that is not refused."""
    from scans.outcome import Refusal

    try:
        ours_tasks(folder)["voxels"]()
    except (ValueError, Refusal):  # no stack, or several
        return False
    return True


# --- the peers ----------------------------------------------------------------------------------


def peer_tasks(peer: str, folder: Path) -> Tasks:
    """Read with one of the peers, voxels (z, y, x) float32."""
    read = {"SimpleITK": simpleitk, "MONAI": monai, "highdicom": highdicom, "dcm2niix": dcm2niix}[peer]

    def check(wanted: Voxels) -> str:
        try:
            found = read(folder)
        except Exception as error:  # whatever a reader raises on data that it does not take
            return f"refuses the series ({type(error).__name__})"
        return difference(found, wanted)

    return {"read": lambda: read(folder), "check": check}


def difference(found: Voxels, wanted: Voxels) -> str:
    """Say how a peer's voxels differ from ours, "" if they do not."""
    if found.size != wanted.size:
        return f"reads {' x '.join(map(str, found.shape))} voxels"
    for axes in ((0, 1, 2), (2, 1, 0), (0, 2, 1)):
        turned = found.transpose(axes)
        if turned.shape != wanted.shape:
            continue
        for flips in ((), (0,), (1,), (0, 1), (2,), (0, 2), (1, 2), (0, 1, 2)):
            if np.allclose(np.flip(turned, flips), wanted, atol=1e-3):
                return ""
    if np.allclose(np.sort(found, axis=None), np.sort(wanted, axis=None), atol=1e-3):
        return OTHER_ORDER
    return "reads other values"


def simpleitk(folder: Path) -> Voxels:
    import SimpleITK

    SimpleITK.ProcessObject_SetGlobalWarningDisplay(False)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    reader.SetOutputPixelType(SimpleITK.sitkFloat32)
    voxels: Voxels = SimpleITK.GetArrayFromImage(reader.Execute())
    return voxels


def monai(folder: Path) -> Voxels:
    import logging

    from monai.data.image_reader import PydicomReader

    logging.getLogger("monai").setLevel(logging.ERROR)
    reader = PydicomReader(swap_ij=False)
    voxels, _ = reader.get_data(reader.read(str(folder)))
    return np.ascontiguousarray(np.moveaxis(np.asarray(voxels, np.float32), -1, 0))


def highdicom(folder: Path) -> Voxels:
    import highdicom as hd
    from pydicom import dcmread

    volume = hd.get_volume_from_series([dcmread(path) for path in sorted(folder.iterdir())])
    return np.asarray(volume.array, np.float32)


def dcm2niix(folder: Path) -> Voxels:
    import nibabel

    with tempfile.TemporaryDirectory() as out:
        words = ["-z", "n", "-b", "n", "-v", "n", "-o", out, str(folder)]
        subprocess.run([DCM2NIIX, *words], check=True, capture_output=True)
        (only,) = Path(out).glob("*.nii")
        voxels = np.asarray(nibabel.nifti1.load(only).dataobj, np.float32)
    return np.ascontiguousarray(voxels.transpose(2, 1, 0))


# --- the series ---------------------------------------------------------------------------------


def phantom_series(out: Path) -> Iterator[tuple[str, Path]]:
    """Write one phantom chest CT, enlarged to SIDE x SIDE pixels, in each lossless transfer syntax."""
    from scans.phantoms.scanner import Storage
    from scans.phantoms.stored import add_pixels, describe_pixels
    from scans.phantoms.template import whole_file

    slices = enlarged(one_ct(out / "hospital"))
    for name, syntax in SYNTAXES.items():
        storage = Storage(syntax, bits_stored=12)
        folder = out / name
        folder.mkdir()
        for number, (dataset, frame) in enumerate(slices):
            describe_pixels(dataset, frame.shape, storage)
            add_pixels(dataset, frame, storage)
            (folder / f"{number:03d}").write_bytes(whole_file(dataset, syntax))
        yield f"phantom {name}", folder


def one_ct(out: Path) -> list[Dataset]:
    """Return the slices of the longest CT series among phantoms of several scanners."""
    from scans.phantoms.archive import write_archive

    write_archive(out, n_patients=8, n_visits=1, seed=5, kinds=("ct",))
    series: dict[str, list[Dataset]] = {}
    for path in (out / "archive").rglob("*"):
        dataset = dcmread(path, force=True) if path.is_file() else Dataset()
        if "ImagePositionPatient" in dataset and "LOCALIZER" not in dataset.ImageType:
            series.setdefault(dataset.SeriesInstanceUID, []).append(dataset)
    longest = max(series.values(), key=len)
    return list({dataset.SOPInstanceUID: dataset for dataset in longest}.values())


def enlarged(slices: list[Dataset]) -> list[tuple[Dataset, NDArray[np.uint16]]]:
    """Return each slice with SIDE x SIDE numbers of 12 bits: the phantom's, repeated, with noise of its own."""
    rng = np.random.default_rng(0)
    made = []
    for dataset in slices:
        stored = dataset.pixel_array * float(dataset.RescaleSlope) + float(dataset.RescaleIntercept) + 1024
        times = SIDE // stored.shape[0]
        large = np.kron(np.clip(stored, 0, None), np.ones((times, times)))
        frame = np.clip(np.rint(large + rng.normal(0, NOISE, large.shape)), 0, 4095).astype(np.uint16)
        dataset.RescaleSlope, dataset.RescaleIntercept = 1, -1024
        dataset.PixelSpacing = [float(mm) / times for mm in dataset.PixelSpacing]
        if "PixelPaddingValue" in dataset:
            del dataset.PixelPaddingValue
        made.append((dataset, frame))
    return made


def real_series(data: Path, out: Path) -> Iterator[tuple[str, Path]]:
    """Lay the files of every series flat into one folder, as the peers want them; packed ones are unpacked."""
    for path in sorted(data.iterdir()):
        name = path.name.removesuffix(".tar.xz")
        source = path
        if path.name.endswith(".tar.xz"):
            source = out / "unpacked" / name
            with tarfile.open(path) as packed:
                packed.extractall(source, filter="data")
        files = [file for file in sorted(source.rglob("*")) if file.is_file() and file.suffix != ".xml"]
        if files:
            (out / name).mkdir(parents=True)
            for number, file in enumerate(files):
                shutil.copy(file, out / name / f"{number:05d}")
            yield name, out / name


if __name__ == "__main__":
    main()
