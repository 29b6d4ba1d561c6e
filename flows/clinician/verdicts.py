"""Verdicts: what a person says of a pair; never touches the match itself."""

from pathlib import Path

from db.verdicts import save_pair_verdict, save_verdict
from flows.answers.judgements import MatchVerdict, PairVerdict
from flows.records.lookup import find_scan
from flows.site.errors import NotFound, WrongUsage
from flows.site.opened import Site, open_site


def record_verdict(
    config: Path, match: int | str, verdict: str, *, by: str, note: str = ""
) -> MatchVerdict | PairVerdict:
    """Append a verdict on the pair of a match, or on a pair "SCAN:PRIOR" of a list to judge.

    Raises:
        NotFound: No match has that id, or no such pair was shown.
        WrongUsage: The reader's name is missing, or MATCH is neither a number nor a pair.
    """
    if not by.strip():
        raise WrongUsage("--by is empty; a verdict needs the name of who gives it")
    site = open_site(config)
    if ":" in str(match):
        return _on_pair(site, str(match), verdict, by=by.strip(), note=note)
    if not str(match).isascii() or not str(match).isdigit():
        raise WrongUsage(f"{match!r} is neither the id of a match nor a pair SCAN:PRIOR")
    match = int(match)
    try:
        with site.db.write() as connection:
            number = save_verdict(connection, match=match, verdict=verdict, by=by.strip(), note=note)
    except LookupError as error:
        raise NotFound(f"no match has the id {match}; take it from match_for_review or `scantwin similar`") from error
    return MatchVerdict(number, match, verdict, by.strip())


def _on_pair(site: Site, pair: str, verdict: str, *, by: str, note: str) -> PairVerdict:
    """Whether the pair is a match or a control is not said."""
    with site.db.read() as connection:
        scan, prior = (find_scan(connection, key.strip()).key for key in pair.split(":", 1))
    try:
        with site.db.write() as connection:
            number = save_pair_verdict(
                connection, scan=scan, prior=prior, verdict=verdict, by=by, note=note
            )  # fmt: skip
    except LookupError as error:
        raise NotFound(f"{error}: take its name from `scantwin similar SCAN --judge`") from error
    return PairVerdict(number, pair, verdict, by)
