"""Engine and precision: names of their own, vectors near those of torch, refused where a machine has them not."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from siamese import arithmetic
from siamese.arithmetic import ArithmeticMissing, arithmetic_refusal, by_openvino, worked_by
from siamese.choices import missing_engine
from siamese.embedding import embed
from siamese.encoder import build, load, save
from siamese.manifest import Manifest
from siamese.training.head import fit_on_trunk, starter_of

BACKBONE = "efficientnet-lite0-2x2"
needs_openvino = pytest.mark.skipif(bool(missing_engine("openvino")), reason="the extra openvino is not installed")
OTHERS = [("torch", "bf16"), ("openvino", "float32"), ("openvino", "bf16")]


def scans_of(encoder, n=2):
    rng = np.random.default_rng(3)
    shape = encoder.recipe.shape
    ramp = np.linspace(0.2, 1, shape[-1], dtype=np.float32)
    return [rng.random((1, *shape), np.float32) * ramp ** (k + 1) for k in range(n)]


@pytest.fixture(scope="module", params=["2d", "3d"])
def trunk(request):
    return starter_of(BACKBONE, request.param)


@pytest.fixture
def able(monkeypatch):
    """A machine that has everything: torch works bf16 out where the processor cannot."""
    monkeypatch.setattr(arithmetic, "has_bf16", lambda device: True)


def cosines(left, right):
    return (left.astype(np.float64) * right).sum(axis=1)


@pytest.mark.parametrize(("engine", "precision"), OTHERS)
def test_other_arithmetic_is_another_encoder_and_survives_its_file(engine, precision, tmp_path: Path):
    plain = build("small", "2d")
    before = plain.manifest.id
    named = worked_by(build("small", "2d"), engine, precision)
    assert named.manifest.id != before and named.manifest.weights_sha256 == plain.manifest.weights_sha256
    assert worked_by(plain, "torch", "float32").manifest.id == before
    save(named, tmp_path)
    assert (load(tmp_path).manifest.engine, load(tmp_path).manifest.precision) == (engine, precision)
    assert len({worked_by(build("small", "2d"), *other).manifest.id for other in OTHERS}) == len(OTHERS)


def test_a_manifest_without_arithmetic_is_torchs_float32_under_its_old_name():
    manifest = build("small", "2d").manifest
    older = json.loads(manifest.to_json())
    del older["engine"], older["precision"]
    read = Manifest.from_json(json.dumps(older))
    assert read == manifest and read.fingerprint() == manifest.id


def test_bf16_is_near_float32_and_rounded(able):
    trunk, named = starter_of(BACKBONE, "2d"), starter_of(BACKBONE, "2d", precision="bf16")
    scans = scans_of(trunk)
    plain, rounded = embed(trunk, scans), embed(named, scans)
    assert rounded.dtype == np.float32 and cosines(plain, rounded).min() > 0.995
    assert np.abs(plain - rounded).max() > 1e-5  # float32 differs by a hundredth of that
    assert torch.equal(trunk.backbone.stem.weight, named.backbone.stem.weight)  # what is kept stays float32


def test_what_a_machine_has_not_is_refused_with_a_sentence(monkeypatch):
    monkeypatch.setattr(arithmetic, "has_bf16", lambda device: False)
    named = worked_by(build("small", "2d"), "torch", "bf16")
    with pytest.raises(ArithmeticMissing, match=rf"encoder {named.manifest.id}: bf16 needs a processor that has it"):
        embed(named, [np.zeros((1, 128, 128), np.float32)])
    monkeypatch.setattr("siamese.choices.find_spec", lambda module: None)
    assert "pip install 'scantwin[openvino]'" in arithmetic_refusal("openvino", "float32", "cpu")
    assert '"cpu"' in arithmetic_refusal("openvino", "float32", "cuda")
    assert arithmetic_refusal("torch", "float32", "cuda") == ""
    assert "wanted one of torch, openvino" in arithmetic_refusal("abacus", "float32", "cpu")


def test_a_head_is_fitted_to_the_features_that_it_will_see(plain_cohort, monkeypatch):
    seen = []

    def features(encoder, tensors, **_):
        seen.append(encoder.manifest.precision)
        raise InterruptedError

    monkeypatch.setattr("siamese.training.head.features", features)
    with pytest.raises(InterruptedError):
        fit_on_trunk(plain_cohort, cover="2d", backbone=BACKBONE, precision="bf16")
    assert seen == ["bf16"]


@needs_openvino
def test_openvino_is_near_torch_and_the_same_for_any_number_of_threads(trunk):
    named = starter_of(BACKBONE, trunk.manifest.cover, engine="openvino")
    scans = scans_of(trunk)
    assert cosines(embed(trunk, scans), embed(named, scans)).min() >= 0.99999
    shape = (1, 1, *trunk.recipe.shape)
    one, two = (by_openvino(named, shape, "float32", n)(torch.from_numpy(scans[0][None])) for n in (1, 2))
    assert torch.equal(one, two)
    assert torch.equal(by_openvino(named, shape, "float32", 1)(torch.from_numpy(scans[0][None])), one)


CODE = """
import socket, sys
def refuse(*_): raise AssertionError("the network was used")
socket.socket.connect = socket.getaddrinfo = refuse
import numpy as np
from siamese.embedding import embed
from siamese.training.head import fit_on_trunk, starter_of
embed(starter_of("efficientnet-lite0", "2d", engine="openvino"), [np.eye(320, dtype=np.float32)[None]])
assert sys.modules["openvino_telemetry"] is None
"""


@needs_openvino
def test_openvino_tells_nobody_and_writes_nothing(tmp_path: Path):
    environment = os.environ | {"HOME": str(tmp_path), "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    subprocess.run([sys.executable, "-c", CODE], env=environment, cwd=tmp_path, check=True, timeout=200)
    assert not [path for path in tmp_path.rglob("*") if "intel" in path.name.lower() or "openvino" in path.name]
