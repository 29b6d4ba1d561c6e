from dataclasses import replace

import numpy as np
import pytest

from scans.phantoms.cohort import Finding, Patient, Visit
from scans.phantoms.draw import Draw
from scans.phantoms.preset import EASY
from scans.phantoms.study import Study, make_study


def _finding(name: str, region: str = "chest", *, course: str = "stable", factor: float = 1.0) -> Finding:
    return Finding(name, region, 1, 50.0 if region == "chest" else 34.0, 30.0, course, factor, 99.0)


def _person(crowd: list[Patient], *findings: Finding, scanner: int = 2) -> Patient:
    """Someone healthy, given these findings and seen three times by one scanner."""
    healthy = next(patient for patient in crowd if not patient.findings and len(patient.visits) == 3)
    scanners = tuple((modality, scanner) for modality in ("ct", "mr", "dx"))
    visits = tuple(replace(visit, scanner=scanners) for visit in healthy.visits)
    return replace(healthy, findings=findings, visits=visits)


def _scan(draw: Draw, patient: Patient, modality: str, visit: int = 0) -> Study:
    return make_study(draw, EASY, patient, patient.visits[visit], modality)


def test_geometry_in_the_files_is_the_truth(written) -> None:
    for row in written.rows:
        images = written.series[row["series_uid"]]
        assert (images[0].Rows, images[0].Columns) == (int(row["rows"]), int(row["columns"]))
        spacing = images[0].get("PixelSpacing") or images[0].ImagerPixelSpacing
        assert [float(value) for value in spacing] == [float(row["spacing_y_mm"]), float(row["spacing_x_mm"])]
        assert float(row["fov_mm"]) == pytest.approx(float(spacing[1]) * images[0].Columns, abs=0.1)
        if row["modality"] != "DX":
            positions = np.array([[float(v) for v in image.ImagePositionPatient] for image in images])
            steps = np.diff(positions, axis=0)
            across = np.cross(*np.reshape([float(v) for v in images[0].ImageOrientationPatient], (2, 3)))
            assert np.allclose(steps, float(row["spacing_z_mm"]) * across, atol=0.001)


def test_some_heads_are_scanned_obliquely(written) -> None:
    leans = {row["lean_deg"]: written.series[row["series_uid"]][0] for row in written.rows if row["modality"] == "MR"}
    assert len(leans) > 1
    for lean, image in leans.items():
        column = [float(v) for v in image.ImageOrientationPatient][3:]
        assert np.degrees(np.arctan2(column[2], column[1])) == pytest.approx(float(lean), abs=1e-6)


def test_masks_lie_where_the_truth_says(written) -> None:
    n_checked = 0
    for row in written.rows:
        if not row["findings"]:
            assert row["mask"] == "" and row["centres_mm"] == ""
            continue
        mask = written.mask(row)
        images = written.series[row["series_uid"]]
        assert mask.shape == (len(images), images[0].Rows, images[0].Columns)
        for number, (centre, size) in enumerate(
            zip(row["centres_mm"].split("; "), row["sizes_mm"].split("; "), strict=True), start=1
        ):
            if row["modality"] == "DX":
                continue
            places = np.argwhere(mask == number)
            middle = _to_lps(images, places).mean(axis=0)
            away = np.linalg.norm(middle - np.array([float(v) for v in centre.split()]))
            assert len(places) and away < 0.4 * float(size)
            n_checked += 1
    assert n_checked > 10


def _to_lps(images, places: np.ndarray) -> np.ndarray:
    """Millimetres of voxels (n, 3) by the definition: PS3.3 C.7.6.2.1.1."""
    found = []
    for z, y, x in places:
        image = images[z]
        row, column = np.reshape([float(v) for v in image.ImageOrientationPatient], (2, 3))
        down, right = (float(v) for v in image.PixelSpacing)
        found.append(np.array([float(v) for v in image.ImagePositionPatient]) + row * right * x + column * down * y)
    return np.array(found)


@pytest.mark.parametrize("name", EASY.chest_cards)
def test_a_lesion_changes_the_picture_inside_its_ball_and_nowhere_else(
    draw: Draw, crowd: list[Patient], name: str
) -> None:
    ill = _scan(draw, _person(crowd, _finding(name)), "ct").series[0]
    well = _scan(draw, _person(crowd), "ct").series[0]
    change = np.abs(ill.voxels - well.voxels)
    places = ill.grid.place(np.argwhere(change > 1))
    away = np.linalg.norm(places - np.array(ill.centres_mm[0]), axis=1)
    reach = 1.25 * 25 + 3 * max(ill.grid.spacing_mm)
    assert away.max() < reach
    assert change[ill.mask > 0].mean() > 10 * ill.noise
    assert not well.mask.any()


@pytest.mark.parametrize("name", EASY.head_cards)
def test_a_lesion_of_the_head_is_seen_in_both_sequences(draw: Draw, crowd: list[Patient], name: str) -> None:
    ill = _scan(draw, _person(crowd, _finding(name, "head")), "mr").series
    well = _scan(draw, _person(crowd), "mr").series
    for one, other in zip(ill, well, strict=True):
        change = np.abs(one.voxels - other.voxels)
        assert change[one.mask > 0].mean() > 4 * one.noise
        assert change[one.mask == 0].mean() < 0.01


