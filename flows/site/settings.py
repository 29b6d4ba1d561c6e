"""config.toml -> frozen settings; the only reader of it."""

import difflib
import hashlib
import re
import tomllib
import zoneinfo
from pathlib import Path
from typing import Annotated, Literal, Self

from cronsim import CronSim, CronSimError
from pydantic import BaseModel, ConfigDict, Field, ValidationError, ValidationInfo, field_validator, model_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, PydanticBaseSettingsSource, SettingsConfigDict

from siamese.choices import EVERY_LOSS, NO_LOSS, PRETRAINED, missing_engine, missing_weights
from siamese.limits import LIMITS, Engine, Metric, Precision, WantedPurpose, refusal

ENVIRONMENT_PREFIX = "SCANTWIN_"  # SCANTWIN_DB__URL overrides [db] url, so that a password need not lie in a file


PLACEHOLDERS = ("ANON", "ANONYMOUS", "ANONYMIZED", "ANONYMISED", "UNKNOWN", "NONE", "NULL", "N/A", "TEST", "NO ID")


class ConfigError(Exception):
    """The configuration cannot be used; the text names key, value and what is allowed."""


class _Room(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)


class SiteSettings(_Room):
    """Where the archive lies and where our own files go."""

    archive: str = Field(description="folder of DICOM files; only read, never written")
    store: str = Field("store", description="our own files: encoder inputs, pictures, encoders, reports")
    secret_file: str = Field("site.secret", description="the site's secret, mode 0600; every key is made with it")
    time_zone: str = Field("UTC", description="IANA zone of scans that name no offset")
    inputs_gib: Annotated[float, Field(ge=0, le=1_048_576)] = Field(
        50.0, description="encoder inputs beyond this are dropped once they have their vectors; 0: as soon as they have"
    )

    @field_validator("archive", "store", "secret_file")
    @classmethod
    def _path(cls, value: str) -> str:
        if not value.strip() or "\0" in value:
            raise ValueError("wanted a path such as '/srv/archive', or one from this file's folder on")
        return value

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return _known_zone(value)


class ScansSettings(_Room):
    """What is read and when."""

    quiet_seconds: Annotated[float, Field(ge=0, le=86400)] = Field(
        5.0, description="a file younger than this may still be arriving; the night looks at it again"
    )
    dates: Literal["true", "shifted_per_patient", "none"] = Field(
        "true", description="shifted_per_patient or none: order between patients means nothing"
    )
    max_gone_fraction: Annotated[float, Field(ge=0, le=1)] = Field(
        0.5, description="more files than this gone at once is taken for a share that is not mounted"
    )
    pictures: bool = Field(True, description="draw pictures for the report and the pages")
    repair: list[Literal["missing-slices", "uneven-spacing", "tilt"]] = Field(
        ["missing-slices", "uneven-spacing", "tilt"],
        description="what is resampled onto an even grid, and marked, instead of refused; []: nothing is",
    )
    guard_seconds: Annotated[float, Field(ge=1, le=3600)] = Field(
        60.0, description="computing time that one file may cost before it is set aside"
    )
    guard_mib: Annotated[int, Field(ge=512, le=1_048_576)] = Field(
        4096, description="memory that one file may cost before it is set aside"
    )
    pictures_of_burned_in: bool = Field(
        False, description="also draw scans that may have a name in their pixels: BurnedInAnnotation, screens, US"
    )
    placeholder_ids: list[str] = Field(
        default_factory=lambda: list(PLACEHOLDERS),
        description="patient ids that stand for nobody or for many, beside those that always do (docs/operate.md)",
    )
    kinds: dict[str, str] = Field(default_factory=dict, description="the site's edits of the table of kinds")

    @field_validator("kinds")
    @classmethod
    def _kinds(cls, value: dict[str, str]) -> dict[str, str]:
        from scans.kind import check_table

        check_table(value)
        return value


