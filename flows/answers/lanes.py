"""What `scantwin similar` and `scantwin compare` answer."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated

from flows.answers.answer import Answer, JsonObject


@dataclass(frozen=True)
class Expectation(JsonObject):
    """How many unrelated patients would look this near by chance."""

    code: Annotated[str, "estimate, fewer-than or not-calibrated"]
    n_patients: Annotated[int, "unrelated patients who could have been listed"]
    value: Annotated[float | None, "the estimate"]
    fewer_than: Annotated[float | None, "upper bound, where nothing finer can be said"]
    low: Annotated[float | None, "95 % interval"]
    high: Annotated[float | None, "95 % interval"]
    text: Annotated[str, "the same as a sentence"]


@dataclass(frozen=True)
class Change(JsonObject):
    """How far a scan is from an own prior, measured against pairs that did not change."""

    code: Annotated[str, "change or no-reference"]
    percentile: Annotated[float | None, "share of the unchanged pairs that are nearer, percent"]
    n_references: Annotated[int | None, "unchanged pairs"]
    scanner: Annotated[str, "which pairs: same-scanner or other-scanner"]
    text: Annotated[str, "the same as a sentence"]


@dataclass(frozen=True)
class ListedScan(JsonObject):
    """An earlier scan that stands in a list."""

    match: Annotated[str | None, "id in match_for_review; empty where the list was made on request"]
    rank: Annotated[int | None, "1 is the first; empty where the order in time is not known"]
    scan: Annotated[str, "key of the earlier scan"]
    patient: Annotated[str, "key of its patient"]
    acquired: Annotated[str, "its local date, empty where unknown"]
    distance: Annotated[float, "of the two vectors"]
    contrast: Annotated[str, "given, not-given or unknown, as its header says"]
    expected_by_chance: Annotated[Expectation, "how many unrelated patients would look this near"]
    change: Annotated[Change | None, "of an own prior; empty in the list of other patients"]
    provisional: Annotated[bool, "the encoder has not been shown to beat plain baselines here"]
    kind: Annotated[str, "modality, part of the body, cover, and view or sequence"] = ""


@dataclass(frozen=True)
class Lane(JsonObject):
    """One list of a scan, by one encoder."""

    lane: Annotated[str, "own (the patient's earlier scans) or others (similar cases)"]
    purpose: Annotated[str, "what the encoder learned to see: finding, patient or view"]
    encoder: Annotated[str, "its id"]
    outcome: Annotated[str, "how the list ended, as a code; see operate.md"]
    gallery_patients: Annotated[int, "patients who could have been listed"]
    alarm: Annotated[str, "code of a doubt about who the patient is, or empty"]
    matches: Annotated[Sequence[ListedScan], "the list, in its order"]


@dataclass(frozen=True)
class UncomparedScan(JsonObject):
    """An earlier scan of the same patient, without a distance."""

    rank: Annotated[int | None, "1 is the latest; empty where the order in time is not known"]
    scan: Annotated[str, "key of the earlier scan"]
    kind: Annotated[str, "modality, part of the body, cover, and view or sequence"]
    acquired: Annotated[str, "its local date, empty where unknown"]
    contrast: Annotated[str, "given, not-given or unknown, as its header says"]


@dataclass(frozen=True)
class Uncompared(JsonObject):
    """The patient's earlier scans of the modality of a scan whose kind is unknown, those without a distance."""

    outcome: Annotated[str, "how the list ended, as a code; see operate.md"]
    why: Annotated[str, "why nothing was compared, as a code"]
    scans: Annotated[Sequence[UncomparedScan], "latest first"]


@dataclass(frozen=True)
class Similar(Answer):
    """The lists of one scan; a list of these objects where several scans were asked for."""

    scan: Annotated[str, "key of the scan, empty for files from outside"]
    kind: Annotated[str, "modality, part of the body, cover, and view or sequence"]
    contrast: Annotated[str, "given, not-given or unknown, as its header says"]
    code: Annotated[str, "ok, or why there is no list"]
    date_doubts: Annotated[Sequence[str], "codes of what speaks against its date"]
    prior_date_doubts: Annotated[Mapping[str, Sequence[str]], "the same of listed scans, by key"]
    lanes: Annotated[Sequence[Lane], "its lists, own first"]
    any_kind: Annotated[bool, "--any-kind: every kind of its modality was searched, on request"] = field(
        default=False, kw_only=True
    )
    note: Annotated[str, "what has to be known of such lists, as a sentence"] = field(default="", kw_only=True)
    uncompared: Annotated[Uncompared | None, "earlier scans of the patient; empty where the kind is known"] = field(
        default=None, kw_only=True
    )


@dataclass(frozen=True)
class PastMatch(JsonObject):
    """A match that once stood in a list, and how it came, moved and left."""

    match: Annotated[int, "id in match_for_review"]
    encoder: Annotated[str, "whose list it was"]
    lane: Annotated[str, "own or others"]
    prior: Annotated[str, "key of the earlier scan"]
    rank: Annotated[int | None, "its last one"]
    distance: Annotated[float, "of the two vectors"]
    entered_night: Annotated[int, "number of the night"]
    entered_why: Annotated[str, "code"]
    moved_night: Annotated[int | None, "the last night that changed its rank"]
    rank_before: Annotated[int | None, "its rank until then"]
    left_night: Annotated[int | None, "empty while it stands in the list"]
    left_why: Annotated[str, "code, or empty"]


@dataclass(frozen=True)
class SimilarWithHistory(Similar):
    """The lists of one scan, and what ever stood in them (--history)."""

    history: Annotated[Sequence[PastMatch], "in the order of entering"]


@dataclass(frozen=True)
class EncoderComparison(JsonObject):
    """The distance of two scans by one encoder, and its place among the pairs that the encoder was judged on."""

    encoder: Annotated[str, "its id"]
    purpose: Annotated[str, "what it learned to see"]
    provisional: Annotated[bool, "it has not been shown to beat plain baselines here"]
    distance: Annotated[float, "of the two vectors"]
    expected_by_chance: Annotated[Expectation, "how many unrelated patients would look this near"]
    alike_nearer: Annotated[float | None, "share of alike pairs that are nearer"]
    unlike_nearer: Annotated[float | None, "share of unlike pairs that are nearer"]
    cutoff: Annotated[float | None, "distance up to which two scans count as alike"]
    is_alike: Annotated[bool | None, "the decision; empty where the encoder was never judged on pairs"]


@dataclass(frozen=True)
class Comparison(Answer):
    """Two scans beside each other."""

    a: Annotated[str, "key of the first"]
    b: Annotated[str, "key of the second"]
    kinds: Annotated[Sequence[str], "of both"]
    same_kind: Annotated[bool, "only then a distance means much"]
    same_patient: Annotated[bool, "by the keys of their patients"]
    encoders: Annotated[Sequence[EncoderComparison], "every active encoder that has vectors of both"]
