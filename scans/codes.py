"""The table of outcomes: what was found, in a sentence, and what to do about it, in another.

States are those of a file: *skipped* is fine and not ours to use, *quarantined* wants a person to
look. Lanes and nights have no such state.
"""

from dataclasses import dataclass
from typing import Literal

Subject = Literal["file", "scan", "date", "lane", "night"]
State = Literal["used", "skipped", "quarantined", "waiting", "gone", ""]


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a file, a scan, a date of it, a lane or a night ended."""

    code: str
    subject: Subject
    state: State
    meaning: str  # what was found
    action: str  # what to do


NOTHING = "Nothing to do."


def _skip(code: str, meaning: str, action: str = NOTHING) -> Outcome:
    return Outcome(code, "file", "skipped", meaning, action)


def _look(code: str, meaning: str, action: str) -> Outcome:
    return Outcome(code, "file", "quarantined", meaning, action)


def _lane(code: str, meaning: str, action: str = NOTHING) -> Outcome:
    return Outcome(code, "lane", "", meaning, action)


def _date(code: str, meaning: str, action: str) -> Outcome:
    return Outcome(code, "date", "", meaning, action)


def _night(code: str, meaning: str, action: str = NOTHING) -> Outcome:
    return Outcome(code, "night", "", meaning, action)


# fmt: off
FILE = (
    Outcome("used", "file", "used", "The file is part of a scan.", NOTHING),
    Outcome("still-arriving", "file", "waiting", "The file changed a moment ago.",
            "Nothing to do; the next night reads it."),
    Outcome("not-yet-read", "file", "waiting", "The night ended before the file's turn.",
            "Nothing to do; the next night reads it. Raise finish_by if the backlog grows."),
    Outcome("disk-error", "file", "waiting", "The disk or the share failed while the file was read.",
            "Check the storage; the next night tries again."),
    Outcome("gone", "file", "gone", "The file was in the archive and is not there any more.",
            "Nothing to do, unless nobody took it away."),
    _skip("duplicate", "The same instance with the same pixels is there already.",
          "Nothing to do; the other copy counts."),
    _skip("forgotten", "The file shows a person who was forgotten; it was not taken in again.",
          "Remove it from the archive, if the person is to be forgotten there too."),
    _skip("not-dicom", "The file is not DICOM.", "Nothing to do, unless it should have been a scan."),
    _skip("dicomdir", "A DICOMDIR lists other files and holds no image."),
    _skip("not-a-regular-file", "A link, pipe, socket or device; these are never opened.",
          "Put the file itself into the archive if it should be read."),
    _skip("not-an-image", "A report, plan, waveform or presentation state: it has no image."),
    _skip("rejection-note", "A rejection note (IHE IOCM): it withdraws the instances that it names.",
          "Nothing to do; what it names comes back when the note is taken out of the archive."),
    _skip("rejected", "A rejection note withdraws the instance.",
          "Nothing to do; take the note out of the archive if it was a mistake."),
    _skip("colour", "The image is in colour, of a kind that is read in grey alone."),
    _skip("localizer", "A localizer (scout) image, made to plan the scan."),
    _skip("derived", "A map, projection or phase image computed from a scan.",
          "Nothing to do; the scan that it was computed from is read."),
    _skip("derived-object", "A segmentation, dose grid or parametric map, not a scan."),
    _skip("for-processing", "Raw detector values; the image for presentation is the one that is read.",
          "Send the images for presentation if these are all there is."),
    _skip("secondary-capture", "A screen picture or digitised film."),
    _skip("enhanced-unsupported", "A multi-frame (enhanced) object of a kind, or with a layout, that is not read.",
          "Send the classic single-frame objects if the scan is needed."),
    _skip("multi-frame", "Several frames in one file of a kind that is read as single pictures only."),
    _skip("mosaic-unsupported", "Slices tiled into one picture (mosaic), and their number or place is not told.",
          "Send the slices as single images if the scan is needed."),
    _skip("modality-unsupported", "A modality that no encoder covers."),
    _skip("single-slice", "A single slice is no volume.",
          "Check that the whole series was sent, if more slices were acquired."),
    _skip("too-few-slices", "Two slices are no volume: their spacing cannot be checked.",
          "Check that the whole series was sent, if more slices were acquired."),
    _skip("time-series", "The same positions were observed several times, and nothing tells the volumes apart."),
    _skip("time-point", "Another time point, phase, direction or b-value of the series stands for it."),
    _look("packed", "A packed archive, which may hold DICOM files.",
          "Unpack it into the archive, or remove it."),
    _look("no-permission", "Reading is forbidden.", "Give the account of the night the right to read."),
    _look("not-conformant", "It holds DICOM, but not as a file: the preamble, SOP class, rows or pixels are missing.",
          "Write the file again as DICOM Part 10, or remove it."),
    _look("unreadable", "The file starts as DICOM and then makes no sense.",
          "Send it again from its source."),
    _look("too-large", "The file, or the image it announces, is larger than the limit.",
          "Look at the file; a scan of this size is most likely damaged."),
    _look("truncated", "The file ends before its content does.", "Send it again from its source."),
    _look("missing-uid", "The SOP class, instance, series or study UID is absent or malformed.",
          "Correct the file at its source; without UIDs it belongs nowhere."),
    _look("bad-value", "A header value that the pixels need is absent, damaged, impossible or contradicts them.",
          "Correct the file at its source."),
    _look("no-pixels", "An image object without pixel data.", "Send it again from its source."),
    _look("sop-class-unknown", "Pixels under a private or unknown SOP class.",
          "Look at the file; remove it if it is no scan."),
    _look("unsupported-syntax", "No decoder here reads the transfer syntax.",
          "Run `scantwin doctor`, or export the series uncompressed."),
    _look("decode-failed", "The compressed pixels could not be decoded.",
          "Send the series again from its source."),
    _look("codestream-differs", "The compressed pixels are of another size than the header says.",
          "Look at the file before anybody opens it; correct it at its source."),
    _look("nested-too-deep", "Sequences lie within sequences, deeper than any real object.",
          "Look at the file before anybody opens it; correct it at its source."),
    _look("decoder-crashed", "The process that looked at the file died of it.",
          "Look at the file before anybody opens it; export the series uncompressed."),
    _look("took-too-long", "Looking at the file took longer than guard_seconds.",
          "Look at the file; raise [scans] guard_seconds if it is a scan."),
    _look("too-much-memory", "Looking at the file takes more memory than guard_mib.",
          "Look at the file; raise [scans] guard_mib if it is a scan."),
    _look("uid-conflict", "One instance UID stands on different content: of this file, or of a slice of its series.",
          "Find out which one is right, and take the other out of the archive; the next night reads the series."),
    _look("mixed-patients", "One series UID stands on files of several patients.",
          "Correct the files at their source."),
    _look("mixed-frames", "The slices lie in different frames of reference.",
          "Export the series again; it joins two examinations."),
    _look("mixed-acquisitions", "Most slices were acquired with one setting and a few with another.",
          "Look at the series; send it again without the slices that do not belong to it."),
    _look("mixed-directions", "The slices turn, or their pixels change size, from one to the next.",
          "Look at the series; its geometry is damaged, or it is no stack of parallel slices."),
    _look("positions-contradict", "Slices have one position, and another tag puts them at several.",
          "Export the series again with its positions (ImagePositionPatient)."),
    _look("concatenation-incomplete", "An object was cut into several files, and some of them are not here.",
          "Send the series again in one piece, or its missing parts."),
    _look("mixed-encoding", "The slices of the stack store their pixels in different ways.",
          "Export the series again in one piece."),
    _look("no-geometry", "Position, orientation or pixel spacing is absent or impossible.",
          "Export the series again with its geometry."),
    _look("repeated-positions", "Several slices lie at one position and nothing tells them apart.",
          "Look at the series; it may hold two acquisitions under one UID."),
    _look("missing-slices", "Slices are missing.", "Send the series again from its source."),
    _look("uneven-spacing", "The slices are not evenly spaced.",
          "Send the series again, or have it reconstructed with an even spacing."),
    _look("tilted", "The slices are sheared against each other (gantry tilt).",
          "Have the series reconstructed without tilt if it is needed."),
    _look("constant-image", "All voxels have the same value.",
          "Look at the series; the detector or the export failed."),
    _look("not-finite", "Voxels hold values that are not numbers.", "Export the series again."),
)

# What is no image that could be compared, by its nature or because another file stands for it; coverage leaves these
# out, and what waits or is gone. A file that could not be read counts: it may be an image.
APART = frozenset({
    "duplicate", "forgotten", "not-dicom", "dicomdir", "not-a-regular-file", "not-an-image", "rejection-note",
    "rejected", "localizer", "derived", "derived-object", "packed", "time-point",
}) | {one.code for one in FILE if one.state in ("waiting", "gone")}

SCAN = (
    Outcome("kind-unknown", "scan", "used", "The header does not say what the scan may be compared with.",
            "Run `scantwin kinds`, and name it in [scans.kinds] of config.toml if you know it."),
    Outcome("alternate-reconstruction", "scan", "used", "Another scan stands for this study and kind.",
            "Nothing to do; it is shown on request."),
    Outcome("withdrawn", "scan", "gone", "Files of the scan were taken away or replaced.",
            "Nothing to do; what replaced them is a scan of its own."),
)

DATE = (
    _date("date-not-of-study", "A date of the scan lies apart from the study's, which counts.",
          "Nothing to do for a reformat; otherwise check the scanner's clock."),
    _date("date-outvoted", "Some instances name another day than most; theirs was not used.",
          "Nothing to do; look at the series if its dates matter."),
    _date("date-no-majority", "The instances name several days, and none of them is that of most.",
          "Correct the dates at their source; until then the scan has none, or that of another tag."),
    _date("date-before-birth", "A date of the scan lies before the patient's birth.",
          "Check the birth date, and whose scan it is."),
    _date("date-before-modality", "A date lies before anybody was scanned so; it was not used.",
          "Check the scanner's clock, and what was done to make the files anonymous."),
    _date("date-in-future", "A date lies after the night that read it; it was not used.",
          "Check the scanner's clock; set [scans] dates if dates were shifted."),
    _date("study-date-placeholder", "StudyDate is one that clocks and programs begin with; it was not used.",
          "Correct it at its source; the scan is dated by its acquisition."),
    _date("study-date-outvoted", "Acquisition and series agree on another day than StudyDate; it was not used.",
          "Check StudyDate at its source: a copy or an import may have set it."),
    _date("date-not-read", "A date is there that names no day; it was not used.", "Correct it at its source."),
    _date("offset-not-read", "The offset from UTC is none; the site's zone was taken.", "Correct it at its source."),
)

LANE = (
    _lane("ok", "The lane holds as many as were asked for."),
    _lane("fewer-than-k", "Fewer patients have a comparable earlier scan than were asked for."),
    _lane("no-prior", "No comparable earlier scan exists."),
    _lane("same-day-only", "The only comparable scans are of the same day, in unknown order."),
    _lane("no-similar-case", "The nearest earlier case is beyond the cut-off: no sufficiently similar case.",
          "Nothing to do; the nearest ones are still listed, as refused."),
    _lane("possible-wrong-patient", "The nearest earlier scan of the same patient looks like another person's.",
          "Check whose scan it is; the patient id may be wrong."),
    _lane("possible-same-person", "A scan of another patient looks like this person's own: a duplicate, or one person.",
          "Check both patient ids; `scantwin patients merge` makes them one."),
    _lane("no-reference", "Too few patients of validation to say what is unusual."),
    _lane("no-own-lane", "The patient id is missing, a placeholder, or shared by several people.",
          "Correct the patient id at its source."),
    _lane("date-unknown", "The scan has no date, so nothing is known to be earlier.",
          "Correct the dates at their source, or set how dates are treated here."),
    _lane("no-encoder", "No active encoder covers this kind of scan.",
          "Train or activate an encoder for it."),
    _lane("not-yet-embedded", "The scan has no vector yet.", "Nothing to do; the next night makes it."),
    _lane("not-yet-matched", "The scan was not compared yet.", "Nothing to do; the next night does it."),
    # why a match entered its list, or left it
    _lane("new-scan", "The later scan arrived, so its list was made."),
    _lane("new-prior", "The earlier scan arrived, or became this patient's, and belongs in the list."),
    _lane("place-free", "Another match left the list, and this one moved up."),
    _lane("better-match", "Nearer earlier scans came, or a nearer one of the same patient."),
    _lane("person-changed", "One of the scans belongs to another patient now."),
    _lane("kind-changed", "The scan is of another kind now; kinds are never compared."),
    _lane("rules-changed", "Settings of reading or search changed, so the list was made again."),
    _lane("encoder-changed", "Another encoder became active; its lists are its own."),
)

NIGHT = (
    _night("finished", "Everything that had arrived was dealt with."),
    _night("nothing-new", "Nothing had arrived."),
    _night("no-worker", "No worker of the gpu pool took the work in time.",
           "Start a worker of the gpu pool (`prefect worker start --pool gpu`); see `scantwin doctor`."),
    _night("shard-silent", "A machine took a shard of the embedding and was not heard of again.",
           "Look at that machine; raise gpu_wait_minutes if one batch takes longer than that."),
    _night("shard-crashed", "The process that embedded a shard died.",
           "Look at the worker's machine: memory, GPU driver; then run `scantwin night` again."),
    _night("shard-cancelled", "A shard of the embedding was cancelled in Prefect.",
           "Nothing to do if a person did that; the next night hands the work out again."),
    _night("shard-failed", "A shard of the embedding failed, and its machine could not say why.",
           "Run `scantwin doctor` on the worker's machine with the environment of its worker."),
    _night("pool-missing", "Prefect has no deployment of the name in gpu_deployment.", "Run `scantwin deploy`."),
    _night("server-lost", "The Prefect server did not answer.", "Check that it runs, and run `scantwin doctor`."),
    _night("worker-tells", "A worker would send its log to the Prefect server.",
           "Set PREFECT_LOGGING_TO_API_ENABLED=false where the worker starts; `scantwin deploy` sets it as well."),
    _night("worker-config", "A worker's machine could not open configuration, secret or database.",
           "Run `scantwin doctor` on the worker's machine with the environment of its worker."),
    _night("other-device", "An encoder's vectors were made on another device (CPU or GPU) than here.",
           'Let machines of one sort serve the gpu pool, with [siamese] device = "auto"; or train an encoder anew.'),
    _night("device-missing", "A GPU, engine or precision that settings or an encoder ask for is not there.",
           'Set [siamese] device = "auto" or "cpu", or mend the GPU of the machine that was named.'),
    _night("encoder-damaged", "An encoder's files are missing or do not belong together.",
           "Restore store/encoders from its backup, or activate another encoder (`scantwin encoders`)."),
    _night("tensor-damaged", "An encoder's input in the store is missing or damaged.",
           "Run `scantwin night` again: it is made anew from the scan's files. Check the disk if this comes back."),
    _night("vector-unusable", "An encoder made no usable vector of a scan.",
           "Look at the scan, and at the encoder: activate another one if there are many."),
    _night("candidate-unusable", "An encoder that was chosen could not embed, and was put aside.",
           "See `scantwin encoders` for the reason."),
    _night("files-unread", "The disk or the share failed while files were read.",
           "Check the storage; the next night tries again. See `scantwin files --outcome disk-error`."),
    _night("work-left", "Work was left, and no stage has said why.",
           "Run `scantwin night` again; if it stays, tell the makers of scantwin."),
    _night("backlog-left", "The night reached finish_by with work left.",
           "Nothing to do; the next night goes on. Raise finish_by if the backlog grows."),
    _night("another-night", "Another night is running.", "Wait until it has ended."),
    _night("interrupted", "The night was interrupted.", "Run `scantwin night` again; it goes on where it stopped."),
    _night("fenced", "Another night took over, because this one had not renewed its lease.",
           "Nothing is lost; look at that other night with `scantwin status`."),
    _night("owner-died", "The night's process died.", "Run `scantwin night`; it goes on from there."),
    _night("archive-missing", "The archive's folder is not there.",
           "Mount it, or correct its path in the configuration."),
    _night("archive-shrank", "Most of the archive is gone at once.",
           "Check that the share is mounted; see max_gone_fraction if the files were removed on purpose."),
    _night("store-unwritable", "A folder of the store takes no files any more.",
           "Give this user write access to it, or repair its disk, then run `scantwin night` again."),
    _night("disk-full", "The disk is full.", "Make room, then run `scantwin night` again."),
    _night("out-of-memory", "Memory ran out.", "Lower the batch sizes, then run `scantwin night` again."),
    _night("database-lost", "The database did not answer.",
           "Check the database, then run `scantwin night` again."),
    _night("refusals-jumped", "More files than usual were quarantined.", "Run `scantwin files --outcome quarantined`."),
    _night("unmatched-jumped", "More scans than usual have no similar earlier case.",
           "Ask whether a scanner or protocol has changed; look at the newest scans of this kind."),
    _night("distances-jumped", "The nearest cases are at other distances than usual.",
           "Ask whether a scanner or protocol has changed; look at the newest scans of this kind."),
    _night("coverage-fell", "Fewer of a scanner's images than usual can be compared.",
           "Run `scantwin kinds --coverage`; ask whether its protocols, software or export have changed."),
    _night("new-scanner", "A kind of scan came from a scanner that it never came from before.",
           "Look at its first matches; train anew once it has brought enough scans."),
    _night("kinds-off", "A classifier of kinds was switched off, and what it had named waits for a kind again.",
           "Run `scantwin kinds learn`, and use what it makes if its figures are good."),
    _night("failed", "The night failed.", "Read its log, then run `scantwin night` again."),
)
# fmt: on
