"""Promise 1 for files that change while a night reads them, and for files with odd dates."""

import os
import shutil

import pytest
from nights import run, tables
from sqlalchemy import select

from db.tables import File, IdentityFile
from flows.stages.ingest import headers

LOST = "3"


def put(write_dicom, archive, z, **tags):
    return write_dicom(
        archive / str(z), patient="P1", study="1.2.3", series="1.2.3.1", instance=f"1.2.3.1.{z}", date="20200101",
        modality="CT", ImagePositionPatient=[0, 0, 5.0 * int(z)], **tags,
    )  # fmt: skip


def folder(file):
    file.unlink()
    file.mkdir()


def link(file):
    file.rename(file.parent.parent / "elsewhere")
    file.symlink_to(file.parent.parent / "elsewhere")


def pipe(file):
    file.unlink()
    os.mkfifo(file)


def shorten(file):
    file.write_bytes(file.read_bytes()[:-100])


def rewrite(file):
    content = file.read_bytes()
    file.write_bytes(content[:-2] + b"\x07\x00")
    os.utime(file, ns=(1, file.stat().st_mtime_ns + 1))


def between(monkeypatch, change):
    """Let something happen when all headers are read and no pixels are."""
    settle = headers.finish_persons

    def changing(*words):
        change()
        return settle(*words)

    monkeypatch.setattr(headers, "finish_persons", changing)


def codes(site):
    with site.db.read() as connection:
        rows = select(IdentityFile.path, File.code).join(File, File.key == IdentityFile.key)
        return dict(connection.execute(rows).tuples().all())


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda file: file.unlink(), "gone"), (folder, "not-a-regular-file"), (link, "not-a-regular-file"),
        (pipe, "not-a-regular-file"), (shorten, "still-arriving"), (rewrite, "still-arriving"),
        (lambda file: shutil.rmtree(file.parent / "deep", ignore_errors=True) or file.unlink(), "gone"),
    ],
)  # fmt: skip
def test_a_slice_that_changes_before_its_pixels_are_read_ends_alone_and_the_next_night_goes_on(
    make_site, write_dicom, monkeypatch, change, code
):
    site = make_site()
    for z in range(6):
        put(write_dicom, site.archive, z)
    with monkeypatch.context() as patch:
        between(patch, lambda: change(site.archive / LOST))
        first = run(site, "ingest")
    found = codes(site)
    assert found.pop(LOST) == code
    assert set(found.values()) == {"still-arriving"} and len(found) == 5
    assert sum(first.files[name] for name in ("used", "skipped", "quarantined", "waiting", "gone")) == 6
    with site.db.read() as connection:
        whys = set(connection.scalars(select(File.why).where(File.why.contains("of its scan"))))
    assert whys == {"1 of 6 files of its scan went or changed while they were read"}
    run(site, "ingest")
    calm = make_site("calm")
    shutil.copytree(site.archive, calm.archive, dirs_exist_ok=True, symlinks=True, ignore=pipes)
    if (site.archive / LOST).is_fifo():
        os.mkfifo(calm.archive / LOST)
    run(calm, "ingest")
    assert tables(site)["files"] == tables(calm)["files"]


def pipes(folder, names):
    return [
        name
        for name in names
        if os.path.exists(f"{folder}/{name}") and (os.stat(f"{folder}/{name}").st_mode >> 12) == 1
    ]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_slice_that_may_not_be_read_any_more_ends_alone(make_site, write_dicom, monkeypatch):
    site = make_site()
    for z in range(6):
        put(write_dicom, site.archive, z)
    with monkeypatch.context() as patch:
        between(patch, lambda: (site.archive / LOST).chmod(0))
        run(site, "ingest")
    assert codes(site) == {str(z): "no-permission" if str(z) == LOST else "still-arriving" for z in range(6)}
    (site.archive / LOST).chmod(0o600)
    run(site, "ingest")
    assert set(codes(site).values()) == {"used"}


def test_a_slice_that_the_disk_forbids_for_a_night_ends_alone_and_is_looked_at_again(
    make_site, write_dicom, monkeypatch
):
    from scans.outcome import NoPermission

    site = make_site()
    for z in range(6):
        put(write_dicom, site.archive, z)

    def forbidding(opener):
        def opened(path):
            if path.name == LOST:
                raise NoPermission()
            return opener(path)

        return opened

    with monkeypatch.context() as patch:
        for module in ("scans.pixels", "flows.stages.ingest.changed"):
            patch.setattr(f"{module}.open_regular", forbidding(__import__(module, fromlist=["_"]).open_regular))
        run(site, "ingest")
    assert codes(site) == {str(z): "no-permission" if str(z) == LOST else "still-arriving" for z in range(6)}
    run(site, "ingest")
    assert set(codes(site).values()) == {"used"}


def test_files_that_are_replaced_while_they_are_read_make_no_scan_of_other_pixels(make_site, write_dicom, monkeypatch):
    from flows.stages.ingest import scans

    site = make_site()
    for z in range(6):
        put(write_dicom, site.archive, z)
    read = scans.read_volume

    def replacing(stack, *words):
        rewrite(site.archive / LOST)  # the header pass saw other bytes than the pixels are read from
        return read(stack, *words)

    with monkeypatch.context() as patch:
        patch.setattr(scans, "read_volume", replacing)
        run(site, "ingest")
    assert set(codes(site).values()) == {"still-arriving"}
    assert list((site.store / "tensors").rglob("*.npy*")) == []
    run(site, "ingest")
    assert set(codes(site).values()) == {"used"}


def test_a_copy_that_goes_before_it_is_compared_ends_alone(make_site, write_dicom, monkeypatch):
    from pydicom import dcmread
    from pydicom.uid import RLELossless

    site = make_site()
    for z in range(6):
        put(write_dicom, site.archive, z)
    packed = dcmread(site.archive / LOST)
    packed.compress(RLELossless, generate_instance_uid=False)
    packed.save_as(site.archive / "packed")
    with monkeypatch.context() as patch:
        between(patch, (site.archive / "packed").unlink)
        run(site, "ingest")
    found = codes(site)
    assert found["packed"] == "gone" and "uid-conflict" not in found.values()
    run(site, "ingest")
    assert {found for path, found in codes(site).items() if path != "packed"} == {"used"}


@pytest.mark.parametrize(
    "seconds", [15_032_385_535, 9_223_372_037, 0, -(2**31)], ids=["2446", "2262", "1970", "1901"]
)  # fmt: skip
def test_a_file_of_any_date_is_read_at_once_and_once(make_site, write_dicom, seconds):
    site = make_site()
    for z in range(6):
        os.utime(put(write_dicom, site.archive, z), ns=(0, seconds * 10**9 + 7))
    assert run(site, "ingest").files["used"] == 6
    assert run(site, "ingest").files_this_night["seen"] == 0
    (site.archive / LOST).unlink()
    put(write_dicom, site.archive, LOST, Manufacturer="Another maker")
    os.utime(site.archive / LOST, ns=(0, seconds * 10**9 + 7))
    assert run(site, "ingest").scans["withdrawn"] == 1
