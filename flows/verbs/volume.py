"""The verb that writes a scan for other programs."""

from pathlib import Path

from flows.clinician.volumes import write_volume
from flows.verbs.words import DEFAULT, Config, Json, Quiet, print_json


def volume(scan: str, *, out: Path, config: Config = DEFAULT, as_json: Json = False, quiet: Quiet = False) -> int:
    """Write a scan as it is read, before any resampling for the encoder, as NIfTI with its affine."""
    written = write_volume(config, scan, out)
    if as_json:
        print_json(written)
    elif not quiet:
        shape, spacing = written.shape_zyx, written.spacing_zyx_mm
        print(
            f"wrote {out}: {' x '.join(map(str, shape))} voxels of {' x '.join(f'{mm:g}' for mm in spacing)} mm (zyx)"
        )
        if written.repairs:
            print(f"mended: {written.repairs}")
    return 0
