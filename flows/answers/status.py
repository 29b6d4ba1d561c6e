"""What `scantwin status`, `files`, `kinds` and `doctor` answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from flows.answers.answer import Answer, JsonObject
from flows.answers.coverage import Coverage
from flows.answers.kinds import Classifier, Contradiction


@dataclass(frozen=True)
class FileCounts(JsonObject):
    """Every file that the archive has ever shown, by its present outcome."""

    seen: Annotated[int, "the sum of the others"]
    used: Annotated[int, "part of a scan, also of one that is held back"]
    skipped: Annotated[int, "rightly left out"]
    quarantined: Annotated[int, "could not be used, and somebody should look"]
    waiting: Annotated[int, "for the next night"]
    gone: Annotated[int, "not in the archive any more"]


@dataclass(frozen=True)
class Undone(JsonObject):
    """Work that a night left because something failed."""

    code: Annotated[str, "what kept it"]
    count: Annotated[int, "pieces of work"]
    meaning: Annotated[str, "of the code"]
    action: Annotated[str, "what to do"]


@dataclass(frozen=True)
class PastNight(JsonObject):
    """One of the last nights."""

    night: Annotated[int, "its number"]
    state: Annotated[str, "running, finished, nothing_new, partial, failed or abandoned"]
    exit: Annotated[int | None, "exit code, empty while it runs"]
    error: Annotated[str, "code of what ended it, or empty"]
    begun: Annotated[str, "moment, UTC"]
    seconds: Annotated[float | None, "it took; empty while it runs"]
    undone: Annotated[Sequence[Undone], "work left because something failed"]
    new_files: Annotated[int, "files whose outcome changed"]
    new_matches: Annotated[int, "matches that entered"]


@dataclass(frozen=True)
class ActiveEncoder(JsonObject):
    """The encoder that serves a cover and purpose."""

    id: Annotated[str, "its id"]
    cover: Annotated[str, "2d or 3d"]
    purpose: Annotated[str, "what it learned to see"]
    origin: Annotated[str, "starter or trained"]
    provisional: Annotated[bool, "it has not been shown to beat plain baselines here"]
    standing: Annotated[str, "what it has shown here, or why nothing yet"] = ""


@dataclass(frozen=True)
class CodeCount(JsonObject):
    """How many files ended with a code."""

    outcome: Annotated[str, "used, skipped, quarantined, waiting or gone"]
    code: Annotated[str, "why"]
    files: Annotated[int, "how many"]
    meaning: Annotated[str, "of the code"]
    action: Annotated[str, "what to do"]


@dataclass(frozen=True)
class Alarm(JsonObject):
    """Something that stands out from the nights before."""

    code: Annotated[str, "what stands out"]
    facts: Annotated[str, "its figures"]


@dataclass(frozen=True)
class HeldEncoder(JsonObject):
    """An encoder that waits in the shadow."""

    id: Annotated[str, "its id"]
    cover: Annotated[str, "2d or 3d"]
    purpose: Annotated[str, "what it learned to see"]
    held_reason: Annotated[str, "why it waits"]


@dataclass(frozen=True)
class ChosenEncoder(JsonObject):
    """An encoder that becomes active when every scan has its vector."""

    id: Annotated[str, "its id"]
    cover: Annotated[str, "2d or 3d"]
    purpose: Annotated[str, "what it learned to see"]
    chosen_reason: Annotated[str, "why it was chosen"]
    waiting: Annotated[int, "scans without its vector"]


@dataclass(frozen=True)
class Precision(JsonObject):
    """How many of the matches that a reader judged are relevant, by what chance gives."""

    by: Annotated[str, "the reader"]
    band: Annotated[str, "of expected by chance; random controls are a band of their own"]
    relevant: Annotated[int, "matches"]
    not_relevant: Annotated[int, "matches"]
    unsure: Annotated[int, "matches, counted beside"]
    precision: Annotated[float | None, "relevant among those decided"]
    low: Annotated[float | None, "95 % interval"]
    high: Annotated[float | None, "95 % interval"]


@dataclass(frozen=True)
class Agreement(JsonObject):
    """How far two readers agree."""

    readers: Annotated[Sequence[str], "both"]
    pairs: Annotated[int, "judged by both"]
    agreed: Annotated[float, "share"]
    kappa: Annotated[float | None, "Cohen's, agreement beyond chance"]


@dataclass(frozen=True)
class Review(JsonObject):
    """What people's judgements come to."""

    precision: Annotated[Sequence[Precision], "by reader and band"]
    agreement: Annotated[Sequence[Agreement], "of each two readers"]


