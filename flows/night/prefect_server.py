"""Prefect's temporary server: a night that was killed leaves one behind, and the next night ends it."""

import contextlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import psutil

from scans.atomic import private_folder

NOTE = "prefect/server.pids"
POLL_SECONDS = 0.2
WAIT_SECONDS = 5.0


@contextlib.contextmanager
def remember_server(store: Path) -> Iterator[None]:
    """Note the temporary server's process as soon as there is one, until the block ends."""
    stop = threading.Event()
    watcher = threading.Thread(target=_note_when_begun, args=(store / NOTE, stop), name="server-note", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join(timeout=WAIT_SECONDS)


def reap_left_server(store: Path) -> list[int]:
    """End servers that a killed night left behind; returns their process ids."""
    note = store / NOTE
    with contextlib.suppress(OSError, ValueError):
        left = [_orphaned_server(int(word)) for word in note.read_text().split()]
        reaped = [process for process in left if process is not None]
        for process in reaped:
            _end(process)
        note.unlink(missing_ok=True)
        return [process.pid for process in reaped]
    return []


def _note_when_begun(note: Path, stop: threading.Event) -> None:
    while not stop.wait(POLL_SECONDS):
        pids = [pid for pid in _children(os.getpid()) if _is_server(pid)]
        if pids:
            private_folder(note.parent)
            note.write_text(" ".join(str(pid) for pid in pids))
            return


def _children(pid: int) -> list[int]:
    """Return the children of a process; psutil would look at every process of the machine, five times a second."""
    with contextlib.suppress(OSError):
        return [
            int(word)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()
        ]
    return []


def _is_server(pid: int) -> bool:
    with contextlib.suppress(psutil.Error):
        return any("prefect.server.api.server:create_app" in word for word in psutil.Process(pid).cmdline())
    return False


def _orphaned_server(pid: int) -> psutil.Process | None:
    """Return a temporary server whose night is gone; a server whose parent lives is not ours to end."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(pid)
        parent = process.parent()
        command = " ".join(parent.cmdline()) if parent is not None and parent.pid > 1 else ""
        if _is_server(pid) and "scantwin" not in command and "flows" not in command:
            return process
    return None


def _end(process: psutil.Process) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
        try:
            process.wait(WAIT_SECONDS)
        except psutil.TimeoutExpired:
            process.kill()
