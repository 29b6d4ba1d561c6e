"""Persons, merges, tombstones, backups made; what scan keys were made from."""

import json

import sqlalchemy as sa
from alembic import op

from db.persons import person_key

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

SAID = ("patient_id", "issuer", "name", "birth_date")
CHUNK = 1000


def upgrade() -> None:
    op.create_table(
        "person",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("patient_id", sa.Text(), nullable=False),
        sa.Column("issuer", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("birth_date", sa.Text(), nullable=False),
        sa.Column("sex", sa.Text(), nullable=False),
        sa.Column("patient", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_person")),
        schema="identity",
    )
    op.create_index(op.f("ix_person_patient"), "person", ["patient"], unique=False, schema="identity")
    op.create_index(op.f("ix_person_patient_id"), "person", ["patient_id"], unique=False, schema="identity")
    op.create_table(
        "merge",
        sa.Column("from_id", sa.Text(), nullable=False),
        sa.Column("from_issuer", sa.Text(), nullable=False),
        sa.Column("to_id", sa.Text(), nullable=False),
        sa.Column("to_issuer", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("from_id", "from_issuer", name=op.f("pk_merge")),
        schema="identity",
    )
    op.create_table(
        "scan",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("digest", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_scan")),
        schema="identity",
    )
    op.create_table(
        "tombstone",
        sa.Column("key", sa.Text(), nullable=False),
        sa.Column("pending", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_tombstone")),
        schema="identity",
    )
    op.create_table(
        "backup",
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("folder", name=op.f("pk_backup")),
        schema="identity",
    )
    op.add_column("file", sa.Column("person", sa.Text(), nullable=False, server_default=""), schema="identity")
    op.create_index(op.f("ix_file_person"), "file", ["person"], unique=False, schema="identity")
    op.add_column("encoder", sa.Column("forgotten_patients", sa.Integer(), nullable=False, server_default="0"))
    _fill_persons(op.get_bind())


def _fill_persons(connection: sa.Connection) -> None:
    """Say of every file that was read whose it is, from its stored header."""
    file = sa.table("file", *map(sa.column, ("key", "header", "person")), schema="identity")
    person = sa.table(
        "person",
        *map(sa.column, ("key", "patient_id", "issuer", "name", "birth_date", "sex", "patient")),
        schema="identity",
    )
    seen: set[str] = set()
    last = ""
    while True:
        some = sa.select(file.c.key, file.c.header).where(file.c.key > last, file.c.header != "")
        rows = connection.execute(some.order_by(file.c.key).limit(CHUNK)).all()
        if not rows:
            return
        for key, header in rows:
            told = json.loads(header)
            said = {name: str(told["identity"][name]) for name in SAID} | {"sex": told["sex"]}
            whose = person_key(*said.values())
            if whose not in seen:
                connection.execute(person.insert().values(key=whose, **said, patient=""))
                seen.add(whose)
            connection.execute(file.update().where(file.c.key == key).values(person=whose))
        last = rows[-1].key
