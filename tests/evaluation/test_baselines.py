import numpy as np
import pytest

from evaluation.baselines import (
    Baseline,
    MissingBaseline,
    by_columns,
    by_pictures,
    chance_metrics,
    check_complete,
    thumbnail_vector,
    untrained,
)
from evaluation.questions import Truth
from siamese.encoder import build
from siamese.search.distance import distance
from siamese.statistics.metrics import METRICS, ranking_metrics


def test_columns_are_blocks_of_equal_weight():
    columns = {"scanner": ["a", "a", "b", None], "spacing": [1.0, 2.0, 1.0, 3.0]}
    found = by_columns("metadata", columns).vectors
    angle = np.array([0.5, 2.0, 0.5, 3.0]) / 3.0 * np.pi / 2  # ranks from 0, the tie shares 0.5
    assert distance(found[0], found[1]) == pytest.approx((1 - np.cos(angle[1] - angle[0])) / 2, abs=1e-3)
    assert distance(found[0], found[2]) == pytest.approx(0.5, abs=1e-3)  # another scanner, equal spacing
    assert distance(found[0], found[3]) > 0.5


def test_equal_scans_come_in_drawn_order_but_before_every_other():
    found = by_columns("metadata", {"scanner": ["a"] * 30 + ["b"] * 30}).vectors
    firsts = set()
    for query in range(30):
        away = [distance(found[query], other) if i != query else 9.0 for i, other in enumerate(found)]
        firsts.add(int(np.argmin(away)))
        assert max(away[i] for i in range(30) if i != query) < min(away[30:])
    assert len(firsts) > 8


def test_nothing_known_gives_a_reason():
    found = by_columns("demographics", {"age": [None, float("nan")], "sex": ["", None]})
    assert (found.vectors, found.why_not) == (None, "no age, no sex")


def test_pictures_give_histogram_and_thumbnail():
    rng = np.random.default_rng(0)
    flat = rng.random((1, 32, 64, 64), np.float32)
    turned = np.ascontiguousarray(flat[:, ::-1])
    found = by_pictures([flat, turned])
    histograms, thumbnails = found["histogram"].vectors, found["thumbnail"].vectors
    assert distance(histograms[0], histograms[1]) == 0.0  # same values at other places
    assert distance(thumbnails[0], thumbnails[1]) > 0.5
    assert thumbnails.shape == (2, 16**3)


def test_thumbnail_is_the_mean_of_blocks_z_scored():
    picture = np.kron(np.arange(32 * 32).reshape(32, 32) / 1024, np.ones((4, 4))).astype(np.float32)
    blocks = np.arange(32 * 32) - (32 * 32 - 1) / 2
    found = thumbnail_vector(picture[None])
    # the triangle reaches into the neighbouring blocks, so the borders differ a little
    assert np.corrcoef(found, blocks)[0, 1] > 0.999
    assert np.linalg.norm(found) == pytest.approx(1.0, abs=1e-6)
    assert thumbnail_vector(np.zeros((1, 128, 128), np.float32)) == pytest.approx(np.full(1024, 1 / 32))


def test_untrained_network_has_the_encoders_shape_and_not_its_weights():
    encoder = build("small", "2d", 16, seed=5)
    tensor = np.random.default_rng(0).random((1, 128, 128), np.float32)
    found = untrained(encoder, [tensor], seed=6)
    assert found.vectors.shape == (1, 16)
    assert not np.array_equal(found.vectors, untrained(encoder, [tensor], seed=5).vectors)


def test_vectors_for_another_number_of_scans_are_refused():
    names = ("metadata", "demographics", "histogram", "thumbnail", "untrained")
    every = {name: Baseline(name, None, "why") for name in names}
    check_complete(every, 3)
    with pytest.raises(MissingBaseline, match="2 vectors for 3 scans"):
        check_complete(every | {"metadata": Baseline("metadata", np.eye(2, dtype=np.float32))}, 3)
    with pytest.raises(MissingBaseline, match="neither"):
        check_complete(every | {"metadata": Baseline("metadata", None)}, 3)


def test_chance_is_the_mean_of_many_random_lists():
    rng = np.random.default_rng(0)
    # grades of each patient's scans; patients are drawn in random order, each shows a random scan
    patients = [[1.0], [0.5, 0.0], [0.0], [0.0, 0.0, 1.0], [0.0], [0.25], [0.0], [0.0], [0.0], [0.5], [0.0], [0.0]]
    best = sorted((max(p) for p in patients), reverse=True)[:10]
    r = sum(max(p) > 0 for p in patients)
    shares = np.array([np.mean([g > 0 for g in p]) for p in patients])
    truth = Truth(
        np.array([r]), np.array([best]), np.array([12]), np.array([12]),
        np.array([shares.sum()]), np.array([(shares**2).sum()]), np.array([sum(np.mean(p) for p in patients)]),
    )  # fmt: skip
    drawn = np.array([[rng.choice(patients[i]) for i in rng.permutation(12)] for _ in range(5000)])
    slow = ranking_metrics(drawn, np.full(len(drawn), r), np.tile(best, (len(drawn), 1)))
    found = chance_metrics(truth)
    for name in METRICS:
        assert found[name][0] == pytest.approx(slow[name].mean(), abs=0.02)
