import hashlib
import shutil
from datetime import date

import pytest

from conf.errors import UsageError
from generation.planning.stage import (
    DEFAULT_PICTURES_PER_SECOND,
    pictures_per_second,
    planned,
    rehearse,
    run,
    summary,
)
from jobs.lake.schema.features import SEGMENT_HISTORY
from jobs.lake.schema.runs import RUNS
from jobs.stickers.pack import PicturePack
from tests.support.worlds import tiny


@pytest.fixture
def make_plan(make_context, tiny_home, reward_model):
    def make(fingerprint="g1", **generation):
        fingerprints = {"profile": fingerprint, "icg": fingerprint + "+icg"}
        return planned(make_context(ds=tiny.DS, home=tiny_home, generation=generation), fingerprints).to_pylist()

    return make


def chosen(rows, purpose):
    return [(row["item_id"], row["segment_id"]) for row in rows if row["purpose"] == purpose]


def test_launching_items_come_first_then_gain(make_plan):
    rows = make_plan(evaluation_items=0)
    # s1 gains 0.2 wherever it is shown twemoji, s0 nothing: noto, its favourite, is the default.
    # Traffic: launching items get the mean of known ones, (100 + 10 + 20) / 3 a day; s1 is 30 % of users.
    launching = (130 / 3) * 0.3 * 0.2
    expected = {
        ("1f34b", "s1"): launching,
        ("1f40c", "s1"): launching,
        ("1f98a", "s1"): 100 * 0.3 * 0.2,
        ("1f680", "s1"): 20 * 0.3 * 0.2,
        ("1f355", "s1"): 10 * 0.3 * 0.2,
    }
    assert chosen(rows, "publish") == list(expected)
    found = {(row["item_id"], row["segment_id"]): row["expected_gain"] for row in rows if row["purpose"] == "publish"}
    assert found == pytest.approx(expected)


def test_what_promises_too_little_is_left_as_it_is(make_plan):
    # s1 would click twemoji three times as often as noto: a gain of 2; s0 likes the default already
    assert {segment for _, segment in chosen(make_plan(), "publish")} == {"s1"}
    assert {segment for _, segment in chosen(make_plan(), "evaluate")} == {"s1"}
    assert chosen(make_plan(min_gain=2.5), "publish") == []
    everything = make_plan(evaluation_items=0, min_gain=-1)
    assert chosen(everything, "publish")[:4] == [("1f34b", "s1"), ("1f40c", "s1"), ("1f34b", "s0"), ("1f40c", "s0")]
    assert len(chosen(everything, "publish")) == 10  # 2 segments with a profile x 5 items


def test_only_the_most_shown_items_are_looked_at(make_plan, monkeypatch):
    asked = []
    ask = tiny.KnownScorer.segment_click_probability

    def listen(self, segment_ids, item_ids, embeddings, styles):
        asked.extend(item_ids)
        return ask(self, segment_ids, item_ids, embeddings, styles)

    monkeypatch.setattr(tiny.KnownScorer, "segment_click_probability", listen)
    make_plan(evaluation_items=0, max_units=2)
    assert set(asked) == {*tiny.LAUNCHING, "1f98a", "1f680"}  # 2 x 2 units / 2 segments


def test_a_segment_without_profile_gets_the_unpersonalised_cover(make_plan):
    rows = make_plan(evaluation_items=0)
    assert not [row for row in rows if row["segment_id"] == "new"]
    assert chosen(rows, "unpersonalised") == [(item, "all") for item in ("1f34b", "1f40c", "1f98a", "1f680", "1f355")]
    everybody = next(row for row in rows if row["segment_id"] == "all")
    assert set(everybody["pref_embedding"]) | set(everybody["pref_style"]) == {0.0}
    assert everybody["as_of"] == tiny.DS


def test_another_method_paints_launching_items_for_the_same_segments_beside(make_plan):
    rows = make_plan(evaluation_items=0, beside=("profile", "icg"))
    assert not [
        row for row in make_plan(evaluation_items=0) if row["purpose"] == "beside"
    ]  # profile is the night's own
    beside = [row for row in rows if row["purpose"] == "beside"]
    launching = [("1f34b", "s1"), ("1f40c", "s1")]
    assert chosen(rows, "beside") == launching
    assert {(row["method"], row["expected_gain"]) for row in beside} == {("icg", 0.0)}
    own = {(row["item_id"], row["segment_id"]): row for row in rows if row["purpose"] == "publish"}
    for row in beside:
        other = own[row["item_id"], row["segment_id"]]
        assert row["unit_id"] != other["unit_id"]
        assert all(row[name] == other[name] for name in ("seed", "candidates", "prompt", "pref_style", "as_of"))


