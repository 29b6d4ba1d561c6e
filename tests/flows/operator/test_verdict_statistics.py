import pytest
from nights import run

from db.encoders import active_encoders
from db.labels import read_labels
from db.lists import current_matches
from db.match_tables import ALWAYS_FROM
from flows.clinician.verdicts import record_verdict
from flows.operator.status import standing
from flows.operator.verdict_statistics import agreement, band, label_rows, labels_from_verdicts, precision
from flows.site.opened import open_site


def row(by="A", verdict="relevant", *, number=1, scan="s", prior="p", share=None, below=None, n=100):
    return {
        "id": number, "scan": scan, "prior": prior, "by": by, "verdict": verdict, "study": f"t-{scan}", "kind": "k",
        "prior_study": f"t-{prior}", "prior_kind": "k", "lane": "others", "chance_code": "", "chance_share": share,
        "chance_below": below, "gallery_patients": n, "is_control": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("share", "below", "n", "name"),
    [(0.005, 0.02, 100, "below 1"), (0.01, 0.05, 100, "1 to 3"), (None, 0.05, 100, "3 to 10"),
     (0.5, 0.6, 100, "10 and more"), (None, None, 100, "not calibrated"), (0.5, 0.6, 0, "not calibrated")],
)  # fmt: skip
def test_a_band_is_of_the_estimate_or_of_the_bound(share, below, n, name):
    assert band(row(share=share, below=below, n=n)) == name


def test_precision_is_one_row_a_reader_and_band_with_wilsons_interval():
    judged = [row(verdict=v, share=0.001) for v in ["relevant"] * 8 + ["not-relevant"] * 2 + ["unsure"]]
    (found,) = precision(judged)
    assert (found["by"], found["band"], found["relevant"], found["not_relevant"], found["unsure"]) == (
        "A", "below 1", 8, 2, 1
    )  # fmt: skip
    # Wilson 1927, 8 of 10: 0.4902 to 0.9433
    assert (found["precision"], round(found["low"], 4), round(found["high"], 4)) == (0.8, 0.4902, 0.9433)


def test_agreement_is_given_beyond_chance():
    # Both judged 4 pairs; yes/yes 2, no/no 1, yes/no 1: agreed 3/4, chance 3/4*1/2 + 1/4*1/2 = 1/2, kappa 1/2
    said = {"a": ("relevant", "relevant"), "b": ("relevant", "relevant"), "c": ("not-relevant", "not-relevant"),
            "d": ("relevant", "not-relevant")}  # fmt: skip
    rows = [
        row(by, verdict, prior=prior) for prior, both in said.items() for by, verdict in zip("AB", both, strict=True)
    ]
    assert agreement(rows) == [{"readers": ["A", "B"], "pairs": 4, "agreed": 0.75, "kappa": 0.5}]


def test_a_judged_list_is_a_finding_and_what_readers_disagree_on_is_none():
    rows = [row(prior="p"), row(verdict="not-relevant", prior="q", number=2),
            row(verdict="unsure", prior="u", number=3),
            row(prior="r", number=4), row("B", "not-relevant", prior="r", number=5)]  # fmt: skip
    found, n_split = label_rows(rows)
    assert {(r["subject_key"], r["finding"], r["value"]) for r in found} == {
        ("t-s", "as judged 1", "present"), ("t-p", "as judged 1", "present"), ("t-q", "as judged 1", "absent")
    }  # fmt: skip
    assert n_split == 1


def test_labels_from_verdicts_are_recorded_and_follow_a_change_of_mind(hospital, make_site, db_url):
    site = make_site(url=db_url)
    hospital.deliver(site.archive)
    run(site)
    with site.db.read() as connection:
        encoder = active_encoders(connection)[0]["id"]
        listed = [m for e in active_encoders(connection) for m in current_matches(connection, e["id"])]
    assert encoder
    shown = next(match for match in listed if match["lane"] == "others")
    record_verdict(site.config, shown["id"], "relevant", by="Dr A")
    found = labels_from_verdicts(open_site(site.config))
    assert (found["labels"], found["new_or_changed"], found["taken_back"]) == (2, 2, 0)
    assert labels_from_verdicts(open_site(site.config))["new_or_changed"] == 0
    with site.db.read() as connection:
        assert {(r["source"], r["value"], r["valid_from"]) for r in read_labels(connection)} == {
            ("verdicts", "present", ALWAYS_FROM)
        }
    assert standing(open_site(site.config))["review"]["precision"][0]["relevant"] == 1
    record_verdict(site.config, shown["id"], "unsure", by="Dr A")
    assert labels_from_verdicts(open_site(site.config))["taken_back"] == 2
