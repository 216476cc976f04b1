"""The stage ``preference-tokens``: what segments and users like, as codes, for methods that need tokens.

A user's codes come from their own edges; a segment's from the mean preference of its users who clicked. **Privacy**: a
user's codes are cut to the longest prefix that ``features.segment_min_size`` users share, so that no row says more of
anybody than of that many. Who clicked fewer than ``LEAST_CLICKS`` times is told by the first code alone, who never
clicked by none. Point in time, as the edges are.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa
import torch

from conf.settings import Settings
from generation.personalization.dppmg.graph import MODALITIES, VISUAL, Graph, read_edges
from generation.personalization.dppmg.preferences import (
    SHIPPED,
    Preferences,
    features_of,
    read_preferences,
    texts_by_hash,
)
from generation.personalization.dppmg.quantise import cut_to_shared
from generation.preference_tokens import NONE, read_codes
from jobs.lake.arrays import Floats, Ints
from jobs.lake.audiences import audience_user, user_audience
from jobs.lake.context import Context, StageResult
from jobs.lake.examination import examination_at, read_examination
from jobs.lake.lake import Lake
from jobs.lake.schema.features import PREFERENCE_TOKENS

METHOD = "dppmg"
LEAST_CLICKS = 3
"""Clicks below which only the first code is told."""


@dataclass(frozen=True, kw_only=True)
class Coded:
    """Codes of ``N`` audiences."""

    audience: tuple[str, ...]
    codes: Ints
    """(N, levels), -1 for none."""
    distance: Floats
    clicks: Ints


def coded_users(preferences: Preferences, graph: Graph, looks: torch.Tensor, least: int) -> Coded:
    """Codes of a graph's users, cut as the module says; ``looks`` (U, width) are their preferences."""
    clicks = graph.clicked.round().astype(np.int64)
    codes = preferences.quantiser.codes(looks)
    codes[clicks == 0] = NONE
    codes[clicks < LEAST_CLICKS, 1:] = NONE
    codes = cut_to_shared(codes, least)
    return Coded(
        audience=tuple(user_audience(user) for user in graph.users),
        codes=codes,
        distance=preferences.quantiser.distance(looks, codes),
        clicks=clicks,
    )


def coded_segments(preferences: Preferences, graph: Graph, looks: torch.Tensor, segment_of: Mapping[str, str]) -> Coded:
    """Codes of the segments of users by id: of the mean preference of those who clicked; none where nobody did."""
    clicks = graph.clicked.round().astype(np.int64)
    names = sorted(set(segment_of.values()))
    mine = np.array([segment_of.get(user, "") for user in graph.users])
    members = [np.flatnonzero((mine == name) & (clicks > 0)) for name in names]
    means = [
        looks[torch.from_numpy(rows)].mean(0) if len(rows) else looks.new_zeros(looks.shape[1]) for rows in members
    ]
    found = torch.stack(means) if means else looks.new_zeros(0, looks.shape[1])
    codes = preferences.quantiser.codes(found)
    return Coded(
        audience=tuple(names),
        codes=codes,
        distance=preferences.quantiser.distance(found, codes),
        clicks=np.array([clicks[rows].sum() for rows in members], np.int64),
    )


def run(ctx: Context) -> StageResult:
    """Write preference_tokens of the cut, where its edges are there, and of ds.

    Raises
    ------
    UsageError
        There are no edges of ds, or the method's weights are missing or changed.
    """
    built = ctx.lake.partitions("interaction_edges")
    days = [day for day in (ctx.cut, ctx.ds) if day == ctx.ds or day.isoformat() in built]
    result = StageResult()
    for place, day in enumerate(days):
        ctx.progress(place, len(days), day.isoformat())
        tables = [rows_of(ctx, day, modality) for modality in MODALITIES]
        rows = ctx.lake.replace(pa.concat_tables(tables), "preference_tokens", ds=day)
        result.rows["preference_tokens"] = result.rows.get("preference_tokens", 0) + rows
    ctx.progress(len(days), len(days), "tokens")
    result.note = f"{result.rows['preference_tokens']:,} rows of codes for {', '.join(map(str, days))}"
    return result


