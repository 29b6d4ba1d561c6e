"""Verbs that read and measure: tables, labels, evidence, encoders."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.answers.care import Exported
from flows.verbs.words import DEFAULT, Config, Json, Quiet, opened, print_json, wrong


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
    from flows.site.opened import open_site
    from flows.work.outputs import require_outside_archive
    from review.tables import export as write_tables

    site = open_site(config)
    require_outside_archive(site, out, "--out")
    with site.db.read() as connection:
        paths = write_tables(connection, out, format=format, shift_days=None if true_dates else site.keys.shift_days)
    if as_json:
        print_json(Exported([str(path) for path in paths]))
    elif not quiet:
        print(f"wrote {len(paths)} files to {out}; dates are {'true' if true_dates else 'shifted per patient'}")
    return 0


def import_labels(csv: Path, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Import labels: columns patient or study, finding, value, and optionally kind, from, until, grade, source."""
    from flows.records.labels import read_labels

    report = read_labels(opened(config), csv)
    if as_json:
        print_json(report)
    elif not quiet:
        print(f"{report.imported} labels imported, {report.known} known before, {len(report.refused)} refused")
        for line in report.refused:
            print(f"  line {line.line}: {line.why}")
    return 1 if report.refused else 0


def from_verdicts(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Make labels to learn from of the judgements on other patients' scans, in place of those made before."""
    from flows.operator.verdict_statistics import labels_from_verdicts

    found = labels_from_verdicts(opened(config))
    if as_json:
        print_json(found)
    elif not quiet:
        print(f"{found.labels} labels from verdicts, {found.new_or_changed} new or changed, "
              f"{found.taken_back} taken back; readers disagree on {found.disagreed} pairs")  # fmt: skip
    return 0


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
    from flows.evaluate.folder import evaluate_folder
    from flows.evaluate.one import evaluate_site
    from flows.evaluate.request import EvaluationRequest
    from flows.verbs.terminal import progress_bar
    from flows.verbs.terminal_evaluation import show_evaluation, show_learning

    if folder is None and dates != "true":
        raise wrong("--dates belongs to --folder; the site's own are in its configuration")
    if folds and learning_curve:
        raise wrong("--folds and --learning-curve: one at a time")
    trains = folds or learning_curve
    if trains and (folder is not None or encoder is not None):
        raise wrong("--folds and --learning-curve train on the site's archive: leave out --folder and --encoder")
    if not trains and (seeds, time_budget_minutes) != (None, None):
        raise wrong("--seeds and --time-budget-minutes belong to --folds and --learning-curve, which train")
    if (seeds is not None and seeds < 1) or (time_budget_minutes is not None and time_budget_minutes <= 0):
        raise wrong("--seeds and --time-budget-minutes: wanted numbers above 0")
    with progress_bar("evaluating", quiet=quiet or as_json) as step:
        request = EvaluationRequest(
            task=task, against=against, encoder=encoder, kind=kind, out=out, step=step,
            time_budget_minutes=time_budget_minutes,
        )  # fmt: skip
        if learning_curve:
            from flows.evaluate.learning_curve import learning_curves

            found = learning_curves(config, request, seeds=3 if seeds is None else seeds)
        elif folds:
            from flows.evaluate.seeds import evaluate_seeds

            found = evaluate_seeds(config, request, seeds=seeds or 1)
        elif folder is not None:
            found = evaluate_folder(folder, config, request, dates=dates)
        else:
            found = evaluate_site(config, request)
    show = show_learning if learning_curve else show_evaluation
    print_json(found) if as_json else show(found, quiet=quiet)
    return 0


def encoders(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """List every encoder with its evidence, which is active since when, and every switch."""
    from flows.stages.encoder.registry import list_encoders
    from flows.verbs.terminal_operator import show_encoders

    found = list_encoders(opened(config))
    print_json(found) if as_json else show_encoders(found, quiet=quiet)
    return 0


def activate(encoder: str, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Make an encoder the active one of its cover and purpose; the next night embeds and matches with it."""
    from flows.stages.encoder.registry import activate_encoder
    from flows.verbs.terminal_operator import show_switch

    found = activate_encoder(opened(config), encoder)
    print_json(found) if as_json else show_switch(found, quiet=quiet)
    return 0


def rollback(
    *,
    cover: Literal["2d", "3d"] | None = None,
    purpose: Literal["finding", "patient", "view"] | None = None,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Make the encoder active again that was before the newest switch (of --cover and --purpose)."""
    from flows.stages.encoder.registry import roll_back
    from flows.verbs.terminal_operator import show_switch

    found = roll_back(opened(config), cover, purpose)
    print_json(found) if as_json else show_switch(found, quiet=quiet)
    return 0
