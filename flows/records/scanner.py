"""Scanner: the machine that made a scan, as maker and model in one text."""

from typing import Protocol


class Scanned(Protocol):
    """What is known of the machine behind a scan: a row, or the passport of a stack."""

    @property
    def manufacturer(self) -> str | None:
        """Maker."""

    @property
    def model(self) -> str | None:
        """The maker's name for it."""


def scanner_of(scan: Scanned) -> str:
    """Return maker and model of a scan's machine, "" where neither is known."""
    return scanner_name(scan.manufacturer, scan.model)


def scanner_name(manufacturer: str | None, model: str | None) -> str:
    """Return the same of a maker and a model."""
    return " ".join(part for part in (manufacturer, model) if part)


def same_scanner(a: str, b: str) -> bool | None:
    """Whether two scans are of one sort of machine; None where that is not known."""
    return a == b if a and b else None
