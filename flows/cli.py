"""The command `scantwin`: each verb checks its words, calls one function and prints what that returns."""

import json
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated, Any, Literal

from cyclopts import App, Parameter

HELP = """Finds, every night, the earlier scans that a new medical scan resembles, and keeps the matches in SQL.

Not a medical device: its answers are for research and quality work, not for diagnosis."""


def _version() -> str:
    from importlib.metadata import version

    return version("scantwin")


app = App(name="scantwin", help=HELP, version=_version, suppress_keyboard_interrupt=False)
db_app = App(name="db", help="Care for the database: upgrade, check, backup, restore.")
labels_app = App(name="labels", help="What is known of patients and studies.")
app.command(db_app)
app.command(labels_app)
encoders_app = App(name="encoders", help="List the encoders; activate one, or roll the last switch back.")
app.command(encoders_app)
patients_app = App(name="patients", help="The hospital's corrections of patient ids.")
app.command(patients_app)

Config = Annotated[Path, Parameter(name="--config", help="the site's configuration")]
Json = Annotated[bool, Parameter(name="--json", negative="", help="print one JSON document")]
Quiet = Annotated[bool, Parameter(name="--quiet", negative="", help="print nothing but errors")]
DEFAULT = Path("config.toml")
FEWEST_A_WORKER = 8  # patients; for fewer a second process costs more than it saves


