import os

import torch

from siamese.training.checkpoint import FILE, Checkpoint, read_checkpoint, write_checkpoint

STATE = Checkpoint(
    run="r1",
    progress={"curve": [], "best_epoch": 2},
    weights={"a.b": torch.arange(3.0)},
    best_weights={"a.b": torch.ones(3)},
    optimiser={0: {"step": torch.tensor(5.0), "exp_avg": torch.zeros(3)}, 11: {"step": torch.tensor(5.0)}},
)


def test_checkpoint_comes_back_whole(tmp_path):
    write_checkpoint(tmp_path / "new", STATE)
    found = read_checkpoint(tmp_path / "new", "r1")
    assert found is not None
    assert found.progress == STATE.progress
    assert torch.equal(found.weights["a.b"], STATE.weights["a.b"])
    assert torch.equal(found.best_weights["a.b"], STATE.best_weights["a.b"])
    assert sorted(found.optimiser) == [0, 11]
    assert float(found.optimiser[0]["step"]) == 5.0


def test_checkpoint_of_another_run_is_none(tmp_path):
    write_checkpoint(tmp_path, STATE)
    assert read_checkpoint(tmp_path, "r2") is None


def test_missing_or_torn_checkpoint_is_none(tmp_path):
    assert read_checkpoint(tmp_path, "r1") is None
    write_checkpoint(tmp_path, STATE)
    for length in (100, 5, 0):
        os.truncate(tmp_path / FILE, length)
        assert read_checkpoint(tmp_path, "r1") is None


def test_one_file_is_kept(tmp_path):
    write_checkpoint(tmp_path, STATE)
    write_checkpoint(tmp_path, STATE)
    assert [p.name for p in tmp_path.iterdir()] == [FILE]
