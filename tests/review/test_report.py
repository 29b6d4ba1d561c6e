"""The page of a night, written from a real database."""

import re
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest
from sqlalchemy import insert, select, update

import review.report
from db.encoders import set_provisional
from db.tables import Activation, Match, Night
from db.verdicts import save_verdict
from review import pictures
from review.gather import headline
from review.report import write_report

PAIR = '<article class="pair">'

both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


def report(house, night=None, *, state="finished", next_command="scantwin status"):
    out = house.store / "reports" / "night.html"
    with house.db.read() as connection:
        path = write_report(
            connection, night or house.night, store=house.store, out=out, next_command=next_command, state=state
        )
    return path.read_text(encoding="utf-8")


class Seen(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.attributes = set(), []

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.attributes += attrs


def seen(html):
    parser = Seen()
    parser.feed(html)
    return parser


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"used": (0, 9), "nothing-to-do": (0, 1)}, "Night 2 found nothing new: all 10 files are as they were."),
        ({}, "Night 2 found an empty archive: there is nothing to read yet."),
    ],
)
def test_a_night_without_a_new_file_counts_those_that_are_there(files, words):
    assert headline(2, "nothing_new", files, {"new": 0, "patients": 0}, {"entered": 0}) == words


@both
def test_the_headline_says_in_one_sentence_what_arrived(house, words):
    text = words(report(house))
    assert "Night 1 finished: 9 files arrived or changed, 4 new scans of 3 patients, 3 matches entered" in text


def test_the_state_given_counts_before_the_one_in_the_row(house, words):
    assert "partial" in words(report(house, state="partial"))
    house.end_night("nothing_new")
    assert "found nothing new: all 9 files" in words(report(house, state=""))


@both
def test_files_are_counted_by_outcome_and_the_sums_match(house, words):
    house.end_night()
    house.new_night()
    house.file("localizer0", "gone", "gone")
    text = words(report(house))
    for row in ("used 0 5", "skipped 0 1", "quarantined 0 1", "waiting 0 1", "gone 1 1", "seen 1 9"):
        assert row in text


@both
def test_what_is_counted_in_all_holds_the_nights_before(house, words):
    held = {"state": "held_back", "code": "kind-unknown"}
    house.scan("eeeeeeeeeeeeeeee", "p4pppppppppppppp", None, **held)
    house.end_night()
    house.new_night()
    house.file("truncated9", "quarantined", "truncated")
    house.scan("ffffffffffffffff", "p4pppppppppppppp", None, **held)
    house.scan("gggggggggggggggg", "p4pppppppppppppp", None)
    text = words(report(house))
    for row in ("quarantined 1 2", "truncated 1 2", "ct/chest/3d 1 5", "kind-unknown 1 2", "this night; 7 in all"):
        assert row in text


@both
def test_files_that_a_failed_night_left_unreported_are_new_in_the_next(house, words):
    house.end_night("failed")
    house.new_night()
    house.file("more", "used", "used")
    assert "10 files arrived or changed" in words(report(house))


def test_a_page_made_again_later_still_tells_its_own_night(house, words):
    house.end_night()
    first = words(report(house))
    house.new_night()
    house.file("more")
    assert "Night 1 finished: 9 files arrived" in words(report(house, 1)) and "9 files" in first


def test_every_code_comes_with_its_meaning_and_what_to_do(house, words):
    text = words(report(house))
    assert "truncated 1 1 The file ends before its content does. Send it again from its source." in text
    assert text.index("truncated 1 1") < text.index("disk-error 1 1") < text.index("localizer 2 2")
    assert "used 5 5 The file is part" not in text


@both
def test_pairs_stand_in_lanes_with_distance_date_and_scanner(house, words):
    html = report(house)
    text = words(html)
    assert "22 months earlier distance 0.1250 provisional" in text
    assert text.index("rank 1 distance 0.0625") < text.index("rank 2 distance 0.2500")
    assert "2026-10-31" in text and "2025-01-10" in text and "=Nordic X4" in text and "B30f, 2 mm slices" in text
    assert "64 × 64 × 40 of 0.7 × 0.7 × 2.5 mm" in text and "F 62 y" in text


def test_the_warning_stands_on_the_page_and_at_each_pair(house):
    html = report(house)
    assert html.count(PAIR) == 3
    assert all("Not for diagnostic use" in part for part in html.split(PAIR)[1:])
    assert html.lower().count("not for diagnostic use") == 3 + 2


def test_the_scan_is_left_and_its_prior_right(house):
    html = report(house)
    for part in html.split(PAIR)[1:]:
        assert part.index("dddddddddd") < min(
            part.index(k) for k in ("aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc") if k in part
        )
        assert part.index("This scan") < part.index("Earlier scan")


def test_keys_are_shortened(house):
    assert "ddddddddddd" not in report(house) and "p1ppppppppp" not in report(house)


