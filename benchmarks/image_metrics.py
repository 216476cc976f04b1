"""Image metrics beside torchmetrics, clean-fid and SciPy on the same arrays: differences of one run.

    .venv/bin/python -m benchmarks.image_metrics --peers /path/to/python [--pictures 400]

Real drawings of held-out subjects in two families, as the judge sees them: pooled feature maps for KID, feature maps in
cells for the LPIPS-like distance, flat features for diversity. Ours are computed here; the arrays are written to a
file, and the same figures are computed from it in an environment of its own (``pip install torchmetrics clean-fid``),
whose Python is named by ``--peers``. No figure may differ by more than 1e-4 of its size.

The libraries' KID knows no items. Here every picture is an item of its own, so that all pairs count as they do there;
with several pictures an item, ours leaves out the pairs within it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import torch
from torch.nn import functional as F

from jobs.stickers.pack import PicturePack
from recsys_eval.comparison.figures.collection import kernel_distance
from recsys_eval.judge.image_metrics import mean_pairwise_distance, perceptual_distance
from recsys_eval.judge.model import FAMILIES, Judge, as_batch
from recsys_eval.judge.quality import real_pictures

CELLS = (16, 16, 8)
MOST = 1e-4
DIVERSE = 40
"""Pictures whose pairwise distances are averaged."""

PEERS = """
import importlib.metadata, json, sys, types
import numpy as np, torch
for name in ("utils", "features", "resize"):  # read pictures and run networks by torchvision: not for given arrays
    sys.modules[f"cleanfid.{name}"] = types.ModuleType(name)
features = sys.modules["cleanfid.features"]
features.build_feature_extractor = features.get_reference_statistics = None
from cleanfid import fid
from scipy.spatial.distance import pdist
from torchmetrics.functional.image.lpips import _normalize_tensor, _spatial_average
from torchmetrics.image.kid import KernelInceptionDistance

class Given(torch.nn.Module):
    num_features = 352
    def forward(self, x):
        return x

data = {name: torch.from_numpy(value) for name, value in np.load(sys.argv[1]).items()}
x, y = data["x"], data["y"]
kid = KernelInceptionDistance(feature=Given(), subsets=1, subset_size=len(x)).set_dtype(torch.float64)
kid.update(x, real=False)
kid.update(y, real=True)
lpips = 0
for stage in range(3):
    one, two = (_normalize_tensor(data[f"{side}{stage}"].double()) for side in "ab")
    lpips = lpips + _spatial_average(((one - two) ** 2).sum(dim=1, keepdim=True))[:, 0, 0, 0]
print(json.dumps({
    "KID, torchmetrics": float(kid.compute()[0]),
    "KID, clean-fid": fid.kernel_distance(x.numpy(), y.numpy(), num_subsets=1, max_subset_size=len(x)),
    "LPIPS-like distance, torchmetrics' LPIPS of the maps": float(lpips.mean()),
    "diversity, scipy": float(pdist(data["flat"].double().numpy(), "sqeuclidean").mean()),
    "versions": {name: importlib.metadata.version(name) for name in ("torchmetrics", "clean-fid", "scipy")},
}))
"""


def arrays(pictures: int) -> tuple[dict[str, np.ndarray], dict[str, float]]:
    """What the peers are given, and our figures."""
    judge, real = Judge.load(), real_pictures(PicturePack.load(), "held_out")
    by_family = [real.pixels[real.families == FAMILIES.index(family)] for family in FAMILIES[:2]]
    count = min(pictures, *map(len, by_family))
    one, two = (each[:count] for each in by_family)
    with torch.inference_mode():
        maps = [judge.network.maps(as_batch(each))[1] for each in (one, two)]
    pooled = [torch.cat([m.float().mean((2, 3)) for m in each], 1).double().numpy() for each in maps]
    given = {"x": pooled[0], "y": pooled[1], "flat": judge.features(one[:DIVERSE])}
    for side, three in zip("ab", maps, strict=True):
        for stage, (each, cells) in enumerate(zip(three, CELLS, strict=True)):
            given[f"{side}{stage}"] = F.adaptive_avg_pool2d(each.float(), cells).numpy()
    kid = kernel_distance(pooled[0], np.arange(count), pooled[1], count + np.arange(count), resamples=2, seed=0)
    ours = {
        "KID": kid.value,
        "LPIPS-like distance": float(perceptual_distance(judge, one, two).mean(dtype=np.float64)),
        "diversity": mean_pairwise_distance(given["flat"]),
    }
    print(f"{count} drawings of each of {FAMILIES[0]} and {FAMILIES[1]}")
    return given, ours


def main(arguments: list[str]) -> int:
    """Print every figure with its relative difference; 1 where one is larger than 1e-4."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", required=True, help="Python of an environment with torchmetrics and clean-fid")
    parser.add_argument("--pictures", type=int, default=400, help="of each family, at most")
    options = parser.parse_args(arguments)
    given, ours = arrays(options.pictures)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "arrays.npz"
        np.savez(file, **given)
        told = subprocess.run([options.peers, "-c", PEERS, str(file)], check=True, stdout=subprocess.PIPE, text=True)
    theirs = json.loads(told.stdout.splitlines()[-1])
    print(theirs.pop("versions"))
    worst = 0.0
    for name, value in theirs.items():
        mine = ours[name.partition(",")[0]]
        gap = abs(mine - value) / abs(value)
        worst = max(worst, gap)
        print(f"{name}: {value:.9f}, here {mine:.9f}, relative difference {gap:.1e}")
    return int(worst > MOST)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
