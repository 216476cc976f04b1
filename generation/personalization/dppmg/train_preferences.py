"""Train what tells preferences and their codes: ``coverlift train dppmg-preferences``.

Over the edges and the log of a finished night. A week of the log is left out of the graph in turn, and its clicks are
told from what was examined and skipped of the same request (Bayesian personalised ranking, Rendle et al., UAI 2009,
https://arxiv.org/abs/1205.2618), over and above what position and item explain. Users and items for training alone
give pairs; validation users say when to stop; then their preferences are quantised. It takes minutes: a killed run
is run again.
"""

import platform
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
import torch.nn.functional as F
from torch import Tensor

from conf.command_line import told
from conf.errors import UsageError
from generation.personalization.dppmg.graph import CONTENT_WEIGHT, MODALITIES, VISUAL, Graph, read_edges
from generation.personalization.dppmg.preferences import SHIPPED, features_of, texts_by_hash, write_preferences
from generation.personalization.dppmg.propagate import Propagation, start_projection
from generation.personalization.dppmg.quantise import CODES, LEVELS, Quantiser, fit_codebooks, perplexity, score_metric
from jobs.lake.arrays import Flags, Floats, Floats32, Ints
from jobs.lake.context import Context
from jobs.lake.schema.columns import EMBED_DIM, STYLE_DIM
from jobs.lake.splits import Split, split_of
from reward_model.encoders.stage import text_hash
from reward_model.metrics import user_auc
from reward_model.network.features import TITLE_COLUMNS

WEEK, WINDOW = 7, 28
LEAST_CLICKS = 3
"""Of a user whose preference the quantiser learns from."""
PSEUDO_EVENTS = 5.0
"""Of the night's own preference vectors (``jobs.features.estimators.preference``), for comparison."""
LEADING = {"visual": STYLE_DIM, "words": len(TITLE_COLUMNS)}
"""Features that start one by one: style; the shape of a text."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """``E`` impressions of 28 days whose user and node are in a graph."""

    user: Ints
    node: Ints
    item: Ints
    request: Ints
    week: Ints
    """From 0, the oldest."""
    clicked: Flags
    expected: Floats
    """Examination times the item's click rate."""
    split: np.ndarray[Any, Any]
    """Of the item."""

    def without(self, graph: Graph, week: int) -> Graph:
        """The graph but for what happened in a week."""
        key = graph.user * len(graph.nodes) + graph.node
        rows = self.week == week
        edge = np.searchsorted(key, self.user[rows] * len(graph.nodes) + self.node[rows])
        clicks = graph.clicks - np.bincount(edge, self.clicked[rows], len(key))
        expected = graph.expected - np.bincount(edge, self.expected[rows], len(key))
        return replace(graph, clicks=clicks.clip(0), expected=expected.clip(0))


