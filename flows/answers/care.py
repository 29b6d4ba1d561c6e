"""What the commands answer that set a site up, check it and move its data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from flows.answers.answer import Answer


@dataclass(frozen=True)
class Verified(Answer):
    """Every list once more, by a plain loop, beside what the tables hold."""

    lists: Annotated[int, "that were compared"]
    wrong: Annotated[int, "that differ"]
    differences: Annotated[Sequence[str], "the first of them in words"]
    waiting: Annotated[int, "scans to be matched; lists that these will enter differ, and rightly so"]


@dataclass(frozen=True)
class DatabaseCheck(Answer):
    """What models and database disagree about."""

    differences: Annotated[Sequence[str], "empty when they agree"]


@dataclass(frozen=True)
class RenewedSecret(Answer):
    """Every key is made with another secret now."""

    key_id: Annotated[str, "name of the secret"]
    former: Annotated[int, "secrets that stay for what was forgotten"]
    files: Annotated[int, "files of the store that were renamed"]
    pages: Annotated[int, "pages and texts that were changed"]
    keys: Annotated[Mapping[str, int], "keys that were made again, by noun"]


@dataclass(frozen=True)
class Deployed(Answer):
    """Pools and deployments on a Prefect server."""

    server: Annotated[str, "its address"]
    made: Annotated[Sequence[str], "what was made or brought up to date"]
    cron: Annotated[str, "when nights run"]
    time_zone: Annotated[str, "of the schedule"]
    pools: Annotated[Sequence[str], "that need a worker"]


@dataclass(frozen=True)
class WrittenFiles(Answer):
    """Files for machines that were written (--out)."""

    made: Annotated[Sequence[str], "their paths"]


@dataclass(frozen=True)
class Exported(Answer):
    """The analysts' tables that were written."""

    files: Annotated[Sequence[str], "their paths"]


@dataclass(frozen=True)
class PhantomHospital(Answer):
    """A synthetic archive that was written."""

    n_patients: Annotated[int, "people"]
    n_studies: Annotated[int, "studies"]
    n_series: Annotated[int, "series, without the odd files"]
    n_files: Annotated[int, "files, with the odd ones"]
    n_bytes: Annotated[int, "of all files"]
    odd: Annotated[Mapping[str, int], "files that are no series of images, by sort"]
