"""Batches of ids: how a stage hands out its work, with Prefect around it or without."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TypeVar

from flows.site.opened import Site
from flows.work import interrupt
from flows.work.failure import places_named
from flows.work.lease import Ticket

T = TypeVar("T")
BATCHES_IN_PAGE = 32

Batch = Callable[[Site, Ticket, Sequence[str]], Mapping[str, int]]
"""Work on some ids; safe to repeat; returns what it did as counts."""

Call = Callable[[Batch, Site, Ticket, Sequence[str]], Mapping[str, int]]
"""How a batch is run: `direct`, or as a Prefect task (flows.night.prefect_flows)."""


def direct(batch: Batch, site: Site, ticket: Ticket, ids: Sequence[str]) -> Mapping[str, int]:
    """Run a batch here and now."""
    with places_named(site):
        return batch(site, ticket, ids)


def run_batches(
    batch: Batch, site: Site, ticket: Ticket, ids: Iterable[str], *, size: int, call: Call = direct
) -> Counter[str]:
    """Run a batch function over ids in slices; stops between slices once it is time to publish."""
    counts: Counter[str] = Counter()
    for some in slices(ids, size):
        interrupt.check()
        if ticket.is_late():
            break
        counts.update(call(batch, site, ticket, some))
    return counts


def in_pages(site: Site, pending: Callable[..., list[str]], *, size: int) -> Iterator[str]:
    """Yield the ids that wait, a page at a time: a backlog of a million needs no list of a million.

    A page is asked for when the batches of the last one are done, so it holds whole batches.

    Args:
        site: The site.
        pending: From a connection and a limit to that many ids that wait, first ones first.
        size: Of a batch.
    """
    before: list[str] = []
    while True:
        with site.db.read() as connection:
            page = pending(connection, limit=size * BATCHES_IN_PAGE)
        if not page or page == before:  # as before: its batches leave these waiting, for the next night
            return
        yield from page
        before = page


def slices(ids: Iterable[T], size: int) -> Iterator[list[T]]:
    """Lists of at most `size` ids, in order."""
    waiting = iter(ids)
    while some := list(islice(waiting, size)):
        yield some
