"""Two processes draw different rows and take one step together."""

import os
import subprocess
import sys
from pathlib import Path

import torch
from accelerate.state import AcceleratorState
from safetensors.torch import load_file

from generation.alignment.draft import Draft, DraftSettings
from tests.support.models.tiny_painter import SHAPE, TinyPainter, draw, redness

TORCHRUN = ("torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d", "--rdzv-endpoint=127.0.0.1:0")


def climb(folder, accumulate):
    torch.set_num_threads(1)
    painter = TinyPainter()
    settings = DraftSettings(sampler_steps=2, learning_rate=1e-3, warmup=1, accumulate=accumulate)
    tuner = Draft(painter, dict(painter.named_parameters()), redness, shape=SHAPE, settings=settings)
    for _ in range(2):
        tuner.learn(draw(rows=2))
    tuner.accelerator.wait_for_everyone()
    if tuner.rank == tuner.accelerator.num_processes - 1:  # the last one's weights: all of them must have moved alike
        tuner._write(folder / f"{tuner.accelerator.num_processes}.safetensors")


def test_two_processes_are_one_with_twice_the_batches(tmp_path):
    loopback = {"GLOO_SOCKET_IFNAME": "lo", "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, "-m", *TORCHRUN, "--local-addr=127.0.0.1", "-m", __name__, str(tmp_path)]
    done = subprocess.run(command, check=False, env=os.environ | loopback, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    AcceleratorState._reset_state(reset_partial_state=True)  # what earlier tests said about processes
    climb(tmp_path, 2)
    together, alone = load_file(tmp_path / "2.safetensors"), load_file(tmp_path / "1.safetensors")
    names = [name for name in together if name.startswith("weight.")]
    apart = torch.cat([(together[name] - alone[name]).abs().flatten() for name in names])
    # Two steps of 1e-3 were taken; where a gradient is nearly 0, Adam turns its rounding into a motion.
    assert (apart < 1e-5).float().mean() > 0.99
    assert apart.mean() < 1e-6


if __name__ == "__main__":
    climb(Path(sys.argv[1]), 1)
