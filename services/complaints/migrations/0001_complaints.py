"""The complaints, their full-text index, and the copy of the staff."""

import sqlalchemy as sa
from alembic import op

from shared import words
from shared.columns import Instant

revision = "complaints_0001"
down_revision = None
branch_labels = ("complaints",)
depends_on = "kernel_0001"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "colleague",
        sa.Column("username", sa.String(length=64), nullable=False),
        sa.Column("department", sa.String(length=64), nullable=True),
        sa.Column("handler", sa.Boolean(), nullable=False),
        sa.Column("present", sa.Boolean(), nullable=False),
        sa.Column("competences", sa.String(length=1000), nullable=False),
        sa.PrimaryKeyConstraint("username"),
    )
    op.create_table(
        "complaint",
        sa.Column("number", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("id", sa.String(length=64), nullable=False),
        sa.Column("reference", sa.String(length=32), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("stage", sa.String(length=64), nullable=False),
        sa.Column("open", sa.Boolean(), nullable=False),
        sa.Column("desk", sa.String(length=255), nullable=True),
        sa.Column("own_desk", sa.String(length=255), nullable=True),
        sa.Column("watch_desk", sa.String(length=255), nullable=True),
        sa.Column("owner", sa.String(length=255), nullable=True),
        sa.Column("assignee", sa.String(length=255), nullable=True),
        sa.Column("department", sa.String(length=64), nullable=True),
        sa.Column("priority", sa.Integer(), nullable=False),
        sa.Column("due_at", Instant(), nullable=False),
        sa.Column("opened_at", Instant(), nullable=False),
        sa.Column("updated_at", Instant(), nullable=False),
        sa.Column("source", sa.String(length=255), nullable=True),
        sa.Column("external_id", sa.String(length=255), nullable=True),
        sa.Column("customer_ref", sa.String(length=64), nullable=False),
        sa.Column("category", sa.String(length=32), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("number"),
        sa.UniqueConstraint("id"),
        sa.UniqueConstraint("reference"),
    )
    op.create_index("complaint_category", "complaint", ["category", "opened_at", "id"], unique=False)
    op.create_index("complaint_customer_ref", "complaint", ["customer_ref", "opened_at", "id"], unique=False)
    op.create_index("complaint_department", "complaint", ["department", "opened_at", "id"], unique=False)
    op.create_index("complaint_desk", "complaint", ["desk", "due_at", "id"], unique=False)
    op.create_index("complaint_due_at", "complaint", ["due_at", "id"], unique=False)
    op.create_index("complaint_external", "complaint", ["source", "external_id"], unique=True)
    op.create_index("complaint_load", "complaint", ["assignee", "open"], unique=False)
    op.create_index("complaint_opened_at", "complaint", ["opened_at", "id"], unique=False)
    op.create_index("complaint_own_desk", "complaint", ["own_desk", "due_at", "id"], unique=False)
    op.create_index("complaint_owner", "complaint", ["owner", "opened_at", "id"], unique=False)
    op.create_index("complaint_priority", "complaint", ["priority", "id"], unique=False)
    op.create_index("complaint_stage", "complaint", ["stage", "opened_at", "id"], unique=False)
    op.create_index("complaint_updated_at", "complaint", ["updated_at", "id"], unique=False)
    op.create_index("complaint_watch_desk", "complaint", ["watch_desk", "due_at", "id"], unique=False)
    for statement in words.CREATE[op.get_bind().dialect.name]:
        op.execute(statement.format(name="complaint"))
