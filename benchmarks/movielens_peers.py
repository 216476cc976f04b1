"""The click model beside public rankers on the same test rows: ``python -m benchmarks.movielens_peers export|measure``.

``export`` writes, of a home whose night trained a click model, RecBole's atomic files of the log up to the cut and the
test rows with this project's scores. ``benchmarks/recbole_scores.py``, in an environment of its own, adds the scores of
its models. ``measure`` prints GAUC over users and NDCG@10 over requests, each with an interval from resampled users.
"""

import argparse
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from jobs.cli.app import make_context
from jobs.lake.arrays import Flags, Floats, Ints
from jobs.lake.context import Context
from recsys_eval.metrics.ranking import ndcg
from reward_model import registry
from reward_model.dataset import Examples
from reward_model.encoders.model import ENCODER_ID
from reward_model.metrics import Interval, measure, user_weights
from reward_model.stage import load_split

RESAMPLES, SEED = 1000, 11


def logged(ctx: Context, days: list[str]) -> pl.DataFrame:
    """Impressions of days with what the peers read, in order of day, user and impression."""
    columns = ["ds", "user_id", "item_id", "request_id", "impression_id", "clicked", "ts"]
    parts = [ctx.lake.read("impressions", ds=date.fromisoformat(day), columns=columns) for day in days]
    frame = pl.DataFrame(pl.from_arrow(pa.concat_tables(parts))).with_columns(pl.col("ds").cast(pl.String))
    return frame.sort("ds", "user_id", "impression_id")


def export(ctx: Context, version: str, out: Path) -> None:
    """Write ``clicks/``, ``rows/``, ``test.csv`` and ``histories.csv``."""
    cut = ctx.cut.isoformat()
    days = sorted(ctx.lake.partitions("impressions"))
    log = logged(ctx, days).with_columns(time=pl.col("ts").dt.epoch("s").cast(pl.Float64))
    known = log.filter(pl.col("ds") <= cut)
    named = known.select(
        pl.col("user_id").alias("user_id:token"),
        pl.col("item_id").alias("item_id:token"),
        pl.col("time").alias("timestamp:float"),
        pl.col("clicked").cast(pl.Float32).alias("label:float"),
    )
    items = pl.DataFrame(pl.from_arrow(ctx.lake.read("items", columns=["item_id", "title", "tags"])))
    films = items.select(
        pl.col("item_id").alias("item_id:token"),
        pl.col("title").str.extract(r"\((\d{4})\)$").fill_null("none").alias("year:token"),
        pl.col("tags").list.eval(pl.element().str.replace_all(" ", "_")).list.join(" ").alias("class:token_seq"),
    )
    for name, rows in (("clicks", named.filter(pl.col("label:float") > 0)), ("rows", named)):
        (out / name).mkdir(parents=True, exist_ok=True)
        rows.sort("timestamp:float").write_csv(out / name / f"{name}.inter", separator="\t")
        films.write_csv(out / name / f"{name}.item", separator="\t", quote_style="never")
    test = log.filter(pl.col("ds") > cut).with_columns(state=pl.format("{}@{}", "user_id", "ds"))
    write_test(ctx, version, test, out)
    clicks = log.filter("clicked").sort("time")
    states = test.select("state", "user_id", "ds").unique(maintain_order=True)
    before = states.join(clicks.select("user_id", "item_id", "time", day="ds"), on="user_id").filter(
        pl.col("day") < pl.col("ds")
    )
    histories = before.sort("time").group_by("state", maintain_order=True).agg(items=pl.col("item_id").str.join(" "))
    histories.write_csv(out / "histories.csv")


def write_test(ctx: Context, version: str, test: pl.DataFrame, out: Path) -> None:
    """``test.csv``: rows in the order of the click model's own test rows, with its scores."""
    folder = registry.models_dir(ctx.home) / version
    rows: Examples = load_split(ctx, ENCODER_ID).test
    scores = {
        "torch": registry.load_predictor(folder).probabilities(rows),
        "lightgbm": registry.load_baseline(folder).probabilities(rows),
        "item_ctr": rows.item_ctr,
    }
    if test["clicked"].to_list() != rows.clicked.tolist() or test["user_id"].to_list() != rows.user.tolist():
        raise ValueError("the log's test rows are not the click model's: was the home changed since?")
    seen = rows.states.history.present.any(axis=1)[rows.state]
    columns = test.select("state", "user_id", "item_id", "request_id", pl.col("clicked").cast(pl.Int8))
    columns.with_columns(
        returning=pl.Series(seen.astype(np.int8)), **{k: pl.Series(v) for k, v in scores.items()}
    ).write_csv(out / "test.csv")


