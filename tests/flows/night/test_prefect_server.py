"""A temporary server that a killed night left behind is ended; one whose night lives is not."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from flows.night.prefect_server import NOTE, reap_left_server

SERVER = [sys.executable, "-c", "import time; time.sleep(60)", "prefect.server.api.server:create_app"]
START = "import subprocess, sys, time; print(subprocess.Popen(sys.argv[2:]).pid, flush=True); time.sleep({})"


def started(parent_word: str, *, stays: bool) -> tuple[subprocess.Popen[str], psutil.Process]:
    """Start what looks like a server, by a parent that stays or leaves at once."""
    words = [sys.executable, "-c", START.format(60 if stays else 0), parent_word, *SERVER]
    parent = subprocess.Popen(words, stdout=subprocess.PIPE, text=True)
    server = psutil.Process(int(parent.stdout.readline()))
    if not stays:
        parent.wait()
    return parent, server


def noted(store: Path, *pids: int) -> Path:
    (store / NOTE).parent.mkdir(parents=True)
    (store / NOTE).write_text(" ".join(map(str, pids)))
    return store


def test_a_server_whose_night_is_gone_is_ended(tmp_path):
    _, server = started("scantwin", stays=False)
    assert reap_left_server(noted(tmp_path, server.pid)) == [server.pid]
    assert not server.is_running() or server.status() == psutil.STATUS_ZOMBIE
    assert not (tmp_path / NOTE).exists()


def test_a_server_whose_night_lives_is_left_alone(tmp_path):
    parent, server = started("scantwin", stays=True)
    try:
        assert reap_left_server(noted(tmp_path, server.pid)) == []
        assert server.is_running()
    finally:
        parent.kill()
        server.kill()
        parent.wait()


@pytest.mark.parametrize("pid", [os.getpid(), 2**22 + 1], ids=["mine", "nobody"])  # xdist compares names
def test_another_process_that_has_the_number_now_is_left_alone(tmp_path, pid):
    assert reap_left_server(noted(tmp_path, pid)) == []
