"""`python -m siamese.starters --out DIR`: makes the starter encoders again, from phantoms alone.

About eight minutes on one core. The same bytes on the same machine: the cohort, the seeds and the number of threads
are fixed.
"""

import argparse
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from scans.phantoms.archive import write_archive
from siamese.encoder import save
from siamese.recipe import COVERS
from siamese.starters.phantoms import of_cover, read_phantoms
from siamese.training.fit import Trained, fit
from siamese.training.settings import TrainingSettings

PATIENTS, VISITS, SEED = 90, 3, 20_260_101  # a cohort that no demo, test or benchmark uses
SETTINGS = TrainingSettings(threads=1, epochs=10, steps_per_epoch=20, patience=10)


def main(words: list[str]) -> int:
    """Make the starters of all covers."""
    parser = argparse.ArgumentParser(prog="siamese.starters", description=__doc__)
    parser.add_argument("--out", type=Path, required=True, help="gets a folder for each cover")
    out: Path = parser.parse_args(words).out
    with tempfile.TemporaryDirectory() as folder:
        hospital, tensors = Path(folder) / "hospital", Path(folder) / "tensors"
        write_archive(hospital, n_patients=PATIENTS, n_visits=VISITS, seed=SEED)
        tensors.mkdir()
        examples = read_phantoms(hospital, tensors)
        for cover in COVERS:
            trained = fit(
                of_cover(examples, cover),
                cover=cover,
                purpose="patient",
                settings=SETTINGS,
                work=Path(folder) / cover,
                origin="starter",
            )
            keep(trained, out / cover)
    return 0


def keep(trained: Trained, folder: Path) -> None:
    """Write a starter with a sentence that says what it was trained on, and nothing of when."""
    sentence = f"phantoms only: {PATIENTS} synthetic patients, {VISITS} visits, seed {SEED}; no person was scanned"
    manifest = trained.encoder.manifest
    trained.encoder.manifest = replace(manifest, trained_on=sentence)
    save(trained.encoder, folder)
    ours, untrained = (manifest.figures[name]["auc"] for name in ("validation", "untrained"))
    sys.stdout.write(
        f"{folder.name}: {trained.encoder.manifest.id}, AUC of same-patient pairs on validation "
        f"{ours:.3f}, untrained {untrained:.3f}\n"
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
