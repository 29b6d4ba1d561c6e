"""A small hospital in a real database: scans of several patients, lists, pictures, files, nights."""

import contextlib
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sqlalchemy import Connection, insert, update

from db import identity
from db.embeddings import save_embeddings
from db.encoders import save_encoder, set_active_encoder
from db.engine import Database
from db.files import save_files
from db.matches import replace_lane, save_lane_outcomes
from db.scans import save_patients, save_scans, save_studies
from db.tables import Night, Stage

FIRST_NIGHT_AT = datetime(2026, 11, 1, 2, tzinfo=UTC)
CANARY = "CANARY"  # stands in every place that no page and no export may show
MANIFEST = {
    "counts": {"train": {"patients": 36, "scans": 80}, "validation": {"patients": 12, "scans": 25}},
    "curve": [
        {"number": n, "loss": 0.3 / n, "validation_loss": 0.3 / n + 0.05, "active_fraction": 1 / n}
        for n in (1, 2, 3, 4)
    ],
    "histograms": {"validation": {"edges": [0.0, 0.5, 1.0, 2.0], "alike": [6, 3, 1], "unlike": [1, 4, 9]}},
    "figures": {
        "validation": {"auc": 0.871, "p_at_1": 0.5, "queries": 20.0},
        "untrained": {"auc": 0.6, "p_at_1": None},
    },
}


