"""Promise 7 with kill -9: stages in spawned children that die at random SQL commits, on both databases."""

import multiprocessing
import os
import random
import signal

import pytest
from nights import run, tables
from sqlalchemy import event

from flows.site.opened import open_site
from flows.stages.match.verify import verify_matches

N_COMMITS = 40  # about what a night of the small hospital makes


def doomed_night(config: str, number: int, after: bool) -> None:
    """Run a night that kills its own process at its commit of this number."""
    site, seen = open_site(config), 0

    def die(*_: object) -> None:
        nonlocal seen
        seen += 1
        if seen == number + after:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(site.db.engine, "commit", die)
    run(site)


@pytest.mark.timeout(600)
@pytest.mark.parametrize("seed", range(2))
def test_killed_with_minus_nine_at_random_commits_the_tables_end_the_same(hospital, make_site, db_url, seed):
    calm = make_site("calm")
    hospital.deliver(calm.archive)
    run(calm)
    site, rng = make_site(url=db_url), random.Random(100 + seed)
    files = list(hospital.files)
    rng.shuffle(files)
    spawn = multiprocessing.get_context("spawn")
    codes = []
    for half in (files[: len(files) // 2], files):
        hospital.deliver(site.archive, half)
        for _ in range(2):
            words = (str(site.config), rng.randint(1, N_COMMITS), rng.random() < 0.5)
            child = spawn.Process(target=doomed_night, args=words)
            child.start()
            child.join()
            codes.append(child.exitcode)
    assert -signal.SIGKILL in codes, "no child was killed: this test proves nothing"
    run(site)
    assert tables(site) == tables(calm)
    assert verify_matches(site).wrong == 0
