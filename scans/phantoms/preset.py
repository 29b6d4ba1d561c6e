"""The numbers that make a cohort easy or hard, and nothing but numbers."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Gain:
    """How strongly a finding changes brightness, in units of its contrast, one number a picture."""

    name: str
    wall: tuple[float, ...]
    core: tuple[float, ...]


@dataclass(frozen=True)
class Preset:
    """All settings of a synthetic cohort.

    A published preset never changes: other numbers need another version. Ranges are (low, high).
    Scanners multiply matrix, step, noise and field of view by factors of their own (`scanner.py`).
    """

    name: str
    version: int

    # The cohort.
    status_cards: tuple[bool, ...]  # one card a patient: has a finding? shuffled anew after each round
    chest_cards: tuple[str, ...]  # one card a patient with a finding; a name may stand there twice
    head_cards: tuple[str, ...]
    share_of_two: float  # of the patients with a finding, those with two in the same region
    chest_rare: tuple[str, ...]  # each is the only finding of one patient among the first `rare_among` ill ones
    head_rare: tuple[str, ...]
    rare_among: int
    modality_share: tuple[tuple[str, float], ...]  # chance that a patient is ever scanned so
    missed_visit_share: float
    growth_per_visit: tuple[float, float]  # factor on the diameter of what grows; its inverse for what shrinks

    # The findings.
    chest_size_mm: tuple[float, float]  # diameter, log-uniform
    head_size_mm: tuple[float, float]
    contrast_to_noise: tuple[float, float]  # in units of that scan's noise
    largest_volume_share: float  # of the scanned volume, for one finding
    gains: tuple[Gain, ...]  # in place of those of `lesion.py`
    site_share: float  # of the scanned length, around its middle: where lesions lie; above 1: anywhere

    # The people.
    warp_mm: float  # how far bodies differ from each other
    texture: float  # strength of the smooth fields inside lung and brain, 0 to 1
    trunks_per_lung: int
    twigs_per_trunk: int
    pose_deg: float  # standard deviations of how a person lies at one visit
    pose_mm: float
    breath: float  # relative stretch of the chest along the body

    # The scanners.
    ct_slices: int
    ct_matrix: int
    ct_step_mm: float
    ct_noise_hu: float
    mr_slices: int
    mr_matrix: int
    mr_step_mm: float
    mr_noise: float  # white matter in T1 is 0.8
    dx_matrix: int
    dx_noise_mm: float  # of water along a ray
    blur_mm: float


EASY = Preset(
    name="easy",
    version=1,
    status_cards=(True, True, False),
    chest_cards=("nodule", "cyst", "cavity", "honeycomb", "band"),
    head_cards=("mass", "ring", "plaques", "infarct", "bleed"),
    share_of_two=0.2,
    chest_rare=(),
    head_rare=(),
    rare_among=0,
    modality_share=(("ct", 0.8), ("mr", 0.6), ("dx", 0.8)),
    missed_visit_share=0.15,
    growth_per_visit=(1.12, 1.25),
    chest_size_mm=(40.0, 64.0),
    head_size_mm=(26.0, 42.0),
    contrast_to_noise=(28.0, 36.0),
    largest_volume_share=0.008,
    gains=(),
    site_share=2.0,
    warp_mm=7.0,
    texture=0.5,
    trunks_per_lung=6,
    twigs_per_trunk=3,
    pose_deg=1.2,
    pose_mm=2.5,
    breath=0.015,
    ct_slices=30,
    ct_matrix=72,
    ct_step_mm=7.0,
    ct_noise_hu=18.0,
    mr_slices=24,
    mr_matrix=64,
    mr_step_mm=6.5,
    mr_noise=0.02,
    dx_matrix=112,
    dx_noise_mm=1.3,
    blur_mm=1.5,
)

# Small and faint: what a picture shows as a whole says nothing, what the lesion's voxels show says it all.
# Hollows are as much darker than lung as walls are brighter, so that mean brightness tells little.
HARD = Preset(
    name="hard",
    version=1,
    status_cards=(True, True, False),
    chest_cards=("nodule", "cyst", "cavity", "honeycomb", "band"),
    head_cards=("mass", "ring", "plaques", "infarct", "bleed"),
    share_of_two=0.2,
    chest_rare=("wedge", "beads", "torus", "rod"),
    head_rare=("sheet", "comb", "loop", "strand"),
    rare_among=24,
    modality_share=(("ct", 0.8), ("mr", 0.6), ("dx", 0.8)),
    missed_visit_share=0.15,
    growth_per_visit=(1.05, 1.15),
    chest_size_mm=(6.0, 40.0),
    head_size_mm=(6.0, 30.0),
    contrast_to_noise=(1.5, 6.0),
    largest_volume_share=0.0013,
    gains=(
        Gain("cyst", (0.0,), (-1.0,)),
        Gain("cavity", (1.0,), (-1.0,)),
        Gain("honeycomb", (1.0,), (-1.0,)),
    ),
    site_share=0.88,  # no pose takes a small lesion out of the scan
    warp_mm=7.0,
    texture=0.5,
    trunks_per_lung=6,
    twigs_per_trunk=2,
    pose_deg=1.0,
    pose_mm=2.0,
    breath=0.01,
    ct_slices=64,
    ct_matrix=160,
    ct_step_mm=3.3,
    ct_noise_hu=20.0,
    mr_slices=48,
    mr_matrix=128,
    mr_step_mm=3.25,
    mr_noise=0.03,
    dx_matrix=224,
    dx_noise_mm=0.3,
    blur_mm=1.2,
)

PRESETS = {EASY.name: EASY, HARD.name: HARD}


def preset_named(name: str) -> Preset:
    """Return the preset of this name.

    Raises:
        ValueError: There is none; the message lists those there are.
    """
    if name not in PRESETS:
        raise ValueError(f"preset is {name!r}, wanted one of: {', '.join(sorted(PRESETS))}")
    return PRESETS[name]