def png(seed: int) -> bytes:
    grey = np.random.default_rng(seed).integers(0, 256, (64, 64), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(grey).save(file, "PNG")
    return file.getvalue()


class House:
    """Writes rows with plain defaults, all in the newest night; `text` stands in every free text."""

    def __init__(self, db: Database, folder: Path, *, text: str = "", key: str = "") -> None:
        self.db, self.store, self.text, self._key = db, folder / "store", text, key
        self.night = 0
        self._open: Connection | None = None
        self.new_night()

    @contextlib.contextmanager
    def write(self) -> Iterator[Connection]:
        """A connection; inside `with house.write()` all rows share one transaction, which is quicker."""
        if self._open is not None:
            yield self._open
            return
        with self.db.write() as connection:
            self._open = connection
            try:
                yield connection
            finally:
                self._open = None

    def key(self, name: str) -> str:
        return f"{self._key}{name}"

    def new_night(self, state: str = "running", **values: Any) -> int:
        self.night += 1
        begun = FIRST_NIGHT_AT + timedelta(days=self.night)
        row = {
            "id": self.night, "fence": self.night, "owner": CANARY, "state": state, "exit_code": None,
            "begun_at": begun, "ended_at": None, "tick_at": None, "settings_digest": CANARY, "key_id": CANARY,
            "version": f"0.1.0{self.text}", "summary": json.dumps({"path": CANARY}), "error_code": "",
            "report": CANARY,
        }  # fmt: skip
        with self.write() as connection:
            connection.execute(insert(Night), [row | values])
        return self.night

    def end_night(self, state: str = "finished", **values: Any) -> None:
        with self.write() as connection:
            connection.execute(update(Night).where(Night.id == self.night).values(state=state, **values))

    def stage(self, name: str, seconds: float | None, state: str = "done") -> None:
        row = {
            "night": self.night, "name": f"{name}{self.text}", "state": state, "seconds": seconds,
            "begun_at": FIRST_NIGHT_AT + timedelta(days=self.night, seconds=len(name)), "counts": CANARY,
        }  # fmt: skip
        with self.write() as connection:
            connection.execute(insert(Stage), [row])

    def scan(self, name: str, patient: str, on: date | None, *, n_pictures: int = 0, **values: Any) -> str:
        at = None if on is None else datetime(on.year, on.month, on.day, 9, tzinfo=UTC)
        key, theirs = self.key(name), self.key(patient)
        row = {
            "key": key, "study": f"study-{key}", "patient": theirs, "series": f"series-{key}", "cover": "3d",
            "kind": f"ct/chest/3d{self.text}", "kind_rule": self.text, "state": "accepted", "code": "used",
            "is_main": True, "main_rule": self.text, "acquired_from": at, "acquired_until": at,
            "acquired_local_date": on, "date_precision": "unknown" if on is None else "second",
            "age_years": 62.9, "sex": f"F{self.text}", "tensor": CANARY, "recipe": "r", "pictures": n_pictures,
            "n_slices": 40, "n_rows": 64, "n_columns": 64, "spacing_z_mm": 2.5, "spacing_y_mm": 0.7,
            "spacing_x_mm": 0.7, "slice_thickness_mm": 2.0, "manufacturer": f"=Nordic{self.text}",
            "model": f"X4{self.text}", "kernel": f"B30f{self.text}", "sequence": None,
            "image_type": f"ORIGINAL{self.text}", "contrast": self.text, "orientation": self.text,
            "transfer_syntax": self.text, "photometric": self.text,
            "first_night": self.night, "withdrawn_night": None,
        }  # fmt: skip
        patient_row = {"key": theirs, "split": 0.5, "sex": row["sex"], "own_lane": True, "first_night": self.night}
        study_row = {
            "key": row["study"], "patient": theirs, "age_years": 62.9, "local_date": on, "acquired_from": at,
            "acquired_until": at, "first_night": self.night,
        }  # fmt: skip
        with self.write() as connection:
            save_patients(connection, [patient_row])
            save_studies(connection, [study_row])
            save_scans(connection, [row | values])
        for plane in ("axial", "coronal", "sagittal")[:n_pictures]:
            self.picture(key, plane)
        return key

    def picture(self, key: str, plane: str, content: bytes | None = None) -> Path:
        path = self.store / "pictures" / key[:2] / f"{key}-{plane}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(png(len(key)) if content is None else content)
        return path

    def encoder(self, name: str = "e", *, vectors_of: list[str], **values: Any) -> str:
        manifest = json.loads(json.dumps(MANIFEST))
        manifest["figures"][f"thumbnail{self.text}"] = {"auc": 0.7, "p_at_1": 0.4}
        manifest["trained_on"] = CANARY
        row = {
            "id": self.key(name), "cover": "3d", "purpose": f"view{self.text}", "backbone": f"small{self.text}",
            "dim": 2, "metric": "cosine", "recipe": "r", "origin": "trained", "provisional": True,
            "folder": CANARY, "manifest": json.dumps(manifest), "created_night": self.night,
            "created_at": FIRST_NIGHT_AT,
        } | values  # fmt: skip
        with self.write() as connection:
            save_encoder(connection, row)
            set_active_encoder(
                connection, cover=row["cover"], purpose=row["purpose"], encoder=row["id"],
                reason=f"as decided{self.text}", night=self.night,
            )  # fmt: skip
        self.vectors(row["id"], vectors_of)
        return str(row["id"])

    def vectors(self, encoder: str, scans: list[str]) -> None:
        rows = [
            {"scan": key, "encoder": encoder, "dim": 2, "vector": b"VECTOR!!", "device": "cpu", "night": self.night}
            for key in scans
        ]
        with self.write() as connection:
            save_embeddings(connection, rows)

    def lane(
        self, scan: str, lane: str, priors: dict[str, float | None], *, encoder: str = "e", code: str = "ok"
    ) -> None:
        """Write a list: prior -> distance, in the order of rank; None is of the same day."""
        matches = [
            {"prior": prior, "rank": None if d is None else rank, "code": "same-day" if d is None else "prior",
             "distance": 0.5 if d is None else d, "kind": "ct/chest/3d"}
            for rank, (prior, d) in enumerate(priors.items(), 1)
        ]  # fmt: skip
        ended = {
            "scan": scan, "encoder": self.key(encoder), "lane": lane, "code": code, "gallery_patients": len(priors),
            "n_matches": len(matches), "reach": None, "rules": "r", "night": self.night,
        }  # fmt: skip
        with self.write() as connection:
            replace_lane(connection, encoder=self.key(encoder), scan=scan, lane=lane, matches=matches, night=self.night)
            save_lane_outcomes(connection, [ended])

    def file(self, name: str, outcome: str = "used", code: str = "used", **values: Any) -> None:
        row = {
            "key": name, "outcome": outcome, "code": code, "why": CANARY, "scan": None, "size_bytes": 7,
            "first_night": self.night, "changed_night": self.night,
        }  # fmt: skip
        with self.write() as connection:
            save_files(connection, [row | values])

    def identity(self) -> None:
        """Fill the schema identity with canaries for every patient, study and file."""
        with self.write() as connection:
            identity.save_patients(
                connection,
                [{"key": self.key("p1"), "patient_id": CANARY, "issuer": CANARY, "name": CANARY, "birth_date": CANARY}],
            )


@pytest.fixture
def backend(request: pytest.FixtureRequest) -> str:
    """SQLite, unless a test asks for both: most of this room is not SQL."""
    return str(getattr(request, "param", "sqlite"))


@pytest.fixture
def words() -> Callable[[str], str]:
    """The text of a page without tags, styles and repeated blanks."""
    return lambda html: " ".join(re.sub(r"<style>.*?</style>|<[^>]+>", " ", html, flags=re.S).split())


@pytest.fixture
def make_house(db: Database, tmp_path: Path) -> Callable[..., House]:
    """Call it for an empty house with one night, on each of the two databases."""
    return lambda **values: House(db, tmp_path, **values)


@pytest.fixture
def house(make_house: Callable[..., House]) -> House:
    """Four scans of three patients with pictures; scan d has a full own lane and a full others' lane."""
    return fill(make_house())


@pytest.fixture
def fill_house() -> Callable[[House], House]:
    return fill


def fill(house: House) -> House:
    with house.write():
        for number, outcome, code in (
            (5, "used", "used"), (2, "skipped", "localizer"), (1, "quarantined", "truncated"),
            (1, "waiting", "disk-error"),
        ):  # fmt: skip
            for i in range(number):
                house.file(f"{code}{i}", outcome, code)
        a = house.scan("aaaaaaaaaaaaaaaa", "p1pppppppppppppp", date(2025, 1, 10), n_pictures=3)
        b = house.scan("bbbbbbbbbbbbbbbb", "p2pppppppppppppp", date(2025, 3, 10), n_pictures=3)
        c = house.scan("cccccccccccccccc", "p3pppppppppppppp", date(2025, 3, 20), n_pictures=0)
        d = house.scan("dddddddddddddddd", "p1pppppppppppppp", date(2026, 10, 31), n_pictures=3)
        house.encoder(vectors_of=[a, b, c, d])
        house.lane(d, "own", {a: 0.125})
        house.lane(d, "others", {b: 0.0625, c: 0.25})
        house.lane(a, "own", {}, code="no-prior")
        house.lane(a, "others", {}, code="no-prior")
        for name, seconds in (("preflight", 0.5), ("ingest", 12.25)):
            house.stage(name, seconds)
    return house
