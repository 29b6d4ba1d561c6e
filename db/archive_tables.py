"""The archive without identity: patients, studies, scans, files, and the nights that read them."""

from datetime import date, datetime

from sqlalchemy import BigInteger, CheckConstraint, Double, ForeignKey, Index, Text
from sqlalchemy.orm import Mapped, mapped_column

from db.base import Base, Moment, one_of

NIGHT_STATES = ("running", "finished", "nothing_new", "partial", "failed", "fenced")
STAGE_STATES = ("running", "done", "failed", "skipped")
COVERS = ("2d", "3d")
SCAN_STATES = ("accepted", "held_back", "withdrawn")
PRECISIONS = ("second", "day", "unknown")
FILE_OUTCOMES = ("used", "skipped", "quarantined", "waiting", "gone")
INTERVAL = "(acquired_from IS NULL) = (acquired_until IS NULL) AND acquired_from <= acquired_until"


class Night(Base):
    """One row a run."""

    __tablename__ = "night"
    __table_args__ = (one_of("state", NIGHT_STATES), Index(None, "state"))

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, doc="1, 2, 3 ... without gaps")
    fence: Mapped[int] = mapped_column(doc="number of the lease under which it wrote")
    owner: Mapped[str] = mapped_column(Text, doc="machine and process that ran it")
    state: Mapped[str] = mapped_column(Text, doc="how it ended; running while it runs")
    exit_code: Mapped[int | None] = mapped_column(doc="exit code of the command")
    begun_at: Mapped[datetime] = mapped_column(Moment, index=True, doc="begin, by the database's clock")
    ended_at: Mapped[datetime | None] = mapped_column(Moment, doc="end, by the database's clock")
    tick_at: Mapped[datetime | None] = mapped_column(Moment, doc="the tick of the schedule that it answers")
    settings_digest: Mapped[str] = mapped_column(Text, doc="digest of the configuration it ran with")
    key_id: Mapped[str] = mapped_column(
        Text, doc="names the site's secret, without telling it, that its keys were made with"
    )
    version: Mapped[str] = mapped_column(Text, doc="version of the program")
    summary: Mapped[str] = mapped_column(Text, doc="its figures as JSON")
    error_code: Mapped[str] = mapped_column(Text, doc="why it failed, as a code; empty when it did not")
    report: Mapped[str] = mapped_column(Text, doc="its report, relative to the work folder; empty when none")


class Stage(Base):
    """One row a stage of a night."""

    __tablename__ = "stage"
    __table_args__ = (one_of("state", STAGE_STATES),)

    night: Mapped[int] = mapped_column(ForeignKey("night.id"), primary_key=True, doc="the run")
    name: Mapped[str] = mapped_column(Text, primary_key=True, doc="preflight, ingest, encoder, embed, match or report")
    state: Mapped[str] = mapped_column(Text, doc="how it ended; running while it runs")
    begun_at: Mapped[datetime] = mapped_column(Moment, doc="begin, by the database's clock")
    seconds: Mapped[float | None] = mapped_column(Double, doc="duration in seconds")
    counts: Mapped[str] = mapped_column(Text, doc="its figures as JSON")


class Lease(Base):
    """One row a name: who may write, and until when."""

    __tablename__ = "lease"

    name: Mapped[str] = mapped_column(Text, primary_key=True, doc="what is leased: night")
    fence: Mapped[int] = mapped_column(doc="rises by one with every new holder; older holders are refused")
    owner: Mapped[str | None] = mapped_column(Text, doc="the holder, empty when free")
    expires_at: Mapped[datetime | None] = mapped_column(Moment, doc="end by the database's clock, empty when free")


class Patient(Base):
    """One row a person, by key."""

    __tablename__ = "patient"
    __table_args__ = (CheckConstraint("split >= 0 AND split < 1", name="split"),)

    key: Mapped[str] = mapped_column(Text, primary_key=True, doc="keyed digest of issuer and patient id")
    split: Mapped[float] = mapped_column(Double, doc="0 to below 1; where the person falls when patients are divided")
    sex: Mapped[str | None] = mapped_column(Text, doc="PatientSex (0010,0040)")
    own_lane: Mapped[bool] = mapped_column(doc="false: the id is missing or a placeholder, so no earlier own scans")
    first_night: Mapped[int] = mapped_column(ForeignKey("night.id"), doc="night that first saw it")


