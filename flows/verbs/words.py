"""Words that all verbs share, and how they print JSON."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from flows.answers.answer import JsonObject
from flows.site.errors import WrongUsage

if TYPE_CHECKING:
    from flows.site.opened import Site

Config = Annotated[Path, Parameter(name="--config", help="the site's configuration")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="print one JSON document")]
Quiet = Annotated[bool, Parameter(name="--quiet", negative="", help="print nothing but errors")]
DEFAULT = Path("config.toml")


def opened(config: Path) -> "Site":
    """Open the site of a configuration: once, by the verb, which hands it down."""
    from flows.site.opened import open_site

    return open_site(config)


def print_json(value: object) -> None:
    """Print one JSON document: an answer, a list of answers, or plain values."""
    print(json.dumps(value, default=_plain))


def print_json_list(rows: Iterable[object]) -> None:
    """Print a list that may be longer than memory."""
    mark = "["
    for row in rows:
        print(mark + json.dumps(row, default=_plain), end="")
        mark = ",\n"
    print("]" if mark != "[" else "[]")


def _plain(value: object) -> object:
    return value.to_json() if isinstance(value, JsonObject) else str(value)


def wrong(text: str) -> Exception:
    """Return the error for words that do not go together."""
    return WrongUsage(text)
