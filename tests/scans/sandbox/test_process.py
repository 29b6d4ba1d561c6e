"""A sentry: a file can harm nothing but a child process, and costs no other file its turn."""

import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from damage import ITEM, _with_sequences
from pydicom.uid import RLELossless

from scans.header import Header, read_header
from scans.outcome import DecoderCrashed, Gone, TookTooLong, TooMuchMemory, Unreadable
from scans.pixels import read_stored
from scans.sandbox.process import GuardBroken, Limits, Sentry


@pytest.fixture
def sentry() -> Iterator[Sentry]:
    with Sentry(Limits(seconds=30, mib=512)) as one:
        yield one


@pytest.fixture
def good(save: Callable[..., Path]) -> list[Path]:
    return [save(f"good{index}", index=index) for index in range(3)]


def slow(tmp_path: Path, n_items: int) -> Path:
    """A file whose parsing takes the square of its items: 8,000 a second, 200,000 for ever."""
    path = tmp_path / f"slow{n_items}"
    path.write_bytes(_with_sequences(ITEM * n_items))
    return path


def child_of(sentry: Sentry) -> int:
    assert sentry._child is not None
    return sentry._child._process.pid


@contextmanager
def killing(sentry: Sentry, n_children: int) -> Iterator[None]:
    """Kill the first children that have computed for two seconds, which only the slow file takes."""
    done = threading.Event()

    def kill() -> None:
        killed: set[int] = set()
        while len(killed) < n_children and not done.wait(0.02):
            child = sentry._child
            if child is not None and child._process.pid not in killed and cpu_seconds(child._process.pid) > 2:
                killed.add(child._process.pid)
                os.kill(child._process.pid, signal.SIGSEGV)

    thread = threading.Thread(target=kill)
    thread.start()
    yield
    done.set()
    thread.join()


def cpu_seconds(pid: int) -> float:
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def test_the_guard_finds_what_the_reader_finds_in_the_same_order(sentry, good, tmp_path):
    (tmp_path / "text").write_text("no DICOM")
    paths = [good[0], tmp_path / "text", good[1], tmp_path / "absent", good[2]]
    found = sentry.headers(paths)
    assert [found[0], found[2], found[4]] == [read_header(path) for path in good]
    assert [found[1].code, type(found[3])] == ["not-dicom", Gone]


def test_more_files_than_fit_in_one_question_are_all_answered(sentry, good):
    assert sentry.headers(good * 70) == [read_header(path) for path in good] * 70


def test_pixels_come_through_as_they_were_decoded(sentry, save):
    words = np.arange(12, dtype="<i2").reshape(4, 3) - 5
    path = save(PixelData=words.tobytes())
    from pydicom import dcmread

    dataset = dcmread(path)
    dataset.compress(RLELossless)
    dataset.save_as(path)
    stored = read_stored(path, read_header(path), sentry)
    assert stored.values[0].tolist() == words.tolist() and stored.values.dtype == np.int16


def test_a_crash_costs_one_file_and_no_other(sentry, good, tmp_path):
    paths = [good[0], slow(tmp_path, 200_000), *good[1:]]
    with killing(sentry, 3):  # in the batch, alone, and alone in a fresh child
        found = sentry.headers(paths)
    assert isinstance(found[1], DecoderCrashed) and found[1].facts == "SIGSEGV"
    assert [found[0], *found[2:]] == [read_header(path) for path in good]


def test_a_file_whose_child_died_once_is_tried_again_alone(sentry, good, tmp_path):
    with killing(sentry, 1):
        found = sentry.headers([good[0], slow(tmp_path, 14_000), good[1]])
    assert isinstance(found[1], Unreadable)  # what it really is
    assert isinstance(found[2], Header)


def test_a_file_that_takes_too_long_costs_no_other_its_turn(good, tmp_path):
    with Sentry(Limits(seconds=1, mib=512)) as sentry:
        found = sentry.headers([good[0], slow(tmp_path, 200_000), good[1]])
    assert [type(one) for one in found] == [Header, TookTooLong, Header]


def test_a_file_that_wants_too_much_memory_costs_no_other_its_turn(sentry, good, tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 30)  # takes no room on the disk
    found = sentry.headers([good[0], tmp_path / "large", good[1]])
    assert [type(one) for one in found] == [Header, TooMuchMemory, Header]


def test_the_next_child_serves_after_one_was_killed_between_two_files(sentry, good):
    sentry.headers(good[:1])
    os.kill(child_of(sentry), signal.SIGKILL)
    time.sleep(0.2)
    assert sentry.headers(good) == [read_header(path) for path in good]


def test_an_installation_that_starts_no_child_refuses_no_file(good, monkeypatch):
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with Sentry() as sentry, pytest.raises(GuardBroken, match="doctor"):
        sentry.headers(good)


def test_the_child_knows_no_secret_and_imports_neither_torch_nor_prefect(sentry, good, monkeypatch):
    monkeypatch.setenv("SCANTWIN_DB__URL", "postgresql://canary")
    sentry.headers(good[:1])
    pid = child_of(sentry)
    assert b"canary" not in Path(f"/proc/{pid}/environ").read_bytes()
    mapped = Path(f"/proc/{pid}/maps").read_text()
    assert "numpy" in mapped and "torch" not in mapped
    code = "import sys, scans.sandbox.child; print(*sys.modules)"
    words = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    assert not {"torch", "prefect", "sqlalchemy", "monai"} & set(words)


def test_the_child_writes_no_file_and_does_not_hear_ctrl_c(sentry, good):
    sentry.headers(good[:1])
    pid = child_of(sentry)
    assert resource.prlimit(pid, resource.RLIMIT_FSIZE)[0] == 0
    assert os.getpgid(pid) != os.getpgid(0)
    os.kill(pid, signal.SIGINT)
    sentry.headers(good)
    assert child_of(sentry) == pid


def test_the_child_ends_with_its_parent(good):
    code = (
        "import os, signal, sys; from pathlib import Path; from scans.sandbox.process import Sentry\n"
        "sentry = Sentry(); sentry.headers([Path(sys.argv[1])])\n"
        "print(sentry._child._process.pid, flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, str(good[0])], capture_output=True, text=True)
    pid, end = int(done.stdout), time.monotonic() + 20
    while time.monotonic() < end and _is_running(pid):
        time.sleep(0.05)
    assert not _is_running(pid)


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
