"""An answer: a frozen dataclass whose fields, in their order, are the keys of a JSON object."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Annotated, TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class JsonObject:
    """A JSON object that other programs read: keys are added, never renamed or taken away."""

    def to_json(self) -> dict[str, object]:
        """Return plain values, keys in the order of the fields."""
        return asdict(self)


@dataclass(frozen=True, kw_only=True)
class Answer(JsonObject):
    """The whole of what a command answers."""

    schema: Annotated[int, "version of this object's keys"] = 1


def filled(kind: Callable[..., T], row: object, **more: object) -> T:
    """Return an object whose fields are taken from a row, or a mapping, that has all of them; `more` goes first."""
    names = [field.name for field in fields(kind) if field.name not in (*more, "schema")]  # type: ignore[arg-type]
    values = {name: row[name] if isinstance(row, Mapping) else getattr(row, name) for name in names}
    return kind(**values, **more)
