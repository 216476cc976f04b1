"""A small real lake with users who clicked, and the real encoders."""

from datetime import date

import pytest
import torch

from conf.settings import Settings
from jobs.lake.context import Context
from jobs.lake.schema.features import USER_FEATURES
from reward_model.encoders.model import ENCODER_ID, load_encoders
from tests.support.worlds import tiny

USERS = [f"u{number}" for number in range(24)]


@pytest.fixture(scope="module")
def ctx(tmp_path_factory):
    ctx = Context(ds=date.fromisoformat(tiny.DS), home=tmp_path_factory.mktemp("home"), settings=Settings())
    tiny.fill(ctx, ENCODER_ID)
    counts = {f"{what}_{days}d": 0 for days in (1, 7, 28) for what in ("impressions", "clicks", "ctr")}
    rows = [
        {
            "ds": tiny.DS,
            "user_id": user,
            **counts,
            "recency_hours": None,
            "category_affinity": [],
            "pref_embedding": tiny.axis(128),
            "pref_style": tiny.axis(32, 3, 0.0 if user == "u1" else 0.5),  # u1 never clicked
        }
        for user in USERS
    ]
    tiny.write(ctx, rows, USER_FEATURES)
    return ctx


@pytest.fixture(scope="module")
def encoders():
    torch.set_num_threads(1)
    return load_encoders()
