"""Adapters of ICG as training leaves them, without the training."""

from pathlib import Path

from conf.settings import Settings
from generation.personalization.icg.trainees import trainee_of


def untrained_adapter(folder: Path) -> Path:
    """The folder of an adapter over the shipped generator, of fresh weights."""
    trainee = trainee_of(Settings(), seed=0, lora_rank=0, lora_layers="attention", start=None)
    trainee.ship(folder, {**trainee.about, "command": "a test", "date": "2026-01-01", "hardware": "any"})
    return folder
