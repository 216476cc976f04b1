"""Pigeons over tiny checkpoints, and rows for them: some clicks, one click, none."""

import numpy as np
import torch

from generation.personalization.icg.public.generators import DiffusersGenerator
from generation.personalization.icg.public.mllm import load_mllm, load_processor
from generation.personalization.pigeon.public.config import PigeonConfig
from generation.personalization.pigeon.public.masking import Masking
from generation.personalization.pigeon.public.model import PigeonBatch, PublicPigeon
from tests.support.models import tiny_checkpoints, tiny_generators

TITLES = ["red fox rocket", "pizza", "the look"]
CLICKS = (5, 1, 0)
SIZES = {"meta_tokens": 5, "width": 16, "layers": 1, "lora_rank": 2, "lora_alpha": 4, "mask_ratio": 0.4}


class TinyPigeons:
    """Models over checkpoints in a folder, each of which is made once."""

    def __init__(self, folder):
        self.folder = folder
        torch.set_num_threads(1)

    def checkpoint(self, name):
        place = self.folder / name
        if not place.is_dir():
            place.mkdir()
            if name in tiny_checkpoints.MLLMS:
                tiny_checkpoints.MLLMS[name](place)
            else:
                tiny_generators.make(name, place)
        return str(place)

    def config(self, mllm, family, **more):
        return PigeonConfig(mllm=self.checkpoint(mllm), generator=self.checkpoint(family), **{**SIZES, **more})

    def fresh(self, mllm="llava", family="stable-diffusion", **more):
        made = self.config(mllm, family, **more)
        torch.manual_seed(3)
        bases = (
            load_mllm(made.mllm, allow_download=False, dtype=torch.float32),
            DiffusersGenerator.load(made.generator, allow_download=False, dtype=torch.float32),
        )
        own = mllm in tiny_checkpoints.WITH_PROCESSOR
        processor = load_processor(made.mllm, allow_download=False) if own else None
        return PublicPigeon(made, *bases, processor).eval()

    def batch(self, model, mllm="llava", rows=(0, 1, 2), ratio=0.4, noise=None, guided=False):
        titles, references, clicked = some_rows(rows)
        masking = Masking(ratio=torch.full((len(rows),), ratio), noise=noise)
        if mllm in tiny_checkpoints.WITH_PROCESSOR:
            return model.batch(titles, references, clicked, masking=masking, guided=guided)
        return PigeonBatch(
            inputs=tiny_checkpoints.inputs_of(mllm, titles, references, clicked),
            counts=torch.tensor([len(covers) for covers in clicked]),
            masking=masking,
            plain=tiny_checkpoints.inputs_of(mllm, titles, references) if guided else None,
        )


def some_rows(rows):
    rng = np.random.default_rng(0)
    references = rng.integers(0, 256, (3, 28, 28, 3), dtype=np.uint8)
    clicked = [rng.integers(0, 256, (count, 28, 28, 3), dtype=np.uint8) for count in CLICKS]
    return [TITLES[row] for row in rows], references[list(rows)], [clicked[row] for row in rows]
