"""Build the picture pack of the stickers world from pinned open emoji packages.

``coverlift world pack --out DIR`` downloads each package by version
with ``npm pack``, checks its SHA-256, renders every subject in every family at 64 x 64
pixels on white, and writes

- ``pictures.parquet``: one row per subject x family: code, family, mime, picture (bytes);
- ``subjects.parquet``: one row per subject: code, group, subgroup, label and tags per language;
- ``manifest.json``: the SHA-256 of both, and of the packages they were made from.

The result is committed, so that neither set-up nor the night needs the npm registry.
"""

import hashlib
import io
import json
import re
import subprocess
import tarfile
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import resvg_py
from PIL import Image

from jobs.lake.splits import split_of
from jobs.stickers.pack import SIZE

LANGUAGES = ("en", "de", "es", "ja")

PACKAGES = {
    "@iconify-json/noto@1.2.9": "3e918d88fc945c0bb3d468dbace6f88caef67f01c9f0e7bcae0915a042e8f1ad",
    "@iconify-json/noto-v1@1.2.5": "2bf62c26c2c2884aa99e90aec942cdaee17a5921f05690694f4978ad4b017c37",
    "@iconify-json/twemoji@1.2.5": "19046dff7d8707ce96212ec86468b36ac5f8e60409629dd13f809265c6d0ebb7",
    "@iconify-json/fluent-emoji-flat@1.2.6": "7d064769dee690815f823bc5bcc511d957198caf9f5edd8dd9c1aa48a6aeb175",
    "@iconify-json/fluent-emoji-high-contrast@1.2.6": (
        "0b92d48c90d2200bd499e3cdd09a127ca6a8c8ddefd34c35eb5a1e4994012ae0"
    ),
    "@iconify-json/openmoji@1.2.29": "03181e2c156cab35cf4a62f1f7886bd971d59212e75ac3f189d5a4cae3930fc5",
    "@lobehub/fluent-emoji-3d@1.1.0": "c1bb7eee7de090205a232518a9ab4adb3df458bfbe8a1f78232991194c8b2e58",
    "emojibase-data@17.0.0": "d01d0e2ca4e22cb402679532155342c71e2e871f25c32223c013b8b166ebdf5a",
}
"""npm package -> SHA-256 of its tarball."""

SVG_FAMILIES = {
    "noto": "@iconify-json/noto@1.2.9",
    "twemoji": "@iconify-json/twemoji@1.2.5",
    "fluent-flat": "@iconify-json/fluent-emoji-flat@1.2.6",
    "fluent-high-contrast": "@iconify-json/fluent-emoji-high-contrast@1.2.6",
}
"""Families that iconify indexes by code point."""

SUBJECT_FILTER = "@iconify-json/openmoji@1.2.29"
"""Not painted here, but a subject counts only if this set has it too: the 1,570 subjects."""


def normalise_code(hexcode: str) -> str:
    """Emojibase hexcode in lower case, without ``fe0f`` parts and leading zeros of parts.

    >>> normalise_code("0023-FE0F-20E3")
    '23-20e3'
    """
    parts = (p.lstrip("0") or "0" for p in hexcode.lower().split("-") if p != "fe0f")
    return "-".join(parts)


def slug(label: str) -> str:
    """Iconify's icon name of a label: ``'mother’s day' -> 'mothers-day'``."""
    plain = label.lower().replace("’", "").replace("&", "and")
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")


def fetch(package: str, into: Path) -> Path:
    """Download, verify and unpack one npm package; return its folder.

    Raises:
        ValueError: the tarball's SHA-256 is not the pinned one.
    """
    done = subprocess.run(  # noqa: S603  fixed command, pinned arguments
        ["npm", "pack", "--silent", package],  # noqa: S607
        cwd=into,
        check=True,
        capture_output=True,
        text=True,
    )
    tarball = into / done.stdout.strip().splitlines()[-1]
    digest = hashlib.sha256(tarball.read_bytes()).hexdigest()
    if digest != PACKAGES[package]:
        raise ValueError(f"{package}: SHA-256 is {digest}, expected {PACKAGES[package]}")
    folder = into / tarball.stem
    with tarfile.open(tarball) as archive:
        archive.extractall(folder, filter="data")
    return folder / "package"


class IconSet:
    """One iconify set: renders an icon by name, follows aliases."""

    def __init__(self, folder: Path) -> None:
        raw = json.loads((folder / "icons.json").read_text())
        chars = json.loads((folder / "chars.json").read_text())
        self.icons: dict[str, Any] = raw["icons"]
        self.aliases: dict[str, Any] = raw.get("aliases", {})
        self.size: int = raw.get("width", 128)
        self.by_code: dict[str, str] = {normalise_code(code): name for code, name in chars.items()}

    def __contains__(self, name: str) -> bool:
        return name in self.icons or name in self.aliases

    def render(self, name: str) -> Image.Image:
        """The icon at 64 x 64, RGB on white."""
        while name in self.aliases:
            name = self.aliases[name]["parent"]
        icon = self.icons[name]
        width, height = icon.get("width", self.size), icon.get("height", self.size)
        left, top = icon.get("left", 0), icon.get("top", 0)
        svg = (
            f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" '
            f'width="{SIZE}" height="{SIZE}" viewBox="{left} {top} {width} {height}" color="#000000">'
            f"{icon['body']}</svg>"
        )
        png = resvg_py.svg_to_bytes(svg_string=svg, width=SIZE, height=SIZE, skip_system_fonts=True)
        return on_white(Image.open(io.BytesIO(bytes(png))))


