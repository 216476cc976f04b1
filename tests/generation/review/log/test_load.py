import pyarrow as pa
import pytest
from deltalake import write_deltalake

from conf.errors import UsageError
from generation.catalogue import end_of_day
from generation.review.log import decisions
from generation.review.log.decisions import Decision
from generation.review.log.load import load_night
from generation.review.log.queue import candidates_of
from jobs.lake.schema.covers import GENERATED_COVERS, GENERATION_PLAN
from jobs.lake.schema.features import ITEM_FEATURES, SEGMENTS
from jobs.lake.schema.feed import ITEMS
from jobs.lake.schema.review import COVER_DECISIONS
from jobs.publishing.stage import publishable_covers
from tests.generation.review.conftest import NOW, rows_of

DS = "2026-03-29"
UNIT = "u" * 64


@pytest.fixture
def night(make_context):
    """One unit with two candidates, of which the policy asks about the second, which is selected."""
    ctx = make_context(ds=DS)
    common = {"ds": DS, "unit_id": UNIT, "item_id": "fox", "segment_id": "s1", "method": "profile", "as_of": DS}
    cover = {**common, "purpose": "publish", "seed": 2**62, "generator": "g"}
    counts = {f"{what}_{days}d": 70 if days > 1 else 1 for what in ("impressions", "clicks") for days in (1, 7, 28)} | {
        f"ctr_{days}d": 0.1 for days in (1, 7, 28)
    }
    tables = [
        (GENERATED_COVERS, [
            {**cover, "cover_id": "a" * 64, "candidate": 0, "rewards": [("relevance", 0.2)], "score": 0.1,
             "selected": False},
            {**cover, "cover_id": "b" * 64, "candidate": 1, "score": 0.9, "selected": True,
             "rewards": [("relevance", 0.5), ("nsfw", 0.01), ("personal", float("nan"))]},
            {**cover, "cover_id": "c" * 64, "candidate": 0, "unit_id": "e", "purpose": "evaluate", "rewards": [],
             "score": 0.0, "selected": True},
        ]),
        (GENERATION_PLAN, [
            {**common, "purpose": "publish", "reference_cover_id": "0" * 64, "candidates": 2, "seed": 1,
             "prompt": "red fox", "pref_embedding": [0.0], "pref_style": [0.0], "expected_gain": 1.0,
             "estimated_seconds": 1.0, "rank": 1}
        ]),
        (ITEMS, [
            {"item_id": "fox", "title": "Red Fox", "category": "animals", "tags": ["sly", "red"],
             "created_at": end_of_day(ctx.ds)}
        ]),
        (SEGMENTS, [
            {"ds": DS, "segment_id": name, "size": size, "pref_embedding": [0.0], "pref_style": [0.0],
             "exemplar_users": [], "exemplar_covers": [], "top_categories": ["animals"]}
            for name, size in (("s0", 75), ("s1", 25))
        ]),
        (ITEM_FEATURES, [{"ds": DS, "item_id": "fox", **counts, "ctr_debiased": 0.1, "age_days": 1.0}]),
        (COVER_DECISIONS, [decision("ask", "close-call: 0.5")]),
    ]  # fmt: skip
    for spec, rows in tables:
        write(ctx, rows, spec)
    return ctx


def decision(what, reason, name="p1"):
    return {
        "ds": DS, "decision_id": name, "cover_id": "b" * 64, "unit_id": UNIT, "decision": what, "reason": reason,
        "by": "policy:p", "decided_at": end_of_day(NOW.date().replace(day=29)),
    }  # fmt: skip


def write(ctx, rows, spec):
    write_deltalake(ctx.lake.path(spec.name), pa.Table.from_pylist(rows, schema=spec.schema), mode="append",
                    partition_by=list(spec.partition_by))  # fmt: skip


def test_a_unit_is_one_case_with_its_candidates(make_desk, night):
    database = make_desk(0)
    assert load_night(database, night) == 1
    (row,) = rows_of(database)
    assert (row.title, row.prompt, row.selected_cover_id, row.queue) == ("Red Fox", "red fox", "b" * 64, "pending")
    assert row.words == "sly, red"
    assert (row.relevance, row.nsfw, row.personal) == (0.5, 0.01, None)
    assert row.stake == 70 / 7 * 0.25  # impressions a day, times the segment's share of people
    assert (row.policy_decision, row.reason) == ("ask", "close-call")


