"""The house's own errors: what ends a command or a night, each with its exit code and, for a night, its code.

Explained               the text is the sentence that a person reads
├── WrongUsage          the command's words, or a file that it was given
├── NotFound            nothing here answers to what was asked
├── PreflightRefused    a night must not begin
├── ClusterTrouble      Prefect's server, pools, deployments, workers
├── NightFailed         a night ended badly
├── PlaceLost           archive or store became unusable while a night ran
├── OtherDevice         vectors of CPU and GPU would mix
└── DeviceMissing       the GPU that was asked for is not there
ArchiveShrank           the archive is probably not mounted
LeftUndone              a scheduled night left work undone
Told                    a code and a sentence, for a server that others share

Errors of the configuration stand with `flows.site.settings`, those of the database with `db.errors`.
"""


class Explained(Exception):
    """The text says what was found, what was wanted and the next step; `exit` is the command's exit code."""

    exit = 1


class WrongUsage(Explained):
    """The words of the command, or a file that it was given, cannot be used."""

    exit = 2


class NotFound(Explained):
    """Nothing in the archive answers to what was asked; the text says what to try."""


class PreflightRefused(Explained):
    """The night must not begin; the text names what was found, what was wanted and the next step."""

    exit = 5


class ClusterTrouble(Explained):
    """Server, pool, deployment or worker are not as they should be; the text says what to do."""

    exit = 5


class NightFailed(Explained):
    """A night ended badly; `exit` is the command's exit code."""

    def __init__(self, sentence: str, exit: int = 1) -> None:
        super().__init__(sentence)
        self.exit = exit


class PlaceLost(Explained):
    """Archive or store cannot be used any more; the text is what preflight would say of it."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class OtherDevice(Explained):
    """Vectors of CPU and GPU differ in their last bits and must not mix within one encoder."""

    code = "other-device"


class DeviceMissing(Explained):
    """The GPU, engine or precision that configuration or encoder ask for is not there."""

    code = "device-missing"


class ArchiveShrank(Exception):
    """So many files are gone at once that the archive is probably not mounted."""

    code = "archive-shrank"


class LeftUndone(Exception):
    """A scheduled night left work undone because something failed; the text is codes, fit for Prefect's database."""


class Told(Exception):
    """A failure as a code and a sentence of our own; nothing of the error itself hangs on it.

    Attributes:
        code: Outcome code of a night.
        sentence: What happened and what to do.
        exit: The command's exit code.
        may_pass: Trying again may help.
    """

    def __init__(self, code: str, sentence: str, exit: int = 1, may_pass: bool = False) -> None:
        super().__init__(code, sentence, exit, may_pass)
        self.code, self.sentence, self.exit, self.may_pass = code, sentence, exit, may_pass

    def __str__(self) -> str:
        return f"{self.code}: {self.sentence}"

    def __repr__(self) -> str:
        return f"Told({self.code!r})"
