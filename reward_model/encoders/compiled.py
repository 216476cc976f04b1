"""The picture encoder as an ONNX graph, for whoever needs no gradients.

The graph is made in memory from the very weights that :class:`~reward_model.encoders.model.ImageEncoder` holds, batch
norms folded in, so there is no second file of weights and no second id. onnxruntime lays the activations of a
depthwise convolution out in blocks that fill a vector register, which torch does not: on AVX2 it encodes twice as many
pictures a second (``python -m benchmarks.night`` prints both). Only the order of the sums differs: both forms lie
within 1e-6 (embedding) and 3e-5 (style) of what float64 gives, so rows of either belong to the same encoder id.
"""

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from jobs.lake.arrays import Floats32, Pixels
from reward_model.encoders.model import (
    BACKBONE_SIZE,
    PICTURE_SIZE,
    STYLE_BLOCKS,
    VARIANCE_FLOOR,
    ImageEncoder,
    PictureEncoder,
    load_image_encoder,
)

if TYPE_CHECKING:
    from onnx import ModelProto

OPSET = 17
"""Of ONNX: the operators used here mean the same in later ones."""
IR_VERSION = 10
"""Of the file format; onnxruntime refuses one that is newer than itself."""
OUTPUTS = ("embedding", "style")
MEAN = 127.0
"""EfficientNet-Lite's preparation of a byte: ``(x - 127) / 128``."""
SCALE = 128.0


class CompiledEncoder:
    """A :class:`~reward_model.encoders.model.PictureEncoder` through onnxruntime, on the CPU, in float32.

    Parameters
    ----------
    encoder
        Whose weights; it is only read.
    threads
        A batch is split between them, so that none waits for another within a layer.
    """

    def __init__(self, encoder: ImageEncoder, *, threads: int) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.threads = threads
        graph = graph_of(encoder).SerializeToString()
        self.session: Any = onnxruntime.InferenceSession(graph, options, providers=["CPUExecutionProvider"])

    def encode(self, pixels: Pixels) -> tuple[Floats32, Floats32]:
        """(N, 128) aligned and (N, 32) style embeddings of (N, 64, 64, 3) uint8 RGB, L2-normalised."""
        parts = np.array_split(pixels, min(self.threads, max(1, len(pixels))))
        with ThreadPoolExecutor(len(parts)) as pool:
            embeddings, styles = zip(*pool.map(self._part, parts), strict=True)
        return np.concatenate(embeddings), np.concatenate(styles)

    def _part(self, pixels: Pixels) -> tuple[Floats32, Floats32]:
        embedding, style = self.session.run(OUTPUTS, {"pixels": pixels})
        return embedding, style


def load_picture_encoder(threads: int | None = None) -> PictureEncoder:
    """The shipped picture encoder in its :func:`fastest` form.

    Raises
    ------
    AssetError, FileNotFoundError
        As :func:`~reward_model.encoders.model.load_image_encoder`.
    """
    return fastest(load_image_encoder(), threads)


def fastest(encoder: ImageEncoder, threads: int | None = None) -> PictureEncoder:
    """The form that encodes most pictures a second without gradients: compiled, but on a GPU.

    Also where the CPU multiplies bfloat16: depthwise convolutions gain little from that, and the same picture then has
    the same vector on either kind.

    Parameters
    ----------
    encoder
        The encoder.
    threads
        CPU threads of the compiled form; None takes as many as torch has.
    """
    if encoder.image.weight.device.type != "cpu":
        return encoder
    return CompiledEncoder(encoder, threads=threads or torch.get_num_threads())


