"""Meta tokens: what a multimodal language model says of a title and a picture, in N vectors.

N learned queries are appended to the input embeddings of a frozen (or LoRA-tuned) multimodal
model, and its last hidden states at their places are drawn out (as MetaQuery, Pan et al. 2025,
https://arxiv.org/abs/2504.06256, and ICG's meta tokens). Any image-text-to-text model of
``transformers`` will do: the queries take the place of the embeddings of N dummy tokens, so the
model's own forward pass merges the picture's features and numbers the positions (M-RoPE of
Qwen2-VL and Qwen2.5-VL included).
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

Inputs = Mapping[str, Tensor]
"""What a processor gives: ``input_ids`` (B, L), ``attention_mask``, ``pixel_values`` and what else the model wants."""

LANGUAGE_ATTENTION = r".*(language_model|text_model)\..*\.(q|k|v|o)_proj"
"""Layers of the language model that LoRA tunes; the picture encoder stays as it is."""


SAFE_FILES = ["*.json", "*.safetensors", "*.txt", "*.model", "*.jinja"]
"""What is fetched of a checkpoint where downloads are allowed: no pickles, no code."""


class MetaTokens(nn.Module):
    """N queries, answered by a multimodal model.

    Parameters
    ----------
    model
        An image-text-to-text model of ``transformers``.
    count
        N.
    seed
        Of the queries' start.
    """

    def __init__(self, model: Any, count: int, *, seed: int = 0) -> None:
        super().__init__()
        self.base = model.base_model  # without the head over the vocabulary
        self.base.requires_grad_(False)
        self.embedding: nn.Embedding = self.base.get_input_embeddings()
        self.width = int(self.embedding.weight.shape[1])
        self.dummy = ordinary_token(model.config)
        rng = torch.Generator().manual_seed(seed)
        scale = float(self.embedding.weight.float().std())
        self.queries = nn.Parameter(scale * torch.randn(count, self.width, generator=rng))

    def forward(self, inputs: Inputs) -> Tensor:
        """Last hidden states at the queries, (B, N, width) float32.

        Parameters
        ----------
        inputs
            Padded on the left, so that the queries follow the words at once.
        """
        with self._queried(inputs["input_ids"].shape[1]):
            states = self.base(**self._lengthened(inputs), use_cache=False).last_hidden_state
        drawn: Tensor = states[:, -len(self.queries) :].float()
        return drawn

    def _lengthened(self, inputs: Inputs) -> dict[str, Tensor]:
        """Every per-token input with N more places: dummies, attended to, of text type."""
        rows, length = inputs["input_ids"].shape
        more = {"input_ids": self.dummy, "attention_mask": 1}

        def longer(name: str, value: Tensor) -> Tensor:
            if value.shape != (rows, length):
                return value
            return torch.cat([value, value.new_full((rows, len(self.queries)), more.get(name, 0))], dim=1)

        return {name: longer(name, value) for name, value in inputs.items()}

    @contextmanager
    def _queried(self, length: int) -> Iterator[None]:
        """While inside, the embedding layer answers the last N of length + N tokens with the queries."""
        total = length + len(self.queries)

        def replace(_module: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
            if output.ndim != 3 or output.shape[1] != total:
                return output
            queries = self.queries.to(output.dtype).expand(len(output), -1, -1)
            return torch.cat([output[:, :length], queries], dim=1)

        handle = self.embedding.register_forward_hook(replace)
        try:
            yield
        finally:
            handle.remove()


def picture_token(config: Any) -> int:
    """The token id that stands for a place of a picture."""
    found = getattr(config, "image_token_id", None)
    return int(config.image_token_index if found is None else found)


def ordinary_token(config: Any) -> int:
    """A token id that stands for no picture and no video."""
    names = ("image_token_id", "image_token_index", "video_token_id", "video_token_index")
    taken = {getattr(config, name, None) for name in names}
    return next(token for token in range(len(taken) + 1) if token not in taken)


def local_folder(source: str, *, allow_download: bool) -> str:
    """The folder of a checkpoint: itself, or where the hub's cache keeps it.

    The libraries' own ``local_files_only`` still asks the hub for some files, so names are resolved here.

    Raises
    ------
    FileNotFoundError
        Nothing of that name is here, and downloads are not allowed.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HFValidationError, LocalEntryNotFoundError

    if Path(source).is_dir():
        return source
    try:
        return snapshot_download(source, local_files_only=not allow_download, allow_patterns=SAFE_FILES)
    except (LocalEntryNotFoundError, HFValidationError) as error:
        raise FileNotFoundError(
            f"No checkpoint {source!r}: it is neither a folder nor in the hub's cache on this machine. Give a folder, "
            f"run `hf download {source}` where the hub can be reached, or set allow_download"
        ) from error


def load_mllm(source: str, *, allow_download: bool, dtype: torch.dtype) -> Any:
    """An image-text-to-text model from a local folder or hub id; safetensors only.

    Raises
    ------
    FileNotFoundError
        Nothing of that name is here, and downloads are not allowed.
    """
    from transformers import AutoModelForImageTextToText

    folder = local_folder(source, allow_download=allow_download)
    model = AutoModelForImageTextToText.from_pretrained(
        folder, local_files_only=True, use_safetensors=True, dtype=dtype, trust_remote_code=False
    )
    return model.eval().requires_grad_(False)


def load_processor(source: str, *, allow_download: bool) -> Any:
    """The processor that belongs to a model; pads on the left."""
    from transformers import AutoProcessor

    folder = local_folder(source, allow_download=allow_download)
    processor = AutoProcessor.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    processor.tokenizer.padding_side = "left"
    return processor


def prepare(
    processor: Any, titles: Sequence[str], pictures: NDArray[np.uint8], *, instruction: str
) -> dict[str, Tensor]:
    """Inputs of a batch: the instruction about each title, and its picture.

    Parameters
    ----------
    processor
        From :func:`load_processor`.
    titles, pictures
        B titles and (B, H, W, 3) uint8 RGB reference covers.
    instruction
        With ``{title}`` (or ``{title!r}``).
    """
    asked = [instruction.format(title=title) for title in titles]
    return prepare_asked(processor, asked, [[picture] for picture in pictures])


def prepare_asked(
    processor: Any, asked: Sequence[str], pictures: Sequence[Sequence[NDArray[np.uint8]]]
) -> dict[str, Tensor]:
    """Inputs of a batch: each row's pictures, then what is asked about them.

    Parameters
    ----------
    processor
        From :func:`load_processor`.
    asked, pictures
        B texts, and B times one or more pictures (H, W, 3) uint8 RGB.
    """
    if getattr(processor, "chat_template", None):
        texts = [
            processor.apply_chat_template(
                [{"role": "user", "content": [{"type": "image"}] * len(shown) + [{"type": "text", "text": text}]}],
                add_generation_prompt=True,
                tokenize=False,
            )
            for text, shown in zip(asked, pictures, strict=True)
        ]
    else:
        places = [f"{processor.image_token}\n" * len(shown) for shown in pictures]
        texts = [place + text for place, text in zip(places, asked, strict=True)]
    images = [[Image.fromarray(picture) for picture in shown] for shown in pictures]
    return dict(processor(text=texts, images=images, padding=True, return_tensors="pt"))
