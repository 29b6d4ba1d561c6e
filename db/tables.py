"""Every table, in one place to import from."""

from db.archive_tables import File, FurtherScan, Lease, Night, Patient, Scan, Series, Stage, Study
from db.base import IDENTITY, Base, table_of
from db.evaluation_tables import Evaluation
from db.identity_tables import IdentityFile, IdentityPatient, IdentityRejection, IdentityStudy
from db.kind_tables import KindClassifier
from db.match_tables import Activation, Calibration, Control, Embedding, Encoder, Label, LaneOutcome, Match, Verdict
from db.person_tables import BackupMade, IdentityMerge, IdentityPerson, IdentityScan, Tombstone
from db.shard_tables import Shard
from db.site_tables import Analyst, InputRequest, SiteRow

__all__ = [
    "ACTIVATION",
    "CALIBRATION",
    "CONTROL",
    "EMBEDDING",
    "ENCODER",
    "EVALUATION",
    "FILE",
    "FURTHER",
    "IDENTITY",
    "IDENTITY_FILE",
    "IDENTITY_PATIENT",
    "KIND_CLASSIFIER",
    "LABEL",
    "LANE",
    "MATCH",
    "NIGHT",
    "PATIENT",
    "SCAN",
    "SERIES",
    "STAGE",
    "STUDY",
    "VERDICT",
    "Activation",
    "Analyst",
    "BackupMade",
    "Base",
    "Calibration",
    "Control",
    "Embedding",
    "Encoder",
    "Evaluation",
    "File",
    "FurtherScan",
    "IdentityFile",
    "IdentityMerge",
    "IdentityPatient",
    "IdentityPerson",
    "IdentityRejection",
    "IdentityScan",
    "IdentityStudy",
    "InputRequest",
    "KindClassifier",
    "Label",
    "LaneOutcome",
    "Lease",
    "Match",
    "Night",
    "Patient",
    "Scan",
    "Series",
    "Shard",
    "SiteRow",
    "Stage",
    "Study",
    "Tombstone",
    "Verdict",
]  # fmt: skip

ACTIVATION = table_of(Activation)
CALIBRATION = table_of(Calibration)
CONTROL = table_of(Control)
EMBEDDING = table_of(Embedding)
ENCODER = table_of(Encoder)
EVALUATION = table_of(Evaluation)
FILE = table_of(File)
FURTHER = table_of(FurtherScan)
IDENTITY_FILE = table_of(IdentityFile)
IDENTITY_PATIENT = table_of(IdentityPatient)
KIND_CLASSIFIER = table_of(KindClassifier)
LABEL = table_of(Label)
LANE = table_of(LaneOutcome)
MATCH = table_of(Match)
NIGHT = table_of(Night)
PATIENT = table_of(Patient)
SCAN = table_of(Scan)
SERIES = table_of(Series)
STAGE = table_of(Stage)
STUDY = table_of(Study)
VERDICT = table_of(Verdict)
