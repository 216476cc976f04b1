import numpy as np
import pytest
import torch
import torch.nn.functional as F
from onnx import TensorProto

from jobs.stickers.pack import FAMILIES, PicturePack
from reward_model.encoders.compiled import CompiledEncoder, graph_of, load_picture_encoder
from reward_model.encoders.model import (
    EMBED_DIM,
    STYLE_BLOCKS,
    STYLE_DIM,
    VARIANCE_FLOOR,
    ImageEncoder,
    encode_pictures,
    load_backbone,
    load_image_encoder,
    load_projections,
    to_tensor,
)

DEVIATION = {"embedding": 1e-6, "style": 3e-5}


@pytest.fixture(scope="module")
def pixels():
    pack = PicturePack.load()
    codes = pack.codes("validation")[:2]
    drawn = [pack.pixels(code, family) for code in codes for family in FAMILIES if family in pack.families_of(code)]
    return np.stack([*drawn, np.full((64, 64, 3), 255, np.uint8), np.zeros((64, 64, 3), np.uint8)])


@pytest.fixture(scope="module")
def encoder():
    return ImageEncoder(load_backbone(), load_projections()).eval()


@pytest.fixture(scope="module")
def compiled(encoder):
    return CompiledEncoder(encoder, threads=1)


def in_float64(pixels):
    """Embeddings and styles by the formulas of the model's docstrings, in double precision."""
    encoder = load_image_encoder().double()
    backbone, stats = encoder.backbone, []
    with torch.inference_mode():
        x = F.interpolate(to_tensor(pixels).double(), size=(128, 128), mode="bilinear", align_corners=False)
        x = backbone.stem((x - 127 / 255) / (128 / 255))
        for number, block in enumerate(backbone.blocks):
            textured, x = block(x)
            if number < STYLE_BLOCKS:
                places = textured.flatten(2)
                variance = places.var(dim=2, correction=0)
                stats += [places.mean(2), (variance + VARIANCE_FLOOR).sqrt()]
        pooled = backbone.head(x).mean((2, 3))
        found = F.normalize(encoder.image(pooled)), F.normalize(encoder.style(torch.cat(stats, 1)))
    return [part.numpy() for part in found]


def test_both_forms_lie_as_near_to_float64(encoder, compiled, pixels):
    exact = in_float64(pixels)
    for form in (encoder, compiled):
        for found, true, bound in zip(form.encode(pixels), exact, DEVIATION.values(), strict=True):
            assert found.dtype == np.float32
            np.testing.assert_allclose(found, true, atol=bound)


def test_batch_size_changes_no_more_than_rounding(compiled, pixels):
    whole = compiled.encode(pixels)
    assert [part.shape for part in whole] == [(len(pixels), EMBED_DIM), (len(pixels), STYLE_DIM)]
    for size in (1, 5):
        for part, all_at_once, bound in zip(
            encode_pictures(compiled, pixels, size), whole, DEVIATION.values(), strict=True
        ):
            np.testing.assert_allclose(part, all_at_once, atol=bound)


def test_no_pictures_give_no_rows(compiled):
    assert [part.shape for part in encode_pictures(compiled, [])] == [(0, EMBED_DIM), (0, STYLE_DIM)]


def test_pictures_of_another_size_are_refused(compiled):
    with pytest.raises(Exception, match="Got: 32 Expected: 64"):
        compiled.encode(np.zeros((1, 32, 32, 3), np.uint8))


def test_graph_holds_every_weight_once_and_no_batch_norm(encoder):
    graph = graph_of(encoder).graph
    kinds = [node.op_type for node in graph.node]
    convolutions = sum(isinstance(module, torch.nn.Conv2d) for module in encoder.modules())
    assert kinds.count("Conv") == convolutions == 49
    assert "BatchNormalization" not in kinds
    stored = sum(int(np.prod(tensor.dims)) for tensor in graph.initializer if len(tensor.dims) > 1)
    learned = sum(parameter.numel() for parameter in encoder.parameters() if parameter.ndim > 1)
    assert stored == learned
    assert {tensor.data_type for tensor in graph.initializer} == {TensorProto.FLOAT}


def test_on_any_cpu_pictures_are_encoded_by_the_compiled_form_in_float32(encoder):
    assert encoder.backbone.dtype == torch.float32
    assert isinstance(load_picture_encoder(threads=1), CompiledEncoder)
