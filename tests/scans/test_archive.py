import os
import socket
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scans.archive import Difference, Entry, Known, compare, list_files, path_text, real_path

HOUR = 3600 * 10**9
NOW = 1_700_000_000 * 10**9


def known_of(entries: list[Entry]) -> list[Known]:
    return sorted((e.path, e.size_bytes, e.mtime_ns, e.inode) for e in entries)


def check(entries: list[Entry], known: list[Known], quiet_s: int = 60) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for what, entry, _ in compare(sorted(entries), known, now_ns=NOW, quiet_ns=quiet_s * 10**9):
        found.setdefault(what, []).append(entry.path)
    return found


def old(path: str, size: int = 1, inode: int = 1) -> Entry:
    return Entry(path, size, NOW - HOUR, inode)


def test_every_file_is_listed_once_with_its_size(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "x").write_bytes(b"123")
    (tmp_path / "y.dcm").write_bytes(b"")
    assert {(e.path, e.size_bytes, e.special) for e in list_files(tmp_path)} == {
        ("a/b/x", 3, ""),
        ("y.dcm", 0, ""),
    }


def test_a_missing_root_is_an_error_and_never_an_empty_archive(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        list(list_files(tmp_path / "nothing"))


def test_links_are_reported_and_never_followed(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "out").symlink_to("/etc/passwd")
    (tmp_path / "broken").symlink_to("nowhere")
    assert {(e.path, e.special) for e in list_files(tmp_path)} == {
        ("loop", "symlink"), ("out", "symlink"), ("broken", "symlink"),
    }  # fmt: skip


def test_pipes_and_sockets_are_special(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(tmp_path / "pipe")
    monkeypatch.chdir(tmp_path)  # the path of a socket has to be short
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("sock")
        assert {(e.path, e.special) for e in list_files(tmp_path)} == {("pipe", "fifo"), ("sock", "socket")}


def test_a_folder_that_cannot_be_listed_is_one_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shut").mkdir()
    real = os.scandir

    def scandir(path: str | Path) -> object:
        if str(path).rstrip("/").endswith("shut"):
            raise PermissionError(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert list(list_files(tmp_path)) == [Entry("shut/", 0, 0, 0, "unreadable")]


def test_a_folder_removed_while_listing_is_no_entry(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leaves").mkdir()
    (tmp_path / "stays").touch()
    real = os.scandir

    def scandir(path: str | Path) -> object:
        if str(path).rstrip("/").endswith("leaves"):
            raise FileNotFoundError(path)
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert [e.path for e in list_files(tmp_path)] == ["stays"]


def test_a_name_that_is_no_utf8_can_be_opened_again(tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/M\xfcller \\x41 \xc3\xa4"
    with open(name, "wb") as file:
        file.write(b"here")
    (entry,) = list_files(tmp_path)
    assert entry.path.encode() == b"M\\xfcller \\\\x41 \xc3\xa4"
    assert real_path(tmp_path, entry.path).read_bytes() == b"here"


@given(st.binary(min_size=1).filter(lambda b: b"/" not in b and b"\0" not in b and b not in (b".", b"..")))
def test_escaping_a_name_can_be_undone(raw: bytes) -> None:
    text = path_text(os.fsdecode(raw))
    text.encode()
    assert os.fsencode(real_path(Path("/r"), text)) == b"/r/" + raw


@pytest.mark.parametrize("path", ["../x", "a/../../x", "/etc/passwd", "", "a\0b", "a\\", "a\\q", "a\\x41", "a\\xzz"])
def test_a_path_that_leaves_the_archive_is_refused(path: str) -> None:
    with pytest.raises(ValueError):
        real_path(Path("/archive"), path)


def test_files_are_listed_in_the_order_of_their_whole_paths(tmp_path: Path) -> None:
    for name in ("a/b/x", "a.b", "a-/z", "b", "a/c", "aé", "a\U0001f600", "a\uffff", "a/b.c"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    with open(os.fsencode(tmp_path) + b"/a\xff", "wb"):
        pass
    paths = [entry.path for entry in list_files(tmp_path)]
    assert paths == sorted(paths, key=str.encode)
    assert len(paths) == 10


@given(st.lists(st.text("ab./\U0001f600\uffff é-", min_size=1).map(lambda t: t.strip("/")), unique=True))
def test_text_and_bytes_order_paths_alike(paths: list[str]) -> None:
    assert sorted(paths) == sorted(paths, key=str.encode)  # the database orders by bytes


def test_a_listing_without_order_is_an_error_and_nothing_is_gone() -> None:
    with pytest.raises(ValueError, match="not ordered"):
        list(compare([old("b"), old("a")], [], now_ns=NOW, quiet_ns=0))
    with pytest.raises(ValueError, match="not ordered"):
        list(compare([old("c")], [("b", 1, 2, 3), ("a", 1, 2, 3)], now_ns=NOW, quiet_ns=0))


def test_an_unchanged_file_is_the_same() -> None:
    assert check([old("a"), old("b")], known_of([old("a"), old("b")])) == {"same": ["a", "b"]}


@pytest.mark.parametrize("other", [old("a", size=2), old("a", inode=2), Entry("a", 1, NOW - 2 * HOUR, 1)])
def test_size_time_or_inode_make_a_file_changed(other: Entry) -> None:
    (difference,) = compare([other], known_of([old("a")]), now_ns=NOW, quiet_ns=60 * 10**9)
    assert difference == Difference("changed", other, known_of([old("a")])[0])


def test_a_young_file_is_arriving_and_nothing_else() -> None:
    assert check([Entry("a", 1, NOW - 10**9, 1)], []) == {"arriving": ["a"]}


def test_a_clock_far_ahead_does_not_hold_a_file_back_for_ever() -> None:
    assert check([Entry("a", 1, NOW + HOUR, 1)], []) == {"new": ["a"]}


@pytest.mark.parametrize(("seconds", "quiet_s", "what"), [(1, 60, "settling"), (9, 3600, "new"), (1, 0, "new")])
def test_a_copy_with_an_old_date_settles_for_seconds(seconds: int, quiet_s: int, what: str) -> None:
    copied = old("a")._replace(ctime_ns=NOW - seconds * 10**9)
    assert check([copied], [], quiet_s) == {what: ["a"]}


def test_what_is_not_listed_any_more_is_gone() -> None:
    assert check([old("b")], known_of([old("a"), old("b"), old("c")])) == {"gone": ["a", "c"], "same": ["b"]}


@pytest.mark.parametrize("night", [1, 2])
def test_files_below_an_unreadable_folder_are_not_gone(night: int) -> None:
    shut = Entry("shut/", 0, 0, 0, "unreadable")
    known = known_of([old("shut.x"), old("shut/a/x"), old("shutter"), *([shut] if night == 2 else [])])
    found = check([shut], known)
    assert (found["gone"], found["hidden"]) == (["shut.x", "shutter"], ["shut/a/x"])


@given(
    st.sets(st.text("ab./", min_size=1, max_size=4)), st.sets(st.text("ab./", min_size=1, max_size=4)),
    st.sets(st.text("ab./", min_size=1, max_size=4)),
)  # fmt: skip
def test_a_merge_finds_what_two_dictionaries_would(here: set[str], before: set[str], touched: set[str]) -> None:
    entries = [old(path, size=2 if path in touched else 1) for path in here]
    found = check(entries, known_of([old(path) for path in before]))
    wanted = {
        "new": here - before, "gone": before - here, "same": (here & before) - touched,
        "changed": here & before & touched,
    }  # fmt: skip
    assert found == {what: sorted(paths) for what, paths in wanted.items() if paths}


def test_listing_costs_little_more_than_a_walk_with_stat(tmp_path: Path) -> None:
    for folder in range(20):
        (tmp_path / f"d{folder}").mkdir()
        for number in range(100):
            (tmp_path / f"d{folder}" / f"{number}").touch()

    def ours() -> None:
        for _ in compare(list_files(tmp_path), [], now_ns=NOW, quiet_ns=0):
            pass

    def walk() -> None:
        for folder, _, names in os.walk(tmp_path):
            for name in names:
                os.stat(os.path.join(folder, name))

    assert _fastest(ours) < 4 * _fastest(walk)  # a loose bound: benchmarks measure, this catches a blunder


def _fastest(work: object) -> float:
    seconds = []
    for _ in range(5):
        begun = time.perf_counter()
        work()  # type: ignore[operator]
        seconds.append(time.perf_counter() - begun)
    return min(seconds)
