"""Cohorts: what the tables hold of a cover's main scans, as an evaluation takes it."""

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from db.embeddings import embeddings_of
from db.encoders import EncoderRow
from db.engine import utc_microseconds
from db.evaluations import patients_shown_to
from db.labels import LabelFacts, read_labels
from db.scans import EligibleScan, eligible_scans
from evaluation.baselines import Baseline, by_columns, by_pictures, untrained
from evaluation.cohort import FEWEST_PATIENTS, Cohort, Fold
from evaluation.questions import Task
from evaluation.strata import contrast_classes, newest_quarter, size_classes
from flows.records.labelled import described, findings_of, labels_by_subject
from flows.records.persons import aliases
from flows.records.scanner import scanner_of
from flows.site.errors import NotFound
from flows.site.opened import Site
from siamese.pairs import split_of
from siamese.search.gallery import UNKNOWN_US
from siamese.tensor import load_tensor
from siamese.vector_bytes import from_bytes

Labels = Sequence[LabelFacts]

OLDEST_DECADE = 90
TEXTS = ("manufacturer", "model", "kernel", "sequence", "contrast", "transfer_syntax", "photometric", "image_type",
         "orientation")  # fmt: skip
NUMBERS = ("spacing_z_mm", "spacing_y_mm", "spacing_x_mm", "slice_thickness_mm", "coverage_mm", "n_slices", "n_rows",
           "n_columns", "tilt_deg", "rescale_slope", "rescale_intercept", "padding")  # fmt: skip


@dataclass(frozen=True, eq=False)
class EncoderCohort:
    """Everything that one evaluation needs of the tables; row i of each is scan i of the cohort."""

    encoder: EncoderRow  # its row; without an id where a fold has one each
    cohort: Cohort
    folds: Sequence[Fold]  # one; or five, each with the vectors of an encoder of its own
    rows: Sequence[EligibleScan]  # of scan
    sentence: str  # whom the encoder never saw, and why that is known

    @property
    def fold(self) -> Fold:
        """The fold of the only encoder."""
        (only,) = self.folds
        return only


def read_encoder_cohort(
    site: Site,
    connection: Connection,
    encoder: EncoderRow,
    *,
    task: Task,
    kind: str = "",
    labels: Labels | None = None,
    most_patients: int | None = None,
) -> EncoderCohort | None:
    """Read the main scans of an encoder's cover that are embedded, of patients whom it never saw.

    Args:
        site: Whose archive.
        connection: An open reader.
        encoder: Its row.
        task: For "patient", scans whose patient id cannot be trusted are left out.
        kind: Only this kind, or the kinds below it; "" for all.
        labels: Rows of label; None takes the table's own.
        most_patients: Only so many, those with the lowest drawn numbers; None for all.

    Returns:
        None where no such scan is embedded.

    Raises:
        NotFound: Too few patients are left.
    """
    scans = eligible_scans(connection, encoder.cover)
    scans = [row for row in scans if is_of_kind(row, kind)]
    vectors, trusted = _vectors(connection, encoder, sorted({row.kind for row in scans}))
    scans = [row for row in scans if row.key in vectors and (task == "finding" or trusted[row.key])]
    if not scans:
        return None
    shown = patients_shown_to(connection, encoder.id)
    seen = frozenset(patient for patient, split in shown.items() if split_of(split) != "test")
    n_all = len({row.patient for row in scans})
    scans = [row for row in scans if row.patient not in seen]
    if most_patients is not None:
        scans = _of_first_patients(scans, most_patients)
    n_asked = len({row.patient for row in scans})
    if n_asked < FEWEST_PATIENTS:
        raise NotFound(
            f"{n_asked} of {n_all} patients with embedded {encoder.cover} scans were never shown to encoder "
            f"{encoder.id}, wanted at least {FEWEST_PATIENTS}: nothing can be said yet; take in more scans, or "
            f"evaluate a folder: scantwin evaluate --folder DIR --against labels.csv"
        )
    cohort = cohort_of(site, connection, scans, read_labels(connection) if labels is None else labels)
    stacked = np.stack([vectors[row.key] for row in scans])
    fold = Fold("test", np.arange(len(scans)), stacked, seen)
    return EncoderCohort(encoder, cohort, [fold], scans, _who(encoder.origin, len(seen), n_asked))


def _of_first_patients(scans: Sequence[EligibleScan], n: int) -> list[EligibleScan]:
    chosen = set(sorted({(row.split, row.patient) for row in scans})[:n])
    return [row for row in scans if (row.split, row.patient) in chosen]


