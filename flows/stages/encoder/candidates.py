"""Candidates: encoders that do not serve yet embed the archive in the background, while the old one answers.

A candidate that was chosen becomes active when every scan has its vector: the switch is one row, made in the night that
embedded the last scan. One in the shadow embeds as well, so that a switch by hand finds its vectors made. What is left
is read from the tables, so a night may be cut off anywhere.
"""

import time
from collections import Counter
from collections.abc import Sequence

from db.embeddings import scans_to_embed
from db.encoders import (
    EncoderRow,
    active_encoders,
    choose_encoder,
    chosen_encoders,
    encoders_of,
    newest_held,
    set_active_encoder,
    unchoose_encoders,
)
from db.scans import eligible_scans
from flows.records.recipes import own_recipe
from flows.site.errors import DeviceMissing, NotFound, OtherDevice
from flows.site.opened import Site
from flows.site.settings import new_scans_wanted
from flows.stages.embed.inputs import ASKED_AT_ONCE, TO_MAKE, ask_for_inputs, missing_inputs, require_inputs
from flows.stages.embed.vectors import embed_backlog, embed_scans
from flows.stages.encoder.overlap import archive_overlap
from flows.stages.encoder.registry import check_usable
from flows.work import interrupt
from flows.work.batch import Call, slices
from flows.work.batch_ids import scan_ids
from flows.work.lease import Ticket
from flows.work.undone import undone
from siamese.recipe import COVERS


def embed_candidates(site: Site, ticket: Ticket, call: Call) -> Counter[str]:
    """Embed for candidates until the budget is spent, chosen ones first; switch to those that are done."""
    ends = time.monotonic() + site.settings.siamese.background_minutes * 60
    counts: Counter[str] = Counter()
    with site.db.read() as connection:
        chosen, held = chosen_encoders(connection), newest_held(connection)
    for row in [*chosen, *held]:
        if ticket.is_late() or (counts and time.monotonic() >= ends):
            break
        try:
            counts += _embed(site, ticket, row, ends, call)
        except (NotFound, OtherDevice, DeviceMissing) as error:  # the nights of the active encoder go on
            with site.db.write(ticket.right) as connection:
                unchoose_encoders(connection, row.cover, row.purpose, str(error))
            counts["unusable"] += 1
            counts += undone("candidate-unusable", int(bool(row.chosen_reason)))  # one in the shadow serves nobody
        else:
            counts["switched"] += switch_if_done(site, ticket, row) if row.chosen_reason else 0
    return counts


def ask_for_own_inputs(site: Site, ticket: Ticket) -> int:
    """Ask for the inputs of the settings' backbone where there is no encoder with such inputs yet; returns how many.

    After an upgrade or a change of the settings: the next night makes them, and can then fit or train.
    """
    if new_scans_wanted(site.settings.siamese.train_when) is None:
        return 0
    n_asked = 0
    for cover in COVERS:
        own = own_recipe(site, cover).digest()
        with site.db.read() as connection:
            recipes = {row.recipe for row in encoders_of(connection, cover)}
            scans = [row.key for row in eligible_scans(connection, cover)] if own not in recipes else []
        if recipes and scans:
            n_asked += require_inputs(site, ticket, own, scans, reason="training")
    return n_asked


def switch_if_done(site: Site, ticket: Ticket, row: EncoderRow) -> int:
    """Make a chosen encoder the active one if no scan waits for its vector; 1 if it was switched."""
    with site.db.read() as connection:
        if scans_to_embed(connection, row.id, row.cover):
            return 0
        before = _before(active_encoders(connection), row)
        shared = None if not before else archive_overlap(site, connection, row.id, before[0].id)
    told = "" if shared is None else f"; overlap@10 with the encoder before {shared[0]:.2f}, {shared[1]} lists"
    with site.db.write(ticket.right) as connection:
        for old in before:
            if old.purpose != row.purpose:
                set_active_encoder(
                    connection, cover=row.cover, purpose=old.purpose, encoder=None, night=ticket.night,
                    reason="a trained encoder takes the starter's place",
                )  # fmt: skip
        set_active_encoder(
            connection, cover=row.cover, purpose=row.purpose, encoder=row.id, night=ticket.night,
            reason=f"{row.chosen_reason}{told}",
        )  # fmt: skip
        choose_encoder(connection, row.id, "")
    return 1


def _before(active: Sequence[EncoderRow], row: EncoderRow) -> list[EncoderRow]:
    """The encoders whose place a candidate takes: that of its purpose first, and the starters of its cover."""
    mine = [old for old in active if old.cover == row.cover]
    takes = [old for old in mine if old.purpose == row.purpose or old.origin == "starter"]
    return sorted(takes, key=lambda old: old.purpose != row.purpose)


def _embed(site: Site, ticket: Ticket, row: EncoderRow, ends: float, call: Call) -> Counter[str]:
    check_usable(site, row)
    with site.db.read() as connection:
        every = scans_to_embed(connection, row.id, row.cover)
    missing = missing_inputs(site, row.recipe, every)
    counts: Counter[str] = Counter()
    if missing:  # dropped since, or of an encoder with other inputs than those before it: the archive is read again
        counts[TO_MAKE] += ask_for_inputs(site, ticket, missing[:ASKED_AT_ONCE])
    lacking = frozenset(missing)
    waiting = [scan for scan in every if scan not in lacking]
    if site.settings.flows.pools:
        return counts + embed_backlog(site, ticket, {row.id: waiting}, call)
    for some in slices(waiting, site.settings.flows.scans_per_task):
        interrupt.check()
        counts.update(call(embed_scans, site, ticket, scan_ids(row.id, some)))
        if ticket.is_late() or time.monotonic() >= ends:  # after a batch: each night gets on
            break
    return counts
