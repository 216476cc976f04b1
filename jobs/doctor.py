"""What a night needs, what of it is here, and how to mend what is missing."""

import hashlib
import json
import re
import shutil
import subprocess
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

from deltalake.exceptions import DeltaError
from rich.console import Console
from rich.markup import escape

from conf.errors import UsageError
from conf.settings import Settings
from generation.planning.foreign_feed import mend, refusal, sticker_methods
from generation.serving.server import bundled_triton
from jobs.ingest.forgotten import read_forgotten
from jobs.lake.assets import assets_dir
from jobs.lake.context import Context
from jobs.lake.engine.delta_jar import jar_path
from jobs.lake.lake import Lake
from jobs.reach import ROOT
from reward_model.encoders.assets import missing_assets

WEIGHT_PACKAGES = ("reward_model", "generation", "recsys_eval")
JAVA_VERSION = 17
DISK_NEEDED = 5 * 2**30
"""Bytes free for a night of the local profile: tables, pictures, Spark's scratch files."""


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One thing that was looked at."""

    what: str
    ok: bool
    found: str
    mend: str = ""
    """What to do when it is not ok."""
    needed: bool = True
    """False where a night runs without it."""


def examine(settings: Settings, home: Path) -> list[Finding]:
    """Look at everything a night with these settings needs."""
    looks: list[Callable[[], Iterator[Finding]]] = [
        _java,
        lambda: _delta(settings),
        lambda: _triton(settings),
        _gpu,
        lambda: _disk(home),
        lambda: _generator(settings, home),
        lambda: _forgotten(home),
        _assets,
        _weights,
        _packages,
    ]
    return [finding for look in looks for finding in look()]


def healthy(findings: list[Finding]) -> bool:
    """Whether everything that is needed is there."""
    return all(finding.ok for finding in findings if finding.needed)


def show(findings: list[Finding], console: Console) -> None:
    """A line for each finding, with what mends it."""
    width = max(len(finding.what) for finding in findings)
    for finding in findings:
        mark = "[green]ok     [/]" if finding.ok else "[red]missing[/]" if finding.needed else "[yellow]none   [/]"
        console.print(f"{mark}  {finding.what:<{width}}  {escape(finding.found)}", soft_wrap=True)
        if not finding.ok:
            label = "to mend it" if finding.needed else "not needed"
            console.print(f"{'':{width + 11}}[dim]{label}: {escape(finding.mend)}[/]", soft_wrap=True)


def java_major(text: str) -> int | None:
    """Major version in what ``java -version`` prints.

    Examples
    --------
    >>> java_major('openjdk version "17.0.15" 2025-04-15'), java_major('java version "1.8.0_292"')
    (17, 8)
    >>> java_major("command not found") is None
    True
    """
    found = re.search(r'version "(?:1\.)?(\d+)', text)
    return int(found.group(1)) if found else None


def _output(command: list[str]) -> str:
    if shutil.which(command[0]) is None:
        return ""
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)  # noqa: S603
    return done.stdout + done.stderr


def _java() -> Iterator[Finding]:
    text = _output(["java", "-version"])
    major = java_major(text)
    yield Finding(
        what="Java",
        ok=major is not None and major >= JAVA_VERSION,
        found=text.splitlines()[0] if major else "no java on PATH",
        mend=f"install a Java {JAVA_VERSION} runtime, e.g. apt-get install openjdk-17-jre-headless",
    )


def _delta(settings: Settings) -> Iterator[Finding]:
    if settings.spark.packages:
        yield Finding(what="Delta Lake", ok=True, found=f"from Maven: {settings.spark.packages}")
        return
    jar = jar_path()
    whole = jar.is_file() and zipfile.is_zipfile(jar)
    yield Finding(
        what="Delta Lake",
        ok=whole,
        found=str(jar) if whole else f"no jar at {jar}",
        mend="coverlift setup",
    )


def _triton(settings: Settings) -> Iterator[Finding]:
    backend = settings.generation.backend
    if backend == "triton":
        urls = settings.generation.urls
        found = ", ".join(urls) or "generation.urls is empty"
        yield Finding(what="Triton servers", ok=bool(urls), found=found, mend="-o 'generation.urls=[host:8001]'")
        return
    try:
        found, ok = str(bundled_triton()), True
    except UsageError as error:
        found, ok = str(error), False
    mend = "pip install nvidia-pytriton, or -o generation.backend=inprocess"
    yield Finding(what="Triton server", ok=ok, found=found, mend=mend, needed=backend == "triton-local")


def _gpu() -> Iterator[Finding]:
    names = _output(["nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader"]).strip()
    yield Finding(
        what="GPU",
        ok=bool(names),
        found=names or "none: painting and training use the CPU",
        mend="where there is one, -o generation.instance_kind=KIND_GPU paints on it",
        needed=False,
    )


def _disk(home: Path) -> Iterator[Finding]:
    place = next(folder for folder in (home.absolute(), *home.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    yield Finding(
        what="Disk",
        ok=free >= DISK_NEEDED,
        found=f"{free / 2**30:.0f} GiB free under {place}",
        mend=f"free {DISK_NEEDED / 2**30:.0f} GiB or choose another --home",
    )


def _generator(settings: Settings, home: Path) -> Iterator[Finding]:
    """Whether ``plan`` would refuse the built-in generator for this feed."""
    methods, lake = sticker_methods(settings.generation), Context(ds=settings.ds, home=home, settings=settings).lake
    by = "the built-in one, for " + ", ".join(methods) if methods else "a model of your own"
    try:
        refused = refusal(settings.generation, lake) or _not_loaded(settings, lake)
    except (OSError, DeltaError) as error:
        refused = f"the lake cannot be read to see whose feed it is: {error}"
    yield Finding(what="Generator", ok=not refused, found=refused or by, mend=mend(settings.generation))


def _forgotten(home: Path) -> Iterator[Finding]:
    """Whether the champion may still know users who were taken out; nothing where nobody was."""
    users = read_forgotten(home)
    if not users:
        return
    from reward_model.registry import newest_champion

    champion = newest_champion(home)
    knowing = [each for each in users.values() if champion in each.models]
    found = f"{len(users)} taken out, the champion {champion or '(none)'} is newer"
    if knowing:
        found = f"champion {champion} was there before {len(knowing)} of {len(users)} users were taken out"
    yield Finding(
        what="Forgotten users",
        ok=not knowing,
        found=found,
        mend="the next night's training; then delete the older versions under models/reward",
        needed=False,
    )


def _not_loaded(settings: Settings, lake: Lake) -> str:
    """A feed of one's own counts as foreign until it is loaded."""
    methods = [] if settings.generation.allow_sticker_generator else sticker_methods(settings.generation)
    if not methods or settings.ingest.source != "files" or lake.exists("covers"):
        return ""
    return f"the feed is your own (ingest.source=files), and {', '.join(methods)} would paint stickers for it"


