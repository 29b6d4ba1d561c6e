"""The tags we use, read from one file without decoding its pixels."""

import dataclasses
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from scans.birth import known_age_years
from scans.cine import REPRESENTATIVE, angles_of, stated_frame
from scans.dicomfile import Parsed, parse, quiet, read_bytes
from scans.faults import OFFSETS, check_image, faults_of, rescale_faults
from scans.frame import DIMENSIONS, FRAME_GROUPS, SHARED_GROUPS, Frame, Frames, read_frames
from scans.mosaic import MOSAIC_NEEDS, TILED, Mosaic, read_mosaic
from scans.outcome import (
    Dicomdir,
    MissingUid,
    NestedTooDeep,
    NotConformant,
    NotDicom,
    Refusal,
    Truncated,
    Unreadable,
)
from scans.pixelbytes import Layout, stored_pixels
from scans.private import B_VALUE_TAGS, maker_b_value
from scans.pulses import PULSE_TAGS, classic_terms
from scans.rejection import EVIDENCE, TITLE, rejection_of
from scans.sopclass import KEY_OBJECT, family_of, is_cine, is_multi_frame, is_projection
from scans.spect import SPECT_TAGS, no_slices, read_slices
from scans.tags import Field, Reader, tag, tags_of
from scans.ultrasound import REGIONS, Told, read_region
from scans.uptake import UPTAKE_TAGS, What, read_uptake

DICOMDIR_CLASS = "1.2.840.10008.1.3.10"  # Media Storage Directory Storage, PS3.4 B.5
DIRECTORY_RECORDS = 0x00041220
PATIENT_AGE = 0x00101010
SEXES = frozenset({"M", "F", "O"})  # PS3.3 C.7.1.1; other texts could be anything
ENOUGH_ELEMENTS = 3  # that we know, to call a file without preamble DICOM at all
MODALITY_LUT, LUT_TYPE = 0x00283000, 0x00283004
ORIGINAL_ATTRIBUTES, MODIFIED_AT = 0x04000561, 0x04000562
OVERLAY_POSITIONS = tuple((group << 16) | 0x0102 for group in range(0x6000, 0x6020, 2))  # OverlayBitPosition
ALSO_READ = (
    DIRECTORY_RECORDS, PATIENT_AGE, SHARED_GROUPS, FRAME_GROUPS, DIMENSIONS, TITLE, EVIDENCE, OFFSETS,
    ORIGINAL_ATTRIBUTES, *B_VALUE_TAGS, *OVERLAY_POSITIONS, *UPTAKE_TAGS, REPRESENTATIVE, REGIONS, *SPECT_TAGS,
    *PULSE_TAGS,
)  # fmt: skip
FINEST_MM, COARSEST_MM = 0.001, 100.0  # pixels beyond these are no pixels of a patient


@dataclass(frozen=True, slots=True)
class Identity:
    """What names a person or an object: stays in the identity schema."""

    patient_id: str = tag(0x00100020, "text")
    issuer: str = tag(0x00100021, "text")
    name: str = tag(0x00100010, "text")
    birth_date: str = tag(0x00100030, "text")
    accession_number: str = tag(0x00080050, "text")
    study_uid: str = tag(0x0020000D, "uid")
    series_uid: str = tag(0x0020000E, "uid")
    sop_uid: str = tag(0x00080018, "uid")
    rejects: tuple[str, ...] = ()  # SOP instance UIDs that a rejection note names


