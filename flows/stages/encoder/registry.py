"""Encoders: which there are, which is active since when and why, and the switch by hand."""

from collections.abc import Sequence

from db.embeddings import scans_to_embed, vector_counts, vector_kernels
from db.encoders import (
    EncoderRow,
    EncoderSwitch,
    active_encoders,
    all_encoders,
    chosen_encoders,
    encoder_switches,
    set_active_encoder,
    unchoose_encoders,
)
from flows.answers.answer import filled
from flows.answers.encoders import Activated, Encoder, Encoders, Switch
from flows.records.lookup import find_encoder
from flows.records.standing import standing
from flows.site.errors import NotFound
from flows.site.opened import Site
from siamese.manifest import Manifest
from siamese.recipe import BY_DIGEST

BY_HAND = "an encoder was switched by hand while the vectors of this one were made"


def list_encoders(site: Site) -> Encoders:
    """Every encoder with its evidence, and every switch, newest first."""
    with site.db.read() as connection:
        active = {row.id for row in active_encoders(connection)}
        shown = {row.id: standing(connection, row) for row in active_encoders(connection)}
        rows = all_encoders(connection)
        switches = encoder_switches(connection)
        n_vectors = vector_counts(connection)
        made_by = vector_kernels(connection)
        n_waiting = {row.id: len(scans_to_embed(connection, row.id, row.cover)) for row in chosen_encoders(connection)}
    since = {row.encoder: row.at.isoformat(timespec="seconds") for row in reversed(switches)}
    encoders = [
        filled(
            Encoder,
            row,
            active=row.id in active,
            since=since.get(row.id) if row.id in active else None,
            vectors=n_vectors.get(row.id, 0),
            created=row.created_at.isoformat(timespec="seconds"),
            validation=dict(Manifest.from_json(row.manifest).figures.get("validation", {})),
            waiting=n_waiting.get(row.id, 0),
            vector_kernels=dict(made_by.get(row.id, {})),
            standing=shown.get(row.id, ""),
        )
        for row in rows
    ]
    return Encoders(encoders, [filled(Switch, row, at=row.at.isoformat(timespec="seconds")) for row in switches])


def activate_encoder(site: Site, text: str) -> Activated:
    """Make an encoder, named by its id or the beginning of it, the active one of its cover and purpose.

    Raises:
        NotFound: No encoder, or several, have such an id, or it cannot read this version's inputs.
    """
    with site.db.read() as connection:
        row = find_encoder(all_encoders(connection), text)
    check_usable(site, row)
    with site.db.write() as connection:
        unchoose_encoders(connection, row.cover, row.purpose, BY_HAND)
        did = set_active_encoder(
            connection, cover=row.cover, purpose=row.purpose, encoder=row.id, reason="activated by hand"
        )
    return _switched(row.cover, row.purpose, row.id, did)


def roll_back(site: Site, cover: str | None = None, purpose: str | None = None) -> Activated:
    """Undo the newest switch (of a cover and purpose); asked twice, it is done again.

    Switches that one night made for a cover belong together: a trained encoder that took a starter's place.

    Raises:
        NotFound: Nothing was active before, or what was cannot read this version's inputs.
    """
    with site.db.read() as connection:
        switches = encoder_switches(connection)
        rows = {row.id: row for row in all_encoders(connection)}
    mine = [s for s in switches if cover in (None, s.cover) and purpose in (None, s.purpose)]
    newest = [s for s in mine if _together(s, mine[0])]
    before = {s.purpose: _before(s, [other for other in mine if other not in newest]) for s in newest}
    if not any(before.values()):
        raise NotFound("nothing was active before the newest switch, so there is nothing to go back to")
    for encoder in filter(None, before.values()):
        check_usable(site, rows[encoder])
    with site.db.write() as connection:
        unchoose_encoders(connection, newest[0].cover, None, BY_HAND)
        for switch in newest:
            set_active_encoder(
                connection, cover=switch.cover, purpose=switch.purpose, encoder=before[switch.purpose],
                reason=f"rolled back by hand from {switch.encoder or 'none'}",
            )  # fmt: skip
    return _switched(newest[0].cover, *next((p, e) for p, e in before.items() if e), True)


def _together(switch: EncoderSwitch, newest: EncoderSwitch) -> bool:
    if switch.night is None or newest.night is None:
        return switch.id == newest.id
    return (switch.night, switch.cover) == (newest.night, newest.cover)


def _before(switch: EncoderSwitch, earlier: Sequence[EncoderSwitch]) -> str | None:
    """What was active for a cover and purpose before a switch."""
    same = (s.encoder for s in earlier if (s.cover, s.purpose) == (switch.cover, switch.purpose))
    return next(same, None)


def check_usable(site: Site, row: EncoderRow) -> None:
    """Refuse an encoder of other preprocessing, or whose files are gone: a night would only fail on it.

    Raises:
        NotFound: It cannot be used; the text says why and what to do.
    """
    if row.recipe not in BY_DIGEST:
        raise NotFound(
            f"encoder {row.id} was made for inputs of recipe {row.recipe}, which this version cannot make: train anew"
        )
    if not (site.store / row.folder / "manifest.json").exists():
        raise NotFound(f"the files of encoder {row.id} are not in the store: put store/{row.folder} back")


def _switched(cover: str, purpose: str, encoder: str | None, did: bool) -> Activated:
    return Activated(cover, purpose, encoder, did)
