"""Headers of a series -> stacks that can each be one volume or one projection, and an end for the rest.

`group` is a pure function of the set of its members: neither their order nor their names matter.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cache
from types import MappingProxyType

from scans import copies, newer
from scans.concatenation import incomplete
from scans.geometry import place
from scans.header import Header
from scans.kind import NO_EDITS, UNKNOWN, Kind, kind_of
from scans.outcome import DuplicateInstance, EnhancedUnsupported, MixedPatients, Refusal, Rejected, UidConflict
from scans.passport import Passport, projection_passport, volume_passport
from scans.repair import NO_REPAIR
from scans.screen import screen
from scans.sopclass import is_multi_frame, is_projection
from scans.split import require_one_frame, split_series

__all__ = ["Ending", "Grouping", "Member", "Passport", "Stack", "group"]


NOT_CONTENT = frozenset(
    (
        "identity",
        "size_bytes",
        "file_sha256",
        "has_preamble",
        "transfer_syntax_uid",
        "syntax_guessed",
        "pixel_offset",
        "pixel_length",
        "sex",
        "age_years",
        "instance_number",
        "frames",
        "stack_id",
        "dimensions",
        "irradiation_event_uid",
        "rejection",
        "kvp",
        "concatenation_uid",
        "concatenation_number",
        "concatenation_total",
        "concatenation_offset",
        "slice_location_mm",
        "in_stack_position",
        "scan_options",
        "cardiac_phase",
        "created_date",
        "created_time",
        "coerced",
        "modified",
    )
)  # fields of a header that may change without making another scan; identity's ids count apart


GROUPING = 4  # raised when the rules here or behind decide otherwise: every series is then looked at again

NO_CONFLICTS: Mapping[str, Sequence[str]] = MappingProxyType({})
TELL_THE_KIND = ("body_part", "region", "series_description", "protocol_name", "study_description")
MOST_FILES_NAMED = 3  # in one sentence
MOST_NAMES = 4  # of what copies differ in
Place = tuple[str, str]  # study and series UID


@dataclass(frozen=True, slots=True)
class Member:
    """A file whose header was read."""

    file: str  # the caller's key
    path: str  # relative to the archive, as in scans.archive
    header: Header  # of the file, in a stack of frames that of the frame
    frame: int = 0  # which of the file's frames; 0 in a file with one


@dataclass(frozen=True, slots=True)
class Stack:
    """The instances of one series that make one volume or one projection."""

    members: tuple[Member, ...]  # in anatomical order: along the normal of the slices
    passport: Passport
    kind: Kind
    digest: str  # of the content: changes with every pixel, position, date and id, not with paths


@dataclass(frozen=True, slots=True)
class Ending:
    """A member that is in no stack, and why."""

    file: str
    code: str
    why: str


@dataclass(frozen=True, slots=True)
class Grouping:
    """Every member in stacks or in one ending; both sorted.

    Only the frames of a multi-frame file can lie in several stacks; `unused` says what some of them ended with.
    """

    stacks: list[Stack]
    endings: list[Ending]
    unused: Mapping[str, str] = field(default_factory=dict)  # file that is used -> what of it is not, and why


def group(
    members: Sequence[Member],
    *,
    conflicts: Mapping[str, Sequence[str]] = NO_CONFLICTS,
    rejected: Mapping[str, str] = NO_EDITS,
    decoded: Callable[[Member], str] | None = None,
    table: Mapping[str, str] = NO_EDITS,
    repair: Collection[str] = NO_REPAIR,
) -> Grouping:
    """Group instances into stacks; whatever cannot be proven to be one volume gets an ending with its facts.

    Args:
        members: Of one or several series, whole series each.
        conflicts: Files whose SOP instance UID stands on other content elsewhere, and the files of that content.
        rejected: Files that a rejection note withdraws, and the facts.
        decoded: Digest of a member's decoded pixels, asked for only where copies of one instance are stored
            in different bytes: a lossless recompression is a duplicate. Without it they are in conflict.
        table: The site's edits of kinds, see `scans.kind.kind_of`.
        repair: What the site allows to be mended, see `scans.repair.Repair`.

    Raises:
        ValueError: Two members have one file key.
    """
    if len({member.file for member in members}) != len(members):
        raise ValueError("two members have the same file key")
    ordered = sorted(members, key=lambda m: (m.header.identity.sop_uid, *_of_file(m)))
    endings: list[Ending] = []
    stacks: list[Stack] = []
    left = [member for member in ordered if not _is_withdrawn(member, rejected, endings)]
    for series in _by_series(_one_of_each(left, conflicts, decoded, table, endings)):
        if len({(m.header.identity.patient_id, m.header.identity.issuer) for m in series}) > 1:
            _end(series, MixedPatients("several patient ids in one series"), endings)
            continue
        _stack_series(series, table, repair, stacks, endings)
    endings, unused = _one_ending_each(stacks, endings, {m.file: len(m.header.frames) for m in members})
    return Grouping(
        stacks=sorted(stacks, key=lambda s: (s.digest, s.members[0].file)),
        endings=sorted(endings, key=lambda e: e.file),
        unused=unused,
    )


def _one_ending_each(
    stacks: Sequence[Stack], endings: Sequence[Ending], n_frames: Mapping[str, int]
) -> tuple[list[Ending], dict[str, str]]:
    """Give a file with several ended frames one ending, the most frequent one, or none if other frames are used."""
    used = {member.file for stack in stacks for member in stack.members}
    by_file: dict[str, list[Ending]] = {}
    for ending in endings:
        by_file.setdefault(ending.file, []).append(ending)
    settled, unused = [], {}
    for file, some in by_file.items():
        counts = Counter((ending.code, ending.why) for ending in some)
        (code, why), n_alike = min(counts.items(), key=lambda item: (-item[1], item[0]))
        if file in used:
            codes = ", ".join(sorted({ending.code for ending in some}))
            unused[file] = f"{len(some)} of {n_frames[file]} frames are not used: {codes}"
        else:
            more = f" ({n_alike} of {n_frames[file]} frames)" if n_alike < len(some) else ""
            settled.append(Ending(file, code, why + more))
    return settled, unused


def _is_withdrawn(member: Member, rejected: Mapping[str, str], endings: list[Ending]) -> bool:
    if member.file not in rejected or member.header.rejection:  # a note stays, whatever another one says of it
        return False
    _end([member], Rejected(rejected[member.file]), endings)
    return True


@dataclass
class _Chosen:
    """What became of the copies of each instance of some series."""

    agreeing: list[list[Member]] = field(default_factory=list)  # copies that mean the same, the one that counts first
    corrected: dict[Place, list[list[Member]]] = field(default_factory=dict)  # the newest copy first
    contested: dict[Place, str] = field(default_factory=dict)  # series -> a file in conflict

    def contest(self, same: Sequence[Member], told: str, elsewhere: Sequence[str], endings: list[Ending]) -> None:
        """End copies that contradict each other."""
        for member in same:
            others = [other.file for other in same if other is not member] + list(elsewhere)
            _end([member], UidConflict(f"{told}: {_named(others)}"), endings)
            at = _series_of(member)
            self.contested[at] = min(self.contested.get(at, member.file), member.file)


def _one_of_each(
    ordered: Sequence[Member],
    conflicts: Mapping[str, Sequence[str]],
    decoded: Callable[[Member], str] | None,
    table: Mapping[str, str],
    endings: list[Ending],
) -> list[Member]:
    """Keep one of each SOP instance that can be part of a scan, of one sending as far as it reaches.

    A volume with slices in conflict is not used without them: all slices of the series are in conflict then.
    """
    by_uid: dict[str, list[Member]] = {}
    for member in ordered:
        by_uid.setdefault(member.header.identity.sop_uid, []).append(member)
    rank = copies.ranks([member.header for member in ordered])
    chosen = _Chosen()
    for same in by_uid.values():
        if len(same) > 1:
            same.sort(
                key=lambda m: (rank[copies.sending(m.header)], repr(_shown(m.header)), m.header.file_sha256, m.file)
            )
        refusals = [screen(member.header) for member in same]
        elsewhere = sorted({other for member in same for other in conflicts.get(member.file, ())})
        if all(refusals):  # set aside anyway: it does not matter which of them is right
            for member, refusal in zip(same, refusals, strict=True):
                _end([member], refusal or DuplicateInstance(), endings)
            continue
        names, told = _contradiction(same, elsewhere, decoded, table)
        newest = None if elsewhere or copies.NO_CORRECTION & set(names) else newer.newest([m.header for m in same])
        if not told:
            chosen.agreeing.append(same)
        elif newest is None:
            chosen.contest(same, told, elsewhere, endings)
        else:
            same.insert(0, same.pop(newest))
            chosen.corrected.setdefault(_series_of(same[0]), []).append(same)
    return _without_contested(_of_one_copy(chosen, endings), chosen.contested, endings)


def _of_one_copy(chosen: _Chosen, endings: list[Ending]) -> list[Member]:
    """Return the copies that count; a corrected volume is of the newer copy as a whole, or in conflict."""
    kept = []
    agreeing: dict[Place, list[list[Member]]] = {}
    for same in chosen.agreeing:
        agreeing.setdefault(_series_of(same[0]), []).append(same)
    for at, corrected in chosen.corrected.items():
        former = list(dict.fromkeys(other.header for same in corrected for other in same[1:]))
        slices = [same for same in agreeing.get(at, ()) if not is_projection(same[0].header.sop_class_uid)]
        later = [[m for m in same if all(newer.is_newer(m.header, old) for old in former)] for same in slices]
        if at in chosen.contested or not all(later):
            for same in corrected:
                chosen.contest(same, "the series was corrected in a part of its slices; the others", (), endings)
            continue
        for same, some in zip(slices, later, strict=True):
            same.insert(0, same.pop(same.index(some[0])))
        for same in corrected:
            kept.append(same[0])
            counts = f"{len(same)} copies; the one that was corrected last counts: {_named([same[0].file])}"
            _end(same[1:], DuplicateInstance(counts), endings)
    for same in chosen.agreeing:
        kept.append(same[0])
        _end(same[1:], DuplicateInstance(f"{len(same)} copies; the one that counts: {_named([same[0].file])}"), endings)
    return kept


def _contradiction(
    same: Sequence[Member],
    elsewhere: Sequence[str],
    decoded: Callable[[Member], str] | None,
    table: Mapping[str, str],
) -> tuple[list[str], str]:
    """Say what the copies of one instance contradict each other in, and that as a sentence, "" if they do not."""
    names, n_meanings = list[str](), 1
    if len(same) > 1:
        of_pixels = None if decoded is None else (lambda index: decoded(same[index]))
        names, n_meanings = copies.differences([member.header for member in same], of_pixels, table)
    if n_meanings > 1:
        named = ", ".join(names[:MOST_NAMES]) + (" and more" if len(names) > MOST_NAMES else "")
        return names, f"{n_meanings} different contents under one SOP instance UID ({named}); the others"
    return names, "the SOP instance UID stands on another content elsewhere" if elsewhere else ""


def _without_contested(kept: Sequence[Member], contested: Mapping[Place, str], endings: list[Ending]) -> list[Member]:
    left = []
    for member in kept:
        other = contested.get(_series_of(member))
        if other is None or is_projection(member.header.sop_class_uid):
            left.append(member)
        else:
            told = "another slice of the series stands on different contents"
            _end([member], UidConflict(f"{told}: {_named([other])}"), endings)
    return left


def _named(files: Sequence[str]) -> str:
    """Name files by key; a person's door puts the path in its place."""
    more = f" and {len(files) - MOST_FILES_NAMED} more" if len(files) > MOST_FILES_NAMED else ""
    return ", ".join(f"file {file}" for file in files[:MOST_FILES_NAMED]) + more


