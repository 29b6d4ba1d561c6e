"""Who is in the hospital: people, findings, visits and scanners, each drawn independently."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from math import pi

from scans.phantoms.draw import Draw
from scans.phantoms.preset import Preset
from scans.phantoms.scanner import SCANNERS

MODALITIES = ("ct", "mr", "dx")
REGION = {"ct": "chest", "dx": "chest", "mr": "head"}
FIRST_DAY = date(2015, 1, 5)
DAYS_PER_VISIT = 364  # visit n falls into year n: every later visit is later than every earlier one
DAYS_OF_A_ROUND = 280
TYPICAL_FOV_MM = {"ct": 375.0, "mr": 232.0}  # the middle of the scanners
COURSES = ("grows", "stable", "shrinks")


@dataclass(frozen=True)
class Finding:
    """Something to be found in a patient, the same at every visit but for its size."""

    name: str
    region: str  # "chest" or "head"
    number: int  # 1, 2: its value in the mask
    size_mm: float  # diameter at the first visit
    contrast_to_noise: float
    course: str  # one of COURSES
    factor_per_visit: float  # on the diameter
    largest_mm: float  # where growth ends

    def size_at(self, visit: int) -> float:
        """Return the diameter in mm at a visit, counted from 1."""
        return min(self.largest_mm, float(self.size_mm * self.factor_per_visit ** (visit - 1)))


@dataclass(frozen=True)
class Visit:
    """One day in the hospital."""

    number: int  # from 1
    when: datetime  # local time of the first scan
    scanner: tuple[tuple[str, int], ...]  # modality -> place in SCANNERS


@dataclass(frozen=True)
class Patient:
    """One person who does not exist."""

    index: int  # from 0
    sex: str  # "F" or "M"
    birth_date: date
    findings: tuple[Finding, ...]
    modalities: tuple[str, ...]
    visits: tuple[Visit, ...]

    @property
    def patient_id(self) -> str:
        """The synthetic identifier in the hospital."""
        return f"P{self.index:04d}"

    def findings_in(self, region: str) -> tuple[Finding, ...]:
        """Return what this patient has in "chest" or "head"."""
        return tuple(finding for finding in self.findings if finding.region == region)


def draw_cohort(
    draw: Draw, preset: Preset, *, n_patients: int, n_visits: int, kinds: Sequence[str] = MODALITIES
) -> list[Patient]:
    """Draw the people. A patient is the same however many others or later visits there are."""
    return [_draw_patient(draw, preset, index, n_visits, tuple(kinds)) for index in range(n_patients)]


def _draw_patient(draw: Draw, preset: Preset, index: int, n_visits: int, kinds: tuple[str, ...]) -> Patient:
    person = draw.stream("person", index)
    sex = "F" if person.random() < 0.5 else "M"
    age_days = int(365.25 * min(89.0, max(20.0, person.normal(58.0, 15.0))))
    return Patient(
        index=index,
        sex=sex,
        birth_date=FIRST_DAY - timedelta(days=age_days),
        findings=_draw_findings(draw, preset, index),
        modalities=_draw_modalities(draw, preset, index, kinds),
        visits=_draw_visits(draw, preset, index, n_visits),
    )


def _draw_findings(draw: Draw, preset: Preset, index: int) -> tuple[Finding, ...]:
    """Draw the finding set once: nothing here looks at anatomy, scanner, sex, age or visits."""
    cards = preset.status_cards
    if not cards[draw.deal("status", index=index, cards=len(cards))]:
        return ()
    number = _number_among_the_ill(draw, cards, index)
    findings: list[Finding] = []
    for region, names, rare in (
        ("chest", preset.chest_cards, preset.chest_rare),
        ("head", preset.head_cards, preset.head_rare),
    ):
        drawn = _draw_rare(draw, preset, region, rare, number) or _draw_names(draw, preset, region, names, number)
        for place, name in enumerate(drawn, start=1):
            findings.append(_draw_finding(draw, preset, region, name, index, place))
    return tuple(findings)


def _number_among_the_ill(draw: Draw, cards: tuple[bool, ...], index: int) -> int:
    """Count the patients before this one who have a finding."""
    rounds, place = divmod(index, len(cards))
    start = rounds * len(cards)
    dealt = (cards[draw.deal("status", index=start + earlier, cards=len(cards))] for earlier in range(place))
    return rounds * sum(cards) + sum(dealt)


def _draw_rare(draw: Draw, preset: Preset, region: str, rare: tuple[str, ...], number: int) -> list[str]:
    """Return the rare finding that this ill patient alone has, or none."""
    if number >= preset.rare_among:
        return []
    card = draw.deal("rare finding", region, index=number, cards=preset.rare_among)
    return [rare[card]] if card < len(rare) else []


def _draw_names(draw: Draw, preset: Preset, region: str, names: tuple[str, ...], number: int) -> list[str]:
    first = names[draw.deal("finding", region, index=number, cards=len(names))]
    rng = draw.stream("second finding", region, number)
    others = sorted(set(names) - {first})
    if others and rng.random() < preset.share_of_two:
        return [first, others[int(rng.integers(len(others)))]]
    return [first]


def _draw_finding(draw: Draw, preset: Preset, region: str, name: str, index: int, place: int) -> Finding:
    rng = draw.stream("finding size", region, index, place)
    low, high = preset.chest_size_mm if region == "chest" else preset.head_size_mm
    course = COURSES[int(rng.integers(len(COURSES)))]
    growth = float(rng.uniform(*preset.growth_per_visit))
    return Finding(
        name=name,
        region=region,
        number=place,
        size_mm=round(min(float(low * (high / low) ** rng.random()), _largest_mm(preset, region)), 1),
        contrast_to_noise=round(float(rng.uniform(*preset.contrast_to_noise)), 2),
        course=course,
        largest_mm=_largest_mm(preset, region),
        factor_per_visit={"grows": growth, "stable": 1.0, "shrinks": 1.0 / growth}[course],
    )


def _largest_mm(preset: Preset, region: str) -> float:
    """Return the diameter of the ball that takes the allowed share of a scanned volume."""
    if region == "chest":
        length_mm, fov_mm = preset.ct_slices * preset.ct_step_mm, TYPICAL_FOV_MM["ct"]
    else:
        length_mm, fov_mm = preset.mr_slices * preset.mr_step_mm, TYPICAL_FOV_MM["mr"]
    return float((6 / pi * preset.largest_volume_share * length_mm * fov_mm**2) ** (1 / 3))


def _draw_modalities(draw: Draw, preset: Preset, index: int, kinds: tuple[str, ...]) -> tuple[str, ...]:
    """Draw how a patient is scanned: not everybody everywhere, but everybody somewhere."""
    rng = draw.stream("modalities", index)
    share = dict(preset.modality_share)
    drawn = {modality for modality in MODALITIES if rng.random() < share.get(modality, 0.0)}
    fallback = [modality for modality in rng.permutation(MODALITIES) if modality in kinds]
    return tuple(m for m in MODALITIES if m in drawn and m in kinds) or (str(fallback[0]),)


def _draw_visits(draw: Draw, preset: Preset, index: int, n_visits: int) -> tuple[Visit, ...]:
    """Draw the days. The first visit always takes place; later ones may be missed."""
    visits = []
    for number in range(1, n_visits + 1):
        rng = draw.stream("visit", index, number)
        day = FIRST_DAY + timedelta(days=DAYS_PER_VISIT * (number - 1) + int(rng.integers(DAYS_OF_A_ROUND)))
        seconds = 7 * 3600 + int(rng.integers(10 * 3600))
        missed = rng.random() < preset.missed_visit_share
        if number == 1 or not missed:
            when = datetime(day.year, day.month, day.day) + timedelta(seconds=seconds)
            visits.append(Visit(number, when, _draw_scanners(draw, index, number)))
    return tuple(visits)


def _draw_scanners(draw: Draw, index: int, visit: int) -> tuple[tuple[str, int], ...]:
    n_scanners = len(SCANNERS)
    return tuple((m, draw.deal("scanner", m, visit, index=index, cards=n_scanners)) for m in MODALITIES)
