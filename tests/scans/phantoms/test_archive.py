import csv
import hashlib
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from scans.phantoms.archive import write_archive
from scans.phantoms.preset import EASY


def _tree(out: Path) -> dict[str, str]:
    return {
        str(path.relative_to(out)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(out.rglob("*"))
        if path.is_file()
    }


@pytest.fixture(scope="module")
def at_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("at-once")
    write_archive(out, n_patients=3, n_visits=2, seed=3)
    return out


def test_two_runs_give_the_same_bytes(at_once: Path, tmp_path: Path) -> None:
    write_archive(tmp_path, n_patients=3, n_visits=2, seed=3)
    assert _tree(tmp_path) == _tree(at_once)


def test_visits_that_arrive_one_by_one_end_as_the_same_archive(at_once: Path, tmp_path: Path) -> None:
    first = write_archive(tmp_path, n_patients=3, n_visits=2, seed=3, last_visit=1)
    before = _tree(tmp_path)
    second = write_archive(tmp_path, n_patients=3, n_visits=2, seed=3, first_visit=2)
    after = _tree(tmp_path)
    assert after == _tree(at_once)
    assert first.n_files and second.n_files and not second.odd
    archive = {name: digest for name, digest in before.items() if name.startswith("archive/")}
    assert archive.items() <= after.items()


def test_several_processes_write_the_same_bytes_and_count_the_same(at_once: Path, tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    several = write_archive(
        tmp_path, n_patients=3, n_visits=2, seed=3, n_workers=3, progress=lambda done, of: told.append((done, of))
    )
    assert _tree(tmp_path) == _tree(at_once)
    assert told == [(done, several.n_studies) for done in range(1, several.n_studies + 1)]
    files = [path for path in (tmp_path / "archive").rglob("*") if path.is_file()]
    assert several.n_files == len(files) and several.n_bytes == sum(path.stat().st_size for path in files)
    assert several.odd == {"dicomdir": 1, "text": 1, "copy": 1}  # the first patient had no CT


def test_a_study_that_cannot_be_written_ends_all_processes_with_its_error(tmp_path: Path) -> None:
    (tmp_path / "archive").write_text("in the way")
    with pytest.raises(OSError):
        write_archive(tmp_path, n_patients=4, n_visits=1, seed=3, kinds=("dx",), n_workers=2)
    assert not (tmp_path / "truth.csv").exists()


def test_numbers_of_ones_own_make_an_archive_under_their_own_name(tmp_path: Path) -> None:
    tiny = replace(EASY, name="tiny", ct_slices=4, ct_matrix=16)
    write_archive(tmp_path, n_patients=1, n_visits=1, seed=0, kinds=("ct",), preset=tiny)
    assert '"preset": "tiny"' in (tmp_path / "cohort.json").read_text()
    assert {row["n_slices"] for row in csv.DictReader((tmp_path / "truth.csv").open())} == {"4"}


def test_another_seed_shares_no_file_name(at_once: Path, tmp_path: Path) -> None:
    write_archive(tmp_path, n_patients=1, n_visits=1, seed=4, kinds=("dx",))
    both = set(_tree(tmp_path)) & set(_tree(at_once))
    assert both == {"archive/DICOMDIR", "archive/readme.txt", "cohort.json", "truth.csv", "labels.csv"}


def test_the_summary_counts_what_is_on_disk(written) -> None:
    files = [path for path in (written.out / "archive").rglob("*") if path.is_file()]
    summary = written.summary
    assert summary.n_files == len(files)
    assert summary.n_bytes == sum(path.stat().st_size for path in files)
    assert summary.n_series == len(written.rows)
    assert summary.n_studies == len({row["study_uid"] for row in written.rows})
    assert summary.n_patients == len({row["patient_id"] for row in written.rows}) == 6


def test_odd_files_are_there_once(written) -> None:
    assert written.summary.odd == {"localizer": 1, "dose-report": 1, "dicomdir": 1, "text": 1, "copy": 1}
    datasets = written.datasets.values()
    assert sum("LOCALIZER" in dataset.get("ImageType", "") for dataset in datasets) == 1
    assert [dataset.Modality for dataset in datasets if "PixelData" not in dataset and "Modality" in dataset] == ["SR"]
    contents = [path.read_bytes() for path in (written.out / "archive").rglob("*") if path.is_file()]
    assert len(contents) - len(set(contents)) == 1


def test_an_archive_without_ct_has_no_localizer(tmp_path: Path) -> None:
    summary = write_archive(tmp_path, n_patients=1, n_visits=1, seed=0, kinds=("dx",))
    assert summary.odd == {"dicomdir": 1, "text": 1, "copy": 1}
    assert summary.n_files == 2 + 3


def test_names_and_folders_tell_nothing(written) -> None:
    names = set(written.datasets) - {"DICOMDIR"}
    assert all(re.fullmatch(r"[0-9a-f]{2}/[0-9a-f]{14}", name) for name in names)
    masks = [path.name for path in (written.out / "masks").iterdir()]
    assert masks and all(re.fullmatch(r"[0-9a-f]{16}\.npy", name) for name in masks)


def test_folders_mix_patients_and_the_order_of_names_is_not_that_of_slices(written) -> None:
    heights = {}
    for dataset in written.datasets.values():
        if "ImagePositionPatient" in dataset and "LOCALIZER" not in dataset.ImageType:
            heights.setdefault(dataset.SeriesInstanceUID, []).append(float(dataset.ImagePositionPatient[2]))
    ranks = [np.corrcoef(np.arange(len(series)), series)[0, 1] for series in heights.values()]
    assert np.abs(np.mean(ranks)) < 0.2
    folders = {}
    for name, dataset in written.datasets.items():
        folders.setdefault(name[:2], set()).add(dataset.get("PatientID"))
    assert np.mean([len(patients) for patients in folders.values()]) > 2


def test_truth_lists_every_series_once_in_a_fixed_order(written) -> None:
    keys = [(row["patient_id"], row["study_time"], row["series_uid"]) for row in written.rows]
    assert keys == sorted(set(keys))
    for row in written.rows:
        assert len(written.series[row["series_uid"]]) == int(row["n_slices"])
        assert written.series[row["series_uid"]][0].AccessionNumber == row["accession_number"]


def test_the_finding_set_is_the_same_in_every_series_of_a_patient_and_region(written) -> None:
    sets = {}
    for row in written.rows:
        region = row["kind"].split("/")[1]
        sets.setdefault((row["patient_id"], region), set()).add(row["findings"])
    assert all(len(found) == 1 for found in sets.values())
    assert any(found == {""} for found in sets.values())


def test_labels_say_present_or_absent_for_every_finding_of_every_study_and_kind(written) -> None:
    with (written.out / "labels.csv").open(encoding="utf-8", newline="") as file:
        labels = list(csv.DictReader(file))
    present = {(row["study_uid"], row["kind"]): set(filter(None, row["findings"].split("; "))) for row in written.rows}
    assert {(label["study"], label["kind"]) for label in labels} == set(present)
    for (study, kind), findings in present.items():
        values = {row["finding"]: row["value"] for row in labels if (row["study"], row["kind"]) == (study, kind)}
        assert set(values) == set(EASY.head_cards if "head" in kind else EASY.chest_cards)
        assert {finding for finding, value in values.items() if value == "present"} == findings


def test_progress_is_told_after_every_study(tmp_path: Path) -> None:
    told: list[tuple[int, int]] = []
    summary = write_archive(
        tmp_path, n_patients=2, n_visits=1, seed=0, kinds=("dx",), progress=lambda done, of: told.append((done, of))
    )
    assert told == [(1, 2), (2, 2)] and summary.n_studies == 2


def test_a_folder_with_another_cohort_is_refused(at_once: Path) -> None:
    before = _tree(at_once)
    with pytest.raises(ValueError, match="another cohort"):
        write_archive(at_once, n_patients=3, n_visits=2, seed=4)
    assert _tree(at_once) == before


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"n_patients": 0}, "at least 1"),
        ({"n_visits": 0}, "at least 1"),
        ({"seed": -1}, "seed -1"),
        ({"first_visit": 3}, "visits 3 to 2 of 2"),
        ({"last_visit": 3}, "visits 1 to 3 of 2"),
        ({"first_visit": 0}, "visits 0 to 2 of 2"),
        ({"kinds": ()}, "kinds are none"),
        ({"n_workers": 0}, "0 workers"),
        ({"kinds": ("ct", "us")}, "wanted some of: ct, mr, dx"),
        ({"preset": "medium"}, "wanted one of"),
    ],
)
def test_wrong_numbers_and_names_are_refused_before_anything_is_written(
    tmp_path: Path, wrong: dict, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        write_archive(tmp_path / "new", **({"n_patients": 2, "n_visits": 2, "seed": 0} | wrong))
    assert not (tmp_path / "new").exists()
