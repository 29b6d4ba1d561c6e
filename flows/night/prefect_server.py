"""Prefect's temporary server: a night that was killed leaves one behind, and the next night ends it."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

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
        left = [int(word) for word in note.read_text().split()]
        reaped = [pid for pid in left if _is_orphaned_server(pid)]
        for pid in reaped:
            _end(pid)
        note.unlink(missing_ok=True)
        return reaped
    return []


def _note_when_begun(note: Path, stop: threading.Event) -> None:
    while not stop.wait(POLL_SECONDS):
        pids = [pid for pid in _children(os.getpid()) if _is_server(pid)]
        if pids:
            private_folder(note.parent)
            note.write_text(" ".join(str(pid) for pid in pids))
            return


def _children(pid: int) -> list[int]:
    with contextlib.suppress(OSError):
        return [
            int(word)
            for task in Path(f"/proc/{pid}/task").iterdir()
            for word in (task / "children").read_text().split()
        ]
    return []


def _is_server(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return b"prefect.server.api.server:create_app" in Path(f"/proc/{pid}/cmdline").read_bytes()
    return False


def _is_orphaned_server(pid: int) -> bool:
    """True for a temporary server whose night is gone; a server whose parent lives is not ours to end."""
    with contextlib.suppress(OSError, IndexError, ValueError):
        parent = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        command = Path(f"/proc/{parent}/cmdline").read_bytes() if parent > 1 else b""
        return _is_server(pid) and b"scantwin" not in command and b"flows" not in command
    return False


def _end(pid: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGTERM)
        deadline = time.monotonic() + WAIT_SECONDS
        while time.monotonic() < deadline and _is_server(pid):
            time.sleep(0.1)
        if _is_server(pid):
            os.kill(pid, signal.SIGKILL)
