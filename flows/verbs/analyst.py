"""The verb that measures what an encoder is worth."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.verbs.words import DEFAULT, Config, Json, Quiet, print_json, wrong


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
    from flows.answers.evaluation import Evaluated, LearningCurves
    from flows.evaluate.folder import evaluate_folder, is_folder_of_encoder
    from flows.evaluate.one import evaluate_site
    from flows.evaluate.request import EvaluationRequest
    from flows.site.opened import open_site
    from flows.verbs.terminal import progress_bar
    from flows.verbs.terminal_evaluation import show_evaluation, show_learning

    if folder is None and dates != "true":
        raise wrong("--dates belongs to --folder; the site's own are in its configuration")
    if folds and learning_curve:
        raise wrong("--folds and --learning-curve: one at a time")
    if (folds or learning_curve) and (folder is not None or encoder is not None):
        raise wrong("--folds and --learning-curve train on the site's archive: leave out --folder and --encoder")
    _check_training_words(seeds, time_budget_minutes, trains=folds or learning_curve)
    with progress_bar("evaluating", quiet=quiet or as_json) as step:
        request = EvaluationRequest(
            task=task, against=against, encoder=encoder, kind=kind, out=out, step=step,
            time_budget_minutes=time_budget_minutes,
        )  # fmt: skip
        found: Evaluated | LearningCurves
        if learning_curve:
            from flows.evaluate.learning_curve import learning_curves

            found = learning_curves(open_site(config), request, seeds=3 if seeds is None else seeds)
        elif folds:
            from flows.evaluate.seeds import evaluate_seeds

            found = evaluate_seeds(open_site(config), request, seeds=seeds or 1)
        elif folder is not None:
            keeper = None if encoder is None or is_folder_of_encoder(encoder) else open_site(config)
            found = evaluate_folder(folder, request, keeper=keeper, dates=dates)
        else:
            found = evaluate_site(open_site(config), request)
    if as_json:
        print_json(found)
    elif isinstance(found, LearningCurves):
        show_learning(found, quiet=quiet)
    else:
        show_evaluation(found, quiet=quiet)
    return 0


def _check_training_words(seeds: int | None, time_budget_minutes: float | None, *, trains: bool) -> None:
    """Refuse words of a training where nothing is trained, and numbers that are none."""
    if not trains and (seeds, time_budget_minutes) != (None, None):
        raise wrong("--seeds and --time-budget-minutes belong to --folds and --learning-curve, which train")
    if (seeds is not None and seeds < 1) or (time_budget_minutes is not None and time_budget_minutes <= 0):
        raise wrong("--seeds and --time-budget-minutes: wanted numbers above 0")
