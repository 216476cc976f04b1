import numpy as np
import polars as pl
import pyarrow as pa
import pytest

from conf.errors import ContractError, UsageError
from recsys_eval.metrics import ranking
from recsys_eval.metrics.table import RankerTable, measured, ranker, read_table
from recsys_eval.metrics.within import gauc

OPTIONS = RankerTable(table="unused", resamples=200)  # type: ignore[arg-type]


def scored(n_users=60, informed=1.5, seed=5):
    """A log in which the score knows the click probability."""
    rng = np.random.default_rng(seed)
    user = np.repeat(np.arange(n_users), 24)
    taste = rng.normal(size=user.size)
    chance = 1 / (1 + np.exp(2 - informed * taste))
    return pl.DataFrame(
        {
            "user_id": [f"u{each}" for each in user],
            "request_id": [f"r{each // 12}" for each in range(user.size)],
            "item_id": rng.integers(0, 90, user.size),
            "clicked": rng.random(user.size) < chance,
            "score": chance,
        }
    )


def told(found):
    return {each.metric: each.found for each in found}


def test_every_metric_is_that_of_its_function_with_an_interval_around_it():
    frame = scored()
    found = told(measured(frame, OPTIONS))
    request = np.unique(frame["request_id"].to_numpy(), return_inverse=True)[1]
    user = np.unique(frame["user_id"].to_numpy(), return_inverse=True)[1]
    clicked, score = frame["clicked"].to_numpy(), frame["score"].to_numpy()
    assert found["ndcg@10"].value == pytest.approx(np.nanmean(ranking.ndcg(request, score, clicked)))
    assert found["map@10"].value == pytest.approx(np.nanmean(ranking.average_precision(request, score, clicked)))
    assert found["gauc"].value == pytest.approx(gauc(user, score, clicked))
    assert found["coverage@10"].value > 0.9
    assert found["normalised entropy"].value < 1
    for name in ("ndcg@10", "map@10", "precision@10", "recall@10", "mrr", "gauc", "novelty@10 (bits)"):
        assert found[name].low < found[name].value < found[name].high, name


def test_arrow_and_polars_are_alike_and_scores_need_not_be_probabilities():
    frame = scored().with_columns(score=pl.col("score") * 7 - 3)
    arrow = told(measured(frame.to_arrow(), OPTIONS))
    assert {name: each.value for name, each in arrow.items()} == {
        name: each.value for name, each in told(measured(frame, OPTIONS)).items()
    }
    assert "log loss" not in arrow


def test_without_requests_a_users_rows_are_one():
    frame = scored().drop("request_id")
    as_user = told(measured(frame.with_columns(request_id=pl.col("user_id")), OPTIONS))
    assert told(measured(frame, OPTIONS))["mrr"] == as_user["mrr"]


@pytest.mark.parametrize("ending", ["parquet", "csv", "arrow"])
def test_files_of_three_kinds_are_read_and_a_table_printed(tmp_path, capsys, ending):
    path = tmp_path / f"log.{ending}"
    frame = scored(n_users=8)
    {"parquet": frame.write_parquet, "csv": frame.write_csv, "arrow": frame.write_ipc}[ending](path)
    ranker(RankerTable(table=path, resamples=50))
    out = capsys.readouterr().out
    assert out.startswith("192 impressions of 8 users")
    assert "| ndcg@10 | 0." in out


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda f: f.drop("score"), "no column score"),
        (lambda f: f.head(0), "no rows"),
        (lambda f: f.with_columns(clicked=pl.lit(2)), "0 or 1"),
        (lambda f: f.with_columns(score=pl.lit(float("nan"))), "NaN"),
        (lambda f: f.with_columns(score=pl.lit("high")), "numbers"),
        (lambda f: f.with_columns(user_id=pl.lit(None, pl.String)), "nulls"),
    ],
)
def test_bad_tables_are_refused_in_words(change, words):
    with pytest.raises(ContractError, match=words):
        measured(change(scored(n_users=3)), OPTIONS)


def test_bad_files_are_refused_in_words(tmp_path):
    with pytest.raises(UsageError, match="not there"):
        read_table(tmp_path / "none.csv")
    (tmp_path / "log.txt").touch()
    with pytest.raises(UsageError, match="must end in"):
        read_table(tmp_path / "log.txt")
    (tmp_path / "log.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(ContractError, match="can't be read"):
        read_table(tmp_path / "log.parquet")


def test_arrow_tables_are_taken_as_they_are():
    table = pa.table({"user_id": [1, 1, 2, 2], "item_id": [1, 2, 1, 2], "clicked": [1, 0, 0, 1], "score": [2, 1, 2, 1]})
    assert told(measured(table, OPTIONS))["ndcg@10"].value == pytest.approx((1 + 1 / np.log2(3)) / 2)
