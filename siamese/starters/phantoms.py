"""A synthetic hospital as training examples."""

import csv
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence, Set
from pathlib import Path

from scans.archive import list_files, real_path
from scans.header import read_header
from scans.outcome import Refusal
from scans.stack import Member, Stack, group
from scans.volume import read_volume
from siamese.example import Example
from siamese.recipe import recipe_for
from siamese.tensor import save_tensor, to_tensor

GOLDEN = 0.6180339887498949  # its multiples fill an interval evenly

Labels = dict[tuple[str, str], dict[str, set[str]]]  # study, kind -> "present" and "absent" -> findings


def read_phantoms(hospital: Path, tensors: Path) -> list[Example]:
    """Read what `scans.phantoms` wrote, of all kinds, both reconstructions and all sequences.

    Args:
        hospital: The folder with archive/ and labels.csv.
        tensors: An existing folder for the encoder inputs.
    """
    root = hospital / "archive"
    labels = _read_labels(hospital / "labels.csv")
    stacks = [stack for stack in group(list(_members(root))).stacks if stack.kind.known]
    numbers = _split_numbers({stack.members[0].header.identity.patient_id for stack in stacks})
    return [_example(stack, root, tensors, labels, numbers) for stack in stacks]


def _members(root: Path) -> Iterator[Member]:
    for entry in sorted(list_files(root)):
        try:
            yield Member(entry.path, entry.path, read_header(real_path(root, entry.path)))
        except Refusal:
            continue  # a hospital has files that are no scans; phantoms write a few


def _read_labels(path: Path) -> Labels:
    labels: Labels = defaultdict(lambda: {"present": set(), "absent": set()})
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            labels[row["study"], row["kind"]][row["value"]].add(row["finding"])
    return labels


def _split_numbers(patients: Set[str]) -> dict[str, float]:
    """Return a number in [0, 1) for each patient, spread evenly: phantoms have no database to keep one."""
    return {patient: (i * GOLDEN) % 1.0 for i, patient in enumerate(sorted(patients))}


def _example(stack: Stack, root: Path, tensors: Path, labels: Labels, numbers: Mapping[str, float]) -> Example:
    path = tensors / f"{stack.digest}.npy"
    save_tensor(path, to_tensor(read_volume(stack, root), recipe_for(stack.kind.cover)))
    who = stack.members[0].header.identity
    marks = labels[who.study_uid, stack.kind.key]
    return Example(
        scan=stack.digest,
        patient=who.patient_id,
        study=who.study_uid,
        kind=stack.kind.key,
        tensor=path,
        present=frozenset(marks["present"]),
        absent=frozenset(marks["absent"]),
        split_number=numbers[who.patient_id],
    )


def of_cover(examples: Sequence[Example], cover: str) -> list[Example]:
    """Return the examples of one cover."""
    return [e for e in examples if e.kind.split("/")[2] == cover]
