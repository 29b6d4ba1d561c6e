"""The verb that writes the analysts' tables."""

from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.answers.care import Exported
from flows.site.opened import open_site
from flows.verbs.words import DEFAULT, Config, Json, Quiet, print_json
from flows.work.outputs import require_outside_archive
from review.tables import export as write_tables


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
    site = open_site(config)
    require_outside_archive(site, out, "--out")
    with site.db.read() as connection:
        paths = write_tables(connection, out, format=format, shift_days=None if true_dates else site.keys.shift_days)
    if as_json:
        print_json(Exported([str(path) for path in paths]))
    elif not quiet:
        print(f"wrote {len(paths)} files to {out}; dates are {'true' if true_dates else 'shifted per patient'}")
    return 0
