"""Which scans are one exposure of the patient, seen in several reconstructions."""

from collections.abc import Sequence

from scans.header import Header
from scans.sopclass import family_of, is_projection


def exposure_of(headers: Sequence[Header]) -> str:
    """Return a text that reconstructions of one acquisition share and other scans do not; "" if no tag tells.

    The irradiation event goes first (PS3.3 C.7.6.1.1.7, the same in every image of one exposure). Else the frame
    of reference with the acquisition numbers of the study: of a CT as they are, of an MR, where each series may
    count from 1, with the time of the first image. It holds UIDs and is not to leave the identity schema as it is.

    Args:
        headers: The instances of one stack.
    """
    study = headers[0].identity.study_uid
    events = sorted({h.irradiation_event_uid for h in headers} - {""})
    if events:
        return "\n".join(("event", study, *events))
    frame = headers[0].frame_of_reference_uid
    numbers = sorted({h.acquisition_number for h in headers if h.acquisition_number is not None})
    if not frame or not numbers or is_projection(headers[0].sop_class_uid):
        return ""
    begun = "" if family_of(headers[0].sop_class_uid) == "ct" else min(_time(h) for h in headers)
    return "\n".join(("acquisition", study, frame, begun, *map(str, numbers)))


def _time(header: Header) -> str:
    return header.acquisition_datetime or header.acquisition_date + header.acquisition_time
