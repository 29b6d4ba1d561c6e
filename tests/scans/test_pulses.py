"""Enhanced MR objects say of their pulses what classic slices say, in other terms."""

from io import BytesIO

import pytest
from pydicom import Dataset, dcmread

from scans.pulses import classic_terms
from scans.tags import Reader

EMPTY = {"scanning_sequence": (), "sequence_variant": (), "angio_flag": ""}


def told(values=EMPTY, **tags):
    data = Dataset()
    for name, value in tags.items():
        setattr(data, name, value)
    content = BytesIO()
    data.save_as(content, implicit_vr=True, little_endian=True)
    content.seek(0)
    return classic_terms(Reader(dcmread(content, force=True)), values)


@pytest.mark.parametrize(
    ("tags", "sequence", "variant", "angio"),
    [
        ({"EchoPulseSequence": "SPIN"}, ("SE",), (), ""),
        ({"EchoPulseSequence": "SPIN", "InversionRecovery": "YES"}, ("SE", "IR"), (), ""),
        ({"EchoPulseSequence": "GRADIENT", "EchoPlanarPulseSequence": "YES", "InversionRecovery": "NO"},
         ("EP", "GR"), (), ""),
        ({"EchoPulseSequence": "BOTH"}, ("SE", "GR"), (), ""),
        ({"EchoPulseSequence": "GRADIENT", "Spoiling": "RF", "SteadyStatePulseSequence": "NONE",
          "TimeOfFlightContrast": "NO"}, ("GR",), ("SP",), "N"),
        ({"EchoPulseSequence": "GRADIENT", "SteadyStatePulseSequence": "FREE_PRECESSION", "Spoiling": "NONE",
          "TimeOfFlightContrast": "YES"}, ("GR",), ("SS",), "Y"),
    ],
)  # fmt: skip
def test_pulses_are_told_in_classic_terms(tags, sequence, variant, angio):
    assert told(**tags) == {"scanning_sequence": sequence, "sequence_variant": variant, "angio_flag": angio}


def test_what_is_told_in_classic_terms_stays():
    classic = EMPTY | {"scanning_sequence": ("GR",)}
    assert told(classic, EchoPulseSequence="SPIN") == {}
    assert told(EchoPulseSequence="CANARY") == {} == told(InversionRecovery="YES")
