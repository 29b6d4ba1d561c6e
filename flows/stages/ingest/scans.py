"""Series -> scans: group, decode once, write the encoder's input and pictures, then the rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from pathlib import Path

from db import identity, matches, persons
from db.files import OutcomeRow, save_files, save_further_scans
from db.rows import mapping_of
from db.scans import (
    Interval,
    MainChoice,
    PatientRow,
    ScanRow,
    StudyRow,
    acquired_of_scans,
    delete_empty_studies,
    save_main,
    save_patients,
    save_scans,
    save_studies,
    scan_states,
    scans_of_studies,
    scans_without_files,
    studies_without_main,
    withdraw_scans,
)
from db.series import SeriesRow, save_series
from flows.records.dating import dated, today
from flows.records.persons import person_of
from flows.records.pixel_kinds import PixelKinds, pixel_kinds
from flows.records.recipes import InputsWanted, inputs_wanted
from flows.records.series import Series, read_series
from flows.records.whose import Whose, save_identity
from flows.site.opened import Site
from flows.stages.ingest.changed import changed_files, endings_of_changed
from flows.work.lease import Ticket
from flows.work.sandbox import guard_of
from scans.atomic import write_atomically
from scans.kind import Kind
from scans.mainscan import MainCandidate, main_scan
from scans.outcome import Refusal, StillArriving, UidConflict, outcome
from scans.picture import allowed, pictures
from scans.siblings import exposure_of
from scans.source import source_of
from scans.stack import Ending, Grouping, Stack
from scans.volume import Volume, read_volume
from siamese.recipe import Recipe
from siamese.tensor import save_tensor, to_tensor

DECIDED_LATER = frozenset({"is_main", "main_rule", "code"})  # by finish_studies; a known scan keeps them


@dataclass(frozen=True)
class Built:
    """A scan that was built, and which columns stay as they are if it is known."""

    row: ScanRow
    kept: frozenset[str] = frozenset()

    def columns(self) -> dict[str, object]:
        """Return what is written."""
        return {name: value for name, value in mapping_of(self.row).items() if name not in self.kept}


@dataclass
class Rows:
    """What one batch of series adds to the core tables."""

    whose: Whose
    today: date
    inputs: InputsWanted
    pixel_kinds: PixelKinds
    patients: dict[str, PatientRow] = field(default_factory=dict)
    studies: dict[str, StudyRow] = field(default_factory=dict)
    scans: list[Built] = field(default_factory=list)
    files: list[OutcomeRow] = field(default_factory=list)
    further: list[tuple[str, str]] = field(default_factory=list)  # multi-frame file, a scan of it beside its first
    series: list[SeriesRow] = field(default_factory=list)
    sources: dict[str, str] = field(default_factory=dict)  # scan -> digest of its content
    changed: list[str] = field(default_factory=list)  # files that are not those whose headers were read

    def owners(self) -> dict[str, tuple[str, str]]:
        """Return scan -> (patient, study)."""
        return {built.row.key: (built.row.patient, built.row.study) for built in self.scans}


def build_series(site: Site, ticket: Ticket, series: Sequence[str]) -> Counter[str]:
    """Build the scans of some series, by key, from the headers in identity."""
    with site.db.read() as connection:
        read = read_series(connection, series)
        known = scan_states(connection, series)
        before = persons.owners_of_scans(connection, series)
        dates_before, day = acquired_of_scans(connection, series), today(site, connection)
        inputs, kinds = inputs_wanted(site, connection, known), pixel_kinds(site, connection)
        members = [member for some in read for member in some.members]
        people = persons.patients_of_persons(connection, {person_of(member.header).key for member in members})
    whose = Whose(site.keys, people, {file: part for some in read for file, part in some.parts.items()})
    save_identity(site, ticket, members, whose)
    rows, counts = Rows(whose, day, inputs, kinds), Counter(grouped_series=len(read))
    for some in read:
        _add_series(site, ticket, rows, some, known, counts)
    moved = [scan for scan, owner in rows.owners().items() if before.get(scan, owner) != owner]
    moved += [built.row.key for built in rows.scans if _is_dated_anew(built.row, dates_before)]
    with site.db.write(ticket.right) as connection:
        persons.save_scan_sources(connection, rows.sources)
        identity.request_reading(connection, rows.changed)
    with site.db.write(ticket.right) as connection:
        save_patients(connection, map(mapping_of, rows.patients.values()))
        save_studies(connection, map(mapping_of, rows.studies.values()))
        save_scans(connection, [built.columns() for built in rows.scans])
        save_series(connection, map(mapping_of, rows.series))
        save_files(connection, map(mapping_of, rows.files))
        save_further_scans(connection, [{"file": file, "scan": scan} for file, scan in rows.further])
        matches.request_match(connection, set(moved))  # other lists are theirs now, and they stand in other ones
    with site.db.write(ticket.right) as connection:
        identity.mark_series_grouped(connection, series)
    return counts


def finish_studies(site: Site, ticket: Ticket) -> Counter[str]:
    """Withdraw scans that no file supports any more, then choose the main scans of each study that changed."""
    with site.db.write(ticket.right) as connection:
        orphans = scans_without_files(connection)
        withdraw_scans(connection, orphans, ticket.night)
    _sweep_parts(site, ticket)
    with site.db.read() as connection:
        studies = studies_without_main(connection)
        scans = scans_of_studies(connection, studies)
    rows = _chosen(scans)
    with site.db.write(ticket.right) as connection:
        save_main(connection, map(mapping_of, rows))
    return Counter(withdrawn_scans=len(orphans))


def _sweep_parts(site: Site, ticket: Ticket) -> None:
    """Delete the studies that were parts of a shared one and are none any more."""
    with site.db.read() as connection:
        stale = identity.stale_parts(connection)
    if stale:
        with site.db.write(ticket.right) as connection:
            held = delete_empty_studies(connection, stale)  # withdrawn scans stay somebody's
        with site.db.write(ticket.right) as connection:
            identity.delete_studies(connection, set(stale) - held)


def _add_series(
    site: Site,
    ticket: Ticket,
    rows: Rows,
    series: Series,
    known: Mapping[str, tuple[str, str, str]],
    counts: Counter[str],
) -> None:
    from flows.records.file_row import file_row

    sizes = {member.file: member.header.size_bytes for member in series.members}
    origin = _series_row(site, rows.whose, series)
    rows.series.append(origin)
    grouping = series.grouping(site)
    endings, used = _told_apart(site, series, grouping, rows), dict[str, OutcomeRow]()
    for told in grouping.stacks:
        scan = site.keys.key("scan", told.digest)
        stack = replace(told, kind=rows.pixel_kinds.named(told.kind, scan))
        try:
            is_known = scan in known and _is_seen_alike(rows.inputs, stack.kind, known[scan][1])
            recipes = rows.inputs.of(stack.kind.cover, scan, is_known=is_known, is_accepted=stack.kind.known)
            n_pictures = _prepare(site, series, stack, scan, recipes, is_known=is_known)
        except Refusal as refusal:
            changed = changed_files(site, stack.members, series.stats, opened=True)
            rows.changed += changed
            endings += endings_of_changed(stack.members, changed) if changed else _refused(stack, refusal)
            continue
        counts["new_scans"] += scan not in known or known[scan][0] == "withdrawn"
        row = _scan_row(site, ticket, rows, stack, scan, n_pictures or 0)
        kept = DECIDED_LATER if known.get(scan) == (row.state, row.kind, row.study) else frozenset[str]()
        rows.sources[scan] = stack.digest
        _add_scan(site, ticket, rows, stack, Built(row, kept if n_pictures is not None else kept | {"pictures"}))
        code = "used" if stack.kind.known else "kind-unknown"
        for file in dict.fromkeys(member.file for member in stack.members):
            if file in used:
                rows.further.append((file, scan))
            else:
                why = grouping.unused.get(file, "")
                ended = file_row(ticket, file, code, why=why, scan=scan, series=origin.key, size_bytes=sizes[file])
                used[file] = replace(ended, outcome="used")
    endings = [ending for ending in endings if ending.file not in used]
    rows.files += used.values()
    rows.files += [
        file_row(ticket, ending.file, ending.code, why=ending.why, series=origin.key, size_bytes=sizes[ending.file])
        for ending in endings
    ]


def _is_seen_alike(inputs: InputsWanted, kind: Kind, before: str) -> bool:
    """Say whether encoders see a scan of a kind as they saw it under the kind before; a vector that is there stays."""
    return all(recipe.is_blind_to(before, kind.key) for recipe in inputs.recipes[kind.cover])


def _series_row(site: Site, whose: Whose, series: Series) -> SeriesRow:
    source, place = source_of([member.header for member in series.members])
    member = series.members[place]
    key = site.keys.key("series", member.header.identity.series_uid)
    return SeriesRow(key, whose.of(member).study, source.modality, source.manufacturer, source.model)


def _told_apart(site: Site, series: Series, grouping: Grouping, rows: Rows) -> list[Ending]:
    """Return the endings of a grouping; copies that could not be compared since one changed are in no conflict."""
    conflicts = {ending.file for ending in grouping.endings if ending.code == UidConflict.code}
    copies = [member for member in series.members if member.file in conflicts]
    changed = changed_files(site, copies, series.stats, opened=True)
    if not changed:
        return list(grouping.endings)
    rows.changed += changed
    others = [ending for ending in grouping.endings if ending.file not in conflicts]
    return others + endings_of_changed(copies, changed)


def _refused(stack: Stack, refusal: Refusal) -> list[Ending]:
    return [Ending(member.file, refusal.code, refusal.facts) for member in stack.members]


def _prepare(
    site: Site, series: Series, stack: Stack, scan: str, recipes: Sequence[Recipe], *, is_known: bool
) -> int | None:
    """Write the encoders' inputs and the pictures of a stack, once; returns how many pictures, None if known.

    Raises:
        Refusal: The stack shows nothing that can be compared, or a file of it is not the one it was.
    """
    paths = {recipe: site.tensor(recipe.digest(), scan) for recipe in recipes}
    is_made = is_known and all(path.exists() for path in paths.values())
    scans = site.settings.scans
    shown = scans.pictures and (scans.pictures_of_burned_in or all(allowed(m.header) for m in stack.members))
    drawn = list(site.picture_folder(scan).glob(f"{scan}-*.png"))
    if is_made and not shown:
        for picture in drawn:  # drawn before the site held such pictures back
            picture.unlink()
        return 0
    if is_made and drawn:
        return None
    volume = read_volume(stack, site.archive, guard_of(site))
    if changed := changed_files(site, stack.members, series.stats):  # else other pixels get this scan's key
        raise StillArriving(f"{len(changed)} files changed while they were read")
    tensors = {recipe: to_tensor(volume, recipe) for recipe in recipes}
    n_pictures = _write_pictures(site.picture_folder(scan), scan, volume) if shown else 0
    for recipe, tensor in tensors.items():
        save_tensor(paths[recipe], tensor, recipe)
    return n_pictures


def _write_pictures(folder: Path, scan: str, volume: Volume) -> int:
    drawn = pictures(volume)
    for picture in drawn:
        write_atomically(folder / f"{scan}-{picture.plane}.png", picture.png)
    return len(drawn)


def _scan_row(site: Site, ticket: Ticket, rows: Rows, stack: Stack, scan: str, n_pictures: int) -> ScanRow:
    header = stack.members[0].header
    when = dated(site, stack, rows.today)
    kind: Kind = stack.kind
    code = "used" if kind.known else "kind-unknown"
    owner = rows.whose.of(stack.members[0])
    passport = asdict(stack.passport)
    return ScanRow(
        key=scan, study=owner.study, patient=owner.patient,
        series=site.keys.key("series", header.identity.series_uid), cover=kind.cover, kind=kind.key,
        kind_rule=kind.rule, state="accepted" if kind.known else "held_back", code=code, is_main=None,
        main_rule="", acquired_from=when.from_utc, acquired_until=when.until_utc,
        acquired_local_date=when.local_date, date_precision=when.precision,
        date_doubts=", ".join(when.doubts), dated_ahead=when.ahead, age_years=header.age_years,
        sex=header.sex, tensor=scan, recipe=rows.inputs.recipes[kind.cover][0].digest(), first_night=ticket.night,
        withdrawn_night=None, acquisition=_acquisition(site, stack), pictures=n_pictures,
        n_rows=passport.pop("rows"), n_columns=passport.pop("columns"), **passport,
    )  # fmt: skip


def _is_dated_anew(row: ScanRow, before: Mapping[str, Interval]) -> bool:
    now = (row.acquired_from, row.acquired_until)
    return before.get(row.key, now) != now


def _acquisition(site: Site, stack: Stack) -> str | None:
    exposure = exposure_of([member.header for member in stack.members])
    return site.keys.key("acquisition", exposure) if exposure else None


def _add_scan(site: Site, ticket: Ticket, rows: Rows, stack: Stack, built: Built) -> None:
    header, scan = stack.members[0].header, built.row
    owner = rows.whose.of(stack.members[0])
    rows.patients[owner.patient] = PatientRow(
        key=owner.patient, split=site.keys.split_number(owner.patient), sex=header.sex, own_lane=owner.has_id,
        first_night=ticket.night,
    )  # fmt: skip
    rows.studies[owner.study] = StudyRow(
        key=owner.study, patient=owner.patient, age_years=scan.age_years, local_date=scan.acquired_local_date,
        acquired_from=scan.acquired_from, acquired_until=scan.acquired_until, first_night=ticket.night,
    )  # fmt: skip
    rows.scans.append(built)


def _chosen(scans: Sequence[ScanRow]) -> list[MainChoice]:
    """Main or alternate, for every accepted scan of the studies given."""
    groups: dict[tuple[str, str], list[ScanRow]] = {}
    for scan in scans:
        groups.setdefault((scan.study, scan.kind), []).append(scan)
    rows: list[MainChoice] = []
    for some in groups.values():
        key, rule = main_scan([MainCandidate.from_row(mapping_of(scan)) for scan in some])
        for scan in some:
            is_main = scan.key == key
            code = outcome("used" if is_main else "alternate-reconstruction").code
            rows.append(MainChoice(scan.key, is_main, rule, code))
    return rows
