"""Failure: what an error means, as a code, an exit code, and a sentence with the next step."""

import contextlib
import errno
import logging
import traceback
from collections.abc import Iterator
from pathlib import Path

from db.errors import Fenced, is_disk_full, is_transient
from flows.site.errors import ArchiveShrank, DeviceMissing, OtherDevice, PlaceLost, Told
from flows.site.opened import Site
from flows.site.places import wrong_archive, wrong_store
from scans.outcome import outcome
from siamese.manifest import EncoderMismatch

UNSAID = frozenset({"failed", "database-lost"})  # codes that may have another reason than they tell
LOST = frozenset({"archive-missing", "store-unwritable"})  # codes of PlaceLost


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
    if isinstance(error, OtherDevice | DeviceMissing | PlaceLost):
        return error.code
    if is_mismatch(error):
        return "encoder-damaged"
    return "database-lost" if is_transient(error) else "failed"


def sentence_of(error: BaseException) -> str:
    """What happened and what to do; a place that was lost is named."""
    code = code_of(error)
    if isinstance(error, Told) and code in LOST:
        return error.sentence
    return str(error) if isinstance(error, PlaceLost) else sentence(code)


@contextlib.contextmanager
def places_named(site: Site) -> Iterator[None]:
    """Let an error that says nothing name the archive or the store, where one of them cannot be used any more.

    Raises:
        PlaceLost: In the place of such an error; one that may pass by itself goes on as it is.
    """
    try:
        yield
    except Exception as error:
        if code_of(error) not in UNSAID or (isinstance(error, OSError) and may_retry(error)):
            raise
        lost = _lost_place(site, error)
        if lost is None:
            raise
        raise lost from error


def _lost_place(site: Site, error: Exception) -> PlaceLost | None:
    if wrong := wrong_archive(site.config, site.settings):
        return PlaceLost("archive-missing", wrong)
    named = Path(error.filename) if isinstance(error, OSError) and isinstance(error.filename, str) else None
    folders = [named.parent] if named is not None and site.store in named.parents else []
    if wrong := wrong_store(site.config, site.settings, *folders):
        return PlaceLost("store-unwritable", wrong)
    return None


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
