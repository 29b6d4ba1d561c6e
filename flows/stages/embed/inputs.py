"""Inputs asked for: made again from the scans' files by the next night, and kept until what needs them is done."""

from collections import Counter
from collections.abc import Mapping, Sequence

from db import identity
from db.encoders import active_encoders
from db.inputs import end_request, request_recipe
from db.scans import series_of_scans
from flows.site.errors import NotFound
from flows.site.opened import Site
from flows.work.lease import Ticket, day_ticket

TO_MAKE, LACKING = "inputs_to_make", "vectors_without_input"  # in the counts of stages
ASKED_AT_ONCE = 10_000  # scans that one night reads again for a candidate: an hour or two, newest first


def ask_for_inputs(site: Site, ticket: Ticket, scans: Sequence[str]) -> int:
    """Ask for the inputs of some scans to be made from their files, by the next night; returns how many scans."""
    wanted = sorted(set(scans))
    with site.db.read() as connection:
        series = series_of_scans(connection, wanted)
    with site.db.write(ticket.right) as connection:
        identity.request_regroup_series(connection, series)
    return len(wanted)


def require_inputs(site: Site, ticket: Ticket, recipe: str, scans: Sequence[str], *, reason: str) -> int:
    """Keep the inputs of a recipe from now on, and ask for those of some scans that are not kept; returns how many."""
    with site.db.write(ticket.right) as connection:
        request_recipe(connection, recipe, reason)
    missing = missing_inputs(site, recipe, scans)
    return ask_for_inputs(site, ticket, missing) if missing else 0


def done_with_inputs(site: Site, ticket: Ticket, recipe: str, *, reason: str) -> None:
    """Note that what the inputs of a recipe were asked for is done."""
    with site.db.write(ticket.right) as connection:
        end_request(connection, recipe, reason)


def require_for_evaluation(site: Site, wanted: Mapping[str, Sequence[str]]) -> None:
    """Keep inputs while a person evaluates, between nights.

    Args:
        site: Whose store.
        wanted: Recipe -> scans.

    Raises:
        NotFound: Some are not kept: they are asked for, and the text says when to come back.
        db.errors.NightRunning: A night is at work.
    """
    with day_ticket(site) as ticket:
        asked = [require_inputs(site, ticket, recipe, scans, reason="evaluation") for recipe, scans in wanted.items()]
    if any(asked):
        raise NotFound(
            f"the encoder inputs of {sum(asked)} scans are not kept any more ([site] inputs_gib), and are asked for: "
            f"the next night makes them again from the archive, scantwin ingest does it now; then evaluate again"
        )


def missing_inputs(site: Site, recipe: str, scans: Sequence[str]) -> list[str]:
    """Return those of some scans whose input does not lie in the store."""
    return [scan for scan in scans if not site.tensor(recipe, scan).exists()]


def ask_for_lacking(
    site: Site, ticket: Ticket, waiting: Mapping[str, Sequence[str]]
) -> tuple[dict[str, list[str]], Counter[str]]:
    """Ask for inputs that active encoders lack: dropped ones, and those of scans that came while another one served.

    Returns:
        Encoder -> scans that can be embedded; and counts of the others.
    """
    with site.db.read() as connection:
        recipes = {row.id: row.recipe for row in active_encoders(connection)}
    lacking = {encoder: frozenset(missing_inputs(site, recipes[encoder], scans)) for encoder, scans in waiting.items()}
    ready = {encoder: [scan for scan in scans if scan not in lacking[encoder]] for encoder, scans in waiting.items()}
    missing = frozenset().union(*lacking.values())
    counts = Counter({LACKING: sum(map(len, lacking.values()))})
    if missing:
        counts[TO_MAKE] += ask_for_inputs(site, ticket, sorted(missing))
    return ready, counts
