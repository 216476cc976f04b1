"""Whose work a cover is and since when it waits, mentions, what is told outside, sign-ins by a provider."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

KEY = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Covers that are there wait since the end of their night."""
    for name, length in (("came_at", 32), ("assigned_to", 200), ("assigned_at", 32)):
        op.add_column("cases", sa.Column(name, sa.String(length)))
    op.execute("UPDATE cases SET came_at = ds || 'T23:59:59.000000+00:00'")
    op.create_index("cases_by_age", "cases", ["queue", "came_at", "id"])
    op.create_index("cases_by_assignee", "cases", ["assigned_to", "ds", "stake", "id"])
    op.add_column("sessions", sa.Column("provider", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "mentions",
        sa.Column("seq", KEY, primary_key=True, autoincrement=False),
        sa.Column("name", sa.String(200), primary_key=True),
        sa.Column("case_id", KEY, nullable=False),
        sa.Column("read_at", sa.String(32)),
    )
    op.create_index("mentions_by_name", "mentions", ["name", "read_at"])
    op.create_table(
        "notices",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("at", sa.String(32), nullable=False),
        sa.Column("tries", sa.Integer, nullable=False, server_default="0"),
        sa.Column("next_at", sa.String(32), nullable=False),
        sa.Column("done_at", sa.String(32)),
        sa.Column("outcome", sa.Text),
    )
    op.create_index("notices_waiting", "notices", ["done_at", "next_at"])
    op.create_table(
        "provider_visits",
        sa.Column("state", sa.String(64), primary_key=True),
        sa.Column("browser", sa.String(64), nullable=False),
        sa.Column("nonce", sa.String(64), nullable=False),
        sa.Column("verifier", sa.String(128), nullable=False),
        sa.Column("links", sa.String(200)),
        sa.Column("at", sa.String(32), nullable=False),
    )
