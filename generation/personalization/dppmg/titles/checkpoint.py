"""A trained writer as a folder: ``writer.safetensors``, ``tokenizer.json``, ``codes.json``, ``manifest.json``.

Folders of a writer over a public language model are :mod:`generation.personalization.dppmg.titles.public.store`'s.
"""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from transformers import LlamaForCausalLM

from conf.errors import UsageError
from generation.diffusion.manifest import MANIFEST, check_files, write_manifest
from generation.diffusion.packing import read_tensors, write_packed
from generation.personalization.dppmg.titles.groups import WordsCodes
from generation.personalization.dppmg.titles.public.store import is_public, load_public, public_fingerprint
from generation.personalization.dppmg.titles.tokenizer import TitleTokenizer
from generation.personalization.dppmg.titles.writer import Writer, writer_config

SHIPPED = Path(__file__).parent / "weights"
"""The writer that comes with the package."""
WEIGHTS, TOKENIZER, CODES = "writer.safetensors", "tokenizer.json", "codes.json"


def ship(out: Path, writer: Writer, codes: WordsCodes, facts: dict[str, Any]) -> None:
    """Write the writer, packed into a byte a weight, and its manifest.

    Parameters
    ----------
    out
        The folder.
    writer, codes
        What was trained, and the words codes that it was told.
    facts
        Of the manifest: command, data, hardware, figures.
    """
    out.mkdir(parents=True, exist_ok=True)
    write_packed({name: weight.detach() for name, weight in writer.model.named_parameters()}, out / WEIGHTS)
    assert isinstance(writer.tokenizer, TitleTokenizer)
    writer.tokenizer.tokenizer.save(str(out / TOKENIZER), pretty=False)
    told = {"centres": codes.centres.tolist()}
    (out / CODES).write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    write_manifest(out, facts)


def load_writer(folder: Path = SHIPPED) -> tuple[Writer, WordsCodes]:
    """The writer in float32, built-in or over a public language model, and its words codes.

    Raises
    ------
    UsageError
        The folder holds no writer, a file of it has changed, or its language model is another or not here.
    """
    if is_public(folder):
        return load_public(folder)
    check_folder(folder)
    tokenizer = TitleTokenizer.load(folder / TOKENIZER)
    model = LlamaForCausalLM(writer_config(tokenizer))
    model.load_state_dict(read_tensors(folder / WEIGHTS), strict=False)  # the output is tied to the input
    centres = json.loads((folder / CODES).read_text(encoding="utf-8"))["centres"]
    return Writer(model, tokenizer), WordsCodes(centres=np.array(centres, np.float64))


def writer_fingerprint(folder: Path = SHIPPED) -> str:
    """16 hex digits of the writer, after checking every file; raises as :func:`load_writer`."""
    if is_public(folder):
        return public_fingerprint(folder)
    files = check_folder(folder)
    return hashlib.sha256(json.dumps(files, sort_keys=True).encode()).hexdigest()[:16]


def check_folder(folder: Path) -> dict[str, str]:
    """The files of the manifest, each as its hash says.

    Raises
    ------
    UsageError
        One is missing or has changed.
    """
    missing = [name for name in (WEIGHTS, TOKENIZER, CODES, MANIFEST) if not (folder / name).is_file()]
    if missing:
        raise UsageError(f"{folder} has no {missing[0]}: train a writer with `coverlift train titles`")
    files: dict[str, str] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))["files"]
    try:
        check_files(folder, files)
    except ValueError as error:
        raise UsageError(str(error)) from None
    return files
