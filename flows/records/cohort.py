"""Cohorts: what the tables hold of a cover's main scans, as an evaluation takes it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from db.embeddings import embeddings_of
from db.encoders import EncoderRow
from db.engine import utc_microseconds
from db.evaluations import patients_shown_to
from db.labels import LabelRow, read_labels
from db.scans import EligibleScan, eligible_scans
from evaluation.baselines import Baseline, by_columns, by_pictures
from evaluation.cohort import Cohort, Fold
from evaluation.questions import Task
from evaluation.strata import contrast_classes, newest_quarter, size_classes
from flows.records.labelled import described, findings_of, labels_by_subject
from flows.records.lookup import NotFound
from flows.records.persons import aliases
from flows.site.opened import Site
from siamese.pairs import split_of
from siamese.search.gallery import UNKNOWN_US
from siamese.tensor import load_tensor

Labels = Sequence[Mapping[str, Any]]

FEWEST_PATIENTS = 10  # whom an encoder never saw; the intervals of fewer say nothing at all
OLDEST_DECADE = 90
TEXTS = ("manufacturer", "model", "kernel", "sequence", "contrast", "transfer_syntax", "photometric", "image_type",
         "orientation")  # fmt: skip
NUMBERS = ("spacing_z_mm", "spacing_y_mm", "spacing_x_mm", "slice_thickness_mm", "coverage_mm", "n_slices", "n_rows",
           "n_columns", "tilt_deg", "rescale_slope", "rescale_intercept", "padding")  # fmt: skip


@dataclass(frozen=True, eq=False)
class Asked:
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


def read_asked(
    site: Site, connection: Any, encoder: EncoderRow, *, task: Task, kind: str = "", labels: Labels | None = None
) -> Asked | None:
    """Read the main scans of an encoder's cover that are embedded, of patients whom it never saw.

    Args:
        site: Whose archive.
        connection: An open reader.
        encoder: Its row.
        task: For "patient", scans whose patient id cannot be trusted are left out.
        kind: Only this kind, or the kinds below it; "" for all.
        labels: Rows as of the table label; None takes the table's own.

    Returns:
        None where no such scan is embedded.

    Raises:
        NotFound: Too few patients are left.
    """
    scans = eligible_scans(connection, str(encoder.cover), str(encoder.recipe))
    scans = [row for row in scans if is_of_kind(row, kind)]
    vectors, trusted = _vectors(connection, encoder, sorted({str(row.kind) for row in scans}))
    scans = [row for row in scans if row.key in vectors and (task == "finding" or trusted[row.key])]
    if not scans:
        return None
    shown = patients_shown_to(connection, str(encoder.id))
    seen = frozenset(patient for patient, split in shown.items() if split_of(split) != "test")
    n_all = len({row.patient for row in scans})
    scans = [row for row in scans if row.patient not in seen]
    n_asked = len({row.patient for row in scans})
    if n_asked < FEWEST_PATIENTS:
        raise NotFound(
            f"{n_asked} of {n_all} patients with embedded {encoder.cover} scans were never shown to encoder "
            f"{encoder.id}, wanted at least {FEWEST_PATIENTS}: nothing can be said yet; take in more scans, or "
            f"evaluate a folder: scantwin evaluate --folder DIR --against labels.csv"
        )
    cohort = cohort_of(site, connection, scans, read_labels(connection) if labels is None else labels)
    stacked = np.stack([vectors[str(row.key)] for row in scans])
    fold = Fold("test", np.arange(len(scans)), stacked, seen)
    return Asked(encoder, cohort, [fold], scans, _who(str(encoder.origin), len(seen), n_asked))


def is_of_kind(scan: EligibleScan, kind: str) -> bool:
    """True when a scan is of this kind or of one below it; "" is every kind."""
    return not kind or scan.kind == kind or str(scan.kind).startswith(kind + "/")


def _vectors(
    connection: Any, encoder: EncoderRow, kinds: Sequence[str]
) -> tuple[dict[str, NDArray[np.float32]], dict[str, bool]]:
    """Return the vector of each main scan, and whether its patient's id can be trusted."""
    vectors, trusted = {}, {}
    for kind in kinds:
        found = embeddings_of(connection, str(encoder.id), kind)
        for scan, content, own in zip(found.scans, found.vectors, found.own_lanes, strict=True):
            vectors[scan] = np.frombuffer(content, "<f4").astype(np.float32)
            trusted[scan] = bool(own)
    return vectors, trusted


