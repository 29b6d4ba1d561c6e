"""Write docs/json.md from the types of the answers: `python -m flows.verbs.describe > docs/json.md`."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, is_dataclass
from types import UnionType
from typing import Annotated, Literal, Union, get_args, get_origin, get_type_hints

from evaluation.learning_curve import LearningCurve, NumberedCurve
from evaluation.report import EvidenceReport, Report
from flows.answers import care, corrections, coverage, encoders, evaluation, judgements, lanes, nights, status
from flows.answers import kinds as kind_answers
from flows.answers.answer import Answer, JsonObject
from flows.night.summary import Summary

INTRODUCTION = """\
# JSON

Made from the types of the answers by `python -m flows.verbs.describe`; a test compares the two.

Every command below prints one JSON document with `--json`. Keys are added, never renamed or taken away without a new
`schema`. A field that may be null says so; keys of persons, studies, scans and files are keyed digests, see
[tables.md](tables.md). Codes and what to do about them stand in [operate.md](operate.md). What the figures of
`scantwin evaluate` mean is explained in [evaluate.md](evaluate.md).
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
    "kinds --coverage": (coverage.Coverage,),
    "kinds learn": (kind_answers.LearnedKinds,),
    "kinds use": (kind_answers.SwitchedKinds,),
    "kinds off": (kind_answers.SwitchedKinds,),
    "patients conflicts": (corrections.Conflict,),
    "patients merge": (corrections.Merged,),
    "patients unmerge": (corrections.Unmerged,),
    "labels import": (corrections.ImportedLabels,),
    "labels from-verdicts": (corrections.LabelsOfVerdicts,),
    "evaluate": (evaluation.Evaluated,),
    "evaluate --folder": (evaluation.EvaluatedFolder,),
    "evaluate --folds": (evaluation.EvaluatedFolds,),
    "evaluate --folds --seeds": (evaluation.EvaluatedSeeds,),
    "evaluate --learning-curve": (evaluation.LearningCurves,),
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
KEPT: Mapping[str, tuple[type, ...]] = {
    "`evaluation-COVER-READING.json`, beside a page of evidence": (EvidenceReport,),
    "`learning-COVER-TASK.json`, in the same folder": (NumberedCurve,),
    "`evaluation.result`, in the database": (Report, LearningCurve),
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
    lines += ["\n## Kept\n", "| where | holds |", "|---|---|"]
    for place, kinds in KEPT.items():
        lines.append(f"| {place} | {' or '.join(map(_link, kinds))} |")
    lines.append("\n## Objects\n")
    for kind in _reached([*by_types, *KEPT.values()]):
        lines += _object(kind)
    return "\n".join(lines)


def _answer(kind: type) -> str:
    return f"a list of {_link(kind)}" if kind in LISTS else _link(kind)


def _link(kind: type) -> str:
    return f"[{kind.__name__}](#{kind.__name__.lower()})"


def _reached(answers: Iterable[tuple[type, ...]]) -> list[type]:
    """Return every type, an answer before what it is made of."""
    found: list[type] = []
    waiting = [kind for kinds in answers for kind in kinds]
    while waiting:
        kind = waiting.pop(0)
        if kind not in found:
            found.append(kind)
            inner = (part for hint in get_type_hints(kind).values() for part in _parts(hint))
            made_of = [part for part in inner if isinstance(part, type) and is_dataclass(part)]
            waiting[:0] = [*_more_than(kind), *made_of]
    return found


def _more_than(kind: type) -> list[type]:
    """Return the type whose keys are all among those of this one, where there is one."""
    return [base for base in kind.__bases__ if is_dataclass(base) and base not in (Answer, JsonObject)]


def _parts(hint: object) -> Iterator[object]:
    yield hint
    for part in get_args(hint):
        yield from _parts(part)


def _object(kind: type) -> Iterator[str]:
    hints = get_type_hints(kind, include_extras=True)
    yield from (f"### {kind.__name__}", "", " ".join((kind.__doc__ or "").split()), "")
    known = {field.name for base in _more_than(kind) for field in fields(base)}
    if known:
        yield from (f"All keys of {' and '.join(map(_link, _more_than(kind)))}, and:", "")
    yield from ("| key | type | what it says |", "|---|---|---|")
    for field in (field for field in fields(kind) if field.name not in known):
        yield f"| `{field.name}` | {_type(hints[field.name])} | {_words(kind, field.name, hints[field.name])} |"
    yield ""


def _words(kind: type, name: str, hint: object) -> str:
    return nights.SUMMARY[name] if kind is Summary else str(get_args(hint)[1])


def _type(hint: object) -> str:
    """Return a type in the words of JSON."""
    origin, parts = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return _type(parts[0])
    if origin is Literal:
        return "text"
    if origin in (Union, UnionType):
        return " or ".join("null" if part is type(None) else _type(part) for part in parts)
    if isinstance(origin, type) and issubclass(origin, Mapping):
        return f"object of {_type(parts[1])}"
    if origin is not None:
        return f"list of {_type(parts[0])}"
    if isinstance(hint, type) and is_dataclass(hint):
        return _link(hint)
    return {str: "text", int: "whole number", float: "number", bool: "true or false"}.get(hint, "value")  # type: ignore[call-overload,no-any-return]


if __name__ == "__main__":
    sys.stdout.write(describe())
