"""Readings of test are numbered by the database, in each cover apart."""

import pytest
from sqlalchemy import select
from sqlalchemy.exc import IntegrityError

from db.evaluations import evaluations, save_evaluation
from db.tables import Evaluation


def row(**values):
    return {
        "night": None, "encoder": "e", "cover": "3d", "task": "patient", "kind": "", "gallery": "prior",
        "n_queries": 40, "n_patients": 20, "p_at_1": 0.5, "p_at_1_low": 0.4, "p_at_1_high": 0.6, "map_at_r": None,
        "map_at_r_low": None, "map_at_r_high": None, "lift_over": "thumbnail", "lift": 0.1, "lift_low": -0.1,
        "lift_high": 0.3, "code": "provisional", "result": "{}",
    } | values  # fmt: skip


def test_each_reading_of_a_covers_test_patients_has_the_next_number(archive):
    with archive.db.write() as connection:
        archive.encoder(connection, "e")
        archive.encoder(connection, "flat", cover="2d")
        found = [save_evaluation(connection, row(encoder=e, cover=c))
                 for e, c in (("e", "3d"), ("flat", "2d"), ("e", "3d"))]  # fmt: skip
    assert found == [1, 1, 2]
    with archive.db.read() as connection:
        newest, *_ = evaluations(connection, "e")
    assert (newest.reading, newest.p_at_1, newest.night) == (2, 0.5, None)
    assert not hasattr(newest, "result")
    assert newest.made_at.tzinfo is not None


@pytest.mark.parametrize("wrong", [{"task": "view"}, {"code": "good"}, {"gallery": "all"}, {"encoder": "nobody"}])
def test_the_database_refuses_words_that_mean_nothing(archive, wrong):
    with pytest.raises(IntegrityError), archive.db.write() as connection:
        archive.encoder(connection, "e")
        save_evaluation(connection, row(**wrong))
    with archive.db.read() as connection:
        assert connection.execute(select(Evaluation)).all() == []
