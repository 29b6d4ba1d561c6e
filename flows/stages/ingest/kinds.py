"""Kinds from pixels, after scans have their vectors: the series of those that get or lose one are built anew.

`flows.stages.ingest.scans.build_series` decides by the tables alone, so that it makes no difference when it is asked.
"""

from collections import Counter

from db import identity
from db.kinds import idle_classifiers, series_named, switch_off, waiting_vectors
from flows.records.pixel_kinds import key_by, pixel_kinds
from flows.site.opened import Site
from flows.stages.ingest.scans import build_series, finish_studies
from flows.work.batch import Call, direct, run_batches
from flows.work.lease import Ticket
from siamese.recipe import COVERS


def settle_kinds(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Switch off classifiers whose encoder serves no more, and build the series anew whose kinds change by that."""
    _switch_off_idle(site, ticket)
    series = _series_to_build(site)
    if not series:
        return Counter()
    with site.db.write(ticket.right) as connection:
        identity.request_regroup_series(connection, series)
    counts = run_batches(build_series, site, ticket, series, size=site.settings.flows.series_per_task, call=call)
    return counts + finish_studies(site, ticket)


def _switch_off_idle(site: Site, ticket: Ticket) -> None:
    with site.db.read() as connection:
        idle = idle_classifiers(connection)
    for row in idle:
        reason = f"encoder {row.encoder}, whose vectors it reads, serves {row.cover} no more"
        with site.db.write(ticket.right) as connection:
            switch_off(connection, [row.id], reason, ticket.night)


def _series_to_build(site: Site) -> list[str]:
    """Return the series with a scan that a classifier names, or that one named which does so no more."""
    found: set[str] = set()
    with site.db.read() as connection:
        by_cover = pixel_kinds(site, connection).by_cover
        for classifier in by_cover.values():
            for row in waiting_vectors(connection, classifier.encoder, classifier.cover):
                if key_by(classifier, row.kind, row.vector):
                    found.add(row.series)
        for cover in COVERS:
            if cover not in by_cover:
                found.update(series_named(connection, cover))
    return sorted(found)
