"""Train the panel's plain networks: ``python -m recsys_eval.panel.plain_cnn_train --seeds 0 1 2``.

On the drawings of the training subjects, moved, scaled, turned, mirrored and made noisy. Losses: cross entropy of
the style with label smoothing, and cross entropy of the subject over one learned proxy a training subject
(Movshovitz-Attias et al., ICCV 2017). Nothing is chosen: what the last step leaves is written, and figures on
validation subjects go into the manifest. Killed at any time, the same command goes on from the last checkpoint with
the same batches.
"""

import argparse
import json
import math
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import Tensor, nn

from jobs.lake.arrays import Ints, Pixels
from jobs.stickers.pack import FAMILIES, PicturePack
from recsys_eval.judge.model import as_batch
from recsys_eval.panel.plain_cnn import EMBEDDING_DIM, WEIGHTS_DIR, PlainCnn, PlainNetwork, packed
from reward_model.encoders.assets import sha256

STEPS = 1200
"""Optimiser steps."""
ROWS = 64
"""Pictures a step."""
RATE = 3e-3
"""Highest learning rate of the one cycle."""
SHARPNESS = 12.0
"""Factor on cosines before the softmax over proxies."""
SAVE_EVERY = 200
"""Steps between checkpoints."""


def drawings_of(pack: PicturePack, codes: list[str]) -> tuple[Pixels, Ints, Ints]:
    """All drawings of some subjects: pixels (N, 64, 64, 3), the subject's place in ``codes`` and the family, (N,)."""
    found = [(row, family) for row, code in enumerate(codes) for family in pack.families_of(code)]
    pixels = np.stack([pack.pixels(codes[row], family) for row, family in found])
    subject = np.array([row for row, _ in found])
    return pixels, subject, np.array([FAMILIES.index(family) for _, family in found])


def augmented(x: Tensor, rng: torch.Generator) -> Tensor:
    """Pictures on white (N, 3, H, W) in [0, 1], each moved up to 4 pixels, scaled, turned, mirrored and made noisy."""
    n = len(x)

    def uniform(low: float, high: float) -> Tensor:
        return torch.rand(n, generator=rng) * (high - low) + low

    angle, scale = uniform(-0.2, 0.2), uniform(0.88, 1.14)
    mirror = torch.where(uniform(0, 1) < 0.5, -1.0, 1.0)
    cos, sin = angle.cos() * scale, angle.sin() * scale
    moved = [torch.stack([cos * mirror, -sin, uniform(-0.125, 0.125)], 1)]
    moved.append(torch.stack([sin * mirror, cos, uniform(-0.125, 0.125)], 1))
    grid = F.affine_grid(torch.stack(moved, 1), [n, 3, *x.shape[2:]], align_corners=False)
    moved_x = 1 - F.grid_sample(1 - x, grid, align_corners=False)
    noise = torch.randn(x.shape, generator=rng) * uniform(0, 0.04).view(-1, 1, 1, 1)
    return (moved_x + noise).clamp(0, 1)


def train(pack: PicturePack, seed: int, steps: int, checkpoint: Path) -> PlainNetwork:
    """Train one network, from its checkpoint where there is one."""
    torch.manual_seed(seed)
    codes = pack.codes("train")
    pixels, subject, family = drawings_of(pack, codes)
    x_all, subjects, families = as_batch(pixels), torch.from_numpy(subject), torch.from_numpy(family)
    network, proxies = PlainNetwork(), nn.Parameter(torch.randn(len(codes), EMBEDDING_DIM))
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimiser = torch.optim.AdamW([*network.parameters(), proxies], lr=RATE, weight_decay=0.02)
    first = 0
    if checkpoint.is_file():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        proxies.data.copy_(state["proxies"])
        first = state["step"]
    began = time.monotonic()
    for step in range(first, steps):
        rng = torch.Generator().manual_seed(seed * 1_000_003 + step)
        rows = torch.randint(len(x_all), (ROWS,), generator=rng)
        style, embedding = network.train()(augmented(x_all[rows], rng))
        logits = SHARPNESS * embedding @ F.normalize(proxies, dim=1).T
        style_loss = F.cross_entropy(style, families[rows], label_smoothing=0.05)
        subject_loss = F.cross_entropy(logits, subjects[rows])
        for group in optimiser.param_groups:
            group["lr"] = RATE * min((step + 1) / 100, 0.5 * (1 + math.cos(math.pi * step / steps)))
        optimiser.zero_grad()
        torch.autograd.backward(style_loss + subject_loss)
        optimiser.step()
        if (step + 1) % SAVE_EVERY == 0:
            print(
                f"seed {seed}  step {step + 1}/{steps}  style {style_loss.item():.3f}  subject "
                f"{subject_loss.item():.3f}  {(step + 1 - first) * ROWS / (time.monotonic() - began):.0f} pictures/s",
                flush=True,
            )
            saved = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "step": step + 1}
            torch.save({**saved, "proxies": proxies.detach()}, checkpoint.with_suffix(".new"))
            checkpoint.with_suffix(".new").replace(checkpoint)
    return network


def validation_figures(cnn: PlainCnn, pack: PicturePack) -> dict[str, float]:
    """On drawings of validation subjects: style accuracy, and recall at 1 of the subject among other families'."""
    pixels, subject, family = drawings_of(pack, pack.codes("validation"))
    style, embedding = cnn(pixels)
    cosine = embedding @ embedding.T
    cosine[family[:, None] == family[None]] = -2  # of other families only
    return {
        "style_accuracy": round(float((style.argmax(1) == family).mean()), 4),
        "subject_recall_at_1": round(float((subject[cosine.argmax(1)] == subject).mean()), 4),
    }


def main() -> None:
    """Train seeds and write their weights and the manifest."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--seeds",
        type=int,
        nargs="+",
        default=(0, 1, 2),
        help="0 to 2 are the panel's, others twins",
    )
    parser.add_argument("--steps", type=int, default=STEPS)
    parser.add_argument("--out", type=Path, default=WEIGHTS_DIR)
    parser.add_argument("--state", type=Path, default=Path("var/plain_cnn"), help="folder of checkpoints")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    pack = PicturePack.load()
    for folder in (arguments.out, arguments.state):
        folder.mkdir(parents=True, exist_ok=True)
    manifest = arguments.out / "manifest.json"
    for seed in arguments.seeds:
        network = train(pack, seed, arguments.steps, arguments.state / f"{seed}.pt")
        path = arguments.out / f"plain_cnn_{seed}.safetensors"
        save_file(packed(network.state_dict()), path)
        path.chmod(0o644)
        figures = validation_figures(PlainCnn.load(path), pack)
        known = json.loads(manifest.read_text(encoding="utf-8"))["seeds"] if manifest.is_file() else {}
        known[str(seed)] = {"sha256": sha256(path), "steps": arguments.steps, "validation": figures}
        facts = {"trained_by": "python -m recsys_eval.panel.plain_cnn_train", "seeds": dict(sorted(known.items()))}
        manifest.write_text(json.dumps(facts, indent=2) + "\n", encoding="utf-8")
        print(f"seed {seed}: {figures}", flush=True)


if __name__ == "__main__":
    main()
