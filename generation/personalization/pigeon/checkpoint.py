"""Pigeon's weights as a folder: ``adapter/``, perhaps ``lora/``, and ``manifest.json``.

The manifest names the generator they were trained on; over another one they are refused. The form is ICG's, and
:func:`generation.personalization.icg.checkpoint.ship` writes it.
"""

from pathlib import Path

from generation.diffusion.packing import read_network
from generation.personalization.methods import weights_fingerprint
from generation.personalization.pigeon.personal import BuiltinPigeon

SHIPPED = Path(__file__).parent / "weights"


def pigeon_fingerprint(folder: Path, generator: str) -> str:
    """16 hex digits of the generator and Pigeon together, after checking every file.

    Raises
    ------
    UsageError
        There are no weights in ``folder``, a file of it has changed, or it belongs to another generator.
    """
    return weights_fingerprint("pigeon", folder, generator)


def read_pigeon(folder: Path) -> BuiltinPigeon:
    """The network in float32; its files are not checked."""
    pigeon: BuiltinPigeon = read_network(BuiltinPigeon, folder / "adapter")
    return pigeon
