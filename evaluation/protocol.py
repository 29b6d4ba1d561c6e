"""The protocol: what an encoder is worth to its users, asked through the production search.

Arrays in, numbers out. Every figure is of patients whom the encoder never saw, with its interval, beside
every plain way on the same queries.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from evaluation.asking import OURS, Comparison, Opportunity, ask_all, opportunity
from evaluation.baselines import Baseline, check_complete
from evaluation.cohort import Cohort, Fold, Vectors, disjointness
from evaluation.confounds import Confound, audit, label_links
from evaluation.figures import HEADLINE, Evaluation, Figures, GalleryReport, SameSource, Section
from evaluation.hubness import hubness
from evaluation.leaks import N_PERMUTATIONS, IdentityLeak, NullBand, identity_leak, null_band
from evaluation.pair_figures import NO_PAIRS, known_pairs, source_of
from evaluation.questions import Task
from siamese.search.distance import Metric
from siamese.search.gallery import UNKNOWN_US, Order
from siamese.statistics.intervals import N_RESAMPLES, NOTHING, Resamples, mean_of, means_of, resample
from siamese.statistics.metrics import DEEPEST, METRICS

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]

SMALL_GALLERY = 50  # patients; lists out of fewer are reported apart
GALLERIES: Mapping[str, Order] = {"prior": "earlier", "open": "any"}


def evaluate(
    cohort: Cohort,
    folds: Sequence[Fold],
    baselines: Mapping[str, Baseline],
    *,
    task: Task,
    rivals: Mapping[str, Vectors] | None = None,
    metric: Metric = "cosine",
    n_resamples: int = N_RESAMPLES,
    n_permutations: int = N_PERMUTATIONS,
    seed: int = 0,
) -> Evaluation:
    """Measure an encoder.

    Args:
        cohort: The scans of all folds, of one cover.
        folds: One (the test split), or five where patients are few; each with its encoder's vectors.
        baselines: All of `baselines.REQUIRED` but "chance".
        task: "finding" or "patient".
        rivals: Vectors (N, D) of other encoders, such as the active one, asked the same queries.
        metric: "cosine" or "euclidean".
        n_resamples: Of query patients.
        n_permutations: Of labels.
        seed: Of resamples and permutations.

    Raises:
        PatientStraddles: A patient was seen by the encoder, or stands in two folds.
        MissingBaseline: A baseline is missing.
        ValueError: The task or the metric is unknown.

    Example:
        Forty people at two visits each, half with a nodule; this encoder sees nothing else.

        >>> import numpy as np
        >>> person = np.repeat(np.arange(40), 2)
        >>> ill, begin = person % 2 == 0, np.arange(80) * 10
        >>> nodule, none = frozenset({"nodule"}), frozenset()
        >>> cohort = Cohort(
        ...     keys=[f"scan-{i:02}" for i in range(80)], patients=[f"p{p:02}" for p in person],
        ...     studies=[f"study-{i}" for i in range(80)], kinds=["ct/chest/3d"] * 80,
        ...     from_us=begin, until_us=begin + 1,
        ...     present=[nodule if i else none for i in ill], absent=[none if i else nodule for i in ill],
        ... )
        >>> rng = np.random.default_rng(0)
        >>> def unit(rows):
        ...     return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
        >>> vectors = unit(np.where(ill[:, None], [1.0, 0.0], [0.0, 1.0]) + rng.normal(scale=0.05, size=(80, 2)))
        >>> names = ("metadata", "demographics", "histogram", "thumbnail", "untrained")
        >>> baselines = {name: Baseline(name, unit(rng.normal(size=(80, 4)))) for name in names}
        >>> fold = Fold("test", np.arange(80), vectors, seen=frozenset())
        >>> found = evaluate(cohort, [fold], baselines, task="finding", n_resamples=50, n_permutations=9)
        >>> found.main_gallery, found.galleries["prior"].headline.metrics["p_at_1"].value, found.earned
        ('prior', 1.0, True)
    """
    if task not in ("finding", "patient"):
        raise ValueError(f"task {task!r}: wanted 'finding' or 'patient'")
    disjoint = disjointness(cohort, folds)
    check_complete(baselines, len(cohort))
    others = {name: b.vectors for name, b in baselines.items() if b.vectors is not None} | dict(rivals or {})
    run = _Run(cohort, tuple(folds), others, task, metric, n_resamples, n_permutations, seed)
    reports = {name: _gallery(run, order) for name, order in GALLERIES.items() if order == "any" or _has_dates(cohort)}
    main = "prior" if "prior" in reports and reports["prior"].headline.queries else "open"
    pairs, same_source = _pairs(run)
    unavailable = {name: b.why_not for name, b in baselines.items() if b.vectors is None}
    reasons = _not_earned(reports[main].headline, [name for name in ("chance", *baselines) if name not in unavailable])
    return Evaluation(
        task, metric, sum(len(fold.rows) for fold in folds), sum(d.asked_patients for d in disjoint), disjoint, main,
        reports, pairs, unavailable, not reasons, reasons, same_source,
    )  # fmt: skip


@dataclass(frozen=True, eq=False)
class _Run:
    cohort: Cohort
    folds: tuple[Fold, ...]
    others: Mapping[str, Vectors]
    task: Task
    metric: Metric
    n_resamples: int
    n_permutations: int
    seed: int

    def draws(self, queries: Ints) -> Resamples:
        """Return resamples of the patients of these rows of the cohort."""
        return resample(self.cohort.patient_codes[queries], n=self.n_resamples, seed=self.seed)


def _has_dates(cohort: Cohort) -> bool:
    return bool((cohort.from_us != UNKNOWN_US).any())


def _gallery(run: _Run, order: Order) -> GalleryReport:
    asking = ask_all(run.cohort, run.folds, run.others, task=run.task, order=order, metric=run.metric)
    good = np.flatnonzero(asking.answerable)
    large = good[asking.truth.n_patients[good] >= SMALL_GALLERY]
    rows = large if large.size else good
    small = np.setdiff1d(good, rows)
    is_finding = run.task == "finding"
    chances = opportunity(run.cohort, asking, order)
    macro, findings = _by_finding(run, asking, rows)
    return GalleryReport(
        size=f"{SMALL_GALLERY} patients or more" if large.size else f"below {SMALL_GALLERY} patients",
        headline=section(run.cohort, asking, rows, run.draws(asking.queries[rows])),
        small=section(run.cohort, asking, small, run.draws(asking.queries[small])) if small.size else None,
        unanswerable=len(asking.queries) - len(good),
        macro=macro,
        findings=findings,
        subgroups=_parts(run, asking, rows, run.cohort.traits),
        strata=_parts(run, asking, rows, run.cohort.strata),
        confounds=_confounds(run, asking, chances),
        hubness=hubness(run.cohort.keys, _shown(asking), chances.n_eligible),
        null_band=_null_band(run, order) if is_finding else None,
        identity_leak=_identity_leak(run, asking, order) if is_finding else None,
    )


def section(cohort: Cohort, asking: Comparison, rows: Ints, draws: Resamples) -> Section:
    """Return the figures of some answerable queries of an asking.

    Args:
        cohort: Of the asking.
        asking: Whoever was asked.
        rows: (n,) of the asking's queries.
        draws: Of these queries' patients.
    """
    found = asking.figures(rows)
    ours = found.pop(OURS)
    patients = cohort.patient_codes[asking.queries[rows]]
    return Section(
        len(rows),
        len(np.unique(patients)),
        float(np.median(asking.truth.n_patients[rows])) if len(rows) else None,
        {name: mean_of(ours[name], draws) for name in METRICS},
        {who: {name: mean_of(theirs[name], draws) for name in METRICS} for who, theirs in found.items()},
        {
            who: {name: mean_of(ours[name] - theirs[name], draws, bounds=(-1.0, 1.0)) for name in METRICS}
            for who, theirs in found.items()
        },
    )


def _by_finding(run: _Run, asking: Comparison, rows: Ints) -> tuple[Figures, Mapping[str, Figures]]:
    """Return the mean over findings, and the figures of the queries that have each."""
    ours, draws = asking.figures(rows)[OURS], run.draws(asking.queries[rows])
    present = [run.cohort.present[row] for row in asking.queries[rows].tolist()]
    names = sorted(frozenset().union(*present)) if run.task == "finding" else []
    groups = {finding: np.array([finding in has for has in present], bool) for finding in names}
    found = {
        finding: {name: mean_of(np.where(has, ours[name], np.nan), draws) for name in METRICS}
        for finding, has in groups.items()
    }
    macro = {
        name: means_of([np.where(has, ours[name], np.nan) for has in groups.values()], draws) if groups else NOTHING
        for name in METRICS
    }
    return macro, found


def _parts(
    run: _Run, asking: Comparison, rows: Ints, columns: Mapping[str, Sequence[str | None]]
) -> Mapping[str, Mapping[str, Section]]:
    """Return the figures of the queries that have each value of each column."""
    found: dict[str, dict[str, Section]] = {}
    for trait, column in columns.items():
        values = np.array([column[row] or "" for row in asking.queries[rows].tolist()], dtype=object)
        for value in sorted({str(v) for v in values if v}):
            some = rows[values == value]
            part = section(run.cohort, asking, some, run.draws(asking.queries[some]))
            found.setdefault(trait, {})[value] = part
    return found


def _shown(asking: Comparison) -> Ints:
    """Return the first ten answers of all queries, those without a right answer included, (Q, 10)."""
    return asking.answers[OURS].rows[:, :DEEPEST]


def _confounds(run: _Run, asking: Comparison, chances: Opportunity) -> tuple[Confound, ...]:
    """Return the confound audit of all queries, those without a right answer included."""
    cohort, shown, draws = run.cohort, _shown(asking), run.draws(asking.queries)
    inside = np.concatenate([fold.rows for fold in run.folds])
    confounds = []
    for trait, values in cohort.traits.items():
        links = label_links(
            [values[i] for i in inside.tolist()],
            [cohort.present[i] for i in inside.tolist()],
            [cohort.absent[i] for i in inside.tolist()],
            cohort.patient_codes[inside],
        )
        confounds.append(audit(trait, values, shown, asking.queries, chances.shares[trait], draws, links))
    return tuple(confounds)


def _null_band(run: _Run, order: Order) -> NullBand:
    return null_band(run.cohort, run.folds, order=order, metric=run.metric, n=run.n_permutations, seed=run.seed)


def _identity_leak(run: _Run, asking: Comparison, order: Order) -> IdentityLeak:
    return identity_leak(run.cohort, run.folds, asking, order=order, metric=run.metric, seed=run.seed)


def _pairs(run: _Run) -> tuple[dict[str, Figures], SameSource | None]:
    """Return the figures of pairs of everybody, over all of them and within a source."""
    spaces: dict[str, list[Vectors]] = {OURS: [fold.vectors for fold in run.folds]}
    spaces |= {name: [vectors[fold.rows] for fold in run.folds] for name, vectors in run.others.items()}
    rows = [fold.rows for fold in run.folds]
    every: dict[str, Figures] = {}
    within: dict[str, Figures] = {}
    has_unlike = False
    for name, vectors in spaces.items():  # one by one: there may be millions of pairs
        found = known_pairs(run.cohort, rows, vectors, run.task, metric=run.metric)
        every[name] = found.figures(n=run.n_resamples, seed=run.seed)
        if run.task == "patient":
            few = found.within_source()
            within[name], has_unlike = few.figures(n=run.n_resamples, seed=run.seed), not few.alike.all()
    if run.task != "patient":
        return every, None
    return every, SameSource(source_of(run.cohort), within, "" if has_unlike else NO_PAIRS)


def _not_earned(part: Section, names: Sequence[str]) -> tuple[str, ...]:
    if not part.queries:
        return ("no query has anything relevant to find: nothing was measured",)
    reasons = []
    for name in names:
        lift = part.lift[name][HEADLINE]
        if lift.low is None or lift.low <= 0:
            told = f"{lift.value:+.3f} ({lift.low:+.3f} to {lift.high:+.3f})" if lift.value is not None else "unknown"
            reasons.append(f"lift over {name} is {told}: it does not exclude 0")
    return tuple(reasons)
