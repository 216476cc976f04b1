"""What reads and what writes words, with tiny random weights: text encoders of pipelines, causal language models."""

import json

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors, trainers
from transformers import (
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    Gemma2Config,
    Gemma2Model,
    GPT2Config,
    GPT2LMHeadModel,
    LlamaConfig,
    LlamaForCausalLM,
    PreTrainedTokenizerFast,
    T5Config,
    T5EncoderModel,
)

from tests.support.models import tiny_generators

WORDS = ("<pad>", "<eos>", "<unk>", "red", "fox", "pizza", "rocket", "a", "of", "tree")
IDS = {word: number for number, word in enumerate(WORDS)}
LENGTH = 12
"""Places that CLIP's prompts are padded to."""


def word_tokenizer():
    words = Tokenizer(models.WordLevel(IDS, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(single="$A <eos>", special_tokens=[("<eos>", IDS["<eos>"])])
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=words, model_max_length=LENGTH, padding_side="right", **special)


def clip(width, projection=None):
    config = CLIPTextConfig(
        vocab_size=len(WORDS), hidden_size=width, intermediate_size=16, num_hidden_layers=2, num_attention_heads=2,
        max_position_embeddings=LENGTH, projection_dim=projection or width, pad_token_id=0, bos_token_id=0,
        eos_token_id=IDS["<eos>"],
    )  # fmt: skip
    return CLIPTextModel(config) if projection is None else CLIPTextModelWithProjection(config)


def t5():
    sizes = {"d_model": 12, "d_kv": 6, "d_ff": 16, "num_layers": 1, "num_heads": 2}
    return T5EncoderModel(T5Config(vocab_size=len(WORDS), pad_token_id=0, eos_token_id=1, **sizes))


def gemma2():
    return Gemma2Model(
        Gemma2Config(
            vocab_size=len(WORDS), hidden_size=12, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
            num_key_value_heads=1, head_dim=6, max_position_embeddings=512, pad_token_id=0, eos_token_id=1,
            bos_token_id=1,
        )
    )  # fmt: skip


ENCODERS = {
    "stable-diffusion": lambda: [clip(12)],
    "sdxl": lambda: [clip(4), clip(8, projection=20)],
    "pixart": lambda: [t5()],
    "sana": lambda: [gemma2()],
    "stable-diffusion-3": lambda: [clip(4, projection=8), clip(8, projection=12), t5()],
    "flux": lambda: [clip(20), t5()],
}
"""By family: of the widths that its tiny denoiser wants."""


def make_pipeline(family, folder, seed=2):
    """A whole pipeline, as published ones are."""
    tiny_generators.make(family, folder)
    torch.manual_seed(seed)
    index = json.loads((folder / "model_index.json").read_text())
    for number, encoder in enumerate(ENCODERS[family](), start=1):
        suffix = "" if number == 1 else f"_{number}"
        encoder.save_pretrained(folder / f"text_encoder{suffix}")
        word_tokenizer().save_pretrained(folder / f"tokenizer{suffix}")
        index[f"text_encoder{suffix}"] = ["transformers", type(encoder).__name__]
        index[f"tokenizer{suffix}"] = ["transformers", "PreTrainedTokenizerFast"]
    (folder / "model_index.json").write_text(json.dumps(index))
    return folder


CHAT = (
    "{% for message in messages %}<|{{ message['role'] }}|>{{ message['content'] }}<|end|>{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}"
)


def byte_tokenizer(*, chat):
    bytewise = Tokenizer(models.BPE())
    bytewise.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bytewise.decoder = decoders.ByteLevel()
    special = ["<s>", "<|end|>", "<|user|>", "<|assistant|>"]
    trainer = trainers.BpeTrainer(
        vocab_size=300,
        special_tokens=special,
        initial_alphabet=sorted(pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    bytewise.train_from_iterator(["Write one short title for a picture.", "Language Picture Words Readers"], trainer)
    if not chat:
        bytewise.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 0)])
    fast = PreTrainedTokenizerFast(tokenizer_object=bytewise, bos_token="<s>", eos_token="<|end|>")
    fast.add_tokens(special, special_tokens=True)
    fast.chat_template = CHAT if chat else None
    return fast


def gpt2(words):
    """Tied embeddings, queries and values in one layer with the keys, dropout."""
    sizes = {"n_positions": 256, "n_embd": 16, "n_layer": 2, "n_head": 2}
    return GPT2LMHeadModel(GPT2Config(vocab_size=len(words), bos_token_id=0, eos_token_id=1, **sizes))


def llama(words, *, spare=0):
    """An output of its own; with ``spare`` more rows than tokens, as some published models have."""
    sizes = {"hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = LlamaConfig(
        vocab_size=len(words) + spare, max_position_embeddings=256, tie_word_embeddings=False,
        bos_token_id=0, eos_token_id=1, **sizes,
    )  # fmt: skip
    return LlamaForCausalLM(config)


WRITERS = {
    "gpt2": lambda words: gpt2(words),
    "llama": lambda words: llama(words),
    "llama-with-rows-to-spare": lambda words: llama(words, spare=64),
}


def make_writer(name, folder, seed=0):
    """A model's folder; GPT-2 is a base model, the others chat."""
    torch.manual_seed(seed)
    words = byte_tokenizer(chat=name != "gpt2")
    WRITERS[name](words).save_pretrained(folder)
    words.save_pretrained(folder)
    return folder
