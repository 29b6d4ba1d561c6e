"""The night's order: preflight, ingest, encoder, embed, match, report; with Prefect around it or without."""

import time
from collections import Counter
from collections.abc import Callable
from datetime import datetime
from importlib.metadata import version

from db import lease
from flows.night import failure
from flows.night.drift import watch
from flows.night.preflight import preflight
from flows.night.report import publish
from flows.night.summary import Summary, summarise
from flows.site import belonging
from flows.site.opened import Site
from flows.site.rules import reading_rules
from flows.stages.embed.inputs import TO_MAKE, ask_for_lacking
from flows.stages.embed.quota import drop_inputs
from flows.stages.embed.vectors import backlog, embed_backlog, make_again
from flows.stages.encoder.candidates import ask_for_own_inputs, embed_candidates
from flows.stages.encoder.judge import judge_active
from flows.stages.encoder.train import choose_encoders, train_now
from flows.stages.ingest.headers import ingest
from flows.stages.ingest.kinds import settle_kinds
from flows.stages.match.lists import match
from flows.work import interrupt
from flows.work.batch import Call, direct
from flows.work.failure import places_named, tolerated
from flows.work.lease import Ticket, night_ticket
from flows.work.undone import MARK

Stage = Callable[[Site, Ticket, Call], Counter[str]]
OnBegin = Callable[[Site, Ticket], object]  # called once the lease is held
RunStage = Callable[[str, Site, Ticket], Counter[str]]


def embed(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Embed what is not embedded yet, here or on the gpu pool; then what candidates lack, and switch to those done.

    Then scans get the kinds that their vectors tell.
    """
    ready, counts = ask_for_lacking(site, ticket, backlog(site))
    counts += embed_backlog(site, ticket, ready, call) + embed_candidates(site, ticket, call)
    counts[TO_MAKE] += ask_for_own_inputs(site, ticket)
    if counts[f"{MARK}tensor-damaged"]:
        counts[TO_MAKE] += make_again(site, ticket)
    return counts + settle_kinds(site, ticket, call)


def compare(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Bring the lists up to date; measure whether what made them has earned its place; then drop inputs."""
    counts = match(site, ticket, call) + judge_active(site, ticket)
    counts.update(drop_inputs(site, ticket))  # with the zeros
    return counts


STAGES: dict[str, Stage] = {
    "ingest": ingest,
    "encoder": choose_encoders,
    "train": train_now,
    "embed": embed,
    "match": compare,
}
WHOLE = ("ingest", "encoder", "embed", "match")


def run_stage(name: str, site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Run one stage and write its row: begun, seconds, counts."""
    begun = time.monotonic()
    with site.db.write(ticket.right) as connection:
        lease.begin_stage(connection, ticket.night, name)
    state = "failed"
    counts: Counter[str] = Counter()
    watched: dict[str, object] = {}
    try:
        counts = STAGES[name](site, ticket, call)
        watched = {"watch": watch(site, ticket).to_json()} if name == "match" else {}
        state = "done"
        return counts
    finally:
        with tolerated(state == "failed"):
            facts = dict(counts) | ({"rules": reading_rules(site)} if name == "ingest" else {}) | watched
            seconds = time.monotonic() - begun
            with site.db.write(ticket.right) as connection:
                lease.end_stage(connection, ticket.night, name, state=state, seconds=seconds, counts=facts)


def conduct(
    site: Site,
    *,
    stages: RunStage = run_stage,
    only: tuple[str, ...] = WHOLE,
    tick_at: datetime | None = None,
    on_begin: OnBegin | None = None,
    checked_s: float | None = None,
) -> Summary:
    """Run one whole night, or some of its stages.

    Args:
        site: The site.
        stages: How a stage is run.
        only: Which ones.
        tick_at: The tick of the schedule that the night answers.
        on_begin: Called once the lease is held.
        checked_s: How long preflight took, where it was passed just before; None: it is gone through here.

    Raises:
        flows.site.errors.PreflightRefused: The night must not begin; nothing was written.
        flows.site.errors.PlaceLost: Archive or store could not be used any more.
        db.errors.NightRunning: Another night is at work.
    """
    seconds = preflight(site) if checked_s is None else checked_s
    with night_ticket(site, version=version("scantwin"), tick_at=tick_at) as ticket:
        with site.db.write(ticket.right) as connection:
            belonging.claim(connection, site.db, site.keys, site.store)
            lease.begin_stage(connection, ticket.night, "preflight")
            lease.end_stage(connection, ticket.night, "preflight", state="done", seconds=seconds, counts={})
        try:
            with places_named(site):
                final = _work(site, ticket, stages, only, on_begin)
        except BaseException as error:
            failure.record(site, ticket, error)
            raise
    failure.tell_undone(site, final)
    return final


def _work(
    site: Site,
    ticket: Ticket,
    stages: RunStage,
    only: tuple[str, ...],
    on_begin: Callable[[Site, Ticket], object] | None,
) -> Summary:
    if on_begin is not None:
        on_begin(site, ticket)
    for name in only:
        stages(name, site, ticket)
        interrupt.check()
    return _close(site, ticket, whole=only == WHOLE)


def _close(site: Site, ticket: Ticket, *, whole: bool) -> Summary:
    """Write the report and end the night; the lease is free afterwards."""
    begun = time.monotonic()
    with site.db.write(ticket.right) as connection:
        lease.begin_stage(connection, ticket.night, "report")
    summary = summarise(site, ticket, whole=whole)
    report = publish(site, ticket, summary)
    with site.db.write(ticket.right) as connection:
        lease.end_stage(connection, ticket.night, "report", state="done", seconds=time.monotonic() - begun, counts={})
    final = summary.with_report(site, ticket, report)
    lease.end_night(
        site.db, ticket.right, night=ticket.night, state=final.state, exit_code=final.exit, summary=final.as_json(),
        error_code=final.undone[0].code if final.undone else "", report=str(report),
    )  # fmt: skip
    return final
