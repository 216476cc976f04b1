"""Accounts say who set their password, and whether it must be changed at the next sign-in."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Passwords that are there count as their owners'."""
    op.add_column("accounts", sa.Column("set_by", sa.String(200)))
    op.add_column("accounts", sa.Column("handover_until", sa.String(32)))
    op.add_column("accounts", sa.Column("must_change", sa.Integer, nullable=False, server_default="0"))