def ndcg_of_users(requests: Ints, users: Ints, scores: Floats, clicked: Flags, resamples: int) -> Floats:
    """Mean NDCG@10 of requests with a click and another row: of the sample, then of resamples of users."""
    values = ndcg(requests, scores, clicked)
    size = np.bincount(requests)
    user = np.zeros(len(size), np.int64)
    user[requests] = users
    counted = ~np.isnan(values) & (size > 1)
    n_users = int(users.max()) + 1
    total = np.bincount(user[counted], weights=values[counted], minlength=n_users)
    number = np.bincount(user[counted], minlength=n_users)
    return np.concatenate([(w @ total) / (w @ number) for w in user_weights(n_users, resamples, SEED)])


def figures(test: pl.DataFrame, scores: Mapping[str, Floats], against: str) -> list[str]:
    """Lines of the table: GAUC, its difference, NDCG@10 and its difference."""
    users, clicked = test["user_id"].to_numpy(), test["clicked"].to_numpy().astype(bool)
    pairs = [(name, against) for name in scores if name != against]
    ranks = {name: _shares(values) for name, values in scores.items()}
    gauc = measure(users, clicked, ranks, pairs=pairs, resamples=RESAMPLES, seed=SEED)
    requests, of_user = (test[name].rank("dense").to_numpy().astype(np.int64) - 1 for name in ("request_id", "user_id"))
    drawn = {name: ndcg_of_users(requests, of_user, values, clicked, RESAMPLES) for name, values in scores.items()}
    lines = []
    for name in scores:
        told = [_told(gauc[name]["gauc"]), "", _told(_interval(drawn[name])), ""]
        if name != against:
            told[1] = _told(gauc[f"{name} - {against}"]["gauc"], "+")
            told[3] = _told(_interval(drawn[name] - drawn[against]), "+")
        lines.append(f"| {name} | {' | '.join(told)} |")
    return lines


def _shares(values: Floats) -> Floats:
    """Ranks as numbers between 0 and 1, which keep the order: what is measured here reads no more."""
    return np.asarray((np.unique(values, return_inverse=True)[1] + 0.5) / len(values), np.float64)


def _interval(values: Floats) -> Interval:
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return Interval(value=float(values[0]), low=float(low), high=float(high))


def _told(interval: Interval, sign: str = "") -> str:
    return f"{interval.value:{sign}.4f} [{interval.low:{sign}.4f}, {interval.high:{sign}.4f}]"


def main() -> None:
    """Export or measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("what", choices=("export", "measure"))
    parser.add_argument("--ds", help="the night; to export")
    parser.add_argument("--config", type=Path, help="its settings; to export")
    parser.add_argument("--home", type=Path, help="its home; to export")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--against", default="torch")
    chosen = parser.parse_args()
    if chosen.what == "export":
        ctx = make_context(datetime.fromisoformat(chosen.ds), chosen.home, chosen.config, None, None)
        export(ctx, registry.read_champion(ctx.home, ctx.ds)["version"], chosen.out)
        return
    test = pl.read_csv(chosen.out / "test.csv", schema_overrides={"user_id": pl.String, "item_id": pl.String})
    scores = {name: test[name].to_numpy() for name in ("torch", "lightgbm", "item_ctr")}
    scores |= {
        path.stem.removeprefix("scores-"): pl.read_csv(path)["score"].to_numpy().astype(np.float64)
        for path in sorted(chosen.out.glob("scores-*.csv"))
    }
    for name, part in (("all", np.ones(len(test), bool)), ("returning", test["returning"].to_numpy() == 1)):
        rows = test.filter(part)
        print(f"{name}: {len(rows):,} rows of {rows['user_id'].n_unique()} users")
        print(f"| scores | GAUC | - {chosen.against} | NDCG@10 | - {chosen.against} |\n|---|---|---|---|---|")
        print(
            "\n".join(figures(rows, {key: values[part] for key, values in scores.items()}, chosen.against)), flush=True
        )


if __name__ == "__main__":
    main()
