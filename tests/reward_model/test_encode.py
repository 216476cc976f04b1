import hashlib
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pytest

from jobs.ingest.stickers.pack import PicturePack
from jobs.lake.tables import TABLES
from reward_model import encode
from reward_model.encoders import ENCODER_ID, encode_pictures, load_encoders

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


def test_new_covers_are_encoded_once(context):
    pack = PicturePack.load()
    pictures = {code: pack.bytes(code, "noto") for code in ("1f98a", "1f355")}
    add_pictures(context, pictures)
    assert encode.run(context).rows == {"cover_features": 2, "title_features": 2}
    assert encode.run(context).rows == {"cover_features": 0, "title_features": 0}

    add_pictures(context, {"23-20e3": pack.bytes("23-20e3", "noto")})
    assert encode.run(context).rows == {"cover_features": 1, "title_features": 1}

    table = context.lake.read("cover_features").to_pandas().set_index("cover_id")
    assert set(table.encoder_id) == {ENCODER_ID}
    encoders = load_encoders()
    embedding, style = encode_pictures(encoders.image, list(pictures.values()))
    for row, data in enumerate(pictures.values()):
        stored = table.loc[hashlib.sha256(data).hexdigest()]
        assert np.dot(stored.embedding, embedding[row]) == pytest.approx(1.0, abs=1e-3)
        assert np.dot(stored["style"], style[row]) == pytest.approx(1.0, abs=1e-3)

    words = context.lake.read("title_features").to_pandas().set_index("text")
    _, aligned = encoders.text.encode(["title of 1f98a"])
    assert np.dot(words.loc["title of 1f98a"].embedding, aligned[0]) == pytest.approx(1.0, abs=1e-3)
    assert words.loc["title of 1f98a"].text_hash == hashlib.sha256(b"title of 1f98a").hexdigest()
