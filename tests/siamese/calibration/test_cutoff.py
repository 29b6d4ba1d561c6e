from itertools import combinations

import numpy as np
import pytest

from siamese.calibration.alarms import alarms
from siamese.calibration.chance import NotCalibrated
from siamese.calibration.cutoff import abstention, choose_cutoff, first_right, fpir


def test_fpir_counts_all_galleries_of_n_patients():
    unrelated = np.array([[0.1, 0.4, 0.5, 0.9, np.nan], [0.3, 0.6, 0.7, 0.8, 0.9]])
    for n in (1, 2, 3, 4):
        slow = [np.mean([min(some) <= 0.4 for some in combinations(row[np.isfinite(row)], n)]) for row in unrelated]
        assert fpir(unrelated, 0.4, n) == pytest.approx(slow)
    assert np.isnan(fpir(unrelated, 0.4, 5)[0])


def searches(rng, n=120):
    unrelated = rng.uniform(0.2, 1.0, (n, 100))
    return unrelated, np.arange(n), rng.uniform(0.0, 0.4, n), np.arange(n)


def test_cutoff_keeps_its_rate_on_new_searches():
    rng = np.random.default_rng(0)
    found = choose_cutoff(*searches(rng), n=50, wanted_fpir=0.1, n_resamples=200)
    assert found.fpir.value <= 0.1
    fresh = rng.uniform(0.2, 1.0, (4000, 50)).min(axis=1)
    assert np.mean(fresh <= found.distance) == pytest.approx(0.1, abs=0.03)
    assert found.fnir.value == pytest.approx(np.mean(rng.uniform(0, 0.4, 4000) > found.distance), abs=0.1)


def test_a_larger_gallery_asks_for_a_nearer_cutoff():
    several = [choose_cutoff(*searches(np.random.default_rng(1)), n=n, wanted_fpir=0.1) for n in (5, 50)]
    assert several[1].distance < several[0].distance
    assert several[1].fnir.value >= several[0].fnir.value


def test_no_distance_is_near_enough_for_a_rate_that_is_never_kept():
    unrelated = np.zeros((60, 10))
    found = choose_cutoff(unrelated, np.arange(60), np.zeros(5), np.arange(5), n=10, wanted_fpir=0.1)
    assert (found.distance, found.fpir.value, found.fnir.value) == (None, 0.0, 1.0)


def test_too_few_searches_are_not_calibrated():
    unrelated, patients, right, own = searches(np.random.default_rng(2), 49)
    with pytest.raises(NotCalibrated, match="49 patients"):
        choose_cutoff(unrelated, patients, right, own, n=50, wanted_fpir=0.1)
    with pytest.raises(NotCalibrated, match="0 patients with 101"):
        choose_cutoff(*searches(np.random.default_rng(2)), n=101, wanted_fpir=0.1)


def test_first_right_answer_within_ten_places():
    distances = np.arange(12)[None] / 10 + np.zeros((3, 1))
    grades = np.zeros((3, 12))
    grades[0, 3] = grades[0, 5] = grades[1, 11] = 1
    assert first_right(distances, grades).tolist() == [pytest.approx(0.3), np.inf, np.inf]


def test_alarms_state_what_they_cost():
    rng = np.random.default_rng(3)
    own, unrelated = rng.uniform(0.0, 0.3, 200), rng.uniform(0.25, 1.0, (200, 100))
    found = alarms(own, np.arange(200), unrelated, np.arange(200), n=50, wanted_fpir=0.05)
    wrong, same = found.wrong_patient, found.same_person
    assert wrong.fpir.value == pytest.approx(np.mean(own > wrong.distance)) and wrong.fpir.value <= 0.05
    assert wrong.distance == pytest.approx(0.285, abs=0.01)
    assert wrong.fnir.value == pytest.approx(np.mean(unrelated <= wrong.distance))
    assert same.fpir.value <= 0.05 and same.n_patients == 50
    assert same.distance < 0.3


def test_alarms_without_patients_say_why():
    found = alarms(np.zeros(9), np.arange(9), np.zeros((9, 9)), np.arange(9), n=5, wanted_fpir=0.05)
    assert (found.wrong_patient, found.same_person) == (None, None)
    assert "9 patients with an own prior" in found.why_not[0]


def test_abstention_by_hand():
    distances = np.array([[0.1, 0.3], [0.5, 0.6], [0.2, 0.4], [0.2, 0.3], [np.inf, np.inf]])
    grades = np.array([[0.0, 0], [0, 0], [0, 1], [1, 0], [0, 0]])
    answerable, n_patients = np.array([False, False, True, True, False]), np.array([2, 4, 2, 2, 0])
    found = abstention(0.3, distances, grades, answerable, n_patients, np.arange(5))
    assert (found.fpir.value, found.fnir.value, found.gallery_patients) == (0.5, 0.5, 3.0)
    none = abstention(None, distances, grades, answerable, n_patients, np.arange(5))
    assert (none.fpir.value, none.fnir.value) == (0.0, 1.0)
