"""Where files fetched at set-up lie: the Delta jar, frozen encoders, the safety model."""

import os
from pathlib import Path

# reward_model/encoders/assets.py uses this same function: one folder for everything fetched at set-up.


def assets_dir() -> Path:
    """Folder of fetched assets: ``$COVERLIFT_ASSETS``, else ``.cache/assets`` of the checkout."""
    chosen = os.environ.get("COVERLIFT_ASSETS")
    return Path(chosen) if chosen else Path(__file__).resolve().parents[2] / ".cache" / "assets"
