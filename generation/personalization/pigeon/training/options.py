"""What a part of Pigeon's training is asked for, and what runs it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from generation.alignment.run import RunSettings
from generation.alignment.tuner import Tuner, TuneSettings
from generation.personalization.icg.train import ThroughReaders
from generation.personalization.pigeon.training.pairs import OTHERS, Rule


@dataclass(frozen=True, kw_only=True)
class PigeonTraining(ThroughReaders):
    """Options of :func:`generation.personalization.pigeon.training.train.train_pigeon`."""

    stage: Literal["taste", "reconstruct", "align"]
    """Which part: vectors, painting again, or pairs."""
    date: str
    """Day of the training, for the manifest: YYYY-MM-DD."""
    out: Path | None = None
    """Folder of the weights; None: what ships, or of public checkpoints what generation.adapters.pigeon names."""
    work: Path = Path("var/pigeon")
    """Folder of checkpoints and sample sheets, one a part."""
    start: Path | None = None
    """Folder of weights to go on from; the first part can begin anew."""
    beneath: Literal["icg", "generator"] = "icg"
    """What paints beneath a Pigeon that begins anew."""
    base: Literal["masked-profile", "none"] = "masked-profile"
    """none leaves the preference out: tokens alone, the paper's form."""
    mask_ratio: float | None = None
    """Share of the clicks masked at night, kept with the weights; None leaves it as it was, 0 at first."""
    rows: int = 24
    """Rows a step."""
    simulated: float = 1.0
    """Weight of made-up users in the first part, twice their share of the rows in the second; 0 leaves them out."""
    mask: bool = True
    """False trains without masking anything, which is for ablations."""
    asks: Literal["choice", "pixels"] = "choice"
    """What the second part asks of a picture: to be nearest in style to the clicked one of its subject's drawings, or
    to be that drawing."""
    bends: Path | None = None
    """File of how drawings are bent to one another (``coverlift train sharpen`` makes it), for ``--asks pixels``; None
    paints them as they are."""
    pairs: Rule = "personal"
    """What is better: by the night's rewards, by likeness to the clicked covers, or the clicked drawing
    beside another of its subject, with nothing painted."""
    others: int = OTHERS
    """For how many others of a batch an item is painted too, so that there are pairs that differ; 0: masks alone."""
    draws: int = 40
    """Batches of pairs that are painted."""
    beta: float | None = None
    """Of the preference loss; None: 1000 at the one step of the built-in generator, 5000 over public checkpoints."""
    threads: int = 1
    """CPU threads."""
    run: RunSettings = field(default=RunSettings(steps=600))
    tune: TuneSettings = field(default=TuneSettings(learning_rate=5e-4), metadata={"fixed": ("sampler_steps",)})


@dataclass(frozen=True, kw_only=True)
class Part:
    """A part of the training, ready to run."""

    tuner: Tuner
    learn: Callable[[], dict[str, float]]
    look: Callable[[int], Any]
