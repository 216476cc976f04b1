"""Folders of codes over tiny pipelines that do something."""

import pytest
import torch

from generation.personalization.dppmg.pictures.public.config import PipelineConfig
from generation.personalization.dppmg.pictures.public.model import CodedPipeline
from generation.personalization.dppmg.pictures.public.store import save_pipeline


@pytest.fixture(scope="session")
def fresh(pipelines):
    """A model whose tables are zeros."""

    def get(family, **more):
        torch.manual_seed(3)
        return CodedPipeline.load_base(PipelineConfig(generator=str(pipelines(family)), **more)).eval()

    return get


@pytest.fixture(scope="session")
def saved(fresh, tmp_path_factory):
    """Folder of a model whose codes and low-rank weights say something, and the model."""
    made = {}

    def get(family, **more):
        key = (family, *more.items())
        if key not in made:
            model = fresh(family, low_rank=2, **more)
            for weight in model.trainable().values():
                torch.nn.init.normal_(weight, std=0.5)
            folder = tmp_path_factory.mktemp("coded")
            save_pipeline(model, folder, {"date": "2026-01-01"})
            made[key] = folder, model
        return made[key]

    return get
