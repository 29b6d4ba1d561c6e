"""Series -> scans: group, decode once, write the encoder's input and pictures, then the rows."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date
from pathlib import Path

from db import identity, matches, persons, queries, store
from flows.dating import dated, today
from flows.guarding import guard_of
from flows.persons import patient_key, person_of, save_identity
from flows.series import Series, read_series
from flows.site import Site
from flows.ticket import Ticket
from scans.atomic import write_atomically
from scans.kind import Kind
from scans.mainscan import MainCandidate, main_scan
from scans.outcome import Refusal, outcome
from scans.picture import allowed, pictures
from scans.siblings import exposure_of
from scans.stack import Ending, Stack
from scans.volume import Volume, read_volume
from siamese.recipe import recipe_for
from siamese.tensor import save_tensor, to_tensor

Row = dict[str, object]
DECIDED_LATER = ("is_main", "main_rule", "code")  # by settle_studies; a known scan keeps them


@dataclass
class Rows:
    """What one batch of series adds to the core tables."""

    whose: Mapping[str, str]  # person -> patient key
    today: date
    patients: dict[str, Row] = field(default_factory=dict)
    studies: dict[str, Row] = field(default_factory=dict)
    scans: list[Row] = field(default_factory=list)
    files: list[Row] = field(default_factory=list)
    further: list[Row] = field(default_factory=list)  # scans of multi-frame files beside their first
    sources: dict[str, str] = field(default_factory=dict)  # scan -> digest of its content


def build_series(site: Site, ticket: Ticket, series: Sequence[str]) -> Counter[str]:
    """Build the scans of some series, by key, from the headers in identity."""
    with site.db.read() as connection:
        read = read_series(connection, series)
        known = queries.scan_states(connection, series)
        before = persons.patients_of_scans(connection, series)
        dates_before, day = queries.acquired_of_scans(connection, series), today(site, connection)
        headers = [member.header for some in read for member in some.members]
        whose = persons.patients_of_persons(connection, {person_of(header)["key"] for header in headers})
    save_identity(site, ticket, headers, whose)
    rows, counts = Rows(whose, day), Counter[str]()
    for some in read:
        _add_series(site, ticket, rows, some, known, counts)
    moved = [str(row["key"]) for row in rows.scans if before.get(str(row["key"]), row["patient"]) != row["patient"]]
    moved += [str(row["key"]) for row in rows.scans if _is_dated_anew(row, dates_before)]
    with site.db.write(ticket.right) as connection:
        persons.save_scan_sources(connection, rows.sources)
    with site.db.write(ticket.right) as connection:
        store.save_patients(connection, list(rows.patients.values()))
        store.save_studies(connection, list(rows.studies.values()))
        store.save_scans(connection, rows.scans)
        store.save_files(connection, rows.files)
        store.save_further_scans(connection, rows.further)
        matches.rejoin(connection, set(moved))  # other lists are theirs now, and they stand in other ones
    with site.db.write(ticket.right) as connection:
        identity.mark_series_grouped(connection, series)
    return counts


def settle_studies(site: Site, ticket: Ticket) -> Counter[str]:
    """Withdraw scans that no file supports any more, then choose each disturbed study's main scans."""
    with site.db.write(ticket.right) as connection:
        orphans = queries.scans_without_files(connection)
        store.withdraw_scans(connection, orphans, ticket.night)
    with site.db.read() as connection:
        studies = queries.studies_without_main(connection)
        scans = queries.scans_of_studies(connection, studies)
    rows = _chosen(scans)
    with site.db.write(ticket.right) as connection:
        store.save_main(connection, rows)
    return Counter(withdrawn_scans=len(orphans))


def _add_series(
    site: Site,
    ticket: Ticket,
    rows: Rows,
    series: Series,
    known: Mapping[str, tuple[str, str]],
    counts: Counter[str],
) -> None:
    from flows.ingest import file_row

    sizes = {member.file: member.header.size_bytes for member in series.members}
    grouping = series.grouping(site)
    endings, used = list(grouping.endings), dict[str, Row]()
    for stack in grouping.stacks:
        scan = site.keys.key("scan", stack.digest)
        try:
            n_pictures = _prepare(site, stack, scan, is_known=scan in known)
        except Refusal as refusal:
            endings += [Ending(member.file, refusal.code, refusal.facts) for member in stack.members]
            continue
        counts["new_scans"] += scan not in known or known[scan][0] == "withdrawn"
        row = _scan_row(site, ticket, rows, stack, scan, n_pictures)
        if known.get(scan) == (row["state"], row["kind"]):
            row = {name: value for name, value in row.items() if name not in DECIDED_LATER}
        rows.sources[scan] = stack.digest
        _add_scan(site, ticket, rows, stack, row)
        code = "used" if stack.kind.known else "kind-unknown"
        for file in dict.fromkeys(member.file for member in stack.members):
            if file in used:
                rows.further.append({"file": file, "scan": scan})
            else:
                why = grouping.unused.get(file, "")
                row = file_row(ticket, file, code, why=why, scan=scan, size_bytes=sizes[file])
                used[file] = row | {"outcome": "used"}
    endings = [ending for ending in endings if ending.file not in used]
    rows.files += used.values()
    rows.files += [
        file_row(ticket, ending.file, ending.code, why=ending.why, size_bytes=sizes[ending.file]) for ending in endings
    ]


