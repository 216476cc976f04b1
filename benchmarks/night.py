"""Where a night's time goes, and how near it comes to the networks it needs: ``python -m benchmarks.night``.

Runs a night in a folder of its own (``--profile test`` is a small one; further settings with ``-o``), or reads one that
is finished (``--home var``). Prints every stage: wall seconds, CPU seconds of all its processes, and beside those the
CPU seconds that the bare forward passes it cannot do without take, timed here, one thread a core, on ready tensors:

- encode: the picture encoder on every new cover, MiniLM on every new title;
- generate: the UNet as often as the plan's guidance asks for, the picture encoder on every candidate, OpenNSFW on every
  candidate that was looked at.

``of bare`` is the share of a part's CPU seconds that are such passes: 1 would be nothing else. CPU seconds do not
depend on what else the machine does, wall seconds do. Last, a rerun of the finished night.

A machine with AVX-512 is measured twice, as it is and as a plain one (``ONEDNN_MAX_CPU_ISA=AVX2
ATEN_CPU_CAPABILITY=avx2``; onnxruntime has no such switch). ``--plain`` measures the second kind only.
"""

import argparse
import multiprocessing
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from conf.settings import GenerationSettings
from jobs.cli.app import make_context
from jobs.lake.context import Context

PLAIN = {"ONEDNN_MAX_CPU_ISA": "AVX2", "ATEN_CPU_CAPABILITY": "avx2"}
PEER_SECONDS = 2.0
"""CPU time that each kind of pass is repeated for."""
BATCH = 64
PLANNED = ("candidates", "pref_embedding", "pref_style", "history_id", "tokens")
"""Columns of the plan that say how many passes a unit takes; older nights lack the last two."""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A stage, or a part of one."""

    name: str
    seconds: float
    cpu_seconds: float
    """Of all processes; NaN where the ledger does not have it."""
    passes: Mapping[str, int]
    """Peer -> how many of its passes are needed."""

    def bare(self, peers: Mapping[str, float]) -> float:
        """CPU seconds of the passes alone; NaN where there are none."""
        return sum(count / peers[name] for name, count in self.passes.items()) if self.passes else float("nan")


def needed_passes(plan: Sequence[Mapping[str, Any]], settings: GenerationSettings) -> int:
    """UNet passes of a plan: a candidate takes two a step where guidance is on and somebody's taste is known.

    Examples
    --------
    >>> fan, nobody = ({"pref_embedding": [x], "pref_style": [0.0], "candidates": 2} for x in (1.0, 0.0))
    >>> needed_passes([fan, nobody], GenerationSettings(steps=1, guidance=(1.0, 1.2)))
    5
    """
    passes = 0
    for row in plan:
        known = any(row["pref_embedding"]) or any(row["pref_style"])
        known = known or row.get("history_id") is not None or row.get("tokens") is not None
        for number in range(row["candidates"]):
            guided = known and settings.guidance[number % len(settings.guidance)] != 1
            passes += settings.steps * (2 if guided else 1)
    return passes


def lines_of(context: Context) -> Iterator[Line]:
    """The stages of a finished night in their order, the parts of generate below it."""
    from jobs.nightly import night_stages

    rows = {row["stage"]: row for row in context.lake.read("runs", ds=context.ds).to_pylist()}
    for stage in night_stages(context):
        if stage.name not in rows:
            continue
        row = rows[stage.name]
        metrics, counts = dict(row["metrics"]), dict(row["rows"])
        passes = {}
        if stage.name == "encode":
            passes = {"picture encoder": counts["cover_features"], "MiniLM": counts["title_features"]}
        yield Line(
            name=stage.name,
            seconds=row["seconds"],
            cpu_seconds=metrics.get("cpu_seconds", float("nan")),
            passes={name: count for name, count in passes.items() if count},
        )
        if stage.name == "generate":
            yield from _parts(context, metrics)


def _parts(context: Context, metrics: Mapping[str, float]) -> Iterator[Line]:
    painted, pictures = metrics["pictures_painted"], metrics["pictures_painted"] + metrics["pictures_reused"]
    columns = [name for name in PLANNED if name in context.lake.dataset("generation_plan").schema.names]
    plan = context.lake.read("generation_plan", ds=context.ds, columns=columns).to_pylist()
    share = painted / pictures if pictures else 0.0  # a night that went on painted the rest only
    passes = {
        "paint": {"UNet": round(share * needed_passes(plan, context.settings.generation))},
        "score": {"picture encoder": round(pictures)},
        "safety": {"OpenNSFW": round(metrics.get("pictures_asked_safety", 0.0))},
    }
    for name, needed in passes.items():
        yield Line(
            name=f"  {name}",
            seconds=metrics[f"{name}_seconds"],
            cpu_seconds=metrics.get(f"{name}_cpu_seconds", float("nan")),
            passes={peer: count for peer, count in needed.items() if count},
        )


def measured_peers(settings: GenerationSettings, cores: int) -> dict[str, float]:
    """Passes a CPU second of every network on every core at once, each on one thread and ready tensors; their mean.

    A night keeps all cores busy, and cores share caches, memory and matrix units: a pass then takes more CPU time.
    """
    with ProcessPoolExecutor(cores, mp_context=multiprocessing.get_context("spawn")) as pool:
        found = list(pool.map(_peers_of_one_core, [settings] * cores))
    return {name: sum(each[name] for each in found) / cores for name in found[0]}


def _peers_of_one_core(settings: GenerationSettings) -> dict[str, float]:
    from benchmarks.painting import forward_passes
    from generation.diffusion.painter import Painter
    from generation.personalization.methods import adapter_folders
    from generation.rewards.safety import BATCH as SAFETY_BATCH
    from generation.rewards.safety import CROP, INPUT, Safety
    from jobs.stickers.pack import PicturePack
    from reward_model.encoders.assets import OPEN_NSFW, verified_asset
    from reward_model.encoders.compiled import fastest
    from reward_model.encoders.model import load_encoders

    torch.set_num_threads(1)
    pack = PicturePack.load()
    pixels = np.stack([pack.pixels(code, "noto") for code in pack.codes("train")[:BATCH]])
    titles = [subject.labels["en"] for subject in pack.subjects[:BATCH]]
    encoders = load_encoders()
    compiled = fastest(encoders.image, 1)
    painter = Painter.load(threads=1, adapters=adapter_folders(settings))
    once = forward_passes(painter, settings.max_batch, settings)
    passes = settings.max_batch * settings.steps * (1 if set(settings.guidance) == {1.0} else 2)
    safety = Safety(verified_asset(OPEN_NSFW), threads=1).session
    faces = np.random.default_rng(0).normal(size=(SAFETY_BATCH, CROP, CROP, 3)).astype(np.float32)
    return {
        "picture encoder": speed(lambda: compiled.encode(pixels), BATCH),
        "picture encoder in torch": speed(lambda: encoders.image.encode(pixels), BATCH),
        "MiniLM": speed(lambda: encoders.text.encode(titles), BATCH),
        "UNet": speed(once, passes),
        "OpenNSFW": speed(lambda: safety.run(None, {INPUT: faces}), SAFETY_BATCH),
    }


def speed(run: Callable[[], object], passes: int) -> float:
    """Passes a CPU second, after one round to warm up."""
    run()
    begin, rounds = time.process_time(), 0
    while (taken := time.process_time() - begin) < PEER_SECONDS:
        run()
        rounds += 1
    return passes * rounds / taken


def table(lines: Sequence[Line], peers: Mapping[str, float]) -> str:
    """What is printed of a night."""
    shown = [f"{'stage':<14} {'wall s':>8} {'CPU s':>8} {'cores':>6} {'bare s':>8} {'of bare':>8}  passes"]
    for line in lines:
        bare = line.bare(peers)
        of_bare = bare / line.cpu_seconds if line.cpu_seconds else np.nan  # a stage with nothing to do takes no time
        cells = (line.seconds, line.cpu_seconds, line.cpu_seconds / line.seconds, bare, of_bare)
        needed = ", ".join(f"{count:,} {name}" for name, count in line.passes.items())
        shown.append(
            f"{line.name:<14} "
            + " ".join(
                f"{'' if np.isnan(value) else format(value, form):>{width}}"
                for value, form, width in zip(cells, (".1f", ".1f", ".2f", ".1f", ".2f"), (8, 8, 6, 8, 8), strict=True)
            )
            + f"  {needed}"
        )
    whole = [line for line in lines if not line.name.startswith(" ")]
    sums = (sum(line.seconds for line in whole), sum(line.cpu_seconds for line in whole))
    shown.append(f"{'all':<14} " + " ".join("" if np.isnan(value) else f"{value:8.1f}" for value in sums))
    shown += ["", "Bare passes, one thread a core:"]
    shown += [f"{name:<26} {rate:8.1f} a CPU second" for name, rate in peers.items()]
    return "\n".join(line.rstrip() for line in shown)


def timed_command(arguments: Sequence[str]) -> tuple[float, float]:
    """Wall and CPU seconds of ``coverlift``, its output kept back; CalledProcessError where it fails."""
    begin, before = time.perf_counter(), os.times()
    command = [sys.executable, "-m", "jobs.cli.main", *arguments]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode:
        print(done.stdout, file=sys.stderr)
        done.check_returncode()
    after = os.times()
    busy = after.children_user + after.children_system - before.children_user - before.children_system
    return time.perf_counter() - begin, busy


def measure(arguments: argparse.Namespace, home: Path) -> None:
    """Run the night where none was named, and print it; the processor is what the environment makes of it."""
    night = ["--home", str(home)]
    night += ["--profile", arguments.profile] if arguments.profile else []
    night += ["--ds", f"{arguments.ds:%Y-%m-%d}"] if arguments.ds else []
    night += [part for text in arguments.override for part in ("-o", text)]
    if arguments.home is None:
        timed_command(["nightly", *night])
    context = make_context(arguments.ds, home, None, arguments.profile, arguments.override)
    peers = measured_peers(context.settings.generation, os.cpu_count() or 1)
    capability = torch.backends.cpu.get_cpu_capability()
    print(
        f"{datetime.now().astimezone():%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, "
        f"torch uses {capability}; night {context.ds}, profile {context.settings.profile}"
    )
    print(table(list(lines_of(context)), peers))
    if arguments.home is None:
        seconds, busy = timed_command(["nightly", *night])
        print(f"\nRerun of the finished night: {seconds:.1f} s wall, {busy:.1f} s CPU")


def parsed(arguments: Sequence[str] | None = None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--home", type=Path, help="a finished night's folder; without one a night is run")
    parser.add_argument("--ds", type=datetime.fromisoformat, help="the night; else the settings'")
    parser.add_argument("--profile", help="as of coverlift nightly")
    parser.add_argument("-o", "--override", action="append", default=[], metavar="SECTION.KEY=VALUE")
    parser.add_argument("--plain", action="store_true", help="only as a plain AVX2 machine")
    return parser.parse_args(arguments)


def main() -> None:
    """Measure this machine as it is, then as a plain one where it is more than that."""
    arguments, again = parsed(), ["-m", "benchmarks.night", *sys.argv[1:]]
    if arguments.plain and any(os.environ.get(name) != value for name, value in PLAIN.items()):
        os.execve(sys.executable, [sys.executable, *again], {**os.environ, **PLAIN})
    with tempfile.TemporaryDirectory(prefix="coverlift-night-") as scratch:
        measure(arguments, arguments.home.absolute() if arguments.home else Path(scratch) / "home")
    if not arguments.plain and "AVX512" in torch.backends.cpu.get_cpu_capability():
        sys.stdout.flush()
        subprocess.run([sys.executable, *again, "--plain"], check=True)


if __name__ == "__main__":
    main()
