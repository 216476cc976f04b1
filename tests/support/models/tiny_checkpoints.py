"""Folders as ``save_pretrained`` writes them, with tiny random weights of every architecture; no downloads."""

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import (
    AutoModelForImageTextToText,
    CLIPImageProcessorPil,
    CLIPVisionConfig,
    Idefics3Config,
    Idefics3ImageProcessorPil,
    Idefics3Processor,
    LlamaConfig,
    LlavaConfig,
    LlavaProcessor,
    PreTrainedTokenizerFast,
    Qwen2_5_VLConfig,
    Qwen2VLConfig,
    Qwen2VLImageProcessorPil,
    SmolVLMConfig,
)

WORDS = ("describe", "the", "look", "of", "a", "cover", "for", "fox", "pizza", "rocket", "red", "user", "assistant")
VISION = ("<|vision_start|>", "<|vision_end|>", "<|image_pad|>", "<|video_pad|>")
OTHERS = ("<fake_token_around_image>", "<global-img>", "<end_of_utterance>", ".", "\n")
SPECIAL = ("<pad>", "<eos>", "<unk>", "<image>", "<video>", *VISION, *OTHERS)
IDS = {word: number for number, word in enumerate([*SPECIAL, *WORDS])}
HIDDEN = 32


def tokenizer():
    words = Tokenizer(models.WordLevel(IDS, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    fast = PreTrainedTokenizerFast(
        tokenizer_object=words, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="right"
    )
    fast.add_special_tokens({"additional_special_tokens": [word for word in SPECIAL if word.startswith("<")]})
    fast.image_token, fast.image_token_id = "<image>", IDS["<image>"]
    fast.fake_image_token, fast.global_image_token = "<fake_token_around_image>", "<global-img>"
    fast.end_of_utterance_token = "<end_of_utterance>"
    return fast


def text_sizes(**more):
    return {
        "hidden_size": HIDDEN,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "vocab_size": len(IDS),
        "max_position_embeddings": 512,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 1,
        **more,
    }


def qwen2_vl(folder):
    vision = {
        "depth": 1, "embed_dim": 32, "hidden_size": HIDDEN, "num_heads": 2, "mlp_ratio": 2, "patch_size": 14,
        "spatial_merge_size": 2, "temporal_patch_size": 2, "in_channels": 3,
    }  # fmt: skip
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    save(Qwen2VLConfig(text_config=text_sizes(rope_parameters=rope), vision_config=vision, **qwen_ids()), folder)


def qwen2_5_vl(folder):
    vision = {
        "depth": 1, "hidden_size": 32, "intermediate_size": 48, "out_hidden_size": HIDDEN, "num_heads": 2,
        "patch_size": 14, "spatial_merge_size": 2, "temporal_patch_size": 2, "window_size": 56,
        "fullatt_block_indexes": [0], "in_channels": 3,
    }  # fmt: skip
    rope = {"rope_type": "default", "mrope_section": [2, 3, 3], "rope_theta": 10000.0}
    save(Qwen2_5_VLConfig(text_config=text_sizes(rope_parameters=rope), vision_config=vision, **qwen_ids()), folder)


def qwen_ids():
    return {
        "image_token_id": IDS["<|image_pad|>"],
        "video_token_id": IDS["<|video_pad|>"],
        "vision_start_token_id": IDS["<|vision_start|>"],
        "vision_end_token_id": IDS["<|vision_end|>"],
    }


def llava(folder):
    vision = CLIPVisionConfig(
        hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=2, image_size=28, patch_size=14
    )
    config = LlavaConfig(
        vision_config=vision, text_config=LlamaConfig(**text_sizes()), image_token_index=IDS["<image>"]
    )
    save(config, folder)
    images = CLIPImageProcessorPil(size={"shortest_edge": 28}, crop_size={"height": 28, "width": 28})
    processor = LlavaProcessor(
        images, tokenizer(), patch_size=14, vision_feature_select_strategy="default", num_additional_image_tokens=1
    )
    processor.save_pretrained(folder)


def idefics3(folder):
    save(idefics3_config(Idefics3Config), folder)
    images = Idefics3ImageProcessorPil(
        size={"longest_edge": 28}, max_image_size={"longest_edge": 28}, do_image_splitting=False
    )
    Idefics3Processor(images, tokenizer(), image_seq_len=1).save_pretrained(folder)


def smolvlm(folder):
    save(idefics3_config(SmolVLMConfig), folder)


def idefics3_config(kind):
    vision = {
        "hidden_size": 32, "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 2,
        "image_size": 28, "patch_size": 14,
    }  # fmt: skip
    return kind(
        vision_config=vision,
        text_config={"model_type": "llama", **text_sizes()},
        image_token_id=IDS["<image>"],
        scale_factor=2,
        pad_token_id=0,
    )


def save(config, folder):
    torch.manual_seed(1)
    AutoModelForImageTextToText.from_config(config).save_pretrained(folder)


MLLMS = {"qwen2-vl": qwen2_vl, "qwen2.5-vl": qwen2_5_vl, "llava": llava, "smolvlm": smolvlm, "idefics3": idefics3}


WITH_PROCESSOR = ("llava", "idefics3")
"""Those whose real processor is saved beside the model; Qwen's and SmolVLM's want torchvision."""


def inputs_of(kind, titles, pictures, clicked=None):
    """What the processors of Qwen and SmolVLM give: titles, (B, 28, 28, 3) pictures and (K, 28, 28, 3) before each."""
    words = [[IDS.get(word, IDS["<unk>"]) for word in title.split()] for title in titles]
    clicked = clicked or [pictures[:0]] * len(titles)
    shown = [np.concatenate([before, picture[None]]) for before, picture in zip(clicked, pictures, strict=True)]
    most = max(map(len, shown))
    if kind.startswith("qwen"):
        image = {"min_pixels": 56 * 56, "max_pixels": 56 * 56, "size": {"shortest_edge": 3136, "longest_edge": 3136}}
        pixels = Qwen2VLImageProcessorPil(**image)(images=[*np.concatenate(shown)], return_tensors="pt")
        count = int(pixels["image_grid_thw"][0].prod()) // 4
        picture = [IDS["<|vision_start|>"], *[IDS["<|image_pad|>"]] * count, IDS["<|vision_end|>"]]
        pixels = {name: pixels[name] for name in ("pixel_values", "image_grid_thw")}
    else:
        scaled = torch.zeros(len(shown), most, 3, 28, 28)  # pictures of zeros are left out
        for row, each in enumerate(shown):
            scaled[row, : len(each)] = torch.from_numpy(each).permute(0, 3, 1, 2).float() / 127.5 - 1
        picture = [IDS["<image>"]]
        pixels = {"pixel_values": scaled, "pixel_attention_mask": torch.ones(len(shown), most, 28, 28).bool()}
    rows = [picture * len(each) + w for each, w in zip(shown, words, strict=True)]
    longest = max(map(len, rows))
    ids = torch.tensor([[0] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    types = {"mm_token_type_ids": (ids == IDS["<|image_pad|>"]).long()} if kind.startswith("qwen") else {}
    return {"input_ids": ids, "attention_mask": mask, **types, **pixels}
