"""What the stickers world really looks like: figures and plots for ``docs/world.md``.

``coverlift world describe`` makes the default world's
log in memory, prints its figures as a Markdown table and writes the plots.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure
from scipy.special import expit

from conf.settings import WorldSettings
from jobs.lake.arrays import Flags, Floats
from jobs.simulator.log.impressions import EXPLORE_RANK, blocks_of, day_block
from jobs.simulator.model import World
from jobs.simulator.parameters import examination
from jobs.simulator.wording import KINDS
from jobs.stickers.pack import FAMILIES

SAMPLE = 200_000
"""Impressions that variance shares are estimated from."""


def log_of(world: World) -> pd.DataFrame:
    """All days of the log, with the numbers of user, item, family and wording beside the ids."""
    days = [world.settings.start + timedelta(days=number) for number in range(world.settings.days)]
    blocks = [day_block(world, day, block) for day in days for block in range(len(blocks_of(world)))]
    frame: pd.DataFrame = pa.concat_tables(blocks).to_pandas()
    family = {
        (item_id, cover_id): number
        for item_id, row in zip(world.items.item_ids, world.items.cover_ids, strict=True)
        for number, cover_id in enumerate(row)
    }
    kind = {
        (item, title): (place // world.items.size) % len(KINDS)
        for place, title in enumerate(world.titles)
        for item in [world.items.item_ids[place % world.items.size]]
    }
    frame["user"] = world.user_index(frame["user_id"].tolist())
    frame["item"] = world.item_index(frame["item_id"].tolist())
    frame["family"] = [family[key] for key in zip(frame["item_id"], frame["cover_id"], strict=True)]
    frame["wording"] = [kind[key] for key in zip(frame["item_id"], frame["title"], strict=True)]
    return frame


def variance_shares(world: World, log: pd.DataFrame) -> dict[str, float]:
    """Share of the variance of clicks that each part of the model accounts for.

    The total effect of a part X on the click probability p is half the mean of (p - p')^2,
    where p' has X of another impression (Jansen, "Analysis of variance designs for model
    output", 1999), over the variance p(1 - p) of a click with the log's mean p. Parts
    interact, so the shares need not add up to ``everything``, Var(p) over the same variance.
    """
    rng = np.random.default_rng(world.stream(90))
    rows = log.sample(min(SAMPLE, len(log)), random_state=1)
    user, item = rows["user"].to_numpy(), rows["item"].to_numpy()
    parts: dict[str, Floats] = {
        "user's readiness": world.users.bias[user],
        "item quality": world.items.quality[item],
        "taste for the subject": world.subject_taste(user, item),
        "taste for the style": world.style_taste[user, rows["family"]],
        "taste for the wording": world.users.wording_taste[user, rows["wording"]],
    }
    logit = world.parameters.base + sum(parts.values())
    seen = examination(rows["position"].to_numpy(), world.parameters)
    chance = expit(logit) * seen
    clicks = chance.mean() * (1 - chance.mean())
    shares = {"position": float(np.mean((chance - expit(logit) * rng.permutation(seen)) ** 2) / 2 / clicks)}
    for name, part in parts.items():
        other = expit(logit - part + rng.permutation(part)) * seen
        shares[name] = float(np.mean((chance - other) ** 2) / 2 / clicks)
    shares["everything"] = float(chance.var() / clicks)
    return shares


def figures(world: World, log: pd.DataFrame) -> dict[str, str]:
    """The figures of ``docs/world.md`` by name."""
    per_user = log.groupby("user_id").agg(impressions=("clicked", "size"), clicks=("clicked", "sum"))
    exposure = log["item_id"].value_counts().to_numpy()
    clicked, family = log["clicked"].to_numpy(), log["family"].to_numpy()
    original = family == world.items.default[log["item"]]
    favourite = family == world.favourite[log["user"]]
    adoring = world.users.adored[log["user"]] >= 0

    def ctr(*chosen: Flags) -> str:
        return " / ".join(f"{clicked[rows].mean():.4f}" for rows in chosen)

    quartiles = per_user["impressions"].quantile([0.25, 0.5, 0.75])
    rows = {
        "impressions": f"{len(log):,}",
        "users with impressions": f"{len(per_user):,}",
        "impressions a user, quartiles": " / ".join(f"{value:.0f}" for value in quartiles),
        "users without a click": f"{(per_user['clicks'] == 0).mean():.3f}",
        "items shown": f"{len(exposure):,}",
        "share of impressions of the top tenth of items": f"{exposure[: len(exposure) // 10].sum() / len(log):.3f}",
        "click-through rate (CTR)": ctr(clicked >= 0),
        "CTR of the original cover / of another drawing": ctr(original, ~original),
        "CTR of the favourite family / of others, users who adore one": ctr(favourite & adoring, ~favourite & adoring),
        "the same, other users": ctr(favourite & ~adoring, ~favourite & ~adoring),
    }
    rows |= {f"CTR of {name}": ctr(family == number) for number, name in enumerate(FAMILIES)}
    shares = {f"variance of clicks: {name}": f"{share:.4f}" for name, share in variance_shares(world, log).items()}
    return rows | shares


def plot(world: World, log: pd.DataFrame, out: Path) -> None:
    """Write ``world.png``: tastes, activity, exposure, positions, hours and families."""
    figure = Figure(figsize=(12, 7), layout="constrained")
    axes = figure.subplots(2, 3)
    axes[0, 0].hist(world.style_taste.ravel(), bins=80, color="#4a6fa5")
    axes[0, 0].set(title="Style tastes (user x family)", xlabel="logits", ylabel="pairs", yscale="log")
    axes[0, 1].hist(log["user_id"].value_counts(), bins=np.geomspace(1, 5000, 50), color="#4a6fa5")
    axes[0, 1].set(title="Impressions a user", xlabel="28 days", ylabel="users", xscale="log")
    exposure = log["item_id"].value_counts().to_numpy()
    axes[0, 2].loglog(np.arange(1, len(exposure) + 1), exposure, color="#4a6fa5")
    axes[0, 2].set(title="Exposure of items", xlabel="rank", ylabel="impressions")
    random = log[log["policy"] == EXPLORE_RANK].groupby("position")["clicked"].mean()
    true = examination(random.index.to_numpy(), world.parameters)
    axes[1, 0].plot(random.index, random / random.iloc[0], "o", color="#c0504d", label="random order, relative CTR")
    axes[1, 0].plot(random.index, true, color="#4a6fa5", label="examination (model)")
    axes[1, 0].set(title="Position bias", xlabel="position", ylim=(0, 1.1))
    axes[1, 0].legend()
    axes[1, 1].hist(log["ts"].dt.hour, bins=np.arange(25) - 0.5, color="#4a6fa5")
    axes[1, 1].set(title="Hours (UTC)", xlabel="hour", ylabel="impressions")
    favourite = np.bincount(world.favourite, minlength=len(FAMILIES)) / world.users.size
    default = np.bincount(world.items.default, minlength=len(FAMILIES)) / world.items.size
    ticks = np.arange(len(FAMILIES))
    axes[1, 2].bar(ticks - 0.2, favourite, 0.4, color="#4a6fa5", label="users who like it most")
    axes[1, 2].bar(ticks + 0.2, default, 0.4, color="#c9a227", label="items it draws by default")
    axes[1, 2].set(title="Families", ylabel="share")
    axes[1, 2].set_xticks(ticks, FAMILIES, rotation=30, ha="right")
    axes[1, 2].legend()
    out.mkdir(parents=True, exist_ok=True)
    figure.savefig(out / "world.png", dpi=80)


@dataclass(frozen=True, kw_only=True)
class Description:
    """Options of :func:`describe`."""

    out: Path = Path("docs/images/world")
    """Folder of the plots."""


def describe(options: Description) -> None:
    """Print the figures and write the plots."""
    world = World(WorldSettings())
    log = log_of(world)
    print("| figure | value |\n|---|---|")
    for name, value in figures(world, log).items():
        print(f"| {name} | {value} |")
    plot(world, log, options.out)
