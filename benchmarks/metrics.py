"""Ranking metrics beside ranx and RecTools, and user-clustered resampling beside a loop: seconds and ratios of one run.

    .venv/bin/python -m benchmarks.metrics [--users 1000000] [--rectools /path/to/python]

NDCG@10 of a million users with 20 impressions each: this project's function on flat arrays, ranx from its own
structures (built before the clock starts, compiled by a first call), and RecTools from its data frames, in an
environment of its own (``pip install rectools``), whose Python is named by ``--rectools``. All three are given the same
scores and clicks, and their means must agree to 1e-9.

Resampling: 10,000 resamples of users over a million rows, against drawing rows anew for every resample in a loop, as
``obp.utils.estimate_confidence_interval_by_bootstrap`` does; of the loop 20 are timed. The loop knows no users: drawing
whole users in it is slower still.
"""

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from typing import TypeVar

import numpy as np

from recsys_eval.metrics.ranking import ndcg
from recsys_eval.statistics.lift import resampled_ratios

LENGTH = 20
ROWS, ROW_USERS, RESAMPLES, LOOPED = 1_000_000, 50_000, 10_000, 20

RECTOOLS = """
import sys, time
import numpy as np, pandas as pd
from rectools import Columns
from rectools.metrics import NDCG
data = np.load(sys.argv[1])
users = np.repeat(np.arange(len(data["score"]) // 20), 20)
frame = pd.DataFrame({Columns.User: users, Columns.Item: np.tile(np.arange(20), users.max() + 1)})
began = time.perf_counter()
ranked = frame.assign(score=data["score"]).sort_values([Columns.User, "score"], ascending=[True, False])
ranked[Columns.Rank] = ranked.groupby(Columns.User).cumcount() + 1
sorted_after = time.perf_counter() - began
interactions = frame[data["clicked"]].assign(weight=1.0)
try:
    metric = NDCG(k=10, divide_by_achievable=True)
except TypeError:
    metric = NDCG(k=10)
began = time.perf_counter()
value = metric.calc(ranked.drop(columns="score"), interactions)
print(value, time.perf_counter() - began, sorted_after)
"""


Found = TypeVar("Found")


def timed(work: Callable[[], Found]) -> tuple[Found, float]:
    """What was found, and seconds."""
    began = time.perf_counter()
    found = work()
    return found, time.perf_counter() - began


def made(users: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Groups, scores and clicks; everybody has clicked at least once."""
    rng = np.random.default_rng(1)
    score = rng.random(users * LENGTH)
    clicked = rng.random(users * LENGTH) < 0.1
    clicked[np.arange(users) * LENGTH + rng.integers(0, LENGTH, users)] = True
    return np.repeat(np.arange(users), LENGTH), score, clicked


def metrics(users: int, rectools: str | None) -> None:
    """NDCG by all three."""
    groups, score, clicked = made(users)
    ours, seconds = timed(lambda: float(np.nanmean(ndcg(groups, score, clicked))))
    print(f"NDCG@10, {users} users x {LENGTH}: here {seconds:.2f} s, {ours:.12f}")
    value, alone = _ranx(users, score, clicked)
    print(f"  ranx {alone:.2f} s ({alone / seconds:.2f} x), difference {abs(value - ours):.1e}")
    if rectools is None:
        return
    with tempfile.NamedTemporaryFile(suffix=".npz") as file:
        np.savez(file, score=score, clicked=clicked)
        file.flush()
        told = subprocess.run(
            [rectools, "-c", RECTOOLS, file.name], check=True, capture_output=True, text=True
        ).stdout.split()
    theirs, took, sorting = (float(each) for each in told)
    print(
        f"  RecTools {took:.2f} s ({took / seconds:.2f} x) after {sorting:.2f} s to rank, "
        f"difference {abs(theirs - ours):.1e}"
    )


def _ranx(users: int, score: np.ndarray, clicked: np.ndarray) -> tuple[float, float]:
    from ranx import Qrels, Run, evaluate

    def structures(some: int) -> tuple[Qrels, Run]:
        names = [str(item) for item in range(LENGTH)]
        flags, values = clicked.reshape(-1, LENGTH)[:some], score.reshape(-1, LENGTH)[:some].tolist()
        qrels = {str(user): {names[item]: 1 for item in np.flatnonzero(row)} for user, row in enumerate(flags)}
        run = {str(user): dict(zip(names, row, strict=True)) for user, row in enumerate(values)}
        return Qrels(qrels), Run(run)

    evaluate(*structures(50), "ndcg@10")  # compiles
    qrels, run = structures(users)
    value, seconds = timed(lambda: evaluate(qrels, run, "ndcg@10"))
    return float(value), seconds


def resampling() -> None:
    """Clustered resamples against a loop over rows."""
    rng = np.random.default_rng(2)
    user, reward = rng.integers(0, ROW_USERS, ROWS), rng.random(ROWS)

    def clustered() -> float:
        sums = np.stack([np.bincount(user, reward), np.bincount(user)], axis=1).astype(float)
        found = resampled_ratios(sums[:, :1], sums[:, 1:], resamples=RESAMPLES, seed=1)
        return float(found.draws.std())

    def looped() -> float:
        return float(np.std([rng.choice(reward, ROWS, replace=True).mean() for _ in range(LOOPED)]))

    _, seconds = timed(clustered)
    _, slow = timed(looped)
    slow *= RESAMPLES / LOOPED
    print(
        f"{RESAMPLES} resamples of {ROW_USERS} users over {ROWS} rows: {seconds:.2f} s; "
        f"a loop over rows {slow:.0f} s ({slow / seconds:.0f} x)"
    )


def growth(most: int) -> None:
    """Seconds against users, and the exponent."""
    sizes = [size for size in (10_000, 100_000, 1_000_000) if size <= most]
    seconds = []
    for size in sizes:
        arrays = made(size)
        seconds.append(min(timed(lambda a=arrays: ndcg(*a))[1] for _ in range(3)))
    told = ", ".join(f"{size}: {took:.3f} s" for size, took in zip(sizes, seconds, strict=True))
    slope = np.polyfit(np.log(sizes), np.log(seconds), 1)[0]
    print(f"NDCG@10 by users: {told}; exponent {slope:.2f}")


def main(arguments: list[str]) -> None:
    """Print every figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=1_000_000)
    parser.add_argument("--rectools", help="Python of an environment with RecTools")
    options = parser.parse_args(arguments)
    resampling()
    growth(options.users)
    metrics(options.users, options.rectools)


if __name__ == "__main__":
    main(sys.argv[1:])