def _by_series(members: Iterable[Member]) -> list[list[Member]]:
    series: dict[Place, list[Member]] = {}
    for member in members:
        series.setdefault(_series_of(member), []).append(member)
    return list(series.values())


def _of_file(member: Member) -> tuple[str, str]:
    return member.header.file_sha256, member.file


def _series_of(member: Member) -> Place:
    return member.header.identity.study_uid, member.header.identity.series_uid


def _stack_series(
    series: Sequence[Member],
    table: Mapping[str, str],
    repair: Collection[str],
    stacks: list[Stack],
    endings: list[Ending],
) -> None:
    slices: list[Member] = []
    lacking = incomplete([member.header for member in series])
    for index, lack in lacking.items():
        _end([series[index]], lack, endings)
    for member in (member for index, member in enumerate(series) if index not in lacking):
        if is_projection(member.header.sop_class_uid):
            kind = kind_of(member.header, is_volume=False, table=table)
            stacks.append(Stack((member,), projection_passport(member.header), kind, _digest([member])))
        else:
            slices += _slices(member, endings)
    split = split_series([member.header for member in slices])
    for index, refusal in split.refused:
        _end([slices[index]], refusal, endings)
    for indices in split.candidates:
        _stack_slices([slices[i] for i in indices], table, repair, stacks, endings)


