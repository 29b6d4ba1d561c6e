"""The document of the evaluation: its example is right, and it explains every name of the JSON and part of the page."""

import re
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest

from evaluation.baselines import REQUIRED
from evaluation.evidence import Curves
from evaluation.figures import GalleryReport, Section
from evaluation.protocol import GALLERIES
from siamese.statistics.metrics import METRICS, PAIR_METRICS, ranking_metrics

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "evaluate.md").read_text(encoding="utf-8")


def test_the_search_worked_out_by_hand_has_the_programs_figures():
    grades = np.zeros((1, 10))
    grades[0, [0, 2]] = 1.0
    ideal = np.zeros((1, 10))
    ideal[0, :3] = 1.0
    found = ranking_metrics(grades, np.array([3]), ideal)
    told = {
        "p_at_1": r"P@1 = (\d)", "p_at_5": r"P@5 = 2 / 3 = ([\d.]+):", "map_at_r": r"MAP@R = .* = ([\d.]+):",
        "recall_at_10": r"recall@10 = 2 / 3 = ([\d.]+)\.$", "ndcg_at_10": r"nDCG@10 = .* = ([\d.]+):",
    }  # fmt: skip
    for name, pattern in told.items():
        (figure,) = re.findall(pattern, TEXT, re.M)
        assert float(figure) == pytest.approx(found[name][0], abs=0.0006), name


def test_the_example_page_adds_up():
    """Shares are of 74 searches, told to three decimals; each lift is ours less theirs."""
    rows = re.findall(r"^\| [\w\- ,]+ \| ([\d.]+)(?: \([\d.]+ to [\d.]+\))? \| \+([\d.]+) \(", TEXT, re.M)
    assert len(rows) == 5
    for theirs, lift in rows:
        assert 1.0 - float(theirs) == pytest.approx(float(lift), abs=0.0011)
    shares = [float(theirs) for theirs, _ in rows[1:]]
    assert all(abs(share * 74 - round(share * 74)) <= 0.0005 * 74 for share in shares)


def test_every_name_in_the_json_is_explained():
    names = {*METRICS, *PAIR_METRICS, *REQUIRED, *GALLERIES, "learning"}
    for told in (GalleryReport, Section, Curves):
        names |= {field.name for field in fields(told)} - {"metrics", "others"}
    assert sorted(name for name in names if f"`{name}`" not in TEXT) == []


def test_every_part_of_the_page_is_named():
    page = (ROOT / "review" / "templates" / "evidence.html.j2").read_text(encoding="utf-8")
    parts = {
        "By size, site and time",
        "Map of the space",
        "Searches to look at",
        "Subgroups",
        "From how few patients it learns",
    }
    assert parts <= set(re.findall(r"<h2[^>]*>(.*?)</h2>", page))
    assert [part for part in parts if part.lower() not in TEXT.lower()] == []
