import importlib
import json
import subprocess
import sys
from pathlib import Path

import pytest
from cyclopts import App
from nights import run, tables

from db.labels import read_labels
from flows.cli import COMMANDS
from flows.site.opened import _opened


def test_help_lists_every_command(call):
    code, out, _ = call("--help")
    assert code == 0
    for verb in ("init", "doctor", "phantoms", "night", "ingest", "train", "embed", "match", "similar", "compare",
                 "status", "files", "volume", "labels", "verdict", "export", "serve", "db"):  # fmt: skip
        assert verb in out


@pytest.mark.parametrize(("place", "line"), [command[2:] for command in COMMANDS])
def test_the_line_of_help_of_a_command_is_the_first_of_its_function(place, line):
    module, _, name = place.partition(":")
    command = getattr(importlib.import_module(module), name)
    assert line == (command.help if isinstance(command, App) else command.__doc__.splitlines()[0])


@pytest.mark.parametrize("words", [["nigth"], ["night", "--fast"], ["export"], ["verdict", "1", "maybe", "--by", "A"]])
def test_wrong_words_are_exit_two_with_a_hint(call, words):
    code, _, err = call(*words)
    assert code == 2
    assert "scantwin --help" in err


def test_init_never_overwrites(call, tmp_path):
    (tmp_path / "archive").mkdir()
    config = tmp_path / "site" / "config.toml"
    assert call("init", tmp_path / "archive", "--config", config)[0] == 0
    before = config.read_text()
    code, _, err = call("init", tmp_path / "archive", "--config", config)
    assert code == 2
    assert "not overwritten" in err
    assert config.read_text() == before
    assert (config.parent / "site.secret").stat().st_mode & 0o777 == 0o600


def test_init_of_a_missing_folder_says_so(call, tmp_path):
    code, _, err = call("init", tmp_path / "nowhere", "--config", tmp_path / "c.toml")
    assert (code, "not a folder" in err) == (2, True)


def test_a_path_with_quotes_is_written_so_that_it_is_read_back(call, tmp_path):
    odd = tmp_path / 'ar"chi\\ve'
    odd.mkdir()
    config = tmp_path / "config.toml"
    assert call("init", odd, "--config", config)[0] == 0
    from flows.site.settings import read_settings

    assert read_settings(config).site.archive == str(odd)


@pytest.mark.parametrize(
    ("spoil", "code", "words"),
    [
        (lambda s: s.config.write_text("[site]\n"), 2, "site.archive"),
        (lambda s: (s.config.parent / "site.secret").unlink(), 2, "no secret"),
        (lambda s: s.archive.rmdir(), 5, "does not exist"),
        (lambda s: (s.store / "scantwin-identity.sqlite").unlink(), 5, "backup"),
        (lambda s: s.config.write_text(s.config.read_text().replace("pools = false", "pools = true")), 5, "PostgreSQL"),
        (
            lambda s: s.config.write_text(s.config.read_text().replace('"store"', f'"{s.archive}/store"')),
            5,
            "backup|inside",
        ),
    ],
)
def test_what_is_wrong_before_a_night_is_said_with_the_next_step(call, make_site, spoil, code, words):
    import re

    site = make_site()
    site.db.close()
    spoil(site)
    _opened.cache_clear()
    found, out, err = call("ingest", "--config", site.config)
    assert found == code, err
    assert re.search(words, err), err
    assert "Traceback" not in out + err


def test_another_secret_is_refused_because_every_key_would_change(call, matched):
    secret = matched.config.parent / "site.secret"
    secret.write_text("another-another-another-another-another")
    import os

    os.utime(matched.config)
    code, _, err = call("ingest", "--config", matched.config)
    assert (code, "not the one" in err) == (5, True)


def test_status_shows_nights_files_and_encoders(call, matched):
    code, out, _ = call("status", "--config", matched.config)
    assert code == 0
    for word in ("last success", "finished", "starter", "provisional", "backlog: 0", "duplicate"):
        assert word in out


def test_files_json_names_every_file_with_its_end(call, hospital, matched):
    _, out, _ = call("files", "--json", "--config", matched.config)
    rows = json.loads(out)
    assert {row["path"] for row in rows} == {path.name for path in hospital.files}
    assert all(set(row) >= {"path", "outcome", "code", "why", "scan"} for row in rows)
    assert all(row["why"] and row["meaning"] and row["action"] for row in rows)


