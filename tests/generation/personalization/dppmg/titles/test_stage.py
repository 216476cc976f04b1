"""The stage on a small lake, with an untrained writer in a folder of its own."""

from datetime import UTC, datetime
from operator import itemgetter

import numpy as np
import pyarrow as pa
import pytest

from generation.personalization.dppmg.titles import stage
from generation.personalization.dppmg.titles.checkpoint import ship, writer_fingerprint
from generation.personalization.dppmg.titles.groups import WordsCodes
from generation.personalization.dppmg.titles.public.network import open_base
from generation.personalization.dppmg.titles.public.store import ship_public
from generation.review.policy.titles import title_decisions
from jobs.lake.schema.review import COVER_DECISIONS
from jobs.nightly import night_stages
from jobs.publishing.stage import decisions_that_count
from jobs.publishing.takedown import take_down
from jobs.publishing.titles import publish_titles
from tests.support.models import tiny_language
from tests.support.worlds.samples import sample

DAY = "2026-03-02"


@pytest.fixture
def night(make_context, material, writer, tmp_path):
    """A lake with the log of the conftest's users, items with content, and a plan for two of them."""
    ship(tmp_path / "writer", writer, WordsCodes(centres=material.codes.centres), {})
    context = make_context(
        ds=DAY,
        policy={"titles": "approve"},
        titles={"writer": str(tmp_path / "writer"), "samples": 1},
        features={"segment_min_size": 10},
    )
    events, lake = material.events, context.lake
    count = len(events.titles)
    log = sample(
        "impressions",
        count,
        impression_id=[str(n) for n in range(count)],
        user_id=[events.users[n] for n in events.user],
        item_id=events.items.to_pylist(),
        title=events.titles,
        position=1,
        clicked=(events.clicked > 0).tolist(),
        propensity=events.propensity.tolist(),
    )
    lake.replace(log, "impressions", ds=DAY)
    items = list(material.content)
    lake.replace(
        sample(
            "items",
            len(items),
            item_id=items,
            labels=[list(material.content[i].labels.items()) for i in items],
            words=[[(lang, list(w)) for lang, w in material.content[i].words.items()] for i in items],
        ),
        "items",
    )
    lake.replace(sample("position_bias", position=1, examination=1.0), "position_bias", ds=DAY)
    plan = sample("generation_plan", 2, item_id=["fox", "cheese"], unit_id=["u1", "u2"])
    lake.replace(plan, "generation_plan", ds=DAY)
    lake.replace(sample("generated_covers", cover_id="a" * 64), "generated_covers", ds=DAY)
    return context


