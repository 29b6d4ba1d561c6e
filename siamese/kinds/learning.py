"""Learning kinds: means and covariance from train, thresholds from validation, figures from test.

No patient stands in two of them. What is known to be of another kind counts as wrong when it is named, also where that
kind has too few patients to be a class. A family that cannot show its worth on test is refused.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from siamese.kinds.classifier import FamilyModel, Floats, nearest_two
from siamese.kinds.figures import FamilyFigures, KindFigures
from siamese.pairs import split_of
from siamese.statistics.intervals import wilson

FEWEST_PATIENTS = 10  # of train, for a class
FEWEST_NAMED = 300  # scans of test that a family's error rests on: none wrong of 300 is surely below 1.3 %
FEWEST_NAMED_OF_KIND = 10  # scans of test named so, else the kind is given to nobody
MOST_WRONG = 0.01  # of what is named
AIMED_AT = 0.005  # on validation, where the margin is chosen: the other half is left to chance
QUANTILE = 0.99  # of the distances of validation to their own class: what is farther is like no class
MOST_DIRECTIONS = 64  # of the covariance within classes; in all others scans are taken to differ alike
SHRINKAGE = 0.5  # of the covariance towards a multiple of the identity: vectors are long, patients may be few


@dataclass(frozen=True, eq=False)
class ToldScans:
    """Scans of one family and cover whose tags tell the kind; columns of equal length."""

    vectors: NDArray[np.float32]  # (N, D)
    likenesses: Sequence[str]
    patients: Sequence[str]
    numbers: Sequence[float]  # by which patients are divided, see siamese.pairs.split_of

    def of(self, name: str) -> "ToldScans":
        """Return those of one split."""
        rows = [i for i, number in enumerate(self.numbers) if split_of(number) == name]
        return ToldScans(
            self.vectors[rows],
            [self.likenesses[i] for i in rows],
            [self.patients[i] for i in rows],
            [self.numbers[i] for i in rows],
        )


def learn(family: str, told: ToldScans) -> tuple[FamilyModel | None, FamilyFigures]:
    """Return what tells the kinds of a family apart and its figures; None where it is refused."""
    train, validation, test = (told.of(name) for name in ("train", "validation", "test"))
    classes = _classes(train)
    if len(classes) < 2:
        why = f"{len(classes)} kinds with {FEWEST_PATIENTS} patients of train or more; it takes two to tell apart"
        return None, _figures(family, told, None, why)
    model = _tuned(_fitted(train, classes), validation)
    if model is None:
        return None, _figures(family, told, None, "no scan of validation is told apart surely enough")
    model = _given(model, test)
    figures = _figures(family, told, model, "")
    if why := _refusal(figures):
        return None, replace(figures, refused=why)
    return replace(model, n_named=figures.named, n_wrong=figures.wrong), figures


def _classes(train: ToldScans) -> list[str]:
    people = {pair for pair in zip(train.likenesses, train.patients, strict=True)}
    counts = Counter(likeness for likeness, _ in people)
    return sorted(likeness for likeness, n in counts.items() if n >= FEWEST_PATIENTS)


def _fitted(train: ToldScans, classes: Sequence[str]) -> FamilyModel:
    """Return class means and the shrunk covariance within them; each patient of a class weighs one."""
    vectors = train.vectors.astype(np.float64)
    pairs = list(zip(train.likenesses, train.patients, strict=True))
    per_pair = Counter(pairs)
    weights = np.array([1.0 / per_pair[pair] for pair in pairs])
    n_dims = vectors.shape[1]
    means, scatter, total = [], np.zeros((n_dims, n_dims)), 0.0
    for name in classes:
        rows = np.array([likeness == name for likeness in train.likenesses])
        mean = np.average(vectors[rows], axis=0, weights=weights[rows])
        away = vectors[rows] - mean
        scatter += (away * weights[rows, None]).T @ away  # (D, n) @ (n, D)
        total += float(weights[rows].sum())
        means.append(mean)
    scale, directions = _inverse(scatter / total)
    return FamilyModel(
        likenesses=tuple(classes), given=tuple(classes), means=np.stack(means), scale=scale, directions=directions,
        limit=np.inf, margin=0.0, n_named=0, n_wrong=0,
    )  # fmt: skip


def _inverse(covariance: Floats) -> tuple[float, Floats]:
    """Return the inverse of a shrunk covariance (D, D) as scale * identity - directions.T @ directions, these (R, D).

    Beyond the leading directions it has one level, as in probabilistic principal components (Tipping and Bishop, 1999).
    """
    n_dims = len(covariance)
    level = float(np.trace(covariance)) / n_dims or 1.0  # 1: the scans of each class are all alike
    values, vectors = np.linalg.eigh(covariance)  # rising
    shrunk = (1 - SHRINKAGE) * np.maximum(values, 0.0) + SHRINKAGE * level
    n_rest = max(1, n_dims - MOST_DIRECTIONS)
    rest = float(shrunk[:n_rest].mean())
    weights = (1.0 - rest / shrunk[n_rest:]) / rest
    return 1.0 / rest, np.ascontiguousarray((vectors[:, n_rest:] * np.sqrt(np.maximum(weights, 0.0))).T)


def _tuned(model: FamilyModel, validation: ToldScans) -> FamilyModel | None:
    """Return the model with its limit and margin; None where no margin keeps the error on validation low enough."""
    truth = np.array([_place(model, name) for name in validation.likenesses], np.int64)
    if not (truth >= 0).any():
        return None
    distances = model.distances(validation.vectors)
    own = distances[truth >= 0, truth[truth >= 0]]
    limit = float(np.quantile(own, QUANTILE, method="inverted_cdf"))
    nearest, first, second = nearest_two(distances)
    within = first <= limit
    margin = _least_margin((second - first)[within], (nearest != truth)[within])
    return None if margin is None else replace(model, limit=limit, margin=margin)


def _place(model: FamilyModel, name: str) -> int:
    return list(model.likenesses).index(name) if name in model.likenesses else -1


def _least_margin(margins: Floats, is_wrong: NDArray[np.bool_]) -> float | None:
    """Return the least margin (N,) at which at most AIMED_AT of what has it are wrong; None: there is none."""
    falling = np.argsort(-margins, kind="stable")
    ordered, wrong = margins[falling], np.cumsum(is_wrong[falling])
    is_last = np.append(ordered[1:] != ordered[:-1], True)[: len(ordered)]  # equal margins are taken together
    fits = np.flatnonzero(is_last & (wrong <= AIMED_AT * np.arange(1, len(ordered) + 1)))
    return float(ordered[fits[-1]]) if len(fits) else None


def _given(model: FamilyModel, test: ToldScans) -> FamilyModel:
    """Return the model with those kinds given that enough scans of test are named, hardly one of them wrongly."""
    named: Counter[str] = Counter()
    wrong: Counter[str] = Counter()
    for looks, truth in zip(model.decide(test.vectors), test.likenesses, strict=True):
        named[looks] += 1
        wrong[looks] += looks != truth
    enough = (name for name in model.likenesses if named[name] >= FEWEST_NAMED_OF_KIND)
    return replace(model, given=tuple(name for name in enough if wrong[name] <= MOST_WRONG * named[name]))


def _figures(family: str, told: ToldScans, model: FamilyModel | None, refused: str) -> FamilyFigures:
    test = told.of("test")
    looks = [""] * len(test.likenesses) if model is None else model.decide(test.vectors)
    is_wrong = [look not in ("", truth) for look, truth in zip(looks, test.likenesses, strict=True)]
    trials = {patient for patient, look in zip(test.patients, looks, strict=True) if look}
    n_named, n_wrong = len(looks) - looks.count(""), sum(is_wrong)
    error = n_wrong / n_named if n_named else None
    return FamilyFigures(
        family=family, scans=len(looks), patients=len(set(test.patients)), named=n_named, wrong=n_wrong, error=error,
        upper=None if error is None else wilson(error, len(trials))[1], refused=refused,
        kinds=[_of_kind(name, told, test, looks, model) for name in sorted(set(told.likenesses))],
    )  # fmt: skip


def _of_kind(
    name: str, told: ToldScans, test: ToldScans, looks: Sequence[str], model: FamilyModel | None
) -> KindFigures:
    theirs = [look for look, truth in zip(looks, test.likenesses, strict=True) if truth == name]
    people = {patient for patient, truth in zip(told.patients, told.likenesses, strict=True) if truth == name}
    right, abstained = theirs.count(name), theirs.count("")
    return KindFigures(
        kind=name, patients=len(people), scans=len(theirs), right=right, wrong=len(theirs) - right - abstained,
        abstained=abstained, given=model is not None and name in model.given,
    )  # fmt: skip


def _refusal(figures: FamilyFigures) -> str:
    if figures.error is not None and figures.error > MOST_WRONG:
        return f"{figures.error:.1%} of {figures.named} scans named are wrong, at most {MOST_WRONG:.0%} may be"
    if figures.named < FEWEST_NAMED:
        return f"{figures.named} scans of patients left out were named, {FEWEST_NAMED} are needed to know the error"
    return ""
