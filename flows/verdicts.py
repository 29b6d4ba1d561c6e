"""Verdicts: what a person says of a pair; never touches the match itself."""

from pathlib import Path
from typing import Any

from db import store
from flows.asked import NotFound, WrongUsage
from flows.site import open_site


def record_verdict(config: Path, match: int, verdict: str, *, by: str, note: str = "") -> dict[str, Any]:
    """Append a verdict on the pair of a match.

    Raises:
        NotFound: No match has that id.
        WrongUsage: The reader's name is missing.
    """
    if not by.strip():
        raise WrongUsage("--by is empty; a verdict needs the name of who gives it")
    site = open_site(config)
    try:
        with site.db.write() as connection:
            number = store.save_verdict(connection, match=match, verdict=verdict, by=by.strip(), note=note)
    except LookupError as error:
        raise NotFound(f"no match has the id {match}; take it from match_for_review or `scantwin similar`") from error
    return {"schema": 1, "id": number, "match": match, "verdict": verdict, "by": by.strip()}