def test_from_writing_to_a_published_title_and_a_takedown(night):
    result = stage.run(night)
    groups = night.lake.read("word_groups", ds=DAY).sort_by("group_id").to_pylist()
    sizes = {row["group_id"]: row["size"] for row in groups}
    assert sizes == {"de:0": 10, "de:1": 10, "en:0": 20, "en:1": 20}
    assert groups[2]["likes_phrase"] > 0.2
    assert night.lake.read("user_word_groups", ds=DAY).num_rows == 60
    titles = night.lake.read("generated_titles", ds=DAY).to_pylist()
    assert result.rows == {"generated_titles": len(titles), "word_groups": 4}
    assert len(titles) == 2 * 4 * 2  # items, groups, candidates
    assert {row["item_id"] for row in titles} == {"fox", "cheese"}
    assert all(not row["failed"] for row in titles if row["selected"])

    # Run twice it leaves the same rows.
    stage.run(night)
    key = itemgetter("item_id", "group_id", "candidate")
    assert sorted(night.lake.read("generated_titles", ds=DAY).to_pylist(), key=key) == sorted(titles, key=key)

    # An untrained writer's titles fail the checks; one that passes is published by the policy, and can be taken down.
    passing = sample(
        "generated_titles",
        2,
        item_id=["fox", "cheese"],
        group_id="en:0",
        candidate=0,
        text_hash=["b" * 64, "c" * 64],
        title=["Say hello to: fox!", "cheese"],
        unit_id=["t1", "t2"],
        failed=[[], []],
        selected=True,
    )
    night.lake.replace(passing, "generated_titles", ds=DAY)
    decided = pa.Table.from_pylist(title_decisions(night), schema=COVER_DECISIONS.schema)
    assert decided["decision"].to_pylist() == ["approve", "approve"]
    assert night.lake.merge(decided, "cover_decisions") == 2
    assert title_decisions(night) == []  # nothing new
    assert publish_titles(night, decisions_that_count(night.lake, night.ds)) == (2, 0)
    removed = take_down(
        night.lake, "b" * 64, reason="no", by="person:ann", ds=night.ds, now=datetime(2026, 3, 3, tzinfo=UTC)
    )
    assert removed == 1
    assert night.lake.read("published_titles", ds=DAY)["title"].to_pylist() == ["cheese"]
    assert publish_titles(night, decisions_that_count(night.lake, night.ds)) == (1, 1)
    assert title_decisions(night) == []

    # Left to a person, nothing goes out; off, nothing stays out.
    night.settings.policy.__dict__["titles"] = "ask"
    asked = pa.Table.from_pylist(title_decisions(night), schema=COVER_DECISIONS.schema)
    assert asked["decision"].to_pylist() == ["ask"]
    night.lake.merge(asked, "cover_decisions")
    assert publish_titles(night, decisions_that_count(night.lake, night.ds)) == (0, 2)
    night.settings.policy.__dict__["titles"] = "approve"
    night.lake.merge(pa.Table.from_pylist(title_decisions(night), schema=COVER_DECISIONS.schema), "cover_decisions")
    assert publish_titles(night, decisions_that_count(night.lake, night.ds))[0] == 1
    night.settings.policy.__dict__["titles"] = "off"
    assert publish_titles(night, decisions_that_count(night.lake, night.ds)) == (0, 0)
    assert night.lake.read("published_titles", ds=DAY).num_rows == 0


def test_a_writer_over_a_public_model_writes_in_its_place(night, material, tmp_path):
    base = {"source": str(tiny_language.make_writer("gpt2", tmp_path / "gpt2")), "rank": 2, "allow_download": False}
    folder = tmp_path / "public"
    ship_public(folder, open_base(**base), WordsCodes(centres=material.codes.centres), base, {})
    night.settings.titles.__dict__["writer"] = str(folder)
    result = stage.run(night)
    titles = night.lake.read("generated_titles", ds=DAY).to_pylist()
    assert result.rows == {"generated_titles": len(titles), "word_groups": 4}
    assert len(titles) == 2 * 4 * 2
    assert {row["writer"] for row in titles} == {stage.watched(night)} == {writer_fingerprint(folder)}
    assert all(row["failed"] for row in titles)  # an untrained one writes nothing that passes


def test_small_groups_give_their_users_to_everybody_of_the_language(make_context, material):
    found = stage.shown_groups(make_context(features={"segment_min_size": 15}), material)
    assert {group: len(users) for group, users in found.items()} == {"de:none": 20, "en:0": 20, "en:1": 20}


def test_it_is_no_part_of_a_night_without_titles(make_context):
    assert "titles" not in [one.name for one in night_stages(make_context())]
    assert "titles" in [one.name for one in night_stages(make_context(policy={"titles": "ask"}))]


def test_a_unit_is_an_item_and_a_group():
    one = stage.title_unit("i", "en:0")
    assert len(one) == 64
    assert one != stage.title_unit("i", "en:1")


def test_the_seed_of_an_item_is_its_own(make_context, material):
    context = make_context()
    seeds = {stage.item_seed(context, one) for one in material.content.values()}
    assert len(seeds) == len(material.content)
    assert np.log2(max(seeds)) < 48
