"""What training paints is what the painter paints."""

import numpy as np
import pytest
import torch

from generation.diffusion.bridge import noise_of
from generation.diffusion.painter import Painter
from generation.diffusion.process import deterministic_step
from generation.personalization.dppmg.pictures.opening import open_adapter
from generation.personalization.dppmg.pictures.painting import CodePainting, DecodedPainting
from generation.personalization.icg.painting import SHAPE
from generation.personalization.places import picture_places
from generation.personalization.training.painting import WorldBatch
from reward_model.encoders.model import load_backbone


@pytest.mark.parametrize("guidance", [1.0, 1.15])
@pytest.mark.parametrize("beneath", ["generator", "icg"])
def test_training_and_painter_agree(folder, decoding, scene, beneath, guidance):
    folder = folder if beneath == "generator" else decoding
    painter = Painter.load(adapters={"dppmg": lambda unet, base, name: open_adapter(folder, unet, base, name)})
    adapter = painter.adapter_of("dppmg")
    codes = torch.tensor([[1, 2, 3], [1, 2, -1], [9, -1, -1], [4, 4, 4]])
    whom = ["a", "b", "c", "d"]
    told = dict(zip(whom, codes, strict=True))
    if beneath == "icg":
        painting = DecodedPainting(painter, adapter.icg, adapter.tables, told, guidance=guidance)
    else:
        painting = CodePainting(painter, adapter.unet, adapter.tables, told, guidance=guidance)
    pixels = torch.from_numpy(scene["references"]).permute(0, 3, 1, 2)
    batch = WorldBatch(
        reference=pixels.float() / 127.5 - 1,
        text=torch.stack([painter._embed(title) for title in scene["prompts"]]),
        places=picture_places(load_backbone("cpu"), pixels.float() / 255),
        preference=torch.zeros(4, 160),
        reference_embeddings=torch.zeros(4, 128),
        text_embeddings=torch.zeros(4, 128),
        item_ids=whom,
        whom=whom,
        titles=scene["prompts"],
    )
    schedule = painting.schedule(1)
    start = painting.start(batch, noise_of(torch.from_numpy(scene["seeds"]), SHAPE))
    with torch.no_grad():
        clean = painting.predict_clean(start.x, schedule, 0, batch, painting.condition(batch))
        pixels = painting.decode(deterministic_step(schedule, 0, start.x, clean))
    tokens = np.full((4, 6), -1, np.int32)
    tokens[:, :3] = codes
    wanted = painter.paint(**scene, guidance=guidance, method="dppmg", tokens=tokens)
    got = (pixels * 255).round().byte().permute(0, 2, 3, 1).numpy()
    difference = np.abs(got.astype(int) - wanted)
    assert difference.mean() < 0.5
