"""What a command writes for a person: private whatever the umask, over nothing, and never into the archive."""

import os
import stat
import subprocess
import sys

import pytest
from sqlalchemy import select

from db.base import table_of
from db.tables import Scan


def scan_of(site, cover="3d"):
    scan = table_of(Scan)
    with site.db.read() as connection:
        return connection.scalar(select(scan.c.key).where(scan.c.is_main, scan.c.cover == cover).order_by(scan.c.key))


def shared(folder):
    """What others than the owner may read or enter, but for the core database, which a group may be let in to."""
    found = [folder, *folder.rglob("*")]
    return [path.name for path in found if stat.S_IMODE(path.lstat().st_mode) & 0o077 and not path.is_symlink()
            and not path.name.startswith("scantwin.sqlite")]  # fmt: skip


@pytest.fixture
def commands(matched):
    scan = scan_of(matched)
    return {
        "page": ("similar", scan, "--page"), "pairs": ("similar", scan, "--judge", "--page"),
        "volume": ("volume", scan, "--out"), "tables": ("export", "--out"),
    }  # fmt: skip


NAMES = {"page": "p.html", "pairs": "j.html", "volume": "v.nii.gz", "tables": "t"}


def test_everything_that_a_site_writes_is_its_owner_s_alone_under_no_umask(hospital, tmp_path):
    umask = 0
    hospital.deliver(tmp_path / "archive")
    home = tmp_path / "home"
    script = f"""
import os; os.umask({umask})
from pathlib import Path
from flows.operator.new_site import new_site, upgrade_database
from flows.night.conductor import conduct
from flows.site.opened import open_site
home = Path({str(home)!r})
changes = {{"quiet_seconds": "0.0", "train_when": '"never"'}}
new_site(Path({str(tmp_path / "archive")!r}), home / "config.toml", changes=changes)
upgrade_database(home / "config.toml")
conduct(open_site(home / "config.toml"))
"""
    subprocess.run([sys.executable, "-c", script], check=True, capture_output=True)
    assert (home / "store" / "tensors").is_dir() and (home / "store" / "reports").is_dir()
    assert shared(home) == []
    for words in (["export", "--out", "t"], ["export", "--format", "csv", "--out", "c"]):
        done = subprocess.run([sys.executable, "-m", "flows.cli", *words, "--config", str(home / "config.toml")],
                              umask=umask, cwd=home, capture_output=True)  # fmt: skip
        assert done.returncode == 0
    assert shared(home) == []
    assert stat.S_IMODE((home / "store" / "scantwin.sqlite").stat().st_mode) == 0o640


def test_nothing_is_written_over_what_is_there(matched, commands, call, tmp_path):
    (tmp_path / "mine").write_text("mine")
    for what in ("page", "pairs", "volume"):
        places = [tmp_path / f"{there}-{NAMES[what]}" for there in ("file", "link", "nowhere", "folder")]
        file, link, nowhere, folder = places
        file.write_text("mine")
        link.symlink_to(tmp_path / "mine")
        nowhere.symlink_to(tmp_path / "nothing")
        folder.mkdir()
        for out in places:
            code, said, err = call(*commands[what], out, "--config", matched.config)
            assert (code, said) == (2, "") and "is not overwritten; name a new one" in err
        assert file.read_text() == (tmp_path / "mine").read_text() == "mine"
        assert link.is_symlink() and not (tmp_path / "nothing").exists() and not any(folder.iterdir())


def test_nothing_is_written_into_the_archive_or_a_folder_that_is_not_there(matched, commands, call, tmp_path):
    before = sorted(matched.archive.rglob("*"))
    (tmp_path / "way").symlink_to(matched.archive)
    for what, words in (*commands.items(), ("evidence", ("evaluate", "--out"))):
        name = NAMES.get(what, what)
        for folder in (matched.archive, tmp_path / "way"):
            code, _, err = call(*words, folder / name, "--config", matched.config)
            assert code == 2 and "lies in the archive, which is only read" in err
        if what in ("page", "pairs", "volume"):
            code, _, err = call(*words, tmp_path / "no" / name, "--config", matched.config)
            assert code == 2 and "there is no folder" in err
    assert sorted(matched.archive.rglob("*")) == before


def test_an_evaluation_page_takes_a_free_name(tmp_path):
    from flows.evaluate.one import _free

    page = tmp_path / "evaluation-3d-00001.html"
    assert _free(page) == page
    page.touch()
    (tmp_path / "evaluation-3d-00001-2.html").symlink_to("nothing")
    assert _free(page).name == "evaluation-3d-00001-3.html"


def test_a_page_of_files_from_outside_is_refused_and_not_forgotten(matched, hospital, call, tmp_path):
    words = ("similar", "--file", hospital.files[0], "--page", tmp_path / "p.html", "--config", matched.config)
    code, _, err = call(*words)
    assert code == 2 and "files from outside have no page" in err


def test_init_writes_over_nothing_not_even_a_link(tmp_path, call):
    (tmp_path / "archive").mkdir()
    (tmp_path / "config.toml").symlink_to("elsewhere")
    code, _, err = call("init", tmp_path / "archive", "--config", tmp_path / "config.toml")
    assert code == 2 and "is not overwritten" in err and not (tmp_path / "elsewhere").exists()


def test_phantoms_are_written_into_a_new_folder_only(tmp_path, call):
    (tmp_path / "file").write_text("mine")
    (tmp_path / "link").symlink_to("elsewhere")
    for name in ("file", "link"):
        code, _, err = call("phantoms", "--out", tmp_path / name, "--patients", "1")
        assert code == 2 and "name a new folder" in err


def test_the_command_keeps_others_out_of_what_libraries_write(call):
    before = os.umask(0o022)
    try:
        call("--version")
        assert os.umask(0o022) & 0o077 == 0o077
    finally:
        os.umask(before)