def _slices(member: Member, endings: list[Ending]) -> list[Member]:
    """Return a slice as it is, and a multi-frame object as the slices that its frames are."""
    if not is_multi_frame(member.header.sop_class_uid):
        return [member]
    if not member.header.frames:
        _end([member], EnhancedUnsupported(f"{member.header.n_frames} frames without functional groups"), endings)
    slices = []
    for index in range(len(member.header.frames)):
        one = replace(member, header=member.header.of_frame(index), frame=index)
        if refusal := screen(one.header):
            _end([one], refusal, endings)
        else:
            slices.append(one)
    return slices


def _stack_slices(
    slices: Sequence[Member],
    table: Mapping[str, str],
    repair: Collection[str],
    stacks: list[Stack],
    endings: list[Ending],
) -> None:
    positions = [member.header.position_mm or () for member in slices]
    orientation = min(member.header.orientation or () for member in slices)
    try:
        require_one_frame([member.header for member in slices])
        placement = place(positions, orientation, repair=repair)
    except Refusal as refusal:
        _end(slices, refusal, endings)
        return
    members = tuple(slices[i] for i in placement.order)
    kind = _kind_of_all(members, table)
    passport = volume_passport([member.header for member in members], placement)
    stacks.append(Stack(members, passport, kind, _digest(members, placement.repairs)))


