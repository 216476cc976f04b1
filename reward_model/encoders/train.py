"""Train the aligned encoder's projections: ``coverlift train encoders``.

Learns on the subjects of buckets 2 to 7, chooses the epoch on bucket 1, and at the end reports on
bucket 0, which chooses nothing. The backbones stay frozen, so their features are computed once
(into ``--cache``) for every picture as it is and for an augmented view of it: painted pictures are
blurrier and noisier than drawn ones.

- image and text: symmetric InfoNCE (Radford et al., *Learning transferable visual models from
  natural language supervision*, ICML 2021) between a subject's words and its pictures, and between
  its pictures in two families, so that the embedding is about the subject whatever the style;
- style: linear discriminant analysis by optimal scoring, in closed form (Hastie, Tibshirani and Buja, *Flexible
  discriminant analysis by optimal scoring*, JASA 1994): families are clusters that lie equally far apart, and what
  lies between two families stays between them.
"""

import io
import json
import platform
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from PIL import Image, ImageFilter
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from conf.command_line import told
from jobs.lake.arrays import Floats32, Pixels
from jobs.lake.splits import Split
from jobs.stickers.pack import FAMILIES, PACK_DIR, PicturePack, Subject
from reward_model.encoders.assets import sha256
from reward_model.encoders.model import (
    EMBED_DIM,
    POOLED_DIM,
    STYLE_DIM,
    STYLE_STATS_DIM,
    TEXT_DIM,
    WEIGHTS_DIR,
    TextEncoder,
    load_backbone,
    to_tensor,
)
from reward_model.encoders.quality import Pictures, retrieval_figures, style_figures


@dataclass(frozen=True, kw_only=True)
class TrainSettings:
    """What decides the weights besides the pack; chosen on the validation subjects."""

    seed: int = 0
    epochs: int = 60
    """Of the image and text projections, over the training subjects."""
    batch_size: int = 256
    learning_rate: float = 2e-3
    weight_decay: float = 1e-2
    dropout: float = 0.4
    """Of the frozen features."""
    temperature: float = 0.07
    """Where InfoNCE's learned temperature starts."""
    picture_weight: float = 0.5
    """Of the loss between two families' pictures of a subject."""
    style_shrinkage: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03)
    """Tried for the style projection; validation chooses."""
    texts: int = 6
    """Texts per subject: label, label with all tags, and samples of its tags."""


@dataclass(frozen=True)
class Bank:
    """Frozen features of all pictures and texts.

    ``pooled`` (2, P, 1280) and ``stats`` (2, P, 1792): pictures as they are, and augmented;
    ``texts`` (T, S, 384): row 0 the label, row 1 label and tags, then samples.
    """

    pictures: Pictures
    pooled: Tensor
    stats: Tensor
    texts: Tensor


def augmented(pixels: Pixels, generator: np.random.Generator) -> Pixels:
    """A light disturbance of a (64, 64, 3) uint8 picture: mirror, blur, JPEG, noise."""
    picture = Image.fromarray(pixels)
    if generator.random() < 0.5:
        picture = picture.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
    picture = picture.filter(ImageFilter.GaussianBlur(generator.uniform(0, 0.9)))
    if generator.random() < 0.5:
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=int(generator.integers(60, 96)))
        picture = Image.open(buffer)
    noise = generator.normal(0, 255 * generator.uniform(0, 0.025), pixels.shape)
    return np.clip(np.asarray(picture, np.float64) + noise, 0, 255).astype(np.uint8)


def texts_of(subject: Subject, count: int, generator: np.random.Generator) -> list[str]:
    """English texts of a subject: the label, the label with all tags, then with some of its tags."""
    label, tags = subject.labels["en"], subject.tags["en"]
    texts = [label, describe(label, tags)]
    while len(texts) < count:
        some: list[str] = []
        if tags:
            some = list(generator.choice(tags, size=min(len(tags), int(generator.integers(1, 5))), replace=False))
        texts.append(describe(label, some))
    return texts


def describe(label: str, tags: list[str]) -> str:
    """One text of a label and tags.

    >>> describe("fox", ["animal", "red"])
    'fox: animal, red'
    """
    return f"{label}: {', '.join(tags)}" if tags else label


