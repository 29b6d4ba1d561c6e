"""A series that names no part takes that of its siblings, whenever they arrive, and loses it with them."""

import shutil

import pytest
from nights import run, tables
from sqlalchemy import select

from db.base import table_of
from db.tables import Scan


@pytest.fixture
def put(write_dicom):
    def write(archive, series, part, frame="1.2.9"):
        for z in range(4):
            write_dicom(
                archive / series / str(z), patient="P1", study="1.2.3", series=f"1.2.3.{series}",
                instance=f"1.2.3.{series}.{z}", date="20200101", modality="CT", BodyPartExamined=part,
                FrameOfReferenceUID=frame, ImagePositionPatient=[0, 0, 5.0 * z], StudyDescription="",
            )  # fmt: skip

    return write


def kinds(site):
    scan = table_of(Scan)
    with site.db.read() as connection:
        rows = connection.execute(select(scan.c.kind, scan.c.state).where(scan.c.state != "withdrawn")).tuples()
        return sorted(map(tuple, rows))


ALONE = [("ct/unknown/3d", "held_back")]
BOTH = [("ct/head/3d", "accepted")] * 2


def test_siblings_may_arrive_later_and_go_again(make_site, put):
    site = make_site()
    put(site.archive, "1", "")
    run(site, "ingest")
    assert kinds(site) == ALONE
    put(site.archive, "2", "HEAD")
    run(site, "ingest")
    assert kinds(site) == BOTH
    shutil.rmtree(site.archive / "2")
    run(site, "ingest")
    assert kinds(site) == ALONE


def test_every_order_gives_the_same_tables(make_site, put):
    first, second, together = (make_site(name) for name in ("first", "second", "together"))
    for site, order in ((first, "12"), (second, "21")):
        for series in order:
            put(site.archive, series, "HEAD" if series == "2" else "")
            run(site)
    put(together.archive, "1", "")
    put(together.archive, "2", "HEAD")
    run(together)
    assert kinds(first) == kinds(second) == kinds(together) == BOTH
    assert tables(first) == tables(second) == tables(together)


def test_a_series_of_another_frame_of_reference_says_nothing(make_site, put):
    site = make_site()
    put(site.archive, "1", "")
    put(site.archive, "2", "HEAD", frame="1.2.10")
    run(site, "ingest")
    assert kinds(site) == [("ct/head/3d", "accepted"), *ALONE]
