"""Encoder: starters for a cold start, training when the policy says so, and the switch between encoders."""

import shutil
import tempfile
from collections import Counter
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from db.encoders import (
    EncoderRow,
    active_encoders,
    choose_encoder,
    hold_encoder,
    save_encoder,
    set_active_encoder,
    set_provisional,
    unchoose_encoders,
)
from evaluation.promotion import Decision
from flows.records.recipes import own_backbone, own_recipe
from flows.site.opened import Site
from flows.stages.embed.inputs import TO_MAKE, done_with_inputs, require_inputs
from flows.stages.encoder.plan import ENCODER, REFUSED, Plan, is_fitted, plan, settings_of, work_folder
from flows.work.batch import Call, direct
from flows.work.lease import Ticket
from scans.atomic import write_atomically
from siamese.manifest import Manifest
from siamese.recipe import COVERS
from siamese.training.comparison import comparison_of, lines_of


def choose_encoders(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Make sure each cover has an active encoder; train where the policy asks for it."""
    counts: Counter[str] = Counter()
    for cover in COVERS:
        planned = plan(site, cover)
        if planned.purpose is None or not planned.at_once:
            counts["starters"] += register_starter(site, ticket, cover)
        counts[TO_MAKE] += _ask(site, ticket, cover, planned)
        if planned.purpose is not None:
            counts.update(call(train_cover, site, ticket, [cover]))
            counts["starters"] += register_starter(site, ticket, cover)  # where a head could not be fitted
    return counts


def train_now(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Train for each cover that has pairs enough, because a person asked."""
    counts: Counter[str] = Counter()
    for cover in COVERS:
        first = plan(site, cover, asked=True).at_once
        counts += train_cover(site, ticket, [cover], asked=True)
        if first and not is_fitted(site):  # the head that a training begins with serves now
            counts += train_cover(site, ticket, [cover], asked=True)
        counts["starters"] += register_starter(site, ticket, cover)
    return counts


def register_starter(site: Site, ticket: Ticket, cover: str) -> int:
    """Activate the starter of a cover that has no active encoder; returns how many were."""
    if _active(site, cover):
        return 0
    _activate(site, ticket, _starter(site, ticket, cover), "starter: nothing trained on this archive yet")
    return 1


def _starter(site: Site, ticket: Ticket, cover: str) -> Manifest:
    """Keep the backbone as it is: with the weights that it brings, or with drawn ones."""
    from siamese.encoder import save
    from siamese.training.head import starter_of

    with tempfile.TemporaryDirectory(dir=site.store, prefix=".starter-") as draft:
        s = site.settings.siamese
        trunk = starter_of(own_backbone(site, cover), cover, engine=s.engine, precision=s.precision)
        manifest = save(trunk, Path(draft))
        keep(site, ticket, Path(draft), manifest)
    return manifest


def train_cover(site: Site, ticket: Ticket, covers: Sequence[str], *, asked: bool = False) -> Counter[str]:
    """Fit or train an encoder for one cover; it serves at once where none does, else if it earns that."""
    (cover,) = covers
    chosen = plan(site, cover, asked=asked)
    if chosen.purpose is None:
        return Counter({TO_MAKE: _ask(site, ticket, cover, chosen)})
    active = _active(site, cover)
    manifest = _made(site, ticket, chosen, cover, active)
    counts = Counter(collapsed=1)
    if manifest is not None and not active:
        _activate(site, ticket, manifest, f"first night: a head fitted to {manifest.trained_on}")
        counts = Counter(trained=1, chosen=1)
    elif manifest is not None:
        counts = Counter(trained=1, chosen=promote(site, ticket, manifest, active))
    done_with_inputs(site, ticket, own_recipe(site, cover).digest(), reason="training")
    return counts


def _ask(site: Site, ticket: Ticket, cover: str, planned: Plan) -> int:
    """Ask for the inputs that a plan waits for; returns how many."""
    if not planned.missing:
        return 0
    return require_inputs(site, ticket, own_recipe(site, cover).digest(), planned.missing, reason="training")


def _made(site: Site, ticket: Ticket, chosen: Plan, cover: str, active: Sequence[EncoderRow]) -> Manifest | None:
    """Fit or train, resuming what was cut off, and keep the result; None where it is unusable."""
    from siamese.encoder import load, save
    from siamese.training.make import NotMade, make_encoder

    work = work_folder(site, cover, chosen)
    inputs = own_recipe(site, cover).digest()
    reference = load(site.store / active[0].folder) if active and active[0].recipe == inputs else None
    try:
        encoder = make_encoder(
            chosen.examples, cover=cover, purpose=chosen.purpose or "patient",
            settings=settings_of(site, cover, chosen), work=work, reference=reference,
            batch_size=site.settings.siamese.batch_size, device=site.settings.siamese.device,
        )  # fmt: skip
    except NotMade as error:
        write_atomically(work / REFUSED, str(error).encode())
        return None
    manifest = save(encoder, work / ENCODER)
    keep(site, ticket, work / ENCODER, manifest)
    shutil.rmtree(work)
    return manifest


def _active(site: Site, cover: str) -> list[EncoderRow]:
    with site.db.read() as connection:
        return [row for row in active_encoders(connection) if row.cover == cover]


def _activate(site: Site, ticket: Ticket, manifest: Manifest, reason: str) -> None:
    with site.db.write(ticket.right) as connection:
        set_active_encoder(
            connection, cover=manifest.cover, purpose=manifest.purpose, encoder=manifest.id, night=ticket.night,
            reason=reason,
        )  # fmt: skip


def promote(site: Site, ticket: Ticket, candidate: Manifest, active: Sequence[EncoderRow]) -> int:
    """Choose a candidate by the protocol, or beside a starter alone when validation does not speak against it.

    A head fitted to this archive takes a starter's place unasked, as it does on a first night. One that was trained by
    a loss is compared by the protocol only if it is above the head in closed form on validation.

    Returns 1 if it was chosen: it becomes active when every scan has its vector (flows.stages.encoder.candidates).
    """
    from flows.stages.encoder.promote import decide_on

    starters = [row for row in active if row.origin == "starter"]
    if candidate.is_fitted and len(starters) == len(active):
        with site.db.write(ticket.right) as connection:
            _choose(connection, candidate, f"a starter gives way to a head fitted to {candidate.trained_on}")
        return 1
    if (against := comparison_of(candidate)) is not None and not against.is_won:
        with site.db.write(ticket.right) as connection:
            hold_encoder(connection, candidate.id, "; ".join(lines_of(candidate)))
        return 0
    same = [row for row in active if row.purpose == candidate.purpose]
    rival = next(iter(same or starters or active), None)  # at worst one of another purpose: it answers today
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
    reason = "; ".join((*lines_of(candidate), *decision.reasons))
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
