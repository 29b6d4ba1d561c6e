"""A file of a series whose header was read, and how one ends that is in no scan."""

from collections.abc import Iterable
from dataclasses import dataclass

from scans.header import Header
from scans.outcome import Refusal

Place = tuple[str, str]  # study and series UID


@dataclass(frozen=True, slots=True)
class Member:
    """A file whose header was read."""

    file: str  # the caller's key
    path: str  # relative to the archive, as in scans.archive
    header: Header  # of the file, in a stack of frames that of the frame
    frame: int = 0  # which of the file's frames; 0 in a file with one


@dataclass(frozen=True, slots=True)
class Ending:
    """A member that is in no stack, and why."""

    file: str
    code: str
    why: str


def end(members: Iterable[Member], refusal: Refusal, endings: list[Ending]) -> None:
    """Note how some members end."""
    endings += [Ending(member.file, refusal.code, refusal.facts) for member in members]


def series_of(member: Member) -> Place:
    """Return study and series of a member."""
    return member.header.identity.study_uid, member.header.identity.series_uid
