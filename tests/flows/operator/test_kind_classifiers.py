"""Kinds from pixels: learned from planted vectors, switched by hand, and held against tags."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest
from vector_nights import scan

from db.embeddings import save_embeddings, scans_to_embed
from db.encoders import save_encoder, set_active_encoder
from db.forgetting import forget_core
from db.kinds import all_classifiers, serving_classifiers
from db.lease import end_night
from db.scans import save_patients, save_scans, save_studies
from db.theirs import Theirs
from flows.operator.kind_classifiers import contradictions, learn_kinds, stop_kinds, use_kinds
from flows.site.errors import NotFound
from flows.site.rules import reading_rules
from flows.stages.ingest.kinds import settle_kinds
from flows.work.lease import night_ticket
from siamese.recipe import recipe_for

DIM, N = 4, 1000
CHEST, KNEE = "xr/chest/2d/frontal", "xr/knee/2d/frontal"
AT = datetime(2020, 1, 1, tzinfo=UTC)


def rows_of(kind, vectors, first, night, *, sides=("",)):
    """A scan of each vector, of a patient of its own; the last fifth of the patients is test."""
    n = len(vectors)
    numbers = [(i + 0.5) / n for i in range(n)]
    patients = [{"key": f"p{first + i:03}", "split": number, "sex": "F", "own_lane": True, "first_night": night}
                for i, number in enumerate(numbers)]  # fmt: skip
    scans = [scan(f"s{first + i:05}", first + i, AT, night) | {"kind": kind + sides[i % len(sides)]} for i in range(n)]
    return patients, scans


def plant(site, *, encoder="enc", mislabelled=0, recipe=None):
    """Write chests and knees with vectors of an active encoder; the first scans of test are knees that say chest."""
    rng = np.random.default_rng(0)
    with night_ticket(site, version="0", tick_at=None) as ticket:
        table = {kind: np.eye(DIM)[place] + rng.normal(scale=0.05, size=(N, DIM))
                 for place, kind in enumerate((CHEST, KNEE))}  # fmt: skip
        table[CHEST][800 : 800 + mislabelled] = table[KNEE][:mislabelled]
        patients, scans = rows_of(CHEST, table[CHEST], 0, ticket.night)
        more = rows_of(KNEE, table[KNEE], N, ticket.night, sides=("/left", "/right"))
        patients, scans = patients + more[0], scans + more[1]
        with site.db.write(ticket.right) as connection:
            activate(connection, encoder, ticket.night, recipe)
            save_patients(connection, patients)
            save_studies(connection, [
                {"key": row["study"], "patient": row["patient"], "age_years": None, "local_date": None,
                 "acquired_from": None, "acquired_until": None, "first_night": ticket.night}
                for row in scans])  # fmt: skip
            save_scans(connection, scans)
            vectors = np.concatenate([table[CHEST], table[KNEE]])
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            save_embeddings(connection, [
                {"scan": row["key"], "encoder": encoder, "dim": DIM, "device": "cpu", "night": ticket.night,
                 "vector": vector.astype("<f4").tobytes()}
                for row, vector in zip(scans, vectors, strict=True)])  # fmt: skip
        end_night(site.db, ticket.right, night=ticket.night, state="finished", exit_code=0)


def activate(connection, encoder, night, recipe=None):
    row = {"id": encoder, "cover": "2d", "purpose": "view", "backbone": "b", "dim": DIM, "metric": "cosine",
           "recipe": recipe or recipe_for("2d", "small").digest(), "origin": "trained", "provisional": True,
           "folder": "f", "manifest": "{}", "created_night": night, "created_at": AT}  # fmt: skip
    save_encoder(connection, row)
    set_active_encoder(connection, cover="2d", purpose="view", encoder=encoder, reason="test", night=night)


def learned(site):
    """What was learned of 2d."""
    return next(row for row in learn_kinds(site).covers if row.cover == "2d")


def test_a_classifier_is_learned_with_its_figures_and_none_is_used_by_that(make_site, db_url):
    site = make_site(url=db_url)
    plant(site)
    found = learned(site)
    (family,) = found.families
    assert (found.encoder, found.refused, family.family) == ("enc", "", "xr")
    assert [(row.kind, row.patients, row.scans) for row in family.kinds] == [(CHEST, N, 200), (KNEE, N, 200)]
    assert learned(site).classifier == found.classifier
    with site.db.read() as connection:
        (row,) = all_classifiers(connection)
        assert serving_classifiers(connection) == []
    assert (row.id, row.n_named, row.n_wrong) == (found.classifier, family.named, 0)
    assert (site.store / "kinds" / row.id / "classifier.safetensors").exists()


def test_it_is_switched_by_hand_and_the_rules_of_reading_follow(make_site, db_url):
    site = make_site(url=db_url)
    plant(site)
    before, classifier = reading_rules(site), learned(site).classifier
    first, again = use_kinds(site, classifier[:6]), use_kinds(site, classifier)
    assert (first.in_use, first.switched, again.switched) == ([classifier], True, False)
    assert reading_rules(site) != before
    off = stop_kinds(site)
    assert (off.in_use, off.switched, stop_kinds(site).switched) == ([], True, False)
    assert reading_rules(site) == before
    with pytest.raises(NotFound, match="0 classifiers"):
        use_kinds(site, "none")


def test_held_back_scans_wait_for_a_vector_only_while_a_classifier_reads_it(make_site, db_url):
    site = make_site(url=db_url)
    plant(site)
    with site.db.write() as connection:
        held = scan("held", 1, AT, 1) | {"study": "t-s00001", "kind": "xr/unknown/2d/unknown", "state": "held_back"}
        save_scans(connection, [held])
    use_kinds(site, learned(site).classifier)
    with site.db.read() as connection:
        assert (scans_to_embed(connection, "enc", "2d"), scans_to_embed(connection, "enc", "3d")) == (["held"], [])
    stop_kinds(site)
    with site.db.read() as connection:
        assert scans_to_embed(connection, "enc", "2d") == []


def test_a_classifier_of_another_encoder_is_refused_and_the_night_switches_it_off(make_site, db_url):
    site = make_site(url=db_url)
    plant(site)
    classifier = learned(site).classifier
    use_kinds(site, classifier)
    with night_ticket(site, version="0", tick_at=None) as ticket:
        with site.db.write(ticket.right) as connection:
            activate(connection, "other", ticket.night)
        with site.db.read() as connection:
            assert serving_classifiers(connection) == []  # at once, whatever the night has come to
        settle_kinds(site, ticket)
        end_night(site.db, ticket.right, night=ticket.night, state="finished", exit_code=0)
    with site.db.read() as connection:
        (row,) = all_classifiers(connection)
    assert (row.in_use, row.off_night) == (False, ticket.night) and "encoder enc" in row.off_reason
    with pytest.raises(NotFound, match="does not serve 2d"):
        use_kinds(site, classifier)


def test_tags_that_are_often_wrong_refuse_it(make_site, call):
    site = make_site()
    plant(site, mislabelled=10)
    code, out, _ = call("kinds", "learn", "--config", site.config)
    assert code == 1 and "refused: " in out and "no family of modalities" in out
    with site.db.read() as connection:
        assert all_classifiers(connection) == []


def test_an_encoder_that_sees_the_part_by_its_tag_is_refused(make_site):
    site = make_site()
    plant(site, recipe=recipe_for("3d", "small").digest())  # knees are drawn to another grid
    assert "which gives tags away" in learned(site).refused


def test_pixels_that_contradict_tags_are_listed_and_change_nothing(make_site, call, db_url):
    site = make_site(url=db_url)
    plant(site, mislabelled=1)
    use_kinds(site, learned(site).classifier)
    with site.db.read() as connection:
        (row,) = contradictions(site, connection)
    assert (row.says, row.looks_like, row.scans, row.keys) == ("chest", "knee", 1, ["s00800"])
    code, out, _ = call("kinds", "--config", site.config)
    assert code == 0 and "xr 2d: says chest, looks like knee: 1 scans of 1 patients: s00800" in out
    code, out, _ = call("kinds", "--config", site.config, "--json")
    (listed,) = json.loads(out)["contradictions"]
    assert listed["keys"] == ["s00800"] and json.loads(out)["classifiers"][0]["in_use"]


def test_a_classifier_whose_files_are_gone_ends_with_a_sentence(make_site, call):
    site = make_site()
    plant(site)
    classifier = learned(site).classifier
    (site.store / "kinds" / classifier / "classifier.safetensors").unlink()
    code, _, err = call("kinds", "use", classifier, "--config", site.config)
    assert code == 1 and f"put store/kinds/{classifier} back" in err


def test_a_classifier_that_may_have_learned_from_a_forgotten_person_says_so(make_site, db_url):
    site = make_site(url=db_url)
    plant(site)
    learned(site)
    with site.db.write() as connection:
        forget_core(connection, Theirs(patients=["p000"], names=(), scans=["s00000"], files=()))
        forget_core(connection, Theirs(patients=["nobody"], names=(), scans=(), files=()))
    with site.db.read() as connection:
        (row,) = all_classifiers(connection)
    assert row.forgotten_patients == 1
