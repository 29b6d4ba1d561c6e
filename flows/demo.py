"""`make demo`: a synthetic hospital, a first night that fits an encoder to it, new studies, a second night.

Run again, it finds nothing new. A fixed secret and seed make its figures repeat.
"""

import sys
from dataclasses import replace
from pathlib import Path

from flows.cli import app
from flows.operator.new_site import new_site
from flows.verbs.terminal import progress_bar

SECRET = "demo-demo-demo-demo-demo-demo-demo-demo"  # fixed, for figures that repeat; never for a real site
PATIENTS, VISITS, SEED = 90, 3, 7
WORKERS = 2
SHARES = (("ct", 0.12), ("mr", 0.12), ("dx", 0.9))  # so many films that their encoder can be judged
SETTINGS = {
    "quiet_seconds": "0.0",
}


def main(words: list[str]) -> int:
    """Run the demo in a folder."""
    home = Path(words[0] if words else "demo")
    config = home / "site" / "config.toml"
    first = not config.exists()
    if first:
        print(f"1. writing a synthetic hospital archive to {home / 'hospital'} ...", flush=True)
        _write_visits(home / "hospital", 1, VISITS - 1)
        new_site(home / "hospital" / "archive", config, secret=SECRET, changes=SETTINGS)
    print("2. the first night: reads it, fits an encoder to it, finds matches (a minute or two) ..." if first
          else "2. a night over an archive that has not changed ...", flush=True)  # fmt: skip
    code = _scantwin("night", config)
    if first and code in (0, 3):
        print("\n3. new studies arrive ...", flush=True)
        _write_visits(home / "hospital", VISITS, VISITS)
        print("4. the second night ...", flush=True)
        code = _scantwin("night", config)
    _say_where(home, config)
    return 0 if code == 3 else code


def _write_visits(out: Path, first: int, last: int) -> None:
    from scans.phantoms.archive import write_archive
    from scans.phantoms.preset import EASY

    preset = replace(EASY, name="demo", modality_share=SHARES)
    with progress_bar("phantoms", quiet=False) as step:
        write_archive(
            out, n_patients=PATIENTS, n_visits=VISITS, seed=SEED, preset=preset, first_visit=first,
            last_visit=last, n_workers=WORKERS, progress=step,
        )  # fmt: skip


def _scantwin(verb: str, config: Path) -> int:
    try:
        return int(app([verb, "--config", str(config)], exit_on_error=False, result_action="return_value") or 0)
    except Exception as error:
        from flows.verbs.exits import exit_code

        code, sentence = exit_code(error)
        print(f"scantwin: {sentence}", file=sys.stderr)
        return code


def _say_where(home: Path, config: Path) -> None:
    store = config.parent / "store"
    print(f"\nreports:   {store / 'reports'}")
    print(f"database:  {store / 'scantwin.sqlite'} (identity apart, beside it)")
    print(f"try next:  .venv/bin/scantwin status --config {config}")
    print(f"           .venv/bin/scantwin labels import {home / 'hospital' / 'labels.csv'} --config {config}")
    print(f"           .venv/bin/scantwin export --out tables --config {config}")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
