"""The command `scantwin`: every verb and group of verbs, in the order of its help."""

import os
import select
import sys

from cyclopts import App

HELP = """Finds, every night, the earlier scans that a new medical scan resembles, and keeps the matches in SQL.

Not a medical device: its answers are for research and quality work, not for diagnosis."""


def _version() -> str:
    from importlib.metadata import version

    return version("scantwin")


app = App(name="scantwin", help=HELP, version=_version, suppress_keyboard_interrupt=False)
db_app = App(name="db", help="Care for the database: upgrade, check, backup, restore.")
labels_app = App(name="labels", help="What is known of patients and studies.")
patients_app = App(name="patients", help="The hospital's corrections of patient ids.")

# Group, where the command is, its line of help. A module is imported when its command is called, and the line stands
# here too, so that the help need not import them all; tests/flows/test_cli.py holds the two together.
COMMANDS = (
    (app, "init", "flows.verbs.setup:init",
     "Write config.toml and the site's secret for a folder of DICOM; never overwrites."),
    (app, "doctor", "flows.verbs.setup:doctor",
     "Check configuration, database, decoders, device, disk, clock and Prefect; say what to do."),
    (app, "phantoms", "flows.verbs.phantoms:phantoms",
     "Write a synthetic hospital archive as DICOM, with truth.csv, labels.csv and lesion masks."),
    (app, "serve", "flows.verbs.night:serve",
     "Keep the clock: run a night at each tick of the configuration's cron, until stopped."),
    (app, "deploy", "flows.verbs.setup:deploy",
     "Several machines: make Prefect's pools, deployments and schedule from config.toml; see docs/machines.md."),
    (app, "night", "flows.verbs.night:night",
     "Run one whole night: preflight, ingest, encoder, embed, match, report."),
    (app, "ingest", "flows.verbs.night:ingest",
     "Take in new files only."),
    (app, "train", "flows.verbs.night:train",
     "Train an encoder for each kind of scan that has pairs enough, whatever train_when says."),
    (app, "embed", "flows.verbs.night:embed",
     "Embed what has no vector yet."),
    (app, "match", "flows.verbs.night:match",
     "Bring the lists up to date; --verify recomputes every list from the vectors and compares."),
    (app, "similar", "flows.verbs.clinician:similar",
     "Show the earlier scans that one resembles: by scan, --study UID, --accession NR, or --file PATH ..."),
    (app, "compare", "flows.verbs.clinician:compare",
     "Compare two scans: distance, and its place among alike and unlike pairs of this encoder."),
    (app, "verdict", "flows.verbs.clinician:verdict",
     "Record what a person says of a match; MATCH is its id in match_for_review, or a pair of `similar --judge`."),
    (app, "volume", "flows.verbs.volume:volume",
     "Write a scan as it is read, before any resampling for the encoder, as NIfTI with its affine."),
    (app, "status", "flows.verbs.operator:status",
     "Show the last nights, age of the last success, backlog, encoders and quarantine."),
    (app, "files", "flows.verbs.operator:files",
     "Show where every file ended, and why; --outcome takes an outcome or a code."),
    (app, "kinds", "flows.verbs.kinds:app",
     "List what has no kind; learn to tell kinds from pixels."),
    (app, "forget", "flows.verbs.patients:forget",
     "Forget a person, by patient id or key: rows, pictures, pages; without PATIENT, finish what was cut off."),
    (app, "export", "flows.verbs.export:export",
     "Write the analysts' tables: keys only, dates shifted per patient, no free text."),
    (app, "evaluate", "flows.verbs.analyst:evaluate",
     "Measure what an encoder is worth: on the archive, or on --folder DIR --against labels.csv."),
    (db_app, "upgrade", "flows.verbs.database:upgrade",
     "Bring the database to this version's revision."),
    (db_app, "check", "flows.verbs.database:check",
     "Check that database and models agree."),
    (db_app, "backup", "flows.verbs.database:backup",
     "Write a consistent copy of core and identity to a new folder."),
    (db_app, "restore", "flows.verbs.database:restore",
     "Put a backup back in place of the database; refused while a night runs."),
    (db_app, "rotate-secret", "flows.verbs.rotate:rotate_secret",
     "Make a new secret and every key with it; cut off, it goes on. Former secrets stay for what was forgotten."),
    (db_app, "adopt", "flows.verbs.database:adopt",
     "Take the database for the store that the configuration names, after the store was moved."),
    (db_app, "grant-analyst", "flows.verbs.database:grant_analyst",
     "Let an account of PostgreSQL read core, and nothing of identity, now and after each upgrade."),
    (labels_app, "import", "flows.verbs.labels:import_labels",
     "Import labels: columns patient or study, finding, value, and optionally kind, from, until, grade, source."),
    (labels_app, "from-verdicts", "flows.verbs.labels:from_verdicts",
     "Make labels to learn from of the judgements on other patients' scans, in place of those made before."),
    (patients_app, "merge", "flows.verbs.patients:merge",
     "Take patient ids for one person: columns from_id, from_issuer, to_id, to_issuer; the next night follows."),
    (patients_app, "unmerge", "flows.verbs.patients:unmerge",
     "Take merges back, by the same columns; the next night follows."),
    (patients_app, "conflicts", "flows.verbs.patients:patient_conflicts",
     "List ids that stand for nobody, or for people who cannot be one, and those that may be spellings of one."),
    (app, "encoders", "flows.verbs.encoders:app", "List the encoders; activate one, or roll the last switch back."),
)  # fmt: skip
for group, name, place, line in COMMANDS:
    group.command(place, name=name, help=line)
for group in (db_app, labels_app, patients_app):
    app.command(group)


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
