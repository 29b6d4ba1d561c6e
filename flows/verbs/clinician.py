"""Verbs that ask and judge: where have I seen this before?"""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.clinician.blind_review import list_to_judge
from flows.clinician.similar import compare_scans, similar_to
from flows.clinician.verdicts import record_verdict
from flows.verbs.terminal_clinician import show_comparison, show_similar
from flows.verbs.words import DEFAULT, Config, Json, Quiet, opened, print_json, wrong


def similar(
    scan: str | None = None,
    *,
    study: str | None = None,
    accession: str | None = None,
    file: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    page: Path | None = None,
    judge: Annotated[bool, Parameter(negative="", help="pairs to judge, without rank and distance")] = False,
    history: Annotated[bool, Parameter(negative="", help="also what entered, moved and left, and why")] = False,
    any_kind: Annotated[bool, Parameter(negative="", help="search every kind of its modality, unjudged")] = False,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Show the earlier scans that one resembles: by scan, --study UID, --accession NR, or --file PATH ..."""
    given = [name for name, value in (("SCAN", scan), ("--study", study), ("--accession", accession), ("--file", file))
             if value]  # fmt: skip
    if len(given) != 1:
        raise wrong(f"name exactly one of SCAN, --study, --accession, --file; found {', '.join(given) or 'none'}")
    if judge and any_kind:
        raise wrong("--judge takes the lists that nights keep, and no --any-kind")
    if judge:
        return _to_judge(config, scan, page, history, as_json, quiet)
    answers = similar_to(
        opened(config), scan=scan, study=study, accession=accession, files=file, page=page, history=history,
        any_kind=any_kind,
    )  # fmt: skip
    if as_json:
        print_json(answers[0] if len(answers) == 1 else answers)
    elif not quiet:
        show_similar(answers)
    return 0


def _to_judge(config: Path, scan: str | None, page: Path | None, history: bool, as_json: bool, quiet: bool) -> int:

    if scan is None or history:
        raise wrong("--judge takes a SCAN of the archive, and no --history: that would tell the controls")
    found = list_to_judge(opened(config), scan, page=page)
    if as_json:
        print_json(found)
    elif not quiet:
        for row in found.pairs:
            print(f"{row.pair}  {row.acquired or '?'}  contrast {row.contrast}")
        print(f"{len(found.pairs)} pairs; next: scantwin verdict PAIR relevant|not-relevant|unsure --by NAME")
    return 0


def compare(a: str, b: str, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Compare two scans: distance, and its place among alike and unlike pairs of this encoder."""
    answer = compare_scans(opened(config), a, b)
    print_json(answer) if as_json else show_comparison(answer, quiet=quiet)
    return 0


def verdict(
    match: str,
    verdict: Literal["relevant", "not-relevant", "unsure", "wrong-patient", "duplicate"],
    *,
    by: str,
    note: str = "",
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Record what a person says of a match; MATCH is its id in match_for_review, or a pair of `similar --judge`."""
    row = record_verdict(config, match, verdict, by=by, note=note)
    if as_json:
        print_json(row)
    elif not quiet:
        what = "pair" if ":" in match else "match"
        task = "; a task for the operator: check the patient" if verdict == "wrong-patient" else ""
        print(f"recorded: {what} {match} is {verdict}, by {by}{task}")
    return 0