class SiameseSettings(_Room):
    """Encoder, training and search; what each may be stands in siamese.limits."""

    train_when: str = Field("missing", description='"missing", "never" or "new_scans >= N"')
    purpose: WantedPurpose = Field(
        "auto", description="what alike means; auto takes the first of finding, patient, view that has pairs enough"
    )
    fewest_patients: int = Field(10, description="below this nothing is fitted or trained; the trunk alone serves")
    backbone: str = Field(
        "efficientnet-lite0",
        description="name of a MONAI backbone; i3resnet152-ct: volumes alone",
    )
    dim: int = Field(128, description="length of a vector that is trained by a loss")
    metric: Metric = "cosine"
    loss: str = Field(
        "none",
        description="none: a head in closed form; else what is trained by gradient; every: all, the best is taken",
    )
    miner: str = "semi-hard"
    margin: float = 0.3
    temperature: float = Field(0.1, description="of supcon")
    memory: int = Field(0, description="vectors of batches before that a batch is compared with as well")
    anchor: float = Field(1.0, description="how strongly a head is held near the closed-form one that it begins with")
    views: int = Field(4, description="changed views of each training scan that a head is trained on")
    tuned_blocks: int = Field(
        0, description="last blocks of the trunk that learn before the closed-form head, in place of a map behind it"
    )
    epochs: int = 8
    steps_per_epoch: int = 10
    learning_rate: float = 5e-4
    patience: int = Field(6, description="epochs without a better validation before stopping")
    seed: int = 0
    time_budget_minutes: float = Field(20.0, description="training that is longer stops here, and says so")
    background_minutes: float = Field(
        60.0, description="what a night spends at most on vectors of encoders that are not active yet"
    )
    threads: int = Field(2, description="CPU threads of training and embedding")
    device: str = Field(
        "auto", description="auto: where the encoder's vectors were made, else a GPU where there is one"
    )
    batch_size: int = Field(8, description="scans in one padded batch")
    engine: Engine = Field("torch", description="what works the trunk of new encoders out; part of their name")
    precision: Precision = Field("float32", description="of the trunk of new encoders; part of their name")
    k: int = Field(20, description="length of the list of other patients")
    cutoff_fpir: float = Field(
        0.0, description="share of searches without a right answer that may show one; 0: no cut-off"
    )
    cutoff_patients: int = Field(50, description="patients among whom cutoff_fpir holds")
    control_share: float = Field(
        0.0, description="share of random controls among the pairs of `similar --judge`; 0: none"
    )
    alarm_fpir: float = Field(
        0.005, description="share of searches that may raise a false alarm (encoders of purpose patient)"
    )
    alarm_patients: int = Field(4000, description="patients among whom alarm_fpir holds for possible-same-person")

    @field_validator("*", mode="before")
    @classmethod
    def _limits(cls, value: object, info: ValidationInfo) -> object:
        name = info.field_name or ""
        why = refusal(name, value) if name in LIMITS else ""
        if why:
            raise ValueError(why)
        return value

    @field_validator("backbone")
    @classmethod
    def _weights(cls, value: str) -> str:
        if why := missing_weights(value):
            raise ValueError(why)
        return value

    @field_validator("engine")
    @classmethod
    def _engine(cls, value: Engine) -> Engine:
        if why := missing_engine(value):
            raise ValueError(why)
        return value

    @model_validator(mode="after")
    def _tuned(self) -> Self:
        if why := self._untunable():
            raise ValueError(f"tuned_blocks = {self.tuned_blocks}: {why}")
        return self

    def _untunable(self) -> str:
        if not self.tuned_blocks:
            return ""
        if self.loss in (NO_LOSS, EVERY_LOSS):
            return f'loss is {self.loss!r}; blocks are tuned by one loss, such as loss = "triplet"'
        if self.backbone not in PRETRAINED:
            return f"backbone {self.backbone!r} is trained as a whole; leave it 0"
        most = PRETRAINED[self.backbone].n_blocks
        return f"backbone {self.backbone!r} has {most} blocks" if self.tuned_blocks > most else ""

    @field_validator("train_when")
    @classmethod
    def _policy(cls, value: str) -> str:
        new_scans_wanted(value)
        return value


class DbSettings(_Room):
    """The record."""

    url: str = Field("sqlite:///store/scantwin.sqlite", description="SQLite file or postgresql://...")

    @field_validator("url")
    @classmethod
    def _address(cls, value: str) -> str:
        from db.address import parse_url

        parse_url(value)
        return value


