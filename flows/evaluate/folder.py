"""Evaluate a folder of DICOM with a CSV of labels: a site of its own is made for it, here or for the moment."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from db.encoders import active_encoders, all_encoders, set_active_encoder
from flows.answers.answer import filled
from flows.answers.evaluation import EvaluatedFolder
from flows.answers.status import FileCounts
from flows.evaluate.one import evaluate_site
from flows.evaluate.request import EvaluationRequest
from flows.night.conductor import conduct
from flows.night.run import ready_site
from flows.operator.new_site import new_site
from flows.site.errors import NotFound, WrongUsage
from flows.site.opened import Site
from flows.stages.encoder.train import keep
from flows.work.lease import day_ticket
from flows.work.outputs import require_outside

FEWEST_TO_FIT = 80  # patients; of fewer, hardly ten would be left whom a head has not seen
PAGES = Path("evidence")  # where pages go when nobody says so


def evaluate_folder(
    folder: Path, request: EvaluationRequest, *, keeper: Site | None = None, dates: str = "true"
) -> EvaluatedFolder:
    """Take a folder in, embed it and evaluate; the site `keeper` is asked for an encoder at most.

    Args:
        folder: Of DICOM; only read.
        request: Its encoder may also be the folder of one, and None fits a head to the folder's own training
            patients. Below its `out` lies, in `site`, the store, which a second run goes on with; None makes a store
            for the moment, and the pages go into `evidence`.
        keeper: The site that keeps the encoder, where the request names one by id.
        dates: "true", "shifted_per_patient" or "none".

    Raises:
        WrongUsage: There is no such folder, or `out` holds the site of another one.
        NotFound: As `evaluate_site`.
    """
    if not folder.is_dir():
        raise WrongUsage(f"{folder} is not a folder; name the folder that holds the DICOM files")
    out = request.out or PAGES
    require_outside(folder, out, "--out")
    kept = None if request.encoder is None else _encoder_folder(keeper, request.encoder)
    with _site_of(folder, dates, request.out, fits=kept is None) as site:
        encoder = None
        if kept is not None:  # before files are read: its inputs may be of its own sort
            conduct(site, only=("encoder",))
            encoder = _activate(site, kept)
        conduct(site, only=("ingest", "encoder"))
        ended = conduct(site, only=("embed",))
        found = evaluate_site(site, replace(request, encoder=encoder, out=out))
    return filled(EvaluatedFolder, found, files=filled(FileCounts, ended.files), recorded=request.out is not None)


@contextmanager
def _site_of(folder: Path, dates: str, out: Path | None, *, fits: bool) -> Iterator[Site]:
    if out is not None:
        yield _ready(folder, dates, out / "site", fits=fits)
        return
    with tempfile.TemporaryDirectory(prefix="scantwin-evaluate-") as moment:
        site = _ready(folder, dates, Path(moment), fits=fits)
        try:
            yield site
        finally:
            site.db.close()


def _ready(folder: Path, dates: str, home: Path, *, fits: bool) -> Site:
    config = home / "config.toml"
    if not config.exists():
        when = "missing" if fits else "never"
        new_site(
            folder,
            config,
            changes={
                "train_when": f'"{when}"',
                "fewest_patients": str(FEWEST_TO_FIT),
                "dates": f'"{dates}"',
                "quiet_seconds": "0.0",
            },
        )
    site = ready_site(config)[0]
    if site.archive.resolve() != folder.resolve() or site.settings.scans.dates != dates:
        raise WrongUsage(f"{home} was made for another folder or other --dates; name another --out")
    return site


def is_folder_of_encoder(encoder: str) -> bool:
    """Say whether an encoder was named by its folder, and not by its id."""
    return (Path(encoder) / "manifest.json").is_file()


def _encoder_folder(keeper: Site | None, encoder: str) -> Path:
    """Return the folder of an encoder that was named by its folder, or by its id in the site that keeps it."""
    if is_folder_of_encoder(encoder) or keeper is None:
        return Path(encoder)
    with keeper.db.read() as connection:
        named = [row for row in all_encoders(connection) if row.id.startswith(encoder)]
    if len(named) != 1:
        raise NotFound(
            f"{len(named)} encoders of {keeper.config} have an id that begins with {encoder!r}; name a folder or an id"
        )
    return keeper.store / named[0].folder


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
