import numpy as np
import polars as pl
import pytest

from conf.errors import UsageError
from generation.personalization.dppmg.graph import Graph, grams, read_edges, read_visual, words_features
from jobs.lake.schema.tables import TABLES
from reward_model.network.features import TITLE_COLUMNS
from tests.support.worlds import tiny


def edges(rows):
    return pl.DataFrame(rows, schema=["user_id", "node", "clicks", "expected_clicks", "last_ts"], orient="row")


def test_users_and_nodes_are_numbered_by_name_and_clicks_summed():
    graph = Graph.of(edges([("u2", "b", 1, 0.5, 3), ("u1", "b", 2, 0.25, 1), ("u1", "a", 0, 0.1, 2)]))
    assert (graph.users, graph.nodes) == (("u1", "u2"), ("a", "b"))
    assert list(zip(graph.user, graph.node, graph.clicks, graph.expected, strict=True)) == [
        (0, 0, 0.0, 0.1),
        (0, 1, 2.0, 0.25),
        (1, 1, 1.0, 0.5),
    ]
    assert graph.clicked.tolist() == [2.0, 1.0]


def test_a_user_of_very_many_events_is_cut_to_the_newest():
    graph = Graph.of(edges([("u1", f"n{place:06}", 1, 0.1, place) for place in range(100_000)]), most=10)
    assert graph.nodes == tuple(f"n{place:06}" for place in range(99_990, 100_000))


def test_a_graph_of_nobody_is_empty():
    graph = Graph.of(edges([]).cast({"clicks": pl.Int64, "expected_clicks": pl.Float64}))
    assert (graph.users, graph.nodes, len(graph.clicked)) == ((), (), 0)


def test_words_are_hashed_grams_of_length_one_and_their_shape():
    found = words_features(["Why pizza?", "pizza"])
    assert np.linalg.norm(found[:, : -len(TITLE_COLUMNS)], axis=1) == pytest.approx([1, 1])
    assert found[:, -len(TITLE_COLUMNS) :][:, TITLE_COLUMNS.index("has_question")].tolist() == [1.0, 0.0]
    assert grams("pizza") @ grams("PIZZA") == pytest.approx(1)
    assert grams("pizza") @ grams("Sag Hallo: pizza!") > grams("pizza") @ grams("こんにちは")


def test_a_cover_without_features_says_nothing(make_context, tiny_home):
    ctx = make_context(ds=tiny.DS, home=tiny_home)
    table = ctx.lake.read("cover_features", columns=["cover_id", "style"])
    known = table["cover_id"][0].as_py()
    found = read_visual(ctx.lake, None, [known, "nothing"])
    assert found[0, 128:].tolist() == pytest.approx(table["style"][0].as_py())
    assert not found[1].any()


def test_a_day_without_edges_is_refused_with_what_builds_them(make_context, tiny_home):
    ctx = make_context(ds=tiny.DS, home=tiny_home)
    assert "interaction_edges" in TABLES
    with pytest.raises(UsageError, match=r"features\.interaction_edges=true"):
        read_edges(ctx.lake, ctx.ds, "visual")
