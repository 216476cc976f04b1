"""A small log of clicks with real pictures, tasks of it, and books of pairs."""

from datetime import UTC, datetime

import numpy as np
import pytest
import torch

from generation.personalization.pigeon.training.public.album import Album
from generation.personalization.pigeon.training.public.clicked import Clicks
from generation.personalization.pigeon.training.public.painting import PublicPigeonPainting
from generation.personalization.pigeon.training.public.pairs import LatentPairBook
from generation.personalization.pigeon.training.public.reconstruct import ReconstructSettings, TaskSampler
from generation.personalization.training.world import Audience, Items, Sampler
from generation.pictures import to_webp
from jobs.lake.images import ImageStore
from jobs.lake.schema.feed import COVERS, IMPRESSIONS, ITEMS
from jobs.lake.splits import split_of
from tests.support.models import tiny_generators
from tests.support.worlds import tiny

SPLITS = ("train", "validation", "held_out")
NAMES = {split: [f"n{n}" for n in range(200) if split_of(f"n{n}") == split][:3] for split in SPLITS}
"""Three ids of each split, for items and for users."""
CREATED = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
def clicked_night(make_context):
    """Three items and three users of each split; every item has two covers, every user clicks both of each item."""
    ctx, rng = make_context(ds="2026-03-29"), np.random.default_rng(0)
    names = [name for some in NAMES.values() for name in some]
    covers = {
        name: [ctx.images.put(to_webp(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))) for _ in range(2)]
        for name in names
    }
    items = [
        {"item_id": name, "title": f"a {name}", "category": "c", "tags": [], "created_at": CREATED} for name in names
    ]
    rows = [
        {
            "cover_id": cover, "item_id": item, "source": "original", "is_default": place == 0,
            "uri": ctx.images.uri(cover), "mime": "image/webp", "width": 64, "height": 64, "bytes": 1,
            "created_at": CREATED,
        }
        for item, both in covers.items() for place, cover in enumerate(both)
    ]  # fmt: skip
    shown = [
        {
            "ds": f"2026-03-{20 + day}", "impression_id": f"{day}/{user}/{item}", "request_id": f"{day}/{user}",
            "user_id": user, "item_id": item, "ts": datetime(2026, 3, 20 + day, 12 + hour, tzinfo=UTC),
            "cover_id": covers[item][day % 2], "position": 1, "clicked": True, "title": None, "dwell_ms": None,
            "propensity": 0.5, "policy": None,
        }
        for day in range(2) for user in names for hour, item in enumerate(names)
    ]  # fmt: skip
    for told, table in ((items, ITEMS), (rows, COVERS), (shown, IMPRESSIONS)):
        tiny.write(ctx, told, table)
    return ctx


@pytest.fixture
def make_tasks(clicked_night):
    """A sampler of training tasks for a model."""

    def make(model, split="train", **settings):
        tune = ReconstructSettings(**{"rows": 3, "warmup": 1, "seed": 5, **settings})
        clicks, album = Clicks.read(clicked_night, split), Album(clicked_night.images)
        return TaskSampler(model, clicks, album, canvas=tiny_generators.SIZE, settings=tune)

    return make


@pytest.fixture(scope="session")
def album(tmp_path_factory):
    store = ImageStore(str(tmp_path_factory.mktemp("images")))
    rng = np.random.default_rng(3)
    names = [store.put(to_webp(rng.integers(0, 256, (64, 64, 3), dtype=np.uint8))) for _ in range(8)]
    return Album(store), names


def redness(pixels, _batch):
    assert pixels.shape == (4, 3, 64, 64)
    return pixels[:, 0].mean((1, 2)) - pixels[:, 1:].mean((1, 2, 3))


@pytest.fixture
def make_book(public, album, tmp_path):
    rng, (pictures, names) = np.random.default_rng(1), album
    whom = ("s1", "s2", "u1", "u2")
    items = Items(
        ids=("a", "b", "c"),
        titles=("one", "two", "three"),
        pixels=rng.integers(0, 256, (3, 64, 64, 3), dtype=np.uint8),
        places=torch.zeros(3, 16, 1280).half(),
        embeddings=torch.zeros(3, 128),
        text=torch.zeros(3, 384),
        aligned=torch.zeros(3, 128),
    )
    preference = {name: rng.normal(size=160).astype(np.float32) for name in whom}
    audience = Audience(segments=whom[:2], users=whom[2:], preference=preference)
    shown = {name: tuple(names[place : place + 5]) for place, name in enumerate(whom)}

    def make(model, worth=redness, shown=shown):
        painting = PublicPigeonPainting(model, shown, pictures, canvas=tiny_generators.SIZE, guidance=1.5)
        sampler = Sampler(items, audience, rows=4, seed=1)
        return LatentPairBook(
            painting,
            sampler,
            worth,
            2,
            tmp_path / "pairs",
            steps=1,
            canvas=tiny_generators.SIZE,
            say=lambda _text: None,
        )

    return make
