"""A CSV of labels: every line that cannot be used is named with a sentence of ours, and quotes nobody's name."""

from datetime import date

import pytest

from db.match_tables import ALWAYS_FROM, ALWAYS_UNTIL
from flows.records.csv_line import RefusedLine
from flows.records.labels import LabelLine, label_rows
from flows.site.errors import WrongUsage

COLUMNS = ("patient", "study", "finding", "value", "kind", "from", "until", "grade", "size_mm", "contrast_to_noise",
           "site", "source")  # fmt: skip
CANARY = "CANARY^NAME"

REFUSED = {
    "neither patient nor study is given": {"study": ""},
    "value is 'Present', wanted present or absent": {"value": "Present"},
    "value is '', wanted present or absent": {"value": ""},
    "value is 'abcdefghijklmnopqrst', wanted present or absent": {"value": "abcdefghijklmnopqrstuvwxyz"},
    "finding is empty or very long": {"finding": ""},
    "'31.1.2026' is not a date such as 2026-01-31": {"from": "31.1.2026"},
    "'1768000000' is not a date such as 2026-01-31": {"until": "1768000000"},
    "from is after until": {"from": "2026-01-02", "until": "2026-01-01"},
    "size_mm is '-3', wanted a number above 0": {"size_mm": "-3"},
    "size_mm is 'nan', wanted a number above 0": {"size_mm": "nan"},
    "size_mm is 'ten', wanted a number above 0": {"size_mm": "ten"},
    "contrast_to_noise is 'inf', wanted a number above 0": {"contrast_to_noise": "inf"},
    "this patient is not in the archive (yet); import again after the night that took it in": {"patient": CANARY},
}


@pytest.fixture
def read(make_site, tmp_path):
    """Read lines, each a dict from column to text, of a site without patients."""
    site = make_site()

    def read(*lines, columns=COLUMNS, more=""):
        rows = [",".join(f" {line.get(name, '')} " for name in columns) + more for line in lines]
        (tmp_path / "labels.csv").write_text("\n".join([" , ".join(columns), *rows]))
        return label_rows(site, tmp_path / "labels.csv")

    return read


def line(**values):
    return {"study": "1.2.3", "finding": "nodule", "value": "present"} | values


def test_a_line_is_read_as_it_is_written_blanks_apart(read):
    full = line(kind="ct/chest/3d", until="2026-01-31", grade="2", size_mm="4.5", contrast_to_noise="1e1",
                site="lung " * 50, source="tumour board")  # fmt: skip
    (row, plain), refused = read(full, line())
    assert refused == []
    assert (row.subject, row.finding, row.value, row.kind) == ("study", "nodule", "present", "ct/chest/3d")
    assert (row.valid_from, row.valid_until) == (ALWAYS_FROM, date(2026, 1, 31))
    assert (row.grade, row.size_mm, row.contrast_to_noise, row.source) == ("2", 4.5, 10.0, "tumour board")
    assert row.site == ("lung " * 50)[:200]
    assert (plain.kind, plain.grade, plain.size_mm, plain.site, plain.source) == ("", None, None, None, "csv")
    assert (plain.valid_from, plain.valid_until) == (ALWAYS_FROM, ALWAYS_UNTIL)


@pytest.mark.parametrize(("sentence", "wrong"), REFUSED.items())
def test_a_line_that_cannot_be_used_is_named_with_its_reason(read, sentence, wrong):
    rows, refused = read(line(), line(**wrong), line(value="absent"))
    assert [row.value for row in rows] == ["present", "absent"]
    assert refused == [{"line": 3, "why": sentence}]


@pytest.mark.parametrize("wrong", [{"finding": ""}, {"value": "maybe"}, {"from": "x"}, {"size_mm": "x"}, {}])
def test_no_reason_quotes_a_patient(read, wrong):
    _, refused = read(line(patient=CANARY, **wrong))
    assert len(refused) == 1 and "CANARY" not in str(refused)


def test_a_line_of_more_fields_than_the_first_is_refused(read):
    _, refused = read(line(), more=",x")
    assert refused == [{"line": 2, "why": "it has more or fewer fields than the first line"}]


@pytest.mark.parametrize(
    "columns", [("patient", "finding"), ("finding", "value"), ("study", "finding", "value", "age")]
)
def test_a_file_of_other_columns_is_no_csv_of_labels(read, columns):
    with pytest.raises(WrongUsage, match=r"columns found: .*; wanted patient or study, finding, value, and at most"):
        read(columns=columns)


def test_pydantics_error_which_quotes_the_line_is_not_chained_to_ours():
    with pytest.raises(RefusedLine) as caught:
        LabelLine.read({"patient": CANARY, "finding": "", "value": "present"})
    assert caught.value.__cause__ is caught.value.__context__ is None
