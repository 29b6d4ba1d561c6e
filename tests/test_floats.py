"""Which tests `make kernels` runs again: all whose verdict a processor's rounding could turn."""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
LEVELS = ("SSE41", "AVX2", "AVX512_CORE", "")
OF_FLOATS = ("siamese.training.fit", "siamese.encoder", "evaluation.protocol", "siamese.embedding", "torch")


def modules_of(path: Path) -> set[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    found = {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return found | {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}


def test_every_file_that_trains_embeds_or_evaluates_is_marked(request):
    marked = {item.path for item in request.session.items if item.get_closest_marker("floats")}
    collected = {item.path for item in request.session.items}
    wanted = {path for path in collected if modules_of(path) & set(OF_FLOATS)}
    assert wanted <= marked


def test_the_marker_is_given_by_what_a_file_imports():
    from tests.conftest import imports_floats

    assert imports_floats(ROOT / "tests" / "siamese" / "training" / "test_fit.py")
    assert imports_floats(ROOT / "tests" / "flows" / "evaluate" / "test_one.py")
    assert not imports_floats(ROOT / "tests" / "scans" / "test_kind.py")


def test_ci_runs_them_under_every_kernel_level_and_one_and_two_threads():
    makefile = (ROOT / "Makefile").read_text()
    (runs,) = re.findall(r"^KERNELS := (.*)$", makefile, re.M)
    wanted = {f"{threads},{level}" for threads in (1, 2) for level in LEVELS}
    assert set(runs.split()) | {"1,"} == wanted  # make test is one thread without a limit
    assert "-m floats" in makefile
    assert {"make test", "make kernels"} <= set(re.findall(r"make \w+", (ROOT / ".ci" / "run").read_text()))
