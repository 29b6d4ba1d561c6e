"""The analysts' tables as Parquet or CSV: keys only, dates shifted per patient, no free text, no vectors."""

import csv
import json
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from sqlalchemy import Connection

from db.base import Base
from db.columns import UnknownTable
from db.views import VIEWS
from review.frames import frame, frames
from review.masking import EXPORTED, Mask
from scans.atomic import draft_of, private_folder, write_atomically

__all__ = ["UnknownTable", "export", "frame"]

Format = Literal["parquet", "csv"]
MANIFEST, README = "manifest.json", "README.txt"
FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")  # what a spreadsheet takes for a formula, or hides
MOMENT_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"  # ISO 8601, UTC
MADE_HERE = {"age_90_plus": "true: above 89, so that age_years says 90", "patient": "patient.key of the subject"}
ARROW_TYPES = {
    "Int64": pa.int64(), "Float64": pa.float64(), "boolean": pa.bool_(), "object": pa.date32(),
    "datetime64[us, UTC]": pa.timestamp("us", "UTC"),
}  # fmt: skip

ABOUT = """\
Tables of scantwin, one file each; manifest.json says what one row of each file is and what its columns hold.

Keys stand for patients, studies, series, scans and files; the same key is the same thing in every file.
Moments are UTC. Ages are whole years; above 89 they are given as 90, with age_90_plus true.
{dates}
Names, numbers, UIDs, paths, vectors, pictures and remarks are left out; readers and sources are numbered.
This lowers the risk that a person is recognised. It does not make the tables anonymous: keep them accordingly.
Not for diagnostic use.
"""
SHIFTED = """\
Dates are shifted by a number of days of each patient's own: intervals within a patient are true, between patients
they mean nothing. Clock times of nights are left out, for they would undo the shift; the numbers of nights still
tell in which order things arrived."""
TRUE_DATES = "Dates are true: handle them as identifying."


def export(
    connection: Connection,
    out: Path,
    *,
    format: Format,
    shift_days: Callable[[str], int] | None,
) -> list[Path]:
    """Write the analysts' tables into a folder and return the files; equal rows give equal files.

    Args:
        connection: An open reader of db; all tables are of the one state that it sees.
        out: A new or empty folder, or one of a former export, whose files are replaced.
        format: "parquet", or "csv" whose text cells no spreadsheet takes for a formula.
        shift_days: Patient key -> days to move this patient's dates by; None leaves the dates true.

    Raises:
        FileExistsError: The folder holds something else; nothing was written.
        ValueError: The format is unknown.
    """
    if format not in ("parquet", "csv"):
        raise ValueError(f"format {format!r} is unknown; there are parquet and csv")
    former = _former_files(out)
    private_folder(out)
    mask = Mask(connection, shift_days)
    said: dict[str, Any] = {
        "schema": 1, "made_by": "scantwin export", "complete": False, "format": format,
        "dates": "shifted_per_patient" if mask.is_shifting else "true", "files": [],
    }  # fmt: skip
    names = [f"{table}.{format}" for table in EXPORTED]
    # From now on the folder is known as ours, also when this export is killed half-way.
    _write_manifest(out, said | {"may_hold": sorted({*names, *former})})
    for table, name in zip(EXPORTED, names, strict=True):
        parts = frames(connection, table, without=EXPORTED[table].drop)
        said["files"].append(_write_table(table, mask.frames(table, parts), out / name, format))
    for name in sorted(former - set(names)):
        (out / name).unlink(missing_ok=True)
    write_atomically(out / README, ABOUT.format(dates=SHIFTED if mask.is_shifting else TRUE_DATES).encode())
    _write_manifest(out, said | {"complete": True})
    return [out / name for name in (*names, MANIFEST, README)]


def _former_files(out: Path) -> set[str]:
    """Return the table files of a former export that lies in the folder."""
    if not out.exists():
        return set()
    if not out.is_dir():
        raise FileExistsError(f"{out} is not a folder; name a new one")
    if not any(out.iterdir()):
        return set()
    try:
        told = json.loads((out / MANIFEST).read_text(encoding="utf-8"))
        is_ours = told["made_by"] == "scantwin export"
        named = {str(file["name"]) for file in told["files"]} | set(map(str, told.get("may_hold", ())))
    except (OSError, ValueError, KeyError, TypeError):
        is_ours, named = False, set()
    if not is_ours:
        raise FileExistsError(f"{out} holds files that are not of a former export; name a new or empty folder")
    ours = {f"{table}.{ending}" for table in EXPORTED for ending in ("parquet", "csv")}
    return named & ours  # a manifest that somebody wrote cannot make us delete other files


def _write_table(table: str, parts: Iterator[pd.DataFrame], path: Path, format: Format) -> dict[str, Any]:
    """Write one table in parts, so that millions of rows fit; says what was written."""
    write = _write_parquet if format == "parquet" else _write_csv
    with draft_of(path) as draft:
        n_rows, columns = write(parts, draft)
    grain, words = _described(table)
    told = {column: words.get(column) or MADE_HERE[column] for column in columns}
    return {"name": path.name, "grain": grain, "rows": n_rows, "columns": told}


def _write_parquet(parts: Iterator[pd.DataFrame], path: Path) -> tuple[int, list[str]]:
    n_rows = 0
    part = next(parts)
    schema = pa.schema([(name, ARROW_TYPES.get(str(dtype), pa.string())) for name, dtype in part.dtypes.items()])
    with pq.ParquetWriter(path, schema) as writer:
        while part is not None:
            writer.write_table(pa.Table.from_pandas(part, schema=schema, preserve_index=False))
            n_rows += len(part)
            part = next(parts, None)
    return n_rows, schema.names


def _write_csv(parts: Iterator[pd.DataFrame], path: Path) -> tuple[int, list[str]]:
    n_rows, columns = 0, list[str]()
    with path.open("w", encoding="utf-8", newline="") as file:
        for part in parts:
            safe = part.apply(_csv_column)
            # Words are always quoted: a carriage return in a tag would otherwise end the row.
            safe.to_csv(file, index=False, header=not columns, lineterminator="\n", quoting=csv.QUOTE_NONNUMERIC)
            n_rows, columns = n_rows + len(part), list(part.columns)
    return n_rows, columns


def _csv_column(column: "pd.Series[Any]") -> "pd.Series[Any]":
    if isinstance(column.dtype, pd.DatetimeTZDtype):
        return column.dt.strftime(MOMENT_FORMAT)
    if isinstance(column.dtype, pd.StringDtype):
        return column.mask(column.str.startswith(FORMULA_STARTS, na=False), "'" + column)
    return column


def _described(table: str) -> tuple[str, Mapping[str, str]]:
    """Return what a row of a table or view is, and what its columns hold."""
    for view in VIEWS:
        if view.name == table:
            return view.grain, view.columns
    mapped = next(m for m in Base.registry.mappers if m.local_table is Base.metadata.tables[table])
    words = {column.name: column.doc or "" for column in mapped.local_table.columns}
    return " ".join((mapped.class_.__doc__ or "").split()), words


def _write_manifest(out: Path, said: Mapping[str, Any]) -> None:
    write_atomically(out / MANIFEST, (json.dumps(said, indent=1, sort_keys=True) + "\n").encode())