def build_bank(pack: PicturePack, settings: TrainSettings, cache: Path) -> Bank:
    """Frozen features of the whole pack, from the cache where they were computed before."""
    pictures = Pictures.of(pack)
    digest = sha256(PACK_DIR / "pictures.parquet")[:8]
    cached = cache / f"features-{digest}-{settings.seed}-{settings.texts}.safetensors"
    if not cached.is_file():
        generator = np.random.default_rng(settings.seed)
        plain = np.stack([pack.pixels(code, family) for code, family in pictures.keys])
        views = [plain, np.stack([augmented(picture, generator) for picture in plain])]
        pooled, stats = zip(*(picture_features(view) for view in views), strict=True)
        cache.mkdir(parents=True, exist_ok=True)
        texts = text_features(pack.subjects, settings.texts, generator)
        save_file({"pooled": torch.stack(pooled), "stats": torch.stack(stats), "texts": texts}, cached)
    loaded = load_file(cached)
    return Bank(pictures, loaded["pooled"].float(), loaded["stats"].float(), loaded["texts"])


def picture_features(pixels: Pixels, batch_size: int = 64) -> tuple[Tensor, Tensor]:
    """(N, 1280) pooled features and (N, 1792) style statistics, bfloat16."""
    backbone = load_backbone()
    pooled, stats = [], []
    started = time.monotonic()
    with torch.inference_mode():
        for start in range(0, len(pixels), batch_size):
            features = backbone(to_tensor(pixels[start : start + batch_size]))
            pooled.append(features.pooled.bfloat16())
            stats.append(features.stats.bfloat16())
    print(f"{len(pixels)} pictures, {len(pixels) / (time.monotonic() - started):.0f} a second", flush=True)
    return torch.cat(pooled), torch.cat(stats)


def text_features(subjects: list[Subject], count: int, generator: np.random.Generator) -> Tensor:
    """(count, S, 384) float32 MiniLM embeddings."""
    blank = {"text.weight": torch.zeros(EMBED_DIM, TEXT_DIM), "text.bias": torch.zeros(EMBED_DIM)}
    encoder = TextEncoder(blank)
    texts = [text for subject in subjects for text in texts_of(subject, count, generator)]
    raw, _ = encoder.encode(texts)
    return torch.from_numpy(raw).reshape(len(subjects), count, TEXT_DIM).transpose(0, 1).contiguous()


def info_nce(a: Tensor, b: Tensor, scale: Tensor) -> Tensor:
    """Symmetric InfoNCE of two (B, D) L2-normalised batches whose rows belong together."""
    logits = scale * a @ b.T
    labels = torch.arange(len(a))
    return (F.cross_entropy(logits, labels) + F.cross_entropy(logits.T, labels)) / 2


class Standardised(nn.Module):
    """Standardise by the training pictures, drop out, project, L2-normalise."""

    def __init__(self, sample: Tensor, outputs: int, dropout: float) -> None:
        super().__init__()
        self.register_buffer("mean", sample.mean(0))
        self.register_buffer("scale", sample.std(0) + 1e-4)
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(sample.shape[1], outputs)
        self.mean: Tensor
        self.scale: Tensor

    def forward(self, features: Tensor) -> Tensor:
        """(B, outputs) L2-normalised."""
        return F.normalize(self.linear(self.dropout((features - self.mean) / self.scale)), dim=1)

    def folded(self, name: str) -> dict[str, Tensor]:
        """One linear layer of the raw features: the standardisation folded in."""
        weight = self.linear.weight.detach() / self.scale
        bias = self.linear.bias.detach() - weight @ self.mean
        return {f"{name}.weight": weight.contiguous(), f"{name}.bias": bias}


