"""The rooms import downwards only, and importing does nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("scans", "siamese", "evaluation", "db", "review", "flows")
MAY_IMPORT = {
    "scans": set(),
    "siamese": {"scans"},
    "db": set(),
    "review": {"db", "scans.picture", "scans.outcome", "scans.atomic"},
    "evaluation": {"siamese"},
    "flows": {"scans", "siamese", "evaluation", "db", "review"},
}
NEVER = {"scans": {"torch", "sqlalchemy", "pandas", "prefect"}, "siamese": {"sqlalchemy", "prefect"}, "db": {"torch"},
         "evaluation": {"sqlalchemy", "prefect"}, "review": {"torch", "prefect"}}  # fmt: skip


def imports_of(room):
    """Every (file, module) that a room imports."""
    for path in (ROOT / room).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{path} imports relatively"
                yield path, node.module
            elif isinstance(node, ast.Import):
                yield from ((path, name.name) for name in node.names)


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_imports_only_from_rooms_below_it(room):
    allowed = MAY_IMPORT[room]
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path, module in imports_of(room)
        if module.split(".")[0] in set(ROOMS) - {room} and not {module, module.split(".")[0]} & allowed
    ]
    assert wrong == []


@pytest.mark.parametrize("room", sorted(NEVER))
def test_a_room_never_imports_what_is_not_its_business(room):
    assert [m for _, m in imports_of(room) if m.split(".")[0] in NEVER[room]] == []


def test_only_settings_reads_the_configuration_and_only_engine_makes_one():
    readers = [p for room in ROOMS for p in (ROOT / room).rglob("*.py") if "tomllib.load" in p.read_text()]
    assert {p.name for p in readers} <= {"settings.py", "new_site.py"}
    makers = [p for room in ROOMS for p in (ROOT / room).rglob("*.py") if "create_engine(" in p.read_text()]
    assert [p.relative_to(ROOT).as_posix() for p in makers] == ["db/engine.py"]


def loaded_by(module):
    code = f"import sys, {module}; print(' '.join(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    return set(done.stdout.split())


@pytest.mark.parametrize(
    "module", ["flows.stages.ingest.headers", "flows.stages.ingest.scans", "scans.volume", "siamese.tensor"]
)
def test_ingest_imports_no_torch(module):
    assert not {"torch", "monai", "prefect"} & loaded_by(module)


def test_the_command_starts_without_heavy_libraries():
    assert not {"torch", "monai", "prefect", "pandas", "pydicom", "sqlalchemy", "numpy"} & loaded_by("flows.cli")


def test_nothing_unpickles():
    assert [p for room in ROOMS for p in (ROOT / room).rglob("*.py") if "import pickle" in p.read_text()] == []
