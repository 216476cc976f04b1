"""What the lake knows about pictures: real covers, their features, items and segments."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime, time

import numpy as np
import pandas as pd
import pyarrow.compute as pc
from numpy.typing import NDArray

from conf.errors import UsageError
from generation.history import history_array
from generation.preference_tokens import painter_tokens, read_codes
from generation.types import SegmentProfile
from jobs.lake.arrays import matrix
from jobs.lake.lake import Lake


def end_of_day(ds: date) -> datetime:
    """The last microsecond of a day, UTC: what a night commits carries this time."""
    return datetime.combine(ds, time.max, UTC)


def original_covers(lake: Lake, as_of: date) -> pd.DataFrame:
    """Real covers that exist by the end of a day, one row per cover x item.

    Returns
    -------
    DataFrame
        cover_id, item_id, is_default, width and height in pixels.
    """
    kept = ["cover_id", "item_id", "is_default", "width", "height"]
    table = lake.read("covers", columns=[*kept, "source", "created_at"])
    known = (pc.field("source") == "original") & (pc.field("created_at") <= end_of_day(as_of))
    frame: pd.DataFrame = table.filter(known).to_pandas()
    return frame[kept].sort_values(["item_id", "cover_id"], ignore_index=True)


def items_with_default(lake: Lake, as_of: date) -> pd.DataFrame:
    """Items that exist by the end of a day with the cover the feed shows by default.

    Returns
    -------
    DataFrame
        item_id, title, category, tags, reference_cover_id, and width and height of that cover in pixels; one row per
        item with a default cover.
    """
    columns = ["item_id", "title", "category", "tags", "created_at"]
    table = lake.read("items", columns=columns).filter(pc.field("created_at") <= end_of_day(as_of))
    items: pd.DataFrame = table.drop_columns(["created_at"]).to_pandas()
    covers = original_covers(lake, as_of)
    default = covers[covers["is_default"]].rename(columns={"cover_id": "reference_cover_id"})
    return items.merge(default[["item_id", "reference_cover_id", "width", "height"]], on="item_id").sort_values(
        "item_id", ignore_index=True
    )


def segment_profiles(
    lake: Lake, as_of: date, *, histories: bool = False, tokens: bool = False
) -> list[tuple[SegmentProfile, int]]:
    """Segments of a day and their sizes, by id; with what they were shown, and with codes, where that is asked for.

    Raises
    ------
    UsageError
        Histories or tokens are asked for and were not built for that day.
    """
    told = segment_histories(lake, as_of) if histories else {}
    codes = read_codes(lake, as_of) if tokens else {}
    columns = ["segment_id", "size", "pref_embedding", "pref_style", "top_categories"]
    rows = lake.read("segments", ds=as_of, columns=columns).sort_by("segment_id").to_pylist()
    return [
        (
            SegmentProfile(
                segment_id=row["segment_id"],
                pref_embedding=np.asarray(row["pref_embedding"], np.float32),
                pref_style=np.asarray(row["pref_style"], np.float32),
                history=told.get(row["segment_id"]),
                tokens=painter_tokens(codes.get(row["segment_id"], ())),
                likes=tuple(row["top_categories"] or ()),
            ),
            row["size"],
        )
        for row in rows
    ]


def segment_histories(lake: Lake, as_of: date) -> dict[str, NDArray[np.float32]]:
    """(48, 165) prototypes of what each segment clicked and skipped, as a painter is told them; by segment.

    Raises
    ------
    UsageError
        They were not built for that day.
    """
    if as_of.isoformat() not in lake.partitions("segment_history"):
        raise UsageError(
            f"segment_history has no rows for {as_of}, and a method needs what segments were shown: build it with "
            "`coverlift features -o features.segment_history=true`, and keep the setting for the night"
        )
    rows = pd.DataFrame(lake.read("segment_history", ds=as_of).to_pandas()).sort_values(["segment_id", "place"])
    found = {}
    for name, part in rows.groupby("segment_id"):
        history = history_array(
            vectors=np.stack(part["vector"].to_list()).astype(np.float32),
            clicked=part["clicked"].to_numpy(bool),
            age_hours=part["age_hours"].to_numpy(np.float64),
            examination=part["examination"].to_numpy(np.float64),
            weight=part["weight"].to_numpy(np.float64),
        )
        if history is not None:
            found[str(name)] = history
    return found


@dataclass(frozen=True, kw_only=True)
class CoverVectors:
    """Features of covers by id."""

    rows: dict[str, int]
    embeddings: NDArray[np.float32]
    """(N, 128)"""
    styles: NDArray[np.float32]
    """(N, 32)"""

    @classmethod
    def read(cls, lake: Lake, encoder_id: str, cover_ids: Iterable[str] | None = None) -> "CoverVectors":
        """Features of the named covers, or of all, by one encoder."""
        conditions: list[tuple[str, str, object]] = [("encoder_id", "=", encoder_id)]
        if cover_ids is not None:
            conditions.append(("cover_id", "in", sorted(set(cover_ids))))
        table = lake.read("cover_features", columns=["cover_id", "embedding", "style"], filters=conditions)
        return cls(
            rows={cover_id: row for row, cover_id in enumerate(table["cover_id"].to_pylist())},
            embeddings=matrix(table["embedding"]),
            styles=matrix(table["style"]),
        )

    def where(self, cover_ids: Iterable[str]) -> NDArray[np.int64]:
        """Row numbers of covers.

        Raises
        ------
        ValueError
            When covers have no features.
        """
        wanted = list(cover_ids)
        missing = [cover_id for cover_id in wanted if cover_id not in self.rows]
        if missing:
            raise ValueError(f"{len(missing)} covers have no features, like {missing[0]}: run `coverlift encode`")
        return np.asarray([self.rows[cover_id] for cover_id in wanted], np.int64)
