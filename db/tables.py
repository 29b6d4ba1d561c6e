"""Every table, in one place to import from."""

from db.archive_tables import File, FurtherScan, Lease, Night, Patient, Scan, Stage, Study
from db.base import IDENTITY, Base
from db.evaluation_tables import Evaluation
from db.identity_tables import IdentityFile, IdentityPatient, IdentityRejection, IdentityStudy
from db.match_tables import Activation, Calibration, Control, Embedding, Encoder, Label, LaneOutcome, Match, Verdict
from db.person_tables import BackupMade, IdentityMerge, IdentityPerson, IdentityScan, Tombstone
from db.shard_tables import Shard
from db.site_tables import Analyst, SiteRow

__all__ = [
    "IDENTITY", "Activation", "Analyst", "BackupMade", "Base", "Calibration", "Control", "Embedding", "Encoder",
    "Evaluation", "File", "FurtherScan", "IdentityFile", "IdentityMerge", "IdentityPatient", "IdentityPerson",
    "IdentityRejection", "IdentityScan", "IdentityStudy", "Label", "LaneOutcome", "Lease", "Match", "Night",
    "Patient", "Scan", "Shard", "SiteRow", "Stage", "Study", "Tombstone", "Verdict",
]  # fmt: skip
