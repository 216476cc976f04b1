"""The shipped generator, a small quantiser, and tables that codes look up."""

import numpy as np
import pytest
import torch

from generation.diffusion.painter import Painter
from generation.personalization.dppmg.graph import words_features
from generation.personalization.dppmg.pictures.checkpoint import add_low_rank, ship
from generation.personalization.dppmg.pictures.inject import CodeTables
from generation.personalization.dppmg.preferences import write_preferences
from generation.personalization.dppmg.propagate import Propagation
from generation.personalization.dppmg.quantise import Quantiser
from generation.personalization.icg.checkpoint import SHIPPED as ICG_SHIPPED
from generation.personalization.icg.checkpoint import icg_fingerprint
from generation.personalization.low_rank import lora_weights


@pytest.fixture(scope="session")
def painter():
    torch.set_num_threads(1)
    return Painter.load()


@pytest.fixture(scope="session")
def tables(painter):
    made = CodeTables.for_conditioning(painter.conditioning)
    torch.manual_seed(4)
    torch.nn.init.normal_(made.vectors, std=0.3)
    return made


def small_preferences(features=160):
    torch.manual_seed(5)
    propagation = Propagation(features, 8)
    torch.nn.init.normal_(propagation.weight, std=0.2)
    books = torch.randn(3, 16, 4) * torch.tensor([1.0, 0.5, 0.25]).view(3, 1, 1)
    return propagation, Quantiser(metric=torch.randn(4, 8), codebooks=books)


@pytest.fixture(scope="session")
def folder(painter, tables, tmp_path_factory):
    """Weights of a whole method, with low-rank weights that do something."""
    made, unet = tmp_path_factory.mktemp("dppmg"), Painter.load().unet
    for modality, features in (("visual", 160), ("words", words_features(["fox"]).shape[1])):
        write_preferences(made, modality, *small_preferences(features), {"date": "2026-01-01"})
    torch.manual_seed(6)
    add_low_rank(unet)
    for weight in lora_weights(unet).values():
        torch.nn.init.normal_(weight, std=0.1)
    ship(tables, lora_weights(unet), made, painter.fingerprint, {"date": "2026-01-01"})
    return made


@pytest.fixture(scope="session")
def meanings():
    """Tables whose sums are preferences."""
    made = CodeTables.for_preferences()
    torch.manual_seed(7)
    torch.nn.init.normal_(made.vectors, std=0.1)
    return made


@pytest.fixture(scope="session")
def decoding(painter, meanings, tmp_path_factory):
    """Weights of a whole method that paints through ICG."""
    made = tmp_path_factory.mktemp("decoding")
    for modality, features in (("visual", 160), ("words", words_features(["fox"]).shape[1])):
        write_preferences(made, modality, *small_preferences(features), {"date": "2026-01-01"})
    through = icg_fingerprint(ICG_SHIPPED, painter.fingerprint)
    ship(meanings, {}, made, painter.fingerprint, {"date": "2026-01-01"}, through=through)
    return made


@pytest.fixture
def scene():
    """Arguments of four pictures."""
    rng = np.random.default_rng(2)
    return {
        "prompts": ["fox", "pizza", "rocket", "tree"],
        "references": rng.integers(0, 256, (4, 8, 8, 3), dtype=np.uint8).repeat(8, 1).repeat(8, 2),
        "preferences": np.zeros((4, 160), np.float32),
        "seeds": np.arange(4),
        "steps": 1,
    }
