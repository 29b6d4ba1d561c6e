"""The child of `scans.sandbox.pool`: looks at files one after the other, under limits, until its parent is gone.

Run as `python -m scans.sandbox.child PIPE SECONDS MIB`. It writes no file, keeps no secret, and prints nothing.
"""

import contextlib
import json
import math
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import numpy as np

from scans.dicomfile import silence_libraries
from scans.header import Header, read_header
from scans.outcome import Refusal, TooMuchMemory
from scans.pixels import decode_file, n_pixels, n_read
from scans.values import lookup_table

PER_PIXEL = 8  # bytes; decoders of JPEG 2000 work in 32 bit, and hold a picture twice
FLUSH_SECONDS = 0.02
MIB = 1 << 20


def main(pipe: Connection, seconds: float, mib: int) -> None:
    """Answer questions until the parent closes the pipe."""
    _limit(mib)
    silence_libraries()
    with contextlib.suppress(EOFError, OSError):
        _answer(pipe, {"ready": True})
        while True:
            question = json.loads(pipe.recv_bytes())
            if "headers" in question:
                _answer_headers(pipe, question["headers"], seconds)
            for what, read in (("pixels", _pixels), ("table", _table)):
                if what in question:
                    _start_clock(seconds)
                    header = Header.from_json(question["header"])
                    _answer_numbers(pipe, partial(read, Path(question[what]), header, mib))


def _limit(mib: int) -> None:
    """Bound memory, write no file, leave no core; the terminal's Ctrl-C is the parent's business."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    for kind, most in ((resource.RLIMIT_DATA, mib * MIB), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        hard = resource.getrlimit(kind)[1]
        resource.setrlimit(kind, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _start_clock(seconds: float) -> None:
    """Let the system end this process (SIGXCPU) when the next file has computed for so long."""
    hard = resource.getrlimit(resource.RLIMIT_CPU)[1]
    resource.setrlimit(resource.RLIMIT_CPU, (math.ceil(time.process_time() + seconds), hard))


def _answer_headers(pipe: Connection, paths: Sequence[str], seconds: float) -> None:
    """Answer a few at once: each message costs the parent as much as a quarter of a header."""
    answers: list[str | dict[str, Any]] = []
    sent_at = time.monotonic()
    for path in paths:
        _start_clock(seconds)
        answers.append(_looked_at(Path(path)))
        if time.monotonic() - sent_at > FLUSH_SECONDS:
            _answer(pipe, {"headers": answers})
            answers, sent_at = [], time.monotonic()
    if answers:
        _answer(pipe, {"headers": answers})


def _looked_at(path: Path) -> str | dict[str, Any]:
    try:
        return read_header(path).to_json()
    except (Refusal, OSError, MemoryError) as error:
        return _told(error)


def _answer_numbers(pipe: Connection, read: Callable[[], np.ndarray]) -> None:
    try:
        numbers = np.ascontiguousarray(read()).reshape(-1)
    except (Refusal, OSError, MemoryError) as error:
        _answer(pipe, _told(error))
        return
    _answer(pipe, {"dtype": numbers.dtype.str, "size": numbers.size})
    rest = numbers.view(np.uint8).data
    while rest:
        rest = rest[os.write(pipe.fileno(), rest) :]


def _pixels(path: Path, header: Header, mib: int) -> np.ndarray:
    _check_memory(header, mib)
    return decode_file(path, header)


def _table(path: Path, header: Header, mib: int) -> np.ndarray:
    return lookup_table(path, header)


def _check_memory(header: Header, mib: int) -> None:
    """Refuse what cannot fit, rather than find out how each library fails."""
    samples = n_pixels(header) * header.samples_per_pixel
    needed = samples * header.bits_allocated // 8 * 2 + samples // n_read(header) * PER_PIXEL
    if header.size_bytes + needed > mib * MIB:
        raise TooMuchMemory(f"decoding takes about {(header.size_bytes + needed) // MIB} MiB, {mib} MiB are allowed")


def _told(error: Refusal | OSError | MemoryError) -> dict[str, Any]:
    if isinstance(error, OSError):
        return {"errno": error.errno or 0}
    refusal = error if isinstance(error, Refusal) else TooMuchMemory("memory ran out")
    return {"code": refusal.code, "facts": refusal.facts}


def _answer(pipe: Connection, answer: dict[str, Any]) -> None:
    pipe.send_bytes(json.dumps(answer).encode())


if __name__ == "__main__":
    main(Connection(int(sys.argv[1])), float(sys.argv[2]), int(sys.argv[3]))
