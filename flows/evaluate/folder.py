"""Evaluate a folder of DICOM with a CSV of labels: a site of its own is made for it, here or for the moment."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from db.encoders import active_encoders, encoders_of, set_active_encoder
from evaluation.questions import Task
from flows.evaluate.one import Step, evaluate_site
from flows.night.conductor import conduct
from flows.night.run import ready_site
from flows.operator.new_site import new_site
from flows.site.errors import NotFound, WrongUsage
from flows.site.opened import Site, open_site
from flows.stages.encoder.train import keep
from flows.work.lease import day_ticket
from flows.work.outputs import require_outside
from siamese.recipe import COVERS

PAGES = Path("evidence")  # where pages go when nobody says so


def evaluate_folder(
    folder: Path,
    config: Path,
    *,
    task: Task | None = None,
    against: Path | None = None,
    dates: str = "true",
    encoder: str | None = None,
    kind: str = "",
    out: Path | None = None,
    step: Step | None = None,
    **sizes: int,
) -> dict[str, Any]:
    """Take a folder in, embed it and evaluate; the site at `config` is asked for an encoder at most.

    Args:
        folder: Of DICOM; only read.
        config: Of a site that keeps the encoder, where `encoder` is an id.
        task: As `evaluate_site`.
        against: CSV of labels.
        dates: "true", "shifted_per_patient" or "none".
        encoder: Id of an encoder of that site, or the folder of one; None takes the shipped starters.
        kind: As `evaluate_site`.
        out: Folder of the pages, and in `site` below it of the store, which a second run goes on with;
            None makes a store for the moment, and the pages go into `evidence`.
        step: As `evaluate_site`.
        **sizes: As `evaluate_site`.

    Raises:
        WrongUsage: There is no such folder, or `out` holds the site of another one.
        NotFound: As `evaluate_site`.
    """
    if not folder.is_dir():
        raise WrongUsage(f"{folder} is not a folder; name the folder that holds the DICOM files")
    require_outside(folder, out or PAGES, "--out")
    kept = None if encoder is None else _encoder_folder(config, encoder)
    with _site_of(folder, dates, out) as site:
        conduct(site, only=("ingest", "encoder"))
        name = None if kept is None else _activate(site, kept)
        ended = conduct(site, only=("embed",))
        found = evaluate_site(
            site.config, task=task, against=against, encoder=name, kind=kind, out=out or PAGES, step=step, **sizes
        )
    files = {name: ended.files[name] for name in ("seen", "used", "skipped", "quarantined", "waiting", "gone")}
    return {**found, "files": files, "recorded": out is not None}


@contextmanager
def _site_of(folder: Path, dates: str, out: Path | None) -> Iterator[Site]:
    if out is not None:
        yield _ready(folder, dates, out / "site")
        return
    with tempfile.TemporaryDirectory(prefix="scantwin-evaluate-") as moment:
        site = _ready(folder, dates, Path(moment))
        try:
            yield site
        finally:
            site.db.close()


def _ready(folder: Path, dates: str, home: Path) -> Site:
    config = home / "config.toml"
    if not config.exists():
        new_site(folder, config, changes={"train_when": '"never"', "dates": f'"{dates}"', "quiet_seconds": "0.0"})
    site = ready_site(config)[0]
    if site.archive.resolve() != folder.resolve() or site.settings.scans.dates != dates:
        raise WrongUsage(f"{home} was made for another folder or other --dates; name another --out")
    return site


def _encoder_folder(config: Path, encoder: str) -> Path:
    """Return the folder of an encoder that was named by its folder, or by its id in the site at `config`."""
    if (Path(encoder) / "manifest.json").is_file():
        return Path(encoder)
    site = open_site(config)
    with site.db.read() as connection:
        every = [row for cover in COVERS for row in encoders_of(connection, cover)]
    named = [row for row in every if str(row.id).startswith(encoder)]
    if len(named) != 1:
        raise NotFound(
            f"{len(named)} encoders of {config} have an id that begins with {encoder!r}; name a folder or an id"
        )
    return site.store / str(named[0].folder)


def _activate(site: Site, folder: Path) -> str:
    """Bring an encoder from elsewhere into the folder's site, in the starter's place; returns its id."""
    from siamese.encoder import load

    manifest = load(folder).manifest
    with site.db.read() as connection:
        others = [row for row in active_encoders(connection) if row.cover == manifest.cover]
    with day_ticket(site) as ticket:
        keep(site, ticket, folder, manifest, origin="starter" if manifest.origin == "starter" else "imported")
        with site.db.write(ticket.right) as connection:
            for purpose in {str(row.purpose) for row in others} - {manifest.purpose}:
                set_active_encoder(connection, cover=manifest.cover, purpose=purpose, encoder=None, reason="evaluation")
            set_active_encoder(
                connection, cover=manifest.cover, purpose=manifest.purpose, encoder=manifest.id, reason="evaluation"
            )
    return manifest.id
