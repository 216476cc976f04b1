"""The picture pack of the stickers world: real drawings of the same subjects in several families.

Reads what ``build_pack`` wrote. Light on purpose: pyarrow, Pillow and numpy only, so that
the planner, Spark workers and tests can open it without torch.
"""

import hashlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from PIL import Image

from jobs.lake.splits import Split, split_of

PACK_DIR = Path(__file__).parent / "pack"
"""The committed pack."""

SIZE = 64
"""Width and height of every picture, in pixels."""

FAMILIES = ("noto", "noto-v1", "twemoji", "fluent-flat", "fluent-3d", "fluent-high-contrast")
"""The drawing styles, in the fixed order that class numbers and one-hot columns follow."""

LANGUAGES = ("en", "de", "es", "ja")
"""Languages of labels and tags."""


@dataclass(frozen=True)
class Subject:
    """What a picture shows, in whatever style.

    ``labels`` maps a language to a short name, ``tags`` a language to search words.
    """

    code: str
    group: str
    subgroup: str
    labels: dict[str, str]
    tags: dict[str, list[str]]


class PicturePack:
    """All subjects and drawings, in memory as encoded bytes (11 MB).

    Parameters
    ----------
    subjects
        In the order of the pack (emojibase's order).
    pictures
        ``(code, family)`` -> encoded picture. A subject may lack a family.
    """

    families: tuple[str, ...] = FAMILIES

    def __init__(self, subjects: list[Subject], pictures: Mapping[tuple[str, str], bytes]) -> None:
        self.subjects = subjects
        self._by_code = {subject.code: subject for subject in subjects}
        self._pictures = dict(pictures)

    @classmethod
    def load(cls, folder: Path = PACK_DIR) -> "PicturePack":
        """Read ``subjects.parquet`` and ``pictures.parquet`` of a folder.

        Raises
        ------
        FileNotFoundError
            A file of the pack is missing.
        """
        for name in ("subjects.parquet", "pictures.parquet"):
            if not (folder / name).is_file():
                raise FileNotFoundError(
                    f"{folder / name} is missing: restore it from git, or build the pack again with "
                    f"`coverlift world pack --out {folder}`"
                )
        subjects = [
            Subject(
                code=row["code"],
                group=row["group"],
                subgroup=row["subgroup"],
                labels={language: row[f"label_{language}"] for language in LANGUAGES},
                tags={language: list(row[f"tags_{language}"] or ()) for language in LANGUAGES},
            )
            for row in pq.read_table(folder / "subjects.parquet").to_pylist()
        ]
        table = pq.read_table(folder / "pictures.parquet", columns=["code", "family", "picture"])
        keys = zip(table["code"].to_pylist(), table["family"].to_pylist(), strict=True)
        return cls(subjects, dict(zip(keys, table["picture"].to_pylist(), strict=True)))

    def subject(self, code: str) -> Subject:
        """The subject of a code.

        Raises
        ------
        KeyError
            The pack has no such code.
        """
        if code not in self._by_code:
            raise KeyError(f"no subject {code!r} in the picture pack: codes look like '1f355' or '23-20e3'")
        return self._by_code[code]

    def sample(self, count: int | None) -> "PicturePack":
        """A pack of about ``count`` subjects taken at even steps, so that every group is there; None keeps all."""
        if count is None or count >= len(self.subjects):
            return self
        kept = [self.subjects[number * len(self.subjects) // count] for number in range(count)]
        codes = {subject.code for subject in kept}
        return PicturePack(kept, {key: picture for key, picture in self._pictures.items() if key[0] in codes})

    def codes(self, split: Split | None = None) -> list[str]:
        """Codes of one split, or of all subjects, in the order of the pack."""
        return [s.code for s in self.subjects if split is None or split_of(s.code) == split]

    def families_of(self, code: str) -> tuple[str, ...]:
        """Families that draw this subject, in the order of ``families``."""
        self.subject(code)
        return tuple(family for family in self.families if (code, family) in self._pictures)

    def bytes(self, code: str, family: str) -> bytes:
        """Encoded picture (WebP, 64 x 64 RGB).

        Raises
        ------
        KeyError
            This family does not draw this subject.
        """
        try:
            return self._pictures[code, family]
        except KeyError:
            raise KeyError(
                f"no picture of {code!r} in family {family!r}: the pack has {self.families_of(code)}"
            ) from None

    def digests(self) -> frozenset[str]:
        """SHA-256 of every encoded picture: the ids of its covers."""
        return frozenset(hashlib.sha256(picture).hexdigest() for picture in self._pictures.values())

    def pixels(self, code: str, family: str) -> NDArray[np.uint8]:
        """Decoded picture, (64, 64, 3) uint8 RGB."""
        with Image.open(io.BytesIO(self.bytes(code, family))) as picture:
            return np.asarray(picture.convert("RGB"), dtype=np.uint8)
