"""Whoever can write to the database, but has not the key, is found before the lake is told."""

import hashlib
import json
import os
import shutil
from datetime import date, timedelta

import pytest
from alembic import command as alembic_command
from alembic.config import Config
from sqlalchemy import create_engine, delete, insert, select, text, update
from sqlalchemy.exc import DBAPIError

from benchmarks import made_up_night
from benchmarks.desk_server import PASSWORD, QUICK, add_people
from conf.errors import GateError, UsageError
from conf.review import ReviewSettings
from conf.settings import Settings
from generation.review import command
from generation.review.log import audit, decisions, sync, verify
from generation.review.log import database as desk_database
from generation.review.log.database import open_database
from generation.review.log.decisions import Decision
from generation.review.log.schema import APPEND_ONLY, accounts, candidates, cases, entries, log_key, metadata, undone
from generation.review.log.schema import audit as audit_table
from generation.review.log.sealing import chain
from generation.review.log.sealing.chain import Entry, canonical, parsed
from generation.review.web.accounts import Accounts
from tests.generation.review.conftest import NOW, rows_of

DAY = date.fromisoformat(made_up_night.DS)
REASONS = ReviewSettings().reasons


def decide(database, place, kind="approve", by="ann", **more):
    row = rows_of(database)[place]
    wish = {"seen": row.last_entry, "reason": "ugly" if kind == "reject" else None, **more}
    return decisions.decide(database, Decision(case_id=row.id, kind=kind, by=by, **wish), REASONS, NOW)


@pytest.fixture
def desk(make_desk):
    """Eight covers, some decided by two people; six decisions, an undo and lines of the audit."""
    database = make_desk(8, double_share=0.3)
    add_people(database, Settings(), {"ann": "reviewer", "bob": "reviewer", "vic": "viewer"})
    for place, kind in enumerate(("approve", "reject", "approve", "approve", "reject")):
        decide(database, place, kind, by="ann" if place % 2 else "bob")
    decisions.undo(database, "bob", NOW)
    decide(database, 5, "approve", by="bob")
    audit.note(database, who="ann", address="10.0.0.1", action="sign in", now=NOW)
    audit.note(database, who="eve", address="10.0.0.2", action="sign in", outcome="refused", now=NOW)
    audit.note(database, who="ann", address="10.0.0.1", action="sign out", now=NOW)
    assert verify.faults(database) == []
    return database


def tampering(database, change):
    """Run a change around the triggers, which are there again afterwards."""
    with database.engine.connect() as connection:
        connection.begin()
        if database.is_sqlite:
            triggers = connection.execute(text("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'")).all()
            for name, _ in triggers:
                connection.execute(text(f'DROP TRIGGER "{name}"'))
        else:
            for table in APPEND_ONLY:
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        change(connection)
        if database.is_sqlite:
            for _, sql in triggers:
                connection.exec_driver_sql(sql)
        else:
            for table in APPEND_ONLY:
                connection.execute(text(f"ALTER TABLE {table} ENABLE TRIGGER ALL"))
        connection.commit()


def of(connection, seq):
    return connection.execute(select(entries).where(entries.c.seq == seq)).one()._asdict()


def rewrite(connection, number, **changes):
    """Change an entry everywhere: the body and the columns that repeat it."""
    entry = Entry(**{**vars(parsed(of(connection, number)["body"])), **changes})
    columns = {name: value for name, value in changes.items() if name in entries.c and name != "hash"}
    connection.execute(update(entries).where(entries.c.seq == number).values(body=canonical(entry), **columns))


def rehash(connection, start):
    """Chain everything from an entry on anew, with the only hash that one can make without the key."""
    previous = of(connection, start - 1)["hash"] if start > 1 else chain.GENESIS
    for seq in (
        connection.execute(select(entries.c.seq).where(entries.c.seq >= start).order_by(entries.c.seq)).scalars().all()
    ):
        digest = hashlib.sha256(f"{previous}\n{of(connection, seq)['body']}".encode()).hexdigest()
        connection.execute(update(entries).where(entries.c.seq == seq).values(previous=previous, hash=digest))
        previous = digest


