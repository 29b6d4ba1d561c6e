"""What a site can do itself so that more of its files are compared; what must be mended at its source is no gain."""

from collections.abc import Mapping, Sequence

from flows.answers.coverage import Gain, Reason
from flows.site.settings import ScansSettings

REPAIRS: Mapping[str, str] = {  # code of a refusal -> the repair that mends it, where it can
    "tilted": "tilt",
    "uneven-spacing": "uneven-spacing",
    "missing-slices": "missing-slices",
}
MOST_SECONDS, MOST_MIB = 3600.0, 1_048_576  # that the settings allow
PACKAGES = {"pyjpegls": "pyjpegls", "pylibjpeg": "pylibjpeg-openjpeg", "imagecodecs": "imagecodecs"}


def gains(reasons: Sequence[Reason], scans: ScansSettings) -> list[Gain]:
    """Return what would gain something, the greatest first, by what stands against the files of all modalities."""
    found = [
        Gain(reason.code, act, reason.files, reason.studies, why)
        for reason in reasons
        for act, why in [_act(reason.code, scans)]
        if act
    ]
    return in_order(found)


def in_order(found: Sequence[Gain]) -> list[Gain]:
    """Return gains, those of most files first."""
    return sorted(found, key=lambda gain: (-gain.files, -gain.studies, gain.code, gain.act))


def _act(code: str, scans: ScansSettings) -> tuple[str, str]:
    """Return the line or command against a code and why it helps, "" where nothing that the site may say does."""
    if code == "kind-unknown":
        return "scantwin kinds", "It lists what the tags of these scans say, and the lines that would name their kinds."
    if code == "no-encoder":
        return (
            "scantwin train",
            "No active encoder covers these scans: they count above, and their lists are empty.",
        )
    if code == "mixed-patients":
        return (
            "scantwin patients merge CSV",
            "If the ids under one series are one person: `scantwin patients conflicts`.",
        )
    if code == "took-too-long" and scans.guard_seconds < MOST_SECONDS:
        return (
            f"guard_seconds = {min(2 * scans.guard_seconds, MOST_SECONDS):g}",
            "In [scans]: one file may cost more time.",
        )
    if code == "too-much-memory" and scans.guard_mib < MOST_MIB:
        return f"guard_mib = {min(2 * scans.guard_mib, MOST_MIB)}", "In [scans]: one file may take more memory."
    if code == "unsupported-syntax" and (missing := missing_decoders()):
        return f"pip install {' '.join(missing)}", "Decoders that this installation lacks."
    if code in REPAIRS and REPAIRS[code] not in scans.repair:
        listed = ", ".join(f'"{one}"' for one in sorted({*scans.repair, REPAIRS[code]}))
        return f"repair = [{listed}]", "In [scans]: resampled onto an even grid within limits, and marked."
    return "", ""


def missing_decoders() -> list[str]:
    """Return the packages without which some transfer syntax is not decoded here."""
    from scans.decoder import DECODERS, can_decode

    return sorted({PACKAGES[plugin] for syntax, plugin in DECODERS.items() if not can_decode(syntax)})
