"""A sentry: files from outside are looked at by a child process, so that only the child can come to harm.

Its long-lived child serves a whole night. It is a fresh interpreter (never a fork), computes under limits of time
and memory (`scans.sandbox.child`), and answers in JSON and plain bytes: nothing that comes from it is unpickled. A
file that kills its child, or hangs, or wants too much memory, is refused alone; the next one gets a new child.
"""

import errno
import json
import math
import os
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from multiprocessing.connection import Connection, Pipe
from pathlib import Path
from typing import Any

import numpy as np

from scans import outcome
from scans.header import Header
from scans.outcome import DecodeFailed, DecoderCrashed, DiskError, Refusal, TookTooLong, TooMuchMemory
from scans.pixels import n_pixels

START_SECONDS = 120.0  # a busy machine may take long to import pydicom
PATIENCE = 10  # waiting for a disk is not computing: times guard_seconds, until the file is left for the next night
LONGEST_ANSWER = 1 << 26  # bytes of some headers as JSON
LARGEST_ANSWER = 4 << 30  # bytes of one file's pixels
AT_ONCE = 100  # headers asked for in one message
DTYPES = frozenset({"<f4", "|u1", "|i1", "<u2", "<i2", "<u4", "<i4", ">u2", ">i2", ">u4", ">i4"})
REFUSALS = {
    kind.code: kind
    for kind in vars(outcome).values()
    if isinstance(kind, type) and issubclass(kind, Refusal) and kind is not Refusal
}

Found = Header | Refusal | OSError


class GuardBroken(RuntimeError):
    """No child can be started here: the installation is broken, not a file."""


@dataclass(frozen=True)
class Limits:
    """What one file may cost its child."""

    seconds: float = 60.0  # of computing
    mib: int = 4096  # of memory, the child's own included


class Sentry:
    """Reads headers and decodes pixels in a child process; may be used by several threads, one at a time."""

    def __init__(self, limits: Limits | None = None) -> None:
        """Remember the limits; the child starts with the first file."""
        self.limits = limits or Limits()
        self._lock = threading.RLock()
        self._child: _Child | None = None

    def headers(self, paths: Sequence[Path]) -> list[Found]:
        """Read the headers of some files.

        Returns:
            For each path its header, or the refusal or the failure of the disk that `read_header` raised.

        Raises:
            GuardBroken: No child can be started.
        """
        found: list[Found] = []
        with self._lock:
            while len(found) < len(paths):
                found += self._some_headers(paths[len(found) : len(found) + AT_ONCE])
        return found

    def decode(self, path: Path, header: Header) -> np.ndarray:
        """Decode the pixels of one file; as `scans.pixels.decode_file`.

        Raises:
            Refusal: The file cannot be decoded; the class says why.
            OSError: The disk or the share failed, which is worth another try.
            GuardBroken: No child can be started.
        """
        return self._numbers("pixels", path, header, n_pixels(header))

    def table(self, path: Path, header: Header) -> np.ndarray:
        """Read the Modality LUT of one file; as `scans.values.lookup_table`.

        Raises:
            Refusal, OSError, GuardBroken: As `decode`.
        """
        return self._numbers("table", path, header, 1 << header.bits_allocated)

    def _numbers(self, what: str, path: Path, header: Header, size: int) -> np.ndarray:
        with self._lock:
            for _ in range(2):
                child = self._living()
                is_certain = child.is_fresh
                try:
                    return child.numbers(what, path, header, size)
                except _Lost as lost:
                    self.close()
                    if isinstance(lost.refusal, DiskError):
                        raise OSError(errno.ETIMEDOUT, lost.refusal.facts) from None
                    if is_certain or not lost.is_worth_a_retry:
                        raise lost.refusal from None
                except (Refusal, OSError) as error:
                    self._after(error)
                    raise
                except BaseException:  # the answer is still on its way
                    self.close()
                    raise
        raise AssertionError("a fresh child is certain")

    def close(self) -> None:
        """End the child; the next file starts another one."""
        with self._lock:
            child, self._child = self._child, None
            if child is not None:
                child.end()

    def __enter__(self) -> "Sentry":
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def _some_headers(self, paths: Sequence[Path]) -> list[Found]:
        """Read some headers; when the child is lost, ask for those without an answer one by one."""
        found: list[Found] = []
        child = self._living()
        is_certain = child.is_fresh and len(paths) == 1
        try:
            child.ask_headers(paths)
            while len(found) < len(paths):
                found += child.next_headers()
        except _Lost as lost:
            self.close()
            if len(paths) == 1 and (is_certain or not lost.is_worth_a_retry):
                return [lost.refusal]
            return found + [one for path in paths[len(found) :] for one in self._some_headers([path])]
        except BaseException:  # answers are still on their way
            self.close()
            raise
        for error in found:
            self._after(error)
        return found

    def _after(self, found: Found | Refusal) -> None:
        """A child that ran out of memory may have lost more than one allocation."""
        if isinstance(found, TooMuchMemory):
            self.close()

    def _living(self) -> "_Child":
        if self._child is None:
            self._child = _Child(self.limits)
        return self._child


