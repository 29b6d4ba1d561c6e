"""Every code that a file, a scan, its date, a lane or a night can end with, and the errors that carry one.

A `Refusal` says why an object cannot be used. It is raised low and caught in one place, where its
code and facts become a row. Facts never hold a name, a patient id, a UID, an accession number, a
date of a person or a path: they go to core tables and to reports.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar

from scans.codes import DATE, FILE, LANE, NIGHT, SCAN, Outcome

__all__ = ["OUTCOMES", "Outcome", "Refusal", "outcome"]

OUTCOMES: Mapping[str, Outcome] = MappingProxyType({o.code: o for o in (*FILE, *SCAN, *DATE, *LANE, *NIGHT)})


def outcome(code: str) -> Outcome:
    """Return what a code means and what to do about it.

    Raises:
        KeyError: No outcome has this code.
    """
    try:
        return OUTCOMES[code]
    except KeyError:
        raise KeyError(f"no outcome has the code {code!r}; known: {', '.join(sorted(OUTCOMES))}") from None


class Refusal(Exception):
    """An object cannot be used: record the code and the facts, go on with the next one."""

    code: ClassVar[str]

    def __init_subclass__(cls, *, code: str = "") -> None:
        """Give a kind of refusal the code of its outcome."""
        if code:
            cls.code = outcome(code).code

    def __init__(self, facts: str = "") -> None:
        """Keep the facts: numbers and technical words only, never identity."""
        super().__init__(facts)
        self.facts = facts

    def __str__(self) -> str:
        """Return the code with the facts behind it."""
        return f"{self.code}: {self.facts}" if self.facts else self.code

    def __reduce__(self) -> tuple[type["Refusal"], tuple[str]]:
        """Travel between processes: class and facts are all there is."""
        return type(self), (self.facts,)

    @property
    def outcome(self) -> Outcome:
        """The outcome that the code stands for."""
        return outcome(self.code)


# --- what a file is ---------------------------------------------------------------------------


class NotDicom(Refusal, code="not-dicom"):
    """The bytes are not a DICOM file."""


class NotConformant(Refusal, code="not-conformant"):
    """It looks like DICOM, has no preamble and lacks what would prove it."""


class PackedFiles(Refusal, code="packed"):
    """The bytes are a packed archive that may hold DICOM files."""


class Dicomdir(Refusal, code="dicomdir"):
    """A directory of other files, not an image. Source: DICOM PS3.10 8.6."""


class NotARegularFile(Refusal, code="not-a-regular-file"):
    """A link, pipe, socket or device: never opened."""


class NoPermission(Refusal, code="no-permission"):
    """The operating system forbids reading."""


class Gone(Refusal, code="gone"):
    """The file was listed and is not there any more."""


class StillArriving(Refusal, code="still-arriving"):
    """The file grew or shrank while it was read."""


class Unreadable(Refusal, code="unreadable"):
    """The bytes start as DICOM and then make no sense."""


class TooLarge(Refusal, code="too-large"):
    """File or image is larger than anything that we take in."""


class Truncated(Refusal, code="truncated"):
    """The file ends before its content does."""


class NestedTooDeep(Refusal, code="nested-too-deep"):
    """Sequences within sequences, deeper than any object needs."""


class DecoderCrashed(Refusal, code="decoder-crashed"):
    """The child process that looked at the file died of it."""


class TookTooLong(Refusal, code="took-too-long"):
    """Looking at the file took longer than it may."""


class TooMuchMemory(Refusal, code="too-much-memory"):
    """Looking at the file took more memory than it may."""


class DiskError(Refusal, code="disk-error"):
    """The disk or the share did not answer."""


class MissingUid(Refusal, code="missing-uid"):
    """SOP instance, series or study UID is absent or malformed."""


class BadValue(Refusal, code="bad-value"):
    """A header value that the pixels need is impossible."""


# --- what an instance is ----------------------------------------------------------------------


class NoPixels(Refusal, code="no-pixels"):
    """An image object without pixel data."""


class NotAnImage(Refusal, code="not-an-image"):
    """Report, plan, waveform, presentation state: an object that has no image by nature."""


class UnknownSopClass(Refusal, code="sop-class-unknown"):
    """Pixels under a private or unknown SOP class."""


class UnsupportedSyntax(Refusal, code="unsupported-syntax"):
    """No decoder here for the transfer syntax."""


class Colour(Refusal, code="colour"):
    """More than one sample a pixel, or a palette."""


class Localizer(Refusal, code="localizer"):
    """A scout image, not a scan. Source: DICOM PS3.3 C.7.6.1.1.2, value 3."""


class Derived(Refusal, code="derived"):
    """A map, a projection through a volume or a phase picture."""


class DerivedObject(Refusal, code="derived-object"):
    """Segmentation, dose grid or parametric map."""


class ForProcessing(Refusal, code="for-processing"):
    """Raw detector values that were never meant for a reader."""


class SecondaryCapture(Refusal, code="secondary-capture"):
    """A screen picture or digitised film."""


class EnhancedUnsupported(Refusal, code="enhanced-unsupported"):
    """One file with many frames and geometry per frame."""


class MultiFrame(Refusal, code="multi-frame"):
    """Several frames in an object that should hold one."""


class MosaicUnsupported(Refusal, code="mosaic-unsupported"):
    """All slices of a volume tiled into one picture, which does not tell how many or where they are."""


class OtherModality(Refusal, code="modality-unsupported"):
    """A modality that no encoder covers."""


class RejectionNote(Refusal, code="rejection-note"):
    """A key object that withdraws the instances it names. Source: IHE RAD TF, IOCM."""


class Rejected(Refusal, code="rejected"):
    """A rejection note withdraws the instance."""


# --- what a stack is --------------------------------------------------------------------------


class DuplicateInstance(Refusal, code="duplicate"):
    """The same instance again, with the same pixels."""


class UidConflict(Refusal, code="uid-conflict"):
    """One SOP instance UID on different content."""


class MixedPatients(Refusal, code="mixed-patients"):
    """One series UID on files of several patients."""


class NoGeometry(Refusal, code="no-geometry"):
    """Position, orientation or pixel spacing is absent or impossible."""


class SingleSlice(Refusal, code="single-slice"):
    """One slice is no volume."""


class TooFewSlices(Refusal, code="too-few-slices"):
    """Two slices: one gap has nothing to be compared with."""


class TimeSeries(Refusal, code="time-series"):
    """The same positions were observed again and again."""


class TimePoint(Refusal, code="time-point"):
    """Another volume of the same places stands for the series, see `scans.timepoints`."""


class RepeatedPositions(Refusal, code="repeated-positions"):
    """Several slices at one position and nothing that tells them apart."""


class MissingSlices(Refusal, code="missing-slices"):
    """The gaps are whole multiples of the step: slices are missing."""


class UnevenSpacing(Refusal, code="uneven-spacing"):
    """The gaps differ by more than the tolerance."""


class Tilted(Refusal, code="tilted"):
    """The slices are shifted against each other: a gantry tilt. Source: dcm2niix#253."""


