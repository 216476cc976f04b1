"""What Triton costs on top of painting: ``python benchmarks/painting.py [--method icg]``.

Paints the same covers three ways, in turn, several rounds: through the real local Triton server
as the night does, in this process, and as bare forward passes of the UNet on ready tensors, as
many as the first two need. Prints pictures a second and, for each way, the ratio to the forward
passes of the same round: median and range over rounds.
"""

import argparse
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

from conf.settings import GenerationSettings
from generation.diffusion.adapter import ConditionBatch
from generation.diffusion.painter import Painter
from generation.diffusion.unet import PIXELS, predict_clean
from generation.personalization.methods import METHODS, adapter_folders, adapter_openers
from generation.serving.backends import InProcessPaint, open_backend
from generation.types import PREFERENCE_DIM, PaintRequest
from jobs.stickers.pack import PicturePack
from reward_model.precision import autocast

SEED = 11


def make_requests(count: int, settings: GenerationSettings) -> list[PaintRequest]:
    """Real drawings and titles, random preferences."""
    pack, rng = PicturePack.load(), np.random.default_rng(SEED)
    subjects = [pack.subjects[number] for number in rng.integers(len(pack.subjects), size=count)]
    return [
        PaintRequest(
            prompt=subject.labels["en"],
            reference=pack.pixels(subject.code, "noto"),
            preference=rng.normal(size=PREFERENCE_DIM).astype(np.float32),
            seed=number,
            steps=settings.steps,
            guidance=settings.guidance[number % len(settings.guidance)],
            method=settings.method,
        )
        for number, subject in enumerate(subjects)
    ]


def forward_passes(painter: Painter, count: int, settings: GenerationSettings) -> Callable[[], None]:
    """The method's UNet on random tensors, ``steps`` times a picture, twice that with guidance."""
    size, passes = settings.max_batch, settings.steps * (1 if set(settings.guidance) == {1.0} else 2)
    planes = torch.randn(size, PIXELS, 32, 32).to(painter.device, memory_format=torch.channels_last)
    sigma = torch.rand(size).to(painter.device)
    text, preference = (torch.randn(size, width).to(painter.device) for width in (384, PREFERENCE_DIM))
    pixels = torch.randint(0, 256, (size, 3, 64, 64), dtype=torch.uint8).to(painter.device)
    told = ConditionBatch(text=text, preference=preference, pixels=pixels)
    unet = painter.adapter_of(settings.method).unet

    def run() -> None:
        with torch.inference_mode(), autocast(painter.device, painter.dtype):
            (condition,) = painter.conditions(settings.method, told, guidance=False)
            for _ in range(-(-count // size) * passes):
                predict_clean(unet, planes, sigma, planes, *condition)

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=192)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--method", choices=tuple(METHODS), default="profile")
    arguments = parser.parse_args()
    settings = GenerationSettings(method=arguments.method)
    requests = make_requests(arguments.pictures, settings)
    painter = Painter.load(adapters=adapter_openers(adapter_folders(settings)))
    alone = InProcessPaint(painter, max_batch=settings.max_batch)
    with tempfile.TemporaryDirectory() as logs, open_backend(settings, Path(logs)) as triton:
        ways: dict[str, Callable[[], object]] = {
            "Triton": lambda: [result.picture.shape for result in triton.paint(requests)],
            "in process": lambda: [result.picture.shape for result in alone.paint(requests)],
            "forward passes": forward_passes(painter, arguments.pictures, settings),
        }
        seconds: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(arguments.rounds + 1):
            for name, way in ways.items():
                begin = time.perf_counter()
                way()
                if number:  # the first round warms up
                    seconds[name].append(time.perf_counter() - begin)
    print(
        f"{settings.method}: {arguments.pictures} pictures, {settings.steps} steps, guidance {settings.guidance}, "
        f"{arguments.rounds} rounds, {platform.machine()} {painter.device}, {torch.get_num_threads()} threads"
    )
    base = np.array(seconds["forward passes"])
    for name, values in seconds.items():
        taken = np.array(values)
        speed, ratio = arguments.pictures / taken, base / taken
        print(
            f"{name:<15} {np.median(speed):6.1f} pictures/s [{speed.min():.1f}, {speed.max():.1f}]   "
            f"{np.median(ratio):.2f} of forward passes [{ratio.min():.2f}, {ratio.max():.2f}]"
        )


if __name__ == "__main__":
    main()
