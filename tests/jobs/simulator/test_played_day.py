"""The day that is played with the published covers."""

import numpy as np
import pytest

from conf.errors import UsageError
from jobs.simulator import played_day, stage
from jobs.simulator.model import World
from recsys_eval.judge.known_drawings import drawings_file

SMALL = {"users": 60, "impressions": 4000, "days": 8, "play_multiplier": 4.0}

LAST = "2026-03-09"


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
