from collections.abc import Callable
from datetime import date
from typing import Any

import pytest
from sqlalchemy import select, update

from db.encoders import active_encoders, set_active_encoder, set_provisional
from db.labels import read_labels as labels
from db.labels import save_labels
from db.match_tables import ALWAYS_FROM, ALWAYS_UNTIL
from db.matches import replace_lane
from db.scans import save_patients, save_scans, withdraw_scans
from db.tables import Activation, Encoder, File, Match, Patient, Scan, Verdict
from db.verdicts import save_verdict


def test_a_patients_draw_and_first_night_stay(archive, new_night: Callable[[], int]) -> None:
    row = {"key": "p", "split": 0.25, "sex": None, "own_lane": True, "first_night": 1}
    with archive.db.write() as connection:
        save_patients(connection, [row])
        later = row | {"split": 0.75, "sex": "M", "first_night": new_night_row(connection, 2)}
        assert save_patients(connection, [later]) == 1
        assert tuple(connection.execute(select(Patient)).one()) == ("p", 0.25, "M", True, 1)


def new_night_row(connection: Any, number: int) -> int:
    from sqlalchemy import insert

    from db.tables import Night

    row = dict(connection.execute(select(Night).limit(1)).mappings().one())
    connection.execute(insert(Night), row | {"id": number})
    return number


def test_a_known_scan_keeps_what_a_row_leaves_out(archive) -> None:
    with archive.db.write() as connection:
        archive.scan(connection, "a", pictures=3, is_main=True, main_rule="original")
        row = dict(connection.execute(select(Scan)).mappings().one())
        for name in ("pictures", "is_main", "main_rule", "code"):
            row.pop(name)
        assert save_scans(connection, [row]) == 0
        assert save_scans(connection, [row | {"kernel": "B30f"}]) == 1
        kept = connection.execute(select(Scan)).one()
    assert (kept.pictures, kept.is_main, kept.main_rule, kept.kernel) == (3, True, "original", "B30f")


def test_a_new_scan_without_a_decision_waits_for_it(archive) -> None:
    with archive.db.write() as connection:
        archive.scan(connection, "a")
        row = dict(connection.execute(select(Scan)).mappings().one()) | {"key": "b"}
        for name in ("pictures", "is_main", "main_rule", "code"):
            row.pop(name)
        save_scans(connection, [row])
        kept = connection.execute(select(Scan).where(Scan.key == "b")).one()
    assert (kept.pictures, kept.is_main, kept.main_rule, kept.code) == (0, None, "", "used")


def test_scans_are_withdrawn_once_and_may_come_back(archive, new_night: Callable[[], int]) -> None:
    night = new_night()
    with archive.db.write() as connection:
        archive.scan(connection, "a")
        assert withdraw_scans(connection, ["a", "nobody"], archive.night) == 1
        assert withdraw_scans(connection, ["a"], night) == 0
        row = connection.execute(select(Scan.state, Scan.code, Scan.is_main, Scan.withdrawn_night)).one()
        assert tuple(row) == ("withdrawn", "withdrawn", False, archive.night)
        archive.scan(connection, "a")
        assert connection.execute(select(Scan.state, Scan.withdrawn_night)).one() == ("accepted", None)


def test_a_files_night_changes_with_its_outcome_only(archive, new_night: Callable[[], int]) -> None:
    night = new_night()
    nights = (File.first_night, File.changed_night)
    with archive.db.write() as connection:
        assert archive.file(connection, "f") == 1
        assert archive.file(connection, "f", changed_night=night, first_night=night) == 0
        assert connection.execute(select(*nights)).one() == (1, 1)
        assert archive.file(connection, "f", outcome="gone", code="gone", changed_night=night, first_night=night) == 1
        assert connection.execute(select(*nights)).one() == (1, night)


def test_the_newest_switch_says_what_is_active(archive) -> None:
    with archive.db.write() as connection:
        archive.encoder(connection, "starter")
        archive.encoder(connection, "trained")
        archive.encoder(connection, "flat", cover="2d")
        assert [row.id for row in active_encoders(connection)] == ["trained", "flat"]
        where: dict[str, Any] = {"cover": "3d", "purpose": "view", "reason": "roll back"}
        assert set_active_encoder(connection, encoder="starter", **where)
        assert not set_active_encoder(connection, encoder="starter", **where)
        assert [row.id for row in active_encoders(connection)] == ["starter", "flat"]
        assert set_active_encoder(connection, encoder=None, **where)
        assert not set_active_encoder(connection, encoder=None, **where)
        assert [row.id for row in active_encoders(connection)] == ["flat"]
        assert len(connection.execute(select(Activation.id)).all()) == 5