def _kind_of_all(members: Sequence[Member], table: Mapping[str, str]) -> Kind:
    """Return the kind that more than half of the slices tell; what they do not agree on is unknown."""
    alike: dict[tuple[str, ...], list[Member]] = {}
    for member in members:
        alike.setdefault(tuple(getattr(member.header, name) for name in TELL_THE_KIND), []).append(member)
    n_slices: Counter[Kind] = Counter()
    for some in alike.values():
        n_slices[kind_of(some[0].header, is_volume=True, table=table)] += len(some)
    kind, n_most = min(n_slices.items(), key=lambda item: (-item[1], item[0].key, item[0].rule))
    n_alike = sum(n for other, n in n_slices.items() if other.key == kind.key)
    if 2 * max(n_alike, n_most) > len(members):
        return kind
    parts = [sorted(set(some)) for some in zip(*(other.key.split("/") for other in n_slices), strict=False)]
    key = "/".join(some[0] if len(some) == 1 else UNKNOWN for some in parts)
    return Kind(key, kind.cover, "the slices do not agree", False)


def _end(members: Iterable[Member], refusal: Refusal, endings: list[Ending]) -> None:
    endings += [Ending(member.file, refusal.code, refusal.facts) for member in members]


def _content(header: Header) -> tuple[object, ...]:
    """Return whose an instance is, where it lies, and what it shows."""
    who = header.identity
    return (
        who.patient_id, who.issuer, who.study_uid, who.series_uid, who.sop_uid, header.sop_class_uid,
        header.pixel_sha256, header.position_mm, header.orientation, header.pixel_spacing_mm,
        header.rescale_slope, header.rescale_intercept, header.padding_value, header.padding_limit,
    )  # fmt: skip


@cache
def _content_fields() -> tuple[tuple[str, object], ...]:
    """Return name and empty value of the fields that make a scan; empty ones do not count.

    So a version that reads one more tag gives another key only to scans that have it.
    """
    return tuple(sorted((f.name, f.default) for f in fields(Header) if f.name not in NOT_CONTENT))


def _shown(header: Header) -> list[tuple[str, object]]:
    return [(name, value) for name, empty in _content_fields() if (value := getattr(header, name)) != empty]


def _digest(members: Sequence[Member], repairs: str = "") -> str:
    """Return the digest of all that decides volume, kind and date; not of how the file was sent or who it names."""
    digest = hashlib.sha256()
    for member in members:
        digest.update(repr((_content(member.header), _shown(member.header))).encode() + b"\n")
    if repairs:  # what was mended is another scan
        digest.update(repairs.encode())
    return digest.hexdigest()
