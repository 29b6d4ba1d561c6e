"""What a page says, as plain values: no SQL, no HTML.

A page holds keys that were shortened, never an identity, and sentences that are
already written. Templates only place them.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

OUTCOMES = ("used", "skipped", "quarantined", "waiting", "gone")


@dataclass(frozen=True)
class CodeCount:
    """How many files or scans ended with one code, and what that asks of the reader."""

    state: str  # of the files with it
    code: str
    meaning: str
    action: str
    n_tonight: int
    n_in_all: int


@dataclass(frozen=True)
class CoverageLine:
    """Which share of the files and studies of a modality can be compared; shares as they are read."""

    modality: str
    n_files: int
    files: str
    files_tonight: str
    n_studies: int
    studies: str
    studies_tonight: str
    top_reason: str


@dataclass(frozen=True)
class CoverageTable:
    """Which share can be compared, and what would gain most; all empty where it was not counted."""

    sentence: str = ""
    lines: tuple[CoverageLine, ...] = ()
    act: str = ""  # line of config.toml, or command
    gain: str = ""
    why: str = ""


NOT_COUNTED = CoverageTable()


@dataclass(frozen=True)
class KindCount:
    """How many scans of one kind came this night, and how many there are."""

    kind: str
    n_new: int
    n_in_all: int


@dataclass(frozen=True)
class UnknownScan:
    """A scan of unknown kind whose patient was scanned before by the same modality; dates as they are read."""

    scan: str
    kind: str
    date: str
    n_earlier: int
    latest_scan: str
    latest_kind: str
    latest_date: str


@dataclass(frozen=True)
class Picture:
    """One PNG as a data URI, or why there is none."""

    plane: str
    uri: str = ""
    missing: str = ""


@dataclass(frozen=True)
class ScanFacts:
    """What a reader may know of a scan beside its picture."""

    key: str
    patient: str
    kind: str
    date: str  # local, or why there is none
    person: str  # sex and age, 90 and above as 90+
    scanner: str  # this and the next two may be empty
    setting: str  # reconstruction kernel or MR sequence
    geometry: str
    pictures: tuple[Picture, ...] = ()


@dataclass(frozen=True)
class Pair:
    """A scan and one of its priors."""

    match: int
    lane: str
    rank: int | None
    distance: float
    gap: str  # time between the two, own lane only
    note: str  # a sentence where the order is unknown
    by_chance: str  # how many unrelated patients would look this near
    change: str  # how far from an own prior, measured against unchanged pairs; empty: another patient's scan
    verdict: str
    is_hidden: bool  # refused by a person
    scan: ScanFacts
    prior: ScanFacts


@dataclass(frozen=True)
class PairGroup:
    """Pairs of one lane and one encoder: distances of two encoders never meet in one list."""

    lane: str
    encoder: str
    cover: str
    purpose: str
    metric: str
    is_provisional: bool
    pairs: tuple[Pair, ...] = ()
    sentence: str = ""  # why the lane is short or empty
    n_in_all: int = 0


@dataclass(frozen=True)
class Training:
    """The training of one encoder, as its manifest tells it."""

    encoder: str
    cover: str
    purpose: str
    curves: Mapping[str, tuple[tuple[float, float], ...]] = field(default_factory=dict)
    edges: tuple[float, ...] = ()
    pair_counts: Mapping[str, tuple[float, ...]] = field(default_factory=dict)
    counts: tuple[tuple[str, str], ...] = ()  # split -> how much of it
    figures: tuple[tuple[str, str, str, str], ...] = ()  # what was asked, queries, AUC, P@1


@dataclass(frozen=True)
class EncoderLine:
    """One active encoder."""

    id: str
    cover: str
    purpose: str
    backbone: str
    origin: str
    is_provisional: bool
    standing: str  # what it has shown here
    since: str


@dataclass(frozen=True)
class StageLine:
    """One stage of the night."""

    name: str
    state: str
    seconds: float | None


@dataclass(frozen=True)
class NightLine:
    """One night beside its neighbours."""

    night: int
    state: str
    begun: str
    n_files: int
    n_quarantined: int
    n_scans: int
    n_entered: int
    n_left: int
    seconds: float | None


@dataclass(frozen=True)
class Trouble:
    """Why a night did not end well."""

    code: str
    meaning: str
    action: str


@dataclass(frozen=True)
class ListChangeLine:
    """How many matches entered, moved within or left lists of one sort, and why."""

    what: str
    lane: str
    code: str  # empty: moved
    meaning: str
    n: int


@dataclass(frozen=True)
class NightPage:
    """The page of one night."""

    night: int
    state: str
    headline: str
    begun: str
    version: str
    next_command: str
    files: Mapping[str, tuple[int, int]]  # outcome -> (this night, in all)
    codes: tuple[CodeCount, ...] = ()
    not_listed: tuple[CodeCount, ...] = ()  # scans that stand in no list
    unknown: tuple[UnknownScan, ...] = ()  # the latest of unknown kind that have earlier scans of their patient
    n_unknown: int = 0  # how many there are of this night
    coverage: CoverageTable = NOT_COUNTED
    kinds: tuple[KindCount, ...] = ()
    scans: Mapping[str, int] = field(default_factory=dict)  # new, held_back, withdrawn, in_all
    matches: Mapping[str, int] = field(default_factory=dict)  # entered, left, current
    backlog: Mapping[str, int] = field(default_factory=dict)  # what waits -> how much
    undone: tuple[Trouble, ...] = ()  # work that was left because something failed
    trouble: Trouble | None = None
    groups: tuple[PairGroup, ...] = ()
    changes: tuple[ListChangeLine, ...] = ()  # of lists, this night
    training: tuple[Training, ...] = ()
    stages: tuple[StageLine, ...] = ()
    nights: tuple[NightLine, ...] = ()
    encoders: tuple[EncoderLine, ...] = ()
    watched: tuple[Trouble, ...] = ()  # what stands out from the nights before
    held: tuple[tuple[str, str], ...] = ()  # encoder in the shadow -> why
    chosen: tuple[tuple[str, str, int], ...] = ()  # encoder to become active, why, scans it still has to embed
    switched: tuple[tuple[str, str], ...] = ()  # encoder that became active this night -> why


@dataclass(frozen=True)
class OwnScan:
    """A scan of the same patient that no list compares with the scan of the page."""

    scan: ScanFacts
    gap: str  # how long before; "" where a date is not known
    note: str  # where the order of the two is not known


@dataclass(frozen=True)
class MatchesPage:
    """The clinician's page of one scan."""

    scan: ScanFacts
    headline: str
    meaning: str  # of the scan's own code, "" when all is well
    groups: tuple[PairGroup, ...] = ()
    own: tuple[OwnScan, ...] = ()  # of a scan without own list: that somebody was scanned before is always shown


@dataclass(frozen=True)
class PairsPage:
    """Pairs of one scan to be judged: nothing tells how they came here."""

    scan: ScanFacts
    pairs: tuple[tuple[str, ScanFacts], ...] = ()  # name of the pair, earlier scan
