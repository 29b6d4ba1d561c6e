"""Promise 3 with kinds from pixels: the tables are a function of archive, encoder and classifier."""

import contextlib
import random

import numpy as np
import pytest
from nights import Killed, killed_at_commit, run, tables
from sqlalchemy import select

from db.encoders import active_encoders, save_encoder, set_active_encoder
from db.kinds import FROM_PIXELS, save_classifier, told_vectors
from db.rows import mapping_of
from db.tables import SCAN
from flows.operator.kind_classifiers import stop_kinds, use_kinds
from flows.records.pixel_kinds import folder_of
from flows.stages.match.verify import verify_matches
from siamese.kinds.classifier import FamilyModel, KindClassifier
from siamese.vector_bytes import from_bytes

CHEST, KNEE = "xr/chest/2d/frontal", "xr/knee/2d/frontal"
N_COMMITS = 40


@pytest.fixture
def deliver(hospital, write_dicom, tmp_path):
    """Put the files of the small hospital into an archive, and films of two people whose part no tag tells."""
    odd = []
    for number in (5, 6):
        names = f"1.2.7{number}"
        odd.append(write_dicom(
            tmp_path / "odd" / f"odd{number}", patient=f"P{number}", study=names, series=f"{names}.1",
            instance=f"{names}.1.1", date=f"2020070{number}", BodyPartExamined="XYZ",
        ))  # fmt: skip
    every = [*hospital.files, *odd]

    def put(archive, files=every):
        for file in files:
            (archive / file.name).write_bytes(file.read_bytes())

    put.files = every
    return put


def install(site):
    """Use a classifier by which every vector looks like a chest: the one that the first film's vector makes."""
    with site.db.read() as connection:
        encoder = next(row for row in active_encoders(connection) if row.cover == "2d")
        vectors = {row.scan: from_bytes(row.vector) for row in told_vectors(connection, encoder.id, "2d")}
    mean = vectors[min(vectors)].astype(np.float64)
    model = FamilyModel(
        (CHEST, KNEE), (CHEST,), np.stack([mean, -mean]), 1.0, np.zeros((1, len(mean))), 9.0, 0.0, 1240, 5
    )
    classifier = KindClassifier(encoder.id, "2d", {"xr": model})
    classifier.save(folder_of(site, classifier.id))
    with site.db.write() as connection:
        save_classifier(connection, {"id": classifier.id, "encoder": encoder.id, "cover": "2d", "figures": "[]",
                                     "n_named": 1240, "n_wrong": 5})  # fmt: skip
    return use_kinds(site, classifier.id).in_use[0]


def named(site):
    """Kind, state and whether it is a main scan, of the scans whose kind is from pixels, and of those held back."""
    columns = (SCAN.c.kind, SCAN.c.state, SCAN.c.is_main, SCAN.c.kind_rule)
    wanted = SCAN.c.kind_rule.startswith(FROM_PIXELS) | (SCAN.c.state == "held_back")
    with site.db.read() as connection:
        return [tuple(row) for row in connection.execute(select(*columns).where(wanted).order_by(SCAN.c.key))]


def decided(site):
    """The tables without vectors: those that a scan was given stay when its kind goes."""
    return {name: rows for name, rows in tables(site).items() if name != "vectors"}


FOUND = (CHEST, "accepted", True, "kind from pixels, 0.4 % wrong on 1,240 others")


def test_in_one_night_a_scan_without_a_kind_gets_vector_kind_and_lists(make_site, deliver, db_url):
    site = make_site(url=db_url)
    deliver(site.archive)
    run(site)
    before = decided(site)
    assert [row[:2] for row in named(site)] == [("xr/unknown/2d/frontal", "held_back")] * 2
    install(site)
    run(site)
    assert named(site) == [FOUND] * 2
    with site.db.read() as connection:
        encoder = next(row.id for row in active_encoders(connection) if row.cover == "2d")
        n_told = len(list(told_vectors(connection, encoder, "2d")))
    assert n_told == len([row for row in before["scans"] if row[3] == CHEST])  # nothing is learned from what was named
    listed = {row[0] for row in decided(site)["matches"]} - {row[0] for row in before["matches"]}
    assert len(listed) == 2  # both have earlier scans of other patients now
    assert {row[2] for row in decided(site)["files"] if row[2] == "kind-unknown"} == set()
    assert verify_matches(site).wrong == 0
    after = tables(site)
    assert run(site).state == "nothing_new" and tables(site) == after
    stop_kinds(site)
    run(site)
    assert decided(site) == before and verify_matches(site).wrong == 0


