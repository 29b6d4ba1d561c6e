"""The command `scantwin`: every verb and group of verbs, in the order of its help."""

import os
import select
import sys

from cyclopts import App

from flows.verbs import analyst, clinician, database, night, operator, setup

HELP = """Finds, every night, the earlier scans that a new medical scan resembles, and keeps the matches in SQL.

Not a medical device: its answers are for research and quality work, not for diagnosis."""


def _version() -> str:
    from importlib.metadata import version

    return version("scantwin")


app = App(name="scantwin", help=HELP, version=_version, suppress_keyboard_interrupt=False)
db_app = App(name="db", help="Care for the database: upgrade, check, backup, restore.")
labels_app = App(name="labels", help="What is known of patients and studies.")
encoders_app = App(name="encoders", help="List the encoders; activate one, or roll the last switch back.")
patients_app = App(name="patients", help="The hospital's corrections of patient ids.")

for verb in (
    setup.init, setup.doctor, setup.phantoms, setup.serve, setup.deploy,
    night.night, night.ingest, night.train, night.embed, night.match,
    clinician.similar, clinician.compare, clinician.verdict, clinician.volume,
    operator.status, operator.files, operator.kinds, operator.forget,
    analyst.export, analyst.evaluate,
):  # fmt: skip
    app.command(verb)
for group in (db_app, labels_app, encoders_app, patients_app):
    app.command(group)
for care in (
    database.upgrade, database.check, database.backup, database.restore, database.rotate_secret, database.adopt,
    database.grant_analyst,
):  # fmt: skip
    db_app.command(care)
labels_app.command(analyst.import_labels, name="import")
labels_app.command(analyst.from_verdicts)
encoders_app.default(analyst.encoders)
encoders_app.command(analyst.activate)
encoders_app.command(analyst.rollback)
patients_app.command(operator.merge)
patients_app.command(operator.unmerge)
patients_app.command(operator.patient_conflicts, name="conflicts")


def main(words: list[str] | None = None) -> None:
    """Run the command and leave with its exit code; every foreseen error is a sentence, never a traceback."""
    from flows.site.environment import keep_private
    from flows.verbs.exits import exit_code

    keep_private()
    debug = "--debug" in (words if words is not None else sys.argv)
    given = [word for word in (words if words is not None else sys.argv[1:]) if word != "--debug"]
    try:
        code = app(given, exit_on_error=False, print_error=False, result_action="return_value")
        sys.stdout.flush()
    except SystemExit:
        raise
    except BaseException as error:
        if isinstance(error, BrokenPipeError) and _nobody_reads():
            sys.exit(0)
        if debug:
            raise
        code, sentence = exit_code(error)
        print(f"scantwin: {sentence}", file=sys.stderr)
    sys.exit(int(code or 0))


def _nobody_reads() -> bool:
    """Say whether the reader of our output has left, as `head` does; what is left of it then goes nowhere."""
    poll = select.poll()
    poll.register(sys.stdout.fileno(), 0)
    if not any(event & select.POLLERR for _, event in poll.poll(0)):
        return False
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


if __name__ == "__main__":
    main()