def test_pictures_are_inside_the_page_and_a_missing_one_says_why(house):
    html = report(house)
    assert html.count('<img src="data:image/png;base64,') == 5  # c has none
    assert pictures.NONE_DRAWN in html


def test_a_picture_gone_or_damaged_leaves_a_sentence(house):
    (house.store / "pictures/aa/aaaaaaaaaaaaaaaa-axial.png").write_bytes(b"GIF89a")
    for file in (house.store / "pictures/bb").glob("*.png"):
        file.unlink()
    html = report(house)
    assert pictures.DAMAGED in html and pictures.NOT_FOUND in html


def test_the_page_stays_small_however_large_the_pictures(make_house):
    house = make_house()
    big = pictures.PNG_SIGNATURE + bytes(pictures.LARGEST_BYTES - 100)
    names = [f"{i:016x}" for i in range(30)]
    for i, name in enumerate(names):
        house.scan(name, f"p{i}", None, n_pictures=1)
        house.picture(name, "axial", big)
    house.encoder(vectors_of=names)
    for scan, prior in zip(names[15:], names, strict=False):
        house.lane(scan, "others", {prior: 0.1})
    html = report(house)
    assert len(html) < 5_000_000 and pictures.TOO_MUCH in html and html.count(PAIR) == 12


def test_one_scan_with_many_neighbours_does_not_fill_the_page(make_house, words):
    house = make_house()
    names = [house.scan(f"{i:016x}", f"p{i}", None) for i in range(20)]
    house.encoder(vectors_of=names)
    house.lane(names[-1], "others", {name: 0.01 * i for i, name in enumerate(names[:10], 1)})
    house.lane(names[-2], "others", {names[0]: 0.9})
    html = report(house)
    assert html.count(PAIR) == 4 and "4 of 11 shown" in words(html)


@both
def test_distances_of_two_encoders_never_share_a_list(house, words):
    house.encoder("f", purpose="patient", vectors_of=["bbbbbbbbbbbbbbbb", "dddddddddddddddd"])
    house.lane("dddddddddddddddd", "others", {"bbbbbbbbbbbbbbbb": 0.03}, encoder="f")
    text = words(report(house))
    assert text.index("Encoder f (3d, purpose patient)") < text.index(
        "Encoder e (3d, purpose view)", text.index("Similar earlier")
    )
    assert text.count("Similar earlier cases · 3d") == 2


def test_what_an_earned_encoder_found_comes_before_what_is_provisional(house, words):
    house.encoder("z", purpose="z", provisional=False, vectors_of=["bbbbbbbbbbbbbbbb", "dddddddddddddddd"])
    house.lane("dddddddddddddddd", "others", {"bbbbbbbbbbbbbbbb": 0.9}, encoder="z")
    _, first, second = words(report(house)).split("Similar earlier cases")
    assert "Encoder z " in first and "Encoder e " in second


def test_a_pair_of_one_day_has_no_rank_and_says_so(house, words):
    twin = house.scan("eeeeeeeeeeeeeeee", "p1pppppppppppppp", None)
    house.vectors("e", [twin])
    house.lane(twin, "own", {"dddddddddddddddd": None})
    assert "which came first is not known" in words(report(house))


@both
def test_a_refused_pair_is_hidden_behind_a_click(house, words):
    with house.write() as connection:
        match = connection.scalar(select(Match.id).where(Match.prior == "bbbbbbbbbbbbbbbb"))
        save_verdict(connection, match=match, verdict="not-relevant", by="CANARY", note="CANARY")
    html = report(house)
    assert "1 hidden, because" in words(html)
    assert html.index("<details>") < html.index("judged: not-relevant") < html.index("</details>")
    assert "CANARY" not in html


def test_provisional_is_explained_only_where_it_stands(house, words):
    assert "has not yet been shown to beat" in words(report(house))
    with house.write() as connection:
        set_provisional(connection, "e", False)
    assert "provisional" not in words(report(house))


@both
def test_a_match_that_left_again_is_not_shown(house, words):
    house.end_night()
    house.new_night()
    house.lane("dddddddddddddddd", "others", {"cccccccccccccccc": 0.25})
    assert "0 matches entered" in words(report(house)) and "0 entered and 1 left" in words(report(house))


@both
def test_training_is_drawn_when_an_encoder_was_trained_this_night(house, words):
    html = report(house)
    text = words(html)
    assert "Trained this night: e (3d, purpose view)" in text and "Loss by epoch" in text
    assert "train: 36 patients, 80 scans · validation: 12 patients, 25 scans" in text
    assert "validation 20 0.871 0.500" in text and "untrained – 0.600 –" in text
    assert 'aria-label="Distances of pairs"' in html and 'aria-label="Loss by epoch"' in html
    house.end_night()
    house.new_night()
    assert "Trained this night" not in words(report(house))


@both
def test_stages_and_the_last_ten_nights_are_told(house, words):
    for _ in range(12):
        house.end_night()
        house.new_night()
    html = report(house)
    text = words(report(house, 1))
    assert "12.2 s" in text and "0.5 s" in text
    assert len(re.findall(r'<tr(?: class="this")?><th scope="row">\d+</th>', html)) == 11


