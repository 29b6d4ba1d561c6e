"""What is true of every series, as tables and masks beside the archive."""

import csv
import io
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from scans.phantoms.draw import Draw
from scans.phantoms.instances import age_years, storage_of
from scans.phantoms.modules import MODALITY_CODES, kernel_of
from scans.phantoms.preset import Preset
from scans.phantoms.study import Series, Study

LABEL_KEY = ("study", "finding", "value", "kind")


def truth_row(draw: Draw, study: Study, series: Series) -> dict[str, str]:
    """Return one row of truth.csv. Several findings stand in one field, joined by "; ".

    Sizes are diameters in mm at that visit. Contrast to noise is in units of the scan's noise: for CT that
    of the soft reconstruction, for a radiograph along the ray through the finding's middle.
    """
    return {
        **_who(study),
        "series_uid": series.uid,
        "frame_of_reference_uid": study.frame_uid if study.modality != "dx" else "",
        "modality": MODALITY_CODES[study.modality],
        "kind": series.kind,
        "role": series.role,
        **_findings(study, series),
        **_machine(study, series),
        "mask": mask_path(draw, study, series) if study.findings else "",
    }


def mask_path(draw: Draw, study: Study, series: Series) -> str:
    """Return where the mask lies, relative to the folder of truth.csv; volumes of one study share it."""
    view = series.role if study.modality == "dx" else ""
    return f"masks/{draw.code('mask', study.uid, view)}.npy"


def save_mask(path: Path, mask: np.ndarray) -> None:
    """Write a mask: uint8 (z, y, x), 0 or the place of the finding in the row's list, counted from 1."""
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, mask, allow_pickle=False)


def label_rows(preset: Preset, study: Study) -> list[dict[str, str]]:
    """Return what `scantwin labels import` takes: every finding of the region, present or absent.

    What is present has the diameter at that visit and its contrast to noise, both of the largest of its name.
    """
    chest, head = (*preset.chest_cards, *preset.chest_rare), (*preset.head_cards, *preset.head_rare)
    names = sorted(set(chest if study.region == "chest" else head))
    visit, present = study.visit.number, {finding.name: finding for finding in study.findings}
    for finding in study.findings:
        if finding.size_at(visit) > present[finding.name].size_at(visit):
            present[finding.name] = finding
    sizes = {name: f"{finding.size_at(visit):.1f}" for name, finding in present.items()}
    contrasts = {name: f"{finding.contrast_to_noise:g}" for name, finding in present.items()}
    return [
        {
            "study": study.uid,
            "finding": name,
            "value": "present" if name in present else "absent",
            "kind": kind,
            "size_mm": sizes.get(name, ""),
            "contrast_to_noise": contrasts.get(name, ""),
        }
        for kind in sorted({series.kind for series in study.series})
        for name in names
    ]


def merge_table(path: Path, rows: Iterable[Mapping[str, str]], *, key: tuple[str, ...]) -> None:
    """Write rows to a CSV that may hold rows already; a row with the same key is replaced.

    The result is sorted, so that it does not depend on how often and in what order it was written.
    """
    rows = list(rows)
    columns = list(rows[0]) if rows else []
    known: dict[tuple[str, ...], Mapping[str, str]] = {}
    if path.exists():
        with path.open(encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            columns = columns or list(reader.fieldnames or [])
            known = {tuple(row[name] for name in key): row for row in reader}
    known |= {tuple(row[name] for name in key): row for row in rows}
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(known[name] for name in sorted(known))
    path.write_text(text.getvalue(), encoding="utf-8")


def _who(study: Study) -> dict[str, str]:
    return {
        "patient_id": study.patient.patient_id,
        "sex": study.patient.sex,
        "age_years": str(age_years(study)),
        "visit": str(study.visit.number),
        "study_uid": study.uid,
        "accession_number": study.accession,
        "study_time": study.when.isoformat(),
        "timezone": study.scanner.timezone,
    }


def _findings(study: Study, series: Series) -> dict[str, str]:
    findings, visit = study.findings, study.visit.number
    return {
        "findings": "; ".join(finding.name for finding in findings),
        "sizes_mm": "; ".join(f"{finding.size_at(visit):.1f}" for finding in findings),
        "courses": "; ".join(finding.course for finding in findings),
        "contrasts_to_noise": "; ".join(f"{finding.contrast_to_noise:g}" for finding in findings),
        "sites": "; ".join(_site(study.region, centre) for centre in series.centres_mm),
        "centres_mm": "; ".join(" ".join(f"{value:.2f}" for value in centre) for centre in series.centres_mm),
    }


def _site(region: str, centre_mm: tuple[float, float, float]) -> str:
    x, y, z = centre_mm
    side = "left" if x > 0 else "right"
    if region == "chest":
        return f"{side} {'upper' if z > 40 else 'lower' if z < -10 else 'middle'} lung"
    return f"{side} {'front' if y < -25 else 'back' if y > 25 else 'middle'} brain"


def _machine(study: Study, series: Series) -> dict[str, str]:
    scanner, storage, grid = study.scanner, storage_of(study), series.grid
    step = "" if study.modality == "dx" else f"{grid.spacing_mm[0]:.4f}"
    return {
        "scanner": scanner.name,
        "manufacturer": scanner.manufacturer,
        "model": scanner.model,
        "kernel": kernel_of(study, series),
        "noise": f"{series.noise:g}",
        "blur_mm": f"{series.blur_mm:g}",
        "n_slices": str(grid.shape[0]),
        "rows": str(grid.shape[1]),
        "columns": str(grid.shape[2]),
        "spacing_z_mm": step,
        "spacing_y_mm": f"{grid.spacing_mm[1]:.4f}",
        "spacing_x_mm": f"{grid.spacing_mm[2]:.4f}",
        "fov_mm": f"{grid.spacing_mm[2] * grid.shape[2]:.1f}",
        "lean_deg": f"{scanner.head_tilt_deg:g}" if study.modality == "mr" else "0",
        "transfer_syntax": storage.transfer_syntax,
        "photometric": storage.photometric,
        "signed": str(int(storage.signed)),
        "bits_stored": str(storage.bits_stored),
        "padding": "" if storage.padding is None else str(storage.padding),
    }
