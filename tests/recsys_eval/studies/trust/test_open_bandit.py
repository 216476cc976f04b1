"""On files laid out as published, of a shop whose rates are known."""

import numpy as np
import polars as pl
import pytest

from conf.errors import ContractError, GateError, UsageError
from recsys_eval.studies.trust.open_bandit import OpenBandit, estimated, open_bandit, read_log, shares

ITEMS, PLACES = 12, 3
RATES = np.linspace(0.02, 0.3, ITEMS)
PREFERS = np.exp(np.linspace(0, 3, ITEMS)) / np.exp(np.linspace(0, 3, ITEMS)).sum()


def written(folder, policy, chances, rows=6000, seed=1):
    rng = np.random.default_rng(seed)
    item = rng.choice(ITEMS, rows, p=chances)
    table = pl.DataFrame(
        {
            "": np.arange(rows),
            "timestamp": ["2019-11-24 00:00:17.004101+00:00"] * rows,
            "item_id": item,
            "position": rng.integers(1, PLACES + 1, rows),
            "click": (rng.random(rows) < RATES[item]).astype(int),
            "propensity_score": chances[item],
            **{f"user_feature_{n}": [f"{each:x}" for each in rng.integers(0, 9, rows)] for n in range(4)},
            "user-item_affinity_0": np.zeros(rows),
        }
    )
    for campaign in ("all", "men", "women"):
        path = folder / policy / campaign / f"{campaign}.csv"
        path.parent.mkdir(parents=True)
        table.write_csv(path)


@pytest.fixture
def data(tmp_path):
    written(tmp_path, "random", np.full(ITEMS, 1 / ITEMS))
    written(tmp_path, "bts", PREFERS, seed=2)
    return tmp_path


def test_the_policys_own_rate_is_found_from_the_uniform_log(data):
    found = estimated(OpenBandit(data=data, resamples=300), "all")
    truth = float(PREFERS @ RATES)
    assert found.truth.low < truth < found.truth.high
    for name in ("ips", "snips", "dr", "switch-dr", "sndr"):
        assert found.values[name].low < truth < found.values[name].high, name
    assert found.logged < found.values["dr"].low
    assert not found.refused


def test_shares_of_a_place_add_up(data):
    by_place = shares(read_log(data, "bts", "men")).group_by("position").agg(pl.col("share").sum())
    assert by_place["share"].to_list() == pytest.approx([1.0] * PLACES)


def test_a_table_is_printed(data, capsys):
    open_bandit(OpenBandit(data=data, resamples=50))
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" | ")[0] for line in lines[2:]] == ["| all", "| men", "| women"]


def test_a_log_that_never_shows_what_the_policy_likes_is_refused(tmp_path, capsys):
    never = np.where(np.arange(ITEMS) < ITEMS - 3, 1.0, 0.0)
    written(tmp_path, "random", never / never.sum())
    written(tmp_path, "bts", PREFERS, seed=2)
    with pytest.raises(GateError, match="never shown"):
        open_bandit(OpenBandit(data=tmp_path, resamples=50))
    assert "refused" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, UsageError, "as published"),
        ("item_id,position\n1,2\n", ContractError, "not a log"),
        ("item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,user_feature_3\n",
         ContractError, "no rows"),
        ("item_id,position,click,propensity_score,user_feature_0,user_feature_1,user_feature_2,user_feature_3\n"
         "1,2,yes,0.5,a,b,c,d\n", ContractError, "not a log"),
    ],
)  # fmt: skip
def test_other_files_are_refused_in_words(tmp_path, content, error, words):
    path = tmp_path / "random/all/all.csv"
    if content is not None:
        path.parent.mkdir(parents=True)
        path.write_text(content)
    with pytest.raises(error, match=words):
        read_log(tmp_path, "random", "all")
