"""What the reward ``resemblance`` says of real drawings: ``python -m benchmarks.resemblance``.

Of validation subjects that two families of the picture pack both draw: a drawing beside the other family's of the same
subject, beside that of another subject, and beside noise.
"""

import numpy as np

from generation.rewards.looks.resemblance import correlation, edges
from jobs.stickers.pack import PicturePack

SEED = 5
SHARES = (0.05, 0.25, 0.5, 0.75, 0.95)
FAMILIES = ("noto", "twemoji")
LIMITS = (0.1, 0.15, 0.3)
"""The middle one is that of the profile ``pipeline-production``."""


def main() -> None:
    """Print quantiles of each kind of pair, and how many lie under the limit."""
    pack, rng = PicturePack.load(), np.random.default_rng(SEED)
    codes = [code for code in pack.codes("validation") if set(FAMILIES) <= set(pack.families_of(code))]
    first, second = (np.stack([pack.pixels(code, family) for code in codes]) for family in FAMILIES)
    noise = rng.integers(0, 256, first.shape, dtype=np.uint8)
    pairs = {"same subject": second, "another subject": np.roll(second, len(second) // 2, axis=0), "noise": noise}
    print(f"{len(codes)} validation subjects, {FAMILIES[0]} beside {FAMILIES[1]}")
    print(
        "pair              "
        + " ".join(f"{share:>6.0%}" for share in SHARES)
        + "   under "
        + "  ".join(map(str, LIMITS))
    )
    for name, pictures in pairs.items():
        found = correlation(edges(first), edges(pictures))
        told = " ".join(f"{value:6.2f}" for value in np.nanquantile(found, SHARES))
        print(f"{name:17} {told}         " + "  ".join(f"{np.nanmean(found < limit):.0%}" for limit in LIMITS))


if __name__ == "__main__":
    main()
