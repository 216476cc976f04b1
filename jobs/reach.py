"""Which files of ours a module depends on, by its imports: what a stage's output can follow from.

Read as text, so that nothing is imported: imports at the top and in functions, and modules named by a string, as the
registries of methods and stages do (``"generation.personalization.icg.opening:open_adapter"``).
"""

import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("jobs", "reward_model", "generation", "recsys_eval")
"""Followed; ``conf`` is not: settings count through their values."""
NOT_FOLLOWED = ("jobs/stages.py", "jobs/reach.py")
"""They name stages; whoever reads them does not depend on what those do."""
DATA = {".json", ".j2", ".css", ".js", ".parquet", ".properties", ".yaml"}
"""Suffixes of files beside the code that decide what it does; weights count through their manifests of hashes."""
OURS = rf"(?:{'|'.join(PACKAGES)})(?:\.\w+)*"
IMPORTED_FROM = re.compile(rf"^[ \t]*from[ \t]+({OURS})[ \t]+import[ \t]+(\([^)]*\)|[^\n]+)", re.MULTILINE)
IMPORTED = re.compile(rf"^[ \t]*import[ \t]+({OURS})\b", re.MULTILINE)
NAMED = re.compile(rf"[\"']({OURS})(?::\w+)?[\"']")
BESIDE = re.compile(r"[\"'](\w+\.py)[\"']")
"""A module that is named as a file of the same folder, like the one that Triton is given."""


@cache
def module_file(module: str, root: Path = ROOT) -> Path | None:
    """File of a module or package, None where there is none."""
    place = root.joinpath(*module.split("."))
    found = (place.with_suffix(".py"), place / "__init__.py")
    return next((path for path in found if path.is_file()), None)


@cache
def imports_of(path: Path, root: Path = ROOT) -> frozenset[Path]:
    """Files of ours that one file imports or names; read once a process."""
    if path.relative_to(root).as_posix() in NOT_FOLLOWED:
        return frozenset()
    text = path.read_text(encoding="utf-8")
    names = {found[1] for pattern in (IMPORTED, NAMED) for found in pattern.finditer(text)}
    for found in IMPORTED_FROM.finditer(text):
        names |= {found[1], *(f"{found[1]}.{name}" for name in re.findall(r"\w+", found[2]))}
    files = {file for file in (module_file(name, root) for name in names) if file is not None}
    beside = {path.with_name(name) for name in BESIDE.findall(text) if path.with_name(name).is_file()}
    return frozenset(files | beside)


@cache
def reached(module: str, root: Path = ROOT) -> tuple[str, ...]:
    """Files that a module depends on, relative to ``root``, in order: code by its imports, and the data beside it.

    Data is what lies in the folder of a file that is reached, and in folders below it that are no packages.

    Raises
    ------
    ValueError
        There is no such module.

    Examples
    --------
    >>> "generation/diffusion/unet.py" in reached("generation.painting.stage")
    True
    >>> [name for name in reached("generation.painting.stage") if name.endswith(".css")]
    []
    """
    start = module_file(module, root)
    if start is None:
        raise ValueError(f"{root} has no module {module}")
    found: set[Path] = set()
    waiting = {start}
    while waiting:
        path = waiting.pop()
        found.add(path)
        waiting |= imports_of(path, root) - found
    folders = {path.parent for path in found if path.name != "__init__.py"}
    data = {file for folder in folders for file in data_of(folder)}
    return tuple(sorted(str(path.relative_to(root)) for path in found | data))


def data_of(folder: Path) -> set[Path]:
    """Data files of a folder and of its subfolders that are no packages."""
    files = {path for path in folder.iterdir() if path.is_file() and path.suffix in DATA}
    below = (path for path in folder.iterdir() if path.is_dir() and not (path / "__init__.py").is_file())
    return files.union(*(data_of(path) for path in below))
