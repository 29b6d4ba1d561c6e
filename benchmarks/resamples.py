"""Intervals of an evaluation: 2,000 resamples for 2,000 queries, beside a loop over resamples and scipy's bootstrap.

`python -m benchmarks.resamples [--json] [--queries 2000] [--rounds 3]`. "intervals" is one mean with its interval.
The loop draws patients, gathers their queries' values and takes the mean, 2,000 times; scipy resamples queries, not
patients, since it knows no groups, and so does less. "protocol" is what the resamples cost a whole evaluation of task
finding with so many queries, once (every figure of every plain way, lifts, subgroups, pairs, both galleries): its
processor time less that of the same evaluation with one resample. Its peer is the minute that it may take.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import bootstrap

from benchmarks.figure import Figure, in_turns, report
from evaluation.baselines import Baseline, by_columns
from evaluation.cohort import Cohort, Fold, Vectors
from evaluation.protocol import evaluate
from siamese.statistics.intervals import N_RESAMPLES, mean_of, resample

N_QUERIES, SCANS_PER_PATIENT, N_DIMENSIONS = 2000, 2, 128
FINDINGS = ("band", "cavity", "cyst", "honeycomb", "nodule")
ALLOWED_S = 60.0
DAY_US = 86_400_000_000
SEED = 0


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.resamples", description=__doc__)
    parser.add_argument("--queries", type=int, default=N_QUERIES)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report(measure(options.queries, options.rounds), as_json=options.json)


def measure(n: int, n_rounds: int) -> list[Figure]:
    """Return both figures for n queries."""
    rng = np.random.default_rng(SEED)
    patients = np.arange(n) // SCANS_PER_PATIENT
    values = (rng.random(n) < 0.4).astype(np.float64)
    times = in_turns(
        {
            "ours": _timed(lambda: mean_of(values, resample(patients, seed=SEED))),
            "loop": _timed(lambda: _loop(values, patients)),
            "scipy": _timed(lambda: bootstrap((values,), np.mean, n_resamples=N_RESAMPLES, method="percentile")),
        },
        n_rounds=n_rounds,
    )
    size = f"{N_RESAMPLES:,} resamples of {n // SCANS_PER_PATIENT:,} patients, {n:,} queries"
    cohort, fold, baselines = made(n)

    def processor_s(n_resamples: int) -> float:
        start = time.process_time()
        evaluate(cohort, [fold], baselines, task="finding", n_resamples=n_resamples, n_permutations=1)
        return time.process_time() - start

    whole = [processor_s(N_RESAMPLES) - processor_s(1)]
    return [
        Figure("intervals", times["ours"], {name: times[name] for name in ("loop", "scipy")}, note=size),
        Figure("protocol", whole, {"allowed": [ALLOWED_S]}, note=f"{size}; both galleries, all figures"),
    ]


def _timed(work: Callable[[], object]) -> Callable[[], float]:
    def timer() -> float:
        start = time.perf_counter()
        work()
        return time.perf_counter() - start

    return timer


def _loop(values: NDArray[np.float64], patients: NDArray[np.int64]) -> tuple[float, float]:
    """The same interval, drawn patient by patient."""
    rng = np.random.default_rng(SEED)
    of_patient = [values[patients == patient] for patient in np.unique(patients)]
    means = []
    for _ in range(N_RESAMPLES):
        drawn = rng.integers(0, len(of_patient), len(of_patient))
        means.append(np.concatenate([of_patient[i] for i in drawn]).mean())
    low, high = np.percentile(means, (2.5, 97.5)).tolist()
    return low, high


def made(n: int) -> tuple[Cohort, Fold, dict[str, Baseline]]:
    """Make n scans, two a patient, each patient with one finding, and vectors that see some of it."""
    rng = np.random.default_rng(SEED)
    patient = np.arange(n) // SCANS_PER_PATIENT
    finding = rng.integers(0, len(FINDINGS), n // SCANS_PER_PATIENT)[patient]
    present = [frozenset({FINDINGS[i]}) for i in finding.tolist()]
    from_us = rng.permutation(n) * DAY_US
    keys = [f"scan-{i:06}" for i in range(n)]
    scanner = [f"scanner {i}" for i in rng.integers(0, 4, n).tolist()]
    cohort = Cohort(
        keys=keys,
        patients=[f"patient-{i:06}" for i in patient.tolist()],
        studies=keys,
        kinds=["ct/chest/3d"] * n,
        from_us=from_us,
        until_us=from_us + DAY_US,
        present=present,
        absent=[frozenset(FINDINGS) - has for has in present],
        traits={"scanner": scanner, "sex": ["F" if i % 2 else "M" for i in patient.tolist()]},
    )
    seen = rng.normal(size=(n, N_DIMENSIONS))
    seen[np.arange(n), finding] += 4.0
    plain = {name: Baseline(name, _unit(rng.normal(size=(n, N_DIMENSIONS)))) for name in ("histogram", "thumbnail")}
    baselines = plain | {
        "untrained": Baseline("untrained", _unit(rng.normal(size=(n, N_DIMENSIONS)))),
        "metadata": by_columns("metadata", {"scanner": scanner}),
        "demographics": by_columns("demographics", {"sex": cohort.traits["sex"]}),
    }
    return cohort, Fold("test", np.arange(n), _unit(seen), frozenset()), baselines


def _unit(rows: NDArray[np.float64]) -> Vectors:
    return np.ascontiguousarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


if __name__ == "__main__":
    main()
