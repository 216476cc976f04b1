"""Where files fetched at set-up lie: the Delta jar, frozen encoders, the safety model."""

import os
from pathlib import Path

from jobs.reach import ROOT


def in_checkout(root: Path = ROOT) -> bool:
    """Whether our packages lie in a checkout of the project rather than in site-packages."""
    return (root / "pyproject.toml").is_file() and (root / "constraints.txt").is_file()


def assets_dir(root: Path = ROOT) -> Path:
    """Folder of fetched assets.

    ``$COVERLIFT_ASSETS``; without it, ``.cache/assets`` of a checkout; and for an installed wheel ``coverlift/assets``
    in the user's cache folder (``$XDG_CACHE_HOME``, else ``~/.cache``), which outlives the environment.
    """
    chosen = os.environ.get("COVERLIFT_ASSETS")
    if chosen:
        return Path(chosen)
    if in_checkout(root):
        return root / ".cache" / "assets"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "coverlift" / "assets"
