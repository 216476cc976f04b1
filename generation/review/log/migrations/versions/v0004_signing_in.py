"""Attempts to sign in say whether they were right, so that an address from which a person signed in is known."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Attempts that are there were wrong ones; an account may know whom a provider means."""
    op.add_column("signins", sa.Column("was_right", sa.Integer, nullable=False, server_default="0"))
    op.add_column("accounts", sa.Column("subject", sa.Text))
