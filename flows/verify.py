"""`match --verify`: every list once more from the vectors, by a plain loop, beside what the tables hold."""

from collections import defaultdict
from typing import Any

from db import queries
from flows.site import Site
from flows.space import Space, order_of, read_space
from siamese.distance import distances
from siamese.gallery import UNKNOWN_US

MOST_SHOWN = 20


def verify_matches(site: Site) -> dict[str, Any]:
    """Compare every current list with one made by sorting all distances; shares nothing with the search."""
    n_lists, differences = 0, []
    with site.db.read() as connection:
        for encoder in queries.active_encoders(connection):
            for kind in queries.kinds_of(connection, str(encoder["id"])):
                space = read_space(site, connection, str(encoder["id"]), kind)
                stored = _stored(queries.current_matches(connection, space.encoder, kind))
                for index, key in enumerate(space.gallery.keys):
                    for lane in ("own", "others"):
                        n_lists += 1
                        wanted = _own(site, space, index) if lane == "own" else _others(site, space, index)
                        if stored.pop((key, lane), []) != wanted:
                            differences.append(f"{kind}, scan {key[:8]}, lane {lane}")
                differences += [f"{kind}, scan {key[:8]}, lane {lane}: has no right to a list" for key, lane in stored]
    return {"schema": 1, "lists": n_lists, "wrong": len(differences), "differences": differences[:MOST_SHOWN]}


def _stored(rows: list[dict[str, Any]]) -> dict[tuple[str, str], list[tuple[Any, str, float]]]:
    lists: dict[tuple[str, str], list[tuple[Any, str, float]]] = defaultdict(list)
    for row in rows:
        lists[str(row["scan"]), str(row["lane"])].append((row["rank"], str(row["prior"]), float(row["distance"])))
    return {key: sorted(entries, key=_place) for key, entries in lists.items()}


def _place(entry: tuple[Any, str, float]) -> tuple[bool, int, str]:
    return entry[0] is None, entry[0] or 0, entry[1]


def _others(site: Site, space: Space, index: int) -> list[tuple[Any, str, float]]:
    gallery, earlier = space.gallery, order_of(site) == "earlier"
    if earlier and gallery.from_us[index] == UNKNOWN_US:
        return []
    best: dict[int, tuple[float, str]] = {}
    values = distances(gallery.vectors[index], gallery.vectors, space.metric)  # type: ignore[arg-type]
    for other in range(len(gallery)):
        if gallery.patients[other] == gallery.patients[index]:
            continue
        if earlier and (gallery.until_us[other] == UNKNOWN_US or gallery.until_us[other] > gallery.from_us[index]):
            continue
        found = (float(values[other]), gallery.keys[other])
        patient = int(gallery.patients[other])
        best[patient] = min(best.get(patient, found), found)
    ranked = sorted(best.values())[: site.settings.siamese.k]
    return [(rank, key, value) for rank, (value, key) in enumerate(ranked, 1)]


def _own(site: Site, space: Space, index: int) -> list[tuple[Any, str, float]]:
    from siamese.search import own_priors

    if not space.own_lane[index]:
        return []
    found = own_priors(space.gallery, index, metric=space.metric)  # type: ignore[arg-type]
    listed = [(n.rank, space.gallery.keys[n.index], float(n.distance)) for n in found]
    return sorted(listed, key=_place)