@app.command
def init(archive: Path, *, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Write config.toml and the site's secret for a folder of DICOM; never overwrites."""
    from flows.newsite import new_site

    new_site(archive, config)
    if not quiet:
        print(f"wrote {config} and {config.parent / 'site.secret'} (back that one up)\nnext: scantwin night")
    return 0


@app.command
def doctor(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Check configuration, database, decoders, device, disk, clock and Prefect; say what to do."""
    from flows.doctor import examine
    from flows.terminal import show_findings

    findings = examine(config)
    if as_json:
        _print_json({"schema": 1, "checks": [vars(finding) for finding in findings]})
    elif not quiet:
        show_findings(findings)
    return 0 if all(finding.ok for finding in findings) else 1


@app.command
def phantoms(
    *,
    out: Path,
    patients: int = 40,
    visits: int = 3,
    seed: int = 0,
    preset: Literal["easy", "hard"] = "easy",
    workers: int | None = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Write a synthetic hospital archive as DICOM, with truth.csv, labels.csv and lesion masks.

    Args:
        out: A new folder.
        patients: People in the hospital.
        visits: Planned for each; some later ones are missed.
        seed: The same seed gives the same bytes.
        preset: easy shows large, bright findings; hard small, faint ones that only their own voxels tell apart.
        workers: Processes that write; the bytes do not depend on it. Not given: one a core, for few patients one.
        as_json: Print one JSON object.
        quiet: Print nothing.
    """
    import os
    from dataclasses import asdict

    from flows.terminal import progress_bar
    from scans.phantoms.archive import write_archive

    if patients < 1 or visits < 1:
        raise _wrong(f"--patients {patients} --visits {visits}: at least 1 of each is wanted")
    if workers is not None and workers < 1:
        raise _wrong(f"--workers {workers}: at least 1 is wanted")
    if out.exists() and any(out.iterdir()):
        raise _wrong(f"{out} is not empty; name a new folder")
    with progress_bar("writing phantoms", quiet=quiet or as_json) as step:
        summary = write_archive(
            out,
            n_patients=patients,
            n_visits=visits,
            seed=seed,
            preset=preset,
            n_workers=workers or max(1, min(os.cpu_count() or 1, patients // FEWEST_A_WORKER)),
            progress=step,
        )
    if as_json:
        _print_json({"schema": 1} | asdict(summary))
    elif not quiet:
        print(f"wrote {summary.n_files} files, {summary.n_series} series of {patients} patients to {out}")
        print(f"next: scantwin init {out / 'archive'}")
    return 0


@app.command
def night(*, dry_run: bool = False, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Run one whole night: preflight, ingest, encoder, embed, match, report."""
    from flows.run import dry_night, whole_night
    from flows.terminal import show_dry, show_night, watching

    if dry_run:
        found = dry_night(config)
        _print_json(found) if as_json else show_dry(found, quiet=quiet)
        return 0
    with watching(config, quiet=quiet or as_json):
        summary = whole_night(config)
    _print_json(summary) if as_json else show_night(config, summary, quiet=quiet)
    return int(summary["exit"])


def _one_stage(name: str, config: Path, as_json: bool, quiet: bool) -> int:
    from flows.run import single_stage
    from flows.terminal import show_night, watching

    with watching(config, quiet=quiet or as_json):
        summary = single_stage(config, name)
    _print_json(summary) if as_json else show_night(config, summary, quiet=quiet)
    return int(summary["exit"])


@app.command
def ingest(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Take in new files only."""
    return _one_stage("ingest", config, as_json, quiet)


@app.command
def train(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Train an encoder for each kind of scan that has pairs enough, whatever train_when says."""
    return _one_stage("train", config, as_json, quiet)


@app.command
def embed(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Embed what has no vector yet."""
    return _one_stage("embed", config, as_json, quiet)


@app.command
def match(*, verify: bool = False, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Bring the lists up to date; --verify recomputes every list from the vectors and compares."""
    if not verify:
        return _one_stage("match", config, as_json, quiet)
    from flows.site import open_site
    from flows.verify import verify_matches

    report = verify_matches(open_site(config))
    if as_json:
        _print_json(report)
    elif not quiet:
        print(f"{report['lists']} lists recomputed from the vectors, {report['wrong']} differ")
        for line in report["differences"]:
            print(f"  {line}")
    return 1 if report["wrong"] else 0


@app.command
def similar(
    scan: str | None = None,
    *,
    study: str | None = None,
    accession: str | None = None,
    file: Annotated[list[Path] | None, Parameter(consume_multiple=True)] = None,
    page: Path | None = None,
    judge: Annotated[bool, Parameter(negative="", help="pairs to judge, without rank and distance")] = False,
    history: Annotated[bool, Parameter(negative="", help="also what entered, moved and left, and why")] = False,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Show the earlier scans that one resembles: by scan, --study UID, --accession NR, or --file PATH ..."""
    from flows.answers import similar_to
    from flows.terminal import show_similar

    given = [name for name, value in (("SCAN", scan), ("--study", study), ("--accession", accession), ("--file", file))
             if value]  # fmt: skip
    if len(given) != 1:
        raise _wrong(f"name exactly one of SCAN, --study, --accession, --file; found {', '.join(given) or 'none'}")
    if judge:
        return _to_judge(config, scan, page, history, as_json, quiet)
    answers = similar_to(config, scan=scan, study=study, accession=accession, files=file, page=page, history=history)
    if as_json:
        _print_json(answers[0] if len(answers) == 1 else answers)
    elif not quiet:
        show_similar(answers)
    return 0


def _to_judge(config: Path, scan: str | None, page: Path | None, history: bool, as_json: bool, quiet: bool) -> int:
    from flows.judging import list_to_judge

    if scan is None or history:
        raise _wrong("--judge takes a SCAN of the archive, and no --history: that would tell the controls")
    found = list_to_judge(config, scan, page=page)
    if as_json:
        _print_json(found)
    elif not quiet:
        for row in found["pairs"]:
            print(f"{row['pair']}  {row['acquired'] or '?'}  contrast {row['contrast']}")
        print(f"{len(found['pairs'])} pairs; next: scantwin verdict PAIR relevant|not-relevant|unsure --by NAME")
    return 0


@app.command
def compare(a: str, b: str, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Compare two scans: distance, and its place among alike and unlike pairs of this encoder."""
    from flows.answers import compare_scans
    from flows.terminal import show_comparison

    answer = compare_scans(config, a, b)
    _print_json(answer) if as_json else show_comparison(answer, quiet=quiet)
    return 0


@app.command
def status(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Show the last nights, age of the last success, backlog, encoders and quarantine."""
    from flows.standing import standing
    from flows.terminal import show_standing

    found = standing(config)
    _print_json(found) if as_json else show_standing(found, quiet=quiet)
    return 0


@app.command
def files(*, outcome: str | None = None, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Show where every file ended, and why; --outcome takes an outcome or a code."""
    from flows.standing import every_file
    from flows.terminal import show_files

    found = every_file(config, outcome)
    _print_json_list(found) if as_json else show_files(found, quiet=quiet)
    return 0


@app.command
def volume(scan: str, *, out: Path, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Write a scan as it is read, before any resampling for the encoder, as NIfTI with its affine."""
    from flows.volumes import write_volume

    written = write_volume(config, scan, out)
    if as_json:
        _print_json(written)
    elif not quiet:
        shape, spacing = written["shape_zyx"], written["spacing_zyx_mm"]
        print(
            f"wrote {out}: {' x '.join(map(str, shape))} voxels of {' x '.join(f'{mm:g}' for mm in spacing)} mm (zyx)"
        )
        if written["repairs"]:
            print(f"mended: {written['repairs']}")
    return 0


@app.command
def kinds(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """List the combinations of tags whose kind is unknown, with counts and the line that would name them."""
    from flows.kinds import unknown_kinds
    from flows.terminal import show_kinds

    found = unknown_kinds(config)
    _print_json(found) if as_json else show_kinds(found, quiet=quiet)
    return 0


@labels_app.command(name="import")
def import_labels(csv: Path, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Import labels: columns patient or study, finding, value, and optionally kind, from, until, grade, source."""
    from flows.labels import read_labels

    report = read_labels(config, csv)
    if as_json:
        _print_json(report)
    elif not quiet:
        print(f"{report['imported']} labels imported, {report['known']} known before, {len(report['refused'])} refused")
        for line in report["refused"]:
            print(f"  line {line['line']}: {line['why']}")
    return 1 if report["refused"] else 0


@labels_app.command
def from_verdicts(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Make labels to learn from of the judgements on other patients' scans, in place of those made before."""
    from flows.reviewed import labels_from_verdicts

    found = labels_from_verdicts(config)
    if as_json:
        _print_json(found)
    elif not quiet:
        print(f"{found['labels']} labels from verdicts, {found['new_or_changed']} new or changed, "
              f"{found['taken_back']} taken back; readers disagree on {found['disagreed']} pairs")  # fmt: skip
    return 0


@encoders_app.default
def encoders(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """List every encoder with its evidence, which is active since when, and every switch."""
    from flows.encoders import list_encoders
    from flows.terminal import show_encoders

    found = list_encoders(config)
    _print_json(found) if as_json else show_encoders(found, quiet=quiet)
    return 0


@encoders_app.command
def activate(encoder: str, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Make an encoder the active one of its cover and purpose; the next night embeds and matches with it."""
    from flows.encoders import activate_encoder
    from flows.terminal import show_switch

    found = activate_encoder(config, encoder)
    _print_json(found) if as_json else show_switch(found, quiet=quiet)
    return 0


@encoders_app.command
def rollback(
    *,
    cover: Literal["2d", "3d"] | None = None,
    purpose: Literal["finding", "patient", "view"] | None = None,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Make the encoder active again that was before the newest switch (of --cover and --purpose)."""
    from flows.encoders import roll_back
    from flows.terminal import show_switch

    found = roll_back(config, cover, purpose)
    _print_json(found) if as_json else show_switch(found, quiet=quiet)
    return 0


@patients_app.command
def merge(csv: Path, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Take patient ids for one person: columns from_id, from_issuer, to_id, to_issuer; the next night follows."""
    return _corrected("merge", csv, config, as_json, quiet)


@patients_app.command
def unmerge(csv: Path, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Take merges back, by the same columns; the next night follows."""
    return _corrected("unmerge", csv, config, as_json, quiet)


@patients_app.command(name="conflicts")
def patient_conflicts(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """List ids that stand for nobody, or for people who cannot be one: their studies count for themselves."""
    from flows.patients import conflicts
    from flows.terminal import show_conflicts

    found = conflicts(config)
    _print_json(found) if as_json else show_conflicts(found, quiet=quiet)
    return 0


def _corrected(verb: Literal["merge", "unmerge"], csv: Path, config: Path, as_json: bool, quiet: bool) -> int:
    from flows.patients import correct
    from flows.terminal import show_correction

    report = correct(config, csv, verb)
    _print_json(report) if as_json else show_correction(report, quiet=quiet)
    return 1 if report["refused"] else 0


@app.command
def evaluate(
    *,
    task: Literal["finding", "patient"] | None = None,
    against: Annotated[Path | None, Parameter(help="CSV of labels, used for this evaluation only")] = None,
    folder: Annotated[Path | None, Parameter(help="a folder of DICOM instead of the site's archive")] = None,
    dates: Annotated[
        Literal["true", "shifted_per_patient", "none"], Parameter(help="of --folder: what its dates mean")
    ] = "true",
    encoder: Annotated[str | None, Parameter(help="id of an encoder; with --folder also an encoder's folder")] = None,
    kind: Annotated[str, Parameter(help="only scans of this kind or below it")] = "",
    out: Annotated[Path | None, Parameter(help="folder of the page; with --folder also of its store")] = None,
    folds: Annotated[
        bool, Parameter(negative="", help="below 300 patients: train five encoders, ask each about whom it never saw")
    ] = False,
    learning_curve: Annotated[
        bool, Parameter(negative="", help="from how few patients it learns, beside a classifier of its backbone")
    ] = False,
    seeds: Annotated[
        int | None, Parameter(help="with --folds (1 if not given) or --learning-curve (3): mean and spread over these")
    ] = None,
    time_budget_minutes: Annotated[
        float | None, Parameter(help="of each training of --folds or --learning-curve")
    ] = None,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Measure what an encoder is worth: on the archive, or on --folder DIR --against labels.csv."""
    from flows.evaluating import evaluate_site
    from flows.evaluating_folder import evaluate_folder
    from flows.measured import show_evaluation, show_learning
    from flows.terminal import progress_bar

    if folder is None and dates != "true":
        raise _wrong("--dates belongs to --folder; the site's own are in its configuration")
    if folds and learning_curve:
        raise _wrong("--folds and --learning-curve: one at a time")
    trains = folds or learning_curve
    if trains and (folder is not None or encoder is not None):
        raise _wrong("--folds and --learning-curve train on the site's archive: leave out --folder and --encoder")
    if not trains and (seeds, time_budget_minutes) != (None, None):
        raise _wrong("--seeds and --time-budget-minutes belong to --folds and --learning-curve, which train")
    if (seeds is not None and seeds < 1) or (time_budget_minutes is not None and time_budget_minutes <= 0):
        raise _wrong("--seeds and --time-budget-minutes: wanted numbers above 0")
    with progress_bar("evaluating", quiet=quiet or as_json) as step:
        if learning_curve:
            from flows.learning import learning_curves

            found = learning_curves(
                config, task=task, against=against, kind=kind, out=out, step=step, seeds=3 if seeds is None else seeds,
                time_budget_minutes=time_budget_minutes,
            )  # fmt: skip
        elif folds:
            from flows.evaluating_seeds import evaluate_seeds

            found = evaluate_seeds(
                config, seeds=seeds or 1, task=task, against=against, kind=kind, out=out, step=step,
                time_budget_minutes=time_budget_minutes,
            )  # fmt: skip
        elif folder is not None:
            found = evaluate_folder(
                folder, config, task=task, against=against, dates=dates, encoder=encoder, kind=kind, out=out, step=step
            )
        else:
            found = evaluate_site(config, task=task, against=against, encoder=encoder, kind=kind, out=out, step=step)
    show = show_learning if learning_curve else show_evaluation
    _print_json(found) if as_json else show(found, quiet=quiet)
    return 0


@app.command
def verdict(
    match: str,
    verdict: Literal["relevant", "not-relevant", "unsure", "wrong-patient", "duplicate"],
    *,
    by: str,
    note: str = "",
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Record what a person says of a match; MATCH is its id in match_for_review, or a pair of `similar --judge`."""
    from flows.verdicts import record_verdict

    row = record_verdict(config, match, verdict, by=by, note=note)
    if as_json:
        _print_json(row)
    elif not quiet:
        what = "pair" if ":" in match else "match"
        task = "; a task for the operator: check the patient" if verdict == "wrong-patient" else ""
        print(f"recorded: {what} {match} is {verdict}, by {by}{task}")
    return 0


@app.command
def export(
    *,
    out: Path,
    format: Literal["parquet", "csv"] = "parquet",
    true_dates: Annotated[bool, Parameter(negative="", help="do not shift dates")] = False,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Write the analysts' tables: keys only, dates shifted per patient, no free text."""
    from flows.site import open_site
    from review.tables import export as write_tables

    site = open_site(config)
    with site.db.read() as connection:
        paths = write_tables(connection, out, format=format, shift_days=None if true_dates else site.keys.shift_days)
    if as_json:
        _print_json({"schema": 1, "files": [str(path) for path in paths]})
    elif not quiet:
        print(f"wrote {len(paths)} files to {out}; dates are {'true' if true_dates else 'shifted per patient'}")
    return 0


@app.command
def forget(
    patient: str | None = None,
    *,
    issuer: str | None = None,
    yes: Annotated[bool, Parameter(negative="", help="do not ask")] = False,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Forget a person, by patient id or key: rows, pictures, pages; without PATIENT, finish what was cut off."""
    from flows.forget import forget_patient, found_patient
    from flows.terminal import confirmed, show_forgotten

    key = found_patient(config, patient, issuer) if patient else None
    if key and not yes and not confirmed("This cannot be undone. Forget this person?"):
        return 1
    found = forget_patient(config, key)
    _print_json(found) if as_json else show_forgotten(found, quiet=quiet)
    return 0


@app.command
def serve(*, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Keep the clock: run a night at each tick of the configuration's cron, until stopped."""
    from flows.clock import keep_clock

    return keep_clock(config, quiet=quiet)


@db_app.command
def upgrade(*, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Bring the database to this version's revision."""
    from flows.newsite import upgrade_database

    revision = upgrade_database(config)
    if not quiet:
        print(f"the database is at revision {revision}")
    return 0


@db_app.command
def check(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Check that database and models agree."""
    from flows.newsite import check_database

    differences = check_database(config)
    if as_json:
        _print_json({"schema": 1, "differences": differences})
    elif not quiet:
        print("\n".join(differences) or "database and models agree")
    return 1 if differences else 0


@db_app.command
def backup(out: Path, *, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Write a consistent copy of core and identity to a new folder."""
    from flows.newsite import backup_database

    paths = backup_database(config, out)
    if not quiet:
        print(f"wrote {', '.join(str(path) for path in paths)}; keep it as safe as the archive, and the secret apart")
    return 0


@db_app.command
def restore(folder: Path, *, config: Config = DEFAULT, quiet: Quiet = False) -> int:
    """Put a backup back in place of the database; refused while a night runs."""
    from flows.newsite import restore_database

    restore_database(config, folder)
    if not quiet:
        print(f"restored from {folder}\nnext: scantwin night")
    return 0


@db_app.command
def rotate_secret(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Make a new secret and every key with it; cut off, it goes on. Former secrets stay for what was forgotten."""
    from flows.rotate import rotate_secret as rotate

    found = rotate(config)
    if as_json:
        _print_json(found)
    elif not quiet:
        print(f"every key is made with secret {found['key_id']} now; back it up apart from the database\n"
              "exports and backups from before bear the former keys")  # fmt: skip
    return 0


def _wrong(text: str) -> Exception:
    from flows.asked import WrongUsage

    return WrongUsage(text)


def main(words: list[str] | None = None) -> None:
    """Run the command and leave with its exit code; every foreseen error is a sentence, never a traceback."""
    from flows.exits import exit_code

    debug = "--debug" in (words if words is not None else sys.argv)
    given = [word for word in (words if words is not None else sys.argv[1:]) if word != "--debug"]
    try:
        code = app(given, exit_on_error=False, print_error=False, result_action="return_value")
    except SystemExit:
        raise
    except BaseException as error:
        if debug:
            raise
        code, sentence = exit_code(error)
        print(f"scantwin: {sentence}", file=sys.stderr)
    sys.stdout.flush()
    sys.exit(int(code or 0))


def _print_json(value: Any) -> None:
    print(json.dumps(value, default=str))


def _print_json_list(rows: Iterable[Any]) -> None:
    """Print a list that may be longer than memory."""
    mark = "["
    for row in rows:
        print(mark + json.dumps(row, default=str), end="")
        mark = ",\n"
    print("]" if mark != "[" else "[]")


if __name__ == "__main__":
    main()
