"""The examples in the docstrings of the four doors of the science run, and are quick."""

import doctest
import importlib

import pytest

DOORS = {
    "scans.volume": "read_volume",
    "siamese.training.fit": "fit",
    "siamese.search.lanes": "nearest_priors",
    "evaluation.protocol": "evaluate",
}


@pytest.mark.parametrize(("module", "name"), DOORS.items())
def test_the_example_of_a_door_runs(module, name):
    home = importlib.import_module(module)
    (example,) = doctest.DocTestFinder(recurse=False).find(getattr(home, name), name, home, home.__dict__)
    assert example.examples
    failed, _ = doctest.DocTestRunner().run(example)
    assert failed == 0
