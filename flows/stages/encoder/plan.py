"""Whether a cover gets a new encoder, what it is made of, and why not."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from db.encoders import EncoderRow, active_encoders, encoders_of
from flows.records.labelled import read_examples
from flows.records.recipes import own_backbone
from flows.site.opened import Site
from flows.site.settings import new_scans_wanted
from siamese.choices import EVERY_LOSS, NO_LOSS, PRETRAINED
from siamese.example import Example
from siamese.limits import Purpose
from siamese.manifest import Manifest
from siamese.pairs import PURPOSES, feasible, split, split_of
from siamese.training.sample import FIRST_NIGHT, TooFewPatients, sample_of
from siamese.training.settings import TrainingSettings

ENCODER, REFUSED = "encoder", "refused.txt"
GROWN = 2  # times the training scans that a head was fitted to: then it is fitted again


@dataclass(frozen=True)
class Plan:
    """What to make for a cover, or why nothing is made."""

    purpose: Purpose | None
    reason: str
    examples: Sequence[Example] = ()
    at_once: bool = False  # it serves without a rival: nothing is active
    missing: Sequence[str] = ()  # scans whose inputs have to be made again first
    in_closed_form: bool = False  # whatever loss the settings ask for


def plan(site: Site, cover: str, *, asked: bool = False) -> Plan:
    """Decide whether to make an encoder for a cover; `asked` (by a person) overrides the policy, not the evidence."""
    wanted = new_scans_wanted(site.settings.siamese.train_when)
    if not asked and wanted is None:
        return Plan(None, 'train_when = "never"')
    backbone = own_backbone(site, cover)
    if needs_trunk(site) and backbone not in PRETRAINED:
        return Plan(None, f"backbone {backbone} brings no weights, {_why(site)}")
    with site.db.read() as connection:
        made = [row for row in encoders_of(connection, cover) if row.origin == "trained" and _is_as_set(site, row)]
        active = [row for row in active_encoders(connection) if row.cover == cover]
    head_first = is_fitted(site) or (backbone in PRETRAINED and not made)
    trained = made if head_first else [row for row in made if not Manifest.from_json(row.manifest).is_fitted]
    if not asked and trained and wanted == 0 and not head_first:
        return Plan(None, "there is a trained encoder")
    with site.db.read() as connection:
        examples = read_examples(site, connection, cover)
    if not asked and trained and (why := _too_early(site, trained, examples, wanted or 0)):
        return Plan(None, why)
    n_patients = len({example.patient for example in examples})
    fewest = site.settings.siamese.fewest_patients
    if n_patients < fewest:
        return Plan(None, f"{n_patients} patients, fewest_patients = {fewest}")
    found = _head(site, cover, examples, not active) if head_first else _with_purpose(site, cover, examples)
    return _with_inputs(site, cover, found, active)


def _is_as_set(site: Site, row: EncoderRow) -> bool:
    """Whether an encoder has the backbone and the arithmetic of the settings."""
    s, manifest = site.settings.siamese, Manifest.from_json(row.manifest)
    is_worked_so = (manifest.engine, manifest.precision) == (s.engine, s.precision)
    return row.backbone == own_backbone(site, row.cover) and is_worked_so


def is_fitted(site: Site) -> bool:
    """Whether the settings ask for a head in closed form."""
    return site.settings.siamese.loss == NO_LOSS


def _why(site: Site) -> str:
    return "so it needs a loss to learn by" if is_fitted(site) else 'and loss = "every" compares heads on those'


def needs_trunk(site: Site) -> bool:
    """Whether what the settings ask for works on a backbone with weights of its own alone."""
    return site.settings.siamese.loss in (NO_LOSS, EVERY_LOSS)


def _too_early(site: Site, trained: Sequence[EncoderRow], examples: Sequence[Example], wanted: int) -> str:
    """Why the archive has not grown enough since the newest training; "" when it has."""
    newest = max(trained, key=lambda row: row.created_at)
    n_then = sum(split.get("scans", 0) for split in Manifest.from_json(newest.manifest).counts.values())
    if not is_fitted(site):
        return "" if len(examples) >= n_then + wanted else f"fewer than {wanted} new scans since the last training"
    n_now = sum(split_of(example.split_number) == "train" for example in examples)
    enough = n_now >= (n_then + wanted if wanted else GROWN * n_then)
    return "" if enough else f"{n_now} scans of training patients, the head was fitted when there were {n_then}"


def _head(site: Site, cover: str, examples: Sequence[Example], nothing_serves: bool) -> Plan:
    if is_fitted(site) and site.settings.siamese.purpose not in ("auto", "patient"):
        return Plan(None, f'purpose = "{site.settings.siamese.purpose}" needs a loss to learn by')
    try:
        learned_from = [example for example in examples if split_of(example.split_number) == "train"]
        sample_of(learned_from, FIRST_NIGHT[cover])
    except TooFewPatients as error:
        return Plan(None, str(error))
    planned = Plan("patient", "", examples, at_once=nothing_serves, in_closed_form=True)
    if refused_before(site, cover, planned):
        return Plan(None, "a head could not be fitted to these very scans before")
    return planned


def _with_inputs(site: Site, cover: str, found: Plan, active: Sequence[EncoderRow]) -> Plan:
    """Return the plan, or one that waits: what it learns from, and what its result is held against, must be there."""
    if found.purpose is None:
        return found
    needed = list(found.examples)
    if found.in_closed_form:
        parts = split(found.examples)
        needed = [*sample_of(parts["train"], FIRST_NIGHT[cover]).scans]
        if any(row.origin != "starter" for row in active):  # it has to win on people whom neither ever saw
            needed += parts["test"]
    missing = [example.scan for example in needed if not example.tensor.exists()]
    if not missing:
        return found
    why = f"{len(missing)} encoder inputs that it needs are not kept; they are made again from the archive first"
    return Plan(None, why, missing=missing)


def _with_purpose(site: Site, cover: str, examples: Sequence[Example]) -> Plan:
    asked = site.settings.siamese.purpose
    purposes: Sequence[Purpose] = PURPOSES if asked == "auto" else (asked,)
    reasons = []
    for purpose in purposes:
        verdict, planned = feasible(examples, purpose), Plan(purpose, "", examples)
        if not verdict.ok:
            reasons.append(verdict.reason)
        elif refused_before(site, cover, planned):
            reasons.append(f"training for {purpose} on these very scans collapsed before")
        else:
            return planned
    return Plan(None, "; ".join(reasons))


def refused_before(site: Site, cover: str, planned: Plan) -> bool:
    """True when making this from these very scans failed in an earlier night."""
    return (work_folder(site, cover, planned) / REFUSED).exists()


def work_folder(site: Site, cover: str, planned: Plan) -> Path:
    """Where a training keeps its checkpoints: the same folder for the same examples and settings."""
    seen = [[e.scan, sorted(e.present), sorted(e.absent)] for e in planned.examples]
    text = json.dumps([repr(settings_of(site, cover, planned)), seen])
    return site.store / "training" / f"{cover}-{planned.purpose}-{site.keys.key('training', text)[:12]}"


def settings_of(site: Site, cover: str, planned: Plan) -> TrainingSettings:
    """Return the settings of what is planned: a head in closed form has no loss."""
    settings = training_settings(site, cover)
    return replace(settings, loss=NO_LOSS) if planned.in_closed_form else settings


def training_settings(site: Site, cover: str) -> TrainingSettings:
    """The configuration's [siamese] table as siamese.training wants it."""
    s = site.settings.siamese
    return TrainingSettings(
        backbone=own_backbone(site, cover), dim=s.dim, loss=s.loss, miner=s.miner, margin=s.margin, metric=s.metric,
        temperature=s.temperature, memory=s.memory, anchor=s.anchor, views=s.views,
        tuned_blocks=s.tuned_blocks,
        epochs=s.epochs, steps_per_epoch=s.steps_per_epoch, learning_rate=s.learning_rate, patience=s.patience,
        seed=s.seed, engine=s.engine, precision=s.precision, time_budget_s=s.time_budget_minutes * 60,
        threads=s.threads,
    )  # fmt: skip
