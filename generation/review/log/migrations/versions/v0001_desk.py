"""The first desk: all tables, and triggers that keep the log and the audit append-only.

The tables are made from :mod:`generation.review.log.schema` as it is; the migration that changes a
table next must first write out here what that table was.
"""

from alembic import op

from generation.review.log.schema import APPEND_ONLY, metadata

revision = "0001"
down_revision = None

SQLITE = """CREATE TRIGGER {table}_no_{what} BEFORE {what} ON {table}
BEGIN SELECT RAISE(ABORT, '{table} is append-only'); END"""
POSTGRES_FUNCTION = """CREATE FUNCTION append_only() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION '% is append-only', TG_TABLE_NAME; END $$"""
POSTGRES = "CREATE TRIGGER {table}_no_{what} BEFORE {what} ON {table} FOR EACH {each} EXECUTE FUNCTION append_only()"


def upgrade() -> None:
    """Create everything."""
    connection = op.get_bind()
    metadata.create_all(connection)
    sqlite = connection.dialect.name == "sqlite"
    if not sqlite:
        op.execute(POSTGRES_FUNCTION)
    for table in APPEND_ONLY:
        for what in ("UPDATE", "DELETE"):
            op.execute((SQLITE if sqlite else POSTGRES).format(table=table, what=what, each="ROW"))
        if not sqlite:
            op.execute(POSTGRES.format(table=table, what="TRUNCATE", each="STATEMENT"))
