"""Which tracer a text names."""

import pytest

from scans.tracer import tracer_of


@pytest.mark.parametrize(
    ("text", "tracer"),
    [
        ("FDG -- fluorodeoxyglucose", "fdg"), ("Fluorodeoxyglucose F^18^", "fdg"), ("PET 18F-FDG WB", "fdg"),
        ("Ga-68 PSMA-11", "psma"), ("68Ga-DOTATATE", "dota"), ("Fluorocholine", "choline"), ("NaF", "fluoride"),
        ("Florbetapir F-18", "amyloid"), ("Tc-99m MDP", "bone"), ("Technetium Tc99m sestamibi", "mibi"),
        ("Solution", "unknown"), ("", "unknown"), ("FETAL", "unknown"),
    ],
)  # fmt: skip
def test_a_tracer_is_told_by_its_names(text: str, tracer: str) -> None:
    assert tracer_of([("Radiopharmaceutical", text)])[0] == tracer


def test_the_first_text_that_names_one_decides_and_two_names_decide_nothing() -> None:
    assert tracer_of([("A", "Solution"), ("B", "PSMA"), ("C", "FDG")]) == ("psma", "B")
    assert tracer_of([("A", "FDG and PSMA"), ("B", "FDG")]) == ("unknown", "")
