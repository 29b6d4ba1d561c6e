"""What the documents promise is there."""

import ast
import re
from functools import cache
from pathlib import Path

import pytest

from db.base import Base, table_of
from db.tables import IDENTITY
from db.views import VIEWS
from flows.cli import app, db_app, labels_app
from scans.outcome import OUTCOMES

ROOT = Path(__file__).parents[1]
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
ARCHITECTURE = ROOT / "docs" / "architecture.md"
ROOMS = ("scans", "siamese", "evaluation", "db", "review", "flows")
QUOTED = re.compile(r"`([^`\n]+)`")
FILE = re.compile(r"[\w./-]+\.(?:py|md|toml|yaml)")
FOLDER = re.compile(r"[\w./-]+/")
COLUMN = re.compile(r"[a-z_]+(?:\.[a-z_]+){1,2}")


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


def quoted(text):
    """Every word in backticks, with the folders that it may be meant from: those of its bullet, else of its heading."""
    heading = (ROOT,)
    for line in re.sub(r"```.*?```", "", text, flags=re.S).splitlines():
        words = QUOTED.findall(line)
        if line.startswith("#"):
            folders = [ROOT / word for word in words if FOLDER.fullmatch(word)]
            heading = (*folders, *(folder.parent for folder in folders if len(folders) > 1)) or (ROOT,)
        first = FOLDER.fullmatch(words[0]) if line.startswith("* ") and words else None
        inner = tuple(place / words[0] for place in heading if first and (place / words[0]).is_dir())
        yield from ((word, (*(inner if n else ()), *heading, ROOT)) for n, word in enumerate(words))


def meant(word, places):
    """The file or folder that a word means, None when there is none."""
    return next((place / word for place in places if (place / word).exists()), None)


@cache
def names_of(path):
    """What a module defines at its top."""
    names = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        for target in targets:
            names |= {name.id for name in ast.walk(target) if isinstance(name, ast.Name)} if target else set()
    return names


def columns():
    """Every table.column of core tables and views, every identity.table and identity.table.column."""
    tables = [table_of(mapper.class_) for mapper in Base.registry.mappers]
    found = {(f"{IDENTITY}.{t.name}" if t.schema == IDENTITY else t.name, c.name) for t in tables for c in t.columns}
    found |= {(view.name, column) for view in VIEWS for column in view.columns}
    return {f"{table}.{column}" for table, column in found} | {table for table, _ in found}


def not_there(text):
    """The words in backticks that name a file, folder, function, module or column which does not exist."""
    known = columns()
    for word, places in quoted(text):
        file, _, name = word.partition(":")
        module = word.partition("python -m ")[2].split(" ")[0]
        if FILE.fullmatch(file) or FOLDER.fullmatch(file):
            path = meant(file, places)
            if path is None or (name and name not in names_of(path)):
                yield word
        elif module:
            path = ROOT / module.replace(".", "/")
            if not path.with_suffix(".py").exists() and not (path / "__main__.py").exists():
                yield word
        elif COLUMN.fullmatch(word) and word not in known:
            yield word


def test_everything_that_the_architecture_names_exists():
    assert list(not_there(ARCHITECTURE.read_text())) == []


@pytest.mark.parametrize(
    "wrong",
    ["scans/no.py", "scans/stack.py:no", "no/", "scan.no", "identity.file.no", "python -m db.no"],
)
def test_a_name_of_nothing_is_found(wrong):
    assert list(not_there(f"`{wrong}` but `scans/stack.py:group`, `scan.key`, `db/`")) == [wrong]


def test_every_file_of_the_rooms_has_its_place_in_the_architecture():
    words = [meant(word.partition(":")[0], places) for word, places in tree_of(ARCHITECTURE.read_text())]
    named = {path.resolve() for path in words if path is not None}
    files = [p for room in ROOMS for p in (ROOT / room).rglob("*.py") if p.name != "__init__.py"]
    missing = [p.relative_to(ROOT).as_posix() for p in files if not {p, p.parent} & named]
    assert missing == []


def tree_of(text):
    """What the bullets of the tree name; a folder in a heading names no file of it."""
    tree = text.partition("\n## The tree\n")[2].partition("\n## ")[0]
    headings = {f"{word}" for line in tree.splitlines() if line.startswith("#") for word in QUOTED.findall(line)}
    return [(word, places) for word, places in quoted(tree) if word not in headings]
