"""Keyed hashes: the audit becomes a chain, a row says from where on hashes are keyed, and a row that is there stays.

``REPLACE INTO`` of SQLite deletes rows without asking the triggers on DELETE, so inserting what is there is refused
as well.
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

SQLITE = """CREATE TRIGGER {table}_no_{what} BEFORE {what} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
SQLITE_REPLACE = """CREATE TRIGGER {table}_no_REPLACE BEFORE INSERT ON {table} WHEN EXISTS
(SELECT 1 FROM {table} WHERE {same}) BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
SAME = {
    "entries": "seq = NEW.seq OR hash = NEW.hash OR key = NEW.key",
    "undone": "seq = NEW.seq",
    "audit": "id = NEW.id",
    "log_key": "id = NEW.id",
}
POSTGRES = "CREATE TRIGGER {table}_no_{what} BEFORE {what} ON {table} FOR EACH {each} EXECUTE FUNCTION append_only()"


def upgrade() -> None:
    """Add the columns of the audit's chain, the table of the key's start, and the triggers."""
    key = sa.BigInteger().with_variant(sa.Integer, "sqlite")
    for column in (sa.Column("after", key), sa.Column("previous", sa.String(64)), sa.Column("hash", sa.String(64))):
        op.add_column("audit", column)
    op.create_table(
        "log_key",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    if op.get_bind().dialect.name == "sqlite":
        for what in ("UPDATE", "DELETE"):
            op.execute(SQLITE.format(table="log_key", what=what))
        for table, same in SAME.items():
            op.execute(SQLITE_REPLACE.format(table=table, same=same))
    else:
        for what, each in (("UPDATE", "ROW"), ("DELETE", "ROW"), ("TRUNCATE", "STATEMENT")):
            op.execute(POSTGRES.format(table="log_key", what=what, each=each))
