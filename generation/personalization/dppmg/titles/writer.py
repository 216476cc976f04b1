"""The writer: a causal language model of 2 M parameters that writes an item's title for a words group.

From scratch, ``LlamaConfig`` of transformers: 4 layers, width 192, 4 heads. It cannot translate and
is not asked to: label and words of the group's language stand in the prompt, and what it learns is
which of them a group likes to read, in what form.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor
from transformers import DynamicCache, LlamaConfig, LlamaForCausalLM, PreTrainedModel

from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.tokenizer import (
    END,
    PADDING,
    PROMPT_TOKENS,
    TITLE_TOKENS,
    Prompting,
    TitleTokenizer,
)

WIDTH, LAYERS, HEADS, INNER = 192, 4, 4, 512
POSITIONS = 160
ROWS_AT_ONCE = 64
"""Titles decoded together."""


def new_model(tokenizer: TitleTokenizer, seed: int) -> LlamaForCausalLM:
    """An untrained network with one row a token."""
    torch.manual_seed(seed)
    return LlamaForCausalLM(writer_config(tokenizer))


def writer_config(tokenizer: TitleTokenizer) -> LlamaConfig:
    """Sizes of the network."""
    assert PROMPT_TOKENS + TITLE_TOKENS <= POSITIONS
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        intermediate_size=INNER,
        num_hidden_layers=LAYERS,
        num_attention_heads=HEADS,
        num_key_value_heads=HEADS,
        max_position_embeddings=POSITIONS,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.id_of(PADDING),
        bos_token_id=None,
        eos_token_id=tokenizer.id_of(END),
        attention_dropout=0.0,
    )


class Asked(NamedTuple):
    """What a title is asked for."""

    content: TitleContent
    language: str
    codes: tuple[int, int]
    """Words codes; -1 is none."""


@dataclass(frozen=True)
class Drawn:
    """Titles of a batch of prompts."""

    prompts: Tensor
    """(B, P) padded on the left."""
    titles: Tensor
    """(B, T) with the end, then padding."""

    @property
    def rows(self) -> Tensor:
        """(B, P + T) both."""
        return torch.cat([self.prompts, self.titles], dim=1)


class Writer:
    """Writes titles.

    Parameters
    ----------
    model
        Causal, trained on prompts of the tokenizer.
    tokenizer
        Of the prompts.
    """

    def __init__(self, model: PreTrainedModel, tokenizer: Prompting) -> None:
        self.model, self.tokenizer = model.eval(), tokenizer
        self.padding, self.end = tokenizer.id_of(PADDING), tokenizer.id_of(END)

    def write(self, asked: Sequence[Asked], *, samples: int = 0, seed: int = 0) -> list[list[str]]:
        """Titles of each item and group: the greedy one first, then ``samples`` drawn at temperature 1.

        Returns
        -------
        list
            ``1 + samples`` texts each, as they came; they are not checked.
        """
        generator = torch.Generator().manual_seed(seed)
        prompts = [self.tokenizer.prompt(one.content, one.language, one.codes) for one in asked]
        found: list[list[str]] = [[] for _ in prompts]
        # Prompts of one length together: less padding.
        order = sorted(range(len(prompts)), key=lambda row: len(prompts[row]))
        for part in _parts(order, ROWS_AT_ONCE):
            chosen = [prompts[row] for row in part]
            drawn = self.draw(chosen, generator, titles=1 + samples, likeliest_first=True).titles.tolist()
            for place, row in enumerate(part):
                content, language, _ = asked[row]
                titles = drawn[place * (1 + samples) : (place + 1) * (1 + samples)]
                found[row] = [self.tokenizer.text(title, content, language) for title in titles]
        return found

    @torch.inference_mode()
    def draw(
        self,
        prompts: Sequence[Sequence[int]],
        generator: torch.Generator | None,
        *,
        titles: int = 1,
        likeliest_first: bool = False,
    ) -> Drawn:
        """Titles of prompts: the likeliest token at each place, or with a generator drawn by its chance.

        Parameters
        ----------
        prompts
            (B,) of tokens.
        generator
            Of draws; None takes the likeliest.
        titles
            N of each prompt, one after the other; a prompt is read once for all of them.
        likeliest_first
            The first of each N is the likeliest in spite of the generator.

        Returns
        -------
        Drawn
            B x N rows.
        """
        rows = self.padded(prompts)
        cache, tokens, mask = DynamicCache(config=self.model.config), rows, rows != self.padding
        count = len(rows) * titles
        written = torch.full((count, TITLE_TOKENS), self.padding, device=rows.device)
        at = torch.arange(count, device=rows.device)
        for step in range(TITLE_TOKENS):
            places = (mask.long().cumsum(1) - 1).clamp(min=0)[:, -tokens.shape[1] :]
            logits = self.model(
                input_ids=tokens,
                attention_mask=mask.long(),
                position_ids=places,
                past_key_values=cache,
                use_cache=True,
                logits_to_keep=1,
            ).logits[:, -1]
            if step == 0 and titles > 1:
                cache.batch_repeat_interleave(titles)
                logits, mask = logits.repeat_interleave(titles, dim=0), mask.repeat_interleave(titles, dim=0)
            chosen = logits.argmax(dim=1)
            if generator is not None:
                drawn = torch.multinomial(logits.softmax(dim=1).cpu(), 1, generator=generator)[:, 0].to(rows.device)
                chosen = torch.where((at % titles == 0) & likeliest_first, chosen, drawn)
            written[at, step] = torch.where((written[at] == self.end).any(dim=1), self.padding, chosen)
            going = (written[at] != self.end).all(dim=1)
            if not bool(going.any()):
                break
            if 2 * int(going.sum()) < len(at):  # titles that ended are decoded no further
                kept = going.nonzero()[:, 0]
                cache.batch_select_indices(kept)
                at, chosen, mask = at[kept], chosen[kept], mask[kept]
            tokens = chosen[:, None]
            mask = torch.cat([mask, torch.ones_like(mask[:, :1])], dim=1)
        return Drawn(rows.repeat_interleave(titles, dim=0), written[:, : step + 1])

    def padded(self, prompts: Sequence[Sequence[int]]) -> Tensor:
        """(B, P) int64, padded on the left, where the network is."""
        longest = max(len(prompt) for prompt in prompts)
        rows = [[self.padding] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
        return torch.tensor(rows, device=self.model.device)


def title_logits(model: torch.nn.Module, rows: Tensor, padding: int, titles: int) -> Tensor:
    """(B, titles, V) logits of the last ``titles`` tokens of left-padded rows, each given what stands before it."""
    mask = rows != padding
    places = (mask.long().cumsum(1) - 1).clamp(min=0)
    found: Tensor = model(
        input_ids=rows[:, :-1],
        attention_mask=mask[:, :-1].long(),
        position_ids=places[:, :-1],
        use_cache=False,
        logits_to_keep=titles,
    ).logits
    return found


def only_rows(table: Tensor, rows: Sequence[int]) -> None:
    """Let training move some rows of a table alone: the gradient of all others is zero.

    An optimiser with weight decay would still shrink them: give the table none.
    """
    moving = torch.zeros(len(table), 1, dtype=torch.bool, device=table.device)
    moving[list(rows)] = True
    table.requires_grad_(True)
    table.register_hook(lambda gradient: torch.where(moving.to(gradient.device), gradient, 0.0))  # type: ignore[no-untyped-call]


def _parts(order: Sequence[int], size: int) -> Iterator[Sequence[int]]:
    yield from (order[start : start + size] for start in range(0, len(order), size))