def test_clicked_covers_that_stand_for_a_segment_s_clicks_are_planned(make_context, tiny_home, reward_model, tmp_path):
    """s1 clicked the twemoji fox most, then the noto pizza, and skipped the rocket; of s0 only skips are known."""
    shutil.copytree(tiny_home, tmp_path / "home")
    weights = tmp_path / "weights"
    weights.mkdir()
    (weights / "pigeon.safetensors").write_bytes(b"")
    generation = {"method": "pigeon", "beside": (), "adapters": {"pigeon": str(weights)}, "min_gain": -1}
    ctx = make_context(ds=tiny.DS, home=tmp_path / "home", generation=generation)
    codes = [*tiny.KNOWN]
    events = [("s1", "1f98a", 1, True, 0.7), ("s1", "1f355", 0, True, 0.3), ("s1", "1f680", 0, False, 1.0)]
    events.append(("s0", "1f98a", 0, False, 1.0))
    prototypes = [
        {
            "ds": day, "segment_id": segment, "place": place, "clicked": clicked, "age_hours": 1.0, "examination": 1.0,
            "vector": tiny.axis(128, codes.index(code)) + tiny.axis(32, style), "weight": weight, "users": 5,
        }
        for day in (tiny.DS, tiny.CUT) for place, (segment, code, style, clicked, weight) in enumerate(events)
    ]  # fmt: skip
    tiny.write(ctx, prototypes, SEGMENT_HISTORY)
    rows = planned(ctx, {"pigeon": "g1"}).to_pylist()
    pack = PicturePack.load()
    fox, pizza = (
        hashlib.sha256(pack.bytes(code, family)).hexdigest()
        for code, family in (("1f98a", "twemoji"), ("1f355", "noto"))
    )
    found = {segment: {str(row["clicked_covers"]) for row in rows if row["segment_id"] == segment}
             for segment in ("s0", "s1", "all")}  # fmt: skip
    assert found == {"s1": {str([fox, pizza])}, "s0": {"None"}, "all": {"None"}}
    assert {row["history_id"] for row in rows} == {None}
    assert not any(any(row["pref_embedding"]) or any(row["pref_style"]) for row in rows)
    of_nobody = [row["unit_id"] for row in rows if row["clicked_covers"] is None]
    assert len(of_nobody) == len(set(of_nobody))


def test_max_units_caps_what_is_published(make_plan):
    rows = make_plan(evaluation_items=0, max_units=3)
    assert chosen(rows, "publish") == [("1f34b", "s1"), ("1f40c", "s1"), ("1f98a", "s1")]
    assert chosen(rows, "unpersonalised") == [("1f34b", "all"), ("1f40c", "all"), ("1f98a", "all")]


def test_evaluation_takes_most_shown_items_and_the_profiles_of_the_cut(make_plan):
    rows = make_plan(evaluation_items=2, max_units=1)
    assert chosen(rows, "evaluate") == [("1f98a", "s1"), ("1f680", "s1")]
    evaluated = [row for row in rows if row["purpose"] == "evaluate"]
    assert {row["as_of"] for row in evaluated} == {tiny.CUT}
    assert evaluated[0]["pref_style"][1] == pytest.approx(0.2)  # 0.3 on ds
    controls = [(row["item_id"], row["as_of"]) for row in rows if row["purpose"] == "unpersonalised"]
    assert controls == [("1f34b", tiny.DS), ("1f98a", tiny.CUT), ("1f680", tiny.CUT)]


def test_an_item_published_and_evaluated_has_one_control(make_plan):
    rows = make_plan(evaluation_items=3)
    controls = chosen(rows, "unpersonalised")
    assert len(controls) == len(set(controls)) == 5
    assert len({row["unit_id"] for row in rows}) == len(rows)
    assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))


def test_units_are_the_same_when_nothing_changed(make_plan):
    assert make_plan() == make_plan()
    ids = {row["unit_id"] for row in make_plan()}
    assert not ids & {row["unit_id"] for row in make_plan(fingerprint="g2")}
    assert not ids & {row["unit_id"] for row in make_plan(seed=99)}


def test_items_that_do_not_exist_yet_are_not_planned(make_plan):
    assert tiny.LATER not in {row["item_id"] for row in make_plan()}


def test_a_dry_run_writes_nothing_and_a_run_replaces(make_context, tiny_home, reward_model, stand_in, tmp_path):
    shutil.copytree(tiny_home, tmp_path / "home")
    ctx = make_context(ds=tiny.DS, home=tmp_path / "home", generation={"evaluation_items": 1, "candidates": 3})
    dry = rehearse(ctx)
    assert not ctx.lake.exists("generation_plan")
    assert dry.rows == {}
    # 5 to publish, 1 to evaluate, 5 controls (the evaluated item is one of them)
    assert dry.note.startswith("would plan 11 units (1 evaluate, 5 publish, 5 unpersonalised), 33 pictures, about 1 s")
    for _ in range(2):
        assert run(ctx).rows == {"generation_plan": 11}
    stored = ctx.lake.read("generation_plan", ds=tiny.DS)
    assert stored.num_rows == 11
    assert dry.note == f"would plan {summary(stored)}"


def test_without_features_the_stage_to_run_is_named(make_context, tiny_home, reward_model):
    with pytest.raises(UsageError, match=r"segments has no rows for 2026-04-05: run `coverlift features"):
        planned(make_context(ds="2026-04-05", home=tiny_home), {"profile": "g1"})


def test_speed_is_that_of_the_last_night_before(make_context):
    ctx = make_context(ds=tiny.DS)
    assert pictures_per_second(ctx.lake, date(2026, 3, 29)) == DEFAULT_PICTURES_PER_SECOND

    def row(ds, status, speed):
        return {
            "ds": ds,
            "stage": "generate",
            "status": status,
            "metrics": [("pictures_per_second", speed)] if speed else [],
            **dict.fromkeys(("fingerprint", "config_hash", "config", "code_version"), ""),
            "tables_read": [],
            "tables_written": [],
            "rows": [],
            "seconds": 1.0,
        }

    days = [
        row("2026-03-25", "done", 9.0),
        row("2026-03-26", "done", 30.0),
        row("2026-03-27", "done", None),  # everything was in the store
        row("2026-03-28", "failed", 1.0),
        row("2026-03-29", "done", 2.0),
    ]
    tiny.write(ctx, days, RUNS)
    assert pictures_per_second(ctx.lake, date(2026, 3, 29)) == 30.0
