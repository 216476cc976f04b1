import hashlib
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from jobs.lake.schema.tables import TABLES
from jobs.stickers.pack import PicturePack
from reward_model.encoders import stage
from reward_model.encoders.model import ENCODER_ID, encode_pictures, load_encoders

CREATED = datetime(2026, 3, 1, tzinfo=UTC)


def add_pictures(context, pictures):
    rows = [
        {
            "cover_id": context.images.put(data),
            "item_id": item_id,
            "source": "original",
            "is_default": True,
            "uri": context.images.uri(hashlib.sha256(data).hexdigest()),
            "mime": "image/webp",
            "width": 64,
            "height": 64,
            "bytes": len(data),
            "created_at": CREATED,
        }
        for item_id, data in pictures.items()
    ]
    context.lake.merge(pa.Table.from_pylist(rows, schema=TABLES["covers"].schema), "covers")
    items = [
        {"item_id": item_id, "title": f"title of {item_id}", "category": "c", "tags": [], "created_at": CREATED}
        for item_id in pictures
    ]
    context.lake.merge(pa.Table.from_pylist(items, schema=TABLES["items"].schema), "items")


@pytest.fixture
def context(make_context, spark_lake):
    return make_context()


def known_vectors(context, data, title):
    """Rows that an earlier night wrote: they must stay as they are."""
    cover = {
        "cover_id": hashlib.sha256(data).hexdigest(),
        "encoder_id": ENCODER_ID,
        "embedding": [0.25] * 128,
        "style": [0.5] * 32,
    }
    text = {
        "text_hash": hashlib.sha256(title.encode()).hexdigest(),
        "encoder_id": ENCODER_ID,
        "text": title,
        "embedding": [0.25] * 128,
    }
    for name, row in (("cover_features", cover), ("title_features", text)):
        context.lake.merge(pa.Table.from_pylist([row], schema=TABLES[name].schema), name)


def test_only_new_covers_and_titles_are_encoded(context):
    pack = PicturePack.load()
    old, new = pack.bytes("1f98a", "noto"), pack.bytes("1f355", "noto")
    add_pictures(context, {"1f98a": old, "1f355": new})
    known_vectors(context, old, "title of 1f98a")
    assert stage.run(context).rows == {"cover_features": 1, "title_features": 1}
    assert stage.run(context).rows == {"cover_features": 0, "title_features": 0}

    covers = context.lake.read("cover_features").to_pandas().set_index("cover_id")
    assert set(covers.encoder_id) == {ENCODER_ID}
    assert covers.loc[hashlib.sha256(old).hexdigest()].embedding.tolist() == [0.25] * 128
    encoders = load_encoders()
    embedding, style = encode_pictures(encoders.image, [new])
    stored = covers.loc[hashlib.sha256(new).hexdigest()]
    assert np.dot(stored.embedding, embedding[0]) == pytest.approx(1.0, abs=1e-3)
    assert np.dot(stored["style"], style[0]) == pytest.approx(1.0, abs=1e-3)

    words = context.lake.read("title_features").to_pandas().set_index("text")
    _, aligned = encoders.text.encode(["title of 1f355"])
    assert np.dot(words.loc["title of 1f355"].embedding, aligned[0]) == pytest.approx(1.0, abs=1e-3)
    assert words.loc["title of 1f355"].text_hash == hashlib.sha256(b"title of 1f355").hexdigest()
    assert words.loc["title of 1f98a"].embedding.tolist() == [0.25] * 128
