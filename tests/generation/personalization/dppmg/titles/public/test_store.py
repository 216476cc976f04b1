"""Folders of writers over public language models."""

import json
import shutil

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from conf.errors import UsageError
from generation.personalization.dppmg.titles.checkpoint import load_writer, writer_fingerprint
from generation.personalization.dppmg.titles.groups import WordsCodes
from generation.personalization.dppmg.titles.public.store import CONFIG, WEIGHTS, is_public, ship_public
from generation.personalization.dppmg.titles.writer import Asked, Writer
from tests.support.models import tiny_language

CENTRES = WordsCodes(centres=np.array([[0.25, -0.5]]))


@pytest.fixture
def shipped(opened, bases, tmp_path):
    """The folder of a writer whose codes and low-rank weights say something, and the writer."""

    def get(name, base=None):
        network = opened(name)
        generator = torch.Generator().manual_seed(4)
        network.take({key: torch.randn(each.shape, generator=generator) for key, each in network.trained().items()})
        base = {"source": str(base or bases[name]), "rank": 2, "allow_download": False}
        ship_public(tmp_path / "out", network, CENTRES, base, {"date": "2026-01-01"})
        return tmp_path / "out", Writer(network.model, network.tokenizer)

    return get


@pytest.mark.parametrize("name", list(tiny_language.WRITERS))
def test_a_shipped_writer_writes_the_same_titles(shipped, content, name):
    folder, writer = shipped(name)
    again, codes = load_writer(folder)
    assert codes.fingerprint == CENTRES.fingerprint
    asked = [Asked(one, language, (0, -1)) for one in content.values() for language in ("en", "de")][:4]
    assert again.write(asked, samples=2, seed=1) == writer.write(asked, samples=2, seed=1)
    weights = load_file(folder / WEIGHTS)
    assert weights["rows"].shape == (34, 16)
    assert all("lora_" in key for key in weights if key != "rows")
    manifest = json.loads((folder / "manifest.json").read_text())
    assert manifest["parameters"] == sum(weight.numel() for weight in weights.values()) < 2000
    assert (is_public(folder), len(writer_fingerprint(folder))) == (True, 16)


def test_another_model_or_tokenizer_is_refused(shipped, bases, tmp_path):
    base = shutil.copytree(bases["llama"], tmp_path / "base")
    folder, _ = shipped("llama", base)
    load_writer(folder)
    template = base / "chat_template.jinja"
    told = template.read_text()
    template.write_text(told.replace("<|assistant|>", "<|assistant|> "))
    with pytest.raises(UsageError, match="trained over a tokenizer with fingerprint"):
        load_writer(folder)
    template.write_text(told)
    tiny_language.make_writer("llama", base, seed=9)
    with pytest.raises(UsageError, match="trained over a model with fingerprint"):
        load_writer(folder)


def test_changed_missing_and_unfit_files_are_refused(shipped):
    folder, _ = shipped("gpt2")
    config = (folder / CONFIG).read_text()
    (folder / CONFIG).write_text(config + " ")
    with pytest.raises(UsageError, match="SHA-256"):
        writer_fingerprint(folder)
    (folder / CONFIG).unlink()
    with pytest.raises(UsageError, match=r"has no public-writer.json: .* --profile dppmg-production"):
        load_writer(folder)
