from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import select, text, update

from db.encoders import set_active_encoder as activate
from db.encoders import set_provisional
from db.lease import begin_stage, end_stage
from db.matches import replace_lane, save_lane_outcomes
from db.tables import Match, Scan
from db.verdicts import save_verdict
from db.views import VIEWS


def view(connection: Any, name: str) -> list[dict[str, Any]]:
    return [dict(row) for row in connection.execute(text(f"SELECT * FROM {name}")).mappings()]


def put(archive: Any, connection: Any, *priors: str, lane: str = "others") -> None:
    matches = [
        {"prior": prior, "rank": rank, "code": "prior", "distance": rank / 10, "kind": "ct/chest/3d"}
        for rank, prior in enumerate(priors, 1)
    ]
    replace_lane(connection, encoder="e", scan="f", lane=lane, matches=matches, night=archive.night)


def test_a_current_match_of_an_active_encoder_is_shown(scans, new_night: Callable[[], int]) -> None:
    night = new_night()
    with scans.db.write() as connection:
        put(scans, connection, "a", "b")
        rows = sorted(view(connection, "match_for_review"), key=lambda row: row["rank"])
        assert [(row["scan"], row["prior"], row["patient"], row["prior_patient"]) for row in rows] == [
            ("f", "a", "pf", "pa"), ("f", "b", "pf", "pb")
        ]  # fmt: skip
        assert [(bool(row["provisional"]), row["n_verdicts"], bool(row["hidden"])) for row in rows] == [
            (True, 0, False)
        ] * 2
        set_provisional(connection, "e", False)
        assert not view(connection, "match_for_review")[0]["provisional"]
        connection.execute(update(Match).where(Match.prior == "b").values(left_night=night))
        assert [row["prior"] for row in view(connection, "match_for_review")] == ["a"]
        activate(connection, cover="3d", purpose="view", encoder=None, reason="")
        assert view(connection, "match_for_review") == view(connection, "active_encoder") == []


def test_the_contrast_of_both_scans_stands_on_the_pair(scans) -> None:
    with scans.db.write() as connection:
        put(scans, connection, "a")
        connection.execute(update(Scan).where(Scan.key == "f").values(contrast="given"))
        (row,) = view(connection, "match_for_review")
    assert (row["contrast"], row["prior_contrast"]) == ("given", "unknown")


def test_chances_become_numbers_of_patients_each_from_its_own_column(scans) -> None:
    chances = {"chance_share": 0.02, "chance_below": 0.05, "chance_low": 0.01, "chance_high": 0.04}
    lane = {
        "scan": "f", "encoder": "e", "lane": "others", "code": "ok", "gallery_patients": 100, "n_matches": 1,
        "reach": None, "rules": "r", "night": scans.night,
    }  # fmt: skip
    with scans.db.write() as connection:
        put(scans, connection, "a")
        save_lane_outcomes(connection, [lane])
        connection.execute(update(Match).values(chance_code="estimate", **chances))
        (row,) = view(connection, "match_for_review")
    found = [row[f"expected_{name}"] for name in ("by_chance", "fewer_than", "low", "high")]
    assert found == pytest.approx([2.0, 5.0, 1.0, 4.0])
    assert (row["gallery_patients"], row["chance_code"]) == (100, "estimate")


@pytest.mark.parametrize(
    ("verdict", "hidden"),
    [("not-relevant", True), ("wrong-patient", True), ("unsure", False), ("duplicate", False)],
)
def test_a_refused_pair_is_hidden_until_somebody_says_otherwise(scans, verdict: str, hidden: bool) -> None:
    with scans.db.write() as connection:
        put(scans, connection, "a")
        number = int(connection.scalar(select(Match.id)))
        save_verdict(connection, match=number, verdict=verdict, by="Dr A")
        (row,) = view(connection, "match_for_review")
        assert (row["n_verdicts"], row["last_verdict"], row["last_verdict_by"]) == (1, verdict, "Dr A")
        assert bool(row["hidden"]) == hidden
        save_verdict(connection, match=number, verdict="relevant", by="Dr B")
        (row,) = view(connection, "match_for_review")
    assert (row["n_verdicts"], row["last_verdict"], bool(row["hidden"])) == (2, "relevant", False)


def test_a_pair_of_studies_is_one_row_with_its_best_match(scans) -> None:
    with scans.db.write() as connection:
        scans.scan(connection, "a2", patient="pa", study="study-a")
        scans.embedding(connection, "a2")
        put(scans, connection, "b", "a", "a2")
        rows = {row["prior_study"]: row for row in view(connection, "study_match")}
    assert set(rows) == {"study-a", "study-b"}
    best = rows["study-a"]
    assert (best["n_matches"], best["best_rank"], best["best_distance"], best["n_hidden"]) == (2, 2, 0.2, 0)


def test_a_night_is_one_row_with_its_sums(scans) -> None:
    with scans.db.write() as connection:
        for name, seconds in (("ingest", 1.5), ("embed", 2.0)):
            begin_stage(connection, scans.night, name)
            end_stage(connection, scans.night, name, state="done", seconds=seconds, counts={})
        put(scans, connection, "a", "b")
        (row,) = view(connection, "night_summary")
    assert (row["night"], row["state"], row["seconds"]) == (1, "finished", 3.5)
    assert (row["scans_new"], row["embeddings_new"], row["matches_entered"], row["matches_left"]) == (
        6,
        6,
        2,
        0,
    )


def test_views_are_described_as_they_are(db) -> None:
    with db.read() as connection:
        for described in VIEWS:
            found = list(connection.execute(text(f"SELECT * FROM {described.name}")).keys())
            assert found == list(described.columns)
            assert all(described.columns.values())
