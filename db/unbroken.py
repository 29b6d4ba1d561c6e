"""Ctrl-C waits for the end of a transaction: cut off in its middle, a connection would keep its locks."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class _State:
    """Transactions of the main thread, the only one that signals interrupt."""

    n_open = 0
    is_asked = False


@contextmanager
def unbroken() -> Iterator[None]:
    """Let no interrupt into the block.

    Raises:
        KeyboardInterrupt: At the end of the outermost block, if one was held back.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _State.n_open += 1
    try:
        yield
    finally:
        _State.n_open -= 1
        if _State.is_asked and not _State.n_open:
            _State.is_asked = False
            raise KeyboardInterrupt


def may_interrupt() -> bool:
    """Say to the handler of a signal whether it may raise now; if not, `unbroken` will."""
    _State.is_asked = _State.n_open > 0
    return not _State.is_asked
