"""Fonts of the PDF: which signs they have, and what is printed in place of a sign that none has."""

import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from itertools import groupby
from pathlib import Path

from fontTools.ttLib import TTFont

INVISIBLE = frozenset(range(0x200B, 0x2010)) | {0x2060, 0xFE0E, 0xFE0F, 0xFEFF}
"""Signs that are not printed: joiners, marks of direction, variants."""


def shipped() -> tuple[Path, Path, Path]:
    """DejaVu Sans, its bold, and Noto Sans JP.

    DejaVu, which Matplotlib brings, has Latin, Greek, Cyrillic, Arabic and Hebrew; Noto Sans JP has Japanese, and of
    Chinese the signs that Japanese has too.
    """
    dejavu = _folder("matplotlib") / "mpl-data" / "fonts" / "ttf"
    japanese = _folder("pylopdf_fonts_jp") / "NotoSansJP-Regular.otf"
    return dejavu / "DejaVuSans.ttf", dejavu / "DejaVuSans-Bold.ttf", japanese


def _folder(package: str) -> Path:
    """Where a package lies, without importing it."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.submodule_search_locations
    return Path(spec.submodule_search_locations[0])


@cache
def signs_of(font: Path) -> frozenset[int]:
    """Code points that a font file has."""
    with TTFont(font, lazy=True, fontNumber=0) as opened:
        return frozenset(opened.getBestCmap())


@dataclass
class Typesetting:
    """What can be printed with some fonts, and what could not be.

    Parameters
    ----------
    fonts
        Font files, the first for all that it has, each next one for what those before it lack.
    """

    fonts: Sequence[Path]
    lacking: set[str] = field(default_factory=set)
    """Signs that no font has, of all texts so far."""

    def printable(self, text: str) -> str:
        """The text with every sign that no font has as its Unicode number, like ``[U+D55C U+AD6D]``.

        Line breaks and tabs become spaces, signs of control are left out.
        """
        plain = "".join(" " if sign.isspace() else sign for sign in text)
        parts = []
        for has, run in groupby((sign for sign in plain if _shows(sign)), self._has):
            signs = list(run)
            if not has:
                self.lacking.update(signs)
            parts.append("".join(signs) if has else f"[{' '.join(f'U+{ord(sign):04X}' for sign in signs)}]")
        return "".join(parts)

    def used(self, texts: Iterable[str]) -> list[Path]:
        """The fonts that the texts need."""
        needed = {ord(sign) for text in texts for sign in text}
        found: list[Path] = []
        for font in self.fonts:
            if not found or needed & signs_of(font):
                found.append(font)
            needed -= signs_of(font)
        return found

    def _has(self, sign: str) -> bool:
        return any(ord(sign) in signs_of(font) for font in self.fonts)


def needs_shaping(text: str) -> bool:
    """Whether signs change with their neighbours, run from right to left or are put together; it is slow.

    Examples
    --------
    >>> needs_shaping("Straße 狐"), needs_shaping("مرحبا"), needs_shaping("e\u0301")
    (False, True, True)
    """
    return not text.isascii() and any(
        unicodedata.bidirectional(sign) in ("R", "AL", "NSM") or unicodedata.combining(sign) for sign in text
    )


def _shows(sign: str) -> bool:
    return ord(sign) >= 32 and ord(sign) not in INVISIBLE and not 0x7F <= ord(sign) < 0xA0
