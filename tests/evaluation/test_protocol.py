import json
from dataclasses import asdict, replace

import numpy as np
import pytest

from evaluation.asking import ask_all, opportunity
from evaluation.baselines import REQUIRED, Baseline, MissingBaseline, by_columns
from evaluation.cohort import Cohort, Fold, disjointness, fold_of
from evaluation.leaks import identity_leak, null_band, shuffled
from evaluation.pair_figures import NO_PAIRS, all_distances, known_pairs, source_of
from evaluation.promotion import decide_by
from evaluation.protocol import evaluate
from evaluation.report import Unavailable, figures_of_baselines, lift_of
from siamese.pairs import PatientStraddles
from siamese.search.distance import distance
from siamese.search.gallery import UNKNOWN_US
from siamese.statistics.metrics import ranking_metrics

FINDINGS = ("band", "cyst", "nodule")
FAST = {"n_resamples": 200, "n_permutations": 99}


def unit(rows):
    rows = np.asarray(rows, np.float64)
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def made(n_patients=80, visits=2, seed=0, dated=True, healthy=0.2):
    """A cohort with one finding a patient, or none, independent of scanner, sex and number of visits."""
    rng = np.random.default_rng(seed)
    n = n_patients * visits
    patient = np.repeat(np.arange(n_patients), visits)
    finding = rng.integers(0, 3, n_patients)
    is_healthy = rng.random(n_patients) < healthy
    present = [frozenset() if is_healthy[p] else frozenset({FINDINGS[finding[p]]}) for p in patient]
    from_us = rng.permutation(n) * 10
    unknown = np.full(n, UNKNOWN_US)
    scanner = rng.integers(0, 4, n_patients)
    return Cohort(
        keys=[f"scan-{i:04}" for i in rng.permutation(n)],
        patients=[f"p{p:03}" for p in patient],
        studies=[f"study-{i}" for i in range(n)],
        kinds=["ct/chest/3d"] * n,
        from_us=from_us if dated else unknown,
        until_us=from_us + 1 if dated else unknown,
        present=present,
        absent=[frozenset(FINDINGS) - has for has in present],
        traits={"scanner": [f"s{scanner[p]}" for p in patient]},
    )


