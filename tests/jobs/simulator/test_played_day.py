"""The day that is played with the published covers."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import write_deltalake

from conf.errors import UsageError
from jobs.lake.schema.tables import TABLES
from jobs.simulator import played_day, stage
from jobs.simulator.model import World
from recsys_eval.judge.known_drawings import drawings_file

SMALL = {"users": 60, "impressions": 4000, "days": 8, "play_multiplier": 4.0}

LAST, NEXT, AFTER = "2026-03-09", "2026-03-10", "2026-03-11"


def test_painted_covers_are_seen_as_the_judge_sees_them(pack, make_context, new_lake):
    images = make_context().images
    covers = [images.put(pack.bytes("1f98a", family)) for family in ("twemoji", "fluent-high-contrast")]
    pixels = played_day.pixels_of(images, covers)
    np.testing.assert_array_equal(pixels[1], pack.pixels("1f98a", "fluent-high-contrast"))
    style_probs, similarity = played_day.appearance_of_covers(new_lake, images, covers, ["1f98a", "1f98a"])
    assert style_probs.argmax(axis=1).tolist() == [2, 5]
    np.testing.assert_allclose(similarity, 1, atol=1e-2)
    # The covers are two of the drawings that the judge looked at when the project was set up.
    assert new_lake.exists("judgements") is not drawings_file().is_file()


def test_only_the_day_after_the_last_is_played(small_pack, make_context):
    unseen = (lambda covers, items: (np.zeros((0, 6)), np.zeros(0))), played_day.readings_of_titles
    with pytest.raises(UsageError, match="2026-03-09"):
        stage.play(make_context(ds="2026-03-05", world=SMALL), *unseen)
    with pytest.raises(UsageError, match="coverlift world"):
        stage.play(make_context(ds=LAST, world=SMALL), *unseen)


def test_written_titles_are_read_as_the_title_judge_reads_them(pack):
    subjects = [pack.subject("1f98a"), pack.subject("1f355")]
    titles = ["Say hello to: fox!", "pizza", "Fuchs", "fox: face"]
    kinds, told = played_day.readings_of_titles(subjects, titles, [0, 0, 0, 0], ["en", "en", "en", "en"])
    assert kinds[:3].tolist() == [2, 0, 0]
    assert told[:3].tolist() == [1.0, 0.0, 0.0]  # right; of something else; in another language
    assert 0.3 < told[3] < 1


def test_a_night_without_published_titles_has_no_campaign_of_them(small_pack, make_context):
    context = make_context(ds=LAST, world=SMALL)
    assert stage.titles_of(context, World(context.settings.world, small_pack), played_day.readings_of_titles) is None


def publish(context, item):
    """The night's segment of everybody, with a twemoji drawing as the cover of one item."""
    ds, users = context.ds.isoformat(), World(context.settings.world).user_ids
    cover = {"item_id": item, "segment_id": "s0", "cover_id": "painted", "unit_id": "u", "decision_id": "d"}
    members = [{"ds": ds, "user_id": user, "segment_id": "s0", "distance": 0.0} for user in users]
    for table, rows in (("published_covers", [{"ds": ds, **cover}]), ("user_segments", members)):
        schema = TABLES[table].schema
        write_deltalake(context.lake.path(table), pa.Table.from_pylist(rows, schema=schema), mode="append")


def seen(covers, items):
    return np.tile(np.eye(6)[2], (len(covers), 1)), np.ones(len(covers))


def files_of(root):
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def test_a_second_night_goes_on_from_the_day_that_was_played(small_pack, make_context):
    """Users, items, the log and the first played day stay byte by byte; a night whose day was not lived is refused."""
    world = {**SMALL, "play_share": 1.0}
    first, second, third = (make_context(ds=ds, world=world) for ds in (LAST, NEXT, AFTER))
    root = first.home / "input"
    with pytest.raises(UsageError, match="holds no stickers world: run `coverlift world --ds 2026-03-09`"):
        stage.run(second)
    stage.run(first)
    with pytest.raises(UsageError, match="2026-03-10 was not played: run the night of 2026-03-09 first"):
        stage.run(second)
    item = World(first.settings.world).items.item_ids[0]
    for context in (first, second):
        publish(context, item)
    played = stage.play(first, seen, played_day.readings_of_titles)
    assert "ctr_control" not in played.metrics  # everybody is treated: there is nobody to divide by
    assert 0 <= played.metrics["ctr_published"] <= 1
    before = files_of(root)
    assert "days up to 2026-03-10 were played" in stage.run(second).note
    stage.play(second, seen, played_day.readings_of_titles)
    after = files_of(root)
    assert {name for name in after if name not in before} == {f"impressions/ds={AFTER}/block-00000.parquet"}
    assert {name: after[name] for name in before} == before
    with pytest.raises(UsageError, match="2026-03-12 was not played"):
        stage.play(make_context(ds="2026-03-12", world=world), seen, played_day.readings_of_titles)
    with pytest.raises(UsageError, match=r"holds another world: world\.play_share=1\.0, not 0\.5"):
        stage.run(make_context(ds=NEXT, world=SMALL))
    days = [pq.read_table(root / "impressions" / f"ds={day}") for day in (NEXT, AFTER)]
    assert {policy for day in days for policy in day["policy"].to_pylist()} == {"published", "published-explore-rank"}
    assert days[0]["user_id"].to_pylist() != days[1]["user_id"].to_pylist()
    assert stage.run(third).rows == {}
