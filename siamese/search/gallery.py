"""The scans that may be compared with each other: one kind, one encoder."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from siamese.search.distance import squared_lengths

Order = Literal["earlier", "any"]

UNKNOWN_US = int(np.iinfo(np.int64).min)  # acquired at an unknown time
NEVER_US = int(np.iinfo(np.int64).max)  # later than every time
NUMBERS_AT_ONCE = 1 << 16  # float64 numbers made of vectors at a time: 512 KiB stay in the cache


@dataclass(frozen=True, eq=False)
class Gallery:
    """Scans of one kind with their vectors by one encoder; row i of every field is the same scan.

    The arrays are not copied and must not be changed. Any order of rows gives the same answers; rows
    sorted by `until_us` let the search skip what is too late for a query.

    Args:
        keys: N scan keys, each once. They break ties of distance, in the order of their code points.
        vectors: (N, D) float32, unit length.
        patients: (N,) int64 codes of the patients, 0 or more.
        from_us: (N,) int64 microseconds UTC, start of the interval of acquisition, or UNKNOWN_US.
        until_us: (N,) int64 microseconds UTC, its end (exclusive), or UNKNOWN_US.
        studies: (N,) int64 codes of the studies; without it each row is a study of its own.

    Raises:
        ValueError: Fields of different length, a repeated key, a negative patient code, a vector not
            finite or not of unit length, an interval that is empty or half unknown.
    """

    keys: Sequence[str]
    vectors: NDArray[np.float32]
    patients: NDArray[np.int64]
    from_us: NDArray[np.int64]
    until_us: NDArray[np.int64]
    studies: NDArray[np.int64] | None = None
    squares: NDArray[np.float64] = field(init=False)  # (N,) |v|^2 of each vector

    def __post_init__(self) -> None:
        """Check the fields and measure the vectors."""
        _check_vectors(self.vectors)
        _check_columns(self)
        check_intervals(self.from_us, self.until_us)
        if len(set(self.keys)) != len(self.keys):
            raise ValueError("a scan key stands in the gallery twice")
        object.__setattr__(self, "squares", _squares(self.vectors))

    def __len__(self) -> int:
        """Return the number of scans."""
        return len(self.keys)

    @cached_property
    def deviation(self) -> float:
        """The greatest difference of a vector's length from 1."""
        return length_deviation(self.squares)

    @cached_property
    def end_us(self) -> NDArray[np.int64]:
        """When each scan is over, (N,); NEVER_US for an unknown date, which is earlier than nothing."""
        return np.where(self.until_us == UNKNOWN_US, NEVER_US, self.until_us)

    @cached_property
    def key_rank(self) -> NDArray[np.int64]:
        """Place of each key among the sorted keys, (N,)."""
        rank = np.empty(len(self), dtype=np.int64)
        rank[sorted(range(len(self)), key=self.keys.__getitem__)] = np.arange(len(self))
        return rank

    @cached_property
    def by_patient(self) -> NDArray[np.int64]:
        """All rows, those of one patient side by side, (N,)."""
        return np.argsort(self.patients, kind="stable")

    @cached_property
    def sorted_patients(self) -> NDArray[np.int64]:
        """The patients of `by_patient`, (N,)."""
        return self.patients[self.by_patient]

    def rows_of(self, patient: int) -> NDArray[np.int64]:
        """Return the rows of one patient."""
        low, high = np.searchsorted(self.sorted_patients, [patient, patient + 1])
        return self.by_patient[low:high]

    def part(self, rows: Sequence[int]) -> Gallery:
        """Return the gallery of some rows, in their order; codes of patients and studies stay what they are."""
        return Gallery(
            [self.keys[row] for row in rows],
            np.ascontiguousarray(self.vectors[rows]),
            self.patients[rows],
            self.from_us[rows],
            self.until_us[rows],
            None if self.studies is None else self.studies[rows],
        )


def check_rows(gallery: Gallery, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the row numbers as int64, or raise ValueError when one is not in the gallery."""
    rows = np.asarray(rows)
    if rows.ndim != 1 or (rows.size and rows.dtype.kind not in "iu"):
        raise ValueError(f"row numbers must be a list of integers, got {rows.dtype} of shape {rows.shape}")
    if rows.size and (rows.min() < 0 or rows.max() >= len(gallery)):
        raise ValueError(f"rows {rows.min()} to {rows.max()} wanted, the gallery holds {len(gallery)} scans")
    return rows.astype(np.int64)


def check_order(order: str) -> None:
    """Raise ValueError when no order has this name."""
    if order not in get_args(Order):
        raise ValueError(f"order is {order!r}, wanted one of {', '.join(get_args(Order))}")


def check_intervals(from_us: NDArray[np.int64], until_us: NDArray[np.int64]) -> None:
    """Raise ValueError unless each interval [from, until) has a length, or is unknown at both ends."""
    unknown = from_us == UNKNOWN_US
    wrong = np.flatnonzero(np.where(unknown, until_us != UNKNOWN_US, until_us <= from_us))
    if wrong.size:
        row = int(wrong[0])
        interval = f"[{from_us[row]}, {until_us[row]})"
        raise ValueError(f"row {row} was acquired within {interval}: empty or half unknown")


def length_deviation(squares: NDArray[np.float64]) -> float:
    """Return the greatest difference of a length from 1 among squared lengths (N,)."""
    return float(np.abs(np.sqrt(squares) - 1.0).max(initial=0.0))


def _squares(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    squares = np.empty(len(vectors))
    step = max(1, NUMBERS_AT_ONCE // vectors.shape[1])
    for start in range(0, len(vectors), step):
        squares[start : start + step] = squared_lengths(vectors[start : start + step])
    return squares


def _check_vectors(vectors: NDArray[np.float32]) -> None:
    if vectors.dtype != np.float32 or vectors.ndim != 2 or vectors.shape[1] == 0:
        raise ValueError(f"vectors must be (N, D) float32, got {vectors.dtype} of shape {vectors.shape}")


def _check_columns(gallery: Gallery) -> None:
    for name in ("patients", "from_us", "until_us", "studies"):
        column = getattr(gallery, name)
        if name == "studies" and column is None:
            continue
        if column.shape != (len(gallery.vectors),) or column.dtype != np.int64:
            wanted = f"({len(gallery.vectors)},) int64"
            raise ValueError(f"{name} must be {wanted}, got {column.dtype} of shape {column.shape}")
    if gallery.patients.min(initial=0) < 0:
        raise ValueError(f"patient codes must be 0 or more, got {gallery.patients.min()}")
    if len(gallery.keys) != len(gallery.vectors):
        raise ValueError(f"{len(gallery.keys)} keys for {len(gallery.vectors)} vectors")