def is_of_kind(scan: EligibleScan, kind: str) -> bool:
    """True when a scan is of this kind or of one below it; "" is every kind."""
    return not kind or scan.kind == kind or scan.kind.startswith(kind + "/")


def _vectors(
    connection: Connection, encoder: EncoderRow, kinds: Sequence[str]
) -> tuple[dict[str, NDArray[np.float32]], dict[str, bool]]:
    """Return the vector of each main scan, and whether its patient's id can be trusted."""
    vectors, trusted = {}, {}
    for kind in kinds:
        found = embeddings_of(connection, encoder.id, kind)
        for scan, content, own in zip(found.scans, found.vectors, found.own_lanes, strict=True):
            vectors[scan] = from_bytes(content)
            trusted[scan] = own
    return vectors, trusted


def cohort_of(site: Site, connection: Connection, scans: Sequence[EligibleScan], labels: Labels) -> Cohort:
    """Return rows of scan with their labels as an evaluation takes them."""
    by_subject = labels_by_subject(labels, aliases(site, connection))
    is_dated = site.settings.scans.dates == "true"  # else order across patients means nothing

    def moments(known: Iterable[datetime | None]) -> NDArray[np.int64]:
        return np.array([utc_microseconds(at) if at is not None and is_dated else UNKNOWN_US for at in known], np.int64)

    from_us, about = moments(row.acquired_from for row in scans), [described(row, by_subject) for row in scans]
    sites = [one.site for one in about]
    strata = {
        "size": size_classes([one.size_mm for one in about]),
        "contrast": contrast_classes([one.contrast_to_noise for one in about]),
        "time": newest_quarter(from_us),
    }
    return Cohort(
        keys=[row.key for row in scans],
        patients=[row.patient for row in scans],
        studies=[row.study for row in scans],
        kinds=[row.kind for row in scans],
        from_us=from_us,
        until_us=moments(row.acquired_until for row in scans),
        present=[findings_of(row, by_subject, "present") for row in scans],
        absent=[findings_of(row, by_subject, "absent") for row in scans],
        traits={
            "scanner": [scanner_of(row) or None for row in scans],
            **({"site": sites} if any(sites) else {}),
            "sex": [row.sex or None for row in scans],
            "age_decade": [_decade(row.age_years) for row in scans],
        },
        strata={name: values for name, values in strata.items() if any(values)},
    )


def _decade(age_years: float | None) -> str | None:
    if age_years is None:
        return None
    first = 10 * math.floor(age_years / 10)
    return f"{OLDEST_DECADE}+" if first >= OLDEST_DECADE else f"{first}-{first + 9}"


def _who(origin: str, n_seen: int, n_asked: int) -> str:
    if origin == "trained":
        return (
            f"The encoder was trained here: {n_seen} patients of its training and validation are left out, "
            f"{n_asked} whom it never saw are asked about."
        )
    told = "The starter was made elsewhere and saw nobody of this archive"
    if origin != "starter":
        told = (
            "The encoder was made elsewhere, and whom it saw there cannot be known here; it was trained on nobody here"
        )
    return f"{told}, so every patient of this archive is test: {n_asked}."


def baselines_of(site: Site, asked: EncoderCohort) -> dict[str, Baseline]:
    """Compute every plain way of the protocol from the columns and the stored encoder inputs."""
    from flows.records.loaded_encoder import loaded_encoder

    encoder = loaded_encoder(site.store / asked.encoder.folder, site.settings.siamese.threads)

    def tensors() -> Iterator[NDArray[np.float32]]:
        for key in asked.cohort.keys:
            yield load_tensor(site.tensor(asked.encoder.recipe, key), encoder.recipe)

    return {
        **by_pictures(tensors()),
        "metadata": by_columns("metadata", _metadata(asked.rows)),
        "demographics": by_columns(
            "demographics", {"age": _column(asked.rows, "age_years"), "sex": _column(asked.rows, "sex")}
        ),
        "untrained": untrained(encoder, tensors()),
    }


def _metadata(rows: Sequence[EligibleScan]) -> dict[str, list[str | float | None]]:
    columns = {name: _column(rows, name) for name in (*TEXTS, *NUMBERS)}
    columns["height_mm"] = [_extent(row.n_rows, row.spacing_y_mm) for row in rows]
    columns["width_mm"] = [_extent(row.n_columns, row.spacing_x_mm) for row in rows]
    return columns


def _extent(count: int | None, step_mm: float | None) -> float | None:
    return None if count is None or step_mm is None else count * step_mm


def _column(rows: Sequence[EligibleScan], name: str) -> list[str | float | None]:
    values = (getattr(row, name) for row in rows)
    return [value if value is None or isinstance(value, str) else float(value) for value in values]
