from nights import run

from db.encoders import active_encoders
from db.labels import read_labels
from db.lists import current_matches
from db.match_tables import ALWAYS_FROM
from db.verdicts import NewestVerdict
from flows.clinician.verdicts import record_verdict
from flows.operator.status import standing
from flows.operator.verdict_statistics import label_rows, labels_from_verdicts
from flows.site.opened import open_site


def row(by="A", verdict="relevant", *, number=1, scan="s", prior="p", share=None, below=None, n=100):
    return NewestVerdict(**{
        "id": number, "scan": scan, "prior": prior, "by": by, "verdict": verdict, "study": f"t-{scan}", "kind": "k",
        "prior_study": f"t-{prior}", "prior_kind": "k", "lane": "others", "chance_code": "", "chance_share": share,
        "chance_below": below, "gallery_patients": n, "is_control": False,
    })  # fmt: skip


def test_a_judged_list_is_a_finding_and_what_readers_disagree_on_is_none():
    rows = [row(prior="p"), row(verdict="not-relevant", prior="q", number=2),
            row(verdict="unsure", prior="u", number=3),
            row(prior="r", number=4), row("B", "not-relevant", prior="r", number=5)]  # fmt: skip
    found, n_split = label_rows(rows)
    assert {(r.subject_key, r.finding, r.value) for r in found} == {
        ("t-s", "as judged 1", "present"), ("t-p", "as judged 1", "present"), ("t-q", "as judged 1", "absent")
    }  # fmt: skip
    assert n_split == 1


def test_labels_from_verdicts_are_recorded_and_follow_a_change_of_mind(hospital, make_site, db_url):
    site = make_site(url=db_url)
    hospital.deliver(site.archive)
    run(site)
    with site.db.read() as connection:
        encoder = active_encoders(connection)[0].id
        listed = [m for e in active_encoders(connection) for m in current_matches(connection, e.id)]
    assert encoder
    shown = next(match for match in listed if match.lane == "others")
    record_verdict(site.config, shown.id, "relevant", by="Dr A")
    found = labels_from_verdicts(open_site(site.config))
    assert (found.labels, found.new_or_changed, found.taken_back) == (2, 2, 0)
    assert labels_from_verdicts(open_site(site.config)).new_or_changed == 0
    with site.db.read() as connection:
        assert {(r.source, r.value, r.valid_from) for r in read_labels(connection)} == {
            ("verdicts", "present", ALWAYS_FROM)
        }
    assert standing(open_site(site.config)).review.precision[0].relevant == 1
    record_verdict(site.config, shown.id, "unsure", by="Dr A")
    assert labels_from_verdicts(open_site(site.config)).taken_back == 2
