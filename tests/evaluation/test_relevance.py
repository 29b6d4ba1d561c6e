import numpy as np

from evaluation.relevance import agreed, grade_table, grades, related


def words(*texts):
    return [frozenset(text.split()) for text in texts]


def test_relevance_by_hand():
    found = grades(
        frozenset({"a", "b"}),
        words("a b", "a", "a c", "c", "", "", "c"),
        words("", "b", "", "a b", "a b", "a", ""),
    )
    assert found[:5].tolist() == [1.0, 1 / 2, 1 / 3, 0.0, 0.0]
    assert np.isnan(found[5:]).all()  # b was not looked for; neither was looked for


def test_a_query_without_findings_finds_nothing_relevant_among_labelled_scans():
    found = grades(frozenset(), words("a", "", ""), words("", "a", ""))
    assert found[:2].tolist() == [0.0, 0.0]
    assert np.isnan(found[2])


def test_findings_that_sources_contradict_are_unknown():
    assert agreed(*words("a b", "b c")) == tuple(words("a", "c"))


def test_table_of_grades_equals_the_grades_of_each():
    present, absent = words("a", "b", "", "a", "a b"), words("b", "a", "a b", "b", "")
    codes, table = grade_table(present, absent)
    assert codes.tolist() == [0, 1, 2, 0, 3]
    for query, has in enumerate(present):
        slow = grades(has, present, absent)
        assert np.array_equal(table[codes[query], codes], slow, equal_nan=True)


def test_patients_are_unrelated_only_when_it_is_known():
    names, found = related(words("a", "", "b", "", "c"), words("", "b", "a", "a b", ""), ["p", "p", "q", "r", "s"])
    assert names == ["p", "q", "r", "s"]
    assert found.tolist() == [
        [True, False, False, True],  # p has a: absent in q and r, unknown in s
        [False, True, False, True],
        [False, False, False, False],  # r is known to have nothing: shares no finding with anybody
        [True, True, True, True],
    ]
