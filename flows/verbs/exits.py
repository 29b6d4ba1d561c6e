"""Exit codes: what each error means to a script, and the sentence a person reads."""

import traceback
from pathlib import Path


def exit_code(error: BaseException) -> tuple[int, str]:
    """The exit code of an error and its sentence, with the next step."""
    from cyclopts import CycloptsError

    from flows.records.lookup import WrongUsage
    from flows.site.settings import ConfigError

    if isinstance(error, CycloptsError):
        return 2, f"{error}\nsee scantwin --help"
    if isinstance(error, ConfigError | WrongUsage):
        return 2, str(error)
    return _of_the_night(error)


def _of_the_night(error: BaseException) -> tuple[int, str]:
    from db.errors import DatabaseError, NightRunning, is_forbidden
    from flows.night.cluster import ClusterTrouble
    from flows.night.failure import is_mismatch
    from flows.night.preflight import PreflightRefused
    from flows.night.run import NightFailed
    from flows.records.lookup import NotFound
    from flows.stages.embed.vectors import DeviceMissing, OtherDevice
    from flows.work.told import Told

    if isinstance(error, NightRunning):
        return 4, f"{error}; wait for it, or look at `scantwin status`"
    if isinstance(error, PreflightRefused | ClusterTrouble):
        return 5, str(error)
    if isinstance(error, NightFailed | NotFound):
        return error.exit, str(error)
    if isinstance(error, Told):
        return error.exit, error.sentence
    if isinstance(error, DatabaseError):
        return 5, str(error)
    if isinstance(error, FileExistsError | NotADirectoryError | OtherDevice | DeviceMissing):
        return 1, str(error)
    if is_mismatch(error):
        return 1, str(error)
    if is_forbidden(error):
        return 5, forbidden(error)
    return unforeseen(error)


def forbidden(error: BaseException) -> str:
    """The sentence for an account of the database that lacks a right; the database's words name objects only."""
    from db.wording import words_of

    return (
        f"{words_of(getattr(error, 'orig', None) or error)}: the account of [db] url may not do this. An analyst's "
        "account reads core only; use the operator's, or ask for `scantwin db grant-analyst` or an export"
    )


def unforeseen(error: BaseException) -> tuple[int, str]:
    """Exit code and sentence of an error by its kind alone; its text is left out, as it may quote anything."""
    from flows.night.failure import code_of, sentence

    code = code_of(error)
    place = "" if code != "failed" else f" ({_place(error)})"
    return (4 if code == "fenced" else 1), sentence(code) + place


def _place(error: BaseException) -> str:
    """Type and place of an unforeseen error, without its text: that could hold a name."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f" at {Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else ""
    return f"{type(error).__name__}{where}"
