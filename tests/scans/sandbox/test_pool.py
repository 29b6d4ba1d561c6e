"""The guard: as many children as there are cores, and nobody notices which of them answered."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from pydicom.uid import RLELossless

from scans.header import read_header
from scans.outcome import DecoderCrashed, NotDicom
from scans.parallel import N_THREADS, side_by_side
from scans.pixels import read_stored
from scans.sandbox import pool as guards
from scans.sandbox.pool import Guard
from scans.sandbox.process import Limits


@pytest.fixture
def guard() -> Iterator[Guard]:
    with Guard(Limits(seconds=30, mib=512)) as one:
        yield one


def children_of(guard: Guard) -> list[int]:
    return [sentry._child._process.pid for sentry in guard._sentries if sentry._child is not None]


@pytest.mark.parametrize("n_files", [0, 1, 15, 16, 17, 33, 250])
def test_headers_come_in_the_order_of_the_files_whoever_reads_them(guard, save, tmp_path, n_files):
    (tmp_path / "text").write_text("no DICOM")
    some = [save(f"good{index}", index=index) for index in range(7)] + [tmp_path / "text"]
    paths = [some[index % len(some)] for index in range(n_files)]
    found = guard.headers(paths)
    assert len(found) == n_files
    for path, one in zip(paths, found, strict=True):
        assert isinstance(one, NotDicom) if path.name == "text" else one == read_header(path)


def test_few_files_start_one_child_and_many_start_one_for_each_thread(guard, save):
    path = save("good")
    assert children_of(guard) == []
    guard.headers([path] * guards.FEWEST)
    assert len(children_of(guard)) == 1
    guard.headers([path] * guards.FEWEST * 2 * N_THREADS)
    assert len(children_of(guard)) == N_THREADS


def test_many_threads_decode_what_one_does(guard, save):
    paths = [save(f"packed{index}", index=index, value=index, syntax=RLELossless) for index in range(6)] * 4
    headers = [read_header(path) for path in paths]
    with ThreadPoolExecutor(2 * N_THREADS) as threads:
        found = list(threads.map(guard.decode, paths, headers))
    for path, header, words in zip(paths, headers, found, strict=True):
        assert np.array_equal(words.reshape(-1), read_stored(path, header).values.reshape(-1))


def test_a_sentry_that_lost_its_child_serves_on(guard, save):
    paths = [save(f"good{index}", index=index) for index in range(3)] * 40
    wanted = guard.headers(paths)
    for pid in children_of(guard):
        os.kill(pid, signal.SIGSEGV)
    assert guard.headers(paths) == wanted


def test_a_sentry_that_raised_is_free_again(guard, save, monkeypatch):
    header = read_header(save("good"))

    def dies(*_: object) -> None:
        raise DecoderCrashed("SIGSEGV")

    monkeypatch.setattr(guards.Sentry, "decode", dies)
    for _ in range(3 * N_THREADS):
        with pytest.raises(DecoderCrashed):
            guard.decode(Path("any"), header)
    assert guard._free.qsize() == N_THREADS


def test_work_is_done_side_by_side_and_given_in_order():
    together = threading.Barrier(N_THREADS, timeout=20)  # breaks unless as many threads wait at once

    def work(number: int) -> int:
        together.wait()
        return number * number

    assert list(side_by_side(work, range(3 * N_THREADS))) == [number * number for number in range(3 * N_THREADS)]


def test_what_fails_is_raised_at_its_turn():
    def work(number: int) -> int:
        if number == 5:
            raise ValueError("five")
        return number

    found = []
    with pytest.raises(ValueError, match="five"):
        for number in side_by_side(work, range(100)):
            found.append(number)
    assert found == [0, 1, 2, 3, 4]
