"""Encoders, vectors, matches, labels and verdicts."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "encoder",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("cover", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("backbone", sa.Text(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("metric", sa.Text(), nullable=False),
        sa.Column("recipe", sa.Text(), nullable=False),
        sa.Column("origin", sa.Text(), nullable=False),
        sa.Column("provisional", sa.Boolean(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("manifest", sa.Text(), nullable=False),
        sa.Column("created_night", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("cover IN ('2d', '3d')", name=op.f("ck_encoder_cover")),
        sa.CheckConstraint("metric IN ('cosine', 'euclidean')", name=op.f("ck_encoder_metric")),
        sa.CheckConstraint("origin IN ('starter', 'trained', 'imported')", name=op.f("ck_encoder_origin")),
        sa.CheckConstraint("dim >= 1", name=op.f("ck_encoder_dim")),
        sa.ForeignKeyConstraint(["created_night"], ["night.id"], name=op.f("fk_encoder_created_night")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_encoder")),
    )
    op.create_table(
        "label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("subject_key", sa.Text(), nullable=False),
        sa.Column("finding", sa.Text(), nullable=False),
        sa.Column("value", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("valid_from", sa.Date(), nullable=False),
        sa.Column("valid_until", sa.Date(), nullable=False),
        sa.Column("grade", sa.Text(), nullable=True),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("night", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("subject IN ('patient', 'study')", name=op.f("ck_label_subject")),
        sa.CheckConstraint("value IN ('present', 'absent')", name=op.f("ck_label_value")),
        sa.CheckConstraint("valid_from <= valid_until", name=op.f("ck_label_valid")),
        sa.ForeignKeyConstraint(["night"], ["night.id"], name=op.f("fk_label_night")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label")),
        sa.UniqueConstraint(
            "subject",
            "subject_key",
            "finding",
            "kind",
            "valid_from",
            "valid_until",
            "source",
            name=op.f("uq_label_subject_subject_key_finding_kind_valid_from_valid_until_source"),
        ),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "activation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("cover", sa.Text(), nullable=False),
        sa.Column("purpose", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=True),
        sa.Column("night", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.CheckConstraint("cover IN ('2d', '3d')", name=op.f("ck_activation_cover")),
        sa.ForeignKeyConstraint(["encoder"], ["encoder.id"], name=op.f("fk_activation_encoder")),
        sa.ForeignKeyConstraint(["night"], ["night.id"], name=op.f("fk_activation_night")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activation")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_activation_cover_purpose"), "activation", ["cover", "purpose"], unique=False)
    op.create_table(
        "embedding",
        sa.Column("scan", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("dim", sa.Integer(), nullable=False),
        sa.Column("device", sa.Text(), nullable=False),
        sa.Column("night", sa.Integer(), nullable=False),
        sa.Column("matched_night", sa.Integer(), nullable=True),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.CheckConstraint("dim >= 1 AND length(vector) = 4 * dim", name=op.f("ck_embedding_length")),
        sa.ForeignKeyConstraint(["encoder"], ["encoder.id"], name=op.f("fk_embedding_encoder")),
        sa.ForeignKeyConstraint(["matched_night"], ["night.id"], name=op.f("fk_embedding_matched_night")),
        sa.ForeignKeyConstraint(["night"], ["night.id"], name=op.f("fk_embedding_night")),
        sa.ForeignKeyConstraint(["scan"], ["scan.key"], name=op.f("fk_embedding_scan")),
        sa.PrimaryKeyConstraint("scan", "encoder", name=op.f("pk_embedding")),
    )
    op.create_index(op.f("ix_embedding_encoder_matched_night"), "embedding", ["encoder", "matched_night"], unique=False)
    op.create_index(op.f("ix_embedding_night"), "embedding", ["night"], unique=False)
    op.create_table(
        "lane_outcome",
        sa.Column("scan", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("gallery_patients", sa.Integer(), nullable=False),
        sa.Column("n_matches", sa.Integer(), nullable=False),
        sa.Column("reach", sa.Double(), nullable=True),
        sa.Column("rules", sa.Text(), nullable=False),
        sa.Column("night", sa.Integer(), nullable=False),
        sa.CheckConstraint("lane IN ('own', 'others')", name=op.f("ck_lane_outcome_lane")),
        sa.ForeignKeyConstraint(["night"], ["night.id"], name=op.f("fk_lane_outcome_night")),
        sa.ForeignKeyConstraint(
            ["scan", "encoder"],
            ["embedding.scan", "embedding.encoder"],
            name=op.f("fk_lane_outcome_scan_encoder"),
        ),
        sa.PrimaryKeyConstraint("scan", "encoder", "lane", name=op.f("pk_lane_outcome")),
    )
    op.create_index(op.f("ix_lane_outcome_encoder_lane"), "lane_outcome", ["encoder", "lane"], unique=False)
    op.create_table(
        "match",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("scan", sa.Text(), nullable=False),
        sa.Column("prior", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("lane", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("distance", sa.Double(), nullable=False),
        sa.Column("entered_night", sa.Integer(), nullable=False),
        sa.Column("left_night", sa.Integer(), nullable=True),
        sa.CheckConstraint("code IN ('prior', 'same-day')", name=op.f("ck_match_code")),
        sa.CheckConstraint("lane IN ('own', 'others')", name=op.f("ck_match_lane")),
        sa.CheckConstraint("rank IS NOT NULL OR (lane = 'own' AND code = 'same-day')", name=op.f("ck_match_ranked")),
        sa.CheckConstraint("distance >= 0", name=op.f("ck_match_distance")),
        sa.CheckConstraint("left_night > entered_night", name=op.f("ck_match_stay")),
        sa.CheckConstraint("rank >= 1", name=op.f("ck_match_rank")),
        sa.CheckConstraint("scan <> prior", name=op.f("ck_match_other_scan")),
        sa.ForeignKeyConstraint(["entered_night"], ["night.id"], name=op.f("fk_match_entered_night")),
        sa.ForeignKeyConstraint(["left_night"], ["night.id"], name=op.f("fk_match_left_night")),
        sa.ForeignKeyConstraint(
            ["prior", "encoder"], ["embedding.scan", "embedding.encoder"], name=op.f("fk_match_prior_encoder")
        ),
        sa.ForeignKeyConstraint(
            ["scan", "encoder"], ["embedding.scan", "embedding.encoder"], name=op.f("fk_match_scan_encoder")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_match")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_match_encoder_prior_left_night"), "match", ["encoder", "prior", "left_night"], unique=False
    )
    op.create_index(op.f("ix_match_encoder_scan_left_night"), "match", ["encoder", "scan", "left_night"], unique=False)
    op.create_index(op.f("ix_match_entered_night"), "match", ["entered_night"], unique=False)
    op.create_index(op.f("ix_match_left_night"), "match", ["left_night"], unique=False)
    op.create_index(
        "uq_match_current",
        "match",
        ["scan", "prior", "encoder", "lane"],
        unique=True,
        sqlite_where=sa.text("left_night IS NULL"),
        postgresql_where=sa.text("left_night IS NULL"),
    )
    op.create_table(
        "verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("match", sa.Integer(), nullable=True),
        sa.Column("scan", sa.Text(), nullable=False),
        sa.Column("prior", sa.Text(), nullable=False),
        sa.Column("encoder", sa.Text(), nullable=False),
        sa.Column("verdict", sa.Text(), nullable=False),
        sa.Column("by", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("night", sa.Integer(), nullable=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint(
            "verdict IN ('relevant', 'not-relevant', 'unsure', 'wrong-patient', 'duplicate')",
            name=op.f("ck_verdict_verdict"),
        ),
        sa.ForeignKeyConstraint(["encoder"], ["encoder.id"], name=op.f("fk_verdict_encoder")),
        sa.ForeignKeyConstraint(["match"], ["match.id"], name=op.f("fk_verdict_match"), ondelete="SET NULL"),
        sa.ForeignKeyConstraint(["night"], ["night.id"], name=op.f("fk_verdict_night")),
        sa.ForeignKeyConstraint(["prior"], ["scan.key"], name=op.f("fk_verdict_prior")),
        sa.ForeignKeyConstraint(["scan"], ["scan.key"], name=op.f("fk_verdict_scan")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_verdict_match"), "verdict", ["match"], unique=False)
    op.create_index(op.f("ix_verdict_prior"), "verdict", ["prior"], unique=False)
    op.create_index(op.f("ix_verdict_scan_prior"), "verdict", ["scan", "prior"], unique=False)
