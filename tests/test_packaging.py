import importlib.metadata
import subprocess
import sys
import zipfile

ROOMS = {"scans", "siamese", "evaluation", "db", "review", "flows"}


def test_the_wheel_holds_the_rooms_and_nothing_else(wheel):
    names = zipfile.ZipFile(wheel).namelist()
    assert {name.split("/")[0] for name in names} == ROOMS | {"scantwin-0.1.0.dist-info"}
    assert not [name for name in names if "__pycache__" in name or name.startswith("tests")]


def test_the_wheel_holds_what_is_read_at_run_time(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for name in ("flows/operator/config.template.toml", "db/migrations/env.py",
                 "flows/operator/machines/prefect.yaml",
                 "flows/operator/machines/scantwin-worker@.service",
                 "flows/operator/machines/scantwin.timer"):  # fmt: skip
        assert name in names
    assert any(name.startswith("db/migrations/versions/v0001") for name in names)
    assert any(name.startswith("review/templates/") for name in names)


def test_no_other_distribution_owns_a_room():
    owners = importlib.metadata.packages_distributions()
    for room in ROOMS:
        assert set(owners.get(room, ["scantwin"])) == {"scantwin"}


def test_the_program_runs_from_the_wheel_in_another_folder(unpacked_wheel, tmp_path):
    import os

    code = "import flows.cli, db.engine; print(flows.cli.__file__, db.engine.__file__)"
    environment = os.environ | {"PYTHONPATH": str(unpacked_wheel)}
    words = [sys.executable, "-c", code]
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    assert all(path.startswith(str(unpacked_wheel)) for path in done.stdout.split())


def test_nothing_in_the_default_install_is_gpl():
    """LGPL is a library's licence and stays; text-unidecode offers the Artistic licence as well."""
    found = []
    for name in _required("scantwin"):
        meta = importlib.metadata.metadata(name)
        said = " ".join([meta.get("License-Expression") or meta.get("License") or "",
                         *(c for c in meta.get_all("Classifier") or [] if "License" in c)])  # fmt: skip
        if "GPL" in said[:300].replace("LGPL", "") and "Artistic" not in said:
            found.append(name)
    assert found == []


def _required(name, seen=None):
    """Names of everything that a distribution needs by default."""
    from packaging.requirements import Requirement

    seen = set() if seen is None else seen
    for text in importlib.metadata.requires(name) or []:
        need = Requirement(text)
        if need.name in seen or (need.marker is not None and not need.marker.evaluate({"extra": ""})):
            continue
        try:
            importlib.metadata.version(need.name)
        except importlib.metadata.PackageNotFoundError:
            continue
        seen.add(need.name)
        _required(need.name, seen)
    return seen
