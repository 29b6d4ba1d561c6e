"""Exit codes: what each error means to a script, and the sentence a person reads."""

from flows.site.errors import Explained, Told


def exit_code(error: BaseException) -> tuple[int, str]:
    """The exit code of an error and its sentence, with the next step."""
    from cyclopts import CycloptsError

    from flows.site.settings import ConfigError

    if isinstance(error, CycloptsError):
        return 2, f"{error}\nsee scantwin --help"
    if isinstance(error, ConfigError):
        return 2, str(error)
    if isinstance(error, Explained):
        return error.exit, str(error)
    if isinstance(error, Told):
        return error.exit, error.sentence
    return _of_the_night(error)


def _of_the_night(error: BaseException) -> tuple[int, str]:
    from db.errors import DatabaseError, NightRunning, is_forbidden
    from flows.work.failure import forbidden, is_mismatch, unforeseen

    if isinstance(error, NightRunning):
        return 4, f"{error}; wait for it, or look at `scantwin status`"
    if isinstance(error, DatabaseError):
        return 5, str(error)
    if isinstance(error, FileExistsError | NotADirectoryError) or is_mismatch(error):
        return 1, str(error)
    if is_forbidden(error):
        return 5, forbidden(error)
    return unforeseen(error)
