"""The first desk: all tables as they were then, and triggers that keep the log and the audit append-only."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None

KEY = BigInteger().with_variant(Integer, "sqlite")
WORD = String(200).with_variant(String(200, collation="C"), "postgresql")

REWARDS = ("personal", "relevance", "aesthetic", "nsfw", "score")

metadata = MetaData()

cases = Table(
    "cases",
    metadata,
    Column("id", KEY, primary_key=True, autoincrement=True),
    Column("ds", String(10), nullable=False),
    Column("unit_id", String(64), nullable=False),
    Column("item_id", String(200), nullable=False),
    Column("title", Text, nullable=False),
    Column("words", Text),
    Column("category", String(200), nullable=False),
    Column("segment_id", String(200), nullable=False),
    Column("method", String(100), nullable=False),
    Column("prompt", Text, nullable=False),
    Column("generator", String(200), nullable=False),
    Column("reference_cover_id", String(64), nullable=False),
    Column("selected_cover_id", String(64), nullable=False),
    Column("stake", Float, nullable=False),
    *(Column(name, Float) for name in REWARDS),
    Column("policy_decision", String(20)),
    Column("policy_reason", Text),
    Column("sampled", Integer, nullable=False, default=0),
    Column("doubled", Integer, nullable=False, default=0),
    Column("queue", String(20), nullable=False),
    Column("verdict", String(20)),
    Column("cover_id", String(64), nullable=False),
    Column("reason", String(200)),
    Column("decided_by", String(200)),
    Column("decided_at", String(32)),
    Column("first_voter", String(200)),
    Column("doubtful", Integer, nullable=False, default=0),
    Column("last_entry", KEY, nullable=False, default=0),
    Column("lease_by", String(200)),
    Column("lease_until", String(32)),
    UniqueConstraint("ds", "unit_id", name="cases_unit"),
)

_COVERED = ("segment_id", "category", "method", "reason", *REWARDS, "first_voter", "verdict", "decided_by")
Index("cases_by_queue", cases.c.ds, cases.c.queue, cases.c.stake, cases.c.id, *(cases.c[name] for name in _COVERED))
Index("cases_by_stake", cases.c.ds, cases.c.stake, cases.c.id, *(cases.c[name] for name in _COVERED))
Index("cases_doubtful", cases.c.ds, cases.c.doubtful, cases.c.stake, cases.c.id)
Index("cases_by_person", cases.c.ds, cases.c.decided_by, cases.c.stake, cases.c.id)
Index("cases_by_item", cases.c.ds, cases.c.item_id)
Index("cases_doubled", cases.c.ds, cases.c.doubled, cases.c.last_entry)

candidates = Table(
    "candidates",
    metadata,
    Column("case_id", KEY, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("cover_id", String(64), nullable=False),
    Column("seed", String(20), nullable=False),
    Column("rewards", Text, nullable=False),
)
Index("candidates_by_cover", candidates.c.cover_id)

title_words = Table(
    "title_words",
    metadata,
    Column("word", WORD, primary_key=True),
    Column("item_id", String(200), primary_key=True),
)

Index("title_words_by_item", title_words.c.item_id, title_words.c.word)

nights = Table(
    "nights",
    metadata,
    Column("ds", String(10), primary_key=True),
    Column("loaded", Text, nullable=False),
    Column("facts", Text, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("seq", KEY, primary_key=True, autoincrement=False),
    Column("hash", String(64), nullable=False, unique=True),
    Column("previous", String(64), nullable=False),
    Column("body", Text, nullable=False),
    Column("kind", String(20), nullable=False),
    Column("ds", String(10), nullable=False),
    Column("unit_id", String(64)),
    Column("by", String(200), nullable=False),
    Column("at", String(32), nullable=False),
    Column("bulk_id", String(64)),
    Column("key", String(80), unique=True),
)
Index("entries_by_unit", entries.c.ds, entries.c.unit_id, entries.c.seq)
Index("entries_by_person", entries.c.by, entries.c.seq)
Index("entries_by_bulk", entries.c.bulk_id)

undone = Table(
    "undone",
    metadata,
    Column("seq", KEY, primary_key=True, autoincrement=False),
    Column("by_seq", KEY, nullable=False),
)

bulk_previews = Table(
    "bulk_previews",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("by", String(200), nullable=False),
    Column("at", String(32), nullable=False),
    Column("kind", String(20), nullable=False),
    Column("reason", String(200)),
    Column("members", Text, nullable=False),
    Column("used", Integer, nullable=False, default=0),
)

pairs = Table(
    "pairs",
    metadata,
    Column("token", String(64), primary_key=True),
    Column("ds", String(10), nullable=False),
    Column("unit_id", String(64), nullable=False),
    Column("contest", String(100), nullable=False),
    Column("first_arm", String(100), nullable=False),
    Column("second_arm", String(100), nullable=False),
    Column("first_cover", String(64), nullable=False),
    Column("second_cover", String(64), nullable=False),
    Column("first_is_left", Integer, nullable=False),
    Column("by", String(200), nullable=False),
    Column("choice", String(10)),
)
Index("pairs_by_contest", pairs.c.ds, pairs.c.contest, pairs.c.by)

takedowns = Table(
    "takedowns",
    metadata,
    Column("seq", KEY, primary_key=True, autoincrement=False),
    Column("cover_id", String(64), nullable=False),
    Column("ds", String(10), nullable=False),
    Column("done_at", String(32)),
    Column("outcome", Text),
)

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("password", Text, nullable=False),
    Column("disabled", Integer, nullable=False, default=0),
    Column("created_at", String(32), nullable=False),
)

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("seen_at", String(32), nullable=False),
)

signins = Table(
    "signins",
    metadata,
    Column("id", KEY, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False),
    Column("address", String(100), nullable=False),
    Column("at", String(32), nullable=False),
)
Index("signins_by_name", signins.c.name, signins.c.at)
Index("signins_by_address", signins.c.address, signins.c.at)

exports = Table(
    "exports",
    metadata,
    Column("id", String(64), primary_key=True),
    Column("by", String(200), nullable=False),
    Column("at", String(32), nullable=False),
    Column("members", Text, nullable=False),
)

audit = Table(
    "audit",
    metadata,
    Column("id", KEY, primary_key=True, autoincrement=True),
    Column("at", String(32), nullable=False),
    Column("who", String(200), nullable=False),
    Column("address", String(100), nullable=False),
    Column("action", String(100), nullable=False),
    Column("object", Text, nullable=False),
    Column("outcome", String(20), nullable=False),
)

APPEND_ONLY = ("entries", "undone", "audit")
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
