import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from scans.atomic import draft_of, private_folder, write_atomically


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture(params=[0o000, 0o022, 0o077], ids=oct)
def umask(request: pytest.FixtureRequest) -> Iterator[None]:
    before = os.umask(request.param)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_files_and_folders_are_their_owner_s_alone_whatever_the_umask(tmp_path: Path) -> None:
    write_atomically(tmp_path / "a" / "b" / "file", b"x")
    assert [mode(tmp_path / name) for name in ("a", "a/b", "a/b/file")] == [0o700, 0o700, 0o600]


@pytest.mark.usefixtures("umask")
def test_a_writer_that_makes_a_file_of_its_own_gains_nobody_a_look(tmp_path: Path) -> None:
    with draft_of(tmp_path / "x") as draft:
        draft.unlink()
        draft.write_bytes(b"whole")
    assert (mode(tmp_path / "x"), (tmp_path / "x").read_bytes()) == (0o600, b"whole")


def test_a_folder_that_is_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o750)
    private_folder(tmp_path)
    write_atomically(tmp_path / "x", b"")
    assert mode(tmp_path) == 0o750


def test_a_write_that_fails_leaves_the_former_file_and_no_draft(tmp_path: Path) -> None:
    write_atomically(tmp_path / "x", b"former")
    with pytest.raises(OSError, match="full"), draft_of(tmp_path / "x") as draft:
        draft.write_bytes(b"ha")
        raise OSError("full")
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("x", b"former")]


def test_a_link_is_replaced_and_what_it_leads_to_stays(tmp_path: Path) -> None:
    (tmp_path / "target").write_bytes(b"theirs")
    (tmp_path / "link").symlink_to("target")
    write_atomically(tmp_path / "link", b"ours")
    assert (tmp_path / "target").read_bytes() == b"theirs" and not (tmp_path / "link").is_symlink()
