"""What deployments name: `flows.nightly.night` and `flows.nightly.embed_shard`, wherever their code stands."""

from flows.night.prefect_flows import embed_shard, night

__all__ = ["embed_shard", "night"]
