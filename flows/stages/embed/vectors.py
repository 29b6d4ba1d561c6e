"""Embed: every scan gets one vector from each active encoder that covers it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from db.embeddings import embedding_devices, save_embeddings, scans_to_embed
from db.encoders import active_encoders, encoder_row, lock_encoder
from flows.records.loaded_encoder import loaded_encoder
from flows.site.errors import DeviceMissing, OtherDevice
from flows.site.opened import Site
from flows.stages.embed.inputs import ask_for_inputs
from flows.work.batch import Call, run_batches, slices
from flows.work.batch_ids import scan_ids, scans_of_ids
from flows.work.lease import Ticket
from flows.work.undone import undone
from siamese.manifest import Manifest
from siamese.recipe import BY_DIGEST, Recipe
from siamese.tensor import BadTensor, load_tensor
from siamese.vector_bytes import to_bytes

if TYPE_CHECKING:
    from siamese.encoder import Encoder


def embed_backlog(site: Site, ticket: Ticket, waiting: Mapping[str, Sequence[str]], call: Call) -> Counter[str]:
    """Embed encoder -> scans, here or on the gpu pool."""
    if site.settings.flows.pools:
        from flows.stages.embed.gpu_pool import embed_on_pool

        return embed_on_pool(site, ticket, waiting)
    counts: Counter[str] = Counter()
    for encoder, scans in waiting.items():
        ids = scan_ids(encoder, scans)
        size = site.settings.flows.scans_per_task
        counts += run_batches(embed_scans, site, ticket, ids, size=size, call=call)
    return counts


def backlog(site: Site) -> dict[str, list[str]]:
    """Scans that wait for a vector, newest first, for each active encoder."""
    with site.db.read() as connection:
        return {
            encoder.id: scans_to_embed(connection, encoder.id, encoder.cover) for encoder in active_encoders(connection)
        }


def embed_scans(site: Site, ticket: Ticket, pairs: Sequence[str]) -> Counter[str]:
    """Embed some "ENCODER SCAN" pairs of one encoder and write their vectors.

    A scan whose input is missing or damaged, or of which the encoder makes no usable vector, keeps no other waiting.
    """
    from siamese.kernels import kernels

    encoder_id, scans = scans_of_ids(pairs)
    with site.db.read() as connection:
        row = encoder_row(connection, encoder_id)
    encoder = loaded_encoder(site.store / row.folder, site.settings.siamese.threads)
    device, batch_size = device_for(site, encoder_id), site.settings.siamese.batch_size
    n_inputs, vectors = 0, dict[str, NDArray[np.float32]]()
    for batch in slices(scans, batch_size):  # an input may be as large as 32 MiB
        found = {scan: _input(site.tensor(row.recipe, scan), encoder.recipe) for scan in batch}
        inputs = {scan: tensor for scan, tensor in found.items() if tensor is not None}
        n_inputs += len(inputs)
        vectors |= _vectors(encoder, inputs, batch_size, device)
    rows = [
        {"scan": scan, "encoder": encoder_id, "dim": row.dim, "vector": to_bytes(vector),
         "device": device, "kernels": kernels(device), "night": ticket.night, "matched_night": None}
        for scan, vector in vectors.items()
    ]  # fmt: skip
    with site.db.write(ticket.right) as connection:
        lock_encoder(connection, encoder_id)  # two machines of two sorts may be the first ones
        _refuse_other_device(embedding_devices(connection, encoder_id), encoder_id, device)
        save_embeddings(connection, rows)
    counts = Counter(new_embeddings=len(rows))
    return counts + undone("tensor-damaged", len(scans) - n_inputs) + undone("vector-unusable", n_inputs - len(vectors))


def _input(path: Path, recipe: Recipe) -> NDArray[np.float32] | None:
    try:
        return load_tensor(path, recipe)
    except (BadTensor, FileNotFoundError):
        return None


def _vectors(
    encoder: "Encoder", inputs: Mapping[str, NDArray[np.float32]], batch_size: int, device: str
) -> dict[str, NDArray[np.float32]]:
    """Scan -> vector; a batch with a scan that makes no usable one is done scan by scan: the padding keeps the bits."""
    from siamese.embedding import BadEmbedding
    from siamese.embedding import embed as embed_tensors

    def made(scans: Sequence[str]) -> dict[str, NDArray[np.float32]]:
        tensors = [inputs[scan] for scan in scans]
        return dict(zip(scans, embed_tensors(encoder, tensors, batch_size=batch_size, device=device), strict=True))

    try:
        return made(list(inputs))
    except BadEmbedding:
        vectors: dict[str, NDArray[np.float32]] = {}
        for scan in inputs:
            try:
                vectors |= made([scan])
            except BadEmbedding:
                continue  # counted by who asked: it has no vector
        return vectors


def make_again(site: Site, ticket: Ticket) -> int:
    """Ask for inputs that are damaged to be made from their files, by the next night; returns how many."""
    with site.db.read() as connection:
        recipes = {row.id: row.recipe for row in active_encoders(connection)}
    waiting = [(scan, recipes[encoder]) for encoder, scans in backlog(site).items() for scan in scans]
    bad = [(scan, recipe) for scan, recipe in waiting if not _is_whole(site.tensor(recipe, scan), recipe)]
    for scan, recipe in bad:
        site.tensor(recipe, scan).unlink(missing_ok=True)
    return ask_for_inputs(site, ticket, [scan for scan, _ in bad])


def _is_whole(path: Path, recipe: str) -> bool:
    known = BY_DIGEST.get(recipe)
    return known is None or _input(path, known) is not None


def device_for(site: Site, encoder: str) -> str:
    """The device, "cpu" or "cuda", that this machine makes an encoder's vectors on.

    "auto" keeps to the device that made the encoder's first vectors; without any it takes a GPU where there is one.

    Raises:
        DeviceMissing: The configuration asks for a GPU, and there is none; or the encoder's engine or precision is not.
        OtherDevice: The encoder's vectors were made on another device than can be used here.
    """
    import torch

    from siamese.arithmetic import arithmetic_refusal

    wanted, has_gpu = site.settings.siamese.device, torch.cuda.is_available()
    if wanted == "cuda" and not has_gpu:
        raise DeviceMissing('[siamese] device = "cuda", but this machine has no GPU; set "auto" or "cpu"')
    with site.db.read() as connection:
        used = embedding_devices(connection, encoder)
        manifest = Manifest.from_json(encoder_row(connection, encoder).manifest)
    here = "cuda" if has_gpu and manifest.engine == "torch" else "cpu"
    device = wanted if wanted != "auto" else "cpu" if used == ["cpu"] else here
    if why := arithmetic_refusal(manifest.engine, manifest.precision, device):
        raise DeviceMissing(f"encoder {encoder}: {why}")
    _refuse_other_device(used, encoder, device)
    return device


def device_or_cpu(site: Site, encoder: str) -> str:
    """The device for a vector that is not kept: the encoder's own where this machine has it, else the CPU."""
    try:
        return device_for(site, encoder)
    except (DeviceMissing, OtherDevice):
        return "cpu"


def _refuse_other_device(used: Sequence[str], encoder: str, device: str) -> None:
    if used and list(used) != [device]:
        raise OtherDevice(
            f"encoder {encoder} made its vectors on {used[0]}, this machine would use {device}: set [siamese] device "
            f'= "{used[0]}", or train an encoder anew'
        )