@both
def test_active_encoders_and_the_next_command_are_told(house, words):
    text = words(report(house, next_command='scantwin similar "x"'))
    assert "Next: scantwin similar &#34;x&#34;" in text
    assert "3d view e provisional small, 2 numbers, cosine trained night 1" in text
    with house.write() as connection:
        off = {"cover": "3d", "purpose": "view", "encoder": None, "night": 1, "at": datetime.now(UTC), "reason": ""}
        connection.execute(insert(Activation), [off])
    assert "No encoder is active" in words(report(house))


def NIGHT_AT(connection):
    return connection.scalar(select(Night.begun_at).limit(1))


@both
def test_scans_in_no_list_are_told_with_the_reason(house, words):
    house.scan("ffffffffffffffff", "p9", None, state="held_back", code="kind-unknown", is_main=False)
    text = words(report(house))
    assert "4 new, 1 held back, 0 withdrawn this night; 5 in all" in text and "kind-unknown 1 1 The header" in text


@both
def test_scans_of_unknown_kind_name_the_earlier_scans_of_their_patients(house, words):
    held = {"state": "held_back", "code": "kind-unknown", "is_main": None}
    house.scan("ffffffffffffffff", "p1pppppppppppppp", date(2026, 11, 2), kind="ct/unknown/3d", **held)
    house.scan("eeeeeeeeeeeeeeee", "p1pppppppppppppp", date(2026, 11, 2), kind="xr/unknown/2d/frontal", **held)
    text = words(report(house)).partition("with earlier scans of the same patient")[2]
    row = "ffffffffff ct/unknown/3d 2026-11-02 2 dddddddddd ct/chest/3d 2026-10-31"
    assert text.startswith(" 1 of this night.") and row in text and "eeeeeeeeee" not in text


def test_a_night_without_such_scans_has_no_such_table(house, words):
    house.scan("ffffffffffffffff", "p9", None, state="held_back", code="kind-unknown", kind="ct/unknown/3d")
    assert "with earlier scans of the same patient" not in words(report(house))


@pytest.mark.parametrize(("state", "error", "meant"), [
    ("failed", "disk-full", "Make room"), ("failed", "never-heard-of", "Read its log"), ("fenced", "", "Read its log"),
])  # fmt: skip
def test_a_failed_night_says_why_and_what_to_do(house, state, error, meant, words):
    house.stage("embed", None, "failed")
    house.end_night(state, error_code=error)
    html = report(house, state="")
    text = words(html)
    assert "<code>scantwin night</code> again" in html and "`" not in text
    assert "Night 1 failed in the stage embed" in text and meant in text and (error or "failed") in text


@both
def test_an_empty_archive_has_a_page(make_house, words):
    text = words(report(make_house()))
    assert "found an empty archive" in text and "No match entered a list" in text and "No encoder is active" in text


def test_a_night_that_is_not_there_is_an_error(house):
    with pytest.raises(LookupError):
        report(house, 99)


def test_equal_rows_give_equal_bytes(house):
    assert report(house) == report(house)


def test_the_page_needs_nothing_from_outside(house):
    html = report(house)
    page = seen(html)
    assert "default-src 'none'; img-src data:; style-src 'unsafe-inline'" in html
    assert not page.tags & {"script", "link", "iframe", "object", "form", "base"}
    assert all(value.startswith("data:") for name, value in page.attributes if name == "src")
    assert not re.search(r"https?://|url\(|@import", html)


def test_no_text_of_the_database_becomes_html(make_house, fill_house, words):
    house = fill_house(make_house(text='<xss onload="x()">\'"&{{ 7*7 }}</style>', key='"><xss>'))
    with house.write() as connection:
        connection.execute(update(Night).values(error_code="<xss>"))
    for state in ("finished", "failed", "<xss>"):
        html = report(house, state=state, next_command="<xss>")
        page = seen(html)
        assert "<xss" not in html and not [name for name, _ in page.attributes if name.startswith("on")]
        assert html.count("</style>") == 1 and "&lt;xss" in html and "49" not in words(html)


def test_no_template_lets_raw_html_through():
    templates = list((Path(review.report.__file__).parent / "templates").glob("*.j2"))
    assert templates and not [t.name for t in templates if re.search(r"\|\s*safe|autoescape|Markup", t.read_text())]


def test_nothing_that_names_a_person_or_place_is_on_the_page(house):
    house.identity()
    assert "CANARY" not in report(house)


def test_a_page_is_replaced_in_one_step(house, monkeypatch):
    before = report(house)
    monkeypatch.setattr("os.fsync", lambda _: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(OSError, match="No space"):
        report(house, next_command="other")
    folder = house.store / "reports"
    assert (folder / "night.html").read_text() == before and [p.name for p in folder.iterdir()] == ["night.html"]
