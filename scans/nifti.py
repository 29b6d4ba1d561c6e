"""Volume -> NIfTI, so that any other viewer can show it."""

from pathlib import Path

import nibabel
import numpy as np

from scans.atomic import draft_of
from scans.volume import Volume

SUFFIXES = (".nii", ".nii.gz")
LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
XYZ_TO_ZYX = np.eye(4)[[2, 1, 0, 3]]  # takes an index (x, y, z, 1) to (z, y, x, 1)
SCANNER = 1  # NIFTI_XFORM_SCANNER_ANAT


def ras_affine(volume: Volume) -> np.ndarray:
    """Return the (4, 4) affine that takes an index (x, y, z, 1) of the transposed voxels to mm in RAS."""
    affine: np.ndarray = LPS_TO_RAS @ volume.affine @ XYZ_TO_ZYX
    return affine


def save_nifti(volume: Volume, path: Path) -> None:
    """Write voxels, (x, y, z) float32, and where they lie; the file holds nothing else of the scan.

    NIfTI's axes run to the patient's right, front and head (RAS) where DICOM's run to the left and the back.
    A projection lies at the origin, since it has no place in the patient.

    Raises:
        FileExistsError: There is a file of this name.
        ValueError: The name does not end with .nii or .nii.gz.
        OSError: The disk failed.
    """
    if not path.name.endswith(SUFFIXES):
        raise ValueError(f"{path.name} does not end with {' or '.join(SUFFIXES)}")
    if path.is_symlink() or path.exists():
        raise FileExistsError(f"{path} is there already")
    affine = ras_affine(volume)
    image = nibabel.Nifti1Image(volume.voxels.transpose(2, 1, 0), affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, SCANNER)
    image.set_sform(affine, SCANNER)
    with draft_of(path) as draft:  # a half-written volume never has the name asked for
        nibabel.save(image, draft)
