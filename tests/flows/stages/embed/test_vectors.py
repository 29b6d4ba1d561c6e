"""Vectors are made as their encoder's name says, or not at all; inputs are read a batch at a time."""

import pytest
from nights import run

from db.encoders import active_encoders
from flows.night.preflight import arithmetic_is_there
from flows.operator.doctor import examine
from flows.records.recipes import own_backbone, own_recipe
from flows.site.errors import DeviceMissing, PreflightRefused
from flows.stages.embed import vectors
from flows.stages.embed.vectors import backlog, device_for, embed_scans
from flows.stages.encoder.plan import _is_as_set, training_settings
from flows.stages.encoder.train import choose_encoders
from flows.work.lease import night_ticket
from siamese import arithmetic
from siamese.manifest import Manifest

TRUNK = '"efficientnet-lite0-2x2"'


def starter(site, cover="2d"):
    with night_ticket(site, version="test") as ticket:
        choose_encoders(site, ticket)
    with site.db.read() as connection:
        return next(row for row in active_encoders(connection) if row.cover == cover)


@pytest.fixture
def bf16(monkeypatch):
    """Say whether this machine has it."""
    return lambda has: monkeypatch.setattr(arithmetic, "has_bf16", lambda device: has)


def test_new_encoders_work_as_the_settings_say_and_only_where_that_can_be_had(make_site, bf16):
    site = make_site(backbone=TRUNK, precision='"bf16"')
    bf16(True)
    row = starter(site)
    assert Manifest.from_json(row.manifest).precision == "bf16" and _is_as_set(site, row)
    assert device_for(site, row.id) in ("cpu", "cuda")
    arithmetic_is_there(site)
    bf16(False)
    with pytest.raises(DeviceMissing, match=rf"encoder {row.id}: bf16 needs a processor that has it"):
        device_for(site, row.id)
    with pytest.raises(PreflightRefused, match=r'precision = "bf16": bf16 needs a processor'):
        arithmetic_is_there(site)
    assert [f.ok for f in examine(site.config) if f.check == "arithmetic is there"] == [False]


def test_an_encoder_of_other_arithmetic_is_not_the_one_that_the_settings_ask_for(make_site, monkeypatch):
    plain = make_site(backbone=TRUNK)
    row = starter(plain)
    monkeypatch.setattr("siamese.choices.find_spec", lambda module: True)
    other = make_site("other", backbone=TRUNK, engine='"openvino"')
    assert _is_as_set(plain, row) and not _is_as_set(other, row)
    assert training_settings(other, "2d").engine == "openvino"
    assert "engine" not in training_settings(other, "2d").named()  # the manifest says it beside the settings


def test_openvino_keeps_to_the_cpu_where_there_is_a_gpu(make_site, monkeypatch):
    monkeypatch.setattr("siamese.choices.find_spec", lambda module: True)
    site = make_site(backbone=TRUNK, engine='"openvino"')
    row = starter(site)
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert device_for(site, row.id) == "cpu"


def test_a_backbone_for_volumes_leaves_films_to_the_default(make_site, monkeypatch):
    monkeypatch.setattr("siamese.choices.find_spec", lambda module: True)
    site = make_site(backbone='"i3resnet152-ct"')
    assert {cover: own_backbone(site, cover) for cover in ("3d", "2d")} == {
        "3d": "i3resnet152-ct", "2d": "efficientnet-lite0",
    }  # fmt: skip
    assert [own_recipe(site, cover).name for cover in ("3d", "2d")] == ["chest-ct-3d", "film-2d"]
    assert training_settings(site, "2d").backbone == "efficientnet-lite0"


def test_inputs_are_read_a_batch_at_a_time(make_site, hospital, monkeypatch):
    site = make_site(batch_size="2")
    hospital.deliver(site.archive, hospital.files[:6])
    run(site, "ingest")
    read, at_once, made = [], [], vectors._vectors
    whole = vectors._input
    monkeypatch.setattr(vectors, "_input", lambda path, recipe: read.append(path) or whole(path, recipe))

    def counted(network, inputs, batch_size, device):
        at_once.append(len(read))
        read.clear()
        return made(network, inputs, batch_size, device)

    monkeypatch.setattr(vectors, "_vectors", counted)
    with night_ticket(site, version="test") as ticket:
        choose_encoders(site, ticket)
        encoder, scans = max(backlog(site).items(), key=lambda item: len(item[1]))
        counts = embed_scans(site, ticket, [f"{encoder} {scan}" for scan in scans])
    assert counts["new_embeddings"] == len(scans) > 2
    assert max(at_once) == 2 and sum(at_once) == len(scans)
