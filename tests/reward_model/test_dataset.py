from datetime import timedelta

import numpy as np
import pytest

from conf.errors import ContractError
from jobs.lake.splits import bucket
from reward_model.dataset import label_days, load_examples, split_examples
from reward_model.network.features import ITEM_COLUMNS, USER_COLUMNS, numbers
from tests.support.worlds.toy_world import ENCODER


@pytest.fixture(scope="module")
def examples(toy):
    return load_examples(toy.lake, toy.days[2:], encoder_id=ENCODER, history_length=20)


def day_before(toy, examples, row):
    return examples.days[examples.day[row]] - timedelta(days=1)


def test_rows_are_the_impressions(toy, examples):
    assert len(examples) == 60 * 6 * 6
    assert examples.clicked.sum() == toy.log.clicked[toy.log.ds >= toy.days[2].isoformat()].sum()
    assert (np.diff(examples.state) >= 0).all()


@pytest.mark.parametrize("row", [0, 700, 2159])
def test_features_are_those_of_the_evening_before(toy, examples, row):
    known = day_before(toy, examples, row)
    user = toy.lake.read("user_features", ds=known, filters=[("user_id", "=", examples.user[row])]).to_pandas()
    item_id = examples.items.ids[int(examples.item[row]) - 1].as_py()
    item = toy.lake.read("item_features", ds=known, filters=[("item_id", "=", item_id)]).to_pandas()
    state = examples.state[row]
    assert examples.states.numeric[state] == pytest.approx(numbers(user, USER_COLUMNS)[0])
    assert examples.item_numeric[row] == pytest.approx(numbers(item, ITEM_COLUMNS)[0])
    assert examples.item_ctr[row] == item.ctr_28d[0]
    liked = np.concatenate([user.pref_embedding[0], user.pref_style[0]])
    assert examples.states.preference[state] == pytest.approx(liked)


@pytest.mark.parametrize("row", [0, 700, 2159])
def test_history_ends_before_the_label_day(toy, examples, row):
    history, state = examples.states.history, examples.state[row]
    known = day_before(toy, examples, row)
    own = toy.log[(toy.log.user_id == examples.user[row]) & (toy.log.ds <= known.isoformat())]
    newest = own.sort_values("ts", ascending=False).head(20)
    present = history.present[state]
    assert present.sum() == len(newest)
    assert (history.age[state][present] > 0).all()
    assert (np.diff(history.age[state][present]) >= 0).all()
    assert history.clicked[state][present].tolist() == newest.clicked.tolist()
    shown = [examples.covers.ids[int(place) - 1].as_py() for place in history.cover[state][present]]
    assert shown == newest.cover_id.tolist()


def test_no_held_out_or_validation_item_trains(toy, examples):
    split = split_examples(examples, toy.cut)

    def buckets(rows):
        return {bucket(rows.items.ids[int(item) - 1].as_py()) for item in np.unique(rows.item)}

    assert buckets(split.train) <= {2, 3, 4, 5, 6, 7}
    assert buckets(split.validation) == {1}
    assert {0, 1} <= buckets(split.test)
    for rows in (split.train, split.validation):
        assert max(rows.days[number] for number in rows.day) <= toy.cut
    assert min(split.test.days[number] for number in split.test.day) > toy.cut


def test_a_split_without_clicks_is_refused(toy, examples):
    only_skips = examples.take(~examples.clicked)
    with pytest.raises(ContractError, match=r"train rows .* 0 clicks"):
        split_examples(only_skips, toy.cut)


def test_digest_tells_data_apart(toy, examples):
    again = load_examples(toy.lake, toy.days[2:], encoder_id=ENCODER, history_length=20)
    assert again.digest() == examples.digest()
    fewer = examples.take(np.arange(len(examples)) > 0)
    assert fewer.digest() != examples.digest()


def test_days_without_impressions_are_an_error(toy):
    with pytest.raises(ContractError, match="no rows"):
        load_examples(toy.lake, [toy.days[-1] + timedelta(days=9)], encoder_id=ENCODER, history_length=20)


def test_label_days_end_with_the_cut(toy):
    assert label_days(toy.cut, 4) == [toy.cut - timedelta(days=back) for back in (3, 2, 1, 0)]
