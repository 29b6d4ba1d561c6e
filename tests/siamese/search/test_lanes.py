from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from siamese.search import lanes, nearest, products
from siamese.search.distance import distance
from siamese.search.gallery import UNKNOWN_US, Gallery
from siamese.search.lanes import (
    eligible_patients,
    eligible_patients_of,
    eligible_priors,
    may_enter,
    nearest_priors,
    nearest_to,
    own_priors,
    own_priors_of,
)

orders = st.sampled_from(["earlier", "any"])
metrics = st.sampled_from(["cosine", "euclidean"])
unhurried = settings(deadline=None, max_examples=80)


@st.composite
def galleries(draw, least=0, most=24):
    """Small galleries with equal vectors, equal dates, unknown dates, few patients."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, n_dimensions = draw(st.integers(least, most)), draw(st.integers(1, 300))
    vectors = rng.standard_normal((n, n_dimensions)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    if n and draw(st.booleans()):
        vectors = vectors[rng.integers(0, 1 + n // draw(st.integers(1, 8)), n).clip(max=n - 1)]
    from_us = rng.integers(0, draw(st.integers(1, 30)), n)
    until_us = from_us + rng.integers(1, draw(st.integers(2, 6)), n)
    unknown = rng.random(n) < draw(st.sampled_from([0.0, 0.2]))
    from_us[unknown] = until_us[unknown] = UNKNOWN_US
    patients = rng.integers(0, draw(st.integers(1, 40)), n)
    studies = patients * 100 + rng.integers(0, 4, n)
    return Gallery([f"{i:05x}" for i in rng.permutation(n)], vectors, patients, from_us, until_us, studies)


def made(days, patients=None, vectors=None, studies=None):
    """A gallery of 2-D vectors worked out by hand; days are (from, until) or None."""
    n = len(days)
    known = [day or (UNKNOWN_US, UNKNOWN_US) for day in days]
    return Gallery(
        [f"key-{i}" for i in range(n)],
        np.array([[1, 0]] * n if vectors is None else vectors, np.float32),
        np.array(range(n) if patients is None else patients, np.int64),
        np.array([day[0] for day in known], np.int64),
        np.array([day[1] for day in known], np.int64),
        None if studies is None else np.array(studies, np.int64),
    )


def is_eligible(gallery, row, patient, from_us, order):
    if gallery.patients[row] == patient:
        return False
    unknown = UNKNOWN_US in (gallery.until_us[row], from_us)
    return order == "any" or (not unknown and gallery.until_us[row] <= from_us)


def slow_others(gallery, query, k, order, metric):
    """The others' lane by a double loop over scans: (row, distance), nearest first."""
    patient, from_us = gallery.patients[query], gallery.from_us[query]
    of_patient = {}
    for row in range(len(gallery)):
        if is_eligible(gallery, row, patient, from_us, order):
            entry = (distance(gallery.vectors[row], gallery.vectors[query], metric), gallery.keys[row], row)
            of_patient[gallery.patients[row]] = min(of_patient.get(gallery.patients[row], entry), entry)
    return [(row, length) for length, _, row in sorted(of_patient.values())[:k]]


def slow_own(gallery, query, metric):
    """The own lane by a loop: (row, distance, rank), latest first."""
    start, end = gallery.from_us[query], gallery.until_us[query]
    listed = []
    for row in range(len(gallery)):
        if gallery.patients[row] != gallery.patients[query] or gallery.studies[row] == gallery.studies[query]:
            continue
        unknown = UNKNOWN_US in (start, gallery.from_us[row])
        if unknown or gallery.from_us[row] < end:
            ranked = not unknown and gallery.until_us[row] <= start
            listed.append((-int(gallery.from_us[row]), gallery.keys[row], row, ranked))
    entries, rank = [], 0
    for _, _, row, ranked in sorted(listed):
        rank += ranked
        entries.append((row, distance(gallery.vectors[row], gallery.vectors[query], metric), rank if ranked else None))
    return entries


def plain(lane):
    return [(entry.index, entry.distance) for entry in lane]


def by_key(gallery, lane):
    return [(gallery.keys[entry.index], entry.distance) for entry in lane]


