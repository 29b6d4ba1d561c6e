"""From matches to cards: a scan, its prior, their pictures, and the sentence for a lane that is short."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from sqlalchemy import Connection

from db import pages
from db.earlier import own_scans
from db.encoders import EncoderRow, active_encoders
from db.lists import ListedMatch, ScanLane, lanes_of_scan
from db.pages import ReviewedMatch
from db.scans import ScanRow
from review.page import MatchesPage, OwnScan, Pair, PairGroup, PairsPage, ScanFacts
from review.pictures import PictureShelf
from review.words import changed, code_words, day, expected, gap, millimetres, person, plain, short

LANES = ("own", "others")
PAIRS_SHOWN = 12  # of a lane of a night, over all encoders: what a person looks through at one sitting
FEWEST_OF_ENCODER = 3
DEEPEST_RANK = 3  # so that one scan with many near neighbours does not fill the page
OWN_SHOWN = 8
ALL_PLANES = 3
DETAILED_PAIRS = 3  # of a list show all planes; with all pairs in detail the page would outgrow a mail
CONTRAST = {"given": "with contrast", "not-given": "without contrast"}
FULL, NOTHING = "ok", "Nothing to do."
ORDER_UNKNOWN = "Which came first is not known."
SAME_DAY = "Same day: which came first is not known, so it has no rank."


class CardMaker:
    """Makes cards of scans, each read once and with its pictures."""

    def __init__(self, connection: Connection, store: Path) -> None:
        self._connection = connection
        self._shelf = PictureShelf(store)
        self._scans: dict[str, ScanRow] = {}

    def load(self, keys: Iterable[str]) -> None:
        """Read the rows of scans."""
        self._scans |= pages.scans(self._connection, set(keys) - set(self._scans))

    def pair(self, match: ReviewedMatch, *, planes: int) -> Pair:
        """Make the card of a match; its two scans were loaded."""
        scan, prior = self._scans[match.scan], self._scans[match.prior]
        is_own = match.lane == "own"
        return Pair(
            match=match.match,
            lane=match.lane,
            rank=match.rank,
            distance=match.distance,
            gap=gap(scan.acquired_local_date, prior.acquired_local_date) if is_own else "",
            note=SAME_DAY if match.code == "same-day" else "",
            by_chance=expected(
                match.chance_code,
                match.gallery_patients,
                match.expected_by_chance,
                match.expected_fewer_than,
            ),
            change=changed(match.change_code, match.change_percentile, match.change_references, match.change_scanner),
            verdict=plain(match.last_verdict),
            is_hidden=match.hidden,
            scan=self.facts(match.scan, planes=planes),
            prior=self.facts(match.prior, planes=planes),
        )

    def facts(self, key: str, *, planes: int) -> ScanFacts:
        """Say what is known of a scan that was loaded."""
        row = self._scans[key]
        return ScanFacts(
            key=short(key),
            patient=short(row.patient),
            kind=plain(row.kind),
            date=day(row.acquired_local_date, row.date_precision, row.date_doubts),
            person=person(row.sex, row.age_years),
            scanner=" ".join(p for p in (plain(row.manufacturer), plain(row.model)) if p),
            setting=_setting(row),
            geometry=_geometry(row),
            pictures=self._shelf.of(key, row.pictures, planes=planes),
        )


def entered_groups(
    connection: Connection, night: int, encoders: Sequence[EncoderRow], cards: CardMaker
) -> tuple[PairGroup, ...]:
    """Return the nearest matches that entered this night, own lanes first, each encoder by itself."""
    limits = {"own": OWN_SHOWN, "others": PAIRS_SHOWN}
    groups = []
    for lane, shown in limits.items():
        for encoder in sorted(encoders, key=lambda row: row.provisional):  # what has earned its place comes first
            n_in_all = pages.n_entered(connection, night, encoder=encoder.id, lane=lane)
            if n_in_all == 0:
                continue
            limit = max(FEWEST_OF_ENCODER, shown // len(encoders))
            depth = 1 if lane == "own" else DEEPEST_RANK
            found = pages.entered(connection, night, encoder=encoder.id, lane=lane, deepest_rank=depth, limit=limit)
            groups.append(_group(lane, encoder, found, cards, n_in_all=n_in_all))
    return tuple(groups)


def gather_matches(connection: Connection, scan: str, *, store: Path) -> MatchesPage:
    """Read everything that the clinician's page of one scan says.

    Raises:
        LookupError: No such scan.
    """
    cards = CardMaker(connection, store)
    found = pages.scans(connection, [scan])
    if scan not in found:
        raise LookupError("no scan has this key; `scantwin status` shows the newest night")
    cards.load([scan])
    looked_at = cards.facts(scan, planes=ALL_PLANES)
    lanes = lanes_of_scan(connection, scan)
    verdicts = pages.judged(connection, scan)
    encoders = {row.id: row for row in active_encoders(connection)}
    groups = []
    for lane in lanes:
        matches = [_reviewed(match, verdicts) for match in lane.matches]
        sentence = _lane_sentence(lane)
        groups.append(
            _group(lane.lane, encoders[lane.encoder], matches, cards, sentence=sentence, n_detailed=DETAILED_PAIRS)
        )
    own = () if any(lane.lane == "own" for lane in lanes) else _own_scans(connection, found[scan], cards)
    return MatchesPage(
        scan=looked_at,
        headline=_headline(short(scan), lanes, len(own)),
        meaning=_meaning(connection, found[scan], is_listed=bool(lanes)),
        groups=tuple(groups),
        own=own,
    )


def gather_pairs(connection: Connection, scan: str, priors: Sequence[str], *, store: Path) -> PairsPage:
    """Read what the page of pairs to be judged says, in the order given."""
    cards = CardMaker(connection, store)
    cards.load([scan, *priors])
    pairs = tuple((f"{short(scan)}:{short(prior)}", cards.facts(prior, planes=ALL_PLANES)) for prior in priors)
    return PairsPage(cards.facts(scan, planes=ALL_PLANES), pairs)


def _group(
    lane: str,
    encoder: EncoderRow,
    matches: Sequence[ReviewedMatch],
    cards: CardMaker,
    *,
    sentence: str = "",
    n_in_all: int = 0,
    n_detailed: int = 0,
) -> PairGroup:
    cards.load(key for match in matches for key in (match.scan, match.prior))
    return PairGroup(
        lane=lane,
        encoder=short(encoder.id),
        cover=encoder.cover,
        purpose=plain(encoder.purpose),
        metric=encoder.metric,
        is_provisional=encoder.provisional,
        pairs=tuple(cards.pair(match, planes=ALL_PLANES if i < n_detailed else 1) for i, match in enumerate(matches)),
        sentence=sentence,
        n_in_all=n_in_all or len(matches),
    )


def _reviewed(match: ListedMatch, verdicts: Mapping[int, ReviewedMatch]) -> ReviewedMatch:
    """Put a current match into the form of match_for_review, which knows those of active encoders only."""
    return verdicts.get(match.id) or ReviewedMatch(
        match.id, match.lane, match.rank, match.code, match.distance, match.scan, match.prior, match.change_code,
        match.change_percentile, match.change_references, match.change_scanner,
    )  # fmt: skip


def _lane_sentence(lane: ScanLane) -> str:
    """Say why a lane is short, and among how many patients it was chosen."""
    meaning, action = code_words(lane.code)
    why = [] if lane.code == FULL else [meaning, "" if action == NOTHING else action]
    if lane.alarm.startswith("possible-"):
        why += [part for part in code_words(lane.alarm) if part != NOTHING]
    among = f"Chosen among {lane.gallery_patients:,} patients with a comparable earlier scan."
    return " ".join(part for part in (*why, among if lane.lane == "others" else "") if part)


def _own_scans(connection: Connection, scan: ScanRow, cards: CardMaker) -> tuple[OwnScan, ...]:
    """Return the patient's earlier scans, of whatever kind, without a comparison."""
    found = own_scans(connection, scan)
    cards.load(row.key for row in found)
    return tuple(
        OwnScan(
            scan=cards.facts(row.key, planes=1),
            gap=gap(scan.acquired_local_date, row.acquired_local_date),
            note="" if _is_earlier(row, scan) else ORDER_UNKNOWN,
        )
        for row in found
    )