def test_loading_again_keeps_decisions_and_hears_the_policy(make_desk, night):
    database = make_desk(0)
    load_night(database, night)
    before = rows_of(database)
    assert load_night(database, night) == 0
    assert rows_of(database) == before
    wish = Decision(case_id=before[0].id, kind="reject", by="ann", seen=0, reason="ugly")
    decisions.decide(database, wish, night.settings.review.reasons, NOW)
    write(night, [decision("approve", "within-limits: fine", "p2")], COVER_DECISIONS)
    assert load_night(database, night) == 0
    (row,) = rows_of(database)
    assert (row.verdict, row.decided_by, row.policy_decision, row.doubtful) == ("reject", "ann", "approve", 1)


def test_loading_again_brings_scores_the_chosen_candidate_and_the_limit_up_to_date(make_desk, night, make_context):
    database = make_desk(0)
    load_night(database, night)
    wish = Decision(case_id=rows_of(database)[0].id, kind="pick", by="ann", seen=0, cover_id="a" * 64)
    decisions.decide(database, wish, night.settings.review.reasons, NOW)
    rows = night.lake.read("generated_covers", filters=[("unit_id", "==", UNIT)]).to_pylist()
    for row in rows:
        row["selected"] = not row["selected"]
        if row["cover_id"] == "a" * 64:
            row["rewards"] = [("relevance", 0.2), ("nsfw", 0.9)]  # what the sync measured of a picked candidate
    write_deltalake(
        night.lake.path("generated_covers"), pa.Table.from_pylist(rows, schema=GENERATED_COVERS.schema),
        mode="overwrite", partition_by=["ds"],
    )  # fmt: skip
    assert load_night(database, night) == 0
    (row,) = rows_of(database)
    assert (row.selected_cover_id, row.nsfw, row.verdict, row.cover_id) == ("a" * 64, 0.9, "approve", "a" * 64)
    with database.reading() as connection:
        rewards = [each.rewards for each in candidates_of(connection, [row.id])[row.id]]
        assert decisions.limit_of(connection, DS) == 0.4
    assert '"nsfw": 0.9' in rewards[0]
    load_night(database, make_context(ds=DS, policy={"max_nsfw": 0.3}))
    with database.reading() as connection:
        assert decisions.limit_of(connection, DS) == 0.3


def test_what_may_be_published_is_on_the_desk(make_desk, night):
    """The covers for users without a profile go out too; those of another day, or to evaluate by, do not."""
    plain = {
        "ds": DS, "unit_id": "p" * 64, "item_id": "fox", "segment_id": "all", "method": "profile", "as_of": DS,
        "seed": 1, "cover_id": "d" * 64, "candidate": 0, "purpose": "unpersonalised", "score": 0.1,
        "rewards": [("nsfw", 0.01)], "selected": True, "generator": "g",
    }  # fmt: skip
    past = {**plain, "unit_id": "q" * 64, "cover_id": "f" * 64, "as_of": "2026-03-22"}
    write(night, [plain, past], GENERATED_COVERS)
    everybody_new = {
        "ds": DS, "segment_id": "new", "size": 300, "pref_embedding": [0.0], "pref_style": [0.0], "exemplar_users": [],
        "exemplar_covers": [], "top_categories": [],
    }  # fmt: skip
    write(night, [everybody_new], SEGMENTS)
    database = make_desk(0)
    assert load_night(database, night) == 2
    rows = {row.unit_id: row for row in rows_of(database)}
    with database.reading() as connection:
        pictures = candidates_of(connection, [row.id for row in rows.values()])
    on_desk = {(row.unit_id, each.cover_id) for row in rows.values() for each in pictures[row.id]}
    may_go_out = set(publishable_covers(night.lake, night.ds).select("unit_id", "cover_id").iter_rows())
    assert may_go_out == on_desk == {(UNIT, "a" * 64), (UNIT, "b" * 64), ("p" * 64, "d" * 64)}
    assert rows["p" * 64].segment_id == "new"
    assert rows["p" * 64].stake == 70 / 7 * 0.75  # 300 of 400 people have no profile


def test_a_cover_for_a_single_user_is_a_case_with_that_users_stake(make_desk, night):
    own = {
        "ds": DS, "unit_id": "v" * 64, "item_id": "fox", "segment_id": "user:u7", "method": "profile", "as_of": DS,
        "seed": 1, "cover_id": "e" * 64, "candidate": 0, "purpose": "publish", "score": 0.1,
        "rewards": [("nsfw", 0.01)], "selected": True, "generator": "g",
    }  # fmt: skip
    write(night, [own], GENERATED_COVERS)
    database = make_desk(0)
    load_night(database, night)
    row = next(row for row in rows_of(database) if row.unit_id == "v" * 64)
    assert row.segment_id == "user:u7"
    assert row.stake == 70 / 7 / 100  # one of the 100 people of the night's segments


def test_a_night_without_covers_is_named(make_desk, make_context):
    with pytest.raises(UsageError, match="coverlift generate --ds 2026-03-29"):
        load_night(make_desk(0), make_context(ds=DS))
