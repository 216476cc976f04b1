"""The stages of the stickers world: ``world`` writes the log, ``play`` the day after a night.

The log ends with the world's last day. A later night goes on from the days that were played: it finds them beside
the log, and what nobody is told anew (users, items, the log) stays as it was.
"""

import shutil
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from conf.errors import UsageError
from jobs.lake.arrays import Flags
from jobs.lake.audiences import with_own
from jobs.lake.context import Context, StageResult
from jobs.simulator.log.campaign import Appearance, Readings, build_campaign, build_titles
from jobs.simulator.log.files import (
    check_ours,
    check_same,
    cover_rows,
    item_rows,
    swap,
    write_block,
    write_blocks,
    write_blocks_by_spark,
    write_marker,
    write_table,
)
from jobs.simulator.log.impressions import PUBLISHED, Campaign, TitleCampaign, blocks_of
from jobs.simulator.model import World

SPARK_ABOVE = 5_000_000
"""Expected impressions from which on Spark tasks write the log."""


def input_folder(context: Context) -> Path:
    """The folder the world is written to.

    Raises
    ------
    UsageError
        ``ingest.input`` is not a mounted folder.
    """
    url = context.input_url.removeprefix("file://")
    if "://" in url:
        raise UsageError(
            f"ingest.input={context.input_url}: the stickers world is written to a mounted folder. "
            "Leave ingest.input out, or set ingest.source=files to read logs of your own from there."
        )
    return Path(url)


