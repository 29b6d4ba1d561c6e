"""What `scantwin encoders` and its verbs answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from flows.answers.answer import Answer, JsonObject


@dataclass(frozen=True)
class Encoder(JsonObject):
    """An encoder with its evidence."""

    id: Annotated[str, "its id"]
    cover: Annotated[str, "2d or 3d"]
    purpose: Annotated[str, "what it learned to see"]
    origin: Annotated[str, "starter or trained"]
    backbone: Annotated[str, "its network"]
    dim: Annotated[int, "numbers of a vector"]
    metric: Annotated[str, "cosine or euclidean"]
    provisional: Annotated[bool, "it has not been shown to beat plain baselines here"]
    forgotten_patients: Annotated[int, "people it learned from who were forgotten since"]
    kernels: Annotated[str, "level of the processor that it was trained at, empty where unknown"]
    active: Annotated[bool, "it serves its cover and purpose"]
    since: Annotated[str | None, "moment, UTC; empty unless active"]
    vectors: Annotated[int, "scans that have its vector"]
    created: Annotated[str, "moment, UTC"]
    held_reason: Annotated[str, "why it waits in the shadow, or empty"]
    chosen_reason: Annotated[str, "why it is to become active, or empty"]
    validation: Annotated[Mapping[str, float | None], "its figures on patients of validation"]
    waiting: Annotated[int, "scans that need its vector before it becomes active"]
    vector_kernels: Annotated[Mapping[str, int], "level of the processor -> vectors made at it"]
    standing: Annotated[str, "what it has shown here, or why nothing yet"] = ""


@dataclass(frozen=True)
class Switch(JsonObject):
    """From then on an encoder was the active one."""

    id: Annotated[int, "number of the switch"]
    cover: Annotated[str, "2d or 3d"]
    purpose: Annotated[str, "what is seen"]
    encoder: Annotated[str | None, "id; empty for none"]
    night: Annotated[int | None, "that made it; empty by hand"]
    at: Annotated[str, "moment, UTC"]
    reason: Annotated[str, "why"]


@dataclass(frozen=True)
class Encoders(Answer):
    """Every encoder, and every switch between them."""

    encoders: Annotated[Sequence[Encoder], "oldest first"]
    history: Annotated[Sequence[Switch], "newest first"]


@dataclass(frozen=True)
class Activated(Answer):
    """Which encoder is active now."""

    cover: Annotated[str, "2d or 3d"]
    purpose: Annotated[str, "what is seen"]
    active: Annotated[str | None, "id of the encoder"]
    switched: Annotated[bool, "it was not active before"]
