"""Four scanners of four makers who do not exist: how each names, sees and stores."""

from dataclasses import dataclass

EXPLICIT_LITTLE = "1.2.840.10008.1.2.1"
IMPLICIT_LITTLE = "1.2.840.10008.1.2"
DEFLATED = "1.2.840.10008.1.2.1.99"
EXPLICIT_BIG = "1.2.840.10008.1.2.2"
JPEG_LOSSLESS = "1.2.840.10008.1.2.4.70"
JPEG_LS = "1.2.840.10008.1.2.4.80"
JPEG_2000 = "1.2.840.10008.1.2.4.90"
RLE = "1.2.840.10008.1.2.5"


@dataclass(frozen=True)
class Storage:
    """How one modality of a scanner puts numbers into a file."""

    transfer_syntax: str
    signed: bool = False
    bits_stored: int = 16
    intercept: float = 0.0
    padding: int | None = None  # stored value outside the round field of view
    photometric: str = "MONOCHROME2"


@dataclass(frozen=True)
class Scanner:
    """One scanner. Factors multiply the numbers of the preset."""

    name: str
    manufacturer: str
    model: str
    station: str
    kernels: tuple[str, str]  # soft, sharp
    matrix: float
    step: float
    noise: float
    blur: float
    fov_mm: tuple[float, float, float]  # CT, MR, DX
    head_tilt_deg: float  # how far the slices of the head lean back
    couch_mm: float  # radius of the couch's curve, 0: flat
    counts_down: bool  # InstanceNumber runs against the slices
    timezone: str  # TimezoneOffsetFromUTC, empty: not written
    charset: str  # SpecificCharacterSet, empty: not written
    repetition_ms: tuple[float, float]  # T1, T2
    echo_ms: tuple[float, float]
    field_tesla: float
    ct: Storage
    mr: Storage
    dx: Storage


SCANNERS = (
    Scanner(
        name="alpha",
        manufacturer="ALDERWOOD IMAGING",
        model="Phantom A64",
        station="CTA1",
        kernels=("B31f", "B70f"),
        matrix=1.0,
        step=1.0,
        noise=1.0,
        blur=1.0,
        fov_mm=(370.0, 230.0, 350.0),
        head_tilt_deg=0.0,
        couch_mm=420.0,
        counts_down=False,
        timezone="",
        charset="ISO_IR 100",
        repetition_ms=(500.0, 4200.0),
        echo_ms=(9.0, 98.0),
        field_tesla=1.5,
        ct=Storage(EXPLICIT_LITTLE, bits_stored=12, intercept=-1024.0),
        mr=Storage(IMPLICIT_LITTLE, bits_stored=12),
        dx=Storage(EXPLICIT_LITTLE, bits_stored=12, photometric="MONOCHROME1"),
    ),
    Scanner(
        name="beta",
        manufacturer="BRIARFIELD MEDICAL",
        model="Phantom B32",
        station="CTB7",
        kernels=("STANDARD", "LUNG"),
        matrix=1.12,
        step=1.07,
        noise=1.3,
        blur=0.8,
        fov_mm=(380.0, 240.0, 360.0),
        head_tilt_deg=8.0,
        couch_mm=330.0,
        counts_down=True,
        timezone="+0100",
        charset="ISO_IR 100",
        repetition_ms=(620.0, 5200.0),
        echo_ms=(12.0, 104.0),
        field_tesla=3.0,
        ct=Storage(IMPLICIT_LITTLE, signed=True, intercept=-1024.0, padding=-2000),
        mr=Storage(JPEG_LS, bits_stored=12),
        dx=Storage(DEFLATED, bits_stored=14),
    ),
    Scanner(
        name="gamma",
        manufacturer="CORVANE SYSTEMS",
        model="Phantom C16",
        station="CTC2",
        kernels=("B", "L"),
        matrix=0.9,
        step=0.94,
        noise=0.8,
        blur=1.3,
        fov_mm=(372.0, 224.0, 342.0),
        head_tilt_deg=0.0,
        couch_mm=0.0,
        counts_down=False,
        timezone="",
        charset="",
        repetition_ms=(450.0, 3800.0),
        echo_ms=(8.0, 88.0),
        field_tesla=1.5,
        ct=Storage(JPEG_LOSSLESS, bits_stored=12, intercept=-1024.0),
        mr=Storage(EXPLICIT_LITTLE, signed=True, bits_stored=16),
        dx=Storage(EXPLICIT_BIG, bits_stored=12),
    ),
    Scanner(
        name="delta",
        manufacturer="DUNMERE HEALTH",
        model="Phantom D80",
        station="CTD4",
        kernels=("FC08", "FC51"),
        matrix=1.2,
        step=1.15,
        noise=1.1,
        blur=1.1,
        fov_mm=(388.0, 236.0, 368.0),
        head_tilt_deg=-5.0,
        couch_mm=0.0,
        counts_down=True,
        timezone="+0100",
        charset="ISO_IR 192",
        repetition_ms=(560.0, 4700.0),
        echo_ms=(10.0, 92.0),
        field_tesla=1.5,
        ct=Storage(RLE, signed=True, bits_stored=16),
        mr=Storage(JPEG_2000, bits_stored=12),
        dx=Storage(JPEG_LS, bits_stored=12, photometric="MONOCHROME1"),
    ),
)
