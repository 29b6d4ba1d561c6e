"""`scantwin evaluate --folds`: whom each of five encoders is asked about, what is recorded, what a kill leaves."""

import json
import shutil

import pytest
from nights import evaluations, run, write_pairs

from evaluation.baselines import REQUIRED
from flows.evaluate import folds
from flows.evaluate.folds import evaluate_folds
from flows.evaluate.request import EvaluationRequest
from flows.evaluate.seeds import evaluate_seeds, spreads
from flows.site.errors import NotFound
from siamese.training.fit import fit

FEW = {"n_resamples": 50, "n_permutations": 20}
SMALL = {"epochs": "1", "steps_per_epoch": "1", "dim": "64", "fewest_patients": "1000",
         "backbone": '"small"', "loss": '"triplet"'}  # fmt: skip
N_PATIENTS = 30


@pytest.fixture(scope="session")
def archive_of_pairs(tmp_path_factory, write_dicom):
    """X-rays of 30 people at two visits each."""
    return write_pairs(write_dicom, tmp_path_factory.mktemp("pairs"), n_patients=N_PATIENTS, letter="F")


@pytest.fixture
def site(make_site, archive_of_pairs):
    return filled(make_site(**SMALL), archive_of_pairs)


def filled(site, archive_of_pairs):
    shutil.copytree(archive_of_pairs, site.archive, dirs_exist_ok=True)
    run(site, "ingest")
    return site


def test_five_encoders_answer_each_for_whom_it_never_saw_and_one_row_says_so(make_site, archive_of_pairs, db_url):
    site = filled(make_site(url=db_url, **SMALL), archive_of_pairs)
    found = evaluate_folds(site, EvaluationRequest(**FEW))
    assert (found.task, found.folds, found.encoder) == ("patient", 5, None)
    assert [fold.fold for fold in found.disjoint] == [f"fold {n}" for n in (1, 2, 3, 4, 5)]
    assert sum(fold.asked_patients for fold in found.disjoint) == N_PATIENTS
    for fold in found.disjoint:
        assert fold.seen_patients + fold.asked_patients == N_PATIENTS and fold.shared_patients == 0
    assert set(found.baselines) == set(REQUIRED)
    (row,) = evaluations(site)
    assert (row["folds"], row["encoder"], row["reading"], row["cover"]) == (5, None, 1, "2d")
    page = (site.store / "evidence" / "evaluation-2d-00001.html").read_text()
    assert "five encoders were trained" in page and "none of them was kept" in page
    assert not list((site.store / "training").iterdir())  # nobody's traces stay behind


def test_a_killed_run_goes_on_with_the_fold_it_stood_at(site, monkeypatch):
    trained = []

    def watched(examples, **more):
        if len(trained) == 2:
            raise KeyboardInterrupt
        trained.append(more["work"].name)
        return fit(examples, **more)

    monkeypatch.setattr("siamese.training.make.fit", watched)
    with pytest.raises(KeyboardInterrupt):
        evaluate_folds(site, EvaluationRequest(**FEW))
    assert evaluations(site) == [] and trained == ["fold-1", "fold-2"]
    monkeypatch.setattr(
        "siamese.training.make.fit", lambda examples, **more: trained.append(more["work"].name) or fit(examples, **more)
    )
    evaluate_folds(site, EvaluationRequest(**FEW))
    assert trained == ["fold-1", "fold-2", "fold-3", "fold-4", "fold-5"]
    assert len(evaluations(site)) == 1


def test_three_hundred_patients_are_told_to_use_the_split(site, monkeypatch):
    monkeypatch.setattr("evaluation.folds.FEWEST_FOR_SPLIT", N_PATIENTS)
    with pytest.raises(NotFound, match="a test fifth is asked, not folds"):
        evaluate_folds(site, EvaluationRequest(**FEW))
    assert evaluations(site) == []


def test_no_pairs_to_learn_from_are_a_sentence_and_no_row(site, tmp_path):
    labels = tmp_path / "labels.csv"
    labels.write_text("patient,finding,value\nF1,nodule,present\n")
    with pytest.raises(NotFound, match=r"2d: 0 alike pairs for purpose finding in train"):
        evaluate_folds(site, EvaluationRequest(against=labels, **FEW))
    assert evaluations(site) == []


def test_seeds_are_readings_of_their_own_with_mean_and_spread(site):
    found = evaluate_seeds(site, EvaluationRequest(**FEW), seeds=2)
    assert [row["reading"] for row in evaluations(site)] == [1, 2]
    (pooled,) = found.seeds
    values = [json.loads(row["result"])["metrics"]["p_at_1"]["value"] for row in evaluations(site)]
    assert (pooled.cover, pooled.seeds, pooled.readings) == ("2d", 2, [1, 2])
    first = pooled.metrics["p_at_1"]
    assert first.mean == pytest.approx(sum(values) / 2)
    assert (first.low, first.high) == (min(values), max(values))
    assert set(pooled.lift) >= {"chance", "thumbnail", "untrained"}
    assert spreads([found])[0].metrics["p_at_1"].deviation == 0.0


def test_the_command_says_that_five_encoders_were_asked(site, call):
    code, out, _ = call("evaluate", "--folds", "--config", site.config, "--time-budget-minutes", "1")
    assert code == 0 and "five encoders, one a fold" in out and "fold 5: patients known to the encoder" in out
    assert call("evaluate", "--seeds", "3", "--config", site.config)[0] == 2
    assert call("evaluate", "--folds", "--encoder", "x", "--config", site.config)[0] == 2


def test_the_budget_of_a_training_is_the_one_asked_for(site):
    assert folds.settings_of(site, "2d", 2.0, 7).time_budget_s == 120
    assert folds.settings_of(site, "2d", None, 7).seed == 7
