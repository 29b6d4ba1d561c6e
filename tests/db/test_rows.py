"""Whole rows as dataclasses: each has its table's columns, so that a new column cannot be forgotten."""

import importlib
import pkgutil
import re
import types
from dataclasses import fields, is_dataclass
from typing import Literal, Union, get_args, get_origin, get_type_hints

import pytest

import db
from db.base import Base
from db.calibrations import CalibrationRow
from db.encoders import EncoderRow, EncoderSwitch
from db.evaluations import EvaluationRow
from db.files import OutcomeRow
from db.forgetting import TombstoneRow
from db.identity import FileRow
from db.kinds import KindClassifierRow
from db.labels import LabelRow
from db.lists import LaneRow, MatchRow
from db.nights import NightRow, StageRow
from db.persons import PersonRow
from db.rows import mapping_of
from db.scans import PatientRow, ScanRow, StudyRow
from db.series import SeriesRow
from db.shard_tables import Shard
from db.shards import ShardRow
from db.tables import (
    Activation,
    Calibration,
    Encoder,
    Evaluation,
    File,
    IdentityFile,
    IdentityPerson,
    KindClassifier,
    Label,
    LaneOutcome,
    Match,
    Night,
    Patient,
    Scan,
    Series,
    Stage,
    Study,
    Tombstone,
)

WHOLE = [
    (CalibrationRow, Calibration), (EncoderRow, Encoder), (EncoderSwitch, Activation), (FileRow, IdentityFile),
    (EvaluationRow, Evaluation), (LabelRow, Label), (LaneRow, LaneOutcome), (MatchRow, Match), (NightRow, Night),
    (OutcomeRow, File), (PatientRow, Patient), (StudyRow, Study),
    (KindClassifierRow, KindClassifier), (SeriesRow, Series), (PersonRow, IdentityPerson), (ScanRow, Scan),
    (ShardRow, Shard), (StageRow, Stage), (TombstoneRow, Tombstone),
]  # fmt: skip

LEFT_OUT = {
    (EvaluationRow, "result"),
    (MatchRow, "former_moved_night"),
    (MatchRow, "former_rank_before"),
}  # read elsewhere


def plain(kind):
    """Return (type, may be None) of an annotation; a closed list of words is text."""
    parts = set(get_args(kind)) if get_origin(kind) in (Union, types.UnionType) else {kind}
    (base,) = parts - {type(None)}
    return str if get_origin(base) is Literal else base, type(None) in parts


@pytest.mark.parametrize(("row", "model"), WHOLE, ids=lambda kind: kind.__name__)
def test_a_whole_row_has_its_tables_columns_and_no_others(row, model):
    told, mapped = get_type_hints(row), get_type_hints(model)
    columns = [column.name for column in model.__table__.columns if (row, column.name) not in LEFT_OUT]
    assert sorted(field.name for field in fields(row)) == sorted(columns)
    for name in columns:
        (kind,) = get_args(mapped[name])
        assert plain(told[name]) == plain(kind), name


def test_every_whole_row_of_a_table_is_held_against_it():
    modules = [importlib.import_module(f"db.{found.name}") for found in pkgutil.iter_modules(db.__path__)]
    tables = "|".join(table.name for table in Base.metadata.tables.values())
    whole = re.compile(rf"A row of (identity\.)?({tables})\b")
    rows = {
        kind.__name__
        for module in modules
        for kind in vars(module).values()
        if is_dataclass(kind) and whole.match(kind.__doc__ or "")
    }
    assert rows == {row.__name__ for row, _ in WHOLE}


def test_a_row_is_written_as_it_was_read():
    row = TombstoneRow("k", "p", None)
    assert mapping_of(row) == {"key": "k", "pending": "p", "at": None}
