"""Write docs/json.md from the types of the answers: `python -m flows.verbs.describe > docs/json.md`."""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import fields
from types import UnionType
from typing import Annotated, Union, get_args, get_origin, get_type_hints

from flows.answers import care, corrections, encoders, judgements, lanes, nights, status
from flows.answers.answer import JsonObject
from flows.night.summary import Summary

INTRODUCTION = """\
# JSON

Made from the types of the answers by `python -m flows.verbs.describe`; a test compares the two.

Every command below prints one JSON document with `--json`. Keys are added, never renamed or taken away without a new
`schema`. A field that may be null says so; keys of persons, studies, scans and files are keyed digests, see
[tables.md](tables.md). Codes and what to do about them stand in [operate.md](operate.md). What `scantwin evaluate`
answers is explained in [evaluate.md](evaluate.md).
"""
# Command -> the types of what it may answer; Summary is one, with its words beside the others.
COMMANDS: Mapping[str, tuple[type, ...]] = {
    "night": (Summary,),
    "ingest": (Summary,),
    "train": (Summary,),
    "embed": (Summary,),
    "match": (Summary,),
    "night --dry-run": (nights.DryNight,),
    "match --verify": (care.Verified,),
    "similar": (lanes.Similar,),
    "similar --history": (lanes.SimilarWithHistory,),
    "similar --judge": (judgements.PairsToJudge,),
    "compare": (lanes.Comparison,),
    "verdict": (judgements.MatchVerdict, judgements.PairVerdict),
    "volume": (judgements.WrittenVolume,),
    "status": (status.Status,),
    "files": (status.FileEnd,),
    "kinds": (status.UnknownKinds,),
    "patients conflicts": (corrections.Conflict,),
    "patients merge": (corrections.Merged,),
    "patients unmerge": (corrections.Unmerged,),
    "labels import": (corrections.ImportedLabels,),
    "labels from-verdicts": (corrections.LabelsOfVerdicts,),
    "encoders": (encoders.Encoders,),
    "encoders activate": (encoders.Activated,),
    "encoders rollback": (encoders.Activated,),
    "forget": (corrections.Forgotten,),
    "export": (care.Exported,),
    "doctor": (status.Checkup,),
    "deploy": (care.Deployed, care.WrittenFiles),
    "db check": (care.DatabaseCheck,),
    "db rotate-secret": (care.RenewedSecret,),
    "phantoms": (care.PhantomHospital,),
}
LISTS = (status.FileEnd, corrections.Conflict)  # a command answers with a list of these


def describe() -> str:
    """Return docs/json.md."""
    by_types: dict[tuple[type, ...], list[str]] = {}
    for command, kinds in COMMANDS.items():
        by_types.setdefault(kinds, []).append(f"`scantwin {command}`")
    lines = [INTRODUCTION, "## Commands\n", "| command | answers |", "|---|---|"]
    for kinds, commands in by_types.items():
        lines.append(f"| {', '.join(commands)} | {' or '.join(_answer(kind) for kind in kinds)} |")
    lines.append("\n## Objects\n")
    for kind in _reached(by_types):
        lines += _object(kind)
    return "\n".join(lines)


def _answer(kind: type) -> str:
    return f"a list of {_link(kind)}" if kind in LISTS else _link(kind)


def _link(kind: type) -> str:
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


def _reached(by_types: Mapping[tuple[type, ...], object]) -> list[type]:
    """Return every type, an answer before what it is made of."""
    found: list[type] = []
    waiting = [kind for kinds in by_types for kind in kinds]
    while waiting:
        kind = waiting.pop(0)
        if kind not in found:
            found.append(kind)
            inner = (part for hint in get_type_hints(kind).values() for part in _parts(hint))
            waiting[:0] = [part for part in inner if isinstance(part, type) and issubclass(part, JsonObject)]
    return found


def _parts(hint: object) -> Iterator[object]:
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _object(kind: type) -> Iterator[str]:
    hints = get_type_hints(kind, include_extras=True)
    yield from (f"### {kind.__name__}", "", " ".join((kind.__doc__ or "").split()), "")
    yield from ("| key | type | what it says |", "|---|---|---|")
    for field in fields(kind):
        yield f"| `{field.name}` | {_type(hints[field.name])} | {_words(kind, field.name, hints[field.name])} |"
    yield ""


def _words(kind: type, name: str, hint: object) -> str:
    return nights.SUMMARY[name] if kind is Summary else str(get_args(hint)[1])


def _type(hint: object) -> str:
    """Return a type in the words of JSON."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(parts[0])
    if origin in (Union, UnionType):
        return " or ".join("null" if part is type(None) else _type(part) for part in parts)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"object of {_type(parts[1])}"
    if origin is not None:
        return f"list of {_type(parts[0])}"
    if isinstance(hint, type) and issubclass(hint, JsonObject):
        return _link(hint)
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(hint, "value")  # type: ignore[call-overload,no-any-return]


if __name__ == "__main__":
    sys.stdout.write(describe())
