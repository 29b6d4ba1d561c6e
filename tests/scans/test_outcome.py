import pickle

import pytest

from scans import outcome as module
from scans.outcome import OUTCOMES, MissingSlices, Outcome, Refusal, outcome

REFUSALS = [kind for kind in vars(module).values() if isinstance(kind, type) and issubclass(kind, Refusal)]


def test_an_unknown_code_is_named_in_the_error() -> None:
    with pytest.raises(KeyError, match="no-such-code"):
        outcome("no-such-code")


def test_no_two_outcomes_share_a_code() -> None:
    from scans.codes import DATE, FILE, LANE, NIGHT, SCAN

    assert len(OUTCOMES) == sum(map(len, (FILE, SCAN, DATE, LANE, NIGHT)))


@pytest.mark.parametrize("found", OUTCOMES.values(), ids=lambda o: o.code)
def test_every_outcome_says_what_was_found_and_what_to_do(found: Outcome) -> None:
    assert found.meaning.endswith(".") and found.action.endswith(".")
    assert (found.state == "") == (found.subject in ("date", "lane", "night"))


def test_skipped_is_fine_and_everything_else_wants_a_person() -> None:
    skipped = {found.code for found in OUTCOMES.values() if found.state == "skipped"}
    assert skipped == {
        "duplicate", "not-dicom", "dicomdir", "not-a-regular-file", "not-an-image", "colour", "localizer",
        "derived", "derived-object", "for-processing", "secondary-capture", "enhanced-unsupported",
        "multi-frame", "mosaic-unsupported", "modality-unsupported", "single-slice", "too-few-slices",
        "time-series", "time-point", "rejection-note", "rejected", "forgotten",
    }  # fmt: skip


def test_every_refusal_has_an_outcome_of_its_own() -> None:
    codes = [kind.code for kind in REFUSALS if kind is not Refusal]
    assert len(codes) > 30 and len(set(codes)) == len(codes)
    assert {outcome(code).subject for code in codes} == {"file"}


def test_a_refusal_with_an_unknown_code_cannot_be_defined() -> None:
    with pytest.raises(KeyError):
        type("Odd", (Refusal,), {}, code="odd")


def test_a_refusal_tells_code_and_facts() -> None:
    refusal = MissingSlices("slice 3 of 9 missing")
    assert str(refusal) == "missing-slices: slice 3 of 9 missing"
    assert refusal.outcome.state == "quarantined"


def test_a_refusal_survives_the_way_between_processes() -> None:
    back = pickle.loads(pickle.dumps(MissingSlices("slice 3 of 9 missing")))
    assert type(back) is MissingSlices and back.facts == "slice 3 of 9 missing"
