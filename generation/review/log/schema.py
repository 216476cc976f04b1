"""The desk's tables. The log ``entries`` is the truth; every other column about a decision follows from it.

Times are UTC as ISO 8601 text with microseconds, so that they sort and hash the same everywhere.
"""

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

KEY = BigInteger().with_variant(Integer, "sqlite")
"""SQLite counts only INTEGER keys up by itself."""
WORD = String(200).with_variant(String(200, collation="C"), "postgresql")
"""Sorted by code point, so that a prefix is a range."""

TITLES = "titles"
"""``cases.method`` of written titles."""
REWARDS = ("personal", "relevance", "aesthetic", "nsfw", "score")
"""Figures of a candidate that queues filter by."""

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
    # From here on: what follows from the log.
    Column("queue", String(20), nullable=False),
    Column("verdict", String(20)),
    Column("cover_id", String(64), nullable=False),
    Column("reason", String(200)),
    Column("decided_by", String(200)),
    Column("decided_at", String(32)),
    Column("first_voter", String(200)),
    Column("doubtful", Integer, nullable=False, default=0),
    Column("last_entry", KEY, nullable=False, default=0),
    # Whose screen it is on; no decision.
    Column("lease_by", String(200)),
    Column("lease_until", String(32)),
    # When the desk got it, and whose work it is, which follows from the log.
    Column("came_at", String(32)),
    Column("assigned_to", String(200)),
    Column("assigned_at", String(32)),
    UniqueConstraint("ds", "unit_id", name="cases_unit"),
)
"""A unit of a night: one item painted for one segment, or, where ``method`` is :data:`TITLES`, its title written for
one group of readers, and then covers are texts. ``queue`` is where it waits:
pending, sampled, auto (the policy alone decided), disputed or done."""

_COVERED = ("segment_id", "category", "method", "reason", *REWARDS, "first_voter", "verdict", "decided_by")
Index("cases_by_queue", cases.c.ds, cases.c.queue, cases.c.stake, cases.c.id, *(cases.c[name] for name in _COVERED))
Index("cases_by_stake", cases.c.ds, cases.c.stake, cases.c.id, *(cases.c[name] for name in _COVERED))
Index("cases_doubtful", cases.c.ds, cases.c.doubtful, cases.c.stake, cases.c.id)
Index("cases_by_person", cases.c.ds, cases.c.decided_by, cases.c.stake, cases.c.id)
Index("cases_by_item", cases.c.ds, cases.c.item_id)
Index("cases_doubled", cases.c.ds, cases.c.doubled, cases.c.last_entry)
Index("cases_by_age", cases.c.queue, cases.c.came_at, cases.c.id)
Index("cases_by_assignee", cases.c.assigned_to, cases.c.ds, cases.c.stake, cases.c.id)

candidates = Table(
    "candidates",
    metadata,
    Column("case_id", KEY, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("cover_id", String(64), nullable=False),
    Column("seed", String(20), nullable=False),
    Column("rewards", Text, nullable=False),
)
"""A picture of a unit, or a text of a unit of titles; ``rewards`` is JSON by name."""
Index("candidates_by_cover", candidates.c.cover_id)

texts = Table(
    "texts",
    metadata,
    Column("text_hash", String(64), primary_key=True),
    Column("text", Text, nullable=False),
    Column("language", String(35), nullable=False),
)
"""Written titles by their hash, as ``candidates.cover_id`` names them; ``language`` as BCP 47 has it."""

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
"""``loaded`` names the lake versions it was loaded from; ``facts`` is JSON: segments, reward scales, lineage."""

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
"""The hash-chained log; ``body`` is the entry as canonical JSON, the columns behind it repeat it for look-ups."""
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
"""``members`` is JSON: case id and the last entry seen, of every cover that was shown to be decided."""

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
"""A blind comparison as it was shown; the page knows the token only."""
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
"""Takedowns of the log and whether the lake has them."""

accounts = Table(
    "accounts",
    metadata,
    Column("name", String(200), primary_key=True),
    Column("role", String(20), nullable=False),
    Column("password", Text, nullable=False),
    Column("disabled", Integer, nullable=False, default=0),
    Column("created_at", String(32), nullable=False),
    Column("set_by", String(200)),
    Column("handover_until", String(32)),
    Column("must_change", Integer, nullable=False, default=0),
    Column("subject", Text),
)
"""``set_by`` is who set the password where that was somebody else, who could sign in by this name; until
``handover_until`` the person gives no answer where two people decide. ``must_change``: before anything else.
``subject``: issuer and subject of whom an OpenID provider signs in by this name, from the first time on."""

sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("name", String(200), nullable=False),
    Column("csrf", String(64), nullable=False),
    Column("created_at", String(32), nullable=False),
    Column("seen_at", String(32), nullable=False),
    Column("provider", Integer, nullable=False, default=0, server_default="0"),
)
"""``digest`` is the SHA-256 of the cookie: who reads the table cannot sign in with it. ``provider``: no password was
given here, so none has to be changed first."""

provider_visits = Table(
    "provider_visits",
    metadata,
    Column("state", String(64), primary_key=True),
    Column("browser", String(64), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("verifier", String(128), nullable=False),
    Column("links", String(200)),
    Column("at", String(32), nullable=False),
)
"""Browsers on their way to the OpenID provider; a row goes when its browser is back. ``state`` and
``browser`` are SHA-256 of the state and of that browser's cookie, ``links`` is the account that is to be connected,
where somebody signed in asked for it."""

mentions = Table(
    "mentions",
    metadata,
    Column("seq", KEY, primary_key=True, autoincrement=False),
    Column("name", String(200), primary_key=True),
    Column("case_id", KEY, nullable=False),
    Column("read_at", String(32)),
)
"""Who was mentioned in which comment (``seq`` of the log), and when that person saw it."""
Index("mentions_by_name", mentions.c.name, mentions.c.read_at)

notices = Table(
    "notices",
    metadata,
    Column("key", String(200), primary_key=True),
    Column("body", Text, nullable=False),
    Column("at", String(32), nullable=False),
    Column("tries", Integer, nullable=False, default=0, server_default="0"),
    Column("next_at", String(32), nullable=False),
    Column("done_at", String(32)),
    Column("outcome", Text),
)
"""What is told outside by the hook, once by ``key``; ``body`` is the JSON that it gets."""
Index("notices_waiting", notices.c.done_at, notices.c.next_at)

signins = Table(
    "signins",
    metadata,
    Column("id", KEY, primary_key=True, autoincrement=True),
    Column("name", String(200), nullable=False),
    Column("address", String(100), nullable=False),
    Column("at", String(32), nullable=False),
    Column("was_right", Integer, nullable=False, default=0),
)
"""Attempts to sign in; one counts as wrong until its password was found right."""
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
"""Offline files that were handed out; ``members`` is JSON: unit, covers and the last entry seen."""

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
    Column("after", KEY),
    Column("previous", String(64)),
    Column("hash", String(64)),
)
"""What people did and were refused, besides the decisions in ``entries``: a chain of its own, whose lines say after
which entry (``after``) they were written. Lines that are older than the desk's key have no hash."""

log_key = Table(
    "log_key",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("body", Text, nullable=False),
    Column("hash", String(64), nullable=False),
)
"""One row: what the logs held when the desk got its key, as JSON, and the keyed hash of that."""

APPEND_ONLY = ("entries", "undone", "audit", "log_key")
"""Tables whose rows the database itself refuses to change or delete."""
