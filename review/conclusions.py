"""What may and what may not be concluded from an evaluation, in plain words."""

from evaluation.figures import HEADLINE
from evaluation.report import NumberedReport
from review.words import percent, plain_way, share_right
from siamese.statistics.intervals import Estimate

GALLERY = {"prior": "among earlier scans", "open": "among all other studies, whatever their date"}
FEW = 100  # patients; below it the page says how wide an interval is
SMALL_RISE = 0.02  # of P@1: an identity leak that is worth a sentence


def headline(report: NumberedReport) -> str:
    """Return the first sentence of the page: P@1, its interval, and the strongest plain way."""
    first = report.metrics[HEADLINE]
    if first.value is None or first.low is None or first.high is None:
        return "No search had anything relevant to find: nothing was measured"
    told = share_right(report.task, first.value, first.low, first.high, report.queries)
    return f"{told[0].upper()}{told[1:]}; {_beside(report)}"


def _beside(report: NumberedReport) -> str:
    lift = report.lift
    if lift is None:
        return "there is no plain way to hold this against"
    other = report.evaluation.main.headline.others[lift.over][HEADLINE].value or 0.0  # known, as its lift is
    said = f"{plain_way(lift.over)}, of the plain ways the hardest to beat, reaches {percent(other)}"
    if report.folds > 1:
        ahead = "five encoders, one a fold, " + ("are not shown to beat" if report.provisional else "beat")
    else:
        ahead = "the encoder " + ("is not shown to beat" if report.provisional else "beats")
    return f"{said}; {ahead} every one of them"


def of_pairs(report: NumberedReport) -> str:
    """Return what the encoder makes of pairs, and of pairs within one source; "" for another task."""
    same = report.evaluation.same_source
    if same is None:
        return ""
    plain = report.evaluation.pairs["encoder"]["roc_auc"]
    told = f"Pairs of one person against pairs of two: ROC AUC {shown(plain)}"
    within = same.why_not or shown(same.pairs["encoder"]["roc_auc"])
    return f"{told}; against two of the same {same.source}: {within}"


def shown(estimate: Estimate) -> str:
    """Write a figure with its interval."""
    if estimate.value is None:
        return "–"
    return f"{estimate.value:.3f} ({estimate.low:.3f} to {estimate.high:.3f})"


def conclusions(report: NumberedReport) -> tuple[list[str], list[str]]:
    """Return the sentences that may be concluded, and what may not be, to be read behind "that"."""
    return _may(report), _may_not(report)


def _may(report: NumberedReport) -> list[str]:
    if report.metrics[HEADLINE].value is None:
        return ["Nothing: no search had a right answer in its gallery."]
    told = [
        f"On these {report.measured_on.patients:,} patients, {GALLERY[report.gallery]}, the figures above are what "
        f"{_who(report)} through the search that the nights use."
    ]
    if report.folds > 1:
        told.append(
            "Such training finds something that neither chance, nor columns, nor simple pictures find."
            if not report.provisional
            else "Such training has earned nothing yet."
        )
    elif report.provisional and report.purpose not in ("none", report.task):
        told.append(f"It was made to see the {report.purpose}; for this task it has shown nothing.")
    elif report.provisional:
        told.append("It has not earned its place: its matches stay provisional.")
    else:
        told.append("It finds something that neither chance, nor columns, nor simple pictures find.")
    return told


def _who(report: NumberedReport) -> str:
    return "this encoder reaches" if report.folds == 1 else "five encoders reach, each about whom it never saw,"


def _may_not(report: NumberedReport) -> list[str]:
    main = report.evaluation.galleries[report.gallery]
    told = ["a near scan has the same disease, or readers become faster or more often right;"]
    told.append("other archives, scanners or kinds would give these figures;")
    if report.patients < FEW:
        told.append(f"more than the intervals say: {report.patients} patients are few;")
    if report.reading > 1:
        told.append(
            f"this was the first look: it is reading {report.reading} of these test patients, and the best of many "
            f"readings looks better than it is;"
        )
    if report.folds > 1:
        told.append("the active encoder has these figures: they are those of five others;")
    if report.gallery == "open":
        told.append("a night would show this: dates are unknown or shifted, so later scans could answer too;")
    shortcuts = [found.trait.replace("_", " ") for found in main.confounds if found.is_shortcut]
    if shortcuts:
        told.append(f"the finding itself was seen: here it follows the {' and the '.join(shortcuts)};")
    rise = main.identity_leak.rise.value if main.identity_leak else None
    if rise is not None and rise > SMALL_RISE:
        told.append(f"the person is ignored: with own scans in the gallery P@1 rises by {rise:.3f};")
    told[-1] = told[-1].removesuffix(";") + "."
    return told
