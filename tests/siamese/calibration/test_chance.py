import numpy as np
import pytest

from siamese.calibration.chance import NotCalibrated, calibrate, patient_distances, share_within
from siamese.search.distance import distance
from siamese.search.gallery import UNKNOWN_US, Gallery

N = 400  # eligible patients of a match
TRUE_VALUES = (0.1, 0.3, 1.0, 3.0, 30.0)


def drawn(rng, n, hubby):
    """Unit vectors of n patients; with hubs, a third stand near one point and are alike more often."""
    rows = rng.normal(size=(n, 6))
    if hubby:
        rows[rng.random(n) < 0.33] += [1.5, 0, 0, 0, 0, 0]
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def matrix(rows, other=None):
    table = 1.0 - rows @ (rows if other is None else other).T
    if other is None:
        np.fill_diagonal(table, np.nan)
    return table


@pytest.mark.parametrize("hubby", [False, True])
def test_statements_cover_the_true_number(hubby):
    rng = np.random.default_rng(0)
    many = np.concatenate([matrix(drawn(rng, 1500, hubby), drawn(rng, 1500, hubby)).ravel() for _ in range(3)])
    near = {value: float(np.quantile(many, value / N)) for value in TRUE_VALUES}
    held = {value: [] for value in TRUE_VALUES}
    for _ in range(150):
        calibration = calibrate(matrix(drawn(rng, 100, hubby)))
        for value, away in near.items():
            said = share_within(calibration, away).among(N)
            held[value].append(said.fewer_than > value if said.code == "fewer-than" else said.low <= value <= said.high)
    for value in TRUE_VALUES:
        assert np.mean(held[value]) >= 0.92, value


def test_estimates_are_right_on_average():
    rng = np.random.default_rng(1)
    many = matrix(drawn(rng, 2000, True), drawn(rng, 2000, True)).ravel()
    away = float(np.quantile(many, 30 / N))
    said = [share_within(calibrate(matrix(drawn(rng, 100, True))), away).among(N).value for _ in range(40)]
    assert np.mean(said) == pytest.approx(30, rel=0.1)


def test_nothing_is_ever_expected_zero_times():
    calibration = calibrate(matrix(drawn(np.random.default_rng(2), 60, False)))
    said = share_within(calibration, 0.0).among(4120)
    assert (said.code, said.value) == ("fewer-than", None)
    assert said.fewer_than >= 4120 / calibration.n_pairs
    assert share_within(calibration, 2.0).among(10).value == 10


def test_bound_grows_with_the_gallery_and_falls_with_validation():
    rng = np.random.default_rng(3)
    few, many = (share_within(calibrate(matrix(drawn(rng, n, False))), 0.0) for n in (60, 240))
    assert many.below < few.below
    assert few.among(200).fewer_than == pytest.approx(2 * few.among(100).fewer_than)


def test_shares_are_counted_by_patients():
    rng = np.random.default_rng(4)
    table = matrix(drawn(rng, 60, False))
    calibration = calibrate(table)
    known = np.isfinite(table)
    for away, share in zip(calibration.distances, calibration.shares, strict=True):
        assert share == pytest.approx((table[known] <= away).mean())
    assert calibration.n_pairs == 60 * 59 // 2
    assert min(calibration.independent) >= 30 and max(calibration.independent) <= calibration.n_pairs


def test_a_hub_makes_pairs_worth_less():
    rng = np.random.default_rng(5)
    table = 1.0 + rng.random((80, 80))
    np.fill_diagonal(table, np.nan)
    hub = table.copy()
    hub[:4], hub[:, :4] = 0.5, 0.5  # four patients are near everybody
    spread = table.copy()
    spread[rng.random((80, 80)) < 0.1] = 0.5
    assert calibrate(hub).independent[0] < calibrate(spread).independent[0] / 5


def test_too_few_patients_are_not_calibrated():
    with pytest.raises(NotCalibrated, match="49 unrelated patients"):
        calibrate(matrix(drawn(np.random.default_rng(6), 49, False)))
    assert share_within(None, 0.2).among(100).code == "not-calibrated"


def test_distances_between_patients_are_those_of_their_nearest_scans():
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(12, 4))
    vectors = np.ascontiguousarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
    patients = np.repeat(np.arange(4), 3)
    dates = np.full(12, UNKNOWN_US)
    gallery = Gallery([f"k{i:02}" for i in range(12)], vectors, patients, dates, dates)
    related = np.zeros((4, 4), bool)
    related[0, 1] = related[1, 0] = True
    found = patient_distances(gallery, np.array([0, 3, 6, 9]), related)
    for a in range(4):
        for b in range(4):
            if a == b or related[a, b]:
                assert np.isnan(found[a, b])
            else:
                assert found[a, b] == min(distance(vectors[3 * a], vectors[i]) for i in range(3 * b, 3 * b + 3))