def _is_earlier(row: ScanRow, scan: ScanRow) -> bool:
    over, begun = row.acquired_until, scan.acquired_from
    return over is not None and begun is not None and over <= begun


def _headline(scan: str, lanes: Sequence[ScanLane], n_uncompared: int) -> str:
    if not lanes:
        beside = f"; {n_uncompared:,} earlier {'scan' if n_uncompared == 1 else 'scans'} of the same patient"
        return f"Scan {scan} has no lists{beside if n_uncompared else ''}."
    priors = {name: {m.prior for lane in lanes if lane.lane == name for m in lane.matches} for name in LANES}
    n_own, n_others = len(priors["own"]), len(priors["others"])
    own = f"{n_own:,} earlier {'study' if n_own == 1 else 'studies'} of the same patient"
    others = f"{n_others:,} similar earlier {'case' if n_others == 1 else 'cases'} of other patients"
    return f"Scan {scan} has {own} and {others}."


def _meaning(connection: Connection, scan: ScanRow, *, is_listed: bool) -> str:
    """Say why a scan has no lists, and where to look instead; empty when it has them."""
    if is_listed:
        return ""
    if scan.code != "used":
        main = pages.main_scan_beside(connection, scan)
        instead = f"Its study's lists are those of scan {short(main)}." if main and main != scan.key else ""
        return " ".join(part for part in (*code_words(scan.code), instead) if part)
    encoders = [row.id for row in active_encoders(connection) if row.cover == scan.cover]
    if not encoders:
        return " ".join(code_words("no-encoder"))
    has = pages.has_vector(connection, scan.key, encoders)
    return " ".join(code_words("not-yet-matched" if has else "not-yet-embedded"))


def _setting(row: ScanRow) -> str:
    thickness = millimetres(row.slice_thickness_mm)
    contrast = plain(row.contrast) or "unknown"
    told = CONTRAST.get(contrast, "contrast unknown" if row.kind.startswith("ct/") else "")
    parts = (told, plain(row.kernel), plain(row.sequence).replace("\\", " "), thickness and f"{thickness} slices")
    return ", ".join(part for part in parts if part)


def _geometry(row: ScanRow) -> str:
    counts = [n for n in (row.n_columns, row.n_rows, row.n_slices) if n is not None]
    if row.cover == "2d":
        counts, sizes = counts[:2], millimetres(row.spacing_x_mm, row.spacing_y_mm)
    else:
        sizes = millimetres(row.spacing_x_mm, row.spacing_y_mm, row.spacing_z_mm)
    size = " × ".join(map(str, counts))
    return " of ".join(part for part in (size, sizes) if part)
