"""The analysts' tables."""

import csv
import json
from dataclasses import asdict
from datetime import date

import pandas as pd
import pyarrow.parquet as pq
import pytest
from sqlalchemy import select, update

from db.columns import typed
from db.evaluations import save_evaluation
from db.labels import save_labels
from db.series import SeriesRow, save_series
from db.tables import Embedding, Encoder, Scan
from db.verdicts import save_controls, save_verdict
from db.views import VIEWS
from review.masking import EXPORTED
from review.tables import UnknownTable, export, frame

D = "dddddddddddddddd"
SHIFTS = {"p1pppppppppppppp": 10, "p2pppppppppppppp": -20, "p3pppppppppppppp": 5}

both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


def write(house, out, format="csv", shift_days=SHIFTS.__getitem__):
    with house.db.read() as connection:
        return export(connection, out, format=format, shift_days=shift_days)


def rows_of(out, table):
    with (out / f"{table}.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture
def full(house):
    """The house with two verdicts, three labels, a control and an evaluation."""
    with house.write() as connection:
        save_verdict(connection, match=1, verdict="relevant", by="CANARY Dr B", note="CANARY")
        save_verdict(connection, match=1, verdict="unsure", by="CANARY Dr A", note="CANARY")
        save_labels(connection, [
            {"subject": "patient", "subject_key": "p1pppppppppppppp", "finding": "nodule", "value": "present",
             "source": "CANARY", "valid_from": date(2025, 1, 1)},
            {"subject": "study", "subject_key": "study-bbbbbbbbbbbbbbbb", "finding": "cyst", "value": "absent",
             "source": "CANARY", "valid_from": date(2025, 1, 1), "valid_until": date(2025, 2, 1)},
            {"subject": "study", "subject_key": "not-seen-yet", "finding": "cyst", "value": "absent",
             "source": "CANARY 2", "valid_from": date(2025, 1, 1)},
        ])  # fmt: skip
        encoder = connection.execute(select(Encoder.id, Encoder.cover)).first()
        save_series(connection, [asdict(SeriesRow("s", "study-bbbbbbbbbbbbbbbb", "CT", "Maker", "One"))])
        scan, prior = connection.scalars(select(Embedding.scan).where(Embedding.encoder == encoder.id).limit(2))
        save_controls(connection, scan=scan, encoder=encoder.id, priors=[prior])
        save_evaluation(connection, {
            "night": None, "encoder": encoder.id, "cover": encoder.cover, "task": "patient", "kind": "",
            "gallery": "open", "n_queries": 4, "n_patients": 2, "lift_over": "", "code": "provisional",
            "result": '{"scan": "CANARY"}',
            **dict.fromkeys(("p_at_1", "p_at_1_low", "p_at_1_high", "map_at_r", "map_at_r_low", "map_at_r_high",
                             "lift", "lift_low", "lift_high"), None),
        })  # fmt: skip
    house.identity()
    return house


@both
def test_every_table_is_there_in_both_formats_with_the_same_rows(full, tmp_path):
    for format in ("csv", "parquet"):
        paths = write(full, tmp_path / format, format)
        assert {path.name for path in paths} == {f"{t}.{format}" for t in EXPORTED} | {"manifest.json", "README.txt"}
        assert sorted(path.name for path in (tmp_path / format).iterdir()) == sorted(path.name for path in paths)
    for table in EXPORTED:
        columns = pq.read_table(tmp_path / "parquet" / f"{table}.parquet")
        rows = rows_of(tmp_path / "csv", table)
        assert columns.num_rows == len(rows) > 0 and columns.column_names == list(rows[0])


@both
@pytest.mark.parametrize("format", ["csv", "parquet"])
@pytest.mark.parametrize("shift_days", [SHIFTS.__getitem__, None])
def test_no_identity_no_free_text_and_no_vector_leave(full, tmp_path, format, shift_days):
    for path in write(full, tmp_path / "out", format, shift_days):
        content = path.read_bytes()
        assert b"CANARY" not in content and b"VECTOR" not in content, path.name


@both
def test_dates_move_by_each_patients_own_days(full, tmp_path):
    write(full, tmp_path / "out")
    scans = {row["key"]: row for row in rows_of(tmp_path / "out", "scan")}
    assert scans[D]["acquired_local_date"] == "2026-11-10"
    assert scans[D]["acquired_from"] == scans[D]["acquired_until"] == "2026-11-10T09:00:00.000000Z"
    assert scans["bbbbbbbbbbbbbbbb"]["acquired_local_date"] == "2025-02-18"
    studies = {row["key"]: row for row in rows_of(tmp_path / "out", "study")}
    assert studies[f"study-{D}"]["local_date"] == "2026-11-10"
    pairs = {row["prior"]: row for row in rows_of(tmp_path / "out", "match_for_review")}
    assert pairs["bbbbbbbbbbbbbbbb"]["local_date"] == "2026-11-10"
    assert pairs["bbbbbbbbbbbbbbbb"]["prior_local_date"] == "2025-02-18"
    assert pairs["bbbbbbbbbbbbbbbb"]["prior_acquired"] == "2025-02-18T09:00:00.000000Z"


@both
def test_labels_move_with_their_patient_and_open_ends_are_empty(full, tmp_path):
    write(full, tmp_path / "out")
    told = ("patient", "valid_from", "valid_until", "source")
    ends = {tuple(row[name] for name in told) for row in rows_of(tmp_path / "out", "label")}
    assert ends == {
        ("p1pppppppppppppp", "2025-01-11", "", "1"),
        ("p2pppppppppppppp", "2024-12-12", "2025-01-12", "1"),
        ("", "", "", "2"),
    }


def test_nothing_that_would_undo_the_shift_is_in_a_shifted_export(full, tmp_path):
    write(full, tmp_path / "out")
    text = "".join(path.read_text() for path in (tmp_path / "out").iterdir())
    assert "2026-11-02" not in text and "begun_at" not in text and "2026-10-31" not in text


def test_true_dates_are_true_and_named_so(full, tmp_path):
    write(full, tmp_path / "out", shift_days=None)
    assert {row["acquired_local_date"] for row in rows_of(tmp_path / "out", "scan")} >= {"2026-10-31", "2025-01-10"}
    assert rows_of(tmp_path / "out", "night_summary")[0]["begun_at"] == "2026-11-02T02:00:00.000000Z"
    ends = {(row["valid_from"], row["valid_until"]) for row in rows_of(tmp_path / "out", "label")}
    assert ends == {("2025-01-01", ""), ("2025-01-01", "2025-02-01")}
    assert "Dates are true" in (tmp_path / "out/README.txt").read_text()
    assert json.loads((tmp_path / "out/manifest.json").read_text())["dates"] == "true"


def test_a_shift_out_of_the_calendar_leaves_the_date_out(full, tmp_path):
    with full.write() as connection:
        connection.execute(update(Scan).where(Scan.key == D).values(acquired_local_date=date(9999, 12, 31)))
    write(full, tmp_path / "out")
    assert {row["key"]: row for row in rows_of(tmp_path / "out", "scan")}[D]["acquired_local_date"] == ""


def test_ages_are_whole_years_and_end_at_ninety(full, tmp_path):
    ages = {"aaaaaaaaaaaaaaaa": 62.9, "bbbbbbbbbbbbbbbb": 89.0, "cccccccccccccccc": 89.5, D: None}
    with full.write() as connection:
        for key, age in ages.items():
            connection.execute(update(Scan).where(Scan.key == key).values(age_years=age))
    write(full, tmp_path / "out")
    told = [(row["age_years"], row["age_90_plus"]) for row in rows_of(tmp_path / "out", "scan")]
    assert told == [("62", "False"), ("89", "False"), ("90", "True"), ("", "")]


def test_no_cell_of_a_csv_is_a_formula_and_parquet_keeps_the_truth(full, tmp_path):
    starts = ["=", "+", "-", "@", "\t", "\r", "\n", ""]
    cells = [f"{start}cmd|'/c calc'!A1" for start in starts]
    with full.write() as connection:
        for key, model, kernel in zip(("aaaaaaaaaaaaaaaa", "bbbbbbbbbbbbbbbb", "cccccccccccccccc", D), cells[:4],
                                      cells[4:], strict=True):  # fmt: skip
            connection.execute(update(Scan).where(Scan.key == key).values(model=model, kernel=kernel))
    write(full, tmp_path / "out")
    rows = rows_of(tmp_path / "out", "scan")
    told = [row[column] for column in ("model", "kernel") for row in rows]
    assert told == [f"'{cell}" for cell in cells[:7]] + cells[7:]
    write(full, tmp_path / "parquet", "parquet")
    kept = pq.read_table(tmp_path / "parquet/scan.parquet")
    assert [cell for column in ("model", "kernel") for cell in kept.column(column).to_pylist()] == cells


@both
def test_readers_are_numbered_by_first_use_alike_in_all_tables(full, tmp_path):
    write(full, tmp_path / "out")
    assert [(row["by"], row["verdict"]) for row in rows_of(tmp_path / "out", "verdict")] == [
        ("1", "relevant"),
        ("2", "unsure"),
    ]
    judged = [row["last_verdict_by"] for row in rows_of(tmp_path / "out", "match_for_review") if row["match"] == "1"]
    assert judged == ["2"]


def test_the_manifest_says_grain_rows_and_columns(full, tmp_path):
    write(full, tmp_path / "out")
    told = json.loads((tmp_path / "out/manifest.json").read_text())
    assert told["complete"] and told["schema"] == 1
    files = {file["name"]: file for file in told["files"]}
    assert files["scan.csv"]["grain"].startswith("One row a scan") and files["scan.csv"]["rows"] == 4
    for table in EXPORTED:
        file = files[f"{table}.csv"]
        assert list(file["columns"]) == sorted(rows_of(tmp_path / "out", table)[0]) and file["grain"]
        assert all(file["columns"].values()), table


def test_equal_rows_give_equal_files(full, tmp_path):
    for name in ("one", "two"):
        write(full, tmp_path / name, "parquet")
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes()


def test_a_former_export_is_replaced_and_leaves_nothing_of_itself(full, tmp_path):
    out = tmp_path / "out"
    write(full, out, "csv")
    (out / "notebook.ipynb").write_text("mine")
    write(full, out, "parquet")
    assert not list(out.glob("*.csv")) and (out / "notebook.ipynb").read_text() == "mine"


def test_an_export_that_was_killed_can_be_made_again(full, tmp_path, monkeypatch):
    out = tmp_path / "out"
    with monkeypatch.context() as patch:
        patch.setattr("review.tables._write_csv", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            write(full, out)
    assert json.loads((out / "manifest.json").read_text())["complete"] is False
    write(full, out)
    assert json.loads((out / "manifest.json").read_text())["complete"] is True


@pytest.mark.parametrize("manifest", [None, "{}", "not json", '{"made_by": "somebody", "files": []}', "[]"])
def test_a_folder_that_is_not_ours_is_refused_untouched(full, tmp_path, manifest):
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    if manifest is not None:
        (out / "manifest.json").write_text(manifest)
    before = sorted((path.name, path.read_text()) for path in out.iterdir())
    with pytest.raises(FileExistsError, match="not of a former export"):
        write(full, out)
    assert sorted((path.name, path.read_text()) for path in out.iterdir()) == before


def test_a_forged_manifest_cannot_delete_other_files(full, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (tmp_path / "precious").write_text("mine")
    (out / "thesis.txt").write_text("mine")
    forged = {"made_by": "scantwin export", "files": [{"name": "../precious"}, {"name": "thesis.txt"}]}
    (out / "manifest.json").write_text(json.dumps(forged))
    write(full, out)
    assert (tmp_path / "precious").exists() and (out / "thesis.txt").exists()


def test_an_empty_folder_is_used_and_a_file_refused(full, tmp_path):
    (tmp_path / "empty").mkdir()
    write(full, tmp_path / "empty")
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError, match="not a folder"):
        write(full, tmp_path / "file")


def test_an_unknown_format_is_refused(full, tmp_path):
    with pytest.raises(ValueError, match="parquet and csv"):
        write(full, tmp_path / "out", "xlsx")
    assert not (tmp_path / "out").exists()


@both
def test_an_empty_database_gives_empty_tables_with_their_columns(make_house, tmp_path):
    house = make_house()
    for format in ("csv", "parquet"):
        write(house, tmp_path / format, format)
    assert (tmp_path / "csv/scan.csv").read_text().startswith('"key","study","patient",')
    types = pq.read_schema(tmp_path / "parquet/scan.parquet")
    assert str(types.field("acquired_from").type) == "timestamp[us, tz=UTC]"
    assert str(types.field("acquired_local_date").type) == "date32[day]"


@both
def test_a_table_is_written_in_parts_as_it_is_in_one(full, tmp_path, monkeypatch):
    write(full, tmp_path / "one", "parquet")
    write(full, tmp_path / "one-csv", "csv")
    monkeypatch.setattr("review.frames.frames.__kwdefaults__", {"rows_at_once": 2})
    write(full, tmp_path / "two", "parquet")
    write(full, tmp_path / "two-csv", "csv")
    for table in EXPORTED:
        assert pq.read_table(tmp_path / "one" / f"{table}.parquet") == pq.read_table(
            tmp_path / "two" / f"{table}.parquet"
        )
        assert rows_of(tmp_path / "one-csv", table) == rows_of(tmp_path / "two-csv", table)


@both
def test_a_view_reads_with_types(full):
    with full.db.read() as connection:
        matches = frame(connection, "match_for_review")
        nights = frame(connection, "night_summary")
    assert matches["match"].dtype == "Int64" and matches["hidden"].dtype == "boolean"
    assert str(matches["acquired"].dtype) == "datetime64[us, UTC]"
    assert matches["acquired"].max() == pd.Timestamp("2026-10-31T09:00", tz="UTC")
    assert matches["local_date"].max() == date(2026, 10, 31)
    assert nights["seconds"].tolist() == [12.75] and nights["exit_code"].isna().all()


def test_every_column_of_every_view_has_a_type():
    for view in VIEWS:
        assert [column.name for column in typed(view.name).columns] == list(view.columns)


@both
@pytest.mark.parametrize("name", ["identity.patient", "nothing", "sqlite_master", "scan; DROP TABLE scan"])
def test_only_core_tables_and_views_are_read(full, name):
    with full.db.read() as connection, pytest.raises(UnknownTable, match="match_for_review"):
        frame(connection, name)


@both
def test_vectors_are_never_read(full):
    with full.db.read() as connection:
        assert "vector" not in frame(connection, "embedding")