@settings(unhurried, max_examples=200)
@given(galleries(), st.integers(1, 45), orders, metrics, st.integers(1, 50))
def test_the_others_lane_is_that_of_a_double_loop(gallery, k, order, metric, block):
    rows = np.arange(len(gallery))
    lists = nearest_priors(gallery, rows, k=k, order=order, metric=metric, block=block)
    assert [plain(lane) for lane in lists] == [slow_others(gallery, row, k, order, metric) for row in rows]
    assert all([entry.rank for entry in lane] == list(range(1, len(lane) + 1)) for lane in lists)


@unhurried
@given(galleries(), metrics)
def test_the_own_lane_is_that_of_a_loop(gallery, metric):
    for row in range(len(gallery)):
        found = [(entry.index, entry.distance, entry.rank) for entry in own_priors(gallery, row, metric=metric)]
        assert found == slow_own(gallery, row, metric)


@unhurried
@given(galleries(), orders)
def test_eligible_patients_are_those_of_a_double_loop(gallery, order):
    rows = np.arange(len(gallery))
    slow = [
        len({
            gallery.patients[row]
            for row in rows
            if is_eligible(gallery, row, gallery.patients[query], gallery.from_us[query], order)
        })
        for query in rows
    ]  # fmt: skip
    assert eligible_patients(gallery, rows, order=order).tolist() == slow


@unhurried
@given(galleries(least=1), orders)
def test_eligible_priors_are_those_of_a_loop(gallery, order):
    for query in range(len(gallery)):
        patient, from_us = gallery.patients[query], gallery.from_us[query]
        slow = [row for row in range(len(gallery)) if is_eligible(gallery, row, patient, from_us, order)]
        assert eligible_priors(gallery, query, order=order).tolist() == slow


def test_eligible_priors_are_earlier_ones_unless_told_otherwise_and_of_a_row_that_is_there():
    gallery = made([(10, 20), (0, 10), (20, 30)])
    assert eligible_priors(gallery, 0).tolist() == [1]
    with pytest.raises(ValueError, match="the gallery holds 3"):
        eligible_priors(gallery, 3)


@unhurried
@given(galleries(least=1), st.integers(1, 6), orders, metrics, st.data())
def test_a_list_that_new_scans_change_is_never_missed(gallery, k, order, metric, data):
    n_new = data.draw(st.integers(0, len(gallery)))
    new, old = np.arange(n_new), np.arange(n_new, len(gallery))
    shrunk = subset(gallery, old)
    before = nearest_priors(shrunk, old - n_new, k=k, order=order, metric=metric)
    after = nearest_priors(gallery, old, k=k, order=order, metric=metric)
    kth = np.array([lane[-1].distance if len(lane) == k else np.inf for lane in before])
    may = may_enter(gallery, new, old, kth_distance=kth, order=order, metric=metric)
    for row, was, now, marked in zip(old, before, after, may, strict=True):
        assert marked or by_key(shrunk, was) == by_key(gallery, now), row


def subset(gallery, rows):
    return Gallery(
        [gallery.keys[row] for row in rows], gallery.vectors[rows], gallery.patients[rows],
        gallery.from_us[rows], gallery.until_us[rows], gallery.studies[rows],
    )  # fmt: skip


@unhurried
@given(galleries(), st.integers(1, 10), orders, metrics, st.randoms(use_true_random=False))
def test_the_order_of_the_gallery_changes_nothing(gallery, k, order, metric, random):
    rows = list(range(len(gallery)))
    random.shuffle(rows)
    shuffled = subset(gallery, rows)
    there = nearest_priors(gallery, rows, k=k, order=order, metric=metric)
    here = nearest_priors(shuffled, range(len(rows)), k=k, order=order, metric=metric)
    assert [by_key(shuffled, lane) for lane in here] == [by_key(gallery, lane) for lane in there]


@pytest.fixture(scope="module")
def crowd():
    """1,500 scans in tight clusters, so that float32 alone cannot rank them."""
    rng = np.random.default_rng(3)
    centres = rng.standard_normal((20, 64))
    vectors = (centres[rng.integers(0, 20, 1500)] + 3e-4 * rng.standard_normal((1500, 64))).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    from_us = rng.integers(0, 10**6, 1500)
    keys = [f"{i:04x}" for i in rng.permutation(1500)]
    return Gallery(keys, vectors, rng.integers(0, 600, 1500), from_us, from_us + rng.integers(1, 10**4, 1500))