class Study(Base):
    """One row a study, by key."""

    __tablename__ = "study"
    __table_args__ = (CheckConstraint(INTERVAL, name="acquired"),)

    key: Mapped[str] = mapped_column(
        Text, primary_key=True, doc="keyed digest of the study's UID, and of whose it is where people share one"
    )
    patient: Mapped[str] = mapped_column(ForeignKey("patient.key"), index=True, doc="whose study it is")
    age_years: Mapped[float | None] = mapped_column(Double, doc="age of the patient at the study, years")
    local_date: Mapped[date | None] = mapped_column(doc="date of the study where it was made")
    acquired_from: Mapped[datetime | None] = mapped_column(Moment, doc="earliest begin of its scans")
    acquired_until: Mapped[datetime | None] = mapped_column(Moment, doc="end of that interval, not included")
    first_night: Mapped[int] = mapped_column(ForeignKey("night.id"), doc="night that first saw it")


class Scan(Base):
    """One row a scan: a stack that made one volume or one projection, and what its geometry proved."""

    __tablename__ = "scan"
    __table_args__ = (
        one_of("cover", COVERS),
        one_of("state", SCAN_STATES),
        one_of("date_precision", PRECISIONS),
        CheckConstraint(INTERVAL, name="acquired"),
        CheckConstraint("(state = 'withdrawn') = (withdrawn_night IS NOT NULL)", name="withdrawn"),
    )

    key: Mapped[str] = mapped_column(Text, primary_key=True, doc="keyed digest of the stack's content")
    study: Mapped[str] = mapped_column(ForeignKey("study.key"), index=True, doc="its study")
    patient: Mapped[str] = mapped_column(ForeignKey("patient.key"), index=True, doc="its patient")
    series: Mapped[str] = mapped_column(Text, index=True, doc="key of its series")
    cover: Mapped[str] = mapped_column(Text, doc="which encoders serve it")
    acquisition: Mapped[str | None] = mapped_column(
        Text, doc="key of its exposure: scans that share it are reconstructions of one; empty: not told"
    )
    kind: Mapped[str] = mapped_column(Text, index=True, doc="what it may be compared with")
    kind_rule: Mapped[str] = mapped_column(Text, doc="the rule that decided the kind")
    state: Mapped[str] = mapped_column(Text, doc="accepted, held back, or withdrawn since its files changed")
    code: Mapped[str] = mapped_column(Text, doc="outcome code")
    is_main: Mapped[bool | None] = mapped_column(doc="true: it stands for its study and kind; empty: not decided yet")
    main_rule: Mapped[str] = mapped_column(Text, doc="the rule that chose the main scan")
    acquired_from: Mapped[datetime | None] = mapped_column(Moment, doc="begin of the acquisition, UTC")
    acquired_until: Mapped[datetime | None] = mapped_column(Moment, doc="end of that interval, not included")
    acquired_local_date: Mapped[date | None] = mapped_column(doc="date of acquisition where it was made")
    date_precision: Mapped[str] = mapped_column(Text, doc="how well the time is known")
    date_doubts: Mapped[str] = mapped_column(
        Text, server_default="", doc="outcome codes of what speaks against its date, after commas; empty: nothing does"
    )
    dated_ahead: Mapped[date | None] = mapped_column(
        doc="earliest date that was left out for lying in the future: then it is read again"
    )
    age_years: Mapped[float | None] = mapped_column(Double, doc="age of the patient at the scan, years")
    sex: Mapped[str | None] = mapped_column(Text, doc="PatientSex (0010,0040)")
    tensor: Mapped[str | None] = mapped_column(Text, doc="file stem of the encoder's input")
    recipe: Mapped[str | None] = mapped_column(Text, doc="digest of the preprocessing that made the input")
    pictures: Mapped[int] = mapped_column(doc="how many pictures were made of it")
    n_slices: Mapped[int | None] = mapped_column(doc="slices of the stack; 1 for a projection")
    n_rows: Mapped[int | None] = mapped_column(doc="rows of a slice")
    n_columns: Mapped[int | None] = mapped_column(doc="columns of a slice")
    spacing_z_mm: Mapped[float | None] = mapped_column(
        Double, doc="between slices, along the normal; 0 for a projection"
    )
    spacing_y_mm: Mapped[float | None] = mapped_column(Double, doc="between rows")
    spacing_x_mm: Mapped[float | None] = mapped_column(Double, doc="between columns")
    coverage_mm: Mapped[float | None] = mapped_column(Double, doc="extent along the normal")
    largest_gap_mm: Mapped[float | None] = mapped_column(Double, doc="largest step between neighbouring slices")
    smallest_gap_mm: Mapped[float | None] = mapped_column(Double, doc="smallest step between neighbouring slices")
    n_missing: Mapped[int | None] = mapped_column(doc="slices that a repair made up")
    tilt_deg: Mapped[float | None] = mapped_column(Double, doc="angle between stacking direction and normal")
    orientation: Mapped[str | None] = mapped_column(Text, doc="axial, coronal, sagittal, oblique or projection")
    slice_thickness_mm: Mapped[float | None] = mapped_column(Double, doc="SliceThickness (0018,0050)")
    manufacturer: Mapped[str | None] = mapped_column(Text, doc="Manufacturer (0008,0070)")
    model: Mapped[str | None] = mapped_column(Text, doc="ManufacturerModelName (0008,1090)")
    kernel: Mapped[str | None] = mapped_column(Text, doc="ConvolutionKernel (0018,1210)")
    sequence: Mapped[str | None] = mapped_column(Text, doc="ScanningSequence and SequenceVariant of an MR")
    contrast: Mapped[str | None] = mapped_column(Text, doc="contrast agent: given, not-given or unknown")
    transfer_syntax: Mapped[str | None] = mapped_column(Text, doc="TransferSyntaxUID (0002,0010)")
    photometric: Mapped[str | None] = mapped_column(Text, doc="PhotometricInterpretation (0028,0004)")
    image_type: Mapped[str | None] = mapped_column(Text, doc="ImageType (0008,0008), values joined by a backslash")
    rescale_slope: Mapped[float | None] = mapped_column(Double, doc="RescaleSlope (0028,1053) of the first slice")
    rescale_intercept: Mapped[float | None] = mapped_column(
        Double, doc="RescaleIntercept (0028,1052) of the first slice"
    )
    rescale_varies: Mapped[bool | None] = mapped_column(doc="true: slope or intercept differ from slice to slice")
    padding: Mapped[int | None] = mapped_column(BigInteger, doc="PixelPaddingValue (0028,0120), as stored")
    decoder: Mapped[str | None] = mapped_column(Text, doc="library that decoded the pixels; native: none was needed")
    burned_in: Mapped[str | None] = mapped_column(Text, doc="BurnedInAnnotation (0028,0301): YES, NO or empty")
    slice_order: Mapped[str | None] = mapped_column(
        Text, doc="how InstanceNumber runs along the normal: rising, falling, mixed or unknown"
    )
    n_files: Mapped[int | None] = mapped_column(doc="files of the scan; fewer than slices if one holds many frames")
    repairs: Mapped[str | None] = mapped_column(Text, doc="what was mended and by how much, as [scans] repair allows")
    first_night: Mapped[int] = mapped_column(ForeignKey("night.id"), index=True, doc="night that accepted it")
    withdrawn_night: Mapped[int | None] = mapped_column(
        ForeignKey("night.id"), index=True, doc="night that withdrew it"
    )


