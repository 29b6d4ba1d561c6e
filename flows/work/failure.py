"""Failure: what an error means, as a code, an exit code, and a sentence with the next step."""

import contextlib
import errno
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

from db.errors import Fenced, is_disk_full, is_transient
from flows.site.errors import ArchiveShrank, DeviceMissing, OtherDevice, Told
from scans.outcome import outcome
from siamese.manifest import EncoderMismatch


def sentence(code: str) -> str:
    """What happened and what to do, in words."""
    known = outcome(code)
    return f"{known.meaning} {known.action}"


def code_of(error: BaseException) -> str:
    """The code of an error that ended a night."""
    if isinstance(error, Told):
        return error.code
    if isinstance(error, KeyboardInterrupt):
        return "interrupted"
    if isinstance(error, Fenced):
        return "fenced"
    if isinstance(error, ArchiveShrank):
        return error.code
    if isinstance(error, MemoryError):
        return "out-of-memory"
    if is_disk_full(error) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return "disk-full"
    if isinstance(error, OtherDevice | DeviceMissing):
        return error.code
    if is_mismatch(error):
        return "encoder-damaged"
    return "database-lost" if is_transient(error) else "failed"


def shard_code(error: BaseException) -> str:
    """The code of an error that ended one shard of a night."""
    code = code_of(error)
    return "shard-failed" if code == "failed" else code


def is_mismatch(error: BaseException) -> bool:
    """True when an encoder's files do not fit."""
    return isinstance(error, EncoderMismatch)


def may_retry(error: BaseException) -> bool:
    """True for disk, network and database errors that may pass; never for bad data or a lost lease."""
    if isinstance(error, Told):
        return error.may_pass
    if isinstance(error, OSError) and error.errno in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN):
        return True
    return is_transient(error)


@contextlib.contextmanager
def tolerated(when: bool) -> Iterator[None]:
    """Let an error pass while another one is already on its way up, so that the first is the one reported."""
    try:
        yield
    except Exception:
        if not when:
            raise
        logging.getLogger("scantwin").warning("could not write the end of a failed step", exc_info=False)


def forbidden(error: BaseException) -> str:
    """The sentence for an account of the database that lacks a right; the database's words name objects only."""
    from db.wording import words_of

    return (
        f"{words_of(getattr(error, 'orig', None) or error)}: the account of [db] url may not do this. An analyst's "
        "account reads core only; use the operator's, or ask for `scantwin db grant-analyst` or an export"
    )


def unforeseen(error: BaseException) -> tuple[int, str]:
    """Exit code and sentence of an error by its kind alone; its text is left out, as it may quote anything."""
    code = code_of(error)
    place = "" if code != "failed" else f" ({_place(error)})"
    return (4 if code == "fenced" else 1), sentence(code) + place


def _place(error: BaseException) -> str:
    """Type and place of an unforeseen error, without its text: that could hold a name."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