def on_white(picture: Image.Image) -> Image.Image:
    """Flatten any picture to 64 x 64 RGB on a white ground."""
    rgba = picture.convert("RGBA").resize((SIZE, SIZE), Image.Resampling.LANCZOS)
    ground = Image.new("RGBA", rgba.size, "white")
    ground.alpha_composite(rgba)
    return ground.convert("RGB")


def encode(picture: Image.Image) -> bytes:
    """Lossless WebP bytes of the picture at seven bits a channel.

    All families are stored alike, or a network would tell them apart by the traces of the file
    format. Seven bits keep black and white exact and the pack under 12 MB.
    """
    pixels = np.asarray(picture)
    buffer = io.BytesIO()
    seven_bits = Image.fromarray((pixels & 0xFE) | (pixels >> 7))
    seven_bits.save(buffer, "WEBP", lossless=True, quality=100, method=6)
    return buffer.getvalue()


def without_leaks(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Drop drawings that equal a drawing of a subject in a stricter split.

    Some families draw several subjects alike: a training picture must not be a held-out one, nor
    a validation one.
    """
    strictness = {"train": 0, "validation": 1, "held_out": 2}
    strictest: dict[bytes, int] = {}
    for row in rows:
        found = strictness[split_of(row["code"])]
        strictest[row["picture"]] = max(found, strictest.get(row["picture"], 0))
    return [row for row in rows if strictness[split_of(row["code"])] == strictest[row["picture"]]]


def read_subjects(folder: Path) -> dict[str, dict[str, Any]]:
    """Emojibase rows per normalised code: group, subgroup and, per language, label and tags."""
    messages = json.loads((folder / "meta" / "groups.json").read_text())
    subjects: dict[str, dict[str, Any]] = {}
    for language in LANGUAGES:
        for row in json.loads((folder / language / "data.json").read_text()):
            if "group" not in row:
                continue
            code = normalise_code(row["hexcode"])
            subject = subjects.setdefault(
                code,
                {
                    "code": code,
                    "group": messages["groups"][str(row["group"])],
                    "subgroup": messages["subgroups"][str(row["subgroup"])],
                },
            )
            subject[f"label_{language}"] = row["label"]
            subject[f"tags_{language}"] = row.get("tags", [])
    return subjects


def manifest_of(folder: Path) -> dict[str, Any]:
    """What a pack is made of: its files and the packages, with their SHA-256."""
    files = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*.parquet"))}
    return {
        "files": files,
        "command": "coverlift world pack",
        "packages": PACKAGES,
        "reason": "the built-in world's pictures: neither set-up nor the night needs the npm registry",
    }


def build(out: Path) -> None:
    """Download, render and write all files into ``out``."""
    with tempfile.TemporaryDirectory() as scratch:
        folders = {package: fetch(package, Path(scratch)) for package in PACKAGES}
        subjects = read_subjects(folders["emojibase-data@17.0.0"])
        sets = {family: IconSet(folders[package]) for family, package in SVG_FAMILIES.items()}
        blob = IconSet(folders["@iconify-json/noto-v1@1.2.5"])
        wanted = IconSet(folders[SUBJECT_FILTER]).by_code
        relief = {
            normalise_code(path.stem): path
            for path in (folders["@lobehub/fluent-emoji-3d@1.1.0"] / "assets").glob("*.webp")
        }
        codes = [
            code
            for code in subjects
            if code in wanted and code in relief and all(code in icons.by_code for icons in sets.values())
        ]
        rows = []
        for code in codes:
            drawings = {family: icons.render(icons.by_code[code]) for family, icons in sets.items()}
            drawings["fluent-3d"] = on_white(Image.open(relief[code]))
            names = (slug(subjects[code]["label_en"]), sets["noto"].by_code[code])
            name = next((n for n in names if n in blob), None)
            if name is not None:
                drawings["noto-v1"] = blob.render(name)
            rows += [
                {"code": code, "family": family, "mime": "image/webp", "picture": encode(drawing)}
                for family, drawing in sorted(drawings.items())
            ]
    rows = without_leaks(rows)
    out.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.Table.from_pylist(rows), out / "pictures.parquet", compression="none")
    pq.write_table(
        pa.Table.from_pylist([subjects[code] for code in codes]), out / "subjects.parquet", compression="zstd"
    )
    (out / "manifest.json").write_text(json.dumps(manifest_of(out), indent=2) + "\n", encoding="utf-8")
    print(f"{len(codes)} subjects, {len(rows)} pictures, {sum(len(r['picture']) for r in rows) / 1e6:.1f} MB")


@dataclass(frozen=True, kw_only=True)
class PackBuild:
    """Options of :func:`build_pack`."""

    out: Path = Path(__file__).parent / "pack"
    """Folder of the pack."""


def build_pack(options: PackBuild) -> None:
    """Build the pack into a folder; needs ``npm`` and the package ``resvg-py``."""
    build(options.out)