class Series(Base):
    """One row a series, by key: where its files come from, whether they became scans or not."""

    __tablename__ = "series"

    key: Mapped[str] = mapped_column(Text, primary_key=True, doc="keyed digest of SeriesInstanceUID (0020,000E)")
    study: Mapped[str] = mapped_column(Text, doc="study.key of its study, which has no row there before it has a scan")
    modality: Mapped[str] = mapped_column(Text, doc="Modality (0008,0060) of most of its files; empty: not told")
    manufacturer: Mapped[str] = mapped_column(Text, doc="Manufacturer (0008,0070) of the same; empty: not told")
    model: Mapped[str] = mapped_column(Text, doc="ManufacturerModelName (0008,1090) of the same; empty: not told")


class File(Base):
    """One row a file the archive has ever shown, in its present outcome."""

    __tablename__ = "file"
    __table_args__ = (
        one_of("outcome", FILE_OUTCOMES),
        CheckConstraint("size_bytes >= 0", name="size_bytes"),
        Index(None, "outcome", "code"),
        Index(None, "series", "code", "changed_night"),  # coverage is counted from these columns alone
    )

    key: Mapped[str] = mapped_column(Text, primary_key=True, doc="keyed digest of the path")
    outcome: Mapped[str] = mapped_column(Text, doc="where it stands")
    code: Mapped[str] = mapped_column(Text, doc="outcome code")
    why: Mapped[str] = mapped_column(Text, doc="what was found, without names or paths")
    scan: Mapped[str | None] = mapped_column(ForeignKey("scan.key"), index=True, doc="the scan it is part of")
    series: Mapped[str] = mapped_column(
        Text, server_default="", doc="key of its series; empty: its header was not read"
    )
    size_bytes: Mapped[int] = mapped_column(BigInteger, doc="its size")
    first_night: Mapped[int] = mapped_column(ForeignKey("night.id"), doc="night that first saw it")
    changed_night: Mapped[int] = mapped_column(ForeignKey("night.id"), index=True, doc="night of its present outcome")


class FurtherScan(Base):
    """One row a further scan of a file: frames of one file can make several; the first stands in `file.scan`."""

    __tablename__ = "further_scan"

    file: Mapped[str] = mapped_column(ForeignKey("file.key"), primary_key=True, doc="the multi-frame file")
    scan: Mapped[str] = mapped_column(ForeignKey("scan.key"), primary_key=True, index=True, doc="a scan of its frames")
