from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from conf.settings import GenerationSettings
from generation.personalization.methods import method_of
from generation.personalization.pipeline.method import WordedProfile
from generation.types import ItemContent, SegmentProfile

ITEM = ItemContent(item_id="i", title="Alien", tags=("space", "horror"), reference_cover_id="ab" * 32)
FANS = SegmentProfile(
    segment_id="s1",
    pref_embedding=np.ones(128, np.float32),
    pref_style=np.full(32, 2, np.float32),
    likes=("thrillers", "night"),
)


def test_a_prompt_says_title_tags_and_likes():
    method = WordedProfile(GenerationSettings())
    told = method.condition(FANS, ITEM)
    assert told.prompt == "Alien, space, horror, for those who like thrillers, night"
    np.testing.assert_array_equal(told.preference, np.r_[np.ones(128), np.full(32, 2)].astype(np.float32))
    assert method.condition(replace(FANS, likes=()), replace(ITEM, tags=())).prompt == "Alien"


def test_the_template_is_a_setting_and_must_name_what_there_is():
    method = WordedProfile(GenerationSettings(prompt="film poster of {title}[ in the mood of {likes}], no text"))
    assert method.condition(FANS, ITEM).prompt == "film poster of Alien in the mood of thrillers, night, no text"
    assert method.condition(replace(FANS, likes=()), ITEM).prompt == "film poster of Alien, no text"
    with pytest.raises(ValidationError, match=r"it may name {title}, {tags} and {likes}"):
        GenerationSettings(prompt="{name}")


def test_words_are_told_to_pipelines_alone(pipelines):
    assert method_of("profile", GenerationSettings()).condition(FANS, ITEM).prompt == "Alien"
    over = GenerationSettings(adapters={"profile": str(pipelines("sdxl"))})
    assert "for those who like" in method_of("profile", over).condition(FANS, ITEM).prompt
