"""The clinician's page of one scan."""

from datetime import date

import pytest
from sqlalchemy import select, update

from db.encoders import set_provisional
from db.tables import Activation, Match, Patient, Scan
from db.verdicts import save_verdict
from review.report import write_matches

D = "dddddddddddddddd"

both = pytest.mark.parametrize("backend", ["sqlite", "postgresql"], indirect=True)


def matches_page(house, scan=D):
    with house.db.read() as connection:
        path = write_matches(connection, scan, store=house.store, out=house.store / "scan.html")
    return path.read_text(encoding="utf-8")


@pytest.fixture
def proven(house):
    """The house with an encoder that has earned its place."""
    with house.write() as connection:
        set_provisional(connection, "e", False)
    return house


@both
def test_both_lanes_are_shown_with_all_planes(proven, words):
    html = matches_page(proven)
    text = words(html)
    assert "Scan dddddddddd has 1 earlier study of the same patient and 2 similar earlier cases" in text
    assert text.index("Same patient, by date") < text.index("22 months earlier") < text.index("Similar earlier cases")
    assert html.count('<img src="data:') == 3 + 2 * 3 + 2 * 3 + 3  # the scan; with a; with b; with c, which has none
    assert html.lower().count("not for diagnostic use") == 3 + 1 + 2  # pairs, the scan, top and foot


def test_only_the_first_pairs_of_a_list_show_all_planes(proven):
    others = [proven.scan(f"{i:016x}", f"q{i}", None, n_pictures=3) for i in range(6)]
    proven.vectors("e", others)
    proven.lane(D, "others", {key: 0.1 for key in others})
    n_own = 3 + 2 * 3
    assert matches_page(proven).count('<img src="data:') == n_own + 3 * 2 * 3 + 3 * 2


def test_the_own_lane_is_never_cut(proven, words):
    priors = [proven.scan(f"{i:016x}", "p1pppppppppppppp", date(2020 - i, 1, 1)) for i in range(15)]
    proven.vectors("e", priors)
    proven.lane(D, "own", {prior: 0.1 for prior in priors})
    text = words(matches_page(proven))
    assert "15 earlier studies" in text and text.count("years earlier distance") == 15


def test_provisional_matches_of_other_patients_wait_behind_a_click(house):
    html = matches_page(house)
    assert "2 provisional matches, hidden until you ask" in html
    assert html.index("<details>") < html.index("rank 1") < html.rindex("</details>")


def test_own_earlier_scans_are_always_shown_and_only_their_distance_and_change_are_marked(house, words):
    html = matches_page(house)
    own = html[html.index("Same patient, by date") : html.index("Similar earlier cases")]
    assert "22 months earlier" in own and "<details>" not in own and own.count('<img src="data:') == 2 * 3
    assert "22 months earlier distance 0.1250 provisional" in words(own) and "a fact of the archive" in own


@both
def test_a_refused_pair_is_hidden_and_a_change_of_mind_shows_it(proven, words):
    with proven.write() as connection:
        match = connection.scalar(select(Match.id).where(Match.prior == "bbbbbbbbbbbbbbbb"))
        save_verdict(connection, match=match, verdict="wrong-patient", by="a")
    assert "1 hidden, because" in words(matches_page(proven))
    with proven.write() as connection:
        save_verdict(connection, match=match, verdict="relevant", by="b")
    assert "hidden" not in words(matches_page(proven)) and "judged: relevant" in words(matches_page(proven))


def test_an_empty_lane_says_why(proven, words):
    text = words(matches_page(proven, "aaaaaaaaaaaaaaaa"))
    assert text.count("No comparable earlier scan exists.") == 2
    assert text.count("Chosen among 0 patients with a comparable earlier scan.") == 1 and "Nothing to do" not in text


@both
def test_a_scan_beside_the_main_one_points_to_it(proven, words):
    proven.scan("eeeeeeeeeeeeeeee", "p1pppppppppppppp", None, study=f"study-{D}", is_main=False,
                code="alternate-reconstruction")  # fmt: skip
    text = words(matches_page(proven, "eeeeeeeeeeeeeeee"))
    assert "Another scan stands for this study and kind." in text and "lists are those of scan dddddddddd." in text


@both
@pytest.mark.parametrize("what", ["no vector yet", "not compared yet", "no encoder", "withdrawn"])
def test_a_scan_without_lists_says_why(proven, words, what):
    key = proven.scan("eeeeeeeeeeeeeeee", "p9", None)
    meant = {"no vector yet": "no vector yet", "not compared yet": "was not compared yet",
             "no encoder": "No active encoder", "withdrawn": "taken away or replaced"}[what]  # fmt: skip
    if what == "not compared yet":
        proven.vectors("e", [key])
    with proven.write() as connection:
        if what == "no encoder":
            connection.execute(update(Activation).values(encoder=None))
        if what == "withdrawn":
            gone = {"state": "withdrawn", "code": "withdrawn", "is_main": False, "withdrawn_night": 1}
            connection.execute(update(Scan).where(Scan.key == key).values(gone))
    text = words(matches_page(proven, key))
    assert meant in text and "has no lists" in text


@both
@pytest.mark.parametrize("what", ["not embedded", "kind unknown", "alternate"])
def test_own_earlier_scans_are_shown_for_a_scan_without_lists(proven, words, what):
    values = {
        "not embedded": {},
        "kind unknown": {"state": "held_back", "code": "kind-unknown", "is_main": None, "kind": "unknown"},
        "alternate": {"study": f"study-{D}", "is_main": False, "code": "alternate-reconstruction"},
    }[what]
    patient = "p1pppppppppppppp"
    proven.scan("eeeeeeeeeeeeeeee", patient, date(2026, 11, 1), **values)
    proven.scan("1111111111111111", patient, None, kind="mr/brain/t1/3d")
    proven.scan("2222222222222222", patient, date(2026, 12, 1))  # later
    proven.scan("3333333333333333", "p2pppppppppppppp", date(2020, 1, 1))
    shown = words(matches_page(proven, "eeeeeeeeeeeeeeee")).partition("Same patient, not compared")[2]
    own = ["aaaaaaaaaa", "1111111111"] if what == "alternate" else ["dddddddddd", "aaaaaaaaaa", "1111111111"]
    places = [shown.find(key) for key in own]
    assert -1 not in places and places == sorted(places)
    assert shown.count("Which came first is not known.") == 1 and "2222222222" not in shown and "3333" not in shown


def test_no_own_scans_are_shown_where_an_id_is_not_trusted(proven, words):
    proven.scan("eeeeeeeeeeeeeeee", "p1pppppppppppppp", date(2026, 11, 1))
    with proven.write() as connection:
        connection.execute(update(Patient).values(own_lane=False))
    assert "Same patient" not in words(matches_page(proven, "eeeeeeeeeeeeeeee"))


def test_an_unknown_scan_is_an_error(house):
    with pytest.raises(LookupError, match="no scan has this key"):
        matches_page(house, "zzz")


def test_no_text_of_the_database_becomes_html_here_either(make_house, fill_house):
    house = fill_house(make_house(text='<xss onload="x()">', key='"><xss>'))
    html = matches_page(house, house.key(D))
    assert "<xss" not in html and "&lt;xss" in html and "CANARY" not in html
