"""What people's judgements come to: precision by reader and band, agreement, and labels to learn from."""

from collections import defaultdict

from sqlalchemy import Connection

from db.labels import LabelFacts, delete_labels, save_labels
from db.match_tables import ALWAYS_FROM, ALWAYS_UNTIL
from db.rows import mapping_of
from db.verdicts import NewestVerdict, newest_verdicts
from evaluation.readers import JUDGED, Judgement, agreement, band, precision
from flows.answers.answer import filled
from flows.answers.corrections import LabelsOfVerdicts
from flows.answers.status import Agreement, Precision, Review
from flows.site.opened import Site

SOURCE = "verdicts"  # of the labels made here


def review_figures(connection: Connection) -> Review:
    """Return precision by reader and band of expected-by-chance, and agreement of each two readers."""
    rows = newest_verdicts(connection)
    matches = [judgement_of(row) for row in rows if row.lane == "others"]
    controls = [judgement_of(row) for row in rows if row.is_control]
    return Review(
        [filled(Precision, row) for row in precision([*matches, *controls])],
        [filled(Agreement, row) for row in agreement(matches)],
    )


def judgement_of(row: NewestVerdict) -> Judgement:
    """Return what the statistics take of a judgement."""
    of_chance = band(
        is_control=row.is_control, chance_share=row.chance_share, chance_below=row.chance_below,
        gallery_patients=row.gallery_patients,
    )  # fmt: skip
    return Judgement(row.by, row.verdict, (row.scan, row.prior), of_chance)


def labels_from_verdicts(site: Site) -> LabelsOfVerdicts:
    """Make labels of the judgements on other patients' scans, in place of those made before; safe to repeat.

    Each list that was judged becomes a finding of its own: present in its scan's study and in the relevant priors'
    studies, absent in the others. Pairs on which readers disagree, and "unsure", make no label.
    """
    with site.db.read() as connection:
        rows = [row for row in newest_verdicts(connection) if row.lane == "others"]
    labels, n_split = label_rows(rows)
    with site.db.write() as connection:
        n_gone = delete_labels(connection, SOURCE, keep=map(mapping_of, labels))
        n_new = save_labels(connection, map(mapping_of, labels))
    return LabelsOfVerdicts(len(labels), n_new, n_gone, n_split)


def label_rows(rows: list[NewestVerdict]) -> tuple[list[LabelFacts], int]:
    """Return the labels of judgements, and on how many pairs readers disagree."""
    by_pair: dict[tuple[str, str], list[NewestVerdict]] = defaultdict(list)
    for row in rows:
        if row.verdict in JUDGED:
            by_pair[row.scan, row.prior].append(row)
    agreed = {pair: theirs[0] for pair, theirs in by_pair.items() if len({row.verdict for row in theirs}) == 1}
    first: dict[str, int] = {}
    for row in rows:
        first[row.scan] = min(row.id, first.get(row.scan, row.id))
    found: dict[tuple[str, str], LabelFacts] = {}
    for (scan, _), row in sorted(agreed.items(), key=lambda item: item[0]):
        finding = f"as judged {first[scan]}"  # no key in a name: keys may change, and names outlive scans
        found[row.study, finding] = _label(row.study, row.kind, finding, "present")
        value = "present" if JUDGED[row.verdict] else "absent"
        found[row.prior_study, finding] = _label(row.prior_study, row.prior_kind, finding, value)
    return list(found.values()), len(by_pair) - len(agreed)


def _label(study: str, kind: str, finding: str, value: str) -> LabelFacts:
    return LabelFacts(
        subject="study", subject_key=study, finding=finding, value=value, kind=kind, valid_from=ALWAYS_FROM,
        valid_until=ALWAYS_UNTIL, grade=None, size_mm=None, contrast_to_noise=None, site=None, source=SOURCE,
    )  # fmt: skip