def forged(connection, seq, **more):
    unit = connection.execute(select(cases.c.unit_id).order_by(cases.c.id.desc()).limit(1)).scalar()
    entry = Entry(
        kind="approve", ds=made_up_night.DS, by="bob", unit_id=unit, at=of(connection, seq - 1)["at"][:-7] + "9+00:00",
        seq=seq, **more,
    )  # fmt: skip
    body, previous = canonical(entry), of(connection, seq - 1)["hash"]
    row = {name: getattr(entry, name) for name in ("seq", "kind", "ds", "unit_id", "by", "at", "bulk_id", "key")}
    row |= {"body": body, "previous": previous, "hash": hashlib.sha256(f"{previous}\n{body}".encode()).hexdigest()}
    connection.execute(insert(entries), [row])


def updated(connection):
    connection.execute(update(entries).where(entries.c.seq == 3).values(kind="reject"))


def deleted(connection):
    connection.execute(delete(entries).where(entries.c.seq == 3))


def inserted(connection):
    for seq in (7, 6, 5, 4, 3):
        rewrite(connection, seq, seq=seq + 1)
    forged(connection, 3)
    rehash(connection, 3)


def replaced(connection):
    row = of(connection, 2)
    row |= {"body": row["body"].replace("ugly", "text"), "hash": "0" * 64}
    if connection.dialect.name == "sqlite":
        connection.execute(insert(entries).prefix_with("OR REPLACE"), [row])
    else:
        connection.execute(
            text(
                "INSERT INTO entries SELECT * FROM entries WHERE seq = 2 ON CONFLICT (seq) DO UPDATE SET body = :body"
            ),
            {"body": row["body"]},
        )


def swapped(connection):
    first, second = of(connection, 2), of(connection, 3)
    rewrite(connection, 2, **{**vars(parsed(second["body"])), "seq": 2, "at": first["at"]})
    rewrite(connection, 3, **{**vars(parsed(first["body"])), "seq": 3, "at": second["at"]})
    rehash(connection, 2)


def cut_off(connection):
    last = of(connection, 7)
    connection.execute(delete(entries).where(entries.c.seq == 7))
    row = connection.execute(select(cases).where(cases.c.unit_id == last["unit_id"])).one()
    decisions.refresh(connection, [row], {row.unit_id: 0})


def tail_rehashed(connection):
    rewrite(connection, 5, by="bob")
    rehash(connection, 5)


def all_rehashed(connection):
    rewrite(connection, 1, by="ann")
    rehash(connection, 1)
    connection.execute(delete(log_key))


def not_doubled(connection):
    row = connection.execute(select(cases).where(cases.c.doubled == 1, cases.c.last_entry == 0).limit(1)).first()
    row = row or connection.execute(select(cases).where(cases.c.doubled == 1).limit(1)).one()
    connection.execute(update(cases).where(cases.c.id == row.id).values(doubled=0))
    decisions.refresh(connection, [connection.execute(select(cases).where(cases.c.id == row.id)).one()], {})


def audit_changed(connection):
    connection.execute(update(audit_table).where(audit_table.c.who == "eve").values(who="bob"))


def audit_deleted(connection):
    connection.execute(delete(audit_table).where(audit_table.c.who == "eve"))


def role_changed(connection):
    connection.execute(update(accounts).where(accounts.c.name == "vic").values(role="lead"))


def forged_import(connection):
    forged(connection, 8, more={"offline": "0" * 32, "importer": "ann"})


def triggers_dropped(connection):
    rewrite(connection, 2, reason="brand")
    rehash(connection, 2)


def moved(connection):
    other = connection.execute(select(cases.c.unit_id).order_by(cases.c.id.desc()).limit(1)).scalar()
    rewrite(connection, 7, unit_id=other)
    rehash(connection, 7)


def other_time_and_reason(connection):
    rewrite(connection, 2, reason="text", at=of(connection, 2)["at"].replace("08:00", "07:00"))
    rehash(connection, 2)


def password_changed(connection):
    connection.execute(update(accounts).where(accounts.c.name == "ann").values(password=QUICK.hash("known to eve")))


def undone_forged(connection):
    connection.execute(insert(undone), [{"seq": 2, "by_seq": 6}])