def rows_of(ctx: Context, day: date, modality: str) -> pa.Table:
    """Rows of ``preference_tokens`` of a day and a modality, segments first."""
    lake, features = ctx.lake, ctx.settings.features
    preferences = read_preferences(weights_of(ctx.settings), modality)
    graph = Graph.of(read_edges(lake, day, modality))
    texts = {} if modality == VISUAL else shown_texts(lake, day)
    looks = preferences.of(graph, features_of(lake, features.encoder_id, modality, graph, texts))
    members = lake.read("user_segments", ds=day, columns=["user_id", "segment_id"]).to_pylist()
    segment_of = {row["user_id"]: row["segment_id"] for row in members}
    found = [
        coded_segments(preferences, graph, looks, segment_of),
        coded_users(preferences, graph, looks, features.segment_min_size),
    ]
    rows = [
        {
            "ds": day.isoformat(),
            "modality": modality,
            "audience": audience,
            "codes": [int(code) for code in codes if code >= 0],
            "distance": float(distance),
            "clicks": int(clicks),
            "quantiser": preferences.fingerprint,
        }
        for part in found
        for audience, codes, distance, clicks in zip(part.audience, part.codes, part.distance, part.clicks, strict=True)
    ]
    return pa.Table.from_pylist(rows, schema=PREFERENCE_TOKENS.schema)


def shown_texts(lake: Lake, day: date) -> dict[str, str]:
    """Every text shown up to a day, by its hash: of impressions, and the titles of items."""
    log = lake.read("impressions", columns=["title"], filters=[("ds", "<=", day.isoformat())])
    texts = pl.concat(
        [pl.DataFrame(log)["title"].drop_nulls(), pl.DataFrame(lake.read("items", columns=["title"]))["title"]]
    )
    return texts_by_hash(texts.unique().to_list())


def weights_of(settings: Settings) -> Path:
    """Folder of the method's weights."""
    return Path(settings.generation.adapter_folders.get(METHOD, SHIPPED))


def watched(ctx: Context) -> str:
    """Fingerprints of what tells codes: with others the stage runs again."""
    folder = weights_of(ctx.settings)
    return " ".join(read_preferences(folder, modality).fingerprint for modality in MODALITIES)


def graph_of_events(lake: Lake, day: date, events: pl.DataFrame) -> Graph:
    """A visual graph of events with user_id, item_id, cover_id, ts, position and clicked, as the edges' Spark makes it.

    For events that are not the log's own: of a study, with clicks put in that nobody made.
    """
    rates = pl.DataFrame(lake.read("item_features", ds=day, columns=["item_id", "ctr_debiased"]))
    looked = examination_at(read_examination(lake, day), events["position"].to_numpy())
    shown = events.with_columns(looked=pl.Series(looked)).join(rates, on="item_id")
    edges = shown.group_by("user_id", node="cover_id").agg(
        clicks=pl.col("clicked").cast(pl.Int64).sum(),
        expected_clicks=(pl.col("looked") * pl.col("ctr_debiased")).sum(),
        last_ts=pl.col("ts").max(),
    )
    return Graph.of(edges)


def codes_of_events(lake: Lake, day: date, settings: Settings, events: pl.DataFrame) -> dict[str, tuple[int, ...]]:
    """Codes of the look of users by id from given events; only prefixes that the night tells of users are told.

    Parameters
    ----------
    lake, day
        A night whose ``preference_tokens`` are there.
    settings
        Of the night: whose weights.
    events
        As in :func:`graph_of_events`.
    """
    preferences = read_preferences(weights_of(settings), VISUAL)
    graph = graph_of_events(lake, day, events)
    features = features_of(lake, settings.features.encoder_id, VISUAL, graph, {})
    found = coded_users(preferences, graph, preferences.of(graph, features), 1)
    told = read_codes(lake, day)
    prefixes = {
        codes[:length]
        for audience, codes in told.items()
        if audience_user(audience) is not None
        for length in range(1, len(codes) + 1)
    }
    kept = {}
    for user, codes in zip(graph.users, found.codes, strict=True):
        known = tuple(int(code) for code in codes if code >= 0)
        while known and known not in prefixes:
            known = known[:-1]
        if known:
            kept[user] = known
    return kept