def graph_of(encoder: ImageEncoder) -> "ModelProto":
    """The graph of an encoder: ``pixels`` (N, 64, 64, 3) uint8 -> ``embedding`` (N, 128), ``style`` (N, 32) float32."""
    from onnx import TensorProto, checker, helper

    writer = _Writer()
    x = writer.prepared("pixels")
    backbone: Any = encoder.backbone
    x = writer.convolution(x, backbone.stem[0], clipped=True)
    statistics: list[str] = []
    for number, block in enumerate(backbone.blocks):
        inside = x if block.expand is None else writer.convolution(x, block.expand[0], clipped=True)
        textured = writer.convolution(inside, block.depthwise[0], clipped=True)
        output = writer.convolution(textured, block.project)
        same = block.project.out_channels == _inputs_of(block) and tuple(block.depthwise[0].stride) == (1, 1)
        x = writer.add("Add", [output, x]) if same else output
        if number < STYLE_BLOCKS:
            statistics += writer.moments(textured)
    pooled = writer.pooled(writer.convolution(x, backbone.head[0], clipped=True))
    writer.projection(pooled, encoder.image, "embedding")
    writer.projection(writer.add("Concat", statistics, axis=1), encoder.style, "style")
    shape: list[str | int] = ["N", PICTURE_SIZE, PICTURE_SIZE, 3]
    graph = helper.make_graph(
        writer.nodes,
        "picture encoder",
        [helper.make_tensor_value_info("pixels", TensorProto.UINT8, shape)],
        [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["N", layer.out_features])
            for name, layer in zip(OUTPUTS, (encoder.image, encoder.style), strict=True)
        ],
        writer.weights,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=IR_VERSION)
    checker.check_model(model)
    return model


def _inputs_of(block: Any) -> int:
    """Channels that go into a block."""
    first = block.depthwise[0] if block.expand is None else block.expand[0]
    return int(first.in_channels)


class _Writer:
    """Collects the nodes and weights of a graph; every method returns the name of what it adds."""

    def __init__(self) -> None:
        self.nodes: list[Any] = []
        self.weights: list[Any] = []

    def add(self, kind: str, inputs: list[str], name: str | None = None, **attributes: Any) -> str:
        """A node with one output."""
        from onnx import helper

        name = name or f"{kind.lower()}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(kind, inputs, [name], **attributes))
        return name

    def weight(self, values: Any) -> str:
        """A constant."""
        from onnx import numpy_helper

        name = f"weight_{len(self.weights)}"
        self.weights.append(numpy_helper.from_array(np.ascontiguousarray(values), name))
        return name

    def prepared(self, pixels: str) -> str:
        """(N, 3, 128, 128) float32 of (N, 64, 64, 3) bytes: prepared, then enlarged bilinearly."""
        from onnx import TensorProto

        x = self.add("Cast", [pixels], to=TensorProto.FLOAT)
        x = self.add("Transpose", [x], perm=[0, 3, 1, 2])
        x = self.add("Sub", [x, self.weight(np.float32(MEAN))])
        x = self.add("Div", [x, self.weight(np.float32(SCALE))])
        ratio = BACKBONE_SIZE / PICTURE_SIZE
        scales = self.weight(np.array([1, 1, ratio, ratio], np.float32))
        return self.add("Resize", [x, "", scales], mode="linear", coordinate_transformation_mode="half_pixel")

    def convolution(self, x: str, layer: Any, *, clipped: bool = False) -> str:
        """A convolution with TensorFlow's padding, and ReLU6 behind it where it is clipped."""
        padding = layer.static_padding
        left, right, top, bottom = padding.padding if isinstance(padding, nn.ZeroPad2d) else (0, 0, 0, 0)
        weights = [self.weight(values.detach().float().numpy()) for values in (layer.weight, layer.bias)]
        x = self.add(
            "Conv",
            [x, *weights],
            kernel_shape=list(layer.kernel_size),
            strides=list(layer.stride),
            pads=[top, left, bottom, right],
            group=layer.groups,
        )
        if not clipped:
            return x
        return self.add("Clip", [x, self.weight(np.float32(0)), self.weight(np.float32(6))])

    def pooled(self, x: str) -> str:
        """(N, C): the mean over the places."""
        return self.add("Flatten", [self.add("GlobalAveragePool", [x])], axis=1)

    def moments(self, x: str) -> list[str]:
        """Mean and standard deviation over the places, each (N, C)."""
        mean = self.add("ReduceMean", [x], axes=[2, 3])
        offset = self.add("Sub", [x, mean])
        variance = self.add("ReduceMean", [self.add("Mul", [offset, offset])], axes=[2, 3], keepdims=0)
        deviation = self.add("Sqrt", [self.add("Add", [variance, self.weight(np.float32(VARIANCE_FLOOR))])])
        return [self.add("Flatten", [mean], axis=1), deviation]

    def projection(self, x: str, layer: nn.Linear, name: str) -> str:
        """A linear layer, its output scaled to length 1."""
        weights = [self.weight(values.detach().float().numpy()) for values in (layer.weight, layer.bias)]
        projected = self.add("Gemm", [x, *weights], transB=1)
        return self.add("LpNormalization", [projected], name, axis=1, p=2)
