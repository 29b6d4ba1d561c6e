"""Ctrl-C: remembered, so that a night stops at its next batch even where a library swallows the interrupt."""

import signal
import threading
from types import FrameType

from db.unbroken import may_interrupt

_ASKED = threading.Event()


def listen() -> None:
    """Remember SIGINT from now on; for the main thread of the command."""
    _ASKED.clear()
    signal.signal(signal.SIGINT, _remember)


def check() -> None:
    """Stop here if Ctrl-C was pressed.

    Raises:
        KeyboardInterrupt: It was.
    """
    if _ASKED.is_set():
        raise KeyboardInterrupt


def _remember(number: int, frame: FrameType | None) -> None:
    _ASKED.set()
    if may_interrupt():
        raise KeyboardInterrupt
