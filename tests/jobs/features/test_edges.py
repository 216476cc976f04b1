"""Edges of a log small enough to work out by hand."""

import hashlib
from datetime import UTC, datetime

import numpy as np
import pytest

from jobs.features.edges import interaction_edges
from tests.support.worlds.feature_logs import cover_id


def hashed(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def rows(tiny):
    lake = tiny.lake
    rates = lake.spark.createDataFrame([("A", 0.5), ("B", 0.25), ("C", 0.1)], ["item_id", "ctr_debiased"])
    found = interaction_edges(
        lake.frame("impressions"), lake.frame("items"), rates, np.array([1.0, 0.6]), "2026-03-29"
    ).toPandas()
    return {(row.modality, row.user_id, row.node): row for row in found.itertuples()}


def test_an_edge_adds_up_what_was_shown_clicked_and_to_be_expected(rows):
    """u1 saw b0 at place 2 without a click, and at place 1 with one; B is clicked a quarter of the time."""
    edge = rows["visual", "u1", cover_id("b0")]
    assert (edge.impressions, edge.clicks) == (2, 1)
    assert edge.examination == pytest.approx(0.6 + 1.0)
    assert edge.expected_clicks == pytest.approx(0.25 * 1.6)
    assert edge.last_ts.to_pydatetime().replace(tzinfo=UTC) == datetime(2026, 3, 29, 20, tzinfo=UTC)


def test_events_before_the_window_are_left_out(rows):
    """u2 clicked on 1 March, 29 days back; of the window's 28 days there is a skip."""
    assert (rows["visual", "u2", cover_id("a0")].impressions, rows["visual", "u2", cover_id("a0")].clicks) == (1, 0)


def test_words_are_the_items_title_where_nothing_else_was_shown(rows, tiny):
    titles = {row["item_id"]: row["title"] for row in tiny.lake.read("items").to_pylist()}
    edge = rows["words", "u1", hashed(titles["B"])]
    assert (edge.impressions, edge.clicks) == (2, 1)


def test_a_cover_without_features_is_a_node_all_the_same(rows):
    assert rows["visual", "u3", cover_id("no-features")].clicks == 1


def test_nothing_after_the_day_is_seen(tiny):
    lake = tiny.lake
    rates = lake.frame("item_features", ds="2026-03-28")
    found = interaction_edges(
        lake.frame("impressions"), lake.frame("items"), rates, np.array([1.0, 0.6]), "2026-03-28"
    ).toPandas()
    assert set(found["user_id"]) == {"u1", "u2"}
    assert found["last_ts"].max().to_pydatetime() <= datetime(2026, 3, 28, 23, 59, 59)
