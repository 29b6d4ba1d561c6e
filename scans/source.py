"""Source: which machine a series says it is from, also where nothing of it becomes a scan."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from scans.header import Header
from scans.passport import label, names_in
from scans.sopclass import has_no_image

# Defined terms of Modality for pictures, PS3.3 C.7.3.1.1.1, retired ones of old archives included; another word could
# be anybody's name.
MODALITIES = frozenset({
    "BI", "BMD", "CF", "CR", "CS", "CT", "DF", "DG", "DM", "DS", "DX", "EC", "ES", "FA", "FS", "GM", "HC", "IO",
    "IVOCT", "IVUS", "LP", "LS", "MA", "MG", "MR", "MS", "NM", "OAM", "OCT", "OP", "OPM", "OPR", "OPT", "OPTBSV",
    "OPTENF", "OPV", "OT", "PT", "PX", "RF", "RG", "RTIMAGE", "SC", "SM", "ST", "TG", "US", "VF", "VL", "XA", "XC",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Source:
    """Where a series comes from; unknown texts are ""."""

    modality: str
    manufacturer: str
    model: str


def source_of(headers: Sequence[Header]) -> tuple[Source, int]:
    """Return the source of most images of a series, of equally many the first by name, and the place of such a header.

    Where no header is of an image, all of them count.
    """
    images = [n for n, header in enumerate(headers) if not has_no_image(header.sop_class_uid)]
    some = images or range(len(headers))
    said = [(headers[n].modality, headers[n].manufacturer, headers[n].model) for n in some]
    counts = Counter(said)
    most = min(counts, key=lambda texts: (-counts[texts], texts))
    place = some[said.index(most)]
    modality, manufacturer, model = most
    named = names_in(headers[place])
    known = modality if modality in MODALITIES else ""
    return Source(known, label(manufacturer, named), label(model, named)), place
