import io
import json

import numpy as np
import pytest
import torch
from PIL import Image

from jobs.stickers.pack import FAMILIES, PicturePack
from reward_model.encoders.assets import AssetError, sha256
from reward_model.encoders.model import (
    EMBED_DIM,
    ENCODER_ID,
    STYLE_DIM,
    TEXT_DIM,
    WEIGHTS_DIR,
    encode_pictures,
    load_encoders,
    load_projections,
    to_tensor,
)
from reward_model.encoders.train import describe

SAMPLE = 24
"""Held-out subjects that the live figures are computed on."""


@pytest.fixture(scope="module")
def pack():
    return PicturePack.load()


@pytest.fixture(scope="module")
def encoders():
    return load_encoders()


def complete(pack, split, count):
    """The first subjects of a split that every family draws."""
    return [code for code in pack.codes(split) if pack.families_of(code) == FAMILIES][:count]


def embed(encoders, pack, codes):
    """(codes, families, width) embeddings and styles."""
    pixels = np.stack([pack.pixels(code, family) for code in codes for family in FAMILIES])
    embedding, style = encode_pictures(encoders.image, pixels)
    return embedding.reshape(len(codes), len(FAMILIES), -1), style.reshape(len(codes), len(FAMILIES), -1)


@pytest.fixture(scope="module")
def held_out(encoders, pack):
    return embed(encoders, pack, complete(pack, "held_out", SAMPLE))


@pytest.fixture(scope="module")
def fox(pack):
    return to_tensor(pack.pixels("1f98a", "twemoji")[None])


def test_encoder_id_is_of_the_shipped_weights():
    manifest = json.loads((WEIGHTS_DIR / "manifest.json").read_text())
    digest = sha256(WEIGHTS_DIR / "encoders.safetensors")
    assert manifest["encoder_id"] == ENCODER_ID == f"aligned-v1-{digest[:8]}"


def test_shapes_and_lengths(held_out):
    for vectors, width in zip(held_out, (EMBED_DIM, STYLE_DIM), strict=True):
        assert vectors.shape == (SAMPLE, len(FAMILIES), width)
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=-1), 1, atol=1e-5)


def test_style_tells_families_of_unseen_subjects(encoders, pack, held_out):
    _, known = embed(encoders, pack, complete(pack, "train", SAMPLE))
    centroids = known.mean(0)
    right = (held_out[1] @ centroids.T).argmax(-1) == np.arange(len(FAMILIES))
    assert right.mean() > 0.9


def test_families_lie_about_equally_far_apart(held_out):
    """Else a mean over somebody's clicks tells little more than how many were in the family that stands out."""
    centroids = held_out[1].mean(0)
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    cosines = (centroids @ centroids.T)[np.triu_indices(len(FAMILIES), 1)]
    assert cosines.min() > -0.5
    assert cosines.max() < 0.25


def test_preference_of_clicks_points_at_the_family(held_out):
    """mean(style of clicked) - mean(style of skipped), from 5 clicks on one family, ranks that family first."""
    _, style = held_out
    generator = np.random.default_rng(0)
    shares = []
    for family in np.tile(np.arange(len(FAMILIES)), 20):
        order = generator.permutation(SAMPLE)
        seen, rest = style[order[:5]], style[order[5:]]
        preference = seen[:, family].mean(0) - np.delete(seen, family, axis=1).mean((0, 1))
        shares.append(((rest @ preference).argmax(1) == family).mean())
    assert np.mean(shares) > 0.85  # chance is 1/6; 0.94 on the validation subjects


def test_embedding_is_about_the_subject(held_out):
    embedding, _ = held_out
    twemoji, flat = embedding[:, FAMILIES.index("twemoji")], embedding[:, FAMILIES.index("fluent-flat")]
    similarity = twemoji @ flat.T
    assert (similarity.argmax(1) == np.arange(SAMPLE)).mean() > 0.7


def test_text_finds_its_picture(encoders, pack, held_out):
    subjects = [pack.subject(code) for code in complete(pack, "held_out", SAMPLE)]
    _, aligned = encoders.text.encode([describe(s.labels["en"], s.tags["en"]) for s in subjects])
    similarity = aligned @ held_out[0][:, FAMILIES.index("noto")].T
    ranks = (similarity > np.diag(similarity)[:, None]).sum(1)
    assert (ranks < 10).mean() > 0.7  # chance is 0.25


