"""What series of one study tell of each other: which are one exposure of the patient, and what part they show."""

from collections.abc import Iterable, Sequence

from scans.header import Header
from scans.part import UNKNOWN, part_of
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


def part_beside(own: Header, others: Iterable[Header]) -> str:
    """Return the part of the body that other series name, where all that name one name the same; "" else.

    They have to be of the same patient and study, and in the same frame of reference: the patient lay still between
    them (PS3.3 C.7.4.1).

    Args:
        own: Any instance of the series in question, which names none itself.
        others: An instance of each other series.
    """
    if not own.frame_of_reference_uid:
        return ""
    parts = {part_of(other, family_of(other.sop_class_uid))[0] for other in others if _where(other) == _where(own)} - {
        UNKNOWN
    }
    return next(iter(parts)) if len(parts) == 1 else ""


def names_no_part(header: Header) -> bool:
    """Say whether nothing of a header tells, or contradicts, the part of the body: its siblings may then."""
    return part_of(header, family_of(header.sop_class_uid)) == (UNKNOWN, "")


def _where(header: Header) -> tuple[str, ...]:
    who = header.identity
    return who.patient_id, who.issuer, who.study_uid, header.frame_of_reference_uid


def _time(header: Header) -> str:
    return header.acquisition_datetime or header.acquisition_date + header.acquisition_time