@pytest.mark.parametrize("metric", ["cosine", "euclidean"])
def test_blocks_and_batches_change_no_bit(crowd, metric, monkeypatch):
    rows = np.arange(0, 1500, 15)
    whole = nearest_priors(crowd, rows, k=20, metric=metric)
    assert [plain(lane) for lane in whole[::20]] == [slow_others(crowd, r, 20, "earlier", metric) for r in rows[::20]]
    for block in (7, 250, 1024):
        assert nearest_priors(crowd, rows, k=20, metric=metric, block=block) == whole
    monkeypatch.setattr(nearest, "MAX_HITS", 1000)
    monkeypatch.setattr(lanes, "QUERIES_AT_ONCE", 30)
    assert nearest_priors(crowd, rows, k=20, metric=metric) == whole
    assert [nearest_priors(crowd, [row], k=20, metric=metric)[0] for row in rows[:20]] == whole[:20]


@pytest.fixture
def measured(monkeypatch):
    """How many distances were computed in float64, a number for each go."""
    counts = []
    exact = nearest.distances_of_known

    def counted(left, *rest):
        counts.append(len(left))
        return exact(left, *rest)

    monkeypatch.setattr(nearest, "distances_of_known", counted)
    return counts


def at_angles(*degrees, patients=None):
    """A query at 0 degrees that comes last, and earlier scans at these angles to it."""
    angles = np.radians([0, *degrees])
    days = [(9, 10), *[(0, 1)] * len(degrees)]
    return made(days, patients, np.stack([np.cos(angles), np.sin(angles)], axis=1))


def test_only_the_nearest_scan_of_each_of_the_k_nearest_patients_is_measured_exactly(measured):
    gallery = at_angles(10, 50, 20, 60, 30, 70, 40, 80, patients=[0, 1, 1, 2, 2, 3, 3, 4, 4])
    assert [entry.index for entry in nearest_priors(gallery, [0], k=2)[0]] == [1, 3]
    assert measured == [2]


def test_what_lies_behind_a_full_list_is_not_measured(measured):
    gallery = at_angles(10, 20, 30)
    assert [entry.index for entry in nearest_priors(gallery, [0], k=1, block=1)[0]] == [1]
    assert sum(measured) == 1


@pytest.mark.parametrize(("at_once", "goes"), [(1, [1, 1, 1]), (4, [2, 1]), (6, [3])])
def test_few_vectors_are_widened_at_a_time(measured, monkeypatch, at_once, goes):
    monkeypatch.setattr(nearest, "NUMBERS_AT_ONCE", at_once)
    assert len(nearest_priors(at_angles(10, 20, 30), [0], k=3)[0]) == 3
    assert measured == goes


def test_many_candidates_are_taken_up_some_at_a_time(measured, monkeypatch):
    monkeypatch.setattr(nearest, "MAX_HITS", 2)
    gallery = at_angles(10, 20, 30, 40, 50)
    assert [entry.index for entry in nearest_priors(gallery, [0], k=5)[0]] == [1, 2, 3, 4, 5]
    assert measured == [1, 2, 2]  # the first was the query itself


def test_scans_that_rounding_makes_equally_far_go_by_key_although_float32_tells_them_apart(monkeypatch):
    monkeypatch.setattr(products, "float32_error", lambda n_dimensions, deviation: 0.0)
    farther = np.float32(0.003)
    nearer = np.nextafter(farther, np.float32(1))  # by 2e-10, less than what a distance keeps
    vectors = [[1, 0], *([cosine, np.sqrt(1 - cosine**2)] for cosine in (farther, nearer))]
    gallery = made([(9, 10), (0, 1), (0, 1)], vectors=vectors)
    assert distance(*gallery.vectors[:2]) == distance(*gallery.vectors[::2])
    assert [entry.index for entry in nearest_priors(gallery, [0], k=1)[0]] == [1]


@pytest.mark.parametrize(
    ("n_rows", "block", "sizes"),
    [(0, 8, []), (5, 2, [2, 2, 1]), (130, 128, [128, 2]), (1300, 4096, [128, 1024, 148]),
     (10_000, 2000, [128, 1024, 2000, 2000, 2000, 2000, 848])],
)  # fmt: skip
def test_a_gallery_is_read_once_in_blocks_that_grow_to_the_size_asked_for(n_rows, block, sizes):
    blocks = list(nearest._blocks(n_rows, block))
    assert [stop - start for start, stop in blocks] == sizes
    assert [row for start, stop in blocks for row in range(start, stop)] == list(range(n_rows))


