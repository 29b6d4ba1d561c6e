"""Coverage in SQL, held to a slow loop over the same files, on both databases."""

import random
from collections import Counter

import pytest
from sqlalchemy import update

from db.coverage import ALL, CodeTally, ScannerTally, code_tallies, files_by_code, last_change, scanner_tallies
from db.files import save_files
from db.series import save_series
from db.tables import FILE

CODES = ("used", "kind-unknown", "tilted", "localizer", "gone")
APART = ("localizer", "gone")
SERIES = [  # key, study, modality, maker, model
    ("s1", "A", "CT", "Maker", "One"), ("s2", "A", "CT", "Maker", "One"), ("s3", "A", "PT", "Maker", "One"),
    ("s4", "B", "CT", "Maker", "Two"), ("s5", "C", "MR", "", ""), ("s6", "C", "MR", "", ""), ("s7", "D", "", "M", ""),
]  # fmt: skip


def slow(files, since):
    """The same figures as sentences say them: one study, one modality, one code at a time."""
    places = {key: (study, modality) for key, study, modality, *_ in SERIES}
    rows = [(*places.get(series, ("", "")), code, night) for series, code, night in files if code not in APART]
    found = {}
    for scope in {modality for _, modality, _, _ in rows} | {ALL}:
        mine = [row for row in rows if scope in (ALL, row[1])]
        for what, some in (("", mine), ("_this_night", [row for row in mine if row[3] > since])):
            for code, n in Counter(row[2] for row in some).items():
                found.setdefault((scope, code), Counter())["files" + what] = n
            for study in {row[0] for row in some} - {""}:
                counts = Counter(row[2] for row in some if row[0] == study)
                best = min(counts, key=lambda code: (code != "used", -counts[code], code))
                found[scope, best]["studies" + what] += 1
    names = ("files", "files_this_night", "studies", "studies_this_night")
    return [CodeTally(*key, *(found[key][name] for name in names)) for key in sorted(found)]


def write(archive, connection, files):
    save_series(connection, [dict(zip(("key", "study", "modality", "manufacturer", "model"), row, strict=True))
                             for row in SERIES])  # fmt: skip
    save_files(connection, [
        {"key": f"f{number}", "outcome": "used" if code == "used" else "skipped", "code": code, "why": "", "scan": None,
         "series": series, "size_bytes": 1, "first_night": archive.night, "changed_night": night}
        for number, (series, code, night) in enumerate(files)
    ])  # fmt: skip


@pytest.mark.parametrize("seed", range(3))
def test_files_and_studies_are_counted_as_a_slow_loop_counts_them(scans, new_night, seed):
    nights = [scans.night, new_night()]
    draw = random.Random(seed)
    files = [
        (draw.choice([row[0] for row in SERIES] + [""]), draw.choice(CODES), draw.choice(nights)) for _ in range(60)
    ]
    with scans.db.write() as connection:
        write(scans, connection, files)
        found = code_tallies(connection, since=nights[0], apart=APART, unserved=())
        assert found == slow(files, nights[0])
        counts = files_by_code(connection)
        assert counts == Counter(code for _, code, _ in files) and list(counts) == sorted(counts)
        assert sum(row.files for row in found if row.modality == ALL) == len(files) - sum(map(counts.get, APART))
        assert last_change(connection) == (nights[1], len(SERIES))


def test_a_study_with_one_used_file_can_be_compared_whatever_most_of_it_is(scans):
    with scans.db.write() as connection:
        write(scans, connection, [("s1", "tilted", 1), ("s1", "tilted", 1), ("s2", "used", 1)])
        found = code_tallies(connection, since=0, apart=(), unserved=())
    assert [(row.code, row.files, row.studies) for row in found if row.modality == "CT"] == [
        ("tilted", 2, 0), ("used", 1, 1)
    ]  # fmt: skip


def test_files_of_scans_that_no_encoder_covers_are_told_apart(scans):
    with scans.db.write() as connection:
        scans.scan(connection, "flat", series="s1", cover="2d")
        scans.scan(connection, "deep", series="s4", cover="3d")
        scans.scan(connection, "held", series="s5", cover="2d", state="held_back")
        scans.scan(connection, "beside", series="s4", cover="2d", state="held_back")
        write(scans, connection, [("s1", "used", 1), ("s4", "used", 1), ("s5", "kind-unknown", 1)])
        found = code_tallies(connection, since=0, apart=(), unserved=("2d",))
    assert [(row.code, row.files) for row in found if row.modality == ALL] == [
        ("kind-unknown", 1), ("no-encoder", 1), ("used", 1)
    ]  # fmt: skip


def test_of_a_scanner_a_study_counts_once_by_the_share_of_its_files_that_is_lost(scans, new_night):
    before, now = scans.night, new_night()
    files = [("s1", "used", now), ("s2", "tilted", now), ("s2", "kind-unknown", now), ("s4", "used", now),
             ("s5", "tilted", before), ("s3", "localizer", now), ("", "tilted", now)]  # fmt: skip
    with scans.db.write() as connection:
        write(scans, connection, files)
        assert scanner_tallies(connection, since=before, apart=APART) == [
            ScannerTally("CT", "Maker", "One", studies=1, lost_per_mille=666),
            ScannerTally("CT", "Maker", "Two", studies=1, lost_per_mille=0),
        ]
        connection.execute(update(FILE).values(changed_night=before))
        assert scanner_tallies(connection, since=before, apart=APART) == []
