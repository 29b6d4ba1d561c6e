"""The environment that Prefect and torch find, set before either is imported."""

import logging
import os
from pathlib import Path

from scans.atomic import private_folder

QUIET = {
    "DO_NOT_TRACK": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_TO_API_ENABLED": "false",  # log lines and tracebacks stay on this machine
    "PREFECT_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_LOGGING_SERVER_LEVEL": "CRITICAL",
    "PREFECT_SERVER_LOGGING_LEVEL": "CRITICAL",
    "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "180",
    "PREFECT_RESULTS_PERSIST_BY_DEFAULT": "false",
    "PREFECT_CLI_PROMPT": "false",
    "OMP_WAIT_POLICY": "PASSIVE",  # threads that wait give way: spinning ones made a busy machine four times slower
}


OTHERS = 0o077  # what group and others might do


def is_alone() -> bool:
    """Whether Prefect's server is a temporary one of this process, with nobody else to ask it."""
    return not os.environ.get("PREFECT_API_URL")


def keep_private() -> None:
    """Let nobody but the owner read what this process and its children write, libraries' files and logs included."""
    os.umask(os.umask(OTHERS) | OTHERS)


def tells_server() -> bool:
    """Whether log lines of this process, which may hold what a driver says, would go to the Prefect server."""
    from prefect.settings import get_current_settings

    return not is_alone() and bool(get_current_settings().logging.to_api.enabled)


def keep_prefect_quiet() -> None:
    """Set what keeps Prefect quiet, before it is imported; what the operator set already wins."""
    for name, value in QUIET.items():
        os.environ.setdefault(name, value)


def prepare_environment(store: Path) -> None:
    """Give Prefect a home in the store and keep it quiet; what the operator set already wins."""
    keep_private()
    keep_prefect_quiet()
    logging.getLogger("EventsWorker").setLevel(logging.ERROR)  # a logger of Prefect's that heeds none of the above
    if is_alone():
        home = store.resolve() / "prefect"
        private_folder(home)
        os.environ["PREFECT_HOME"] = str(home)
        os.environ["PREFECT_PROFILES_PATH"] = str(home / "profiles.toml")
        os.environ["PREFECT_SERVER_ALLOW_EPHEMERAL_MODE"] = "true"
