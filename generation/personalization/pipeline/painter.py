"""Any text-to-image pipeline of ``diffusers`` as a painter of the method ``profile``, without training.

Words say what to paint and for whom. Where the pipeline has an image-to-image form, painting begins from the item's own
cover, at ``strength`` of the way to noise; other pipelines paint from words alone.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray

from generation.canvas import size_of
from generation.personalization.icg.public.generators import Beginning, DiffusersGenerator
from generation.personalization.icg.public.pipelines import covers_by_guidance
from generation.personalization.icg.public.prompts import encode
from generation.personalization.pipeline.store import painting_fingerprint

METHOD = "profile"


class PlainPainter:
    """A pipeline as it comes.

    Parameters
    ----------
    generator
        Loaded with its text encoders.
    strength
        How much of a reference is painted anew, above 0; 1 paints from words alone.
    fingerprint
        Of the folder and the strength.

    Raises
    ------
    ValueError
        The pipeline has no text encoder.
    """

    def __init__(self, generator: DiffusersGenerator, *, strength: float, fingerprint: str) -> None:
        if not generator.text_encoders:
            raise ValueError("the pipeline has no text encoder: generation.adapters.profile names one that has")
        self.generator, self.fingerprint = generator, fingerprint
        self.strength = strength if _begins_from_pictures(generator) else 1.0

    @classmethod
    def load(cls, folder: Path, *, strength: float) -> Self:
        """The pipeline of a folder, on the GPU if there is one, there in bfloat16.

        Raises
        ------
        FileNotFoundError
            The folder holds no pipeline, or not all of one.
        """
        fingerprint, gpu = painting_fingerprint(folder, strength=strength), torch.cuda.is_available()
        dtype = torch.bfloat16 if gpu else torch.float32
        generator = DiffusersGenerator.load(str(folder), allow_download=False, dtype=dtype, text=True)
        generator.pipeline.to("cuda" if gpu else "cpu")
        return cls(generator, strength=strength, fingerprint=fingerprint)

    def fingerprint_of(self, method: str) -> str:
        """Hash of all that decides a picture; ValueError where the method is another."""
        if method != METHOD:
            raise ValueError(f"this painter has no method {method!r}: it is a pipeline of the method {METHOD!r}")
        return self.fingerprint

    def paint(
        self,
        *,
        prompts: Sequence[str],
        references: NDArray[np.uint8],
        preferences: NDArray[np.float32],
        seeds: NDArray[np.int64],
        steps: int,
        guidance: float | NDArray[np.float32] = 1.0,
        method: str = METHOD,
    ) -> NDArray[np.uint8]:
        """(B, H, W, 3) uint8 RGB; rows of equal guidance are painted together.

        Parameters
        ----------
        prompts
            B of them.
        references
            (B, H, W, 3) uint8 RGB, at the size to be painted: what painting begins from.
        preferences
            (B, 160), not looked at: the prompts say what somebody likes.
        seeds
            (B,)
        steps
            Evaluations of the denoiser for a picture.
        guidance
            One for all, or (B,): the pipeline's own, away from the empty prompt. Pipelines take 1 and less for off.
        method
            ``profile``.
        """
        self.fingerprint_of(method)

        def paint_rows(rows: NDArray[np.int64], each: float) -> NDArray[np.uint8]:
            told = encode(self.generator, [prompts[row] for row in rows])
            return self.generator.paint(
                told.titles,
                seeds=seeds[rows].tolist(),
                steps=steps,
                size=size_of(references),
                guidance=each,
                negative=told.nothing,
                beginning=Beginning(pictures=references[rows], strength=self.strength) if self.strength < 1 else None,
            )

        return covers_by_guidance(references, guidance, paint_rows)


def _begins_from_pictures(generator: DiffusersGenerator) -> bool:
    """Whether the pipeline has an image-to-image form."""
    try:
        return generator.image_pipeline is not None
    except ValueError:
        return False
