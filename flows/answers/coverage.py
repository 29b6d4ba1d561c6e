"""Coverage: which share of image files and of studies can be compared, and what would make it larger."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

from flows.answers.answer import Answer, JsonObject


@dataclass(frozen=True)
class Covered(JsonObject):
    """How many there are, and how many of them can be compared."""

    total: Annotated[int, "image files, or studies with such files"]
    in_lists: Annotated[int, "files of accepted scans, main or alternate, or studies with such files"]
    share: Annotated[float | None, "in_lists of total; empty when there are none"]

    @property
    def percent(self) -> str:
        """The share as people read it; cut off, so that 100% are all."""
        return f"{1000 * self.in_lists // self.total / 10:.1f}%" if self.total else "-"


@dataclass(frozen=True)
class Reason(JsonObject):
    """Why some cannot be compared."""

    code: Annotated[str, "outcome code"]
    files: Annotated[int, "image files that ended so"]
    files_this_night: Annotated[int, "of these, changed since the last night that succeeded before it"]
    studies: Annotated[int, "of which nothing can be compared, and most files ended so"]
    studies_this_night: Annotated[int, "the same, by the files of this night alone"]


@dataclass(frozen=True)
class ModalityCoverage(JsonObject):
    """Coverage of a modality."""

    modality: Annotated[str, "of DICOM; unknown: no header could be read, or it names none; all: of all together"]
    files: Annotated[Covered, "image files"]
    studies: Annotated[Covered, "studies with an image file of the modality"]
    files_this_night: Annotated[Covered, "of the files, changed since the last night that succeeded before it"]
    studies_this_night: Annotated[Covered, "studies of these"]
    reasons: Annotated[Sequence[Reason], "those of most files first; with in_lists they add up to total"]

    @property
    def top_reason(self) -> str:
        """The code of most files that cannot be compared, with their number; "" when there are none."""
        return f"{self.reasons[0].code} ({self.reasons[0].files:,})" if self.reasons else ""


@dataclass(frozen=True)
class Gain(JsonObject):
    """What would let more be compared."""

    code: Annotated[str, "of the files that it is about"]
    act: Annotated[str, "the line of config.toml, or the command"]
    files: Annotated[int, "image files that it would gain at most"]
    studies: Annotated[int, "studies that it would gain at most"]
    why: Annotated[str, "a sentence"]

    @property
    def size(self) -> str:
        """How much it would gain, in words."""
        files = "file" if self.files == 1 else "files"
        return f"{self.files:,} {files} of {self.studies:,} {'study' if self.studies == 1 else 'studies'} more"


@dataclass(frozen=True)
class Coverage(Answer):
    """Which share of image files and of studies can be compared."""

    total: Annotated[ModalityCoverage, "of all modalities, each study once"]
    modalities: Annotated[Sequence[ModalityCoverage], "those of most files first"]
    apart: Annotated[Mapping[str, int], "code -> files that are no images to be compared, or wait, or are gone"]
    gains: Annotated[Sequence[Gain], "what the site itself can do, the greatest first"]
    basis: Annotated[str, "digest of what it was counted from"] = ""

    @property
    def sentence(self) -> str:
        """How much can be compared, in words."""
        files, studies = self.total.files, self.total.studies
        if not files.total:
            return "No image file is there yet."
        return (
            f"{files.in_lists:,} of {files.total:,} image files ({files.percent}) and "
            f"{studies.in_lists:,} of {studies.total:,} studies ({studies.percent}) can be compared."
        )

    @classmethod
    def from_json(cls, keys: Mapping[str, Any]) -> "Coverage":
        """Return the coverage whose `to_json` gave these keys."""
        modalities = [_modality(row) for row in keys["modalities"]]
        gains = [Gain(**row) for row in keys["gains"]]
        return cls(_modality(keys["total"]), modalities, keys["apart"], gains, keys["basis"], schema=keys["schema"])

    def unchanged(self) -> "Coverage":
        """Return the same for a night that changed nothing."""
        return replace(self, total=_quiet(self.total), modalities=[_quiet(row) for row in self.modalities])


def _quiet(row: ModalityCoverage) -> ModalityCoverage:
    none = Covered(0, 0, None)
    reasons = [replace(reason, files_this_night=0, studies_this_night=0) for reason in row.reasons]
    return replace(row, files_this_night=none, studies_this_night=none, reasons=reasons)


def _modality(keys: Mapping[str, Any]) -> ModalityCoverage:
    shares = {name: Covered(**value) for name, value in keys.items() if name not in ("modality", "reasons")}
    return ModalityCoverage(keys["modality"], **shares, reasons=[Reason(**row) for row in keys["reasons"]])