def audit_cut_off(connection):
    last = connection.execute(select(audit_table.c.id).order_by(audit_table.c.id.desc()).limit(1)).scalar()
    connection.execute(delete(audit_table).where(audit_table.c.id == last))


def verdict_changed(connection):
    connection.execute(update(cases).where(cases.c.verdict == "approve").values(verdict="reject"))


def candidate_exchanged(connection):
    connection.execute(update(candidates).where(candidates.c.number == 1).values(cover_id="0" * 64))


TAMPERS = {
    1: updated, 2: deleted, 3: inserted, 4: replaced, 5: swapped, 6: cut_off, 7: tail_rehashed, 8: all_rehashed,
    9: not_doubled, 10: audit_changed, 11: audit_deleted, 12: role_changed, 13: forged_import, 14: triggers_dropped,
    15: "an older copy is put back", 16: moved, 17: other_time_and_reason,
    18: password_changed, 19: undone_forged, 20: audit_cut_off, 21: verdict_changed, 22: candidate_exchanged,
}  # fmt: skip


def put_back(database):
    """Everything as it was two decisions ago, hashes included."""
    with database.reading() as connection:
        kept = {table.name: connection.execute(select(table)).mappings().all() for table in metadata.sorted_tables}
    decide(database, 6, by="ann")
    decide(database, 7, by="bob")

    def change(connection):
        for table in metadata.sorted_tables:
            connection.execute(delete(table))
            if kept[table.name]:
                connection.execute(insert(table), [dict(row) for row in kept[table.name]])

    tampering(database, change)


@pytest.mark.parametrize("number", TAMPERS)
def test_every_tamper_is_found_and_the_lake_is_told_nothing(desk, make_context, number):
    change = TAMPERS[number]
    put_back(desk) if isinstance(change, str) else tampering(desk, change)
    assert verify.faults(desk)
    with pytest.raises(GateError, match="records were changed") as refused:
        sync.check_records(desk, make_context().lake, DAY)
    assert refused.value.exit_code == 4


REFUSED = (
    "UPDATE entries SET kind = 'reject'", "DELETE FROM entries", "UPDATE audit SET who = 'bob'", "DELETE FROM audit",
    "DELETE FROM undone", "UPDATE log_key SET hash = ''", "DELETE FROM log_key", "replaced",
)  # fmt: skip


@pytest.mark.parametrize("statement", REFUSED)
def test_the_database_itself_refuses(desk, statement):
    with pytest.raises(DBAPIError, match="append-only"), desk.engine.begin() as connection:
        replaced(connection) if statement == "replaced" else connection.execute(text(statement))
    assert verify.faults(desk) == []


def test_a_trigger_that_is_gone_is_said(desk):
    with desk.engine.begin() as connection:
        gone = "DROP TRIGGER entries_no_UPDATE" + ("" if desk.is_sqlite else " ON entries")
        connection.execute(text(gone))
    assert verify.faults(desk) == ["the trigger that refuses UPDATE on entries is gone or off"]


def test_the_lake_knows_how_far_the_log_went_where_the_witness_is_gone(make_desk, desk_url, make_context):
    database, ctx = make_desk(2), make_context(review={"database": desk_url})
    decide(database, 0, "reject")
    assert sync.run(ctx).rows == {"cover_decisions": 1}
    heads = ctx.lake.read("review_heads").sort_by("chain").to_pylist()
    assert [(row["chain"], row["seq"]) for row in heads] == [("audit", 1), ("decisions", 1)]
    database.seal.witness.unlink()
    tampering(database, lambda connection: connection.execute(delete(entries)))
    assert "entry 1 is missing, but the lake got it on 2026-03-29" in "; ".join(verify.faults(database, ctx.lake))
    with pytest.raises(GateError):
        sync.run(ctx)


def test_the_command_says_what_it_found_and_ends_with_4(make_desk, desk_url, make_context):
    database, ctx, said = make_desk(2), make_context(review={"database": desk_url}), []
    decide(database, 0)
    command.verify_records(ctx, said.append)
    assert said == ["1 decisions and 1 lines of the audit are as they were written."]
    tampering(database, updated_first)
    with pytest.raises(GateError, match="1 findings") as stopped:
        command.verify_records(ctx, said.append)
    assert stopped.value.exit_code == 4
    assert said[1:] == ["entry 1: column kind was changed"]


