"""What a person reads of kinds in the terminal."""

from collections.abc import Sequence

from flows.answers.kinds import Contradiction, LearnedKinds, SwitchedKinds
from flows.answers.status import Combination, UnknownKinds
from flows.verbs.terminal import KEY, console, table_of, visible
from siamese.kinds.figures import FamilyFigures

MOST_KEYS = 5  # of scans, in one line


def show_kinds(found: UnknownKinds, *, quiet: bool) -> None:
    """Combinations of tags whose kind is unknown, classifiers, and scans whose pixels contradict their tags."""
    if quiet:
        return
    _show_combinations(found.combinations)
    for row in found.classifiers:
        why = "in use" if row.in_use else row.off_reason or "not in use"
        forgotten = f"; {row.forgotten_patients} people since forgotten: learn anew" if row.forgotten_patients else ""
        wrong = f"{row.n_wrong:,} wrong of {row.n_named:,} scans of patients left out"
        print(f"classifier {row.id}  {row.cover}  {wrong}; {visible(why)}{forgotten}")
    for contradiction in found.contradictions:
        _show_contradiction(contradiction)


def show_learned(found: LearnedKinds, *, quiet: bool) -> None:
    """How often kinds are told rightly from pixels, and what of it can be used."""
    if quiet:
        return
    for cover in found.covers:
        for family in cover.families:
            _show_family(cover.cover, family)
        if cover.classifier:
            print(f"{cover.cover}: to use it: scantwin kinds use {cover.classifier}")
        else:
            print(f"{cover.cover}: {cover.refused}")


def show_switched(found: SwitchedKinds, *, quiet: bool) -> None:
    """Which classifiers name scans now."""
    if not quiet:
        told = "no kind is named from pixels"
        if found.in_use:
            told = f"kinds are named from pixels by {', '.join(found.in_use)}"
        print(told + ("; the next night follows" if found.switched else ", as before"))


def _show_combinations(rows: Sequence[Combination]) -> None:
    if not rows:
        print("every scan has a kind")
        return
    for row in rows:
        counts = f"{row.scans} scans of {row.patients} patients"
        print(f"{row.kind}  {row.modality}  {counts}")
        for tag, text in row.tags.items():
            if text:
                print(f"    {tag} = {visible(text)}")
        print(f"    to name it: {visible(row.add)}" if row.add else f"    not believed: {row.contradiction}")
    print(
        "\nAdd such lines to [scans.kinds] of config.toml, the word in capitals replaced by yours (chest, frontal, t2);"
        "\nthe next night looks at every series again and decodes none twice. Tags are shown as the scanner wrote them."
    )


def _show_contradiction(row: Contradiction) -> None:
    keys = " ".join(key[:KEY] for key in row.keys[:MOST_KEYS])
    more = f" and {row.scans - MOST_KEYS} more" if row.scans > MOST_KEYS else ""
    counts = f"{row.scans} scans of {row.patients} patients"
    print(f"{row.family} {row.cover}: says {row.says}, looks like {row.looks_like}: {counts}: {keys}{more}")


def _show_family(cover: str, found: FamilyFigures) -> None:
    out = console()
    table = table_of(
        "kind", "patients", "test scans", "right", "wrong", "abstained", "given", title=f"{found.family} {cover}"
    )
    for row in found.kinds:
        numbers = (row.patients, row.scans, row.right, row.wrong, row.abstained)
        table.add_row(row.kind, *(f"{n:,}" for n in numbers), "yes" if row.given else "no")
    out.print(table)
    if found.error is not None and found.upper is not None:
        rests_on = f"{found.named:,} of {found.scans:,} scans named"
        out.print(f"{found.error:.2%} wrong (surely below {found.upper:.2%}), {rests_on}", soft_wrap=True)
    if found.refused:
        out.print(f"refused: {found.refused}", soft_wrap=True)
