"""Exact nearest priors beside faiss's IndexFlatIP: time of 200 queries and of one, and memory.

`python -m benchmarks.search [--json] [--n 1000000] [--dim 256]`. Both hold the same unit vectors in processes of their
own and take turns. faiss searches plainly; ours does so too, and with the filters of the product (earlier,
other patients, one per patient) over dates in no order. "faiss+BLAS" is faiss told to use matrix products
for these 200 queries (`distance_compute_blas_threshold`), which some of its releases do by themselves.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from benchmarks.figure import Child, Figure, Tasks, in_turns, report
from siamese.search.distance import distances
from siamese.search.gallery import Gallery
from siamese.search.lanes import nearest_priors

N_QUERIES, K = 200, 20
SCANS_PER_PATIENT = 3
DAY_US = 86_400_000_000
DAYS = 3650
SEED = 0
PART = 50_000  # vectors made at a time


def main() -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.search", description=__doc__)
    parser.add_argument("--n", type=int, default=1_000_000, help="scans in the gallery")
    parser.add_argument("--dim", type=int, default=256, help="numbers of a vector")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    report(measure(options.n, options.dim, options.rounds), as_json=options.json)


def measure(n: int, dim: int, n_rounds: int) -> list[Figure]:
    """Return the four figures for n scans of so many numbers."""
    ours, peer = Child(ours_tasks, n, dim), Child(faiss_tasks, n, dim)
    ours.result("check plain", peer.result("ids"))
    ours.result("check filters")
    times = in_turns(
        {
            "plain": lambda: ours.time("plain"),
            "filters": lambda: ours.time("filters"),
            "one": lambda: ours.time("one"),
            "faiss": lambda: peer.time("plain"),
            "faiss+BLAS": lambda: peer.time("plain+BLAS"),
            "faiss one": lambda: peer.time("one"),
        },
        n_rounds=n_rounds,
    )
    plain = {name: times[name] for name in ("faiss", "faiss+BLAS")}
    size = f"top {K} of {N_QUERIES} queries among {n:,} x {dim}, {os.cpu_count()} cores"
    matrix_mib = n * dim * 4 / 1024**2
    return [
        Figure("search", times["plain"], plain, note=f"{size}; same ids after ranking in float64"),
        Figure("search-filters", times["filters"], plain, note="ours with its filters, faiss without"),
        Figure("search-one", times["one"], {"faiss": times["faiss one"]}, note="one query, with filters"),
        Figure("search-memory", [ours.end()], {"the matrix": [matrix_mib], "faiss": [peer.end()]}, unit="MiB"),
    ]


def ours_tasks(n: int, dim: int) -> Tasks:
    """Make the galleries; in the plain one each scan is of another patient."""
    vectors = np.empty((n, dim), np.float32)
    for start, part in unit_vectors(n, dim):
        vectors[start : start + len(part)] = part
    rng = np.random.default_rng(SEED)
    from_us = rng.integers(0, DAYS, n) * DAY_US
    patients = rng.integers(0, max(1, n // SCANS_PER_PATIENT), n)
    keys = [f"{key:016x}" for key in range(n)]
    filtered = Gallery(keys, vectors, patients, from_us, from_us + DAY_US)
    plain = Gallery(keys, vectors, np.arange(n), from_us, from_us + DAY_US)
    asked = queries(n)
    for gallery in (filtered, plain):
        nearest_priors(gallery, asked[:1], k=K)  # what a gallery works out once, as faiss's `add` does
    return {
        "plain": lambda: nearest_priors(plain, asked, k=K, order="any"),
        "filters": lambda: nearest_priors(filtered, asked, k=K),
        "one": lambda: nearest_priors(filtered, asked[:1], k=K),
        "check plain": lambda found: check_plain(plain, found),
        "check filters": lambda: check_filters(filtered),
    }


def faiss_tasks(n: int, dim: int) -> Tasks:
    """Make faiss's index of the same vectors."""
    import faiss

    index = faiss.IndexFlatIP(dim)
    for _, part in unit_vectors(n, dim):
        index.add(part)
    asked = np.stack([index.reconstruct(int(row)) for row in queries(n)])
    as_shipped = faiss.cvar.distance_compute_blas_threshold

    def search(vectors: NDArray[np.float32], k: int, blas_threshold: int) -> NDArray[np.int64]:
        faiss.cvar.distance_compute_blas_threshold = blas_threshold
        return np.asarray(index.search(vectors, k)[1])

    return {
        "plain": lambda: search(asked, K, as_shipped),
        "plain+BLAS": lambda: search(asked, K, 1),
        "one": lambda: search(asked[:1], K, as_shipped),
        "ids": lambda: search(asked, 2 * K, as_shipped),
    }


def unit_vectors(n: int, dim: int) -> Iterator[tuple[int, NDArray[np.float32]]]:
    """Yield (first row, unit vectors) of n rows in parts, the same ones each time."""
    for start in range(0, n, PART):
        rng = np.random.default_rng([SEED, start])
        part = rng.standard_normal((min(PART, n - start), dim), dtype=np.float32)
        yield start, part / np.linalg.norm(part, axis=1, keepdims=True)


def queries(n: int) -> NDArray[np.int64]:
    """Return the rows that are asked for."""
    return np.random.default_rng(SEED).choice(n, min(n, N_QUERIES), replace=False)


def check_plain(gallery: Gallery, found: NDArray[np.int64]) -> None:
    """Stop unless faiss's ids, ranked in float64 without the query itself, are ours."""
    asked = queries(len(gallery))
    ours = nearest_priors(gallery, asked, k=K, order="any")
    for query, ids, lane in zip(asked, found, ours, strict=True):
        others = ids[(ids != query) & (ids >= 0)]
        lengths = distances(gallery.vectors[others], gallery.vectors[query])
        ranked = others[np.lexsort((others, lengths))][:K]  # the keys are in the order of the rows
        if ranked.tolist() != [entry.index for entry in lane]:
            raise SystemExit(f"query {query}: faiss found {ranked.tolist()}, ours {lane}")


def check_filters(gallery: Gallery) -> None:
    """Stop unless a few filtered lists are those of one pass in float64 over everything."""
    asked = queries(len(gallery))[:3]
    for query, lane in zip(asked, nearest_priors(gallery, asked, k=K), strict=True):
        eligible = (gallery.until_us <= gallery.from_us[query]) & (gallery.patients != gallery.patients[query])
        rows = np.flatnonzero(eligible)
        lengths = [distances(gallery.vectors[part], gallery.vectors[query]) for part in np.array_split(rows, 100)]
        rows = rows[np.lexsort((rows, np.concatenate(lengths)))]
        _, first = np.unique(gallery.patients[rows], return_index=True)
        if rows[np.sort(first)[:K]].tolist() != [entry.index for entry in lane]:
            raise SystemExit(f"query {query}: the filtered list differs from one pass in float64")


if __name__ == "__main__":
    main()