def _prepare(site: Site, stack: Stack, scan: str, *, is_known: bool) -> int | None:
    """Write the encoder's input and the pictures of a stack, once; returns how many pictures, None if known."""
    recipe = recipe_for(stack.kind.cover)
    path = site.tensor(recipe.digest(), scan)
    scans = site.settings.scans
    shown = scans.pictures and (scans.pictures_of_burned_in or all(allowed(m.header) for m in stack.members))
    drawn = list(site.picture_folder(scan).glob(f"{scan}-*.png"))
    if is_known and path.exists() and not shown:
        for picture in drawn:  # drawn before the site held such pictures back
            picture.unlink()
        return 0
    if is_known and path.exists() and drawn:
        return None
    volume = read_volume(stack, site.archive, guard_of(site))
    tensor = to_tensor(volume, recipe)
    n_pictures = _write_pictures(site.picture_folder(scan), scan, volume) if shown else 0
    save_tensor(path, tensor)
    return n_pictures


def _write_pictures(folder: Path, scan: str, volume: Volume) -> int:
    drawn = pictures(volume)
    for picture in drawn:
        write_atomically(folder / f"{scan}-{picture.plane}.png", picture.png)
    return len(drawn)


def _scan_row(site: Site, ticket: Ticket, rows: Rows, stack: Stack, scan: str, n_pictures: int | None) -> Row:
    header = stack.members[0].header
    when = dated(site, stack, rows.today)
    kind: Kind = stack.kind
    code = "used" if kind.known else "kind-unknown"
    patient = patient_key(site.keys, rows.whose, header)
    row: Row = {
        "key": scan, "study": site.keys.key("study", header.identity.study_uid), "patient": patient,
        "series": site.keys.key("series", header.identity.series_uid), "cover": kind.cover, "kind": kind.key,
        "kind_rule": kind.rule, "state": "accepted" if kind.known else "held_back", "code": code, "is_main": None,
        "main_rule": "", "acquired_from": when.from_utc, "acquired_until": when.until_utc,
        "acquired_local_date": when.local_date, "date_precision": when.precision,
        "date_doubts": ", ".join(when.doubts), "dated_ahead": when.ahead, "age_years": header.age_years,
        "sex": header.sex, "tensor": scan, "recipe": recipe_for(kind.cover).digest(), "first_night": ticket.night,
        "withdrawn_night": None, "acquisition": _acquisition(site, stack),
    }  # fmt: skip
    if n_pictures is not None:
        row["pictures"] = n_pictures
    return row | _passport(stack)


def _is_dated_anew(row: Row, before: Mapping[str, tuple[object, object]]) -> bool:
    now = (row["acquired_from"], row["acquired_until"])
    return before.get(str(row["key"]), now) != now


def _acquisition(site: Site, stack: Stack) -> str | None:
    exposure = exposure_of([member.header for member in stack.members])
    return site.keys.key("acquisition", exposure) if exposure else None


def _passport(stack: Stack) -> Row:
    columns = {"rows": "n_rows", "columns": "n_columns"}
    return {columns.get(name, name): value for name, value in asdict(stack.passport).items()}


def _add_scan(site: Site, ticket: Ticket, rows: Rows, stack: Stack, row: Row) -> None:
    header = stack.members[0].header
    patient, study = str(row["patient"]), str(row["study"])
    rows.patients[patient] = {
        "key": patient, "split": site.keys.split_number(patient), "sex": header.sex,
        "own_lane": bool(rows.whose.get(person_of(header)["key"])), "first_night": ticket.night,
    }  # fmt: skip
    rows.studies[study] = {
        "key": study, "patient": patient, "age_years": row["age_years"], "local_date": row["acquired_local_date"],
        "acquired_from": row["acquired_from"], "acquired_until": row["acquired_until"], "first_night": ticket.night,
    }  # fmt: skip
    rows.scans.append(row)


def _chosen(scans: Sequence[Mapping[str, object]]) -> list[Row]:
    """Main or alternate, for every accepted scan of the studies given."""
    groups: dict[tuple[object, object], list[Mapping[str, object]]] = {}
    for scan in scans:
        groups.setdefault((scan["study"], scan["kind"]), []).append(scan)
    rows: list[Row] = []
    for some in groups.values():
        key, rule = main_scan([MainCandidate.from_row(scan) for scan in some])
        for scan in some:
            is_main = scan["key"] == key
            rows.append({
                "key": scan["key"], "is_main": is_main, "main_rule": rule,
                "code": outcome("used" if is_main else "alternate-reconstruction").code,
            })  # fmt: skip
    return rows
