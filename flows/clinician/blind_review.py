"""Judging: a scan's similar cases with random controls among them, in a form that tells the two apart to nobody.

Neither rank nor distance is shown and the order is drawn, so that a reader judges the pictures alone.
"""

from collections.abc import Sequence
from pathlib import Path

from sqlalchemy import Connection

from db.lists import ScanLane, lanes_of_scan
from db.scans import ScanFacts, scan_facts
from db.verdicts import controls_of, save_controls
from flows.answers.judgements import Pair, PairsToJudge
from flows.clinician.answer import day
from flows.records.lookup import find_scan
from flows.records.space import order_of, read_space
from flows.site.errors import NotFound
from flows.site.opened import Site
from flows.work.outputs import require_new_file
from review.words import short
from siamese.search.lanes import eligible_priors


def list_to_judge(site: Site, scan: str, *, page: Path | None = None) -> PairsToJudge:
    """Return the pairs of a scan to be judged; the controls among them are recorded, and not told apart.

    Raises:
        NotFound: There is no such scan, or it has no list of other patients.
    """
    if page is not None:
        require_new_file(site, page, "--page")
    with site.db.read() as connection:
        key = find_scan(connection, scan).key
        every = lanes_of_scan(connection, key)
        lanes = [lane for lane in every if lane.lane == "others" and lane.matches]
        drawn = {lane.encoder: draw(site, connection, key, lane) for lane in lanes}
    if not lanes:
        raise NotFound("this scan has no list of similar cases to judge; `scantwin similar` says why")
    with site.db.write() as connection:
        for encoder, priors in drawn.items():
            save_controls(connection, scan=key, encoder=encoder, priors=priors)
    shown = {match.prior for lane in lanes for match in lane.matches}.union(*drawn.values())
    ordered = sorted(shown, key=lambda prior: site.keys.key("judged", key, prior))
    with site.db.read() as connection:
        facts = scan_facts(connection, ordered)
        if page is not None:
            from review.report import write_pairs

            write_pairs(connection, key, ordered, store=site.store, out=page)
    return PairsToJudge(key, [_pair(key, prior, facts[prior]) for prior in ordered])


def draw(site: Site, connection: Connection, scan: str, lane: ScanLane) -> list[str]:
    """Return the priors to mix into a list: a share of what is shown, those of before as long as they may be.

    One a patient, of patients whom the list does not show, equally likely; drawn by the site's secret, so that the same
    archive draws the same.
    """
    share, n_listed = site.settings.siamese.control_share, len(lane.matches)
    wanted = max(1, round(n_listed * share / (1 - share))) if share else 0
    if not wanted:
        return []
    before = set(controls_of(connection, scan, lane.encoder))
    listed = {match.patient for match in lane.matches}
    space = read_space(site, connection, lane.encoder, lane.matches[0].kind)
    row = list(space.gallery.keys).index(scan)
    patients = {code: patient for patient, code in space.patient_codes.items()}
    rows = eligible_priors(space.gallery, row, order=order_of(site))
    may = [
        (space.gallery.keys[i], patients[int(space.gallery.patients[i])])
        for i in rows.tolist()
        if patients[int(space.gallery.patients[i])] not in listed
    ]
    return _one_a_patient(site, scan, may, before)[:wanted]


def _one_a_patient(site: Site, scan: str, may: Sequence[tuple[str, str]], before: set[str]) -> list[str]:
    """Priors in the order in which they are drawn: each patient's first one; those shown before come first."""
    lots = {prior: site.keys.key("control", scan, prior) for prior, _ in may}
    turns = {patient: site.keys.key("control-patient", scan, patient) for _, patient in may}
    first: dict[str, str] = {}
    for prior, patient in sorted(may, key=lambda some: (some[0] not in before, lots[some[0]])):
        first.setdefault(patient, prior)
    ordered = sorted(first.items(), key=lambda some: (some[1] not in before, turns[some[0]]))
    return [prior for _, prior in ordered]


def _pair(scan: str, prior: str, facts: ScanFacts) -> Pair:
    acquired = day(facts.acquired_local_date)
    return Pair(f"{short(scan)}:{short(prior)}", prior, facts.patient, acquired, facts.contrast or "unknown")
