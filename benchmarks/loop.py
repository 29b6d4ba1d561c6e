"""The night's work in a plain loop: the same stage functions without Prefect, SQL or accounting."""

from collections import defaultdict
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np

from benchmarks.plain_pictures import BACKBONE
from scans.acquired import Acquired, acquired
from scans.archive import list_files, real_path
from scans.atomic import write_atomically
from scans.header import read_header
from scans.outcome import Refusal
from scans.picture import allowed, pictures
from scans.stack import Member, Stack, group
from scans.volume import read_volume
from siamese.embedding import embed
from siamese.recipe import recipe_for
from siamese.search.gallery import UNKNOWN_US, Gallery
from siamese.search.lanes import nearest_priors, own_priors
from siamese.tensor import load_tensor, save_tensor, to_tensor
from siamese.training.head import starter_of


def plain_night(archive: Path, home: Path) -> int:
    """Do a night's work; returns how many matches it found."""
    n_matches = 0
    tensors: dict[str, list[tuple[Stack, Path]]] = defaultdict(list)
    for number, stack in enumerate(_stacks(archive)):
        try:
            tensors[stack.kind.cover].append((stack, _prepare(stack, archive, home / f"{number}")))
        except Refusal:
            continue
    for cover, made in tensors.items():
        encoder = starter_of(BACKBONE, cover)
        vectors = embed(encoder, [load_tensor(path, encoder.recipe) for _, path in made])
        by_kind: dict[str, list[int]] = defaultdict(list)
        for index, (stack, _) in enumerate(made):
            by_kind[stack.kind.key].append(index)
        for rows in by_kind.values():
            n_matches += _match([made[i][0] for i in rows], np.ascontiguousarray(vectors[rows]))
    return n_matches


def _stacks(archive: Path) -> list[Stack]:
    by_series: dict[str, list[Member]] = defaultdict(list)
    for entry in list_files(archive):
        try:
            header = read_header(real_path(archive, entry.path))
        except Refusal:
            continue
        by_series[header.identity.series_uid].append(Member(entry.path, entry.path, header))
    return [stack for members in by_series.values() for stack in group(members).stacks]


def _prepare(stack: Stack, archive: Path, out: Path) -> Path:
    volume = read_volume(stack, archive)
    path = out.with_suffix(".npy")
    save_tensor(path, to_tensor(volume, recipe_for(stack.kind.cover, BACKBONE)))
    if allowed(stack.members[0].header):
        for picture in pictures(volume):
            write_atomically(out.with_name(f"{out.name}-{picture.plane}.png"), picture.png)
    return path


def _match(stacks: list[Stack], vectors: np.ndarray) -> int:
    whens = [acquired([m.header for m in stack.members], ZoneInfo("UTC")) for stack in stacks]
    people = [stack.members[0].header.identity for stack in stacks]
    gallery = Gallery(
        keys=[stack.digest for stack in stacks],
        vectors=vectors,
        patients=_codes([who.patient_id for who in people]),
        studies=_codes([who.study_uid for who in people]),
        from_us=_microseconds(whens, "from_utc"),
        until_us=_microseconds(whens, "until_utc"),
    )
    others = nearest_priors(gallery, np.arange(len(stacks)), k=20)
    return sum(map(len, others)) + sum(len(own_priors(gallery, i)) for i in range(len(stacks)))


def _codes(keys: list[str]) -> np.ndarray:
    return np.unique(keys, return_inverse=True)[1].astype(np.int64)


def _microseconds(whens: list[Acquired], end: str) -> np.ndarray:
    moments = [getattr(when, end) for when in whens]
    return np.array([UNKNOWN_US if m is None else int(m.timestamp() * 1e6) for m in moments], np.int64)
