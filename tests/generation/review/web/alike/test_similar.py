import time

import numpy as np
import pyarrow as pa
import pytest
from deltalake import write_deltalake

from conf.errors import Unknown, UsageError
from generation.review.web.alike.similar import Lookalikes, SimilarCovers
from jobs.lake.schema.features import COVER_FEATURES
from tests.support.worlds import tiny


def angles(*degrees):
    radians = np.radians(degrees)
    return SimilarCovers.of([f"c{d}" for d in degrees], 3 * np.stack([np.cos(radians), np.sin(radians)], axis=1))


def test_the_nearest_come_first_with_their_cosine():
    covers = angles(0, 90, 10, 60)
    found = covers.nearest("c0", limit=2)
    assert [name for name, _ in found] == ["c10", "c60"]
    assert [cosine for _, cosine in found] == pytest.approx([np.cos(np.radians(10)), 0.5])
    assert [name for name, _ in covers.nearest("c0", among=["c90", "c60", "c0", "c7"])] == ["c60", "c90"]
    assert covers.nearest("c0", among=[]) == covers.nearest("c0", limit=0) == []
    with pytest.raises(Unknown, match="no embedding"):
        covers.nearest("nobody")


def test_a_broken_embedding_resembles_nothing():
    covers = SimilarCovers.of(["a", "b", "c"], np.array([[1, 0], [0, 0], [np.nan, 1]], np.float32))
    assert covers.nearest("a") == [("b", 0.0), ("c", 0.0)]


def features(cover, axis, encoder="e1"):
    vectors = {"embedding": tiny.axis(128, axis, 2.0), "style": tiny.axis(32)}
    return {"cover_id": cover * 64, "encoder_id": encoder, **vectors}


def test_new_nights_are_found_and_encoders_never_mixed(make_context):
    ctx = make_context()
    found = Lookalikes(ctx.lake)
    with pytest.raises(Unknown, match="coverlift encode"):
        found.near("a" * 64, {"b" * 64})
    tiny.write(ctx, [features("a", 0), features("b", 0), features("c", 1)], COVER_FEATURES)
    everybody = {name * 64 for name in "abcd"}
    assert found.near("a" * 64, everybody) == [("b" * 64, 1.0), ("c" * 64, 0.0)]

    def add(row):
        more = pa.Table.from_pylist([row], schema=COVER_FEATURES.schema)
        write_deltalake(ctx.lake.path("cover_features"), more, mode="append")

    add(features("d", 0))
    assert [name[0] for name, _ in found.near("a" * 64, everybody)] == ["b", "d", "c"]
    add(features("c", 0, encoder="e2"))
    with pytest.raises(UsageError, match=r"features\.encoder_id to one of e1, e2"):
        found.near("a" * 64, everybody)
    assert [name[0] for name, _ in Lookalikes(ctx.lake, "e1").near("a" * 64, everybody)] == ["b", "d", "c"]


def test_ten_thousand_covers_are_searched_at_once():
    vectors = np.random.default_rng(0).normal(size=(10_000, 128)).astype(np.float32)
    covers = SimilarCovers.of([f"{n:064x}" for n in range(10_000)], vectors)
    began = time.perf_counter()
    found = covers.nearest(covers.cover_ids[777])
    assert time.perf_counter() - began < 0.1
    exact = np.argsort(-(covers.vectors @ covers.vectors[777]))[1:25]
    assert [name for name, _ in found] == [covers.cover_ids[place] for place in exact]