def run(context: Context) -> StageResult:
    """Write items, covers and the log of all days, replacing what an earlier run wrote.

    On a night after the world's last day nothing is written: the log is there, and played days lie beside it.

    Raises
    ------
    UsageError
        The input folder is no mounted folder or holds files that are not the world's; or on a later night, another
        world's, or the night's own day was not played.
    """
    root = input_folder(context)
    check_ours(root)
    settings = context.settings.world
    world = World(settings)
    if context.ds > world.last_day:
        check_lived(world, root, context.ds)
        return StageResult(note=f"the log ends with {world.last_day}; days up to {context.ds} were played")
    fresh = root.with_name(f".{root.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    items, covers = item_rows(world), cover_rows(world)
    write_table(items, fresh / "items" / "items.parquet")
    write_table(covers, fresh / "covers" / "covers.parquet")
    write_marker(world, fresh)
    impressions, clicks = write_log(context, world, fresh / "impressions")
    swap(fresh, root)
    ctr = clicks / max(impressions, 1)
    return StageResult(
        rows={"impressions": impressions, "items": items.num_rows, "covers": covers.num_rows},
        metrics={"ctr": ctr},
        note=f"{impressions:,} simulated impressions of {world.users.size:,} users, CTR {ctr:.3f}",
    )


def check_lived(world: World, root: Path, ds: date) -> None:
    """Refuse a night after the log whose own day was not played.

    Raises
    ------
    UsageError
        The folder holds another world, or the days up to ``ds`` were not played.
    """
    check_same(world, root)
    ahead = [world.last_day + timedelta(days=number) for number in range(1, (ds - world.last_day).days + 1)]
    missing = [day for day in ahead if not (root / "impressions" / f"ds={day}").is_dir()]
    if missing:
        raise UsageError(
            f"{ds} is after the world's last day, {world.last_day}, and {missing[0]} was not played: "
            f"run the night of {missing[0] - timedelta(days=1)} first, or `coverlift simulate`, which runs all of them."
        )


def write_log(context: Context, world: World, folder: Path) -> tuple[int, int]:
    """Write every day and block, in this process or by Spark; return impressions and clicks."""
    settings = world.settings
    days = [settings.start + timedelta(days=number) for number in range(settings.days)]
    blocks = len(blocks_of(world))
    if settings.impressions * settings.scale > SPARK_ABOVE:
        return write_blocks_by_spark(context.spark, settings, folder.absolute(), days, blocks)
    impressions = clicks = 0
    for done, (shown, clicked) in enumerate(write_blocks(world, folder, days), start=1):
        impressions, clicks = impressions + shown, clicks + clicked
        context.progress(done, len(days) * blocks, "days of the log")
    return impressions, clicks


def play(context: Context, appearance: Appearance, readings: Readings) -> StageResult:
    """Write the day after the night: treated users see tonight's published covers, and new items are out.

    A share of the users (``world.play_share``) is treated, at random by the world's seed: the same ones every
    night. Their impressions have policy ``published`` and the others' ``control``, whatever a single
    impression shows, so that the arms can be compared as they were drawn.

    Parameters
    ----------
    context
        Its night must be the last day of the world, or one whose own day was played.
    appearance
        How painted covers look to the simulated users.
    readings
        What they read in written titles.

    Raises
    ------
    UsageError
        The night is before the world's last day or its own day was not played, or the world was not written yet.
    """
    root = input_folder(context)
    world = World(context.settings.world)
    if context.ds < world.last_day:
        raise UsageError(
            f"ds={context.ds}: the world plays the days after its last one; use --ds {world.last_day} or a later one."
        )
    if not (root / "impressions").is_dir():
        raise UsageError(f"{root} has no impressions: run `coverlift world` first.")
    if context.ds > world.last_day:
        check_lived(world, root, context.ds)
    campaign = tonights_campaign(context, world, appearance, titles_of(context, world, readings))
    day = context.ds + timedelta(days=1)
    fresh = root / ".play.new"
    shutil.rmtree(fresh, ignore_errors=True)
    total = len(blocks_of(world))
    for block in range(total):
        write_block(world, fresh, day, block, campaign)
        context.progress(block + 1, total, "blocks of users")
    result = played(world, fresh / f"ds={day}", day)
    swap(fresh / f"ds={day}", root / "impressions" / f"ds={day}")
    shutil.rmtree(fresh)
    return result


def tonights_campaign(
    context: Context, world: World, appearance: Appearance, titles: TitleCampaign | None = None
) -> Campaign:
    """Tonight's published covers, for the users of tonight's segments and those with covers of their own."""
    lake, ds = context.lake, context.ds
    published, members = with_own(
        pl.DataFrame(lake.read("published_covers", ds=ds, columns=["item_id", "segment_id", "cover_id"])),
        pl.DataFrame(lake.read("user_segments", ds=ds, columns=["user_id", "segment_id"])),
    )
    return build_campaign(world, published.to_arrow(), members.to_arrow(), appearance, titles)


def titles_of(context: Context, world: World, readings: Readings) -> TitleCampaign | None:
    """Tonight's published titles; None where none are."""
    lake, ds = context.lake, context.ds
    if ds.isoformat() not in lake.partitions("published_titles"):
        return None
    return build_titles(
        world,
        lake.read("published_titles", ds=ds, columns=["item_id", "group_id", "title"]),
        lake.read("user_word_groups", ds=ds, columns=["user_id", "group_id"]),
        readings,
    )


def played(world: World, folder: Path, day: date) -> StageResult:
    """Figures of the played day: click-through rate of each arm that has somebody, and the share of new items."""
    log: pa.Table = pq.read_table(folder, columns=["item_id", "policy", "clicked"])
    treated = pc.starts_with(log["policy"], PUBLISHED).to_numpy(zero_copy_only=False)
    clicked = log["clicked"].to_numpy()
    new = world.items.held_out[world.item_index(log["item_id"].to_pylist())]

    def mean(name: str, values: Flags) -> dict[str, float]:
        return {name: float(values.mean())} if len(values) else {}

    metrics = (
        mean("ctr_published", clicked[treated]) | mean("ctr_control", clicked[~treated]) | mean("new_item_share", new)
    )
    return StageResult(
        rows={"impressions": log.num_rows},
        metrics=metrics,
        note=f"{log.num_rows:,} simulated impressions on {day}, {metrics.get('new_item_share', 0):.0%} of new items",
    )
