"""A small archive to write on: one function a table, every argument with a plain default."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from sqlalchemy import Connection

from db.embeddings import save_embeddings
from db.encoders import save_encoder, set_active_encoder
from db.engine import Database, Fence
from db.files import save_files
from db.lease import begin_night, end_night
from db.scans import save_patients, save_scans, save_studies

NEVER = datetime(2026, 1, 1, tzinfo=UTC)


def night(db: Database) -> int:
    """Begin a night, end it, and return its number."""
    begun = begin_night(
        db, owner="test", ttl_s=60, settings_digest="", version="0", key_id="", is_dead=lambda owner: False
    )
    end_night(db, Fence("night", begun.fence), night=begun.night, state="finished", exit_code=0)
    return begun.night


class Archive:
    """Writes rows with defaults; `night` is the one that everything belongs to."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.night = night(db)

    def scan(self, connection: Connection, key: str, patient: str = "p", study: str = "", **values: Any) -> None:
        study = study or f"study-{key}"
        save_patients(
            connection,
            [{"key": patient, "split": 0.5, "sex": "F", "own_lane": True, "first_night": self.night}],
        )
        save_studies(
            connection,
            [{"key": study, "patient": patient, "age_years": 50.0, "local_date": None, "acquired_from": None,
              "acquired_until": None, "first_night": self.night}],
        )  # fmt: skip
        row = {
            "key": key, "study": study, "patient": patient, "series": f"series-{key}", "cover": "3d",
            "kind": "ct/chest/3d", "kind_rule": "", "state": "accepted", "code": "used", "is_main": True,
            "main_rule": "", "acquired_from": NEVER, "acquired_until": NEVER, "acquired_local_date": None,
            "date_precision": "second", "age_years": None, "sex": "F", "tensor": key, "recipe": "r",
            "pictures": 0, "n_slices": 3, "first_night": self.night, "withdrawn_night": None,
        }  # fmt: skip
        save_scans(connection, [row | values])

    def encoder(self, connection: Connection, key: str = "e", **values: Any) -> None:
        row = {
            "id": key, "cover": "3d", "purpose": "view", "backbone": "b", "dim": 2, "metric": "cosine",
            "recipe": "r", "origin": "starter", "provisional": True, "folder": "f", "manifest": "{}",
            "created_night": self.night, "created_at": NEVER,
        }  # fmt: skip
        save_encoder(connection, row | values)
        made = row | values
        set_active_encoder(
            connection,
            cover=made["cover"],
            purpose=made["purpose"],
            encoder=key,
            reason="test",
            night=self.night,
        )

    def embedding(self, connection: Connection, scan: str, encoder: str = "e", vector: bytes = bytes(8)) -> None:
        row = {
            "scan": scan,
            "encoder": encoder,
            "dim": 2,
            "vector": vector,
            "device": "cpu",
            "night": self.night,
        }
        save_embeddings(connection, [row])

    def file(self, connection: Connection, key: str, **values: Any) -> int:
        row = {
            "key": key, "outcome": "used", "code": "used", "why": "", "scan": None, "size_bytes": 1,
            "first_night": self.night, "changed_night": self.night,
        }  # fmt: skip
        return save_files(connection, [row | values])


@pytest.fixture
def archive(db: Database) -> Archive:
    """An empty archive with one night, on each of the two databases."""
    return Archive(db)


@pytest.fixture
def scans(archive: Archive) -> Archive:
    """An archive with scans a to f of six patients, each with a vector of encoder e."""
    with archive.db.write() as connection:
        archive.encoder(connection)
        for key in "abcdef":
            archive.scan(connection, key, patient=f"p{key}")
            archive.embedding(connection, key)
    return archive


@pytest.fixture
def new_night(archive: Archive) -> Callable[[], int]:
    """Call it for one more night."""
    return lambda: night(archive.db)