def _assets() -> Iterator[Finding]:
    missing = missing_assets()
    yield Finding(
        what="Fetched models",
        ok=not missing,
        found=f"missing {', '.join(missing)}" if missing else str(assets_dir()),
        mend="coverlift setup",
    )


def _weights() -> Iterator[Finding]:
    for package in WEIGHT_PACKAGES:
        files = sorted((ROOT / package).rglob("*.safetensors"))
        wrong = [str(file.relative_to(ROOT)) for file in files if not listed_in_manifest(file)]
        found = (
            f"not as their manifest says: {', '.join(wrong)}" if wrong else f"{len(files)} files as in their manifests"
        )
        yield Finding(
            what=f"Weights of {package}",
            ok=bool(files) and not wrong,
            found=found if files else "none",
            mend="restore them from git (git checkout), or install the package again",
        )


def listed_in_manifest(weights: Path) -> bool:
    """Whether the file's SHA-256 stands in the ``manifest.json`` beside it, or in the folder above (a checkpoint)."""
    beside = (folder / "manifest.json" for folder in weights.parents[:2])
    manifest = next((path for path in beside if path.is_file()), None)
    if manifest is None:
        return False
    with weights.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
    return digest in _texts(json.loads(manifest.read_text(encoding="utf-8")))


def _texts(value: Any) -> Iterator[str]:
    """All texts inside nested JSON."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list):
        for part in value:
            yield from _texts(part)
    elif isinstance(value, str):
        yield value


def wrong_versions(constraints: str, installed: Callable[[str], str | None]) -> list[str]:
    r"""Installed packages whose version is not the pinned one.

    Parameters
    ----------
    constraints
        Text of ``constraints.txt``.
    installed
        Version of a package by name, None when it is not installed.

    Examples
    --------
    >>> wrong_versions("a==1.0\nb==2.0\n", {"a": "1.0+cpu", "b": "3.0"}.get)
    ['b 3.0 (pinned 2.0)']
    """
    wrong = []
    for line in constraints.splitlines():
        name, _, pinned = line.partition(";")[0].partition("#")[0].strip().partition("==")
        version = installed(name) if pinned else None
        if version is not None and version.partition("+")[0] != pinned.partition("+")[0]:
            wrong.append(f"{name} {version} (pinned {pinned})")
    return wrong


def _packages() -> Iterator[Finding]:
    missing = [
        name
        for requirement in metadata.requires("coverlift") or []
        if "extra ==" not in requirement
        for name in re.findall(r"^[\w.-]+", requirement)
        if _installed(name) is None
    ]
    file = ROOT / "constraints.txt"
    wrong = wrong_versions(file.read_text(encoding="utf-8"), _installed) if file.is_file() else []
    mend = "make setup; of a wheel: pip install -c constraints.txt coverlift-*.whl"
    found = f"missing {', '.join(missing)}" if missing else "all installed"
    yield Finding(what="Python packages", ok=not missing, found=found, mend=mend)
    shown = ", ".join(wrong) or "as in constraints.txt"
    yield Finding(what="Package versions", ok=not wrong, found=shown, mend=mend, needed=False)


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
