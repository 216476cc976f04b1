"""Tune the writer by reward: group relative policy optimisation over the words codes alone.

GRPO (Shao et al., "DeepSeekMath", 2024, arXiv 2402.03300): several titles of one prompt are compared
with each other, so that no critic is needed::

    A_i = (r_i - mean(r)) / (std(r) + 1e-4)
    loss = - mean_i mean_t [ A_i log pi(t) ] + beta mean_i mean_t [ q - log q - 1 ],  q = pi_ref(t) / pi(t)

with one step a batch, so that the ratio to the sampling policy is 1. Only what belongs to the tokens
moves: the rows of the words codes in the embedding, and low-rank weights of ``q_proj`` and ``v_proj``.
"""

import copy
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn
from transformers import LlamaForCausalLM

from generation.personalization.dppmg.titles.writer import Asked, Writer, only_rows, title_logits
from generation.training_state import set_rate
from jobs.lake.arrays import Floats

TUNED = ["q_proj", "v_proj"]


@dataclass(frozen=True, kw_only=True)
class GrpoSettings:
    """How the writer is tuned."""

    tuning_steps: int = 120
    """Optimiser steps by reward; 0 leaves the supervised writer as it is."""
    prompts: int = 8
    """Items and groups a step."""
    samples: int = 8
    """Titles of each that are compared."""
    tuning_rate: float = 1e-3
    """Learning rate, warmed up over ten steps."""
    kl: float = 0.1
    """Weight of the divergence from the supervised writer (beta)."""
    rank: int = 4
    """Of the low-rank weights."""


def advantages(rewards: Floats) -> Floats:
    """(B, G) rewards of the titles of B prompts, normalised within each prompt.

    Examples
    --------
    >>> advantages(np.array([[1.0, 3.0], [2.0, 2.0]])).round(2).tolist()
    [[-1.0, 1.0], [0.0, 0.0]]
    """
    centred = rewards - rewards.mean(axis=1, keepdims=True)
    return np.asarray(centred / (rewards.std(axis=1, keepdims=True) + 1e-4))


def divergence(logp: Tensor, reference: Tensor) -> Tensor:
    """Schulman's unbiased estimate of KL(pi || ref) by token: q - log q - 1 with log q = reference - logp, at least 0.

    Examples
    --------
    >>> divergence(torch.tensor([0.0, -1.0]), torch.tensor([0.0, -2.0])).numpy().round(3)
    array([0.   , 0.368], dtype=float32)
    """
    log_q = reference - logp
    return torch.exp(log_q) - log_q - 1


class Tuning:
    """A writer under tuning, and the writer it began as.

    Parameters
    ----------
    writer
        Supervised; its network is changed.
    settings
        How.
    """

    def __init__(self, writer: Writer, settings: GrpoSettings, seed: int) -> None:
        from peft import LoraConfig, get_peft_model

        torch.manual_seed(seed)
        self.settings, self.tokenizer = settings, writer.tokenizer
        self.reference = copy.deepcopy(writer.model).eval().requires_grad_(False)
        tuned = LoraConfig(r=settings.rank, lora_alpha=2 * settings.rank, target_modules=TUNED, lora_dropout=0.0)
        self.model = get_peft_model(copy.deepcopy(writer.model), tuned)
        self.codes = self._embedding.weight
        only_rows(self.codes, writer.tokenizer.code_rows)
        moved = [parameter for parameter in self.model.parameters() if parameter.requires_grad]
        self.optimizer = torch.optim.AdamW(moved, lr=settings.tuning_rate, weight_decay=0.0)
        self.writer = Writer(self.model, writer.tokenizer)
        self.generator = torch.Generator().manual_seed(seed)
        self.steps = 0
        """Taken so far."""

    @property
    def _embedding(self) -> nn.Embedding:
        embedding = self.model.get_input_embeddings()
        assert isinstance(embedding, nn.Embedding)
        return embedding

    def sample(self, asked: Sequence[Asked]) -> tuple[Tensor, int, list[str]]:
        """Rows of prompt and title, the length of the titles, and their texts; ``samples`` in a row of each."""
        prompts = [self.tokenizer.prompt(one.content, one.language, one.codes) for one in asked]
        repeated = [each for each in zip(asked, prompts, strict=True) for _ in range(self.settings.samples)]
        self.model.eval()
        drawn = self.writer.draw([prompt for _, prompt in repeated], self.generator)
        texts = [
            self.tokenizer.text(ids, one.content, one.language)
            for ids, (one, _) in zip(drawn.titles.tolist(), repeated, strict=True)
        ]
        return drawn.rows.clone(), drawn.titles.shape[1], texts

    def learn(self, rows: Tensor, titles: int, rewards: Floats) -> dict[str, float]:
        """One step; ``rewards`` are (B, G) in the order of the rows."""
        advantage = torch.from_numpy(advantages(rewards)).float().reshape(-1, 1)
        logp, said = self._log_chance(self.model, rows, titles)
        with torch.no_grad():
            reference, _ = self._log_chance(self.reference, rows, titles)
        length = said.sum(dim=1).clamp(min=1)
        gain = ((advantage * logp * said).sum(dim=1) / length).mean()
        apart = ((divergence(logp, reference) * said).sum(dim=1) / length).mean()
        loss = self.settings.kl * apart - gain
        self.steps += 1
        set_rate(self.optimizer, self.settings.tuning_rate * min(1.0, self.steps / 10))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()
        return {"sampled_reward": float(rewards.mean()), "kl": float(apart.detach())}

    def _log_chance(self, model: nn.Module, rows: Tensor, titles: int) -> tuple[Tensor, Tensor]:
        """(N, T) log probability of each token of the titles, and 1 where it was said, the end included."""
        wanted = rows[:, -titles:]
        logits = title_logits(model, rows, self.writer.padding, titles).float()
        logp = logits.log_softmax(dim=2).gather(2, wanted[..., None])[..., 0]
        return logp, (wanted != self.writer.padding).float()

    def merged(self) -> LlamaForCausalLM:
        """The tuned network with its low-rank weights added in; a copy."""
        copied = copy.deepcopy(self.model)
        network = copied.merge_and_unload()
        assert isinstance(network, LlamaForCausalLM)
        return network.eval().requires_grad_(False)
