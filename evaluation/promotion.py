"""Whether a candidate replaces the active encoder."""

from collections.abc import Mapping
from dataclasses import dataclass

from evaluation.baselines import REQUIRED
from evaluation.figures import HEADLINE, Evaluation
from siamese.statistics.intervals import Estimate

MOST_LOST = 0.05  # the lower bound of the paired difference has to lie above its negative
FEWEST_IN_SUBGROUP = 30  # patients


@dataclass(frozen=True)
class Decision:
    """What is done, and the sentences that say why."""

    promote: bool
    provisional: bool  # the candidate has not beaten each baseline
    reasons: tuple[str, ...]


def decide_by(evaluation: Evaluation, active: str | None) -> Decision:
    """Decide on the encoder that was evaluated.

    Args:
        evaluation: Of the candidate, with the active encoder among its rivals.
        active: Name of that rival; None without an active encoder.
    """
    report = evaluation.main
    lift = report.headline.lift
    if active is None:
        return decide(_headlines(lift), None, {}, unavailable=evaluation.unavailable)
    subgroups = {
        f"{trait} {value}": part.lift[active][HEADLINE]
        for trait, parts in report.subgroups.items()
        for value, part in parts.items()
    }
    return decide(_headlines(lift), lift[active][HEADLINE], subgroups, unavailable=evaluation.unavailable)


def _headlines(lift: Mapping[str, Mapping[str, Estimate]]) -> dict[str, Estimate]:
    return {name: figures[HEADLINE] for name, figures in lift.items() if name in REQUIRED}


def decide(
    lift: Mapping[str, Estimate],
    difference: Estimate | None,
    subgroups: Mapping[str, Estimate],
    *,
    unavailable: Mapping[str, str] | None = None,
) -> Decision:
    """Decide on a candidate.

    Args:
        lift: Its P@1 less that of each baseline, paired.
        difference: Its P@1 less that of the active encoder on the same queries; None without an active one.
        subgroups: The same difference within each subgroup, by a name such as "sex F".
        unavailable: Baselines that could not be computed, and why; they decide nothing and are told.
    """
    against, told = [], []
    for name, estimate in sorted(lift.items()):
        if estimate.low is None or estimate.low <= 0:
            against.append(f"lift over {name} {_range(estimate)} does not exclude 0")
    provisional = bool(against) or not lift
    if not lift:
        against.append("no lift over any baseline was measured")
    told += [f"baseline {name} could not be computed: {why}" for name, why in sorted((unavailable or {}).items())]
    if difference is None:
        told.append("no active encoder to compare with")
    else:
        against += _worse_than_active(difference)
        blocks, unclear = _worse_in_subgroups(subgroups)
        against += blocks
        told += unclear
    if not against:
        told.insert(0, "better than every baseline" + ("" if difference is None else ", not worse than the active one"))
    return Decision(not against, provisional, (*against, *told))


def _worse_than_active(difference: Estimate) -> list[str]:
    if difference.value is None or difference.low is None:
        return ["no query was answered by both encoders"]
    if difference.value < 0:
        return [f"below the active encoder by {_range(difference)}"]
    if difference.low <= -MOST_LOST:
        return [f"may lose more than {MOST_LOST} against the active encoder: {_range(difference)}"]
    return []


def _worse_in_subgroups(subgroups: Mapping[str, Estimate]) -> tuple[list[str], list[str]]:
    blocks, unclear = [], []
    for name, estimate in sorted(subgroups.items()):
        shown = estimate.n_patients >= FEWEST_IN_SUBGROUP and estimate.low is not None and estimate.high is not None
        if shown and estimate.high is not None and estimate.high < 0:
            blocks.append(f"worse for {name}: {_range(estimate)}, {estimate.n_patients} patients")
        elif not shown or (estimate.low is not None and estimate.low < 0):
            unclear.append(f"cannot tell for {name}: {_range(estimate)}, {estimate.n_patients} patients")
    return blocks, unclear


def _range(estimate: Estimate) -> str:
    if estimate.value is None:
        return "(unknown)"
    return f"{estimate.value:+.3f} ({estimate.low:+.3f} to {estimate.high:+.3f})"
