"""Encoder: starters for a cold start, training when the policy says so, and the switch between encoders."""

import json
import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from db.encoders import (
    EncoderRow,
    active_encoders,
    choose_encoder,
    encoders_of,
    hold_encoder,
    save_encoder,
    set_active_encoder,
    set_provisional,
    unchoose_encoders,
)
from evaluation.promotion import Decision
from flows.records.labelled import read_examples
from flows.site.opened import Site
from flows.site.settings import new_scans_wanted
from flows.work.batch import Call, direct
from flows.work.lease import Ticket
from scans.atomic import write_atomically
from siamese.example import Example
from siamese.manifest import Manifest
from siamese.pairs import PURPOSES, Purpose, feasible
from siamese.recipe import COVERS
from siamese.training.settings import TrainingSettings

if TYPE_CHECKING:
    from siamese.encoder import Encoder


@dataclass(frozen=True)
class Plan:
    """What to train for a cover, or why nothing is trained."""

    purpose: Purpose | None
    reason: str
    examples: Sequence[Example] = ()


def choose_encoders(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Make sure each cover has an active encoder; train where the policy asks for it."""
    counts: Counter[str] = Counter()
    for cover in COVERS:
        counts["starters"] += register_starter(site, ticket, cover)
        if plan(site, cover).purpose is not None:
            counts.update(call(train_cover, site, ticket, [cover]))
    return counts


def train_now(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Train for each cover that has pairs enough, because a person asked."""
    counts: Counter[str] = Counter()
    for cover in COVERS:
        counts["starters"] += register_starter(site, ticket, cover)
        counts += train_cover(site, ticket, [cover], asked=True)
    return counts


def plan(site: Site, cover: str, *, asked: bool = False) -> Plan:
    """Decide whether to train for a cover; `asked` (by a person) overrides the policy, not the evidence needed."""
    wanted = new_scans_wanted(site.settings.siamese.train_when)
    with site.db.read() as connection:
        trained = [row for row in encoders_of(connection, cover) if row.origin == "trained"]
    if not asked and wanted is None:
        return Plan(None, 'train_when = "never"')
    if not asked and trained and wanted == 0:
        return Plan(None, "there is a trained encoder")
    with site.db.read() as connection:
        examples = read_examples(site, connection, cover)
    if not asked and trained and len(examples) < _scans_of(trained) + (wanted or 0):
        return Plan(None, f"fewer than {wanted} new scans since the last training")
    n_patients = len({example.patient for example in examples})
    fewest = site.settings.siamese.fewest_patients
    if n_patients < fewest:
        return Plan(None, f"{n_patients} patients, fewest_patients = {fewest}")
    return _with_purpose(site, cover, examples)


def _with_purpose(site: Site, cover: str, examples: Sequence[Example]) -> Plan:
    asked = site.settings.siamese.purpose
    purposes: Sequence[Purpose] = PURPOSES if asked == "auto" else (asked,)
    reasons = []
    for purpose in purposes:
        verdict = feasible(examples, purpose)
        if not verdict.ok:
            reasons.append(verdict.reason)
        elif refused_before(site, cover, purpose, examples):
            reasons.append(f"training for {purpose} on these very scans collapsed before")
        else:
            return Plan(purpose, "", examples)
    return Plan(None, "; ".join(reasons))


def _scans_of(trained: Sequence[EncoderRow]) -> int:
    """How many scans the newest trained encoder was trained, validated and tested on."""
    newest = max(trained, key=lambda row: row.created_at)
    return sum(split.get("scans", 0) for split in Manifest.from_json(newest.manifest).counts.values())


def register_starter(site: Site, ticket: Ticket, cover: str) -> int:
    """Activate the starter of a cover that has no active encoder; returns how many were."""
    from siamese.manifest import read_manifest, starter

    with site.db.read() as connection:
        if any(row.cover == cover for row in active_encoders(connection)):
            return 0
    manifest = read_manifest(starter(cover))
    keep(site, ticket, starter(cover), manifest)
    with site.db.write(ticket.right) as connection:
        set_active_encoder(
            connection, cover=cover, purpose=manifest.purpose, encoder=manifest.id, night=ticket.night,
            reason="starter: nothing trained on this archive yet",
        )  # fmt: skip
    return 1


def train_cover(site: Site, ticket: Ticket, covers: Sequence[str], *, asked: bool = False) -> Counter[str]:
    """Train an encoder for one cover, resuming what was cut off, and choose it if it earned that."""
    from siamese.encoder import load
    from siamese.training.fit import CollapsedTraining, fit

    (cover,) = covers
    chosen = plan(site, cover, asked=asked)
    if chosen.purpose is None:
        return Counter()
    with site.db.read() as connection:
        active = [row for row in active_encoders(connection) if row.cover == cover]
    work = work_folder(site, cover, chosen.purpose, chosen.examples)
    reference = load(site.store / active[0].folder) if active else None
    try:
        trained = fit(
            chosen.examples, cover=cover, purpose=chosen.purpose, settings=training_settings(site), work=work,
            reference=reference,
        )  # fmt: skip
    except CollapsedTraining as error:
        (work / REFUSED).write_text(str(error), encoding="utf-8")
        return Counter(collapsed=1)
    keep(site, ticket, work / ENCODER, _saved(trained.encoder, work / ENCODER))
    counts = Counter(trained=1, chosen=promote(site, ticket, trained.encoder.manifest, active))
    shutil.rmtree(work)
    return counts


ENCODER, REFUSED = "encoder", "refused.txt"


def promote(site: Site, ticket: Ticket, candidate: Manifest, active: Sequence[EncoderRow]) -> int:
    """Choose a candidate by the protocol, or beside a starter alone when validation does not speak against it.

    Returns 1 if it was chosen: it becomes active when every scan has its vector (flows.stages.encoder.candidates).
    """
    from flows.stages.encoder.promote import decide_on

    starters = [row for row in active if row.origin == "starter"]
    same = [row for row in active if row.purpose == candidate.purpose]
    rival = next(iter(same or starters), None)
    decision = decide_on(site, ticket, candidate.id, rival.id) if rival is not None else None
    if decision is not None:
        return _as_decided(site, ticket, candidate, decision)
    if len(starters) < len(active) or not beats_reference(candidate):
        with site.db.write(ticket.right) as connection:
            hold_encoder(connection, candidate.id, held_reason(candidate, is_trained=len(starters) < len(active)))
        return 0
    with site.db.write(ticket.right) as connection:
        _choose(connection, candidate, "first one trained on this archive; not below the starter on validation")
    return 1


def _as_decided(site: Site, ticket: Ticket, candidate: Manifest, decision: Decision) -> int:
    """Choose a candidate that has earned it by the protocol, else note why it stays in the shadow."""
    reason = "; ".join(decision.reasons)
    with site.db.write(ticket.right) as connection:
        set_provisional(connection, candidate.id, decision.provisional)
        if not decision.promote:
            hold_encoder(connection, candidate.id, reason)
            return 0
        _choose(connection, candidate, reason)
    return 1


def _choose(connection: Connection, candidate: Manifest, reason: str) -> None:
    unchoose_encoders(connection, candidate.cover, candidate.purpose, "a newer candidate was chosen before it")
    choose_encoder(connection, candidate.id, reason)


def held_reason(candidate: Manifest, *, is_trained: bool) -> str:
    """Why a candidate stays in the shadow, in a sentence for the night's report."""
    if is_trained:
        return "a trained encoder is active; `scantwin encoders activate ID` switches by hand"
    ours, theirs = (candidate.figures.get(name, {}).get("auc") for name in ("validation", "reference"))
    if ours is None:
        return "it could not be judged on validation"
    return f"below the active starter on the same validation patients: AUC {ours:.3f} against {theirs:.3f}"


def beats_reference(candidate: Manifest) -> bool:
    """True unless the encoder that serves now did better on the same validation patients."""
    figures = candidate.figures
    ours = figures.get("validation", {}).get("auc")
    theirs = figures.get("reference", {}).get("auc")
    return ours is not None and (theirs is None or ours >= theirs)


def refused_before(site: Site, cover: str, purpose: Purpose, examples: Sequence[Example]) -> bool:
    """True when training on these very scans collapsed in an earlier night."""
    return (work_folder(site, cover, purpose, examples) / REFUSED).exists()


def work_folder(site: Site, cover: str, purpose: Purpose, examples: Sequence[Example]) -> Path:
    """Where a training keeps its checkpoints: the same folder for the same examples and settings."""
    text = json.dumps(
        [repr(training_settings(site)), [[e.scan, sorted(e.present), sorted(e.absent)] for e in examples]]
    )
    return site.store / "training" / f"{cover}-{purpose}-{site.keys.key('training', text)[:12]}"


def training_settings(site: Site) -> TrainingSettings:
    """The configuration's [siamese] table as siamese.training wants it."""
    from siamese.training.settings import TrainingSettings

    s = site.settings.siamese
    return TrainingSettings(
        backbone=s.backbone, dim=s.dim, loss=s.loss, miner=s.miner, margin=s.margin, metric=s.metric,
        epochs=s.epochs, steps_per_epoch=s.steps_per_epoch, learning_rate=s.learning_rate, patience=s.patience,
        seed=s.seed, time_budget_s=s.time_budget_minutes * 60, threads=s.threads,
    )  # fmt: skip


def _saved(encoder: "Encoder", folder: Path) -> Manifest:
    from siamese.encoder import save

    return save(encoder, folder)


def keep(site: Site, ticket: Ticket, folder: Path, manifest: Manifest, *, origin: str = "") -> None:
    """Copy an encoder's folder into the store under its id, then write its row; `origin` if not the manifest's."""
    kept = site.store / "encoders" / manifest.id
    if not (kept / "manifest.json").exists():
        draft = kept.with_name(f".{manifest.id}.part")
        shutil.rmtree(draft, ignore_errors=True)
        for path in (path for path in folder.rglob("*") if path.is_file()):  # copytree would keep the modes as well
            write_atomically(draft / path.relative_to(folder), path.read_bytes())
        shutil.rmtree(kept, ignore_errors=True)
        draft.rename(kept)
    row = {
        "id": manifest.id, "cover": manifest.cover, "purpose": manifest.purpose, "backbone": manifest.backbone,
        "dim": manifest.dim, "metric": dict(manifest.settings).get("metric", "cosine"),
        "recipe": manifest.recipe_digest, "origin": origin or manifest.origin, "provisional": True,
        "folder": f"encoders/{manifest.id}", "manifest": manifest.to_json(), "kernels": manifest.kernels,
        "created_night": ticket.night,
        "created_at": datetime.fromisoformat(manifest.created_utc),
    }  # fmt: skip
    with site.db.write(ticket.right) as connection:
        save_encoder(connection, row)
