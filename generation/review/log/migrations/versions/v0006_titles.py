"""Written titles are reviewed like covers: their texts by hash."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """A table of texts; nights that are loaded get theirs when they are loaded again."""
    op.create_table(
        "texts",
        sa.Column("text_hash", sa.String(64), primary_key=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.String(35), nullable=False),
    )
