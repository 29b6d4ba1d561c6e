import tomllib
from pathlib import Path

import pytest

from flows.settings import ConfigError, Settings, new_scans_wanted, read_settings

ROOT = Path(__file__).parents[2]
BASE = '[site]\narchive = "archive"\n'


@pytest.fixture
def read(tmp_path):
    def reader(text):
        path = tmp_path / "config.toml"
        path.write_text(text)
        return read_settings(path)

    return reader


def test_the_shortest_configuration_names_an_archive(read):
    assert read(BASE).site.archive == "archive"


@pytest.mark.parametrize(
    ("addition", "words"),
    [
        ("[siamese]\nkk = 3", ["siamese.kk", "allowed here", "batch_size"]),
        ("[siamese]\nk = 0", ["siamese.k", "0", "greater than or equal to 1"]),
        ('[siamese]\nk = "20"', ["siamese.k", "'20'", "integer"]),
        ('[siamese]\ntrain_when = "often"', ["siamese.train_when", "'often'", "new_scans >= N"]),
        ('[flows]\ncron = "at night"', ["flows.cron", "'at night'", "five fields"]),
        ('[flows]\ntime_zone = "Mars"', ["flows.time_zone", "'Mars'", "Europe/Berlin"]),
        ('[flows]\nfinish_by = "soon"', ["flows.finish_by", "'soon'", "06:30"]),
        ('[scans]\ndates = "maybe"', ["scans.dates", "'maybe'", "shifted_per_patient"]),
        ('[scans]\nrepair = ["gaps"]', ["scans.repair", "'gaps'", "missing-slices"]),
        ("[nights]\nlong = true", ["nights", "flows"]),
    ],
)
def test_an_error_names_key_value_and_what_is_allowed(read, addition, words):
    with pytest.raises(ConfigError) as caught:
        read(BASE + addition)
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_near_miss_is_suggested(read):
    with pytest.raises(ConfigError, match="did you mean 'archive'"):
        read('[site]\narchve = "a"\n')


def test_a_missing_file_says_how_to_get_one(tmp_path):
    with pytest.raises(ConfigError, match="scantwin init"):
        read_settings(tmp_path / "config.toml")


def test_what_is_not_toml_is_said_with_its_line(read):
    with pytest.raises(ConfigError, match="line 1"):
        read("archive: here")


def test_the_database_address_may_come_from_the_environment(read, monkeypatch):
    monkeypatch.setenv("SCANTWIN_DB__URL", "postgresql://somewhere/else")
    assert read(BASE).db.url == "postgresql://somewhere/else"


def test_the_environment_goes_before_the_file_key_by_key(read, monkeypatch):
    monkeypatch.setenv("SCANTWIN_DB__URL", "postgresql://somewhere/else")
    monkeypatch.setenv("SCANTWIN_SITE__STORE", "/fast/disk")
    settings = read('[site]\narchive = "archive"\nstore = "slow"\n[db]\nurl = "sqlite:///here.sqlite"\n')
    assert (settings.db.url, settings.site.store) == ("postgresql://somewhere/else", "/fast/disk")
    assert settings.site.archive == "archive"  # what the environment leaves out is as the file says


def test_an_error_never_shows_the_database_address(read, monkeypatch):
    with pytest.raises(ConfigError) as caught:
        read(BASE + "[db]\nurl = 5\n")
    assert " = 5" not in str(caught.value)


def test_settings_cannot_be_changed_once_read(read):
    with pytest.raises(ValueError, match="frozen"):
        read(BASE).site.archive = "elsewhere"


def test_the_digest_changes_with_a_setting_and_not_without(read):
    assert read(BASE).digest() == read(BASE).digest() != read(BASE + "[siamese]\nk = 5\n").digest()


def test_the_shipped_configuration_shows_every_key_with_its_default():
    shown = tomllib.loads((ROOT / "config.toml").read_text())
    defaults = Settings(site={"archive": "archive"}).model_dump()
    assert shown == defaults


def test_init_writes_the_very_configuration_that_the_repository_shows():
    assert (ROOT / "flows" / "config.template.toml").read_text() == (ROOT / "config.toml").read_text()


@pytest.mark.parametrize(("policy", "wanted"), [("missing", 0), ("never", None), ("new_scans >= 40", 40)])
def test_training_policies_are_understood(policy, wanted):
    assert new_scans_wanted(policy) == wanted