def train_aligned(bank: Bank, settings: TrainSettings) -> dict[str, Tensor]:
    """Image and text projections of the epoch that ranks the validation pictures best by text."""
    generator = np.random.default_rng(settings.seed)
    rows = bank.pictures.rows("train")
    image = Standardised(bank.pooled[0, rows], EMBED_DIM, settings.dropout)
    subjects = bank.pictures.subjects("train")
    text = Standardised(bank.texts[1, subjects], EMBED_DIM, settings.dropout)
    log_scale = nn.Parameter(torch.tensor(1 / settings.temperature).log())
    steps = settings.epochs * (len(subjects) // settings.batch_size)
    optimiser, schedule = _optimiser([image, text], [log_scale], steps, settings)

    def step() -> Tensor:
        chosen = generator.choice(subjects, settings.batch_size, replace=False)
        pairs = torch.from_numpy(np.stack([bank.pictures.two_of(subject, generator) for subject in chosen]))
        views = torch.from_numpy(generator.integers(0, 2, pairs.shape))
        first, second = (image(bank.pooled[views[:, side], pairs[:, side]]) for side in (0, 1))
        words = text(bank.texts[generator.integers(0, settings.texts, len(chosen)), chosen])
        scale = log_scale.exp().clamp(max=50)
        by_text = (info_nce(words, first, scale) + info_nce(words, second, scale)) / 2
        return by_text + settings.picture_weight * info_nce(first, second, scale)

    def validation() -> float:
        found = retrieval_figures(bank.pictures, "validation", *_embed(bank, image, text), intervals=False)
        return sum(float(found[f"text_to_image_recall_at_{k}"]["value"]) for k in (1, 10))

    modules = [image, text]
    _fit(modules, step, validation, optimiser, schedule, steps // settings.epochs * 2, steps, "aligned")
    return image.folded("image") | text.folded("text")


def train_style(bank: Bank, settings: TrainSettings) -> dict[str, Tensor]:
    """Style projection of the shrinkage that tells the validation pictures' families best."""
    rows = torch.from_numpy(bank.pictures.rows("train"))
    families = torch.from_numpy(bank.pictures.family)[rows].repeat(len(bank.stats))
    features = torch.cat([view[rows] for view in bank.stats])
    best, kept = -1.0, {}
    for shrinkage in settings.style_shrinkage:
        weights = discriminant(features, families, shrinkage)
        views = [
            F.normalize(F.linear(view, weights["style.weight"], weights["style.bias"]), dim=1).numpy()
            for view in bank.stats
        ]
        found = style_figures(bank.pictures, "validation", views[0], views[1], intervals=False)
        score = sum(float(found[name]["value"]) for name in ("nearest_centroid", "nearest_centroid_augmented"))
        print(f"style: shrinkage {shrinkage}, validation {score:.4f}", flush=True)
        if score > best:
            best, kept = score, weights
    return kept


def discriminant(features: Tensor, families: Tensor, shrinkage: float) -> dict[str, Tensor]:
    """Ridge regression of which family drew a picture, its answers laid on the corners of a simplex.

    Discriminant scores would put the family that is easiest to tell many times as far from the others as those are
    from each other; then a mean over somebody's clicks is little more than how many of them were in that one.

    Parameters
    ----------
    features
        (N, 1792) raw style statistics.
    families
        (N,) class numbers; every family counts the same.
    shrinkage
        Weight of the mean variance in the covariance (Ledoit and Wolf, 2004).
    """
    mean, scale = features.mean(0), features.std(0) + 1e-4
    rows = ((features - mean) / scale).double()
    centres = torch.stack([rows[families == family].mean(0) for family in range(len(FAMILIES))])
    spread = rows - centres[families]
    middle = centres.mean(0)
    apart = centres - middle
    covariance = spread.T @ spread / len(rows) + apart.T @ apart / len(FAMILIES)
    even = covariance.diag().mean() * torch.eye(len(covariance), dtype=covariance.dtype)
    directions = torch.linalg.solve((1 - shrinkage) * covariance + shrinkage * even, apart.T)
    square = torch.randn(STYLE_DIM, STYLE_DIM, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    corners = torch.linalg.qr(square)[0][: len(FAMILIES)]
    corners = corners - corners.mean(0)
    weight = (corners.T @ directions.T / scale).float()
    bias = (-corners.T @ (directions.T @ middle)).float() - weight @ mean
    return {"style.weight": weight.contiguous(), "style.bias": bias}


def _optimiser(
    modules: list[Standardised], others: list[nn.Parameter], steps: int, settings: TrainSettings
) -> tuple[torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler]:
    """AdamW with a cosine schedule; weight decay on the projections only."""
    projections = [parameter for module in modules for parameter in module.parameters()]
    groups = [
        {"params": projections, "weight_decay": settings.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=settings.learning_rate)
    return optimiser, torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, steps)


def _fit(
    modules: list[Standardised],
    step: Callable[[], Tensor],
    validation: Callable[[], float],
    optimiser: torch.optim.Optimizer,
    schedule: torch.optim.lr_scheduler.LRScheduler,
    every: int,
    steps: int,
    name: str,
) -> None:
    """Run the steps; at the end the modules hold the state that validation liked best."""
    best, kept = -1.0, [module.state_dict() for module in modules]
    for number in range(1, steps + 1):
        for module in modules:
            module.train()
        optimiser.zero_grad()
        loss = step()
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        schedule.step()
        if number % every == 0 or number == steps:
            for module in modules:
                module.eval()
            score = validation()
            print(f"{name}: step {number} of {steps}, loss {loss.item():.3f}, validation {score:.4f}", flush=True)
            if score > best:
                best = score
                kept = [{key: value.clone() for key, value in module.state_dict().items()} for module in modules]
    for module, state in zip(modules, kept, strict=True):
        module.load_state_dict(state)
        module.eval()


def _embed(bank: Bank, image: nn.Module, text: nn.Module) -> tuple[Floats32, ...]:
    """(P, 128) of the pictures as they are, (S, 128) of label and tags, (S, 128) of the label alone."""
    with torch.no_grad():
        return image(bank.pooled[0]).numpy(), text(bank.texts[1]).numpy(), text(bank.texts[0]).numpy()


def figures(bank: Bank, weights: dict[str, Tensor], split: Split) -> dict[str, Any]:
    """All figures of a split, of the projections as they will be stored."""
    project = {
        name: lambda features, name=name: F.normalize(
            F.linear(features, weights[f"{name}.weight"], weights[f"{name}.bias"]), dim=1
        ).numpy()
        for name in ("image", "text", "style")
    }
    styles = [project["style"](view) for view in bank.stats]
    words = [project["text"](bank.texts[row]) for row in (1, 0)]
    return retrieval_figures(bank.pictures, split, project["image"](bank.pooled[0]), *words) | {
        "style": style_figures(bank.pictures, split, *styles)
    }


def write(out: Path, weights: dict[str, Tensor], manifest: dict[str, Any]) -> str:
    """Write projections and manifest; returns the encoder id that ``encoders.ENCODER_ID`` must hold."""
    out.mkdir(parents=True, exist_ok=True)
    path = out / "encoders.safetensors"
    save_file(weights, path)
    path.chmod(0o644)
    digest = sha256(path)
    encoder_id = f"aligned-v1-{digest[:8]}"
    whole = {"encoder_id": encoder_id, "files": {path.name: digest}, **manifest}
    (out / "manifest.json").write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    return encoder_id


@dataclass(frozen=True, kw_only=True)
class EncoderTraining:
    """Options of :func:`train_encoders`."""

    date: str
    """Day of the training, for the manifest: YYYY-MM-DD."""
    out: Path = WEIGHTS_DIR
    """Folder of the projections and the manifest."""
    cache: Path = Path("var/encoders")
    """Folder of frozen features."""
    settings: TrainSettings = TrainSettings()


def train_encoders(options: EncoderTraining) -> None:
    """Train, report and write."""
    settings = options.settings
    torch.manual_seed(settings.seed)
    started = time.monotonic()
    pack = PicturePack.load()
    bank = build_bank(pack, settings, options.cache)
    weights = train_aligned(bank, settings) | train_style(bank, settings)
    manifest = {
        "command": told("coverlift train encoders", options),
        "date": options.date,
        "data": "jobs/stickers/pack: trained on buckets 2 to 7, epochs chosen on 1, bucket 0 only reports",
        "subjects": {split: len(pack.codes(split)) for split in ("train", "validation", "held_out")},
        "hardware": f"{platform.machine()} CPU, {torch.get_num_threads()} threads, torch {torch.__version__}",
        "seconds": round(time.monotonic() - started),
        "settings": asdict(settings),
        "shapes": {
            "image": [EMBED_DIM, POOLED_DIM],
            "text": [EMBED_DIM, TEXT_DIM],
            "style": [STYLE_DIM, STYLE_STATS_DIM],
        },
        "figures": {split: figures(bank, weights, split) for split in ("validation", "held_out")},
    }
    encoder_id = write(options.out, weights, manifest)
    print(json.dumps(manifest["figures"], indent=2))
    print(f'written to {options.out}; set ENCODER_ID = "{encoder_id}" in reward_model/encoders/model.py')
