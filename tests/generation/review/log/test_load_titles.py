"""Written titles from the lake to the desk, and what people decide about them back to the feed."""

import hashlib

import polars as pl
import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake
from sqlalchemy import select, update

from generation.review.log import decisions
from generation.review.log.database import open_database
from generation.review.log.decisions import Decision
from generation.review.log.live import Published, waiting
from generation.review.log.load import load_night
from generation.review.log.load_titles import texts_of
from generation.review.log.queue import Filter, candidates_of, page
from generation.review.log.schema import TITLES, cases, texts
from generation.review.log.sync import decision_rows
from jobs.lake.schema.review import COVER_DECISIONS
from jobs.lake.schema.tables import TABLES
from jobs.lake.schema.titles import GENERATED_TITLES
from jobs.publishing.stage import decisions_that_count
from jobs.publishing.titles import choose_titles
from tests.generation.review.conftest import NOW
from tests.support.worlds.samples import DAY, sample

WORDS = {"a": "Say hello to: Red Fox!", "b": "Red Fox, sly", "c": "Red Fox", "d": "Voici: Renard", "e": "Renard rusé"}


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


def written(name, number, group="en:0", item="fox", *, selected=False, failed=()):
    return {
        "ds": DAY, "item_id": item, "group_id": group, "candidate": number, "text_hash": sha(WORDS[name]),
        "title": WORDS[name], "unit_id": sha(item + group), "personal": 0.25, "failed": list(failed),
        "selected": selected, "writer": "w1",
    }  # fmt: skip


def put(ctx, name, table):
    """Rows in a table without Spark, which takes seconds a table."""
    spec = TABLES[name]
    schema = pa.schema(spec.schema)
    write_deltalake(ctx.lake.path(name), table.cast(schema), mode="append", partition_by=list(spec.partition_by))


@pytest.fixture
def night(make_context):
    """An item with a cover; for English readers one title of three is selected, of the French nothing passed."""
    ctx = make_context(ds=DAY, policy={"titles": "ask"})
    cover = sample("generated_covers", item_id="fox", segment_id="s1", unit_id="u1", selected=True)
    put(ctx, "generated_covers", cover)
    plan = sample("generation_plan", item_id="fox", segment_id="s1", unit_id="u1", reference_cover_id="0" * 64)
    put(ctx, "generation_plan", plan)
    put(ctx, "items", sample("items", item_id="fox", title="Red Fox", tags=[["sly"]]))
    put(ctx, "segments", sample("segments", segment_id="s1", size=100))
    put(ctx, "item_features", sample("item_features", item_id="fox", impressions_7d=70))
    groups = sample("word_groups", 2, group_id=["en:0", "fr:0"], language=["en", "fr"], size=[75, 25])
    put(ctx, "word_groups", groups)
    rows = [
        written("a", 0, failed=["label"]),
        written("b", 1, selected=True),
        written("c", 2),
        written("b", 3),
        written("d", 0, "fr:0", failed=["language"]),
        written("e", 1, "fr:0", failed=["language"]),
    ]
    put(ctx, "generated_titles", pa.Table.from_pylist(rows, schema=GENERATED_TITLES.schema))
    told = sample(
        "cover_decisions", cover_id=sha(WORDS["b"]), unit_id=sha("foxen:0"), decision="ask", by="policy:p",
        reason="titles: ask what passes its checks",
    )  # fmt: skip
    put(ctx, "cover_decisions", told)
    return ctx


@pytest.fixture
def desk(night, tmp_path):
    database = open_database(f"sqlite:///{tmp_path}/desk.sqlite", tmp_path)
    load_night(database, night)
    yield database
    database.close()


def titles_of(database):
    with database.reading() as connection:
        return page(connection, Filter(ds=DAY, tab="all", what=TITLES), me="ann")


def decided(database, night, kind, **more):
    (row,) = titles_of(database)
    wish = Decision(case_id=row.id, kind=kind, by="ann", seen=row.last_entry, **more)
    return decisions.decide(database, wish, night.settings.review.reasons, NOW)


def published(night, database):
    """Texts that the next publish shows, by what the log comes to; without Spark, which only stores them."""
    told = decision_rows(database, night.ds)
    rows = pa.Table.from_pylist(told, schema=COVER_DECISIONS.schema)
    decisions_now = pl.concat([decisions_that_count(night.lake, night.ds), pl.DataFrame(pl.from_arrow(rows))])
    written_now = pl.DataFrame(pl.from_arrow(night.lake.read("generated_titles", ds=DAY)))
    return choose_titles(written_now.filter(pl.col("failed").list.len() == 0), decisions_now)["title"].to_list()


