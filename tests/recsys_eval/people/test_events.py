import numpy as np
import pytest

from conf.errors import UsageError
from jobs.features.estimators.preference import SHRINKAGE
from jobs.features.log import read_catalogue
from jobs.lake.splits import split_of
from recsys_eval.people.events import BUCKETS, Events, People
from tests.support.worlds.sticker_night import DS


@pytest.fixture(scope="module")
def events(people_night):
    return Events.read(people_night.lake, DS)


def people_with(clicks):
    ids = tuple(f"u{number:04d}" for number in range(len(clicks)))
    return People(as_of=DS, ids=ids, clicks=np.array(clicks), segment=("s0",) * len(ids))


def test_users_of_a_split_are_all_of_it_and_no_one_else(people_night):
    everyone, held_out = People.everybody(people_night.ctx), People.read(people_night.ctx, "held_out")
    assert set(held_out.ids) == {user for user in everyone.ids if split_of(user) == "held_out"}
    assert 0 < len(held_out.ids) < len(everyone.ids) == 160


def test_a_sample_takes_so_many_of_each_bucket_and_all_where_there_are_fewer():
    people = people_with([0] * 9 + [1, 2] * 4 + [5] + [50] * 7)
    sample = people.sample(4, seed=3)
    assert np.bincount(sample.bucket, minlength=len(BUCKETS)).tolist() == [4, 4, 1, 4]
    assert list(sample.ids) == sorted(sample.ids)
    assert sample.ids == people.sample(4, seed=3).ids
    assert sample.ids != people.sample(4, seed=4).ids


def test_events_end_with_the_day_and_a_users_rows_are_oldest_first(people_night, events):
    log = people_night.lake.read("impressions").to_pandas()
    assert log.ds.max() > DS.isoformat()  # the played day is there, and is not read
    assert len(events.frame) == (log.ds <= DS.isoformat()).sum()
    assert events.frame["ts"].max().date() <= DS
    user = events.frame["user_id"][0]
    assert events.of(user)["ts"].is_sorted()
    assert not events.frame["injected"].any()
    assert events.of("nobody").is_empty()


def test_preferences_are_the_shrunk_mean_of_clicks_minus_that_of_skips(people_night, events):
    catalogue = read_catalogue(people_night.lake, None)
    user = events.frame.filter(events.frame["clicked"])["user_id"][0]
    own = events.of(user)
    vectors = dict(zip(catalogue.covers, np.hstack([catalogue.embeddings, catalogue.styles]), strict=True))
    told = np.stack([vectors[cover] for cover in own["cover_id"]]).astype(float)
    clicked = own["clicked"].to_numpy()
    expected = told[clicked].sum(0) / (clicked.sum() + SHRINKAGE) - told[~clicked].sum(0) / (
        (~clicked).sum() + SHRINKAGE
    )
    found = events.preferences([user, "nobody"], catalogue)
    np.testing.assert_allclose(found[0], expected, atol=1e-6)
    assert not found[1].any()


def test_a_split_without_users_is_said(people_night, monkeypatch):
    monkeypatch.setattr("recsys_eval.people.events.split_of", lambda user: "train")
    with pytest.raises(UsageError, match="no held_out user"):
        People.read(people_night.ctx, "held_out")
