import numpy as np
import pytest

from generation.personalization.dppmg.titles.training.clicks import (
    ClickSampler,
    Syllables,
    chances,
    clicked_titles,
    coded,
    nonsense,
)
from jobs.lake.splits import split_of


@pytest.fixture(scope="module")
def rows(material):
    return clicked_titles(material.events, material.tastes, material.codes, material.content, "train")


def test_rows_are_clicks_of_training_users_on_training_items(rows, material):
    events = material.events
    wanted = sum(
        click and split_of(events.users[user]) == "train" and split_of(item) == "train"
        for click, user, item in zip(events.clicked, events.user, events.items.to_pylist(), strict=True)
    )
    assert len(rows) == wanted > 20
    assert {split_of(row.content.item_id) for row in rows} == {"train"}
    assert {round(row.weight, 3) for row in rows} == {round(1 / 0.7, 3), round(1 / 0.15, 3)}


def test_an_unlogged_propensity_is_left_out(material):
    events = type(material.events)(
        **{**vars(material.events), "propensity": np.full(len(material.events.titles), np.nan)}
    )
    assert clicked_titles(events, material.tastes, material.codes, material.content, "train") == []


def test_weights_are_cut_at_the_quantile_by_hand():
    weights = np.array([1.0] * 99 + [1000.0])
    cut = 1 + 0.01 * 999  # between the 99th and the 100th
    np.testing.assert_allclose(chances(weights)[-1], cut / (99 + cut))


def test_nonsense_is_copied_into_the_title(rows):
    syllables = Syllables({"en": ["fox", "rocket"], "de": ["Fuchs", "Rakete"]})
    generator = np.random.default_rng(0)
    for row in rows[:20]:
        other = nonsense(row, syllables, generator)
        label, _ = other.content.told(row.language)
        assert label in other.title
        assert label != row.content.labels[row.language]
        assert (len(other.title.split(", ")) > 1) == (len(row.title.split(", ")) > 1)


def test_a_step_gives_the_same_batch_again(rows, tokenizer):
    sampler = ClickSampler(rows, tokenizer, Syllables({"en": ["fox"], "de": ["Fuchs"]}), share=0.5, seed=3)
    assert sampler.batch(4, 12) == sampler.batch(4, 12) != sampler.batch(5, 12)


def test_rows_become_prompts_and_titles(rows, tokenizer):
    prompt, title = coded(tokenizer, rows[0], 1)
    assert prompt[-3] == tokenizer.id_of("<w0:1>")
    assert title[-1] == tokenizer.id_of("<end>")
    assert tokenizer.text(title, rows[0].content, rows[0].language) == rows[0].title