def cohort_of(
    site: Site, connection: Any, scans: Sequence[EligibleScan], labels: list[LabelRow] | Sequence[Mapping[str, Any]]
) -> Cohort:
    """Return rows of scan with their labels as an evaluation takes them."""
    by_subject = labels_by_subject(labels, aliases(site, connection))
    is_dated = site.settings.scans.dates == "true"  # else order across patients means nothing

    def moments(column: str) -> NDArray[np.int64]:
        known = [row[column] if is_dated else None for row in scans]
        return np.array([UNKNOWN_US if at is None else utc_microseconds(at) for at in known], np.int64)

    from_us, about = moments("acquired_from"), [described(row, by_subject) for row in scans]
    sites = [one.site for one in about]
    strata = {
        "size": size_classes([one.size_mm for one in about]),
        "contrast": contrast_classes([one.contrast_to_noise for one in about]),
        "time": newest_quarter(from_us),
    }
    return Cohort(
        keys=[str(row.key) for row in scans],
        patients=[str(row.patient) for row in scans],
        studies=[str(row.study) for row in scans],
        kinds=[str(row.kind) for row in scans],
        from_us=from_us,
        until_us=moments("acquired_until"),
        present=[findings_of(row, by_subject, "present") for row in scans],
        absent=[findings_of(row, by_subject, "absent") for row in scans],
        traits={
            "scanner": [_scanner(row) for row in scans],
            **({"site": sites} if any(sites) else {}),
            "sex": [row.sex or None for row in scans],
            "age_decade": [_decade(row.age_years) for row in scans],
        },
        strata={name: values for name, values in strata.items() if any(values)},
    )


def _scanner(row: EligibleScan) -> str | None:
    return " ".join(str(row[name]) for name in ("manufacturer", "model") if row[name]) or None


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
    told = "The shipped starter was trained on synthetic phantoms only"
    if origin != "starter":
        told = (
            "The encoder was made elsewhere, and whom it saw there cannot be known here; it was trained on nobody here"
        )
    return f"{told}, so every patient of this archive is test: {n_asked}."


def baselines_of(site: Site, asked: Asked) -> dict[str, Baseline]:
    """Compute every plain way of the protocol from the columns and the stored encoder inputs."""
    from evaluation.baselines import untrained
    from flows.stages.embed.vectors import loaded_encoder

    encoder = loaded_encoder(site.store / str(asked.encoder.folder), site.settings.siamese.threads)

    def tensors() -> Iterator[NDArray[np.float32]]:
        for key in asked.cohort.keys:
            yield load_tensor(site.tensor(str(asked.encoder.recipe), key), encoder.recipe)

    return {
        **by_pictures(tensors()),
        "metadata": by_columns("metadata", _metadata(asked.rows)),
        "demographics": by_columns(
            "demographics", {"age": _column(asked.rows, "age_years"), "sex": _column(asked.rows, "sex")}
        ),
        "untrained": untrained(encoder, tensors()),
    }


def _metadata(rows: Sequence[Mapping[str, Any]]) -> dict[str, list[str | float | None]]:
    columns = {name: _column(rows, name) for name in (*TEXTS, *NUMBERS)}
    for side, count, step in (("height", "n_rows", "spacing_y_mm"), ("width", "n_columns", "spacing_x_mm")):
        columns[f"{side}_mm"] = [
            None if row[count] is None or row[step] is None else float(row[count]) * float(row[step]) for row in rows
        ]
    return columns


def _column(rows: Sequence[Mapping[str, Any]], name: str) -> list[str | float | None]:
    return [row[name] if row[name] is None or isinstance(row[name], str) else float(row[name]) for row in rows]