def test_gradients_reach_the_pixels(encoders, fox):
    pixels = fox.clone().requires_grad_(True)
    encoded = encoders.image(pixels)
    target = torch.nn.functional.normalize(torch.ones(1, EMBED_DIM), dim=1)
    (encoded.embedding * target).sum().backward()
    assert torch.isfinite(pixels.grad).all()
    assert pixels.grad.abs().sum() > 0
    assert not any(parameter.requires_grad for parameter in encoders.image.parameters())


def test_style_gradient_is_finite_on_a_blank_picture(encoders):
    pixels = torch.ones(1, 3, 64, 64, requires_grad=True)
    encoders.image(pixels).style[0, 0].backward()
    assert torch.isfinite(pixels.grad).all()


def test_following_the_style_gradient_brings_the_style_nearer(encoders, pack, fox):
    target = encoders.image(to_tensor(pack.pixels("1f98a", "fluent-3d")[None])).style
    pixels = fox.clone().requires_grad_(True)
    before = (encoders.image(pixels).style * target).sum()
    before.backward()
    step = 0.03 * pixels.grad / pixels.grad.abs().max()
    after = (encoders.image((pixels + step).detach().clamp(0, 1)).style * target).sum()
    assert after > before


def test_result_does_not_depend_on_neighbours_or_batch_size(encoders, pack):
    pixels = np.stack([pack.pixels(code, "noto") for code in pack.codes("validation")[:9]])
    together = encode_pictures(encoders.image, pixels, batch_size=9)
    alone = encode_pictures(encoders.image, pixels, batch_size=1)
    uneven = encode_pictures(encoders.image, pixels[::-1].copy(), batch_size=4)
    for whole, single, turned in zip(together, alone, uneven, strict=True):
        np.testing.assert_allclose(single, whole, atol=5e-3)
        np.testing.assert_allclose(turned[::-1], whole, atol=5e-3)


def test_bytes_and_pixels_give_the_same(encoders, pack):
    data = [pack.bytes("1f98a", "twemoji"), pack.bytes("1f355", "noto")]
    pixels = np.stack([pack.pixels("1f98a", "twemoji"), pack.pixels("1f355", "noto")])
    for from_bytes, from_pixels in zip(
        encode_pictures(encoders.image, data), encode_pictures(encoders.image, pixels), strict=True
    ):
        np.testing.assert_array_equal(from_bytes, from_pixels)


def test_transparent_and_large_pictures_lie_on_white(encoders):
    clear, white = Image.new("RGBA", (200, 200), (0, 0, 0, 0)), Image.new("RGB", (64, 64), "white")
    encoded = []
    for picture in (clear, white):
        buffer = io.BytesIO()
        picture.save(buffer, "PNG")
        encoded.append(encode_pictures(encoders.image, [buffer.getvalue()])[0])
    np.testing.assert_allclose(encoded[0], encoded[1], atol=1e-3)


def test_nothing_in_nothing_out(encoders):
    assert [part.shape for part in encode_pictures(encoders.image, [])] == [(0, EMBED_DIM), (0, STYLE_DIM)]
    assert [part.shape for part in encoders.text.encode([])] == [(0, TEXT_DIM), (0, EMBED_DIM)]


def test_wrong_shape_is_named(encoders):
    with pytest.raises(ValueError, match=r"\(2, 3, 32, 32\)"):
        encoders.image(torch.zeros(2, 3, 32, 32))


def test_texts_keep_their_order(encoders):
    texts = ["a red fox in the woods beside a river", "fox", "pizza", "a slice of pizza with cheese"]
    raw, aligned = encoders.text.encode(texts, batch_size=2)
    again_raw, again_aligned = encoders.text.encode(texts[::-1], batch_size=3)
    np.testing.assert_allclose(again_raw[::-1], raw, atol=1e-5)
    np.testing.assert_allclose(again_aligned[::-1], aligned, atol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(raw, axis=1), 1, atol=1e-5)
    assert raw[0] @ raw[1] > raw[0] @ raw[2]
    assert raw[2] @ raw[3] > raw[1] @ raw[3]


def test_damaged_weights_are_refused(tmp_path):
    for name in ("encoders.safetensors", "manifest.json"):
        (tmp_path / name).write_bytes((WEIGHTS_DIR / name).read_bytes())
    with (tmp_path / "encoders.safetensors").open("r+b") as stream:
        stream.seek(-4, io.SEEK_END)
        stream.write(b"\0\1\2\3")
    with pytest.raises(AssetError, match="SHA-256"):
        load_projections(tmp_path)


def test_missing_weights_name_the_training(tmp_path):
    with pytest.raises(FileNotFoundError, match="coverlift train encoders"):
        load_projections(tmp_path)
