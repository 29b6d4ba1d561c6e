"""What an enhanced MR object says of its pulses, in the terms of classic slices, so that both are judged alike.

Source: DICOM PS3.3 C.8.13.4 (enhanced) and C.8.3.1 (ScanningSequence, SequenceVariant, AngioFlag).
"""

from collections.abc import Mapping
from typing import Any

from scans.tags import Reader

ECHO, INVERSION, PLANAR = 0x00189008, 0x00189009, 0x00189018  # EchoPulseSequence, InversionRecovery, EchoPlanar...
SPOILING, STEADY, INFLOW = 0x00189016, 0x00189017, 0x00189015  # ..., SteadyState..., TimeOfFlightContrast
PULSE_TAGS = (ECHO, INVERSION, PLANAR, SPOILING, STEADY, INFLOW)
ECHOES: Mapping[str, tuple[str, ...]] = {"SPIN": ("SE",), "GRADIENT": ("GR",), "BOTH": ("SE", "GR")}
FLAGS: Mapping[str, str] = {"YES": "Y", "NO": "N"}
NOTHING = ("", "NONE", "NO")


def classic_terms(reader: Reader, values: Mapping[str, Any]) -> dict[str, Any]:
    """Return ScanningSequence, SequenceVariant and AngioFlag of an enhanced object that does not have them."""
    pulses = ECHOES.get(reader.first(ECHO), ())
    if values["scanning_sequence"] or not pulses:
        return {}
    planar = ("EP",) if reader.first(PLANAR) == "YES" else ()
    inverted = ("IR",) if reader.first(INVERSION) == "YES" else ()
    spoiled = ("SP",) if reader.first(SPOILING) not in NOTHING else ()
    steady = ("SS",) if reader.first(STEADY) not in NOTHING else ()
    return {
        "scanning_sequence": (*planar, *pulses, *inverted),
        "sequence_variant": values["sequence_variant"] or (*steady, *spoiled),
        "angio_flag": values["angio_flag"] or FLAGS.get(reader.first(INFLOW), ""),
    }
