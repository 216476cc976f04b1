"""What the judge says of a picture, said once: kept by the picture's pixels, in memory and in the lake.

``play`` asks for every published cover and every real drawing of its item, ``evaluate`` for the same and more,
several times over. A forward pass gives style and subject at once, so both are kept: real drawings' are
computed at set-up (:mod:`recsys_eval.judge.known_drawings`), all others in the table ``judgements``.
The key is the hash of the pixels and not the cover's id, because real drawings come from the picture pack and
controls are painted without ever becoming covers; equal pixels are judged equally.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa

from jobs.lake.arrays import Floats32, Pixels, matrix
from jobs.lake.lake import Lake
from jobs.lake.schema.evaluation import JUDGEMENTS
from recsys_eval.judge.image_metrics import FeatureJudge
from recsys_eval.judge.known_drawings import drawings_file, judged, picture_id, read_drawings
from recsys_eval.judge.model import EMBEDDING_DIM, FAMILIES, WEIGHTS_DIR, Judge, JudgeNetwork

TABLE = JUDGEMENTS.name
STYLES = len(FAMILIES)


class CachedJudge(Judge):
    """The judge, which makes one forward pass for a picture and keeps the answer.

    Style and subject are kept; feature maps (:meth:`Judge.features`), at 240 kB a picture, are not.

    Examples
    --------
    >>> judge = CachedJudge.load()
    >>> white = np.full((2, 64, 64, 3), 255, dtype=np.uint8)
    >>> judge.subject_embedding(white).shape, judge.style_logits(white).shape, judge.n_passes
    ((2, 128), (2, 6), 1)
    """

    def __init__(self, network: JudgeNetwork, fingerprint: str = "") -> None:
        super().__init__(network, fingerprint)
        self.n_passes = 0
        """Pictures that a forward pass was made for."""
        self.known: dict[str, Floats32] = {}
        """Picture id to (134,) float32: six logits, then the subject embedding."""
        self.unsaved: list[str] = []
        """Ids that the lake has not."""

    @classmethod
    def open(cls, lake: Lake, weights_dir: Path = WEIGHTS_DIR) -> Self:
        """The judge with what it is known to say of real drawings, and what it said on earlier nights."""
        judge = cls.load(weights_dir)
        judge.known = read_drawings(drawings_file(weights_dir))
        if lake.exists(TABLE):
            of_this_judge = [("judge", "=", judge.fingerprint)]
            rows = lake.read(TABLE, columns=["picture_id", "style_logits", "embedding"], filters=of_this_judge)
            values = np.concatenate([matrix(rows["style_logits"]), matrix(rows["embedding"])], 1)
            judge.known |= dict(zip(rows["picture_id"].to_pylist(), values, strict=True))
        return judge

    def save(self, lake: Lake) -> int:
        """Add to the lake what it lacks; returns the number of pictures."""
        if not self.unsaved:
            return 0
        values = np.stack([self.known[name] for name in self.unsaved])
        rows = pa.table(
            {
                "picture_id": self.unsaved,
                "judge": [self.fingerprint] * len(self.unsaved),
                "style_logits": list(values[:, :STYLES]),
                "embedding": list(values[:, STYLES:]),
            },
            schema=JUDGEMENTS.schema,
        )
        lake.merge(rows, TABLE)
        count, self.unsaved = len(self.unsaved), []
        return count

    def style_logits(self, pixels: Pixels) -> Floats32:
        """Logits of the six styles before the temperature, (N, 6) float32."""
        return self._judged(pixels)[:, :STYLES]

    def subject_embedding(self, pixels: Pixels) -> Floats32:
        """Where pictures lie among subjects, whatever their style: (N, 128) float32, L2-normalised."""
        return self._judged(pixels)[:, STYLES:]

    def _judged(self, pixels: Pixels) -> Floats32:
        if not len(pixels):
            return np.empty((0, STYLES + EMBEDDING_DIM), np.float32)
        names = [picture_id(picture) for picture in pixels]
        new = {name: row for row, name in reversed(list(enumerate(names))) if name not in self.known}
        if new:
            fresh = judged(self, pixels[np.array(list(new.values()), np.int64)])
            self.n_passes += len(fresh)
            self.known |= dict(zip(new, fresh, strict=True))
            self.unsaved += new
        return np.stack([self.known[name] for name in names])


class CachedFeatures:
    """Features of pictures, each computed once and kept as long as this lives: the judge's maps take 240 kB a picture.

    Parameters
    ----------
    judge
        Whose features.
    known
        Picture id to features that were computed before.
    """

    def __init__(self, judge: FeatureJudge, known: Mapping[str, Floats32] | None = None) -> None:
        self._judge = judge
        self._known = dict(known or {})

    def features(self, pixels: Pixels) -> Floats32:
        """As :meth:`Judge.features`."""
        names = [picture_id(picture) for picture in pixels]
        new = {name: row for row, name in enumerate(names) if name not in self._known}
        if not names:
            return self._judge.features(pixels)
        if new:
            fresh = self._judge.features(pixels[np.array(list(new.values()), np.int64)])
            self._known |= dict(zip(new, fresh, strict=True))
        return np.stack([self._known[name] for name in names])
