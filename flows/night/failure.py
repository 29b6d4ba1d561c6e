"""How a night fails: a code, a sentence with the next step, and the operator's command."""

import contextlib
import errno
import logging
import subprocess
import sys
from collections.abc import Iterator, Sequence

from db import lease
from db.errors import Fenced, is_disk_full, is_transient
from flows.night.report import failed_page
from flows.night.summary import Summary
from flows.site.opened import Site
from flows.stages.embed.vectors import DeviceMissing, OtherDevice
from flows.stages.ingest.headers import ArchiveShrank
from flows.work.lease import Ticket
from flows.work.told import Told
from scans.outcome import outcome

CALL_SECONDS = 60  # the operator's command gets this long


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
        return "archive-shrank"
    if isinstance(error, MemoryError):
        return "out-of-memory"
    if is_disk_full(error) or (isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)):
        return "disk-full"
    if isinstance(error, OtherDevice):
        return "other-device"
    if isinstance(error, DeviceMissing):
        return "device-missing"
    if is_mismatch(error):
        return "encoder-damaged"
    return "database-lost" if is_transient(error) else "failed"


def shard_code(error: BaseException) -> str:
    """The code of an error that ended one shard of a night."""
    code = code_of(error)
    return "shard-failed" if code == "failed" else code


def is_mismatch(error: BaseException) -> bool:
    """True when an encoder's files do not fit; its module is asked only when it is loaded, torch comes with it."""
    module = sys.modules.get("siamese.encoder")
    return module is not None and isinstance(error, module.EncoderMismatch)


def may_retry(error: BaseException) -> bool:
    """True for disk, network and database errors that may pass; never for bad data or a lost lease."""
    if isinstance(error, Told):
        return error.may_pass
    if isinstance(error, OSError) and error.errno in (errno.EIO, errno.ESTALE, errno.ETIMEDOUT, errno.EAGAIN):
        return True
    return is_transient(error)


def record(site: Site, ticket: Ticket, error: BaseException) -> None:
    """Write that the night failed, free the lease, call the operator; never hides the error itself."""
    code = code_of(error)
    with tolerated(True):
        lease.end_night(
            site.db, ticket.right, night=ticket.night, state="failed", exit_code=4 if code == "fenced" else 1,
            summary="{}", error_code=code, report="",
        )  # fmt: skip
    with tolerated(True):
        failed_page(site, ticket.night)
    call_operator(site, f"scantwin night {ticket.night} failed: {sentence(code)}")


def tell_undone(site: Site, summary: Summary) -> None:
    """Call the operator about a night that left work undone because something failed."""
    if summary.undone:
        left = " ".join(f"{row['meaning']} {row['count']} left. {row['action']}" for row in summary.undone)
        call_operator(site, f"scantwin night {summary.night} left work undone: {left}")


def call_operator(site: Site, sentence: str) -> bool:
    """Run the operator's command with the sentence as its last word; True when it ended well."""
    return call_command(site.settings.flows.on_failure, sentence)


def call_command(command: Sequence[str], sentence: str) -> bool:
    """Run a command with the sentence as its last word; True when it ended well."""
    if not command:
        return False
    try:
        done = subprocess.run([*command, sentence], timeout=CALL_SECONDS, capture_output=True, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        logging.getLogger("scantwin").error("on_failure %r could not be run: %s", command[0], error)
        return False
    if done.returncode:
        logging.getLogger("scantwin").error("on_failure %r ended with %d", command[0], done.returncode)
    return done.returncode == 0


@contextlib.contextmanager
def tolerated(when: bool) -> Iterator[None]:
    """Let an error pass while another one is already on its way up, so that the first is the one reported."""
    try:
        yield
    except Exception:
        if not when:
            raise
        logging.getLogger("scantwin").warning("could not write the end of a failed step", exc_info=False)