def test_a_scan_outside_the_gallery_gets_the_list_it_would_get_inside(crowd):
    for row in range(0, 1500, 300):
        outside = SimpleNamespace(patient=int(crowd.patients[row]), from_us=int(crowd.from_us[row]))
        lane = nearest_to(crowd, crowd.vectors[row], patient=outside.patient, from_us=outside.from_us, k=9)
        assert [lane] == nearest_priors(crowd, [row], k=9)
        count = eligible_patients_of(crowd, patient=outside.patient, from_us=outside.from_us)
        assert [count] == eligible_patients(crowd, [row]).tolist()
        own = own_priors_of(
            crowd, crowd.vectors[row], patient=outside.patient, from_us=outside.from_us,
            until_us=int(crowd.until_us[row]),
        )  # fmt: skip
        assert [e for e in own if e.index != row] == own_priors(crowd, row)


def test_an_unknown_patient_excludes_nobody():
    gallery = made([(0, 1), (2, 3)])
    found = nearest_to(gallery, gallery.vectors[0], patient=None, from_us=9, k=5)
    assert [entry.index for entry in found] == [0, 1]
    assert eligible_patients_of(gallery, patient=None, from_us=9) == 2


def test_the_patient_s_own_scans_are_left_out_of_the_others_lane_of_a_scan_outside():
    gallery = made([(0, 1), (2, 3), (4, 5)], [7, 8, 7])
    assert [entry.index for entry in nearest_to(gallery, gallery.vectors[0], patient=7, from_us=9, k=5)] == [1]
    assert eligible_patients_of(gallery, patient=7, from_us=9) == 1


def test_a_patient_who_is_new_to_the_gallery_may_be_listed_with_all_who_are_in_it():
    gallery = made([(0, 1), (2, 3), (4, 5)], [7, 8, 7])
    assert [eligible_patients_of(gallery, patient=who, from_us=9) for who in (0, 9)] == [2, 2]


@pytest.mark.parametrize("kth", [[0.5, 0.5], [np.nan], [np.nan, 0.5], [[0.5]]])
def test_distances_that_are_not_those_of_the_lists_are_refused(kth):
    with pytest.raises(ValueError, match=r"^kth_distance must be \(1,\) without NaN, got \(\d"):
        may_enter(made([(0, 1), (2, 3)]), [0], [1], kth_distance=np.array(kth))


def test_a_gallery_without_studies_leaves_out_no_study():
    gallery = made([(0, 1), (2, 3)], [7, 7])
    lane = own_priors_of(gallery, gallery.vectors[0], patient=7, from_us=9, until_us=10, study=3)
    assert [entry.index for entry in lane] == [1, 0]


def test_a_prior_must_be_over_when_the_query_begins():
    gallery = made([(10, 20), (0, 10), (0, 11), (20, 30), None])
    assert [entry.index for entry in nearest_priors(gallery, [0], k=9)[0]] == [1]
    assert [entry.index for entry in nearest_priors(gallery, [0], k=9, order="any")[0]] == [1, 2, 3, 4]


def test_a_query_without_date_has_no_earlier_scan():
    assert nearest_priors(made([None, (0, 1), None]), [0], k=9) == [[]]


def test_a_patient_appears_once_with_the_nearest_of_its_scans():
    gallery = made([(9, 10), (0, 1), (2, 3), (4, 5)], [0, 1, 1, 2], [[1, 0], [0, 1], [0.6, 0.8], [-1, 0]])
    assert plain(nearest_priors(gallery, [0], k=9)[0]) == [(2, pytest.approx(0.4)), (3, 2.0)]


def test_equal_distances_go_by_key():
    gallery = made([(9, 10), *[(0, 1)] * 5])
    assert [entry.index for entry in nearest_priors(gallery, [0], k=3)[0]] == [1, 2, 3]


def test_own_priors_come_latest_first_and_overlaps_have_no_rank():
    days = [(20, 30), (0, 5), (10, 20), (25, 40), (30, 31), None, (19, 21)]
    lane = own_priors(made(days, [0] * 7), 0)
    assert [(entry.index, entry.rank) for entry in lane] == [(3, None), (6, None), (2, 1), (1, 2), (5, None)]


def test_other_scans_of_the_same_study_are_no_priors():
    gallery = made([(9, 10), (0, 1), (2, 3)], [0, 0, 0], studies=[7, 7, 8])
    assert [entry.index for entry in own_priors(gallery, 0)] == [2]
    outside = own_priors_of(gallery, gallery.vectors[0], patient=0, from_us=9, until_us=10, study=8)
    assert [entry.index for entry in outside] == [0, 1]


