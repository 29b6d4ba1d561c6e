"""What the commands answer that tell the site something: patient ids, labels, a person to forget."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated

from flows.answers.answer import Answer, JsonObject


@dataclass(frozen=True)
class RefusedLine(JsonObject):
    """A line of a CSV that was not used."""

    line: Annotated[int, "its number"]
    why: Annotated[str, "what is wrong with it"]


@dataclass(frozen=True)
class PatientId(JsonObject):
    """A patient id and who issued it."""

    id: Annotated[str, "as DICOM has it"]
    issuer: Annotated[str, "empty where none is named"]


@dataclass(frozen=True)
class Conflict(JsonObject):
    """A patient id that is not trusted, or that may be another spelling of one; the command answers with a list."""

    id: Annotated[str, "as DICOM has it"]
    issuer: Annotated[str, "empty where none is named"]
    why: Annotated[str, "it is shown"]
    persons: Annotated[int, "different people in the headers"]
    files: Annotated[int, "that bear it"]
    trusted: Annotated[bool, "it has an own lane"]
    merge_into: Annotated[PatientId | None, "the id that it may be another spelling of"]


@dataclass(frozen=True)
class Merged(Answer):
    """What a CSV of merges did; keys and lists follow at the next night."""

    merged: Annotated[int, "corrections taken"]
    persons: Annotated[int, "people who change patient"]
    refused: Annotated[Sequence[RefusedLine], "lines that were not used"]
    changed_split: Annotated[int, "people who change sides between training and test"]
    encoders: Annotated[Sequence[str], "ids of encoders that learned from them on the other side"]


@dataclass(frozen=True)
class Unmerged(Answer):
    """What a CSV of merges to take back did; keys and lists follow at the next night."""

    unmerged: Annotated[int, "corrections taken"]
    persons: Annotated[int, "people who change patient"]
    refused: Annotated[Sequence[RefusedLine], "lines that were not used"]
    changed_split: Annotated[int, "people who change sides between training and test"]
    encoders: Annotated[Sequence[str], "ids of encoders that learned from them on the other side"]


@dataclass(frozen=True)
class ImportedLabels(Answer):
    """What a CSV of labels did."""

    imported: Annotated[int, "new or changed labels"]
    known: Annotated[int, "labels that were known before"]
    refused: Annotated[Sequence[RefusedLine], "lines that were not used"]


@dataclass(frozen=True)
class LabelsOfVerdicts(Answer):
    """Labels that were made of people's judgements."""

    labels: Annotated[int, "there are now"]
    new_or_changed: Annotated[int, "since the last time"]
    taken_back: Annotated[int, "since the last time"]
    disagreed: Annotated[int, "pairs that readers disagree on, and that make no label"]


@dataclass(frozen=True)
class Forgotten(Answer):
    """What was forgotten, and where the person may still be."""

    patients: Annotated[int, "people"]
    scans: Annotated[int, "their scans"]
    files: Annotated[int, "files of the store that were deleted"]
    pages: Annotated[int, "pages and texts that were emptied or deleted"]
    files_in_archive: Annotated[Sequence[str], "files of the archive, to be removed there"]
    backups: Annotated[Sequence[str], "backups that still hold the person"]
    encoders: Annotated[Sequence[str], "ids of encoders that learned from the person"]
    outside: Annotated[Sequence[str], "what is not reached from here"]