class FlowsSettings(_Room):
    """The night: when, how long, where its work is done."""

    cron: str = Field("0 2 * * *", description="minute hour day month weekday, in time_zone below")
    time_zone: str = Field("UTC", description="IANA zone of cron and finish_by")
    finish_by: str = Field("", description='"06:30": publish what is done by then and go on next night; "" is never')
    lease_seconds: Annotated[int, Field(ge=5, le=3600)] = Field(
        60, description="a night that has not renewed its lease for this long may be taken over"
    )
    on_failure: list[str] = Field(
        default_factory=list,
        description="command called when a night failed or is missing; gets a sentence as last word",
    )
    missing_after_hours: Annotated[float, Field(gt=0)] = Field(
        26.0, description="serve calls on_failure when the last good night is older than this"
    )
    pools: bool = Field(False, description="hand embedding to Prefect's gpu pool (needs PostgreSQL and a server)")
    gpu_deployment: str = Field("scantwin-shard/gpu", description="flow/deployment that embeds one shard")
    gpu_wait_minutes: Annotated[float, Field(gt=0)] = Field(
        30.0, description="a shard that no worker takes, or whose worker writes no vector, for this long is given up"
    )
    gpu_tries: Annotated[int, Field(ge=1, le=10)] = Field(
        2, description="how often a shard is handed out in all before it is left to the next night"
    )
    files_per_task: Annotated[int, Field(ge=1)] = 1024
    series_per_task: Annotated[int, Field(ge=1)] = 32
    scans_per_task: Annotated[int, Field(ge=1)] = 128
    retries: Annotated[int, Field(ge=0, le=10)] = Field(3, description="of disk, network and database errors only")
    retry_seconds: Annotated[float, Field(ge=0)] = 2.0

    @field_validator("time_zone")
    @classmethod
    def _zone(cls, value: str) -> str:
        return _known_zone(value)

    @field_validator("gpu_deployment")
    @classmethod
    def _deployment(cls, value: str) -> str:
        flow, _, name = value.partition("/")
        if flow != "scantwin-shard" or not name.strip() or "/" in name:
            raise ValueError("wanted 'scantwin-shard/NAME', as `scantwin deploy` makes it")
        return value

    @field_validator("cron")
    @classmethod
    def _cron(cls, value: str) -> str:
        from datetime import UTC, datetime

        try:
            next(CronSim(value, datetime(2026, 1, 1, tzinfo=UTC)))
        except CronSimError as error:
            raise ValueError(f"not a cron line ({error}); wanted five fields such as '0 2 * * *'") from error
        except StopIteration as error:
            raise ValueError("a day that never comes; wanted five fields such as '0 2 * * *'") from error
        return value

    @field_validator("on_failure")
    @classmethod
    def _command(cls, value: list[str]) -> list[str]:
        if value and not value[0].strip():
            raise ValueError('wanted a command as a list of words such as ["/usr/local/bin/page-me", "--loud"]')
        return value

    @field_validator("finish_by")
    @classmethod
    def _clock(cls, value: str) -> str:
        if value and not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError("wanted a time such as '06:30', or '' for none")
        return value


class Settings(BaseSettings):
    """Everything config.toml says, checked once, never changed afterwards."""

    model_config = SettingsConfigDict(
        frozen=True, extra="forbid", env_prefix=ENVIRONMENT_PREFIX, env_nested_delimiter="__"
    )

    site: SiteSettings
    scans: ScansSettings = Field(default_factory=lambda: ScansSettings.model_validate({}))
    siamese: SiameseSettings = Field(default_factory=lambda: SiameseSettings.model_validate({}))
    db: DbSettings = Field(default_factory=lambda: DbSettings.model_validate({}))
    flows: FlowsSettings = Field(default_factory=lambda: FlowsSettings.model_validate({}))

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Environment before file; nothing else (a stray .env changes nothing)."""
        return env_settings, init_settings

    def digest(self) -> str:
        """16 hex digits that change when any setting changes (the database's password apart)."""
        text = self.model_dump_json(exclude={"db"})
        return hashlib.sha256(text.encode()).hexdigest()[:16]


def read_settings(path: Path) -> Settings:
    """Read config.toml.

    Raises:
        ConfigError: The file is missing, is not TOML, or holds an unknown key, a wrong type or a bad range.
    """
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"no configuration at {path}; `scantwin init ARCHIVE` writes one") from error
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}") from error
    try:
        return Settings(**values)
    except ValidationError as error:
        raise ConfigError(f"{path}: " + "; ".join(_sentence(item) for item in error.errors())) from error


def new_scans_wanted(policy: str) -> int | None:
    """Number of new scans that `train_when` waits for; None for "never", 0 for "missing"."""
    if policy in ("missing", "never"):
        return 0 if policy == "missing" else None
    words = policy.split()
    if len(words) == 3 and words[:2] == ["new_scans", ">="] and words[2].isdigit() and int(words[2]) > 0:
        return int(words[2])
    raise ValueError('wanted "missing", "never" or "new_scans >= N"')


def _known_zone(value: str) -> str:
    try:
        zoneinfo.ZoneInfo(value)
    except (zoneinfo.ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError("not an IANA time zone; wanted a name such as 'Europe/Berlin' or 'UTC'") from error
    return value


def _sentence(item: ErrorDetails) -> str:
    """One validation error as: key, value found, what is allowed."""
    key = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        allowed = _allowed_keys(item["loc"][:-1])
        close = difflib.get_close_matches(str(item["loc"][-1]), allowed, 1)
        hint = f", did you mean {close[0]!r}?" if close else ""
        return f"unknown key {key!r}{hint} (allowed here: {', '.join(allowed)})"
    if item["type"] == "missing":
        return f"key {key!r} is missing"
    found = item["input"]
    words = re.findall(r"'([^']*)'", item["ctx"]["expected"]) if item["type"] == "literal_error" else []
    close = difflib.get_close_matches(str(found), words, 1)
    shown = "" if key == "db.url" else f" = {found!r}"
    return f"key {key!r}{shown}: {item['msg'].removeprefix('Value error, ')}" + (
        f"; did you mean {close[0]!r}?" if close else ""
    )


def _allowed_keys(room: tuple[str | int, ...]) -> list[str]:
    fields = Settings.model_fields
    if room and str(room[0]) in fields:
        model = fields[str(room[0])].annotation
        if isinstance(model, type) and issubclass(model, BaseModel):
            fields = model.model_fields
    return sorted(fields)