def updated_first(connection):
    connection.execute(update(entries).where(entries.c.seq == 1).values(kind="reject"))


def test_the_key_is_the_desks_alone_and_not_in_the_database(desk, desk_url, tmp_path):
    key, head = desk.seal.path, desk.seal.witness
    assert (os.stat(key).st_mode & 0o777, os.stat(head).st_mode & 0o777) == (0o600, 0o600)
    secret = json.loads(key.read_text())["coverlift_desk_key"]
    with desk.reading() as connection:
        held = str([connection.execute(select(table)).all() for table in metadata.sorted_tables])
    assert secret not in held
    shutil.move(key, tmp_path / "elsewhere.key")
    with pytest.raises(UsageError, match="put the key file back, or name it"):
        open_database(desk_url, tmp_path)
    again = open_database(desk_url, tmp_path, str(tmp_path / "elsewhere.key"))
    assert verify.faults(again) == []
    again.close()
    key.write_text(json.dumps({"coverlift_desk_key": "00" * 32}))
    other = open_database(desk_url, tmp_path)
    assert "or the key is another desk's" in verify.faults(other)[0]
    other.close()
    key.write_text("not a key")
    with pytest.raises(UsageError, match="is no key of a desk"):
        open_database(desk_url, tmp_path)


def test_a_new_database_under_a_used_key_is_refused(tmp_path):
    first = open_database(f"sqlite:///{tmp_path}/one.sqlite", tmp_path)
    add_people(first, Settings(), {"ann": "reviewer"})
    first.close()
    with pytest.raises(GateError, match="does not hold: the log was exchanged"):
        open_database(f"sqlite:///{tmp_path}/two.sqlite", tmp_path)


def older_desk(url):
    """A desk of before the key: plain hashes, an audit without any."""
    parsed_url = desk_database.make_url(url)
    engine = create_engine(
        parsed_url if parsed_url.get_backend_name() == "sqlite" else parsed_url.set(drivername=desk_database.DRIVER)
    )
    config = Config()
    config.set_main_option("script_location", str(desk_database.HERE / "migrations"))
    previous = chain.GENESIS
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        alembic_command.upgrade(config, "0002")
        for seq in (1, 2, 3):
            entry = Entry(
                kind="skip",
                ds=made_up_night.DS,
                by="ann",
                unit_id="u",
                seq=seq,
                at=chain.stamp(NOW + timedelta(seconds=seq)),
            )
            body = canonical(entry)
            digest = chain.linked(previous, body)
            row = {name: getattr(entry, name) for name in ("seq", "kind", "ds", "unit_id", "by", "at")}
            connection.execute(insert(entries), [{**row, "body": body, "previous": previous, "hash": digest}])
            connection.execute(
                text(
                    "INSERT INTO audit (id, at, who, address, action, object, outcome) VALUES (:n, '', '', '', '', '', '')"  # noqa: E501
                ),
                {"n": seq},
            )
            previous = digest
    engine.dispose()


def test_an_older_log_is_verified_and_goes_on_with_keyed_hashes(desk_url, tmp_path):
    older_desk(desk_url)
    database = open_database(desk_url, tmp_path)
    made_up_night.fill(database, 2)
    decide(database, 0)
    Accounts(database, ReviewSettings(), QUICK).put("bob", "reviewer", PASSWORD, NOW)
    assert verify.faults(database) == []
    with database.reading() as connection:
        assert chain.keyed_after(connection)[0] == 3
        assert chain.head(connection)[0] == 4

    def change(connection):
        rewrite(connection, 2, by="bob")
        rehash(connection, 2)

    tampering(database, change)
    assert "the 3 entries that are older than the key are not those that it was made for" in verify.faults(database)
    tampering(
        database,
        lambda connection: connection.execute(update(audit_table).where(audit_table.c.id == 2).values(who="bob")),
    )
    assert "the 3 lines of the audit that are older than the key are not those that it was made for" in verify.faults(
        database
    )
    database.close()