@dataclass(frozen=True, kw_only=True)
class Data:
    """What a modality is trained from."""

    graph: Graph
    features: Floats32
    shown: Shown
    split: np.ndarray[Any, Any]
    """(U,) of users."""
    clicked: Tensor
    """(4, U, F) propagated raw features of clicks, each week left out in turn."""
    expected: Tensor

    @classmethod
    def read(cls, ctx: Context, modality: str) -> "Data":
        """Of the night of ds.

        Raises
        ------
        UsageError
            The edges were not built.
        """
        log = _log(ctx)
        graph = Graph.of(read_edges(ctx.lake, ctx.ds, modality))
        texts = texts_by_hash(log["text"].unique().to_list())
        features = features_of(ctx.lake, ctx.settings.features.encoder_id, modality, graph, texts)
        shown = _shown(log, graph, modality)
        plain = Propagation(features.shape[1])
        parts = [plain.raw(shown.without(graph, week), torch.from_numpy(features)) for week in range(WINDOW // WEEK)]
        return cls(
            graph=graph,
            features=features,
            shown=shown,
            split=np.array([split_of(user) for user in graph.users]),
            clicked=torch.stack([clicked for clicked, _ in parts]),
            expected=torch.stack([expected for _, expected in parts]),
        )

    def score(self, preferences: Tensor, nodes: Tensor, rows: Ints) -> Tensor:
        """(R,) scores of impressions: preferences (4, U, D) with nodes (N, D)."""
        week, user, node = (
            torch.from_numpy(each[rows]) for each in (self.shown.week, self.shown.user, self.shown.node)
        )
        return (preferences[week, user] * nodes[node]).sum(1)

    def gauc(self, score: Floats, rows: Ints) -> tuple[float, float]:
        """Mean over user-weeks of the area under the curve, weighted by impressions, and its standard error."""
        user = np.unique(self.shown.user[rows], return_inverse=True)[1]
        group = np.unique(user * (WINDOW // WEEK) + self.shown.week[rows], return_inverse=True)[1]
        area, weight = user_auc(group, self.shown.clicked[rows], score)
        known = ~np.isnan(area)
        mean = float(np.average(area[known], weights=weight[known]))
        share = weight[known] / weight[known].sum()
        return mean, float(np.sqrt((share**2 * (area[known] - mean) ** 2).sum()))

    def rows(self, split: Split, *, last: bool = False) -> Ints:
        """Impressions of a split's users, on items that are not held out; ``last``: of the last week alone."""
        chosen = (self.split[self.shown.user] == split) & (self.shown.split != "held_out")
        return np.flatnonzero(chosen & (self.shown.week == WINDOW // WEEK - 1) if last else chosen)


def _log(ctx: Context) -> pl.DataFrame:
    """Impressions of 28 days with expected clicks and the words shown."""
    days = [ctx.ds - timedelta(days=back) for back in range(WINDOW)]
    columns = ["ds", "user_id", "item_id", "cover_id", "request_id", "position", "clicked", "title"]
    log = pl.DataFrame(ctx.lake.read("impressions", ds=days, columns=columns))
    items = pl.DataFrame(ctx.lake.read("items", columns=["item_id", "title"])).rename({"title": "item_title"})
    rates = pl.DataFrame(ctx.lake.read("item_features", ds=ctx.ds, columns=["item_id", "ctr_debiased"]))
    bias = pl.DataFrame(ctx.lake.read("position_bias", ds=ctx.ds, columns=["position", "examination"]))
    last = int(bias["position"].max())  # type: ignore[arg-type]
    joined = log.with_columns(position=pl.col("position").clip(upper_bound=last)).join(items, on="item_id")
    return (
        joined.join(rates, on="item_id")
        .join(bias, on="position")
        .with_columns(
            text=pl.coalesce("title", "item_title"),
            expected=pl.col("examination") * pl.col("ctr_debiased"),
            week=WINDOW // WEEK - 1 - (pl.lit(ctx.ds) - pl.col("ds").str.to_date()).dt.total_days() // WEEK,
        )
    )


def _shown(log: pl.DataFrame, graph: Graph, modality: str) -> Shown:
    if modality == VISUAL:
        node = log["cover_id"]
    else:
        texts = log["text"].unique()
        hashes = pl.DataFrame({"text": texts, "node": [text_hash(text) for text in texts.to_list()]})
        node = log.select("text").join(hashes, on="text", how="left", maintain_order="left")["node"]
    users = {user: row for row, user in enumerate(graph.users)}
    nodes = {name: row for row, name in enumerate(graph.nodes)}
    user = np.array([users.get(each, -1) for each in log["user_id"]], np.int64)
    place = np.array([nodes.get(each, -1) for each in node], np.int64)
    edges = np.sort(graph.user * len(graph.nodes) + graph.node)
    key = user * len(graph.nodes) + place
    at = np.searchsorted(edges, key).clip(max=len(edges) - 1)
    kept = (user >= 0) & (place >= 0) & (edges[at] == key)
    splits = {item: split_of(item) for item in log["item_id"].unique()}
    return Shown(
        user=user[kept],
        node=place[kept],
        item=np.unique(log["item_id"].to_numpy().astype(str), return_inverse=True)[1][kept],
        request=np.unique(log["request_id"].to_numpy().astype(str), return_inverse=True)[1][kept],
        week=log["week"].to_numpy().astype(np.int64)[kept],
        clicked=log["clicked"].to_numpy()[kept],
        expected=log["expected"].to_numpy()[kept],
        split=np.array([splits[item] for item in log["item_id"]])[kept],
    )


def pairs(shown: Shown, rows: Flags) -> tuple[Ints, Ints, Floats]:
    """Clicked and skipped impressions of one request, and the weight of each pair: 1 over the pairs of its click.

    Parameters
    ----------
    shown
        Impressions.
    rows
        (E,) those that may be used.
    """
    frame = pl.DataFrame({"row": np.flatnonzero(rows), "request": shown.request[rows], "clicked": shown.clicked[rows]})
    clicked = frame.filter("clicked").select("request", clicked_row="row")
    both = clicked.join(frame.filter(~pl.col("clicked")).select("request", skipped_row="row"), on="request")
    one, other = both["clicked_row"].to_numpy(), both["skipped_row"].to_numpy()
    return one, other, 1.0 / np.bincount(one, minlength=len(shown.user))[one]


@dataclass(frozen=True, kw_only=True)
class Fit:
    """How the projection is fitted."""

    steps: int = 300
    every: int = 20
    """Steps between looks at validation users."""
    learning_rate: float = 3e-3
    anchor: float = 1e-4
    """Weight of the squared distance to the start."""
    batch: int = 8192
    """Pairs of a step."""
    starts: int = 6
    """Starts of the quantiser; kept is the one whose codes rank validation users' clicks best."""
    seed: int = 31


def fit_projection(data: Data, modality: str, fit: Fit) -> tuple[Propagation, list[dict[str, float]]]:
    """The projection of the best look at validation users, and what each look saw."""
    torch.manual_seed(fit.seed)
    network = Propagation(data.features.shape[1])
    start = torch.from_numpy(start_projection(data.features, leading=LEADING[modality]))
    network.weight.data.copy_(start)
    shown = data.shown
    one, other, weight = pairs(shown, (data.split[shown.user] == "train") & (shown.split == "train"))
    if not len(one):
        raise UsageError("no training user clicked one item and skipped another of the same request: nothing to learn")
    offset = torch.from_numpy(np.log(np.maximum(shown.expected, 1e-9))).float()
    features, weights = torch.from_numpy(data.features), torch.from_numpy(weight).float()
    optimizer = torch.optim.Adam(network.parameters(), lr=fit.learning_rate)
    rng, validation = np.random.default_rng(fit.seed), data.rows("validation")
    looks: list[dict[str, float]] = []
    best = {name: each.clone() for name, each in network.state_dict().items()}
    for step in range(fit.steps + 1):
        if step % fit.every == 0:
            with torch.no_grad():
                users = network.users(data.clicked, data.expected)
                gauc, _ = data.gauc(data.score(users, network.nodes(features), validation).double().numpy(), validation)
            if gauc > max((look["gauc"] for look in looks), default=0.0):
                best = {name: each.clone() for name, each in network.state_dict().items()}
            looks.append({"step": step, "gauc": gauc})
        if step == fit.steps:
            break
        drawn = rng.integers(len(one), size=min(fit.batch, len(one)))
        users, nodes = network.users(data.clicked, data.expected), network.nodes(features)
        above = offset[one[drawn]] + data.score(users, nodes, one[drawn])
        below = offset[other[drawn]] + data.score(users, nodes, other[drawn])
        share = weights[drawn]
        loss = (F.softplus(below - above) * share).sum() / share.sum()
        loss = loss + fit.anchor * (network.weight - start).square().sum()
        optimizer.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
    network.load_state_dict(best)
    return network, looks


@torch.no_grad()
def fit_quantiser(data: Data, network: Propagation, members: dict[str, Ints], modality: str, fit: Fit) -> Quantiser:
    """Codebooks of training users with ``LEAST_CLICKS`` clicks and of segments, ``members`` of training by segment."""
    features = torch.from_numpy(data.features)
    nodes, preferences = network.nodes(features), network(data.graph, features)
    shown = data.shown
    train = (shown.split == "train") & (data.split[shown.user] == "train")
    group = shown.item if modality == VISUAL else shown.item * len(data.graph.users) + shown.user
    rows = pl.DataFrame({"node": shown.node[train], "group": group[train]}).unique(maintain_order=True)
    metric = score_metric(nodes[rows["node"].to_list()], rows["group"].to_numpy())
    bare = Quantiser(metric=metric, codebooks=metric.new_zeros(0, CODES, len(metric)))
    users = (data.split == "train") & (data.graph.clicked >= LEAST_CLICKS)
    centres = [preferences[rows].mean(0) for rows in members.values() if len(rows)]
    points = bare.scaled(torch.cat([preferences[torch.from_numpy(users)], *(each[None] for each in centres)]))
    left_out, validation = network.users(data.clicked, data.expected), data.rows("validation")
    found: list[tuple[float, Quantiser]] = []
    for start in range(fit.starts):
        books = fit_codebooks(points, LEVELS[modality], seed=fit.seed + start)
        made = Quantiser(metric=metric, codebooks=books)
        found.append((data.gauc(coded_scores(data, left_out, nodes, made, validation), validation)[0], made))
    return max(found, key=lambda each: each[0])[1]


def coded_scores(data: Data, left_out: Tensor, nodes: Tensor, quantiser: Quantiser, rows: Ints) -> Floats:
    """Scores of impressions by the codes of preferences (4, U, width), each week left out in turn."""
    codes = quantiser.codes(left_out.flatten(0, 1))
    decoded = quantiser.decoded(codes).view(*left_out.shape[:2], -1)
    found: Floats = data.score(decoded, nodes @ quantiser.directions(), rows).double().numpy()
    return found


@torch.no_grad()
def figures(data: Data, network: Propagation, quantiser: Quantiser, split: Split) -> dict[str, Any]:
    """Perplexity a level over a split's users with clicks enough, and GAUC of preference and of its codes."""
    features = torch.from_numpy(data.features)
    nodes = network.nodes(features)
    users = (data.split == split) & (data.graph.clicked >= LEAST_CLICKS)
    codes = quantiser.codes(network(data.graph, features)[torch.from_numpy(users)])
    left_out = network.users(data.clicked, data.expected)
    found: dict[str, Any] = {
        "users": int(users.sum()),
        "perplexity": [perplexity(codes[:, level]) / CODES for level in range(quantiser.levels)],
        "dead": [int(CODES - len(np.unique(codes[:, level]))) for level in range(quantiser.levels)],
    }
    for name, last in (("weeks left out in turn", False), ("last week", True)):
        rows = data.rows(split, last=last)
        own = data.gauc(data.score(left_out, nodes, rows).double().numpy(), rows)
        coded = data.gauc(coded_scores(data, left_out, nodes, quantiser, rows), rows)
        found[name] = {"gauc": own, "codes": coded}
        if features.shape[1] == EMBED_DIM + STYLE_DIM:
            found[name]["preference vector"] = data.gauc(_rocchio(data, rows, whole=True), rows)
            found[name]["its style part"] = data.gauc(_rocchio(data, rows, whole=False), rows)
    return found


def _rocchio(data: Data, rows: Ints, *, whole: bool) -> Floats:
    """Scores of the night's own vectors: clicked minus skipped covers, each a mean with five pseudo-events."""
    shown, graph = data.shown, data.graph
    scale = np.r_[np.full(EMBED_DIM, 1 / CONTENT_WEIGHT if whole else 0.0), np.ones(STYLE_DIM)]
    vectors = data.features.astype(np.float64) * scale
    key = shown.user * len(graph.nodes) + shown.node
    edge = np.searchsorted(graph.user * len(graph.nodes) + graph.node, key)
    found = np.zeros(len(rows))
    for week in range(WINDOW // WEEK):
        other, here = shown.week != week, shown.week[rows] == week
        total = np.zeros((len(graph.users), vectors.shape[1]))
        for sign, events in ((1.0, other & shown.clicked), (-1.0, other & ~shown.clicked)):
            count = np.bincount(edge[events], minlength=len(graph.user)).astype(np.float64)
            mean = count / (np.bincount(graph.user, count, len(graph.users)) + PSEUDO_EVENTS)[graph.user]
            np.add.at(total, graph.user, sign * mean[:, None] * vectors[graph.node])
        found[here] = (total[shown.user[rows][here]] * vectors[shown.node[rows][here]]).sum(axis=1)
    return found


def segment_members(ctx: Context, data: Data) -> dict[str, Ints]:
    """Places in the graph of each segment's training users with clicks."""
    table = pl.DataFrame(ctx.lake.read("user_segments", ds=ctx.ds, columns=["user_id", "segment_id"]))
    place = {user: row for row, user in enumerate(data.graph.users)}
    found: dict[str, list[int]] = {}
    for user, segment in table.sort("segment_id", "user_id").iter_rows():
        row = place.get(user, -1)
        if row >= 0 and data.split[row] == "train" and data.graph.clicked[row] > 0:
            found.setdefault(segment, []).append(row)
    return {segment: np.array(rows, np.int64) for segment, rows in found.items()}


@dataclass(frozen=True, kw_only=True)
class PreferenceTraining:
    """Options of :func:`train_preferences`."""

    date: str
    """Day of the training, for the manifest: YYYY-MM-DD."""
    out: Path | None = None
    """Folder of the method's weights; None: what ships."""
    modality: tuple[str, ...] = MODALITIES
    """visual, words."""
    threads: int = 1
    """CPU threads."""
    fit: Fit = field(default=Fit())


def train_preferences(ctx: Context, options: PreferenceTraining) -> None:
    """Train, print the figures of validation users, and ship.

    Raises
    ------
    UsageError
        A modality that there is not, or a night without edges.
    """
    unknown = sorted(set(options.modality) - set(MODALITIES))
    if unknown:
        raise UsageError(f"There is no modality {unknown[0]!r}: there are {', '.join(MODALITIES)}")
    torch.set_num_threads(options.threads)
    for modality in options.modality:
        data = Data.read(ctx, modality)
        network, looks = fit_projection(data, modality, options.fit)
        quantiser = fit_quantiser(data, network, segment_members(ctx, data), modality, options.fit)
        found = figures(data, network, quantiser, "validation")
        print(modality, *(f"step {look['step']:.0f} GAUC {look['gauc']:.4f}" for look in looks[::5]), sep="\n  ")
        for name, value in found.items():
            print(f"  {name}: {value}", flush=True)
        facts = {
            "command": told("coverlift train dppmg-preferences", options),
            "date": options.date,
            "hardware": f"{platform.machine()}, {options.threads} threads, torch {torch.__version__}",
            "data": f"edges and log of the night of {ctx.ds}: training users and items, its segments",
            "validation": found,
        }
        write_preferences(options.out or SHIPPED, modality, network, quantiser, facts)