def test_files_can_be_asked_for_by_outcome_or_code_and_nothing_else(call, matched):
    _, out, _ = call("files", "--json", "--outcome", "duplicate", "--config", matched.config)
    assert [row["code"] for row in json.loads(out)] == ["duplicate"]
    code, _, err = call("files", "--outcome", "lost", "--config", matched.config)
    assert code == 2
    assert "quarantined" in err


KEYS = {"schema", "scan", "kind", "lanes"}
LANE_KEYS = {"lane", "alarm", "purpose", "encoder", "outcome", "gallery_patients", "matches"}
MATCH_KEYS = {"match", "rank", "scan", "patient", "acquired", "distance", "expected_by_chance", "provisional",
              "contrast", "change", "kind"}  # fmt: skip


def latest_scan(site):
    from sqlalchemy import select

    from db.tables import Match

    with site.db.read() as connection:
        statement = select(Match.scan).where(Match.lane == "own", Match.rank == 1).order_by(Match.scan)
        return connection.scalars(statement).first()


def test_similar_answers_by_scan_study_accession_and_file_alike(call, hospital, matched):
    study = "1.2.4.3"
    file = matched.archive / "32"
    _, by_study, _ = call("similar", "--study", study, "--json", "--config", matched.config)
    answer = json.loads(by_study)
    assert set(answer) >= KEYS
    assert all(set(lane) == LANE_KEYS for lane in answer["lanes"])
    assert all(set(match) == MATCH_KEYS for lane in answer["lanes"] for match in lane["matches"])
    _, by_scan, _ = call("similar", answer["scan"][:12], "--json", "--config", matched.config)
    assert json.loads(by_scan) == answer
    _, by_accession, _ = call("similar", "--accession", "A.4.3", "--json", "--config", matched.config)
    assert json.loads(by_accession) == answer
    _, by_file, _ = call("similar", "--file", file, "--json", "--config", matched.config)
    found = json.loads(by_file)
    shown = [[(m["rank"], m["scan"], m["distance"]) for m in lane["matches"]] for lane in answer["lanes"]]
    assert [[(m["rank"], m["scan"], m["distance"]) for m in lane["matches"]] for lane in found["lanes"]] == shown
    assert [lane["gallery_patients"] for lane in found["lanes"]] == [
        lane["gallery_patients"] for lane in answer["lanes"]
    ]


def test_similar_by_file_leaves_nothing_behind(call, hospital, make_site):
    site = make_site()
    hospital.deliver(site.archive, hospital.files[:8])
    run(site)
    before = tables(site)
    assert call("similar", "--file", hospital.folder / "32", "--json", "--config", site.config)[0] == 0
    assert tables(site) == before


@pytest.mark.parametrize(
    "words", [["similar", "zzz"], ["similar", "--study", "9.9"], ["similar", "--accession", "none"]]
)
def test_what_is_not_there_is_said(call, matched, words):
    code, _, err = call(*words, "--config", matched.config)
    assert code == 1
    assert "no " in err


def test_similar_wants_exactly_one_question(call, matched):
    assert call("similar", "--config", matched.config)[0] == 2
    assert call("similar", "a", "--study", "b", "--config", matched.config)[0] == 2


def test_similar_to_a_file_that_cannot_be_compared_says_why(call, matched):
    code, _, err = call("similar", "--file", matched.archive / "notes.txt", "--config", matched.config)
    assert (code, "not-dicom" in err) == (1, True)


def test_compare_gives_a_distance_and_is_symmetric(call, matched):
    scan = latest_scan(matched)
    _, out, _ = call("similar", scan, "--json", "--config", matched.config)
    other = json.loads(out)["lanes"][0]["matches"][0]
    _, one, _ = call("compare", scan, other["scan"], "--json", "--config", matched.config)
    _, two, _ = call("compare", other["scan"], scan, "--json", "--config", matched.config)
    assert json.loads(one)["encoders"][0]["distance"] == other["distance"] == json.loads(two)["encoders"][0]["distance"]
    assert json.loads(one)["same_patient"]


