"""What the documents promise is there."""

import re
from pathlib import Path

import pytest

from flows.cli import app, db_app, labels_app
from scans.outcome import OUTCOMES

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def verbs():
    names = {name for name in app if not name.startswith("-")}
    return names | {f"db {n}" for n in db_app if not n.startswith("-")} | {f"labels {n}" for n in labels_app
                                                                          if not n.startswith("-")}  # fmt: skip


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_command_that_a_document_names_exists(path):
    known = verbs()
    text = path.read_text()
    blocks = "\n".join(re.findall(r"```\n(.*?)```", text, re.S))
    lines = re.findall(r"`scantwin ([a-z ]+)", text) + re.findall(r"^scantwin ([a-z ]+)", blocks, re.M)
    for words in (line.split() for line in lines):
        assert words[0] in known or " ".join(words[:2]) in known, f"{path.name}: scantwin {' '.join(words)}"


def test_every_command_is_in_the_readme():
    text = (ROOT / "README.md").read_text()
    missing = [verb for verb in verbs() if f"scantwin {verb.split()[0]}" not in text]
    assert missing == []


def test_operate_has_one_line_for_every_code_of_a_file_a_scan_or_its_date():
    text = (ROOT / "docs" / "operate.md").read_text()
    missing = [
        o.code for o in OUTCOMES.values() if o.subject in ("file", "scan", "date") and f"| `{o.code}` |" not in text
    ]
    assert missing == []


def test_every_link_in_the_documents_leads_somewhere():
    for path in DOCS:
        for target in re.findall(r"\]\(([^)#]+)", path.read_text()):
            assert target.startswith("http") or (path.parent / target).exists(), f"{path.name}: {target}"
