"""Embed: every scan gets one vector from each active encoder that covers it."""

from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from db import door_queries, queries, store
from flows.batch import Call, direct, run_batches
from flows.site import Site
from flows.ticket import Ticket
from siamese.tensor import load_tensor


def embed(site: Site, ticket: Ticket, call: Call = direct) -> Counter[str]:
    """Embed what is not embedded yet, here or on the gpu pool; then what candidates lack, and switch to those done."""
    from flows.candidates import embed_candidates

    return _embed_active(site, ticket, call) + embed_candidates(site, ticket, call)


def _embed_active(site: Site, ticket: Ticket, call: Call) -> Counter[str]:
    if site.settings.flows.pools:
        from flows.pools import embed_on_pool

        return embed_on_pool(site, ticket, backlog(site))
    counts: Counter[str] = Counter()
    size = site.settings.flows.scans_per_task
    for encoder, scans in backlog(site).items():
        ids = [f"{encoder} {scan}" for scan in scans]
        counts += run_batches(embed_scans, site, ticket, ids, size=size, call=call)
    return counts


def backlog(site: Site) -> dict[str, list[str]]:
    """Scans that wait for a vector, newest first, for each active encoder."""
    with site.db.read() as connection:
        return {
            str(encoder["id"]): queries.scans_to_embed(connection, str(encoder["id"]), str(encoder["cover"]))
            for encoder in queries.active_encoders(connection)
        }


def embed_scans(site: Site, ticket: Ticket, pairs: Sequence[str]) -> Counter[str]:
    """Embed some "ENCODER SCAN" pairs of one encoder and write their vectors."""
    from siamese.embedding import choose_device
    from siamese.embedding import embed as embed_tensors
    from siamese.kernels import kernels

    encoder_id = pairs[0].split(" ", 1)[0]
    scans = [pair.split(" ", 1)[1] for pair in pairs]
    with site.db.read() as connection:
        row = queries.encoder_row(connection, encoder_id)
    encoder = loaded_encoder(site.store / str(row["folder"]), site.settings.siamese.threads)
    tensors = [load_tensor(site.tensor(str(row["recipe"]), scan), encoder.recipe) for scan in scans]
    siamese = site.settings.siamese
    device = choose_device(siamese.device).type
    _refuse_other_device(site, encoder_id, device)
    vectors = embed_tensors(encoder, tensors, batch_size=siamese.batch_size, device=device)
    rows = [
        {"scan": scan, "encoder": encoder_id, "dim": int(row["dim"]), "vector": vector.astype("<f4").tobytes(),
         "device": device, "kernels": kernels(device), "night": ticket.night, "matched_night": None}
        for scan, vector in zip(scans, vectors, strict=True)
    ]  # fmt: skip
    with site.db.write(ticket.right) as connection:
        store.save_embeddings(connection, rows)
    return Counter(new_embeddings=len(rows))


class OtherDevice(Exception):
    """Vectors of CPU and GPU differ in their last bits and must not mix within one encoder."""


def _refuse_other_device(site: Site, encoder: str, device: str) -> None:
    with site.db.read() as connection:
        used = door_queries.embedding_devices(connection, encoder)
    if used and used != [device]:
        raise OtherDevice(
            f"encoder {encoder} made its vectors on {used[0]}, this machine would use {device}: set [siamese] device "
            f'= "{used[0]}", or train an encoder anew'
        )


@lru_cache(maxsize=4)
def loaded_encoder(folder: Path, threads: int) -> Any:
    """Return an encoder from its folder, read once a process, with torch told how many threads to use."""
    import torch

    from siamese.encoder import load

    torch.set_num_threads(threads)
    return load(folder)
