"""What a night will do. What it did is `flows.night.summary.Summary`, whose keys are explained here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from flows.answers.answer import Answer


@dataclass(frozen=True)
class DryNight(Answer):
    """What a night would do; nothing was written."""

    archive: Annotated[str, "folder of DICOM"]
    new: Annotated[int, "files never seen before"]
    changed: Annotated[int, "files with other bytes"]
    gone: Annotated[int, "files that are not there any more"]
    arriving: Annotated[int, "files that are still being written"]
    backlog: Annotated[int, "pieces of work left by nights before"]
    train: Annotated[Mapping[str, str], "cover -> purpose of the encoder that would be trained, or why none"]


SUMMARY: Mapping[str, str] = {
    "night": "its number",
    "state": "finished, nothing_new or partial",
    "exit": "exit code of the command",
    "files": "every file that the archive has ever shown, by its present outcome",
    "files_this_night": "files whose outcome changed since the last night that succeeded",
    "scans": "new, held_back and withdrawn by this night",
    "embeddings": "new vectors",
    "matches": "entered and left with this night, and current now",
    "encoders": "id, cover, purpose and provisional of the active ones",
    "seconds": "of each stage",
    "peak_rss_mib": "the most memory that the process held, MiB",
    "backlog": "pieces of work left for the next night",
    "report": "path of the night's page",
    "next": "the command to go on with",
    "watch": "code and facts of what stands out from the nights before",
    "undone": "code, count, meaning and action of work that was left because something failed",
    "held": "id, cover, purpose and held_reason of encoders in the shadow",
    "schema": "version of this object's keys",
}
