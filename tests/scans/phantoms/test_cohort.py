from collections import Counter
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import chi2_contingency, f_oneway

from scans.phantoms.chest import draw_chest
from scans.phantoms.cohort import Patient, draw_cohort
from scans.phantoms.draw import Draw
from scans.phantoms.preset import EASY, preset_named

FACTORS: dict[str, Callable[[Patient], object]] = {
    "sex": lambda patient: patient.sex,
    "decade of birth": lambda patient: patient.birth_date.year // 10,
    "number of visits": lambda patient: len(patient.visits),
    "modalities": lambda patient: patient.modalities,
    "CT scanner": lambda patient: dict(patient.visits[0].scanner)["ct"],
    "MR scanner": lambda patient: dict(patient.visits[0].scanner)["mr"],
    "DX scanner": lambda patient: dict(patient.visits[0].scanner)["dx"],
}


def _finding(patient: Patient, region: str) -> str:
    return "+".join(sorted(finding.name for finding in patient.findings_in(region)[:1]))


def _p_value(first: list[object], second: list[object]) -> float:
    """How likely a table of counts at least as uneven is, were the two independent."""
    rows, columns = sorted(set(map(str, first))), sorted(set(map(str, second)))
    counts = np.zeros((len(rows), len(columns)))
    for one, other in zip(first, second, strict=True):
        counts[rows.index(str(one)), columns.index(str(other))] += 1
    counts = counts[:, counts.sum(axis=0) >= 20]  # few very old people: no test stands on them
    return float(chi2_contingency(counts).pvalue)


@pytest.mark.parametrize("region", ["chest", "head"])
@pytest.mark.parametrize("factor", FACTORS)
def test_findings_are_independent_of(crowd: list[Patient], factor: str, region: str) -> None:
    findings = [_finding(patient, region) for patient in crowd]
    assert _p_value(findings, [FACTORS[factor](patient) for patient in crowd]) > 0.001


def test_a_finding_that_followed_the_scanner_would_be_noticed(crowd: list[Patient]) -> None:
    findings = [_finding(patient, "chest") for patient in crowd]
    planted = [
        FACTORS["CT scanner"](patient) if patient.index % 5 else len(finding)
        for patient, finding in zip(crowd, findings, strict=True)
    ]
    assert _p_value(findings, planted) < 0.001


def test_findings_are_independent_of_the_heart(draw: Draw, crowd: list[Patient]) -> None:
    sizes: dict[str, list[float]] = {}
    for patient in crowd[:600]:
        rng = draw.stream("anatomy", "chest", patient.index)
        heart = draw_chest(rng, trunks=1, twigs=0, texture=0.0).heart_radii[0]
        sizes.setdefault(_finding(patient, "chest"), []).append(heart)
    assert f_oneway(*sizes.values()).pvalue > 0.001


def test_a_third_has_no_finding(crowd: list[Patient]) -> None:
    assert abs(sum(not patient.findings for patient in crowd) - 2000 / 3) <= 1


def test_one_in_five_of_the_ill_has_two_findings_of_different_names(crowd: list[Patient]) -> None:
    chests = [patient.findings_in("chest") for patient in crowd if patient.findings]
    assert 0.16 < np.mean([len(findings) == 2 for findings in chests]) < 0.24
    assert all(len({finding.name for finding in findings}) == len(findings) for findings in chests)


def test_first_findings_are_equally_frequent(crowd: list[Patient]) -> None:
    counts = Counter(patient.findings_in("chest")[0].name for patient in crowd if patient.findings)
    assert set(counts) == set(EASY.chest_cards)
    assert max(counts.values()) - min(counts.values()) <= 1


def test_sizes_stay_in_their_range_and_courses_are_kept(crowd: list[Patient]) -> None:
    for finding in (finding for patient in crowd for finding in patient.findings):
        low, high = EASY.chest_size_mm if finding.region == "chest" else EASY.head_size_mm
        sizes = [finding.size_at(visit) for visit in (1, 2, 3)]
        assert low - 0.1 <= sizes[0] <= high + 0.1
        assert sizes == sorted(sizes, reverse=finding.course == "shrinks")
        assert (sizes[0] == sizes[2]) == (finding.course == "stable" or sizes[0] == finding.largest_mm)


def test_no_finding_outgrows_its_share_of_the_volume(draw: Draw) -> None:
    tiny = replace(EASY, largest_volume_share=0.0001)
    volume_mm3 = EASY.ct_slices * EASY.ct_step_mm * 375.0**2
    for patient in draw_cohort(draw, tiny, n_patients=50, n_visits=1):
        for finding in patient.findings_in("chest"):
            assert np.pi / 6 * finding.size_at(9) ** 3 <= 0.0001 * volume_mm3 * 1.01


def test_people_are_the_same_in_a_larger_and_longer_cohort(draw: Draw, crowd: list[Patient]) -> None:
    few = draw_cohort(draw, EASY, n_patients=40, n_visits=1)
    assert [replace(patient, visits=patient.visits[:1]) for patient in crowd[:40]] == few


def test_every_later_visit_is_later_than_every_earlier_one(crowd: list[Patient]) -> None:
    days = {number: [] for number in (1, 2, 3)}
    for visit in (visit for patient in crowd for visit in patient.visits):
        days[visit.number].append(visit.when)
    assert max(days[1]) < min(days[2]) and max(days[2]) < min(days[3])


def test_everybody_comes_first_and_some_miss_a_later_visit(crowd: list[Patient]) -> None:
    assert all(patient.visits[0].number == 1 for patient in crowd)
    assert {1, 2, 3} == {len(patient.visits) for patient in crowd}


def test_not_everybody_is_scanned_everywhere_but_everybody_somewhere(crowd: list[Patient]) -> None:
    counts = Counter(len(patient.modalities) for patient in crowd)
    assert set(counts) == {1, 2, 3}


def test_a_hospital_with_one_modality_scans_everybody_with_it(draw: Draw) -> None:
    cohort = draw_cohort(draw, EASY, n_patients=50, n_visits=1, kinds=("mr",))
    assert all(patient.modalities == ("mr",) for patient in cohort)


def test_four_patients_in_a_row_meet_four_scanners(crowd: list[Patient]) -> None:
    for start in range(0, 40, 4):
        met = {dict(patient.visits[0].scanner)["ct"] for patient in crowd[start : start + 4]}
        assert met == {0, 1, 2, 3}


def test_another_seed_is_another_cohort(crowd: list[Patient]) -> None:
    other = draw_cohort(Draw(6, "easy 1"), EASY, n_patients=40, n_visits=3)
    assert sum(one.birth_date == two.birth_date for one, two in zip(other, crowd[:40], strict=True)) < 5


def test_an_unknown_preset_is_an_error_that_lists_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"'medium', wanted one of: .*easy"):
        preset_named("medium")
