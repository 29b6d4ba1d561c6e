"""Answers are types: old ones still parse, and what the commands print has exactly their keys."""

import inspect
import json
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import pytest
from earlier_answers import ANSWERS
from nights import run
from pydantic import TypeAdapter
from sqlalchemy import select

from db.tables import MATCH
from flows.answers import judgements
from flows.answers.nights import SUMMARY
from flows.cli import app
from flows.night.summary import Summary
from flows.verbs.describe import COMMANDS, KEPT, LISTS, describe

EVALUATIONS = json.loads((Path(__file__).parent / "earlier_evaluations.json").read_text(encoding="utf-8"))
EARLIER = ANSWERS | EVALUATIONS["answers"]
VERDICTS = {"verdict MATCH": judgements.MatchVerdict, "verdict PAIR": judgements.PairVerdict}
GROUPS = {name: app[name] for name in ("db", "encoders", "kinds", "labels", "patients")}


def kind_of(command: str) -> type:
    if command in VERDICTS:
        return VERDICTS[command]
    return COMMANDS["deploy"][1] if command == "deploy --out" else COMMANDS[command][0]


def said_again(command: str, answer: Any) -> Any:
    """Parse an answer and write it again: other keys or values would not come back."""
    kind = kind_of(command)
    parsed = TypeAdapter(list[kind] if kind in LISTS else kind).validate_python(answer)
    return [written(row) for row in parsed] if isinstance(parsed, list) else written(parsed)


def written(answer: Any) -> Any:
    """What a type writes, read again."""
    return json.loads(json.dumps(asdict(answer) if isinstance(answer, Summary) else answer.to_json()))


def kept(before: Any, now: Any) -> Any:
    """Return of an answer what an earlier one had: keys are added, never taken away."""
    if isinstance(before, dict) and isinstance(now, dict):
        return {name: kept(value, now[name]) for name, value in before.items()}
    if isinstance(before, list) and isinstance(now, list) and len(before) == len(now):
        return [kept(*pair) for pair in zip(before, now, strict=True)]
    return now


@pytest.mark.parametrize("command", EARLIER)
def test_an_answer_of_before_still_parses(command):
    assert kept(EARLIER[command], said_again(command, EARLIER[command])) == EARLIER[command]


@pytest.mark.parametrize("kind", [kind for kinds in KEPT.values() for kind in kinds], ids=lambda kind: kind.__name__)
def test_an_evaluation_that_was_kept_before_still_parses(kind):
    before = EVALUATIONS["kept"][kind.__name__]
    again = written(TypeAdapter(kind).validate_python(before))
    assert again == before and list(again) == list(before)


def test_an_answer_of_before_stands_for_every_command():
    kinds = {kind_of(command) for command in EARLIER}
    assert kinds == {kind for kinds in COMMANDS.values() for kind in kinds}


def test_every_command_that_prints_json_is_described():
    verbs = {name: app[name] for name in app if not name.startswith("-") and name not in GROUPS}
    for group, its in GROUPS.items():
        verbs |= {f"{group} {name}": its[name] for name in its if not name.startswith("-")}
    printing = {name for name, verb in verbs.items() if "as_json" in inspect.signature(verb.default_command).parameters}
    assert printing == {name for name in COMMANDS if "--" not in name and name not in ("encoders", "kinds")}


def test_the_page_of_json_is_up_to_date():
    page = Path(__file__).parents[2] / "docs" / "json.md"
    assert page.read_text(encoding="utf-8") == describe(), "run `python -m flows.verbs.describe > docs/json.md`"


def test_every_key_of_a_night_is_explained():
    assert set(SUMMARY) == {field.name for field in fields(Summary)}


@pytest.fixture
def busy(hospital, make_site, write_dicom):
    """A site with matches, a scan of unknown kind and two spellings of one patient id."""
    site = make_site()
    hospital.deliver(site.archive)
    for name, patient, more in (
        ("odd", "P7", {"BodyPartExamined": "XYZ", "StudyDescription": ""}),
        ("alike", "p07", {}),
    ):
        uid = f"1.2.9.{len(patient)}"
        names = {"study": uid, "series": f"{uid}.1", "instance": f"{uid}.1.1"}
        write_dicom(site.archive / name, patient=patient, date="20200601", **names, **more)
    run(site)
    return site


def test_what_the_commands_print_has_exactly_the_keys_of_their_types(call, busy, hospital, tmp_path):
    with busy.db.read() as connection:
        listed = select(MATCH.c.id, MATCH.c.scan, MATCH.c.prior).where(MATCH.c.lane == "others")
        match, scan, prior = connection.execute(listed.order_by(MATCH.c.id)).first()
    (tmp_path / "ids.csv").write_text("from_id,from_issuer,to_id,to_issuer\np07,HOSPITAL,P7,HOSPITAL\nx,,x,\n")
    (tmp_path / "labels.csv").write_text("patient,finding,value\nP1,nodule,present\nP2,nodule,maybe\n")

    def ask(command: str, *words: object) -> Any:
        _, out, err = call(*words, "--config", busy.config, "--json")
        answer = json.loads(out) if out else pytest.fail(err)
        assert said_again(command, answer) == answer
        before = key_order(ANSWERS[command])
        assert [key for key in key_order(answer) if key in before] == before
        return answer

    ask("ingest", "ingest")
    ask("night --dry-run", "night", "--dry-run")
    ask("files", "files")
    ask("similar", "similar", scan)
    ask("similar", "similar", "--file", hospital.files[0])
    ask("similar --history", "similar", scan, "--history")
    pair = ask("similar --judge", "similar", scan, "--judge")["pairs"][0]["pair"]
    ask("compare", "compare", scan, prior)
    ask("verdict MATCH", "verdict", match, "wrong-patient", "--by", "Dr A")
    for reader in ("Dr A", "Dr B"):
        ask("verdict PAIR", "verdict", pair, "relevant", "--by", reader)
    ask("labels from-verdicts", "labels", "from-verdicts")
    ask("status", "status")
    ask("kinds", "kinds")
    ask("kinds --coverage", "kinds", "--coverage")
    ask("kinds learn", "kinds", "learn")
    ask("kinds off", "kinds", "off")
    ask("patients conflicts", "patients", "conflicts")
    ask("patients merge", "patients", "merge", tmp_path / "ids.csv")
    ask("patients unmerge", "patients", "unmerge", tmp_path / "ids.csv")
    ask("labels import", "labels", "import", tmp_path / "labels.csv")
    encoder = ask("encoders", "encoders")["encoders"][0]["id"]
    ask("encoders activate", "encoders", "activate", encoder)
    ask("volume", "volume", scan, "--out", tmp_path / "scan.nii.gz")
    ask("match --verify", "match", "--verify")
    ask("db check", "db", "check")
    ask("deploy --out", "deploy", "--out", tmp_path / "machines")
    ask("doctor", "doctor")
    ask("export", "export", "--out", tmp_path / "tables", "--format", "csv")
    ask("db rotate-secret", "db", "rotate-secret")
    ask("forget", "forget", "P1", "--issuer", "HOSPITAL", "--yes")


def key_order(answer: Any) -> list[str]:
    """The keys of an answer, or of the first of a list of them."""
    return list(answer[0] if isinstance(answer, list) else answer)