def seen_well(cohort, share=1.0, seed=1):
    """Vectors of an eye that sees the finding in this share of the patients."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(scale=0.3, size=(len(cohort), 8))
    seeing = {p: rng.random() < share for p in sorted(set(cohort.patients))}
    for i, has in enumerate(cohort.present):
        if seeing[cohort.patients[i]]:
            rows[i, FINDINGS.index(min(has)) if has else 4] += 3.0
    return unit(rows)


def blind(cohort, seed):
    return unit(np.random.default_rng(seed).normal(size=(len(cohort), 8)))


def baselines(cohort):
    names = ("histogram", "thumbnail", "untrained")
    found = {name: Baseline(name, blind(cohort, seed)) for seed, name in enumerate(names, 10)}
    found["metadata"] = by_columns("metadata", {"scanner": cohort.traits["scanner"]})
    found["demographics"] = Baseline("demographics", None, "no age, no sex")
    return found


def whole(cohort, vectors, seen=frozenset({"trained"})):
    return [Fold("test", np.arange(len(cohort)), vectors, seen)]


@pytest.fixture(scope="module")
def cohort():
    return made()


@pytest.mark.parametrize("order", ["earlier", "any"])
def test_lists_and_truth_equal_a_slow_loop_over_all_scans(order):
    cohort = made(14, 2, seed=3)
    rng = np.random.default_rng(4)
    unlabelled = rng.random(len(cohort)) < 0.3
    cohort = replace(
        cohort,
        present=[p | ({"band"} if rng.random() < 0.3 else set()) for p in cohort.present],
        absent=[frozenset() if un else a - {"band"} for un, a in zip(unlabelled, cohort.absent, strict=True)],
    )
    vectors = blind(cohort, 5)
    asking = ask_all(cohort, whole(cohort, vectors), {}, task="finding", order=order)
    figures = ranking_metrics(
        asking.answers["encoder"].grades[asking.answerable],
        asking.truth.n_relevant[asking.answerable],
        asking.truth.ideal[asking.answerable],
    )
    values = dict(zip(asking.queries[asking.answerable].tolist(), figures["map_at_r"], strict=True))
    labelled = [i for i in range(len(cohort)) if cohort.present[i] | cohort.absent[i]]
    assert sorted(asking.queries.tolist()) == labelled
    for query in labelled:
        assert slow_map(cohort, vectors, query, order) == pytest.approx(values.get(query))


def slow_map(cohort, vectors, query, order):
    """MAP@R of one query as evaluation.md says it, or None without anything relevant."""
    mine = cohort.present[query]
    nearest, has = {}, set()
    for other in range(len(cohort)):
        if cohort.patients[other] == cohort.patients[query]:
            continue
        if order == "earlier" and cohort.until_us[other] > cohort.from_us[query]:
            continue
        theirs, absent = cohort.present[other], cohort.absent[other]
        if not (mine & theirs or (mine <= absent and (mine or theirs or absent))):
            continue
        away = distance(vectors[query], vectors[other]), cohort.keys[other], bool(mine & theirs)
        nearest[cohort.patients[other]] = min(nearest.get(cohort.patients[other], away), away)
        if mine & theirs:
            has.add(cohort.patients[other])
    if not has:
        return None
    hits = total = 0
    for place, (_, _, hit) in enumerate(sorted(nearest.values())[: len(has)], 1):
        hits += hit
        total += hits / place * hit
    return total / len(has)


def test_an_eye_that_sees_beats_every_baseline_and_earns_its_place(cohort):
    found = evaluate(cohort, whole(cohort, seen_well(cohort)), baselines(cohort), task="finding", **FAST)
    assert found.main_gallery == "prior"
    main = found.galleries["prior"].headline
    assert main.metrics["p_at_1"].value > 0.95
    assert found.earned and found.reasons == ()
    assert found.unavailable == {"demographics": "no age, no sex"}
    assert found.pairs["encoder"]["roc_auc"].low > 0.9 > found.pairs["thumbnail"]["roc_auc"].high
    assert found.galleries["prior"].null_band.p == 1 / 100
    assert found.galleries["open"].headline.queries >= main.queries
    assert found.galleries["prior"].unanswerable > 0  # the healthy ones, and the first of each finding


def test_a_blind_encoder_stands_at_chance_and_is_provisional(cohort):
    found = evaluate(cohort, whole(cohort, blind(cohort, 99)), baselines(cohort), task="finding", **FAST)
    main = found.galleries["open"].headline
    assert main.metrics["p_at_1"].low <= main.others["chance"]["p_at_1"].value <= main.metrics["p_at_1"].high
    assert not found.earned
    assert any("chance" in reason for reason in found.reasons)


def test_the_hardest_baseline_is_named_and_the_figures_are_json(cohort):
    found = evaluate(cohort, whole(cohort, seen_well(cohort, 0.6)), baselines(cohort), task="finding", **FAST)
    lift, figures = lift_of(found), figures_of_baselines(found)
    assert set(figures) == set(REQUIRED) and lift.over in figures
    assert lift.low == min(theirs["p_at_1"].low for theirs in found.main.headline.lift.values())
    assert figures["demographics"] == Unavailable(found.unavailable["demographics"])
    printed = json.loads(json.dumps(asdict(found), allow_nan=False))
    assert printed["folds"] == [{"fold": "test", "seen_patients": 1, "asked_patients": 80, "shared_patients": 0}]


def test_a_leak_planted_in_a_split_fails_the_run(cohort):
    leaky = whole(cohort, seen_well(cohort), seen=frozenset({"p007", "elsewhere"}))
    with pytest.raises(PatientStraddles, match="1 of 80 patients were seen"):
        evaluate(cohort, leaky, baselines(cohort), task="finding", **FAST)


def test_a_patient_in_two_folds_fails_the_run(cohort):
    vectors = blind(cohort, 1)
    rows = np.arange(len(cohort))
    folds = [Fold(f"fold {i}", rows[i::2], vectors[i::2], frozenset()) for i in range(2)]
    with pytest.raises(PatientStraddles, match="another fold"):
        disjointness(cohort, folds)


def test_a_missing_baseline_fails_the_run(cohort):
    some = {name: b for name, b in baselines(cohort).items() if name != "thumbnail"}
    with pytest.raises(MissingBaseline, match="thumbnail"):
        evaluate(cohort, whole(cohort, blind(cohort, 1)), some, task="finding", **FAST)


def test_shuffled_labels_fall_to_chance(cohort):
    vectors = seen_well(cohort)
    values, chances = [], []
    for seed in range(40):
        wrong = shuffled(cohort, seed=seed)
        asking = ask_all(wrong, whole(wrong, vectors), {}, task="finding", order="any")
        figures = asking.figures(np.flatnonzero(asking.answerable))
        values.append(figures["encoder"]["p_at_1"].mean())
        chances.append(figures["chance"]["p_at_1"].mean())
    assert np.mean(values) == pytest.approx(np.mean(chances), abs=0.03)


def test_the_null_band_holds_chance_and_not_what_an_eye_sees(cohort):
    band = null_band(cohort, whole(cohort, seen_well(cohort)), order="earlier", n=200)
    asking = ask_all(cohort, whole(cohort, seen_well(cohort)), {}, task="finding", order="earlier")
    rows = np.flatnonzero(asking.answerable)
    figures = asking.figures(rows)
    assert band.observed == pytest.approx(figures["encoder"]["p_at_1"].mean())  # fully labelled: the headline itself
    assert band.middle == pytest.approx(figures["chance"]["p_at_1"].mean(), abs=0.03)
    assert band.low < band.middle < band.high < band.observed


def test_labels_move_with_their_patient():
    cohort = made(30, 3, healthy=0.0)
    wrong = shuffled(cohort, seed=1)
    assert wrong.present != cohort.present
    assert sorted(map(sorted, wrong.present)) == sorted(map(sorted, cohort.present))
    for patient in set(wrong.patients):
        assert len({wrong.present[i] for i in range(len(wrong)) if wrong.patients[i] == patient}) == 1


def test_identity_leak_is_what_own_scans_add(cohort):
    rng = np.random.default_rng(8)
    of_patient = {p: rng.normal(size=8) for p in sorted(set(cohort.patients))}
    vectors = unit([of_patient[p] + 0.01 * rng.normal(size=8) for p in cohort.patients])
    folds = whole(cohort, vectors)
    asking = ask_all(cohort, folds, {}, task="finding", order="any")
    leak = identity_leak(cohort, folds, asking, order="any")
    assert leak.with_own.value == 1.0
    assert leak.rise.value == pytest.approx(1.0 - leak.without.value)
    assert leak.without.value < 0.6


def test_a_finding_that_follows_the_scanner_is_named_and_lift_over_metadata_vanishes():
    cohort = made(120, 1, seed=2, healthy=0.0)
    scanner = [f"s{FINDINGS.index(min(has))}" for has in cohort.present]
    site = [f"h{i % 3}" for i in range(len(cohort))]
    cohort = replace(cohort, traits={"scanner": scanner, "site": site})
    found = evaluate(cohort, whole(cohort, seen_well(cohort)), baselines(cohort), task="finding", **FAST)
    report = found.galleries["open"]
    by_trait = {confound.trait: confound for confound in report.confounds}
    assert by_trait["scanner"].is_shortcut and by_trait["scanner"].followed_by in FINDINGS
    assert not by_trait["site"].is_shortcut
    assert report.headline.metrics["p_at_1"].value > 0.95
    assert report.headline.lift["metadata"]["p_at_1"].high < 0.05
    assert not found.earned and any("metadata" in reason for reason in found.reasons)


def test_scanner_without_a_part_in_it_is_no_shortcut(cohort):
    found = evaluate(cohort, whole(cohort, seen_well(cohort)), baselines(cohort), task="finding", **FAST)
    (confound,) = found.galleries["open"].confounds
    assert not confound.is_shortcut
    assert confound.excess.low < 0.02


def test_own_scans_are_found_in_task_patient(cohort):
    rng = np.random.default_rng(8)
    of_patient = {p: rng.normal(size=8) for p in sorted(set(cohort.patients))}
    vectors = unit([of_patient[p] + 0.05 * rng.normal(size=8) for p in cohort.patients])
    found = evaluate(cohort, whole(cohort, vectors), baselines(cohort), task="patient", **FAST)
    prior, opened = found.galleries["prior"], found.galleries["open"]
    assert (opened.headline.queries, prior.headline.queries + (prior.small.queries if prior.small else 0)) == (160, 80)
    assert opened.headline.metrics["p_at_1"].value > 0.95
    assert opened.headline.others["chance"]["p_at_1"].value == pytest.approx(1 / 80)  # one own, 79 others
    assert prior.null_band is None


def test_own_scans_of_unknown_order_are_ranked_in_no_list():
    cohort = replace(made(3), from_us=np.array([0, 0, 10, 20, 30, 30]), until_us=np.array([9, 9, 19, 29, 39, 39]))
    asking = ask_all(cohort, whole(cohort, blind(cohort, 1)), {}, task="patient", order="earlier")
    shown = dict(zip(asking.queries.tolist(), asking.answers["encoder"].rows.tolist(), strict=True))
    assert not {0, 1} & set(shown[0] + shown[1])  # the same day
    assert 2 in shown[3] and not {4, 5} & set(shown[4] + shown[5])
    assert asking.truth.n_relevant[np.argsort(asking.queries)].tolist() == [0, 0, 0, 1, 0, 0]


def test_without_dates_the_open_gallery_is_asked():
    cohort = made(20, dated=False)
    found = evaluate(cohort, whole(cohort, blind(cohort, 1)), baselines(cohort), task="finding", **FAST)
    assert list(found.galleries) == ["open"] and found.main_gallery == "open"
    assert found.galleries["open"].size == "below 50 patients"


def test_queries_of_small_galleries_stand_apart(cohort):
    report = evaluate(cohort, whole(cohort, blind(cohort, 1)), baselines(cohort), task="finding", **FAST).galleries[
        "prior"
    ]
    assert report.size == "50 patients or more" and report.headline.gallery_patients >= 50
    assert report.small.gallery_patients < 50


def test_folds_are_pooled_and_never_compared():
    cohort = made(60, 2, seed=6)
    half = np.array([int(p[1:]) % 2 for p in cohort.patients])
    rows = [np.flatnonzero(half == i) for i in range(2)]
    folds = [Fold(f"fold {i}", rows[i], seen_well(cohort)[rows[i]], frozenset()) for i in range(2)]
    asking = ask_all(cohort, folds, {"blind": blind(cohort, 3)}, task="finding", order="any")
    for answers in asking.answers.values():
        for query, found in zip(asking.queries, answers.rows, strict=True):
            assert {half[row] for row in found if row >= 0} <= {half[query]}
    assert len(asking.queries) == len(cohort)


def test_rivals_are_asked_the_same_queries(cohort):
    active = {"active": seen_well(cohort)}
    found = evaluate(cohort, whole(cohort, active["active"]), baselines(cohort), task="finding", rivals=active, **FAST)
    assert found.galleries["prior"].headline.lift["active"]["p_at_1"].value == 0.0
    assert decide_by(found, "active").promote
    assert "active" not in figures_of_baselines(found) and lift_of(found).over != "active"
    worse = whole(cohort, seen_well(cohort, 0.3))
    found = evaluate(cohort, worse, baselines(cohort), task="finding", rivals=active, **FAST)
    assert found.galleries["prior"].headline.lift["active"]["p_at_1"].high < 0
    assert any("below the active encoder" in reason for reason in decide_by(found, "active").reasons)


def test_folds_by_the_patients_number():
    assert [fold_of(x, 299) for x in (0.0, 0.19, 0.2, 0.999)] == [0, 0, 1, 4]
    assert fold_of(0.5, 300) is None


def test_a_study_with_two_scans_of_a_kind_is_refused(cohort):
    with pytest.raises(ValueError, match="main scan"):
        replace(cohort, studies=["one"] * 2 + list(cohort.studies[2:]))


def test_pair_distances_by_one_product_are_those_of_the_one_definition(cohort):
    vectors = blind(cohort, 2)
    matrix = all_distances(vectors, "euclidean")
    for i, j in [(0, 1), (5, 9), (7, 7)]:
        assert matrix[i, j] == pytest.approx(distance(vectors[i], vectors[j], "euclidean"), abs=1e-7)
    kinds = ["ct/chest/3d"] * 80 + ["ct/head/3d"] * 80
    two = replace(cohort, kinds=kinds)
    counted = known_pairs(two, [np.arange(160)], [vectors], "patient").figures(n=10)["roc_auc"]
    assert counted.n == 2 * 80 * 79 // 2  # no pair across kinds


@pytest.mark.parametrize("n_patients", [0, 1, 12])
@pytest.mark.parametrize("task", ["finding", "patient"])
def test_a_cohort_without_any_right_answer_gives_no_figure_and_is_not_earned(n_patients, task):
    cohort = made(n_patients, 1)
    cohort = replace(cohort, present=[frozenset()] * len(cohort), absent=[frozenset()] * len(cohort))
    found = evaluate(cohort, whole(cohort, blind(cohort, 1)), baselines(cohort), task=task, **FAST)
    assert json.dumps(asdict(found), allow_nan=False)
    main = found.main.headline
    assert (main.queries, main.metrics["p_at_1"].value, lift_of(found)) == (0, None, None)
    assert not found.earned and "nothing was measured" in found.reasons[0]


def test_searches_are_cut_by_size_and_each_class_is_a_mean_of_its_own():
    """An eye that sees large findings only: all right in one class, no better than chance in the other."""
    cohort = made(n_patients=160, healthy=0.0)
    sizes = ["18 mm and more" if int(p[1:]) % 2 else "below 11 mm" for p in cohort.patients]
    cohort = replace(cohort, strata={"size": sizes})
    vectors = seen_well(cohort)
    small = np.array([size == "below 11 mm" for size in sizes])
    vectors[small] = blind(cohort, 3)[small]
    found = evaluate(cohort, whole(cohort, vectors), baselines(cohort), task="finding", **FAST).galleries["open"]
    assert set(found.strata) == {"size"} and "size" not in {c.trait for c in found.confounds}
    large, tiny = found.strata["size"]["18 mm and more"], found.strata["size"]["below 11 mm"]
    assert (large.patients, tiny.patients, large.queries + tiny.queries) == (80, 80, found.headline.queries)
    assert large.metrics["p_at_1"].value > 0.95 and tiny.metrics["p_at_1"].high < 0.7
    n = large.queries, tiny.queries
    mean = (n[0] * large.metrics["p_at_1"].value + n[1] * tiny.metrics["p_at_1"].value) / sum(n)
    assert found.headline.metrics["p_at_1"].value == pytest.approx(mean)


@pytest.mark.parametrize("task", ["finding", "patient"])
def test_no_scan_is_shown_more_often_than_it_could_be(task):
    """Vectors that know the person: own scans stand in every list of task "patient"."""
    cohort = made(n_patients=12)
    rng = np.random.default_rng(2)
    vectors = unit(rng.normal(size=(12, 8))[cohort.patient_codes] + rng.normal(scale=0.1, size=(24, 8)))
    for order in ("earlier", "any"):
        asking = ask_all(cohort, whole(cohort, vectors), {}, task=task, order=order)
        shown = asking.answers["encoder"].rows[:, :10]
        times = np.bincount(shown[shown >= 0], minlength=24)
        assert (times <= opportunity(cohort, asking, order).n_eligible).all()


def test_vectors_that_know_only_the_source_part_persons_until_these_are_of_one_source():
    """Sixteen persons at two visits, each with a source of their own but for one who shares it."""
    cohort = made(16, 2)
    person = np.unique(cohort.patients, return_inverse=True)[1]
    source = np.array([f"paper {p // 2}" for p in person], dtype=object)
    cohort = replace(cohort, traits=dict(cohort.traits) | {"site": source.tolist()})
    vectors = unit(np.eye(8)[person // 2])
    found = evaluate(cohort, whole(cohort, vectors), baselines(cohort), task="patient", **FAST)
    plain, within = found.pairs["encoder"]["roc_auc"], found.same_source.pairs["encoder"]["roc_auc"]
    # 16 alike pairs at 0. Of 480 unlike ones 32 are of one source, at 0 as well: ties count as half.
    assert plain.value == pytest.approx((448 + 32 / 2) / 480)
    assert (within.value, within.n, found.same_source.source) == (0.5, 16 + 32, "site")
    assert (within.low, within.high) == (0.5, 0.5) and plain.low < plain.value < plain.high
    eye = evaluate(cohort, whole(cohort, unit(np.eye(16)[person])), baselines(cohort), task="patient", **FAST)
    assert eye.same_source.pairs["encoder"]["roc_auc"].value == 1.0


def test_within_a_source_by_hand():
    """Persons a (two scans) and b of scanner x, c of scanner y, d of none that is known."""
    cohort = replace(
        made(5, 1), patients=list("aabcd"), traits={"scanner": ["x", "x", "x", "y", None]}, studies=list("12345")
    )
    vectors = unit([[1.0, 0.0], [0.8, 0.6], [0.96, 0.28], [1.0, 0.0], [1.0, 0.0]])
    pairs = known_pairs(cohort, [np.arange(5)], [vectors], "patient")
    few = pairs.within_source()
    assert source_of(cohort) == "scanner" and (len(pairs.distances), len(few.distances)) == (10, 3)
    assert sorted(zip(few.alike.tolist(), few.distances.round(4).tolist(), strict=True)) == [
        (False, 0.04), (False, 0.064), (True, 0.2)]  # fmt: skip
    assert few.figures(n=10)["roc_auc"].value == 0.0
    # all ten: a's pair at 0.2 lies behind all nine unlike ones, two of which (a2 with c and with d) are as far
    assert pairs.figures(n=10)["roc_auc"].value == pytest.approx((2 * 0.5) / 9)


def test_without_two_persons_of_one_source_nothing_can_be_told_and_no_finding_asks():
    cohort = made(12, 2)
    alone = replace(cohort, traits={"scanner": list(cohort.patients)})
    found = evaluate(alone, whole(alone, blind(alone, 1)), baselines(alone), task="patient", **FAST)
    assert found.same_source.why_not == NO_PAIRS and found.pairs["encoder"]["roc_auc"].value is not None
    assert found.same_source.pairs["encoder"]["roc_auc"].value is None
    found = evaluate(cohort, whole(cohort, blind(cohort, 1)), baselines(cohort), task="finding", **FAST)
    assert found.same_source is None
