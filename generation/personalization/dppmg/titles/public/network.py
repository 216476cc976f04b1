"""A public causal language model of which only words codes and low-rank weights move.

The model gets a row for every token that it did not know, each at the mean of its own rows. A hook zeroes the gradient
of all rows but the words codes', whether the output has the same table or one of its own; low-rank weights (LoRA) stand
beside queries and values. Nothing else has a gradient.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from conf.errors import UsageError
from generation.personalization.dppmg.titles.public.prompts import PublicTokenizer, Wrapping
from generation.personalization.dppmg.titles.writer import only_rows
from generation.personalization.icg.public.mllm import local_folder
from generation.personalization.icg.public.store import base_fingerprint
from generation.personalization.low_rank import add_lora, lora_weights

READING = ("q_proj", "v_proj")
ROWS = "rows"
"""Name of the words codes' rows among what moves."""


@dataclass(frozen=True, kw_only=True)
class PublicNetwork:
    """A language model that is told words codes."""

    model: Any
    """Causal, of ``transformers``, float32."""
    tokenizer: PublicTokenizer
    bases: dict[str, str]
    """Fingerprints of model and tokenizer as they were published."""

    @property
    def table(self) -> nn.Parameter:
        """(V, width) rows of all tokens; only those of the words codes move."""
        table: nn.Parameter = self.model.get_input_embeddings().weight
        return table

    def trained(self) -> dict[str, Tensor]:
        """What training moves, by name; copies."""
        own = {ROWS: self.table[self.tokenizer.code_rows], **lora_weights(self.model)}
        return {name: weight.detach().cpu().clone().contiguous() for name, weight in own.items()}

    def take(self, trained: dict[str, Tensor]) -> None:
        """Put what was trained in place.

        Raises
        ------
        ValueError
            It does not fit, by name or by shape.
        """
        own = {name: weight.shape for name, weight in self.trained().items()}
        if own != {name: weight.shape for name, weight in trained.items()}:
            raise ValueError("what was trained does not fit the language model")
        with torch.no_grad():
            self.table[self.tokenizer.code_rows] = trained[ROWS].to(self.table)
            for name, weight in lora_weights(self.model).items():
                weight.copy_(trained[name])


def open_base(source: str, *, rank: int, allow_download: bool, wrapping: Wrapping | None = None) -> PublicNetwork:
    """A language model by local folder or hub id, before training; safetensors only.

    Parameters
    ----------
    source
        As in ``dppmg.writer``.
    rank
        Of the low-rank weights, which are drawn by torch's seed.
    allow_download
        False takes what is on this machine.
    wrapping
        Of prompts; None is the tokenizer's own.

    Raises
    ------
    UsageError
        The model is not here, or cannot be asked for titles.
    """
    from transformers import AutoModelForCausalLM, AutoTokenizer

    try:
        folder = local_folder(source, allow_download=allow_download)
        kept_here = {"local_files_only": True, "trust_remote_code": False}
        model = AutoModelForCausalLM.from_pretrained(folder, use_safetensors=True, dtype=torch.float32, **kept_here)
        bases = {"model": base_fingerprint(model)}
        tokenizer = PublicTokenizer(AutoTokenizer.from_pretrained(folder, **kept_here), wrapping)
    except (OSError, ValueError) as unusable:
        raise UsageError(f"dppmg.writer {source}: {unusable}") from None
    _grow(model, tokenizer)
    for module in model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0  # a resumed training goes on as if it had not stopped
    add_lora(model, _layers(model, source), rank)
    network = PublicNetwork(model=model, tokenizer=tokenizer, bases={**bases, "tokenizer": tokenizer.fingerprint})
    only_rows(network.table, tokenizer.code_rows)
    return network


@torch.no_grad()
def _grow(model: Any, tokenizer: PublicTokenizer) -> None:
    """Rows for new tokens, at the mean of those that were there; a model may have had rows to spare."""
    known = model.get_input_embeddings().weight.shape[0]
    means = [table.weight[:known].mean(0) for table in (model.get_input_embeddings(), model.get_output_embeddings())]
    if len(tokenizer) > known:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    model.get_output_embeddings().weight[known:] = means[1]
    model.get_input_embeddings().weight[[tokenizer.id_of("<pad>"), *tokenizer.code_rows]] = means[0]


def _layers(model: Any, source: str) -> list[str]:
    """Names of the layers that LoRA tunes: queries and values, or where they are one layer with the keys, that."""
    from peft.utils.constants import TRANSFORMERS_MODELS_TO_LORA_TARGET_MODULES_MAPPING as KNOWN

    names = {name.rpartition(".")[2] for name, _ in model.named_modules()}
    if names.issuperset(READING):
        return list(READING)
    if model.config.model_type not in KNOWN:
        raise UsageError(f"dppmg.writer {source} is a {model.config.model_type}, whose queries have no name known here")
    return list(KNOWN[model.config.model_type])
