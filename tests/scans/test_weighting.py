"""What weights an MR image by its times and angles: textbook acquisitions of each maker, and what lies between them."""

import math

import pytest

from scans.weighting import ernst_deg, weighting_of


def mr(make_header, sequence, repetition, echo, **more):
    names = {
        "inversion": "inversion_time_ms",
        "flip": "flip_angle_deg",
        "variant": "sequence_variant",
        "angio": "angio_flag",
        "name": "sequence_name",
        "agent": "contrast_agent",
    }
    fields = {names[name]: value for name, value in more.items()}
    return make_header(
        scanning_sequence=tuple(sequence.split()), repetition_time_ms=repetition, echo_time_ms=echo, **fields
    )


@pytest.mark.parametrize(
    ("sequence", "repetition", "echo", "more", "family"),
    [
        ("SE", 500, 12, {}, "t1"), ("SE", 4000, 100, {}, "t2"), ("SE", 2500, 20, {}, "pd"), ("SE", 2500, 45, {}, ""),
        ("SE", 1200, 12, {}, ""), ("SE", 700, 90, {}, ""),
        ("SE IR", 9000, 120, {"inversion": 2500}, "flair"), ("SE IR", 4000, 30, {"inversion": 150}, "stir"),
        ("SE IR", 2000, 10, {"inversion": 860}, "t1"), ("SE IR", 9000, 120, {"inversion": 800}, ""),
        ("GR IR", 2300, 3, {"inversion": 900}, "t1"), ("GR IR", 700, 1.2, {"inversion": 300}, ""),
        ("GR IR", 2300, 25, {"inversion": 900}, ""),
        ("GR", 8.2, 3.2, {"flip": 12, "variant": ("SS", "SP", "SK")}, "t1"),  # volumes of the brain
        ("GR", 250, 2.5, {"flip": 70, "variant": ("SP",)}, "t1"),  # slice by slice
        ("GR", 4.1, 1.9, {"flip": 10, "variant": ("SP",)}, "t1"),  # the liver in one breath
        ("GR", 3.2, 1.1, {"flip": 25, "variant": ("SP",)}, ""),  # an angiogram with an agent looks the same
        ("GR", 3.2, 1.1, {"flip": 25, "variant": ("SP",), "angio": "Y"}, "angio"),
        ("GR", 23, 4, {"flip": 20, "variant": ("SP",)}, ""),  # time of flight
        ("GR", 23, 4, {"flip": 25, "variant": ("SP",), "angio": "N"}, "t1"),
        ("GR", 23, 4, {"flip": 20, "variant": ("SP",), "angio": "Y"}, "angio"),
        ("GR", 700, 20, {"flip": 20, "variant": ("SP",)}, "t2star"),
        ("GR", 28, 20, {"flip": 8, "variant": ("SP",)}, ""),
        ("GR", 488, 4.9, {"flip": 60, "variant": ("SP",)}, ""),  # the picture beside a field map
        ("GR", 4, 2, {"flip": 60, "variant": ("SS",)}, ""), ("GR", 8.2, 3.2, {"variant": ("SP",)}, ""),
        ("GR", 8.2, 3.2, {"flip": 6, "variant": ("SP",)}, ""),
        ("EP SE", 5000, 80, {}, ""), ("EP GR", 2000, 30, {"flip": 90}, "bold"), ("EP GR", 2000, 5, {}, ""),
        ("EP", 2000, 30, {"name": "*epfid2d1_64"}, "bold"), ("EP", 2000, 30, {"name": "*epse2d1_64"}, ""),
        ("EP GR SE", 2000, 30, {}, ""), ("EP GR", 2000, 30, {"agent": "Gadovist"}, ""), ("RM", 500, 12, {}, ""),
    ],
)  # fmt: skip
def test_a_weighting_is_told_by_physics_or_not_at_all(make_header, sequence, repetition, echo, more, family):
    told, rule = weighting_of(mr(make_header, sequence, repetition, echo, **more))
    assert told == family and bool(rule) == bool(family)


def test_the_ernst_angle_has_the_largest_signal():
    """Slow: the signal of a spoiled gradient echo, over all angles (Ernst and Anderson 1966)."""
    for repetition in (5.0, 30.0, 400.0):
        left = math.exp(-repetition / 1000.0)

        def signal(degrees, left=left):
            angle = math.radians(degrees)
            return math.sin(angle) * (1 - left) / (1 - left * math.cos(angle))

        best = max((number / 100 for number in range(1, 9000)), key=signal)
        assert ernst_deg(repetition) == pytest.approx(best, abs=0.02)
