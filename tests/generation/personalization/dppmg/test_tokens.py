"""Codes of users and segments; the stage over a few edges."""

import shutil
from datetime import UTC, datetime
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest
import torch

from generation.catalogue import segment_profiles
from generation.personalization.dppmg.graph import Graph
from generation.personalization.dppmg.preferences import read_preferences
from generation.personalization.dppmg.quantise import Quantiser
from generation.personalization.dppmg.tokens import coded_segments, coded_users, run, watched
from generation.preference_tokens import read_codes
from jobs.lake.schema.features import INTERACTION_EDGES, USER_SEGMENTS
from jobs.lake.schema.feed import IMPRESSIONS
from tests.support.worlds import tiny

BOOKS = torch.zeros(2, 16, 2)
BOOKS[0, :2] = torch.eye(2)
BOOKS[1, 1] = torch.tensor([0.3, 0.0])
PREFERENCES = SimpleNamespace(quantiser=Quantiser(metric=torch.eye(2), codebooks=BOOKS))


def graph_with(clicks):
    users = len(clicks)
    return Graph(
        users=tuple(f"u{row}" for row in range(users)),
        nodes=("n",),
        user=np.arange(users),
        node=np.zeros(users, np.int64),
        clicks=np.array(clicks, float),
        expected=np.ones(users),
    )


def test_few_clicks_are_told_by_the_first_code_and_none_by_nothing():
    looks = torch.tensor([[2.0, 0.0]] * 4)
    found = coded_users(PREFERENCES, graph_with([9, 3, 2, 0]), looks, 1)
    assert found.audience[0] == "user:u0"
    assert found.codes.tolist() == [[0, 0], [0, 0], [0, -1], [-1, -1]]
    assert found.distance.tolist() == [0.0, 0.0, 0.0, 0.0]


def test_what_too_few_share_is_not_told():
    looks = torch.tensor([[2.0, 0.0]] * 3 + [[0.0, 5.0]])
    found = coded_users(PREFERENCES, graph_with([9, 9, 9, 9]), looks, 2)
    assert found.codes.tolist() == [[0, 0]] * 3 + [[-1, -1]]


def test_a_segment_is_the_mean_of_its_users_who_clicked():
    looks = torch.tensor([[1.0, 0.0], [0.6, 0.0], [0.0, 9.0], [0.0, 9.0]])
    segment_of = {"u0": "s0", "u1": "s0", "u2": "s0", "u3": "s1"}
    found = coded_segments(PREFERENCES, graph_with([5, 4, 0, 0]), looks, segment_of)
    assert found.audience == ("s0", "s1")
    assert found.codes.tolist() == [[0, 0], [-1, -1]]
    assert found.clicks.tolist() == [9, 0]


@pytest.fixture
def night(make_context, tiny_home, folder, tmp_path):
    """A night whose users clicked, with edges of ds."""
    home = tmp_path / "home"
    shutil.copytree(tiny_home, home)
    ctx = make_context(
        ds=tiny.DS, home=home, generation={"method": "dppmg", "adapters": {"dppmg": str(folder)}, "beside": []}
    )
    covers = ctx.lake.read("cover_features", columns=["cover_id"])["cover_id"].to_pylist()
    users = [f"u{place}" for place in range(12)]
    members = [
        {"ds": tiny.DS, "user_id": user, "segment_id": f"s{place % 2}", "distance": 0.0}
        for place, user in enumerate(users)
    ]
    ctx.lake.replace(pa.Table.from_pylist(members, schema=USER_SEGMENTS.schema), "user_segments", ds=ctx.ds)
    shown = pa.Table.from_pylist([], schema=IMPRESSIONS.schema)
    ctx.lake.replace(shown, "impressions", ds=ctx.ds)
    rows = [
        {
            "ds": tiny.DS,
            "modality": modality,
            "user_id": user,
            "node": covers[place % len(covers)] if modality == "visual" else "0" * 64,
            "impressions": 9,
            "clicks": 4,
            "examination": 9.0,
            "expected_clicks": 0.5,
            "last_ts": datetime(2026, 3, 28, tzinfo=UTC),
        }
        for modality in ("visual", "words")
        for place, user in enumerate(users)
    ]
    ctx.lake.replace(pa.Table.from_pylist(rows, schema=INTERACTION_EDGES.schema), "interaction_edges", ds=ctx.ds)
    return ctx


def test_the_stage_tells_every_segment_and_user_and_the_plan_reads_it(night, folder):
    result = run(night)
    table = night.lake.read("preference_tokens", ds=night.ds).to_pylist()
    assert result.rows["preference_tokens"] == len(table) == 2 * (12 + 2)
    told = read_preferences(folder, "visual").fingerprint
    assert {row["quantiser"] for row in table if row["modality"] == "visual"} == {told}
    assert told in watched(night)
    codes = read_codes(night.lake, night.ds)
    assert codes
    assert all(len(each) == 3 for audience, each in codes.items() if not audience.startswith("user:"))
    assert run(night).rows == result.rows
    profiles = {each.segment_id: each for each, _ in segment_profiles(night.lake, night.ds, tokens=True)}
    assert profiles["s0"].tokens.tolist() == [*codes["s0"], -1, -1, -1]
    assert profiles["new"].tokens is None