@dataclass(frozen=True, slots=True)
class Header:
    """One instance as its header tells it.

    Absent or damaged values are "" (text), 0 (rows, columns, bits), () (many values) or None (numbers); where the
    pixels or their place would suffer from it, `faults` says what is damaged. Every field has a reader: what nobody
    looks at is not read, lest it makes another scan.
    """

    identity: Identity
    # the file
    size_bytes: int
    file_sha256: str
    has_preamble: bool
    transfer_syntax_uid: str
    syntax_guessed: bool  # the file does not name its transfer syntax
    pixel_element: str  # PixelData, FloatPixelData, DoubleFloatPixelData or ""
    pixel_offset: int | None  # first byte of native pixels in the file; None if encapsulated or deflated
    pixel_length: int  # bytes of the native pixels without padding; of the whole element if encapsulated
    pixel_sha256: str  # of the stored pixels and how they are stored; "" without pixels
    # the object
    sop_class_uid: str = tag(0x00080016, "uid")
    modality: str = tag(0x00080060, "code")
    image_type: tuple[str, ...] = tag(0x00080008, "codes")
    sex: str = tag(0x00100040, "code")
    age_years: float | None = None  # from PatientAge, else from birth date and study date
    manufacturer: str = tag(0x00080070, "text")
    model: str = tag(0x00081090, "text")
    study_description: str = tag(0x00081030, "text")
    series_description: str = tag(0x0008103E, "text")
    protocol_name: str = tag(0x00181030, "text")
    body_part: str = tag(0x00180015, "code")
    region: str = tag(0x00082218, "meaning")  # AnatomicRegionSequence
    region_codes: tuple[str, ...] = tag(0x00082218, "concepts")
    procedure: str = tag(0x00081032, "meaning")  # ProcedureCodeSequence
    procedure_codes: tuple[str, ...] = tag(0x00081032, "concepts")
    requested_procedure: str = tag(0x00321064, "meaning")  # RequestedProcedureCodeSequence
    requested_codes: tuple[str, ...] = tag(0x00321064, "concepts")
    requested_description: str = tag(0x00321060, "text")
    performed_description: str = tag(0x00400254, "text")
    receive_coil: str = tag(0x00181250, "text")
    transmit_coil: str = tag(0x00181251, "text")
    view: str = tag(0x00185101, "code")
    view_code: str = tag(0x00540220, "meaning")  # ViewCodeSequence
    view_codes: tuple[str, ...] = tag(0x00540220, "concepts")
    laterality: str = tag(0x00200060, "code")
    image_laterality: str = tag(0x00200062, "code")
    primary_angle_deg: float | None = tag(0x00181510, "number")  # of the positioner, see `scans.cine.view_of`
    secondary_angle_deg: float | None = tag(0x00181511, "number")
    positioner_motion: str = tag(0x00181500, "code")
    patient_orientation: tuple[str, ...] = tag(0x00200020, "codes")
    burned_in: str = tag(0x00280301, "code")
    rejection: str = ""  # of a rejection note: the code of its reason, see scans.rejection
    dates_modified: str = tag(0x00280303, "code")  # LongitudinalTemporalInformationModified
    # how it was acquired
    kernel: str = tag(0x00181210, "text")
    contrast_agent: str = tag(0x00180010, "text")
    irradiation_event_uid: str = tag(0x00083010, "uid")
    slice_thickness_mm: float | None = tag(0x00180050, "number")
    scanning_sequence: tuple[str, ...] = tag(0x00180020, "codes")
    sequence_variant: tuple[str, ...] = tag(0x00180021, "codes")
    sequence_name: str = tag(0x00180024, "text")
    repetition_time_ms: float | None = tag(0x00180080, "number")
    echo_time_ms: float | None = tag(0x00180081, "number")
    inversion_time_ms: float | None = tag(0x00180082, "number")
    acquisition_contrast: str = tag(0x00089209, "code")  # enhanced MR: T1, T2, FLUID_ATTENUATED, ..., MIXED, UNKNOWN
    flip_angle_deg: float | None = tag(0x00181314, "number")
    angio_flag: str = tag(0x00180025, "code")
    acquisition_type: str = tag(0x00180023, "code")  # of MR: 2D or 3D
    kvp: float | None = tag(0x00180060, "number")
    echo_number: int | None = tag(0x00180086, "integer")
    b_value: float | None = tag(0x00189087, "double")
    maker_b_value: float | None = None  # from private elements, see scans.private
    gradient: tuple[float, float, float] | None = tag(0x00189089, "doubles", 3)  # DiffusionGradientOrientation
    trigger_time_ms: float | None = tag(0x00181060, "number")
    cardiac_phase: float | None = tag(0x00209241, "double")  # NominalPercentageOfCardiacPhase
    scan_options: tuple[str, ...] = tag(0x00180022, "codes")
    temporal_position: int | None = tag(0x00200100, "integer")
    acquisition_number: int | None = tag(0x00200012, "integer")
    instance_number: int | None = tag(0x00200013, "integer")
    concatenation_uid: str = tag(0x00209161, "uid")  # of an object that was cut into several
    concatenation_number: int = tag(0x00209162, "short")  # which of its parts this is, from 1
    concatenation_total: int = tag(0x00209163, "short")  # how many parts it has; 0: not told
    concatenation_offset: int | None = tag(0x00209228, "index")  # frames in the parts before this one
    # where it lies
    position_mm: tuple[float, float, float] | None = tag(0x00200032, "numbers", 3)  # LPS, first pixel's centre
    orientation: tuple[float, float, float, float, float, float] | None = tag(0x00200037, "numbers", 6)
    slice_location_mm: float | None = tag(0x00201041, "number")  # places nothing, but may contradict the position
    in_stack_position: int | None = None  # of one frame; places nothing either
    frame_of_reference_uid: str = tag(0x00200052, "uid")
    pixel_spacing_mm: tuple[float, float] | None = tag(0x00280030, "numbers", 2)  # row spacing, column spacing
    imager_spacing_mm: tuple[float, float] | None = tag(0x00181164, "numbers", 2)  # at the detector, projections
    region_told: Told = ""  # of an ultrasound, see `scans.ultrasound`
    crop: tuple[int, ...] = ()  # what is read of a picture: first row and column, row and column behind the last
    # how its pixels are stored and meant
    rows: int = tag(0x00280010, "short")
    columns: int = tag(0x00280011, "short")
    n_frames: int = tag(0x00280008, "count")
    picture_frame: int | None = None  # of a film that one frame stands for: which, from 0
    samples_per_pixel: int = tag(0x00280002, "short")
    photometric: str = tag(0x00280004, "code")
    bits_allocated: int = tag(0x00280100, "short")
    bits_stored: int = tag(0x00280101, "short")
    high_bit: int = tag(0x00280102, "short")
    pixel_representation: int = tag(0x00280103, "short")  # 1: signed
    rescale_slope: float | None = tag(0x00281053, "number")
    rescale_intercept: float | None = tag(0x00281052, "number")
    rescale_type: str = tag(0x00281054, "whole")  # of several values none is the right one
    units: tuple[str, ...] = tag(0x00409096, "units")  # of the items of RealWorldValueMappingSequence
    pet_units: str = tag(0x00541001, "code")  # Units of the rescaled values
    drug: str = ""  # of PET and SPECT, see `scans.uptake`
    uptake: What = ""
    suv_per_unit: float | None = None
    uptake_why: str = ""
    has_modality_lut: bool = tag(0x00283000, "present")
    lut_type: str = ""  # ModalityLUTType: the units that it gives
    overlay_bits: tuple[int, ...] = ()  # of the pixels' words, which overlays take up (PS3.5 8.1.2, retired)
    padding_value: int | None = tag(0x00280120, "pixel")  # stored units, in the pixels' own signedness
    padding_limit: int | None = tag(0x00280121, "pixel")
    # when: raw texts in the order in which scans.acquired looks at them
    acquisition_datetime: str = tag(0x0008002A, "text")
    acquisition_date: str = tag(0x00080022, "text")
    acquisition_time: str = tag(0x00080032, "text")
    content_date: str = tag(0x00080023, "text")
    content_time: str = tag(0x00080033, "text")
    series_date: str = tag(0x00080021, "text")
    study_date: str = tag(0x00080020, "text")
    timezone_offset: str = tag(0x00080201, "text")
    # when this file came to be: says which of two copies is the newer one, see scans.newer
    created_date: str = tag(0x00080012, "text")
    created_time: str = tag(0x00080013, "text")
    coerced: str = tag(0x00080015, "text")  # InstanceCoercionDateTime
    modified: tuple[str, ...] = ()  # AttributeModificationDateTime of each item of OriginalAttributesSequence
    # what is wrong
    faults: tuple[str, ...] = ()  # with tags that the pixels or their place need, see `scans.needed`
    # of multi-frame objects
    frames: tuple[Frame, ...] = ()  # in the order of their pixels
    tiles: tuple[int, int] | tuple[()] = ()  # of a mosaic, below each other and side by side; its frames are the tiles
    stack_id: str = ""  # of one frame
    dimensions: tuple[int, ...] = ()  # of one frame: DimensionIndexValues that tell more than where it lies

    def of_frame(self, index: int) -> "Header":
        """Return the header of one frame, as if it were a slice in a file of its own."""
        told = self.frames[index].told()
        if self.tiles:
            told |= {"rows": self.rows // self.tiles[0], "columns": self.columns // self.tiles[1]}
        return dataclasses.replace(self, frames=(), pixel_sha256=f"{self.pixel_sha256}#{index}", **told)

    def to_json(self) -> str:
        """Return the header as JSON text; from_json gives back an equal header."""
        apart = {"identity": _values(self.identity), "frames": [frame.told() for frame in self.frames]}
        return json.dumps(_values(self) | apart, sort_keys=True, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "Header":
        """Return the header that to_json wrote; a field that an older version read and nobody looks at is left out.

        Raises:
            ValueError: The text is not a header.
        """
        try:
            values = json.loads(text)
            identity = Identity(**_all_tuples(values.pop("identity")))
            frames = tuple(Frame(**_all_tuples(told)) for told in values.pop("frames", ()))
            known = {name: value for name, value in values.items() if name in cls.__slots__}
            return cls(identity=identity, frames=frames, **_all_tuples(known))
        except (TypeError, AttributeError, KeyError) as error:
            raise ValueError(f"not a header: {error}") from None


def _values(record: Header | Identity) -> dict[str, Any]:
    return {name: getattr(record, name) for name in record.__slots__}  # dataclasses.asdict copies, which takes long


def _all_tuples(values: dict[str, Any]) -> dict[str, Any]:
    return {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}


def read_header(path: Path) -> Header:
    """Read the header of one file and hash its pixels as they are stored; nothing is decoded.

    The file is opened once and never through a link. Files from outside are read by `scans.sandbox.pool`, which calls
    this in a child process.

    Raises:
        Refusal: The file cannot be an instance; the class says why.
        OSError: The disk or the share failed, which is worth another try.
    """
    content = read_bytes(path)
    with quiet():
        try:
            return _header(content, parse(content, (*tags_of(Identity, Header), *ALSO_READ)))
        except (Refusal, MemoryError):
            raise
        except RecursionError:
            raise NestedTooDeep() from None
        except Exception as error:  # pydicom raises a dozen kinds on damaged bytes; none may stop the night
            if content[128:132] != b"DICM":
                raise NotDicom() from None
            raise Unreadable(f"parser: {type(error).__name__}") from None


def _header(content: bytes, parsed: Parsed) -> Header:
    reader = Reader(parsed.dataset)
    identity = Identity(**reader.read(Identity))
    values = reader.read(Header)
    _refuse_other_objects(identity, values, parsed, reader)
    values["sex"] = values["sex"] if values["sex"] in SEXES else ""
    if values["sop_class_uid"] == KEY_OBJECT:
        values["rejection"], named = rejection_of(parsed.dataset)
        identity = dataclasses.replace(identity, rejects=named)
    layout = _layout(values)
    faults = faults_of(values, reader, parsed)
    if parsed.pixel_element:
        check_image(layout, faults)
    pixels = stored_pixels(parsed, layout)
    if family_of(values["sop_class_uid"]) == "us":
        region = read_region(reader, layout.rows, layout.columns)
        values |= {"region_told": region.region_told, "crop": region.crop}
        values["pixel_spacing_mm"] = region.spacing_mm or values["pixel_spacing_mm"]
    _choose_spacing(values)
    picture_frame = None
    if is_cine(values["sop_class_uid"]) and layout.n_frames > 1:
        picture_frame = stated_frame(reader, layout.n_frames)
    if is_projection(values["sop_class_uid"]):
        values |= angles_of(reader, picture_frame or 0)
    found = _frames(reader, values)
    faults += found.faults
    if found.frames and family_of(values["sop_class_uid"]) == "mr":
        values |= classic_terms(reader, values)
    mosaic = _mosaic(content, values)
    faults += [mosaic.fault] if mosaic.fault else []
    if not any("escale" in fault for fault in faults):
        faults += rescale_faults(values, found.frames, parsed)
    if pixels.fault:
        faults.append(pixels.fault)
    return Header(
        identity=identity,
        size_bytes=len(content),
        file_sha256=hashlib.sha256(content).hexdigest(),
        has_preamble=parsed.has_preamble,
        transfer_syntax_uid=parsed.transfer_syntax_uid,
        syntax_guessed=parsed.syntax_guessed,
        pixel_element=parsed.pixel_element,
        pixel_offset=pixels.offset,
        pixel_length=pixels.length,
        pixel_sha256=pixels.sha256,
        lut_type=_lut_type(reader) if values["has_modality_lut"] else "",
        overlay_bits=_overlay_bits(reader),
        modified=_modified(reader),
        maker_b_value=maker_b_value(reader, values["scanning_sequence"])
        if family_of(values["sop_class_uid"]) == "mr"
        else None,
        picture_frame=picture_frame,
        **dataclasses.asdict(read_uptake(reader, values)),
        frames=mosaic.frames or found.frames,
        tiles=mosaic.grid,
        faults=tuple(faults),
        age_years=known_age_years(
            reader.first(PATIENT_AGE), birth_date=identity.birth_date, study_date=values["study_date"]
        ),
        **values,
    )


def _mosaic(content: bytes, values: dict[str, Any]) -> Mosaic:
    """Return the tiles of a classic MR; parsed once more, as what tells of them is long and other files have it too."""
    sop_class = values["sop_class_uid"]
    is_classic = family_of(sop_class) == "mr" and not is_multi_frame(sop_class)
    if not is_classic or values["n_frames"] != 1 or not TILED & set(values["image_type"]):
        return Mosaic()
    return read_mosaic(Reader(parse(content, MOSAIC_NEEDS).dataset), values)


def _frames(reader: Reader, values: dict[str, Any]) -> Frames:
    if not is_multi_frame(values["sop_class_uid"]):
        return Frames()
    if family_of(values["sop_class_uid"]) != "nm":
        return read_frames(reader, values["n_frames"])
    return Frames() if no_slices(values["image_type"]) else read_slices(reader, values["n_frames"])


def _modified(reader: Reader) -> tuple[str, ...]:
    """Return when attributes were modified, as written; "" where an item does not say it, or no item can be read."""
    try:
        items = reader.items(ORIGINAL_ATTRIBUTES)
        told = tuple(str(item[MODIFIED_AT].value or "").strip() if MODIFIED_AT in item else "" for item in items)
    except Exception:  # whatever a broken sequence raises
        told = ()
    return told or (("",) if reader.holds(ORIGINAL_ATTRIBUTES) else ())


def _lut_type(reader: Reader) -> str:
    items = [Reader(item) for item in reader.items(MODALITY_LUT)[:1]]
    return items[0].first(LUT_TYPE) if items else ""


def _overlay_bits(reader: Reader) -> tuple[int, ...]:
    """Return the bits in which overlays lie; 0 is the position of those that have an element of their own."""
    words = [reader.value(Field("", number, "short", 0)) for number in OVERLAY_POSITIONS]
    return tuple(sorted({bit for bit in words if bit}))


def _refuse_other_objects(identity: Identity, values: dict[str, Any], parsed: Parsed, reader: Reader) -> None:
    """Refuse what is no instance at all, before its pixels are looked at."""
    sop_class = values["sop_class_uid"]
    if sop_class == DICOMDIR_CLASS or DIRECTORY_RECORDS in reader.elements:
        raise Dicomdir()
    if not parsed.has_preamble and not (sop_class and values["rows"] and parsed.pixel_element):
        if len(reader.elements) < ENOUGH_ELEMENTS:
            raise NotDicom()
        raise NotConformant("no preamble, and not SOP class, rows and pixels together")
    if reader.is_cut_short():
        raise Truncated("an element announces more bytes than the file holds")
    if not sop_class:
        raise MissingUid("SOP class UID is absent or malformed")
    for name in ("sop", "series", "study"):
        if not getattr(identity, f"{name}_uid"):
            raise MissingUid(f"{name} UID is absent or malformed")


def _choose_spacing(values: dict[str, Any]) -> None:
    """Drop impossible pixel spacings, let projections fall back on the detector's.

    The detector's spacing is larger than the patient's by the magnification. Source: PS3.3 10.7.1.3.
    """
    for name in ("pixel_spacing_mm", "imager_spacing_mm"):
        spacing = values[name]
        if spacing is not None and not all(FINEST_MM <= mm <= COARSEST_MM for mm in spacing):
            values[name] = None
    if values["pixel_spacing_mm"] is None and is_projection(values["sop_class_uid"]):
        values["pixel_spacing_mm"] = values["imager_spacing_mm"]


def _layout(values: dict[str, Any]) -> Layout:
    return Layout(**{field.name: values[field.name] for field in dataclasses.fields(Layout)})
