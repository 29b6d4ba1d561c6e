"""`scantwin evaluate --learning-curve`: what is trained, what is asked, what is written, what a kill leaves."""

import json
import shutil

import pytest
from nights import evaluations, run, write_pairs
from sqlalchemy import select, update

from db.tables import Patient
from flows.evaluate.learning_curve import learning_curves
from flows.evaluate.one import evaluate_site
from flows.evaluate.request import EvaluationRequest
from flows.site.errors import NotFound, WrongUsage
from siamese.training.fit import fit

SMALL = {"epochs": "1", "steps_per_epoch": "1", "dim": "64", "fewest_patients": "1000",
         "backbone": '"small"', "loss": '"triplet"'}  # fmt: skip
N_PATIENTS = 60
SIZES = (8, 16)


@pytest.fixture(scope="session")
def archive_of_pairs(tmp_path_factory, write_dicom):
    """X-rays of 60 people at two visits each."""
    return write_pairs(write_dicom, tmp_path_factory.mktemp("more-pairs"), n_patients=N_PATIENTS, letter="L")


@pytest.fixture
def site(make_site, archive_of_pairs):
    site = make_site(**SMALL)
    shutil.copytree(archive_of_pairs, site.archive, dirs_exist_ok=True)
    run(site, "ingest", "encoder", "embed")
    with site.db.write() as connection:  # numbers that are spread evenly, so that a fifth are test
        for place, key in enumerate(list(connection.scalars(select(Patient.key).order_by(Patient.key)))):
            connection.execute(update(Patient).where(Patient.key == key).values(split=place / N_PATIENTS))
    return site


def test_both_learners_are_asked_the_same_and_the_page_draws_them(site):
    found = learning_curves(site, EvaluationRequest(), seeds=2, sizes=SIZES)
    (curve,) = found.curves
    assert [at.patients for at in curve.curve] == [8, 16, curve.patients["train"]]
    for at in curve.curve:
        assert at.seeds == [0, 1] and at.queries == curve.curve[0].queries > 0
        ours, theirs = (at.figures[who]["p_at_1"].mean for who in ("siamese", "classifier"))
        assert at.lead["p_at_1"].mean == pytest.approx(ours - theirs)
    (row,) = evaluations(site)
    assert (row["encoder"], row["reading"], row["code"], row["lift_over"]) == (None, 1, "provisional", "classifier")
    assert json.loads((site.store / "evidence" / "learning-2d-patient.json").read_text())["reading"] == 1
    assert not list((site.store / "training").iterdir())
    evaluate_site(site, EvaluationRequest(task="patient", n_resamples=20, n_permutations=5))
    page = (site.store / "evidence" / "evaluation-2d-00002.html").read_text()
    assert "From how few patients it learns" in page and "twin less classifier" in page


def test_a_killed_curve_goes_on_with_the_training_it_stood_at(site, monkeypatch):
    trained = []

    def watched(examples, **more):
        if len(trained) == 1:
            raise KeyboardInterrupt
        trained.append(more["work"].name)
        return fit(examples, **more)

    monkeypatch.setattr("siamese.training.fit.fit", watched)
    with pytest.raises(KeyboardInterrupt):
        learning_curves(site, EvaluationRequest(), seeds=1, sizes=(8,))
    monkeypatch.setattr(
        "siamese.training.fit.fit", lambda examples, **more: trained.append(more["work"].name) or fit(examples, **more)
    )
    (curve,) = learning_curves(site, EvaluationRequest(), seeds=1, sizes=(8,)).curves
    assert trained == ["8-0", f"{curve.patients['train']}-0"]


def test_no_seed_or_no_pair_is_wrong_usage_and_few_patients_are_a_sentence(site, monkeypatch):
    for words in ({"seeds": 0}, {"sizes": (1,)}):
        with pytest.raises(WrongUsage, match="wanted at least one seed"):
            learning_curves(site, EvaluationRequest(), **words)
    monkeypatch.setattr("flows.evaluate.learning_curve.FEWEST_PATIENTS", 1000)
    with pytest.raises(NotFound, match="stand aside as test"):
        learning_curves(site, EvaluationRequest())
    assert evaluations(site) == []


def test_the_command_prints_a_line_a_size(site, call):
    code, out, _ = call(
        "evaluate", "--learning-curve", "--seeds", "1", "--time-budget-minutes", "1", "--config", site.config
    )
    assert code == 0 and "twin less classifier" in out and "the next page of evidence draws it" in out
    assert call("evaluate", "--learning-curve", "--folds", "--config", site.config)[0] == 2
