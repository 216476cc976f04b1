import json
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from conf.errors import NothingToDo, UsageError
from jobs.ingest.forgotten import LEDGER, read_forgotten, user_hash
from jobs.lake.schema.tables import TABLES
from jobs.maintenance.forget import forget
from jobs.maintenance.mentions import Kind, user_columns
from tests.support.worlds.samples import DAY, sample

NOW = datetime(2026, 4, 1, tzinfo=UTC)
GONE, STAYS, SIMILAR = "reader-17", "reader-2", "reader-171"
OTHER_DAY = "2026-03-01"
NAMING = {name: spec for name, spec in TABLES.items() if user_columns(spec)}


def value(kind, user):
    row = json.dumps({"user_id": user, "item_id": GONE if user == STAYS else "i1"})
    return {Kind.USER: user, Kind.AUDIENCE: f"user:{user}", Kind.INPUT: row, Kind.USERS: [user, SIMILAR]}[kind]


def rows_of(table, user, number, day=DAY):
    """A row about a user; its key differs from those of others."""
    changes = {name: value(kind, user) for name, kind in user_columns(TABLES[table]).items()}
    if table == "segments":
        changes["segment_id"] = f"s{number}"
    elif table == "quarantine":
        changes["source"] = "impressions"
    elif table == "impressions":
        changes["impression_id"] = f"{day}-{number}"
    days = {"ds": day} if "ds" in TABLES[table].schema.names else {}
    return sample(table, **(changes | days))


def texts(array):
    """All texts in an array, those of lists too."""
    if pa.types.is_list(array.type):
        return texts(array.flatten()) if isinstance(array, pa.ListArray) else texts(array.combine_chunks().flatten())
    return {text for text in array.to_pylist() if text is not None} if pa.types.is_string(array.type) else set()


def texts_on_disk(lake):
    """All texts of all Parquet files, those of old versions and of killed writers too."""
    found = set()
    for path in Path(lake.url).rglob("*.parquet"):
        if "_delta_log" not in path.parts:
            with pq.ParquetFile(path) as file:
                found |= set().union(*(texts(column) for column in file.read().columns))
    return found


def is_named(user, found):
    return any(text in (user, f"user:{user}") or f'"user_id": "{user}"' in text for text in found)


def fill(ctx, tables):
    """Tables of three users over two days and several versions; a model, a log and a killed writer's file."""
    for table in tables:
        day = [rows_of(table, user, number) for number, user in enumerate((GONE, STAYS, SIMILAR))]
        ctx.lake.replace(pa.concat_tables(day), table, ds=DAY)
    ctx.lake.replace(rows_of("segments", STAYS, 9, OTHER_DAY), "segments", ds=OTHER_DAY)
    killed = Path(ctx.lake.path("impressions"), f"ds={DAY}", "part-killed.parquet")
    pq.write_table(rows_of("impressions", GONE, 5).drop_columns("ds"), killed)
    model = ctx.home / "models" / "reward" / "v1"
    model.mkdir(parents=True)
    (model / "model.json").write_text("{}")
    (model / "vocabulary.json").write_text(json.dumps({"users": [GONE, STAYS]}))
    (ctx.home / "logs").mkdir()
    (ctx.home / "logs" / "night.log").write_text(f"{SIMILAR} was here\n")
    return ctx


@pytest.fixture
def home(make_context, spark_lake):
    """With every table that names users."""
    return fill(make_context(), NAMING)


@pytest.fixture
def small_home(make_context, spark_lake):
    """With two of them."""
    return fill(make_context(), ("impressions", "segments"))


def test_nothing_in_the_lake_names_them_any_more_and_everybody_else_is_as_before(home):
    lake = home.lake
    before = {table: lake.version(table) for table in NAMING}
    assert is_named(GONE, texts_on_disk(lake))

    foreseen = forget(home, [GONE], NOW, dry_run=True)
    assert {each.table for each in foreseen.tables} == set(NAMING)
    assert all(each.rows == 1 for each in foreseen.tables)
    assert {table: lake.version(table) for table in NAMING} == before
    assert not (home.home / LEDGER).exists()

    done = forget(home, [GONE], NOW)
    assert done.tables == foreseen.tables
    assert (done.models, done.nights) == (["v1"], [OTHER_DAY, DAY])
    assert done.files == ["models/reward/v1/vocabulary.json"]
    left = texts_on_disk(lake)
    assert not is_named(GONE, left)
    assert is_named(STAYS, left)
    assert is_named(SIMILAR, left)
    for log in Path(lake.url).rglob("_delta_log/*.json"):
        assert f"{GONE}'" not in log.read_text()
        assert f'{GONE}\\"' not in log.read_text()
    for table in NAMING:
        wanted = [rows_of(table, user, number) for number, user in enumerate((STAYS, SIMILAR), start=1)]
        if table == "segments":
            wanted.append(sample("segments", ds=DAY, segment_id="s0", exemplar_users=[[SIMILAR]]))
            wanted.append(rows_of("segments", STAYS, 9, OTHER_DAY))
        wanted = pa.concat_tables(wanted).to_pylist()
        assert sorted(map(str, lake.read(table).to_pylist())) == sorted(map(str, wanted)), table
        with pytest.raises(FileNotFoundError):
            lake.read(table, version=before[table])

    ledger = (home.home / LEDGER).read_text()
    assert GONE not in ledger
    assert read_forgotten(home.home)[user_hash(GONE)].models == ["v1"]
    with pytest.raises(NothingToDo, match="Forgotten already"):
        forget(home, [GONE], NOW)


def test_nobody_goes_when_one_of_them_is_unknown(small_home):
    before = texts_on_disk(small_home.lake)
    with pytest.raises(UsageError, match="names 'nobody', and nobody of that id was forgotten"):
        forget(small_home, [GONE, "nobody"], NOW)
    with pytest.raises(UsageError, match="An id is empty"):
        forget(small_home, [""], NOW)
    assert texts_on_disk(small_home.lake) == before
    assert not (small_home.home / LEDGER).exists()


def test_a_run_that_was_killed_between_two_tables_is_finished_by_the_next(small_home, monkeypatch):
    """The rows are gone from the newest version, old versions still have them."""
    with monkeypatch.context() as killed:
        killed.setattr("jobs.maintenance.forget.remove_old_versions", lambda *args, **options: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            forget(small_home, [GONE], NOW)
    assert is_named(GONE, texts_on_disk(small_home.lake))
    forget(small_home, [GONE], NOW)
    assert not is_named(GONE, texts_on_disk(small_home.lake))