class _Lost(Exception):
    """The child is gone, or does not answer."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__()
        self.refusal = refusal
        self.is_worth_a_retry = isinstance(refusal, (DecoderCrashed, TooMuchMemory))


class _Child:
    """One child process and the pipe to it."""

    def __init__(self, limits: Limits) -> None:
        self.is_fresh = True
        self._patience_s = max(PATIENCE * limits.seconds, START_SECONDS)
        self._pipe, theirs = Pipe()
        words = ["-B", "-P", "-m", "scans.sandbox.child", str(theirs.fileno()), str(limits.seconds), str(limits.mib)]
        self._process = subprocess.Popen(
            [sys.executable, *words],
            pass_fds=[theirs.fileno()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,  # what a library prints may quote a tag
            env=_environment(),
            process_group=0,  # Ctrl-C at the terminal is the parent's business
        )
        theirs.close()
        self.end = weakref.finalize(self, _end, self._process, self._pipe)
        try:
            self._receive()
        except _Lost:
            self.end()
            raise GuardBroken("the process that looks at files did not start; run `scantwin doctor`") from None

    def ask_headers(self, paths: Sequence[Path]) -> None:
        self._send({"headers": [os.fspath(path) for path in paths]})

    def next_headers(self) -> list[Found]:
        answers = self._receive()["headers"]
        self.is_fresh = False
        return [Header.from_json(answer) if isinstance(answer, str) else _error(answer) for answer in answers]

    def numbers(self, what: str, path: Path, header: Header, wanted: int) -> np.ndarray:
        """Return pixels or a table, so many numbers as are wanted, flat.

        Raises:
            _Lost, Refusal, OSError: As they say.
        """
        self._send({what: os.fspath(path), "header": header.to_json()})
        answer = self._receive()
        self.is_fresh = False
        if "dtype" not in answer:
            raise _error(answer)
        size, dtype = int(answer["size"]), str(answer["dtype"])
        if dtype not in DTYPES or size * np.dtype(dtype).itemsize > LARGEST_ANSWER:
            raise _Lost(DecoderCrashed("an answer that makes no sense"))
        if size != wanted:
            raise _Lost(DecodeFailed(f"{size} numbers decoded, {wanted} expected"))
        words = np.empty(size, dtype)
        self._fill(words.view(np.uint8).data)
        return words

    def _fill(self, room: memoryview) -> None:
        while room:
            if not self._pipe.poll(self._patience_s) or not (n_bytes := os.readv(self._pipe.fileno(), [room])):
                raise self._lost()
            room = room[n_bytes:]

    def _send(self, question: dict[str, Any]) -> None:
        try:
            self._pipe.send_bytes(json.dumps(question).encode())
        except OSError:
            raise self._lost() from None

    def _receive(self) -> dict[str, Any]:
        try:
            if self._pipe.poll(self._patience_s):
                answer: dict[str, Any] = json.loads(self._pipe.recv_bytes(LONGEST_ANSWER))
                return answer
        except ValueError:
            raise _Lost(DecoderCrashed("an answer that makes no sense")) from None
        except (EOFError, OSError):
            pass
        raise self._lost()

    def _lost(self) -> _Lost:
        """Say what became of the child."""
        try:
            code = self._process.wait(5 if self._pipe.closed or self._pipe.poll(0) else 0)
        except (subprocess.TimeoutExpired, OSError):
            return _Lost(DiskError(f"no answer within {math.ceil(self._patience_s)} s"))
        if code == -signal.SIGXCPU:
            return _Lost(TookTooLong("more computing time than guard_seconds"))
        if code == -signal.SIGKILL:
            return _Lost(TooMuchMemory("the system ended the process"))
        return _Lost(DecoderCrashed(signal.Signals(-code).name if code < 0 else f"exit code {code}"))


def _error(answer: dict[str, Any]) -> Refusal | OSError:
    if "errno" in answer:
        return OSError(int(answer["errno"]), os.strerror(int(answer["errno"])))
    kind = REFUSALS.get(str(answer.get("code")), DecoderCrashed)
    return kind(str(answer.get("facts", "")))


def _end(process: "subprocess.Popen[bytes]", pipe: Connection) -> None:
    pipe.close()
    process.kill()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:  # it waits for a disk that does not answer, and ends with it
        process.returncode = -signal.SIGKILL


def _environment() -> dict[str, str]:
    """Return the child's environment: where our modules are, one thread, none of the site's secrets."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("SCANTWIN_", "PREFECT_"))}
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    return kept | threads | {"PYTHONPATH": os.pathsep.join(path or os.getcwd() for path in sys.path)}
