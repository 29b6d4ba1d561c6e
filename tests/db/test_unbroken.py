"""An interrupt ends no transaction in its middle, and is not lost."""

import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import select, text

from db.tables import Lease
from db.unbroken import may_interrupt, unbroken


def interrupt() -> None:
    os.kill(os.getpid(), signal.SIGINT)


@pytest.fixture(autouse=True)
def handler() -> Iterator[None]:
    def raise_if_allowed(*_: object) -> None:
        if may_interrupt():
            raise KeyboardInterrupt

    before = signal.signal(signal.SIGINT, raise_if_allowed)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("mode", ["read", "write"])
def test_what_was_begun_is_ended_before_the_interrupt_is_raised(db, mode) -> None:
    steps = []
    with pytest.raises(KeyboardInterrupt), getattr(db, mode)() as connection:
        connection.execute(select(Lease.name))
        interrupt()
        connection.execute(text("SELECT 1"))
        steps.append("went on")
    assert steps == ["went on"]
    with db.write() as connection:  # nobody holds a lock
        connection.execute(text("SELECT 1"))


def test_a_transaction_inside_another_block_waits_for_the_outer_end() -> None:
    with pytest.raises(KeyboardInterrupt), unbroken():
        with unbroken():
            interrupt()
        outside = True
    assert outside


def test_outside_of_transactions_it_comes_at_once_and_only_once(db) -> None:
    with pytest.raises(KeyboardInterrupt):
        interrupt()
    with db.read() as connection:
        connection.execute(text("SELECT 1"))


def test_an_error_of_the_block_does_not_hide_the_interrupt() -> None:
    with pytest.raises(KeyboardInterrupt), unbroken():
        interrupt()
        raise ValueError


def test_another_threads_transaction_holds_nothing_back() -> None:
    inside, done = threading.Event(), threading.Event()

    def wait() -> None:
        with unbroken():
            inside.set()
            done.wait(20)

    with ThreadPoolExecutor(1) as threads:
        held = threads.submit(wait)
        inside.wait(20)
        with pytest.raises(KeyboardInterrupt):
            interrupt()
        done.set()
        held.result()