@dataclass(frozen=True)
class WrongPatient(JsonObject):
    """A judgement that asks the operator to check two patients' numbers."""

    match: Annotated[int | None, "id in match_for_review; empty for a pair of a list to judge"]
    scan: Annotated[str, "key of the later scan"]
    prior: Annotated[str, "key of the earlier scan"]
    by: Annotated[str, "the reader"]
    at: Annotated[str, "moment, UTC"]


@dataclass(frozen=True)
class StoredInputs(JsonObject):
    """Encoder inputs in the store, as the newest night left them."""

    kept: Annotated[int, "how many"]
    gib: Annotated[float, "their size, GiB"]
    quota_gib: Annotated[float, "[site] inputs_gib"]
    dropped: Annotated[int, "by that night: they have their vectors, and are made again where needed"]


@dataclass(frozen=True)
class Status(Answer):
    """How the site stands."""

    nights: Annotated[Sequence[PastNight], "the last ones, newest first"]
    hours_since_success: Annotated[float | None, "empty while no night has succeeded"]
    undone: Annotated[Sequence[Undone], "of the newest night"]
    overdue: Annotated[bool, "no success for longer than [flows] missing_after_hours"]
    running: Annotated[int | None, "number of the night that runs now"]
    files: Annotated[FileCounts, "by outcome"]
    backlog: Annotated[int | None, "pieces of work; empty for an account that may not read identity"]
    encoders: Annotated[Sequence[ActiveEncoder], "the active ones"]
    codes: Annotated[Sequence[CodeCount], "files by outcome and code"]
    watch: Annotated[Sequence[Alarm], "what stood out in the newest night"]
    held: Annotated[Sequence[HeldEncoder], "encoders in the shadow"]
    chosen: Annotated[Sequence[ChosenEncoder], "encoders that are to become active"]
    review: Annotated[Review, "what people's judgements come to"]
    wrong_patient: Annotated[Sequence[WrongPatient], "tasks for the operator"]
    inputs: Annotated[StoredInputs | None, "encoder inputs; empty before the first night"] = None
    coverage: Annotated[Coverage | None, "which share of image files and studies can be compared"] = None


@dataclass(frozen=True)
class FileEnd(JsonObject):
    """Where one file ended; the command answers with a list of these."""

    path: Annotated[str, "relative to the archive"]
    outcome: Annotated[str, "used, skipped, quarantined, waiting or gone"]
    code: Annotated[str, "why"]
    why: Annotated[str, "the same with the facts of this file"]
    meaning: Annotated[str, "of the code"]
    action: Annotated[str, "what to do"]
    scan: Annotated[str | None, "key of the scan that it is part of"]
    others: Annotated[Sequence[str], "paths of files that `why` speaks of"]


@dataclass(frozen=True)
class Combination(JsonObject):
    """Tags that name no kind."""

    kind: Annotated[str, "as far as it is known"]
    modality: Annotated[str, "of DICOM"]
    tags: Annotated[Mapping[str, str], "tag -> its text, words of the person's identity masked"]
    scans: Annotated[int, "that are held back"]
    patients: Annotated[int, "whose they are"]
    add: Annotated[str, "the line of [scans.kinds] that would name them; empty where tags contradict each other"]
    files: Annotated[int, "of these scans"] = 0
    studies: Annotated[int, "of these scans"] = 0
    contradiction: Annotated[str, "which tags say what, or name several parts; empty if none do"] = ""


@dataclass(frozen=True)
class UnknownKinds(Answer):
    """Scans that wait for a kind."""

    combinations: Annotated[Sequence[Combination], "those of most scans first"]
    classifiers: Annotated[Sequence[Classifier], "of kinds, oldest first"] = ()
    contradictions: Annotated[Sequence[Contradiction], "those of most scans first"] = ()


@dataclass(frozen=True)
class Finding(JsonObject):
    """One check, and the next step when it is not well."""

    check: Annotated[str, "its name"]
    ok: Annotated[bool, "it is well"]
    found: Annotated[str, "what was found, or what to do"]


@dataclass(frozen=True)
class Checkup(Answer):
    """What the doctor found."""

    checks: Annotated[Sequence[Finding], "every check that could be run"]
