"""Nights that train a head by a loss: the closed form serves first, and gives way to what is better alone."""

import json
from dataclasses import replace

import pytest
from nights import run
from sqlalchemy import insert, select, update

from db.base import table_of
from db.encoders import EncoderRow, active_encoders, all_encoders, chosen_encoders, held_encoders
from db.rows import mapping_of
from db.tables import Encoder, Patient
from evaluation.promotion import Decision
from flows.stages.encoder import train
from flows.stages.encoder.plan import plan
from flows.work.lease import night_ticket
from siamese.manifest import Manifest

BACKBONE = "efficientnet-lite0-2x2"
TRAINS = {
    "train_when": '"missing"', "backbone": f'"{BACKBONE}"', "loss": '"triplet"', "views": "1", "epochs": "2",
    "steps_per_epoch": "2", "purpose": '"patient"', "learning_rate": "1e-30",
}  # fmt: skip


@pytest.fixture
def site(make_site, write_dicom):
    """16 people at two visits each, taken in: ten for training, three for validation, three for test."""
    site = make_site(**TRAINS)
    for number in range(16):
        for visit in (1, 2):
            names = f"1.4.{number}.{visit}"
            write_dicom(site.archive / f"{number}-{visit}", patient=f"T{number}", study=names, series=f"{names}.1",
                        instance=f"{names}.1.1", date=f"20{10 + visit}0101", time="101500")  # fmt: skip
    run(site, "ingest")
    table = table_of(Patient)
    with site.db.write() as connection:
        for place, key in enumerate(sorted(connection.execute(select(table.c.key)).scalars())):
            connection.execute(update(table).where(table.c.key == key).values(split=place / 16))
    return site


def encoders(site):
    with site.db.read() as connection:
        return [(row, Manifest.from_json(row.manifest)) for row in all_encoders(connection) if row.cover == "2d"]


def active(site):
    with site.db.read() as connection:
        return next(row for row in active_encoders(connection) if row.cover == "2d")


def test_the_closed_form_serves_first_and_a_trained_head_is_held_with_its_figures(site):
    """Steps of 1e-30 move nothing, so no epoch is above the closed form; what was tried is told in a line."""
    run(site)
    assert [manifest.is_fitted for _, manifest in encoders(site)] == [True]
    first = active(site)
    summary = run(site)
    (trained,) = [manifest for _, manifest in encoders(site) if not manifest.is_fitted]
    assert active(site).id == first.id and (trained.origin, trained.purpose) == ("trained", "patient")
    assert {"validation", "test", "closed_form", "reference"} <= set(trained.figures)
    (held,) = [row for row in summary.held if row.id == trained.id]
    assert held.held_reason.startswith("triplet (semi-hard): no epoch was above the closed-form head, AUC ")
    assert held.held_reason.endswith(" on validation: not kept")
    assert plan(site, "2d").reason == "there is a trained encoder"
    assert not list((site.store / "training").iterdir())  # kept features and checkpoints are gone
    run(site)
    assert len(encoders(site)) == 2


def test_a_person_who_asks_for_a_training_gets_the_closed_form_first(site):
    run(site, "train")
    assert sorted(manifest.is_fitted for _, manifest in encoders(site)) == [False, True]
    assert Manifest.from_json(active(site).manifest).is_fitted


def better(manifest: Manifest, low: float) -> Manifest:
    figures = {"validation": {"auc": 0.9}, "closed_form": {"auc": 0.8, "lead": 0.1, "lead_low": low, "lead_high": 0.2}}
    settings = {"loss": "supcon", "miner": "hard", "memory": 0}
    text = json.loads(manifest.to_json()) | {"id": "c" * 16, "figures": figures, "settings": settings}
    return Manifest.from_json(json.dumps(text))


@pytest.mark.parametrize("low", [-0.01, 0.0, 0.01])
def test_only_a_lead_that_excludes_0_goes_the_way_of_promotion(make_site, write_dicom, monkeypatch, low):
    site, asked = make_site(), []
    write_dicom(site.archive / "one", patient="T", study="1.4", series="1.4.1", instance="1.4.1.1", date="20100101")
    run(site)
    decision = Decision(True, False, ("better than every baseline",))
    monkeypatch.setattr("flows.stages.encoder.promote.decide_on", lambda *_: asked.append(1) or decision)
    row, manifest = encoders(site)[0]
    candidate = better(manifest, low)
    with site.db.write() as connection:
        connection.execute(insert(Encoder), mapping_of(row) | {"id": candidate.id, "origin": "trained"})
    with night_ticket(site, version="0", tick_at=None) as ticket:
        assert train.promote(site, ticket, candidate, [active(site)]) == int(low > 0) == len(asked)
    with site.db.read() as connection:
        held, chosen = held_encoders(connection), chosen_encoders(connection)
    line = f"supcon: AUC 0.900 on validation, +0.100 ({low:+.3f} to +0.200) over the closed-form head: "
    if low > 0:
        assert chosen[0].chosen_reason == f"{line}better; better than every baseline" and not held
    else:
        assert held[0].held_reason == f"{line}not kept" and not chosen


def test_a_first_encoder_for_findings_is_held_against_what_serves_for_patients(make_site, write_dicom, monkeypatch):
    site, asked = make_site(), []
    write_dicom(site.archive / "one", patient="T", study="1.4", series="1.4.1", instance="1.4.1.1", date="20100101")
    run(site)
    decision = Decision(True, False, ("better than every baseline",))
    monkeypatch.setattr("flows.stages.encoder.promote.decide_on", lambda *given: asked.append(given[2:]) or decision)
    row, manifest = encoders(site)[0]
    serving = EncoderRow(**mapping_of(row) | {"origin": "trained", "purpose": "patient"})
    candidate = replace(better(manifest, 0.01), purpose="finding")
    with site.db.write() as connection:
        new = {"id": candidate.id, "origin": "trained", "purpose": "finding"}
        connection.execute(insert(Encoder), mapping_of(row) | new)
    with night_ticket(site, version="0", tick_at=None) as ticket:
        assert train.promote(site, ticket, candidate, [serving]) == 1
    assert asked == [(candidate.id, serving.id)]


def test_every_loss_needs_a_backbone_with_weights_of_its_own(make_site):
    site = make_site(train_when='"missing"', loss='"every"')
    assert plan(site, "2d").reason == 'backbone small brings no weights, and loss = "every" compares heads on those'