@pytest.mark.parametrize("name", EASY.chest_cards)
def test_a_lesion_of_the_chest_is_seen_in_both_views(draw: Draw, crowd: list[Patient], name: str) -> None:
    ill = _scan(draw, _person(crowd, _finding(name)), "dx").series
    well = _scan(draw, _person(crowd), "dx").series
    for one, other in zip(ill, well, strict=True):
        change = np.abs(one.voxels - other.voxels)
        assert change[one.mask > 0].mean() > 2 * one.noise
        row, column = np.round(one.grid.index(np.array(one.centres_mm[0]))[1:]).astype(int)
        middle = np.argwhere(one.mask[0]).mean(axis=0)
        assert np.abs(middle - (row, column)).max() * one.grid.spacing_mm[1] < 15


def test_a_growing_nodule_fills_more_voxels_and_a_shrinking_one_fewer(draw: Draw, crowd: list[Patient]) -> None:
    for course, factor in (("grows", 1.25), ("shrinks", 0.8)):
        patient = _person(crowd, _finding("nodule", course=course, factor=factor))
        volumes = [int((_scan(draw, patient, "ct", visit).series[0].mask > 0).sum()) for visit in range(3)]
        assert volumes == sorted(volumes, reverse=course == "shrinks") and len(set(volumes)) == 3


def test_a_nodule_has_about_the_volume_of_its_ball(draw: Draw, crowd: list[Patient]) -> None:
    series = _scan(draw, _person(crowd, _finding("nodule")), "ct").series[0]
    found_mm3 = (series.mask > 0).sum() * np.prod(series.grid.spacing_mm)
    assert 0.5 < found_mm3 / (np.pi / 6 * 50**3) < 1.2  # the wall of the chest may cut some off


def test_most_people_are_nearest_to_themselves_a_year_later(draw: Draw, crowd: list[Patient]) -> None:
    people = [replace(_person(crowd), index=index) for index in range(8)]
    first = [_scan(draw, person, "ct", 0).series[0].voxels.ravel() for person in people]
    later = [_scan(draw, person, "ct", 1).series[0].voxels.ravel() for person in people]
    alike = np.corrcoef([*first, *later])[:8, 8:]
    assert (alike.argmax(axis=1) == np.arange(8)).sum() >= 6
    assert np.diag(alike).mean() > 0.05 + alike[~np.eye(8, dtype=bool)].mean()


def test_reconstructions_share_anatomy_and_differ_in_noise_and_sharpness(draw: Draw, crowd: list[Patient]) -> None:
    soft, sharp = _scan(draw, _person(crowd), "ct").series
    air = np.s_[:, :6, :6]
    assert soft.voxels[air].std() == pytest.approx(soft.noise, rel=0.15)
    assert sharp.voxels[air].std() == pytest.approx(sharp.noise, rel=0.15) and sharp.noise > 1.5 * soft.noise
    assert soft.grid == sharp.grid and np.corrcoef(soft.voxels.ravel(), sharp.voxels.ravel())[0, 1] > 0.95
    edges = [np.abs(np.diff(series.voxels, axis=2)).max() for series in (soft, sharp)]
    assert edges[1] > 1.2 * edges[0]


def test_left_is_left_and_up_is_up(draw: Draw, crowd: list[Patient]) -> None:
    """The heart lies to the left and in front; the windpipe, not the liver, at the top."""
    series = _scan(draw, _person(crowd), "ct").series[0]
    low, high = (int(series.grid.index(np.array([0.0, 0.0, z]))[0]) for z in (-60, 85))
    left, right = ((series.grid.index(np.array([x, -30.0, -20.0])).round().astype(int)) for x in (45, -45))
    heart, lung = (series.voxels[tuple(np.s_[p - 1 : p + 2] for p in place)].mean() for place in (left, right))
    assert heart > -200 > -600 > lung
    tissue = [(series.voxels[z][20:-20, 16:-16] > -300).mean() for z in (low, high)]
    assert tissue[0] > tissue[1]


def test_windows_of_radiographs_cover_the_picture(written) -> None:
    for row in written.rows:
        if row["modality"] == "DX":
            image = written.series[row["series_uid"]][0]
            centre, width = float(image.WindowCenter), float(image.WindowWidth)
            inside = np.abs(image.pixel_array - centre) <= width / 2
            assert inside.mean() > 0.7


def test_a_visit_is_reproduced_from_names_alone(draw: Draw, crowd: list[Patient]) -> None:
    patient: Patient = crowd[1]
    visit: Visit = patient.visits[-1]
    one, two = (make_study(Draw(5, "easy 1"), EASY, patient, visit, "mr") for _ in range(2))
    assert one.uid == two.uid and np.array_equal(one.series[1].voxels, two.series[1].voxels)
