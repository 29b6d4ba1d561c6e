"""Nights of vectors that are put into the tables, for chance needs more patients than pictures can be made."""

from datetime import UTC, datetime, timedelta

import numpy as np

from db.embeddings import save_embeddings
from db.encoders import save_encoder, set_active_encoder
from db.lease import end_night
from db.scans import save_patients, save_scans, save_studies
from flows.stages.match.lists import match
from flows.work.lease import night_ticket
from siamese.training.head import starter_of

KIND = "dx/chest/2d/frontal"
DIM = 8
MANIFEST = starter_of("small", "2d").manifest.to_json()


def vectors(n, seed=0):
    rows = np.random.default_rng(seed).normal(size=(n, DIM))
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def put(site, ticket, patients, table, *, purpose="view", visit=0, days=400, model="One"):
    """Write one accepted scan with a vector a patient, all drawn for validation."""
    at = datetime(2020, 1, 1, tzinfo=UTC) + timedelta(days=days * visit)
    keys = [f"s{visit}-{p:03}" for p in patients]
    with site.db.write(ticket.right) as connection:
        row = {"id": "enc", "cover": "2d", "purpose": purpose, "backbone": "b", "dim": DIM, "metric": "cosine",
               "recipe": "r", "origin": "trained", "provisional": True, "folder": "f", "manifest": MANIFEST,
               "created_night": ticket.night, "created_at": at}  # fmt: skip
        save_encoder(connection, row)
        set_active_encoder(connection, cover="2d", purpose=purpose, encoder="enc", reason="test", night=ticket.night)
        save_patients(connection, [
            {"key": f"p{p:03}", "split": 0.6 + 0.0001 * p, "sex": "F", "own_lane": True, "first_night": ticket.night}
            for p in patients])  # fmt: skip
        save_studies(connection, [
            {"key": f"t-{key}", "patient": f"p{p:03}", "age_years": None, "local_date": None, "acquired_from": None,
             "acquired_until": None, "first_night": ticket.night}
            for key, p in zip(keys, patients, strict=True)])  # fmt: skip
        save_scans(connection, [scan(key, p, at + timedelta(hours=p), ticket.night) | {"model": model}
                                      for key, p in zip(keys, patients, strict=True)])  # fmt: skip
        save_embeddings(connection, [
            {"scan": key, "encoder": "enc", "dim": DIM, "device": "cpu", "night": ticket.night,
             "vector": table[p].astype("<f4").tobytes()} for key, p in zip(keys, patients, strict=True)])  # fmt: skip


def scan(key, patient, at, night):
    return {
        "key": key, "study": f"t-{key}", "patient": f"p{patient:03}", "series": f"series-{key}", "cover": "2d",
        "kind": KIND, "kind_rule": "", "state": "accepted", "code": "used", "is_main": True, "main_rule": "",
        "acquired_from": at, "acquired_until": at + timedelta(minutes=1), "acquired_local_date": at.date(),
        "date_precision": "second", "age_years": None, "sex": "F", "tensor": key, "recipe": "r", "pictures": 0,
        "n_slices": 1, "first_night": night, "withdrawn_night": None, "manufacturer": "Maker", "model": "One",
    }  # fmt: skip


def night(site, *parts, purpose="view", **how):
    """One night that brings scans of some (patients, table, visit), and matches them."""
    with night_ticket(site, version="0", tick_at=None) as ticket:
        for patients, table, visit in parts:
            put(site, ticket, patients, table, purpose=purpose, visit=visit, **how)
        try:
            return match(site, ticket)
        finally:
            end_night(site.db, ticket.right, night=ticket.night, state="finished", exit_code=0)
