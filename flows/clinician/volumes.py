"""One scan of the archive, as any other viewer can show it."""

from pathlib import Path

from flows.answers.judgements import WrittenVolume
from flows.records.lookup import find_scan
from flows.records.series import stack_of
from flows.site.errors import NotFound, WrongUsage
from flows.site.opened import open_site
from flows.work.outputs import require_new_file
from flows.work.sandbox import guard_of
from scans.outcome import Refusal


def write_volume(config: Path, scan: str, out: Path) -> WrittenVolume:
    """Write a scan as it is read from its files, before any resampling, as NIfTI; see `scans.nifti`.

    Args:
        config: The site's configuration.
        scan: Key of a scan, or its beginning.
        out: A new file, .nii or .nii.gz.

    Raises:
        NotFound: There is no such scan, or its files have gone or changed.
        WrongUsage: The file's name does not do, or there is one already.
    """
    from scans.nifti import SUFFIXES, save_nifti
    from scans.volume import read_volume

    if not out.name.endswith(SUFFIXES):
        raise WrongUsage(f"--out {out}: wanted a name that ends with {' or '.join(SUFFIXES)}")
    site = open_site(config)
    require_new_file(site, out, "--out")
    with site.db.read() as connection:
        row = find_scan(connection, scan)
    stack = stack_of(site, row)
    try:
        volume = read_volume(stack, site.archive, guard_of(site))
    except Refusal as refusal:
        raise NotFound(f"the scan's files cannot be read as they were: {refusal}; see `scantwin night`") from None
    save_nifti(volume, out)
    return WrittenVolume(
        scan=row.key,
        kind=stack.kind.key,
        file=str(out),
        shape_zyx=list(volume.voxels.shape),
        spacing_zyx_mm=[round(mm, 6) for mm in volume.spacing_mm],
        has_size=volume.has_size,
        repairs=stack.passport.repairs,
    )
