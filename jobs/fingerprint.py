"""What a stage's output depends on, as one comparable text.

A fingerprint has four parts, ``code-settings-upstream-watched``, each 12 hex digits of a
SHA-256, so that a changed part can be named.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import fsspec

from jobs.lake.context import Context
from jobs.reach import DATA, ROOT, reached
from jobs.stages import Stage

PARTS = ("code", "settings", "upstream", "input")
ALWAYS = ("jobs/lake",)
DIGITS = 12


def short_hash(text: str) -> str:
    """First 12 hex digits of the SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:DIGITS]


@cache
def file_hash(path: Path, size: int, changed_ns: int) -> str:
    """SHA-256 of a file, remembered while its size and time of change stay."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def code_hash(places: tuple[str, ...], root: Path = ROOT) -> str:
    """Hash of the source files in folders and files relative to ``root``.

    Byte-code, tests and weights are left out; manifests, templates and data packs count.
    """
    files: set[Path] = set()
    for place in (*ALWAYS, *places):
        path = root / place
        files |= {path} if path.is_file() else {file for file in path.rglob("*") if file.suffix in {".py", *DATA}}
    lines = []
    for file in sorted(files):
        status = file.stat()
        lines.append(f"{file.relative_to(root)} {file_hash(file, status.st_size, status.st_mtime_ns)}")
    return short_hash("\n".join(lines))


def code_of(stage: Stage) -> tuple[str, ...]:
    """Files and folders, relative to the checkout, whose change makes a stage run again."""
    return stage.code or reached(stage.function.partition(":")[0])


def fingerprint(stage: Stage, context: Context, upstream: Mapping[str, str]) -> str:
    """Fingerprint of a stage for a night.

    Parameters
    ----------
    stage
        The stage.
    context
        The night: its ds, settings, home and lake.
    upstream
        Fingerprints that the run ledger has for the stages before it.
    """
    settings = json.dumps(relevant_settings(stage, context), sort_keys=True)
    above = json.dumps({name: upstream.get(name, "") for name in stage.upstream}, sort_keys=True)
    parts = (code_hash(code_of(stage)), short_hash(settings), short_hash(above), short_hash(stage.watched(context)))
    return "-".join(parts)


def relevant_settings(stage: Stage, context: Context) -> dict[str, Any]:
    """The settings that the stage's output depends on, with the night's date."""
    full = context.settings.model_dump(mode="json")
    return {"ds": context.ds.isoformat(), **{name: full[name] for name in stage.sections}}


def changed_parts(old: str, new: str) -> list[str]:
    """Names of the parts in which two fingerprints differ.

    Examples
    --------
    >>> changed_parts("a-b-c-d", "a-x-c-y")
    ['settings', 'input']
    """
    pairs = zip(PARTS, old.split("-"), new.split("-"), strict=False)
    return [name for name, before, now in pairs if before != now]


def input_listing(context: Context) -> str:
    """Names, sizes and times (or etags) of the input files that ingest of this night may read.

    Impressions after ds are left out: they belong to later nights. For the built-in world, whose
    files are made from settings and code, names and sizes are enough.
    """
    filesystem, root = fsspec.url_to_fs(context.input_url, **context.settings.lake.storage_options)
    if not filesystem.exists(root):
        return ""
    simulated = context.settings.ingest.source == "stickers"
    lines = []
    for path, found in filesystem.find(root, detail=True).items():
        name = path[len(root) :].lstrip("/")
        day = name.partition("/ds=")[2][:10]
        if name.startswith("impressions/") and day > context.ds.isoformat():
            continue
        stamp = "" if simulated else found.get("ETag") or found.get("mtime") or found.get("LastModified") or ""
        lines.append(f"{name} {found.get('size')} {stamp}".rstrip())
    return "\n".join(sorted(lines))
