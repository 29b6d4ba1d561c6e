"""The assay gate: on phantoms `hard` the easy ways fail and a perfect eye succeeds."""

from dataclasses import replace

import numpy as np
import pytest

from benchmarks.assay import LARGE_MM, LEAST_ORACLE, MARGIN, PLAIN, Assay, assay, coarser
from benchmarks.oracle import Spot, chance_of_sharing, features, finding_chances
from scans.phantoms.preset import EASY, HARD
from siamese.intervals import Estimate

pytestmark = pytest.mark.timeout(900)


@pytest.fixture(scope="module")
def hard() -> Assay:
    return assay(HARD)


def test_queries_are_many_and_lists_are_large(hard: Assay) -> None:
    assert hard.n_patients == 400 and hard.figures["chance"].n_patients >= 200


@pytest.mark.parametrize("name", PLAIN)
def test_an_easy_way_stays_near_chance(hard: Assay, name: str) -> None:
    assert hard.figures[name].high <= hard.figures["chance"].value + MARGIN


def test_a_perfect_eye_finds_large_lesions(hard: Assay) -> None:
    assert hard.figures["oracle, large"].value >= LEAST_ORACLE


def test_small_lesions_are_harder_but_not_hopeless(hard: Assay) -> None:
    small, chance = hard.figures["oracle, small"], hard.figures["chance"]
    assert chance.value + MARGIN < small.value < hard.figures["oracle, large"].value
