"""Headers of a series -> stacks that can each be one volume or one projection, and an end for the rest.

`group` is a pure function of the set of its members: neither their order nor their names matter.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from scans import regions
from scans.concatenation import incomplete
from scans.content import digest_of
from scans.encoding import with_one_uptake
from scans.geometry import place
from scans.instances import one_of_each
from scans.kind import NO_EDITS, Kind, kind_of
from scans.member import Ending, Member, Place, end, series_of
from scans.outcome import (
    EnhancedUnsupported,
    MixedPatients,
    Refusal,
    Rejected,
    TimePoint,
)
from scans.part import UNKNOWN
from scans.passport import Passport, projection_passport, volume_passport
from scans.repair import NO_REPAIR
from scans.screen import screen
from scans.sopclass import is_multi_frame, is_projection
from scans.split import require_one_frame, split_series
from scans.timeseries import Aside

__all__ = ["Ending", "Grouping", "Member", "Passport", "Stack", "group"]


GROUPING = 4  # raised when the rules here or behind decide otherwise: every series is then looked at again

NO_CONFLICTS: Mapping[str, Sequence[str]] = MappingProxyType({})
TELL_THE_KIND = (
    "body_part", "region", "region_codes", "series_description", "protocol_name", "study_description", "procedure",
    "procedure_codes", "requested_procedure", "requested_codes", "requested_description", "performed_description",
    "receive_coil", "transmit_coil", "drug", "uptake", "uptake_why", "view_code", "view_codes", "image_laterality",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Stack:
    """The instances of one series that make one volume or one projection."""

    members: tuple[Member, ...]  # in anatomical order: along the normal of the slices
    passport: Passport
    kind: Kind
    digest: str  # of the content: changes with every pixel, position, date and id, not with paths


@dataclass(frozen=True, slots=True)
class _Rules:
    """By what the slices of one series become stacks."""

    table: Mapping[str, str]  # of kinds
    repair: Collection[str]
    sibling: str  # the part of the body that other series tell


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
    beside: Mapping[str, str] = NO_EDITS,
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
        beside: Series UID -> the part of the body that its siblings tell, see `scans.siblings.part_beside`.

    Raises:
        ValueError: Two members have one file key.
    """
    if len({member.file for member in members}) != len(members):
        raise ValueError("two members have the same file key")
    ordered = sorted(members, key=lambda m: (m.header.identity.sop_uid, *_of_file(m)))
    endings: list[Ending] = []
    stacks: list[Stack] = []
    left = [member for member in ordered if not _is_withdrawn(member, rejected, endings)]
    for series in _by_series(one_of_each(left, conflicts, decoded, table, endings)):
        if len({(m.header.identity.patient_id, m.header.identity.issuer) for m in series}) > 1:
            end(series, MixedPatients("several patient ids in one series"), endings)
            continue
        sibling = beside.get(series[0].header.identity.series_uid, "")
        _stack_series(series, _Rules(table, repair, sibling), stacks, endings)
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
    end([member], Rejected(rejected[member.file]), endings)
    return True


def _by_series(members: Iterable[Member]) -> list[list[Member]]:
    series: dict[Place, list[Member]] = {}
    for member in members:
        series.setdefault(series_of(member), []).append(member)
    return list(series.values())


def _of_file(member: Member) -> tuple[str, str]:
    return member.header.file_sha256, member.file


def _stack_series(
    series: Sequence[Member],
    rules: _Rules,
    stacks: list[Stack],
    endings: list[Ending],
) -> None:
    slices: list[Member] = []
    lacking = incomplete([member.header for member in series])
    for index, lack in lacking.items():
        end([series[index]], lack, endings)
    for member in (member for index, member in enumerate(series) if index not in lacking):
        if is_projection(member.header.sop_class_uid):
            kind = kind_of(member.header, is_volume=False, table=rules.table, sibling=rules.sibling)
            stacks.append(Stack((member,), projection_passport(member.header), kind, digest_of([member])))
        else:
            slices += _slices(member, endings)
    split = split_series([member.header for member in slices])
    ended = dict(split.refused)
    single, joined = regions.join([member.header for member in slices], split.candidates, rules.repair)
    for indices in [*single, *joined]:
        try:
            stacks.append(_stack([slices[i] for i in indices], rules, has_regions=indices in joined))
        except Refusal as refusal:
            ended.update(dict.fromkeys(indices, refusal))
    for aside in reversed(split.aside):
        ended.update(dict.fromkeys(aside.indices, _why_aside(aside, ended)))
    for index, why in ended.items():
        end([slices[index]], why, endings)


def _why_aside(aside: Aside, ended: Mapping[int, Refusal]) -> Refusal:
    """Return how slices end that others stand for: as a time point, or as those others if none became a volume."""
    lost = [ended[index] for index in aside.standing if index in ended]
    return TimePoint(aside.facts) if len(lost) < len(aside.standing) else min(lost, key=str)


def _slices(member: Member, endings: list[Ending]) -> list[Member]:
    """Return a slice as it is, and a multi-frame object as the slices that its frames are."""
    if not is_multi_frame(member.header.sop_class_uid) and not member.header.frames:
        return [member]
    if not member.header.frames:
        end([member], EnhancedUnsupported(f"{member.header.n_frames} frames without functional groups"), endings)
    slices = []
    for index in range(len(member.header.frames)):
        one = replace(member, header=member.header.of_frame(index), frame=index)
        if refusal := screen(one.header):
            end([one], refusal, endings)
        else:
            slices.append(one)
    return slices


def _stack(slices: Sequence[Member], rules: _Rules, *, has_regions: bool) -> Stack:
    """Return slices as a stack.

    Raises:
        Refusal: They cannot be proven to be one volume.
    """
    positions = [member.header.position_mm or () for member in slices]
    orientation = min(member.header.orientation or () for member in slices)
    headers = [member.header for member in slices]
    require_one_frame(headers)
    slices = [replace(member, header=one) for member, one in zip(slices, with_one_uptake(headers), strict=True)]
    placement = place(positions, orientation, repair=rules.repair, regions=has_regions)
    members = tuple(slices[i] for i in placement.order)
    kind = _kind_of_all(members, rules)
    passport = volume_passport([member.header for member in members], placement)
    return Stack(members, passport, kind, digest_of(members, placement.repairs))


def _kind_of_all(members: Sequence[Member], rules: _Rules) -> Kind:
    """Return the kind that more than half of the slices tell; what they do not agree on is unknown."""
    alike: dict[tuple[str, ...], list[Member]] = {}
    for member in members:
        alike.setdefault(tuple(getattr(member.header, name) for name in TELL_THE_KIND), []).append(member)
    n_slices: Counter[Kind] = Counter()
    for some in alike.values():
        n_slices[kind_of(some[0].header, is_volume=True, table=rules.table, sibling=rules.sibling)] += len(some)
    kind, n_most = min(n_slices.items(), key=lambda item: (-item[1], item[0].key, item[0].rule))
    n_alike = sum(n for other, n in n_slices.items() if other.key == kind.key)
    if 2 * max(n_alike, n_most) > len(members):
        return kind
    parts = [sorted(set(some)) for some in zip(*(other.key.split("/") for other in n_slices), strict=False)]
    key = "/".join(some[0] if len(some) == 1 else UNKNOWN for some in parts)
    return Kind(key, kind.cover, "the slices do not agree", False)
