"""Evaluate a folder of DICOM with a CSV of labels: a site of its own is made for it, here or for the moment."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from db.encoders import active_encoders, encoders_of, set_active_encoder
from flows.evaluate.one import evaluate_site
from flows.evaluate.request import EvaluationRequest, Report
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


def evaluate_folder(folder: Path, config: Path, request: EvaluationRequest, *, dates: str = "true") -> Report:
    """Take a folder in, embed it and evaluate; the site at `config` is asked for an encoder at most.

    Args:
        folder: Of DICOM; only read.
        config: Of a site that keeps the encoder, where the request names one by id.
        request: Its encoder may also be the folder of one, and None takes the shipped starters. Below its `out`
            lies, in `site`, the store, which a second run goes on with; None makes a store for the moment, and the
            pages go into `evidence`.
        dates: "true", "shifted_per_patient" or "none".

    Raises:
        WrongUsage: There is no such folder, or `out` holds the site of another one.
        NotFound: As `evaluate_site`.
    """
    if not folder.is_dir():
        raise WrongUsage(f"{folder} is not a folder; name the folder that holds the DICOM files")
    out = request.out or PAGES
    require_outside(folder, out, "--out")
    kept = None if request.encoder is None else _encoder_folder(config, request.encoder)
    with _site_of(folder, dates, request.out) as site:
        conduct(site, only=("ingest", "encoder"))
        encoder = None if kept is None else _activate(site, kept)
        ended = conduct(site, only=("embed",))
        found = evaluate_site(site.config, replace(request, encoder=encoder, out=out))
    files = {name: ended.files[name] for name in ("seen", "used", "skipped", "quarantined", "waiting", "gone")}
    return {**found, "files": files, "recorded": request.out is not None}


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
        new_site(folder, config, changes={"dates": f'"{dates}"', "quiet_seconds": "0.0"})
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
    named = [row for row in every if row.id.startswith(encoder)]
    if len(named) != 1:
        raise NotFound(
            f"{len(named)} encoders of {config} have an id that begins with {encoder!r}; name a folder or an id"
        )
    return site.store / named[0].folder


def _activate(site: Site, folder: Path) -> str:
    """Bring an encoder from elsewhere into the folder's site, in the starter's place; returns its id."""
    from siamese.encoder import load

    manifest = load(folder).manifest
    with site.db.read() as connection:
        others = [row for row in active_encoders(connection) if row.cover == manifest.cover]
    with day_ticket(site) as ticket:
        keep(site, ticket, folder, manifest, origin="starter" if manifest.origin == "starter" else "imported")
        with site.db.write(ticket.right) as connection:
            for purpose in {row.purpose for row in others} - {manifest.purpose}:
                set_active_encoder(connection, cover=manifest.cover, purpose=purpose, encoder=None, reason="evaluation")
            set_active_encoder(
                connection, cover=manifest.cover, purpose=manifest.purpose, encoder=manifest.id, reason="evaluation"
            )
    return manifest.id
