"""What a night will do. What it did is `flows.night.summary.Summary`, whose keys are explained here."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

from flows.answers.answer import Answer, JsonObject


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


@dataclass(frozen=True)
class NightEncoder(JsonObject):
    """An encoder that served when a night ended."""

    id: Annotated[str, "its id"]
    cover: Annotated[str, "2d or 3d"]
    purpose: Annotated[str, "what it learned to see"]
    provisional: Annotated[bool, "it has not been shown to beat plain baselines here"]
    standing: Annotated[str, "what it has shown here, or why nothing yet"] = ""


SUMMARY: Mapping[str, str] = {
    "night": "its number",
    "state": "finished, nothing_new or partial",
    "exit": "exit code of the command",
    "files": "every file that the archive has ever shown, by its present outcome",
    "files_this_night": "files whose outcome changed since the last night that succeeded",
    "scans": "new, held_back and withdrawn by this night",
    "embeddings": "new vectors",
    "matches": "entered and left with this night, and current now",
    "encoders": "the active ones",
    "seconds": "of each stage",
    "peak_rss_mib": "the most memory that the process held, MiB",
    "backlog": "pieces of work left for the next night",
    "report": "path of the night's page",
    "next": "the command to go on with",
    "watch": "code and facts of what stands out from the nights before",
    "undone": "work that was left because something failed",
    "held": "encoders in the shadow, and why",
    "inputs": "encoder inputs that are kept, their bytes, dropped by this night, to_make again by the next one",
    "coverage": "which share of image files and studies can be compared, this night and in all",
    "schema": "version of this object's keys",
}
