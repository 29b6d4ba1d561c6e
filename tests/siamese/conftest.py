"""Made-up volumes and examples, small enough to work out by hand."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from scans.kind import Kind
from scans.volume import Volume
from siamese.example import Example
from siamese.recipe import recipe_for
from siamese.tensor import save_tensor

FINDINGS = frozenset({"blob", "ring"})


@pytest.fixture
def make_volume() -> Callable[..., Volume]:
    """Return a maker of volumes whose axes point to head, back and left, centred on the origin."""

    def make(voxels: np.ndarray, spacing_mm: tuple[float, ...] = (1.0, 1.0, 1.0), key: str = "ct/chest/3d") -> Volume:
        affine = np.zeros((4, 4))
        affine[[2, 1, 0, 3], [0, 1, 2, 3]] = (*spacing_mm, 1.0)
        cover = "2d" if "/2d" in key else "3d"
        return Volume(np.asarray(voxels, np.float32), affine, Kind(key, cover, "test", True))

    return make


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """40 patients with two projections each: a disc and, within it, a blob or a ring."""
    return discs(tmp_path_factory.mktemp("cohort"), 40)


@pytest.fixture(scope="session")
def plain_cohort(tmp_path_factory: pytest.TempPathFactory) -> list[Example]:
    """The same where blob and ring stand out: a task that every draw of a training learns."""
    return discs(tmp_path_factory.mktemp("plain"), 40, away=0.05, widths=(0.7, 0.8))


@pytest.fixture(scope="session")
def make_discs() -> Callable[[Path, int], list[Example]]:
    """Return the maker of such a cohort in a folder, of any number of patients."""
    return discs


def discs(
    folder: Path, n_patients: int, *, away: float = 0.4, widths: tuple[float, float] = (0.6, 0.9)
) -> list[Example]:
    """Write patients with two projections each: a disc and, at most `away` from its middle, a blob or a ring."""
    rng = np.random.default_rng(0)
    shape = recipe_for("2d").shape
    grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, n) for n in shape], indexing="ij"))
    examples = []
    for patient in range(n_patients):
        name = "blob" if patient % 2 else "ring"
        place, width = rng.uniform(-away, away, 2), rng.uniform(*widths)
        for visit in range(2):
            distance = np.hypot(*(grid - (place + 0.02 * rng.normal(size=2))[:, None, None]))
            shown = distance < 0.25 if name == "blob" else np.abs(distance - 0.25) < 0.07
            picture = 0.4 * (np.hypot(*grid) < width) + 0.5 * shown + 0.02 * rng.normal(size=shape)
            path = folder / f"{patient}-{visit}.npy"
            save_tensor(path, np.clip(picture, 0, 1).astype(np.float32)[None])
            scan, person = f"scan-{patient:02}-{visit}", f"patient-{patient:02}"
            marks = frozenset({name}), FINDINGS - {name}
            number = (patient * 0.618) % 1  # spreads evenly
            examples.append(Example(scan, person, f"study-{scan}", "xr/chest/2d/frontal", path, *marks, number))
    return examples