def test_a_verdict_is_kept_and_the_match_is_not_touched(call, matched):
    before = tables(matched)
    assert call("verdict", "1", "wrong-patient", "--by", "Dr. A", "--config", matched.config)[0] == 0
    assert tables(matched) == before
    _, out, _ = call("status", "--config", matched.config)
    assert "wrong-patient by Dr. A" in out
    code, _, err = call("verdict", "99999", "relevant", "--by", "Dr. A", "--config", matched.config)
    assert (code, "no match" in err) == (1, True)


def test_labels_are_imported_and_refused_lines_have_their_numbers(call, matched, tmp_path):
    csv = tmp_path / "labels.csv"
    csv.write_text(
        "study,patient,finding,value,from\n1.2.1.1,,nodule,present,\n,P1,cyst,absent,2020-01-01\n"
        ",NOBODY,cyst,absent,\n1.2.1.1,,nodule,maybe,\n1.2.1.1,,nodule,present,soon\n"
    )
    code, out, _ = call("labels", "import", csv, "--json", "--config", matched.config)
    report = json.loads(out)
    assert (code, report["imported"]) == (1, 2)
    assert [line["line"] for line in report["refused"]] == [4, 5, 6]
    assert "NOBODY" not in out
    _, out, _ = call("labels", "import", csv, "--json", "--config", matched.config)
    assert json.loads(out)["known"] == 2


def test_labels_may_say_size_contrast_and_site(call, matched, tmp_path):
    csv = tmp_path / "labels.csv"
    csv.write_text(
        "study,finding,value,size_mm,contrast_to_noise,site\n1.2.1.1,nodule,present,12.5,3,North\n"
        "1.2.1.1,cyst,absent,,,\n1.2.1.1,band,present,huge,,\n1.2.1.1,band,present,,-1,\n1.2.1.1,band,present,nan,,\n"
    )
    report = json.loads(call("labels", "import", csv, "--json", "--config", matched.config)[1])
    assert report["imported"] == 2
    assert [(line["line"], line["why"].split(" ")[0]) for line in report["refused"]] == [
        (4, "size_mm"), (5, "contrast_to_noise"), (6, "size_mm"),
    ]  # fmt: skip
    with matched.db.read() as connection:
        rows = {row.finding: row for row in read_labels(connection)}
    assert [getattr(rows["nodule"], name) for name in ("size_mm", "contrast_to_noise", "site")] == [12.5, 3.0, "North"]
    assert [getattr(rows["cyst"], name) for name in ("size_mm", "contrast_to_noise", "site")] == [None, None, None]


def test_labels_without_the_right_columns_are_refused_whole(call, matched, tmp_path):
    csv = tmp_path / "labels.csv"
    csv.write_text("who,what\n1,2\n")
    code, _, err = call("labels", "import", csv, "--config", matched.config)
    assert (code, "finding" in err) == (2, True)


def test_a_backup_is_put_back(call, hospital, matched, tmp_path):
    before = tables(matched)
    assert call("db", "backup", tmp_path / "kept", "--config", matched.config)[0] == 0
    (matched.archive / "00").unlink()
    run(matched)
    assert tables(matched) != before
    matched.db.close()
    code, _, err = call("db", "restore", tmp_path / "kept", "--config", matched.config)
    assert code == 0, err
    assert tables(matched) == before


def test_export_writes_tables_without_identity(call, matched, tmp_path):
    assert call("export", "--out", tmp_path / "tables", "--format", "csv", "--config", matched.config)[0] == 0
    text = "".join(path.read_text() for path in (tmp_path / "tables").glob("*.csv"))
    for word in ("Test^", "HOSPITAL", "1.2.4.3", "notes.txt", str(matched.archive)):
        assert word not in text


def test_dry_run_writes_nothing_and_says_what_would_be_done(call, hospital, make_site):
    site = make_site()
    hospital.deliver(site.archive)
    before = tables(site)
    code, out, _ = call("night", "--dry-run", "--json", "--config", site.config)
    assert code == 0
    assert json.loads(out)["new"] == len(hospital.files)
    assert tables(site) == before


def test_the_command_is_a_program(tmp_path):
    program = Path(sys.executable).with_name("scantwin")
    done = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "0.1.0"


def test_a_reader_who_leaves_early_is_no_error(matched):
    words = [sys.executable, "-m", "flows.cli", "files", "--config", str(matched.config)]
    child = subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    child.stdout.close()
    assert (child.wait(60), child.stderr.read()) == (0, b"")
