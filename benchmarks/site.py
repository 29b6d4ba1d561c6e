"""A site for measuring, with a fixed secret so that its figures repeat."""

from pathlib import Path

from flows.operator.new_site import new_site, upgrade_database
from flows.site.opened import Site, open_site

SECRET = "bench-bench-bench-bench-bench-bench"
SETTINGS = {"quiet_seconds": "0.0", "train_when": '"never"', "max_gone_fraction": "1.0"}


def bench_site(home: Path, archive: Path) -> Site:
    """Make a site over a folder, with an empty database."""
    archive.mkdir(parents=True, exist_ok=True)
    config = home / "config.toml"
    new_site(archive, config, secret=SECRET, changes=SETTINGS)
    upgrade_database(config)
    return open_site(config)
