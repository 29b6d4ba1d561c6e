"""Told: what others are told of an error, in words of our own.

Prefect writes an error's text, its chain and its traceback into the states and logs of a server that others share
and that `scantwin forget` does not reach. An error's text may quote anything: a row, a path, a header's value.
"""

import functools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from db.errors import DatabaseError, Fenced, NightRunning, is_forbidden
from flows.site.errors import LeftUndone, OtherDevice, PlaceLost, PreflightRefused, Told
from flows.site.settings import ConfigError
from flows.work.failure import code_of, forbidden, is_mismatch, may_retry, unforeseen

Given = ParamSpec("Given")
Result = TypeVar("Result")


def told(work: Callable[Given, Result]) -> Callable[Given, Result]:
    """Let a flow or task fail with a `Told` in place of any other error; an interrupt stays one."""

    @functools.wraps(work)
    def careful(*args: Given.args, **kwargs: Given.kwargs) -> Result:
        try:
            return work(*args, **kwargs)
        except Exception as error:
            failure = told_of(error)
        except BaseException as error:
            error.__context__ = error.__cause__ = None  # what was being handled when the interrupt came
            raise
        raise failure from None  # outside of the handler: here no other error is under way that could be chained

    return careful


def told_of(error: Exception) -> Told:
    """Return what may be told of an error."""
    if isinstance(error, Told):
        return Told(error.code, error.sentence, error.exit, error.may_pass)
    exit, sentence = _in_words(error)
    return Told(code_of(error), sentence, exit, may_retry(error))


def _in_words(error: Exception) -> tuple[int, str]:
    """Exit code and sentence; the text of an error is used where it is known to hold names of our own things only."""
    doctor = "run `scantwin doctor` on this machine, which says why"
    if isinstance(error, NightRunning):
        return 4, "another night is running; wait for it, or look at `scantwin status`"
    if isinstance(error, OtherDevice | LeftUndone | PlaceLost) or is_mismatch(error):
        return 1, str(error)
    if isinstance(error, ConfigError):
        return 2, f"configuration or secret cannot be used; {doctor}"
    if isinstance(error, PreflightRefused):
        return 5, f"refused before it began; {doctor}"
    if isinstance(error, DatabaseError) and not isinstance(error, Fenced):
        return 5, f"the database cannot be used; {doctor}"
    if is_forbidden(error):
        return 5, forbidden(error)
    return unforeseen(error)
