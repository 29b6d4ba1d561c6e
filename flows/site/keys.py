"""The site's secret and the keys made with it: what stands for an identity in the core tables."""

import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path

from flows.site.settings import ConfigError

KEY_DIGITS = 24  # 96 bits: no clash among 10^12 keys
SECRET_BYTES = 32


@dataclass(frozen=True)
class Keys:
    """Makes keys by HMAC-SHA256; the same secret always makes the same key."""

    secret: bytes = field(repr=False)
    former: tuple[bytes, ...] = field(default=(), repr=False)  # secrets the site had before, newest first

    def key(self, noun: str, *parts: str) -> str:
        """24 hex digits for a noun and its identifying parts; the parts cannot be had back from it."""
        return self._digest(noun, *parts)[:KEY_DIGITS]

    def patient(self, patient_id: str, issuer: str, study_uid: str) -> str:
        """Key of a patient, issuer included; without a patient id each study is a patient of its own."""
        return self.key("patient", issuer, patient_id) if patient_id else self.key("patient-of-study", study_uid)

    def tombstones(self, patient_id: str, issuer: str, study_uid: str) -> list[str]:
        """What stands for a forgotten id, or study of an unknown person, under every secret the site ever had.

        A study has one of its own as well: people without an id of their own are forgotten by study.
        """
        every = [self, *(Keys(secret) for secret in self.former)]
        nouns: list[tuple[str, ...]] = [("tombstone", issuer, patient_id)] if patient_id else []
        nouns += [("tombstone-of-study", study_uid)] if study_uid else []
        return [keys.key(*noun) for keys in every for noun in nouns]

    def tombstones_in_study(self, study_uid: str, *whose: str) -> list[str]:
        """The same of one person's part of a study that others share: an id and its issuer, or a person's key."""
        every = [self, *(Keys(secret) for secret in self.former)]
        return [keys.key("tombstone-in-study", study_uid, *whose) for keys in every]

    def split_number(self, patient: str) -> float:
        """A number in [0, 1), drawn when a patient is first seen and stored from then on."""
        return int(self._digest("split", patient)[:12], 16) / 16**12

    def shift_days(self, patient: str) -> int:
        """Days by which exports move a patient's dates: the same for all of them, never 0."""
        days = int(self._digest("shift", patient)[:8], 16) % 700 - 350
        return days if days < 0 else days + 1

    @property
    def key_id(self) -> str:
        """Names the secret without telling it; a database belongs to one."""
        return self._digest("key-id")[:12]

    def _digest(self, *parts: str) -> str:
        text = "\x1f".join(parts).encode("utf-8", "surrogatepass")
        return hmac.new(self.secret, text, hashlib.sha256).hexdigest()


def write_secret(path: Path, secret: str | None = None) -> None:
    """Write a new secret, mode 0600; never overwrites.

    Raises:
        FileExistsError: There is a secret already: with another one, every key would change.
    """
    text = secret or secrets.token_hex(SECRET_BYTES)
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def read_keys(path: Path) -> Keys:
    """Read the site's secret: the first line; those below it are former ones, for what was forgotten under them.

    Raises:
        ConfigError: It is missing, readable by others, or too short.
    """
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text(encoding="ascii").strip()
    except FileNotFoundError as error:
        raise ConfigError(f"no secret at {path}; `scantwin init ARCHIVE` writes one, or restore your copy") from error
    except OSError as error:
        raise ConfigError(
            f"cannot read the secret at {path}: {error.strerror}; put the file there from your copy, or correct "
            "[site] secret_file"
        ) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"the secret at {path} is not text; restore your copy of it") from error
    if mode & 0o077:
        raise ConfigError(f"the secret at {path} has mode {mode:o}, others could read it; chmod 600 {path}")
    shortest = min((len(line) for line in text.split()), default=0)
    if shortest < SECRET_BYTES:
        raise ConfigError(f"the secret at {path} has {shortest} characters, at least {SECRET_BYTES} are wanted")
    current, *former = text.split()
    return Keys(current.encode(), tuple(line.encode() for line in former))