def test_a_title_waits_beside_the_covers_and_not_among_them(desk):
    (row,) = titles_of(desk)
    assert (row.title, row.segment_id, row.prompt, row.queue) == ("Red Fox", "en:0", "en", "pending")
    assert (row.stake, row.words, row.reference_cover_id) == (70 / 7 * 0.75, "sly", "0" * 64)
    assert (row.policy_decision, row.reason) == ("ask", "titles")
    with desk.reading() as connection:
        (cover,) = page(connection, Filter(ds=DAY, tab="all"), me="ann")
        texts_here = candidates_of(connection, [row.id])[row.id]
        assert [each.cover_id for each in texts_here] == [sha(WORDS["b"]), sha(WORDS["c"])]
        assert texts_of(connection, [each.cover_id for each in texts_here]) == {
            sha(WORDS["b"]): WORDS["b"],
            sha(WORDS["c"]): WORDS["c"],
        }
    assert cover.method != TITLES


def test_nothing_is_loaded_twice(desk, night):
    before = titles_of(desk)
    assert load_night(desk, night) == 0
    later = sample(
        "cover_decisions", decision_id="later", cover_id=sha(WORDS["b"]), unit_id=sha("foxen:0"), decision="approve",
        by="policy:p",
    )  # fmt: skip
    put(night, "cover_decisions", later)
    assert load_night(desk, night) == 0
    (row,) = titles_of(desk)
    assert row.id == before[0].id
    assert row.policy_decision == "approve"


def test_a_text_that_is_not_what_its_hash_says_is_not_shown(desk):
    with desk.writing() as connection:
        connection.execute(update(texts).where(texts.c.text_hash == sha(WORDS["b"])).values(text="Buy now!"))
    with desk.reading() as connection:
        assert texts_of(connection, [sha(WORDS["b"]), sha(WORDS["c"])]) == {sha(WORDS["c"]): WORDS["c"]}


@pytest.mark.parametrize(
    ("kind", "more", "goes_out"),
    [("approve", {}, ["b"]), ("reject", {"reason": "ugly"}, []), ("pick", {"cover_id": sha(WORDS["c"])}, ["c"])],
)
def test_what_a_person_decides_is_what_readers_see(desk, night, kind, more, goes_out):
    assert published(night, desk) == []
    decided(desk, night, kind, **more)
    with desk.reading() as connection:
        assert waiting(connection, DAY, {}, TITLES) == {"live": 0, "comes": len(goes_out), "goes": 0}
        live = {sha("foxen:0"): sha(WORDS["b"])}
        gone = {"b": (0, 0), "c": (1, 1)}.get(goes_out[0], (0, 1)) if goes_out else (0, 1)
        assert waiting(connection, DAY, live, TITLES) == {"live": 1, "comes": gone[0], "goes": gone[1]}
    assert published(night, desk) == [WORDS[name] for name in goes_out]


def test_what_is_live_is_read_from_the_lake(desk, night):
    assert Published(night.lake).of(DAY, TITLES) == {}
    out = sample("published_titles", item_id="fox", group_id="en:0", text_hash=sha(WORDS["b"]))
    put(night, "published_titles", out)
    assert Published(night.lake).of(DAY, TITLES) == {sha("foxen:0"): sha(WORDS["b"])}
    assert Published(night.lake).of(DAY) == {}


def test_a_takedown_takes_the_text_from_everybody_at_the_next_publish(desk, night):
    decided(desk, night, "approve")
    assert published(night, desk) == [WORDS["b"]]
    (row,) = titles_of(desk)
    decisions.take_down(desk, case_id=row.id, cover_id=row.cover_id, by="ann", reason="rude", now=NOW)
    assert published(night, desk) == []
    with desk.reading() as connection:
        assert connection.execute(select(cases.c.verdict).where(cases.c.id == row.id)).scalar() == "takedown"


def test_a_night_without_titles_has_none(make_context, night, tmp_path):
    DeltaTable(night.lake.path("generated_titles")).delete(f"ds = '{DAY}'")
    database = open_database(f"sqlite:///{tmp_path}/other.sqlite", tmp_path)
    load_night(database, night)
    assert titles_of(database) == []
    database.close()