@pytest.mark.parametrize("seed", range(2))
def test_whatever_order_and_wherever_it_is_killed_the_tables_end_the_same(
    make_site, deliver, db_url, monkeypatch, seed
):
    calm = make_site("calm")
    deliver(calm.archive)
    run(calm)
    classifier = install(calm)
    run(calm)
    first = next(file for file in deliver.files if file.name == "00")
    site, rng = make_site(url=db_url), random.Random(seed)
    files = list(deliver.files)
    rng.shuffle(files)
    half = files[: len(files) // 2]
    deliver(site.archive, [first])
    run(site)
    copy_classifier(calm, site, classifier)
    n_killed = 0
    for some in (half, files):
        deliver(site.archive, some)
        for _ in range(2):
            number, after = rng.randint(1, N_COMMITS), rng.random() < 0.5
            with killed_at_commit(site, number, monkeypatch, after=after), contextlib.suppress(Killed):
                run(site)
                n_killed -= 1
            n_killed += 1
    assert n_killed, "nothing was killed: this test proves nothing"
    run(site)
    assert named(site) == [FOUND] * 2
    assert tables(site) == tables(calm) and verify_matches(site).wrong == 0


def copy_classifier(source, target, classifier):
    """Put the classifier of one site into another, and use it."""
    folder = folder_of(target, classifier)
    folder.mkdir(parents=True)
    for file in folder_of(source, classifier).iterdir():
        (folder / file.name).write_bytes(file.read_bytes())
    with target.db.read() as connection:
        encoder = next(row for row in active_encoders(connection) if row.cover == "2d")
    with target.db.write() as connection:
        save_classifier(connection, {"id": classifier, "encoder": encoder.id, "cover": "2d", "figures": "[]",
                                     "n_named": 1240, "n_wrong": 5})  # fmt: skip
    use_kinds(target, classifier)


def test_another_encoder_takes_the_classifier_with_it_in_the_same_night_and_the_report_says_so(make_site, deliver):
    site = make_site()
    deliver(site.archive)
    run(site)
    classifier = install(site)
    run(site)
    assert named(site) == [FOUND] * 2
    run(site, "ingest")
    with site.db.write() as connection:
        row = next(row for row in active_encoders(connection) if row.cover == "2d")
        save_encoder(connection, mapping_of(row) | {"id": "other"})
        set_active_encoder(connection, cover="2d", purpose=row.purpose, encoder="other", reason="test")
    summary = run(site, "embed", "match")  # as when the switch comes after the archive was read
    assert [row[:2] for row in named(site)] == [("xr/unknown/2d/frontal", "held_back")] * 2
    (alarm,) = [alarm for alarm in summary.watch if alarm["code"] == "kinds-off"]
    assert alarm["facts"].startswith(f"{classifier}: encoder {row.id}")
    assert verify_matches(site).wrong == 0
    assert not [alarm for alarm in run(site).watch if alarm["code"] == "kinds-off"]


def test_an_input_that_was_dropped_is_made_again_for_a_scan_without_a_kind(make_site, deliver):
    site = make_site()
    deliver(site.archive)
    run(site)
    with site.db.read() as connection:
        held = connection.execute(select(SCAN.c.key, SCAN.c.recipe).where(SCAN.c.state == "held_back")).all()
    for scan, recipe in held:
        site.tensor(recipe, scan).unlink()
    install(site)
    run(site)
    assert named(site) == [FOUND] * 2
