"""How many small faults, put into the rules one at a time, the tests see: mutation testing by mutmut.

`python -m benchmarks.mutants [--table] [--every N] [MODULE ...]`. It goes on where it was stopped; what survived
before is tried again, as tests may have come. The modules and the tests that are asked stand in `[tool.mutmut]` of
pyproject.toml; survivors that harm nothing, each with its reason, in `mutants.toml` beside this file. `--table` only
prints; `--every 5` runs each fifth mutant of a module, for a first look.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from mutmut.mutation.data import SourceFileMutationData
from mutmut.mutation.diff_apply import get_diff_for_mutant
from mutmut.stats import status_by_exit_code
from mutmut.utils.file_utils import walk_mutatable_files

REASONS = Path(__file__).with_suffix(".toml")
KILLED = frozenset({"killed", "timeout", "segfault"})
SURVIVED = frozenset({"survived", "no tests"})
MAKES_ALL = "flows.site.keys.x_write_secret*"  # mutmut makes all mutants before it runs the named ones


@dataclass(frozen=True)
class Module:
    """The mutants of one file, by name."""

    path: str
    states: dict[str, str]

    def named(self, states: frozenset[str]) -> list[str]:
        """Return the names of the mutants in one of these states."""
        return [name for name, state in self.states.items() if state in states]

    def to_run(self) -> list[str]:
        """Return the names of those that nothing has killed yet."""
        return [name for name, state in self.states.items() if state not in KILLED]

    @property
    def n_viable(self) -> int:
        """How many mutants the tests have judged."""
        return len(self.named(KILLED)) + len(self.named(SURVIVED))


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.mutants", description=__doc__)
    parser.add_argument("modules", nargs="*", metavar="MODULE", help="such as scans.kind; all of them if none is named")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="run each N-th mutant only")
    parser.add_argument("--table", action="store_true", help="run nothing")
    options = parser.parse_args()
    if not options.table:
        _run(options.modules, options.every)
    modules = _asked(options.modules)
    unexplained = list(_unexplained(modules))
    print("\n".join([*table(modules), "", f"{len(unexplained)} survivors without a reason in {REASONS.name}"]))
    print("\n".join(unexplained))
    sys.exit(bool(unexplained))


def read_modules() -> list[Module]:
    """Return what is known of each mutant so far, by file."""
    modules = []
    for path in walk_mutatable_files():
        kept = SourceFileMutationData(path=path)
        kept.load()
        states = {name: status_by_exit_code[code] for name, code in kept.exit_code_by_key.items()}
        modules.append(Module(str(path), states))
    return modules


def table(modules: Sequence[Module]) -> list[str]:
    """Return the lines of a Markdown table: a module a line, and the sum."""
    lines = ["| module | viable | killed | survived | share | not run |", "|---|---|---|---|---|---|"]
    counts = [(m.path, m.n_viable, len(m.named(KILLED)), len(m.states) - m.n_viable) for m in modules]
    total = ("all", sum(row[1] for row in counts), sum(row[2] for row in counts), sum(row[3] for row in counts))
    for name, viable, killed, left in (*counts, total):
        share = f"{killed / viable:.1%}" if viable else "–"
        lines.append(f"| {name} | {viable} | {killed} | {viable - killed} | {share} | {left} |")
    return lines


def change_of(name: str, path: str) -> str:
    """Return what a mutant changed, as `function: new line`, which stays when others are added before it."""
    with contextlib.redirect_stdout(io.StringIO()):
        lines = get_diff_for_mutant(name, path=Path(path)).splitlines()[3:]
    removed = "; ".join(line[1:].strip() for line in lines if line.startswith("-"))
    added = "; ".join(line[1:].strip() for line in lines if line.startswith("+"))
    function = name.rpartition("__mutmut_")[0].replace(".x_", ".").replace(".xǁ", ".").replace("ǁ", ".")
    return f"{function}: {added or f'without {removed}'}"


def _run(names: Sequence[str], every: int) -> None:
    """Run what has not been run, then what survived, in one process at a time."""
    is_part = bool(names) or every > 1
    _mutmut(*[MAKES_ALL] * is_part)  # mutants of changed functions are made anew, those of others keep their state
    chosen = [name for module in _asked(names) for name in module.to_run()[::every]]
    if chosen:
        _mutmut(*chosen)


def _asked(names: Sequence[str]) -> list[Module]:
    return [m for m in read_modules() if not names or m.path.removesuffix(".py").replace("/", ".") in names]


def _mutmut(*names: str) -> None:
    mutmut = Path(sys.executable).with_name("mutmut")
    with tempfile.TemporaryDirectory() as scratch:
        shared = os.environ | {"SCANTWIN_TEST_SCRATCH": scratch}  # one migrated database to copy for all mutants
        subprocess.run([str(mutmut), "run", "--max-children", "1", *names], check=True, env=shared)


def _unexplained(modules: Sequence[Module]) -> Iterator[str]:
    groups = tomllib.loads(REASONS.read_text(encoding="utf-8"))["harmless"]
    explained = {change for group in groups for change in group["mutants"]}
    for module in modules:
        changes = (change_of(name, module.path) for name in module.named(SURVIVED))
        yield from (change for change in changes if change not in explained)


if __name__ == "__main__":
    main()
