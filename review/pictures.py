"""Finds the pictures of a scan in the store and puts them into the page."""

import base64
import re
from pathlib import Path

from review.page import Picture

PLANES = ("axial", "coronal", "sagittal")  # the order a radiologist expects; what else there is follows
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
LARGEST_BYTES = 400_000  # one picture of 256 x 256 pixels is well below it
BUDGET_BYTES = 3_400_000  # of all pictures of a page: in base64 4.5 MB, so that a page stays below 5 MB
SAFE_NAME = re.compile(r"[A-Za-z0-9_]+")

NONE_DRAWN = "Picture held back: text may be burned into it, or pictures are switched off."
NOT_FOUND = "The picture is not in the store; the next night that reads this scan draws it."
DAMAGED = "The picture in the store is damaged."
TOO_MUCH = "Picture left out to keep this page small."


class PictureShelf:
    """Reads pictures, and counts what has gone into the page.

    Args:
        store: Our own files; pictures lie in store/pictures/<first two of the key>/<key>-<plane>.png.
        budget_bytes: How much may go into the page.
    """

    def __init__(self, store: Path, *, budget_bytes: int = BUDGET_BYTES) -> None:
        self._folder = store / "pictures"
        self._left_bytes = budget_bytes

    def of(self, scan: str, n_drawn: int, *, planes: int) -> tuple[Picture, ...]:
        """Return at most so many planes of a scan, or one entry that says why there is none."""
        if n_drawn == 0:
            return (Picture("no", missing=NONE_DRAWN),)
        files = self._files(scan)[:planes]
        return tuple(self._read(file, plane) for plane, file in files) or (Picture("no", missing=NOT_FOUND),)

    def _files(self, scan: str) -> list[tuple[str, Path]]:
        if not SAFE_NAME.fullmatch(scan):
            return []
        found = {path.stem.removeprefix(f"{scan}-"): path for path in (self._folder / scan[:2]).glob(f"{scan}-*.png")}
        order = [*PLANES, *sorted(set(found) - set(PLANES))]
        return [(plane, found[plane]) for plane in order if plane in found]

    def _read(self, file: Path, plane: str) -> Picture:
        try:
            size = file.stat().st_size
            if size > LARGEST_BYTES:
                return Picture(plane, missing=DAMAGED)
            if size > self._left_bytes:
                return Picture(plane, missing=TOO_MUCH)
            png = file.read_bytes()
        except OSError:
            return Picture(plane, missing=NOT_FOUND)
        if not png.startswith(PNG_SIGNATURE):
            return Picture(plane, missing=DAMAGED)
        self._left_bytes -= len(png)
        return Picture(plane, uri="data:image/png;base64," + base64.b64encode(png).decode("ascii"))