class MixedAcquisitions(Refusal, code="mixed-acquisitions"):
    """Slices of one stack were acquired with different settings, a few of them with each."""


class MixedDirections(Refusal, code="mixed-directions"):
    """The slices turn, or their pixels grow, a little from one to the next."""


class PositionsContradict(Refusal, code="positions-contradict"):
    """One ImagePositionPatient on slices that another tag puts elsewhere."""


class ConcatenationIncomplete(Refusal, code="concatenation-incomplete"):
    """An object that was cut into several lacks some of them. Source: DICOM PS3.3 C.7.6.16.2.2.4."""


class MixedFrames(Refusal, code="mixed-frames"):
    """Slices of one stack lie in different frames of reference. Source: DICOM PS3.3 C.7.4.1."""


class MixedEncoding(Refusal, code="mixed-encoding"):
    """Slices of one stack store their pixels in ways that cannot be one volume."""


# --- what the pixels are ----------------------------------------------------------------------


class DecodeFailed(Refusal, code="decode-failed"):
    """A decoder exists and failed on these bytes."""


class CodestreamDiffers(Refusal, code="codestream-differs"):
    """The compressed pixels are of another size than the header says."""


class ConstantImage(Refusal, code="constant-image"):
    """All voxels have one value."""


class NotFinite(Refusal, code="not-finite"):
    """Voxels hold values that are not finite numbers."""
