"""Encoders of words over made-up pictures: what was learned is found, and nothing else is."""

import numpy as np

from jobs.stickers.pack import PicturePack
from recsys_eval.studies.dppmg.words_and_pictures import (
    WordsAndPictures,
    found_first,
    middle,
    trained_words_encoder,
    words_and_pictures,
)


def test_titles_of_training_subjects_find_their_pictures():
    """Ten subjects with a direction each: after 60 steps each title is nearest to its own."""
    subjects = PicturePack.load().subjects[:10]
    drawings = [np.eye(128, dtype=np.float32)[[row, row]] for row in range(10)]
    encoder = trained_words_encoder(subjects, drawings, WordsAndPictures(steps=60, batch=10))
    texts = encoder([subject.labels["de"] for subject in subjects]).detach().numpy()
    assert np.mean(found_first(texts, middle(drawings), among=None, seed=0)) >= 0.9


def test_what_cannot_be_told_is_found_by_chance():
    rng = np.random.default_rng(1)
    texts, pictures = (rng.normal(size=(400, 128)) for _ in range(2))
    assert np.mean(found_first(texts, pictures, among=None, seed=0)) < 0.02
    assert abs(np.mean(found_first(texts, pictures, among=8, seed=0)) - 1 / 8) < 0.06


def test_a_night_is_asked_and_a_table_printed(people_night, capsys):
    ctx = people_night.ctx
    words_and_pictures(ctx, WordsAndPictures(split="held_out", steps=2, threads=1))
    said = capsys.readouterr().out
    assert said.count("| n-grams, ") == 5
    assert "| packaged, en |" in said
