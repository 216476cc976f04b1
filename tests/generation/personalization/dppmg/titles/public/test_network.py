"""What of a public language model moves."""

import shutil

import pytest
import torch

from conf.errors import UsageError
from generation.personalization.dppmg.titles.public.network import ROWS, open_base
from generation.personalization.dppmg.titles.tokenizer import PADDING
from generation.personalization.dppmg.titles.training.clicks import ClickSampler, Syllables, clicked_titles
from generation.personalization.dppmg.titles.training.train import Run, WritingSettings, bits_a_byte, learn
from generation.personalization.dppmg.titles.writer import Asked, Writer
from tests.support.models import tiny_language


def trained(network, material, tmp_path, steps=8):
    """Bits a byte before and after a few steps, weight decay included."""
    rows = clicked_titles(material.events, material.tastes, material.codes, material.content, "train")
    settings = WritingSettings(steps=steps, rows=8, learning_rate=1e-2)
    run = Run(network.model, settings, tmp_path, undecayed=network.table)
    syllables = Syllables({"en": ["fox"], "de": ["Fuchs"]})
    sampler = ClickSampler(rows, network.tokenizer, syllables, share=0.3, seed=1)
    before = bits_a_byte(network.model, network.tokenizer, rows[:12])
    for _ in range(steps):
        learn(run, sampler, network.tokenizer.id_of(PADDING))
    return before, bits_a_byte(network.model, network.tokenizer, rows[:12])


@pytest.mark.parametrize("name", list(tiny_language.WRITERS))
def test_codes_rows_and_low_rank_weights_move_and_nothing_else_bit_for_bit(opened, material, tmp_path, name):
    network = opened(name)
    codes = network.tokenizer.code_rows
    before = {key: weight.detach().clone() for key, weight in network.model.state_dict().items()}
    first, last = trained(network, material, tmp_path)
    assert last < first
    tied = name == "gpt2"
    table = "transformer.wte.weight" if tied else "model.embed_tokens.weight"
    others = torch.ones(len(network.table), dtype=torch.bool)
    others[codes] = False
    for key, weight in network.model.state_dict().items():
        if key == table or (tied and key == "lm_head.weight"):
            assert torch.equal(weight[others], before[key][others]), key
            assert not torch.equal(weight[codes], before[key][codes])
        elif "lora_" in key:
            assert not torch.equal(weight, before[key]), key
        else:
            assert torch.equal(weight, before[key]), key


@pytest.mark.parametrize("name", list(tiny_language.WRITERS))
def test_before_training_it_is_the_published_model(opened, bases, name):
    network = opened(name)
    published = type(network.model).from_pretrained(bases[name]).eval()
    ids = torch.arange(2, 40)[None]
    with torch.no_grad():
        own = network.model.eval()(input_ids=ids).logits
        theirs = published(input_ids=ids).logits
    known = min(own.shape[2], theirs.shape[2], network.tokenizer.id_of(PADDING))
    torch.testing.assert_close(own[..., :known], theirs[..., :known])
    rows = network.table[network.tokenizer.code_rows]
    torch.testing.assert_close(rows, published.get_input_embeddings().weight.mean(0).expand_as(rows))
    spare = name == "llama-with-rows-to-spare"
    assert (len(network.table) == len(published.get_input_embeddings().weight)) == spare


def test_codes_are_read(opened, content):
    network = opened("llama")
    with torch.no_grad():
        network.table[network.tokenizer.code_rows] = torch.randn(34, 16, generator=torch.Generator().manual_seed(2))
    asked = [Asked(content["fox"], "en", (code, -1)) for code in (0, 1, -1)]
    writer = Writer(network.model, network.tokenizer)
    together = writer.write(asked, samples=2, seed=3)
    assert len({titles[0] for titles in together}) > 1
    assert [len(titles) for titles in together] == [3, 3, 3]
    assert [writer.write([one])[0][0] for one in asked] == [titles[0] for titles in together]


def test_what_was_trained_is_taken_over(opened, material, tmp_path):
    network, other = opened("gpt2"), opened("gpt2")
    trained(network, material, tmp_path, steps=2)
    other.take(network.trained())
    for key, weight in network.model.state_dict().items():
        assert torch.equal(weight, other.model.state_dict()[key]), key
    with pytest.raises(ValueError, match="does not fit"):
        other.take({ROWS: torch.zeros(34, 16)})


def test_what_is_no_writer_is_refused(bases, tmp_path):
    with pytest.raises(UsageError, match=r"dppmg\.writer nobody/nothing: No checkpoint"):
        open_base("nobody/nothing", rank=2, allow_download=False)
    torch_pickles_alone = shutil.copytree(bases["gpt2"], tmp_path / "pickled")
    weights = torch_pickles_alone / "model.safetensors"
    torch.save({}, torch_pickles_alone / "pytorch_model.bin")
    weights.unlink()
    with pytest.raises(UsageError, match=r"dppmg\.writer .*safetensors"):
        open_base(str(torch_pickles_alone), rank=2, allow_download=False)
