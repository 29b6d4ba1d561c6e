"""The rooms import downwards only, and importing does nothing."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
ROOMS = ("scans", "siamese", "evaluation", "db", "review", "flows")
DRAWN = {  # what the page of an evaluation is made from: types, no measuring
    "evaluation.figures", "evaluation.report", "evaluation.confounds", "evaluation.evidence", "evaluation.reliability",
    "evaluation.learning_curve", "evaluation.spread", "siamese.statistics.intervals",
}  # fmt: skip
MAY_IMPORT = {
    "scans": set(),
    "siamese": {"scans"},
    "db": set(),
    "review": {"db", "scans.picture", "scans.outcome", "scans.atomic", *DRAWN},
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


MODULES = {
    ".".join(p.relative_to(ROOT).with_suffix("").parts): p for room in ROOMS for p in (ROOT / room).rglob("*.py")
}


def arrows(modules):
    """Every (module, module of ours that it imports), imports inside functions included."""
    for name, path in modules.items():
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                asked = [f"{node.module}.{alias.name}" for alias in node.names]
                yield from ((name, one if one in modules else node.module) for one in asked)
            elif isinstance(node, ast.Import):
                yield from ((name, alias.name) for alias in node.names)


def sub_room(module):
    """The folder of a module below its room; a stage is one as well; the files of flows itself are one each."""
    parts = module.split(".")
    deep = 3 if parts[:2] == ["flows", "stages"] else 2
    return ".".join(parts[:deep]) if len(parts) > deep or parts[0] == "flows" else parts[0]


def circles(pairs):
    """Every pair of a graph that lies on a circle, sorted."""
    after = {}
    for one, other in pairs:
        after.setdefault(one, set()).add(other)

    def reached(start):
        seen, waiting = set(), [start]
        while waiting:
            new = after.get(waiting.pop(), set()) - seen
            seen, waiting = seen | new, [*waiting, *new]
        return seen

    mine = {one: reached(one) for one in after}
    return sorted((one, other) for one in after for other in after[one] if one in mine.get(other, ()))


LAYERS = (  # of flows, lowest first; a line imports from the lines above it, and never within itself
    ("flows.site", "flows.answers"),
    ("flows.work",),
    ("flows.records",),
    ("flows.stages.ingest", "flows.stages.embed", "flows.stages.match"),
    ("flows.stages.encoder",),
    ("flows.night",),
    ("flows.nightly", "flows.clinician", "flows.operator"),
    ("flows.evaluate",),
    ("flows.verbs",),
    ("flows.cli",),
    ("flows.demo",),
)


def upwards(pairs):
    """Imports of flows that do not lead to a lower layer."""
    layer = {name: number for number, names in enumerate(LAYERS) for name in names}
    between = {(sub_room(a), sub_room(b)) for a, b in pairs if a.startswith("flows.") and b.startswith("flows.")}
    return sorted((a, b) for a, b in between if a != b and layer[a] <= layer[b])


def test_inside_flows_imports_lead_to_a_lower_layer_only():
    assert upwards(arrows(MODULES)) == []


def test_neither_files_nor_sub_rooms_import_in_a_circle():
    pairs = [(a, b) for a, b in arrows(MODULES) if b in MODULES and a != b]
    assert circles(pairs) == []
    assert circles((sub_room(a), sub_room(b)) for a, b in pairs if sub_room(a) != sub_room(b)) == []


@pytest.mark.parametrize("where", ["{}", "def later():\n    {}", "if TYPE_CHECKING:\n    {}"])
def test_a_circle_and_a_step_upwards_are_found_wherever_the_import_stands(tmp_path, where):
    lease, run = "flows.work.lease", "flows.night.run"
    planted = {lease: tmp_path / "lease", run: tmp_path / "run"}
    planted[lease].write_text(where.format("from flows.night import run"))
    planted[run].write_text(where.format("import flows.work.lease"))
    assert circles(arrows(planted)) == [(run, lease), (lease, run)]
    assert upwards(arrows(planted)) == [("flows.work", "flows.night")]


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


@pytest.mark.parametrize(
    "module", ["flows.clinician.similar", "flows.operator.status", "flows.verbs.terminal_operator"]
)
def test_a_question_and_a_look_at_the_site_wait_for_neither_dicom_nor_scipy(module):
    assert not {"pydicom", "scipy", "torch", "prefect", "pandas"} & loaded_by(module)
