import errno
import sys

import pytest
from nights import run, tables
from sqlalchemy.exc import OperationalError

from db.errors import Fenced
from db.nights import last_nights
from flows.night.conductor import conduct
from flows.site.errors import PlaceLost
from flows.verbs.exits import exit_code
from flows.work.failure import may_retry, sentence
from flows.work.told import told_of


def told_site(make_site, tmp_path, **changes):
    """A site whose operator's command writes its last word into a file."""
    script = tmp_path / "tell.py"
    script.write_text(f"import sys\nopen({str(tmp_path / 'told')!r}, 'a').write(sys.argv[-1])\n")
    return make_site(on_failure=f'["{sys.executable}", "{script}"]', **changes)


def fail_with(monkeypatch, error):
    def stage(*_):
        raise error

    monkeypatch.setitem(sys.modules["flows.night.conductor"].STAGES, "match", stage)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "disk-full"),
        (KeyboardInterrupt(), "interrupted"),
        (MemoryError(), "out-of-memory"),
        (Fenced("taken"), "fenced"),
        (ZeroDivisionError("secret^name"), "failed"),
    ],
)
def test_a_failed_night_has_a_code_and_the_operator_is_called(make_site, tmp_path, monkeypatch, error, code):
    site = told_site(make_site, tmp_path)
    fail_with(monkeypatch, error)
    with pytest.raises(type(error)):
        conduct(site)
    with site.db.read() as connection:
        (row,) = last_nights(connection)
        assert (row.state, row.error_code) == ("failed", code)
    assert sentence(code) in (tmp_path / "told").read_text()
    assert "secret" not in (tmp_path / "told").read_text()


def test_after_a_failed_night_the_lease_is_free(make_site, monkeypatch):
    site = make_site()
    fail_with(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        conduct(site)
    monkeypatch.undo()
    assert conduct(site).state == "nothing_new"


def test_an_operators_command_that_is_missing_does_not_hide_the_failure(make_site, monkeypatch):
    site = make_site(on_failure='["/no/such/program"]')
    fail_with(monkeypatch, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        conduct(site)


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (OSError(errno.EIO, "I/O error"), True),
        (OSError(errno.ESTALE, "stale handle"), True),
        (OSError(errno.ENOSPC, "full"), False),
        (ValueError("bad data"), False),
        (Fenced("taken"), False),
        (OperationalError("x", {}, Exception("database is locked")), True),
    ],
)
def test_only_what_may_pass_by_itself_is_tried_again(error, again):
    assert may_retry(error) == again


def test_a_full_disk_in_a_stage_loses_nothing(hospital, make_site, monkeypatch):
    calm, full = make_site("calm"), make_site("full")
    hospital.deliver(calm.archive)
    run(calm)
    hospital.deliver(full.archive)

    def no_room(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("flows.stages.ingest.scans.save_tensor", no_room)
    with pytest.raises(OSError, match="No space"):
        run(full)
    monkeypatch.undo()
    run(full)
    assert tables(full) == tables(calm)


def put_file_in_place_of(folder):
    if folder.is_dir():
        folder.rename(folder.with_name(f"{folder.name}-away"))
        folder.write_text("")


def put_back(folder):
    folder.unlink()
    folder.with_name(f"{folder.name}-away").rename(folder)


def test_a_store_that_is_lost_during_the_night_is_named_and_the_next_night_goes_on(
    hospital, make_site, tmp_path, monkeypatch
):
    calm, site = make_site("calm"), told_site(make_site, tmp_path)
    for some in (calm, site):
        hospital.deliver(some.archive)
    run(calm)
    tensors, save = site.store / "tensors", sys.modules["flows.stages.ingest.scans"].save_tensor
    tensors.mkdir()
    monkeypatch.setattr(
        "flows.stages.ingest.scans.save_tensor", lambda *args: (put_file_in_place_of(tensors), save(*args))
    )
    with pytest.raises(PlaceLost, match=f"the store's folder {tensors} is no folder: .* move that away") as caught:
        run(site)
    with site.db.read() as connection:
        assert last_nights(connection)[0].error_code == "store-unwritable"
    assert str(caught.value) in (tmp_path / "told").read_text()
    assert exit_code(told_of(caught.value)) == exit_code(caught.value) == (1, str(caught.value))
    monkeypatch.undo()
    put_back(tensors)
    run(site)
    assert tables(site) == tables(calm)


def test_an_archive_that_is_lost_before_it_is_listed_is_named(hospital, make_site, monkeypatch):
    site = make_site()
    hospital.deliver(site.archive)
    stages = sys.modules["flows.night.conductor"].STAGES
    ingest = stages["ingest"]
    monkeypatch.setitem(stages, "ingest", lambda *args: (put_file_in_place_of(site.archive), ingest(*args))[1])
    with pytest.raises(PlaceLost, match=f"the archive {site.archive} is a file, a folder is wanted") as caught:
        conduct(site)
    assert caught.value.code == "archive-missing"
    monkeypatch.undo()
    put_back(site.archive)
    assert run(site)


def test_a_folder_deep_in_the_store_that_takes_no_files_is_named(hospital, make_site, monkeypatch):
    site = make_site()
    hospital.deliver(site.archive)
    pictures = site.store / "pictures"
    pictures.mkdir()
    for number in range(256):
        (pictures / f"{number:02x}").write_text("")
    with pytest.raises(PlaceLost, match=f"the store's folder {pictures}/.. is no folder"):
        run(site)
