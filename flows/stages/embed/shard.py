"""One shard of a night's embedding, on whatever machine this runs; how it gets on is written to its row."""

import socket
from collections.abc import Sequence

from db import shards
from flows.site.environment import tells_server
from flows.site.opened import Site
from flows.stages.embed.vectors import embed_scans
from flows.work import failure
from flows.work.batch import Call, slices
from flows.work.lease import Ticket
from flows.work.undone import codes_of


class ShardFailed(Exception):
    """A shard could not be embedded; the text is a code and our own sentence, fit for Prefect's database."""


def embed_shard(
    site: Site, ticket: Ticket, shard: int, attempt: int, pairs: Sequence[str], call: Call
) -> dict[str, int]:
    """Embed "ENCODER SCAN" pairs of one encoder, batch by batch; stops when the night has given the shard up.

    Raises:
        ShardFailed: It could not; its row has the code.
    """
    with site.db.write(ticket.right) as connection:
        mine = {"night": ticket.night, "number": shard, "attempt": attempt}
        if not shards.begin(connection, machine=socket.gethostname(), **mine):
            return {"new_embeddings": 0, "given_up": 1}
    try:
        if tells_server():
            raise ShardFailed("worker-tells")
        return _embed(site, ticket, mine, pairs, call)
    except Exception as error:
        code = str(error) if isinstance(error, ShardFailed) else failure.shard_code(error)
        with failure.tolerated(True), site.db.write(ticket.right) as connection:
            shards.end(connection, state="failed", code=code, **mine)
        raise ShardFailed(f"{code}: {failure.sentence(code)}") from None


def _embed(site: Site, ticket: Ticket, mine: dict[str, int], pairs: Sequence[str], call: Call) -> dict[str, int]:
    n_new, code = 0, ""
    for some in slices(pairs, site.settings.flows.scans_per_task):
        found = call(embed_scans, site, ticket, some)
        n_new += found.get("new_embeddings", 0)
        code = code or next(iter(codes_of(found)), "")
        with site.db.write(ticket.right) as connection:
            if not shards.hear(connection, **mine):
                return {"new_embeddings": n_new, "given_up": 1}
    with site.db.write(ticket.right) as connection:
        shards.end(connection, state="done", code=code, **mine)
    return {"new_embeddings": n_new}