def test_nothing_active_needs_no_switch_to_nothing(archive) -> None:
    with archive.db.write() as connection:
        assert not set_active_encoder(connection, cover="2d", purpose="view", encoder=None, reason="")


@pytest.mark.parametrize("where", [("2d", "view", "e"), ("3d", "patient", "e"), ("3d", "view", "nobody")])
def test_an_encoder_serves_only_what_it_was_made_for(archive, where: tuple[str, str, str]) -> None:
    with pytest.raises(ValueError, match=f"not for {where[0]} {where[1]}"), archive.db.write() as connection:
        archive.encoder(connection)
        set_active_encoder(connection, cover=where[0], purpose=where[1], encoder=where[2], reason="")


def test_saving_an_encoder_again_keeps_what_was_learnt_of_it(archive) -> None:
    with archive.db.write() as connection:
        archive.encoder(connection)
        set_provisional(connection, "e", False)
        archive.encoder(connection, folder="moved", provisional=True)
        assert connection.execute(select(Encoder.provisional, Encoder.folder)).one() == (False, "moved")


def test_a_vector_is_the_record_and_stays(scans) -> None:
    from db.embeddings import vector_of

    with scans.db.write() as connection:
        scans.embedding(connection, "a", vector=b"12345678")
        assert vector_of(connection, "a", "e") == bytes(8)
        assert vector_of(connection, "a", "nobody") is None


def label(**values: Any) -> dict[str, Any]:
    row = {"subject": "patient", "subject_key": "p", "finding": "nodule", "value": "present", "source": "csv"}
    return row | values


def test_a_label_imported_again_is_not_doubled_and_the_newer_wins(archive) -> None:
    with archive.db.write() as connection:
        assert save_labels(connection, [label(), label(kind="ct/chest/3d"), label(valid_from=date(2026, 1, 1))]) == 3
        assert save_labels(connection, [label(kind=""), label(valid_until=None)], night=1) == 0
        assert save_labels(connection, [label(value="absent", grade="2")], night=1) == 1
        (first, *_) = rows = labels(connection)
    assert len(rows) == 3
    assert (first.value, first.grade, first.night) == ("absent", "2", 1)
    assert (first.valid_from, first.valid_until) == (ALWAYS_FROM, ALWAYS_UNTIL)


def test_verdicts_are_added_never_changed(scans) -> None:
    matches = [{"prior": "a", "rank": 1, "code": "prior", "distance": 0.5, "kind": "ct/chest/3d"}]
    with scans.db.write() as connection:
        replace_lane(connection, encoder="e", scan="f", lane="others", matches=matches, night=1)
        number = int(connection.scalar(select(Match.id)))
        first = save_verdict(connection, match=number, verdict="relevant", by="Dr A")
        assert save_verdict(connection, match=number, verdict="relevant", by="Dr A") == first
        save_verdict(connection, match=number, verdict="relevant", by="Dr B")
        save_verdict(connection, match=number, verdict="unsure", by="Dr A", note="blurred")
        save_verdict(connection, match=number, verdict="relevant", by="Dr A")
        said = connection.execute(select(Verdict.by, Verdict.verdict, Verdict.scan, Verdict.prior).order_by(Verdict.id))
        assert said.all() == [
            ("Dr A", "relevant", "f", "a"), ("Dr B", "relevant", "f", "a"),
            ("Dr A", "unsure", "f", "a"), ("Dr A", "relevant", "f", "a"),
        ]  # fmt: skip
        assert connection.scalar(select(Match.left_night)) is None


def test_a_verdict_on_no_match_is_refused(scans) -> None:
    with pytest.raises(LookupError, match="no match 77"), scans.db.write() as connection:
        save_verdict(connection, match=77, verdict="relevant", by="me")


def test_a_word_that_is_not_in_the_list_is_refused(archive) -> None:
    from sqlalchemy.exc import IntegrityError

    for change in ({"state": "lost"}, {"cover": "4d"}, {"date_precision": "guess"}, {"state": "withdrawn"}):
        with pytest.raises(IntegrityError), archive.db.write() as connection:
            archive.scan(connection, "a")
            connection.execute(update(Scan).values(**change))
