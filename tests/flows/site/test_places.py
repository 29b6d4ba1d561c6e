"""Wrong paths are named in a sentence before anything is opened, never as a night that failed."""

import os
import re
import shutil

import pytest

from flows.night.run import dry_night, ready_site
from flows.operator.doctor import examine
from flows.operator.new_site import new_site
from flows.site.opened import forget_opened
from flows.verbs.exits import exit_code


def key(config, name, value):
    config.write_text(re.sub(rf'^{name} = "[^"]*"', f'{name} = "{value}"', config.read_text(), flags=re.M))


def put_file(path):
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("")


def put_link(path, to):
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.symlink(to, path)


REFUSED = {  # what is done to a site -> exit code, words of the sentence
    "archive gone": (lambda h, c: (h / "archive").rmdir(), 5, "the archive .*archive does not exist; mount it"),
    "archive a file": (lambda h, c: put_file(h / "archive"), 5, "archive is a file, a folder is wanted"),
    "archive in a file": (lambda h, c: (put_file(h / "f"), key(c, "archive", "f/a")), 5, "not exist: .*f is a file"),
    "archive a dead link": (lambda h, c: put_link(h / "archive", h / "no"), 5, "link to nowhere; mount it"),
    "archive too long": (lambda h, c: key(c, "archive", "a" * 300), 5, "cannot be listed: File name too long"),
    "store a file": (lambda h, c: put_file(h / "store"), 5, "store is no folder: .*store is a file; move that away"),
    "store in a file": (lambda h, c: (put_file(h / "f"), key(c, "store", "f/s")), 5, "no folder: .*f is a file"),
    "store a dead link": (lambda h, c: put_link(h / "store", h / "no" / "x"), 5, "link to nowhere"),
    "store where nothing can be made": (lambda h, c: key(c, "store", "/proc/x"), 5, "the store /proc/x: .*repair"),
    "reports a file": (lambda h, c: put_file(h / "store" / "reports"), 5, "reports is no folder.*is a file"),
    "tensors elsewhere": (lambda h, c: put_link(h / "store" / "tensors", "/proc"), 5, "write to the store's folder"),
    "database a folder": (
        lambda h, c: ((h / "d").mkdir(), key(c, "url", "sqlite:///d")), 5, "d is a folder, a file is wanted"
    ),
    "database nowhere": (lambda h, c: key(c, "url", "sqlite:////proc/d.sqlite"), 5, "the database's folder /proc"),
    "secret a folder": (lambda h, c: ((h / "site.secret").unlink(), (h / "site.secret").mkdir()), 2, "Is a directory;"),
    "secret's folder gone": (lambda h, c: key(c, "secret_file", "no/site.secret"), 2, "no secret at .*no/site.secret"),
    "secret no text": (lambda h, c: (h / "site.secret").write_bytes(b"\xff" * 40), 2, "is not text; restore"),
    "nobody's home": (lambda h, c: key(c, "store", "~nobody-here/s"), 2, "~nobody-here/s: nobody here has that home"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_a_path_that_cannot_be_used_is_named_with_the_next_step(tmp_path, name):
    spoil, code, words = REFUSED[name]
    (tmp_path / "archive").mkdir()
    config = tmp_path / "config.toml"
    new_site(tmp_path / "archive", config, secret="test-test-test-test-test-test-test")
    spoil(tmp_path, config)
    forget_opened()
    for command in (ready_site, dry_night):
        with pytest.raises(Exception, match=words) as caught:
            command(config)
        assert exit_code(caught.value) == (code, str(caught.value))
    assert any(re.search(words, finding.found) for finding in examine(config) if not finding.ok)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
@pytest.mark.parametrize(("folder", "mode", "words"), [
    ("archive", 0o300, "no permission to list the archive"), ("store", 0o500, "no permission to write to the store"),
])  # fmt: skip
def test_a_folder_without_permission_is_named(tmp_path, folder, mode, words):
    for name in ("archive", "store"):
        (tmp_path / name).mkdir()
    new_site(tmp_path / "archive", tmp_path / "config.toml", secret="test-test-test-test-test-test-test")
    (tmp_path / folder).chmod(mode)
    with pytest.raises(Exception, match=words):
        ready_site(tmp_path / "config.toml")


def test_a_good_site_is_ready_and_nothing_is_left_behind(tmp_path):
    (tmp_path / "archive").mkdir()
    new_site(tmp_path / "archive", tmp_path / "config.toml", secret="test-test-test-test-test-test-test")
    site, _ = ready_site(tmp_path / "config.toml")
    assert list(site.archive.iterdir()) == []
    assert not list(site.store.glob(".probe*"))