def test_new_scans_reach_lists_only_by_what_they_may_be_prior_to():
    gallery = made([(5, 6), (6, 7), (4, 5), (9, 10), (9, 10)], [0, 1, 2, 0, 4], [[1, 0]] * 4 + [[0, 1]])
    kth = np.array([0.5, np.inf, np.inf, 0.5])
    assert may_enter(gallery, [0], [1, 2, 3, 4], kth_distance=kth).tolist() == [True, False, False, False]
    assert may_enter(gallery, [0], [1, 2, 3, 4], kth_distance=kth, order="any").tolist() == [
        True,
        True,
        False,
        False,
    ]


def test_a_list_is_not_made_again_for_a_near_scan_that_is_too_late_and_an_early_one_that_is_too_far():
    gallery = made([(5, 6), (0, 1), (9, 10)], vectors=[[1, 0], [0, 1], [1, 0]])
    assert may_enter(gallery, [1, 2], [0], kth_distance=np.array([0.5])).tolist() == [False]


def test_a_new_scan_as_far_as_the_last_entry_may_enter():
    gallery = made([(0, 1), (5, 6)], vectors=[[0.6, 0.8], [1, 0]])
    exact = np.array([distance(*gallery.vectors)])
    assert may_enter(gallery, [0], [1], kth_distance=exact).tolist() == [True]
    assert may_enter(gallery, [0], [1], kth_distance=exact - 1e-4).tolist() == [False]


def test_an_empty_gallery_answers_with_empty_lists():
    empty = Gallery([], np.empty((0, 4), np.float32), *np.empty((3, 0), np.int64))
    assert nearest_priors(empty, [], k=5) == []
    assert eligible_patients(empty, []).tolist() == []
    vector = np.eye(4, dtype=np.float32)[0]
    assert nearest_to(empty, vector, patient=1, from_us=3, k=5) == []
    assert own_priors_of(empty, vector, patient=1, from_us=3, until_us=4) == []
    assert eligible_patients_of(empty, patient=1, from_us=3) == 0


FIELDS = {
    "keys": ["a", "b"],
    "vectors": np.eye(2, dtype=np.float32),
    "patients": np.array([0, 1]),
    "from_us": np.array([0, 5]),
    "until_us": np.array([1, 6]),
}
WRONG = {
    "twice": {"keys": ["a", "a"]},
    "3 keys for 2": {"keys": ["a", "b", "c"]},
    "float32": {"vectors": np.eye(2)},
    "vector 1 has length nan": {"vectors": np.array([[1, 0], [np.nan, 0]], np.float32)},
    "vector 0 has length 2": {"vectors": 2 * np.eye(2, dtype=np.float32)},
    "patient codes": {"patients": np.array([0, -1])},
    "patients must be": {"patients": np.array([0, 1, 2])},
    "studies must be": {"studies": np.array([0.5, 1.0])},
    "row 1 was acquired": {"until_us": np.array([1, 5])},
    "half unknown": {"from_us": np.array([UNKNOWN_US, 5])},
}


@pytest.mark.parametrize(("message", "change"), WRONG.items(), ids=list(WRONG))
def test_a_gallery_that_cannot_be_right_is_refused(message, change):
    Gallery(**FIELDS)
    with pytest.raises(ValueError, match=message):
        Gallery(**FIELDS | change)


@pytest.mark.parametrize("wrong", [{"k": 0}, {"block": 0}, {"order": "later"}, {"metric": "dot"}])
def test_wrong_questions_are_refused(wrong):
    with pytest.raises(ValueError, match=r"must be at least 1|wanted one of"):
        nearest_priors(made([(0, 1)]), [0], **{"k": 1} | wrong)


@pytest.mark.parametrize("rows", [[-1], [2], [0.5], [[0]]])
def test_rows_outside_the_gallery_are_refused(rows):
    with pytest.raises(ValueError, match=r"the gallery holds 2|must be a list of integers"):
        nearest_priors(made([(0, 1), (2, 3)]), rows, k=1)


def test_a_vector_of_another_encoder_is_refused():
    with pytest.raises(ValueError, match=r"must be \(2,\) float32"):
        nearest_to(made([(0, 1)]), np.ones(1, np.float32), patient=None, from_us=9, k=1)
