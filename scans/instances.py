"""One of each SOP instance of some series, where several copies are there; what becomes of the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from scans import copies, newer
from scans.content import shown
from scans.member import Ending, Member, Place, end, series_of
from scans.outcome import DuplicateInstance, UidConflict
from scans.screen import screen
from scans.sopclass import is_projection

MOST_FILES_NAMED = 3  # in one sentence
MOST_NAMES = 4  # of what copies differ in


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
            end([member], UidConflict(f"{told}: {_named(others)}"), endings)
            at = series_of(member)
            self.contested[at] = min(self.contested.get(at, member.file), member.file)


def one_of_each(
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
                key=lambda m: (rank[copies.sending(m.header)], repr(shown(m.header)), m.header.file_sha256, m.file)
            )
        refusals = [screen(member.header) for member in same]
        elsewhere = sorted({other for member in same for other in conflicts.get(member.file, ())})
        if all(refusals):  # set aside anyway: it does not matter which of them is right
            for member, refusal in zip(same, refusals, strict=True):
                end([member], refusal or DuplicateInstance(), endings)
            continue
        names, told = _contradiction(same, elsewhere, decoded, table)
        newest = None if elsewhere or copies.NO_CORRECTION & set(names) else newer.newest([m.header for m in same])
        if not told:
            chosen.agreeing.append(same)
        elif newest is None:
            chosen.contest(same, told, elsewhere, endings)
        else:
            same.insert(0, same.pop(newest))
            chosen.corrected.setdefault(series_of(same[0]), []).append(same)
    return _without_contested(_of_one_copy(chosen, endings), chosen.contested, endings)


def _of_one_copy(chosen: _Chosen, endings: list[Ending]) -> list[Member]:
    """Return the copies that count; a corrected volume is of the newer copy as a whole, or in conflict."""
    kept = []
    agreeing: dict[Place, list[list[Member]]] = {}
    for same in chosen.agreeing:
        agreeing.setdefault(series_of(same[0]), []).append(same)
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
            end(same[1:], DuplicateInstance(counts), endings)
    for same in chosen.agreeing:
        kept.append(same[0])
        end(same[1:], DuplicateInstance(f"{len(same)} copies; the one that counts: {_named([same[0].file])}"), endings)
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
        other = contested.get(series_of(member))
        if other is None or is_projection(member.header.sop_class_uid):
            left.append(member)
        else:
            told = "another slice of the series stands on different contents"
            end([member], UidConflict(f"{told}: {_named([other])}"), endings)
    return left


def _named(files: Sequence[str]) -> str:
    """Name files by key; a person's door puts the path in its place."""
    more = f" and {len(files) - MOST_FILES_NAMED} more" if len(files) > MOST_FILES_NAMED else ""
    return ", ".join(f"file {file}" for file in files[:MOST_FILES_NAMED]) + more
