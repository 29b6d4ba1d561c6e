"""Verbs that list and switch encoders."""

from typing import Literal

from cyclopts import App

from flows.stages.encoder.registry import activate_encoder, list_encoders, roll_back
from flows.verbs.terminal_operator import show_encoders, show_switch
from flows.verbs.words import DEFAULT, Config, Json, Quiet, opened, print_json

app = App(name="encoders", help="List the encoders; activate one, or roll the last switch back.")


def encoders(*, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """List every encoder with its evidence, which is active since when, and every switch."""
    found = list_encoders(opened(config))
    print_json(found) if as_json else show_encoders(found, quiet=quiet)
    return 0


def activate(encoder: str, *, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Make an encoder the active one of its cover and purpose; the next night embeds and matches with it."""
    found = activate_encoder(opened(config), encoder)
    print_json(found) if as_json else show_switch(found, quiet=quiet)
    return 0


def rollback(
    *,
    cover: Literal["2d", "3d"] | None = None,
    purpose: Literal["finding", "patient", "view"] | None = None,
    config: Config = DEFAULT,
    as_json: Json = False,
    quiet: Quiet = False,
) -> int:
    """Make the encoder active again that was before the newest switch (of --cover and --purpose)."""
    found = roll_back(opened(config), cover, purpose)
    print_json(found) if as_json else show_switch(found, quiet=quiet)
    return 0


app.default(encoders)
app.command(activate)
app.command(rollback)
