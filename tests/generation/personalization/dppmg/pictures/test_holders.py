"""Whom codes are trained for, and what is told of their tastes."""

import pytest
import torch

from generation.personalization.dppmg.pictures.holders import CODE, CodeTastes, HolderClicks
from generation.personalization.training.reader_reward import Tastes


def test_painted_for_are_segments_first_codes_and_users_with_many_clicks(holders):
    audience, told = holders.audience(), holders.told()
    codes = {f"{CODE}{code}" for code in range(4)}
    assert set(audience.segments) == codes | {"s0"}
    heavy = [row for row in range(60) if holders.clicks[row] >= 10]
    assert set(audience.users) <= {holders.users[row] for row in heavy}
    assert set(told) == codes | {*audience.users, "s0"}
    assert told[f"{CODE}2"].tolist() == [2, -1, -1]
    assert not any(value.any() for value in audience.preference.values())


def test_of_equal_codes_the_user_who_clicked_most_is_painted_for(holders):
    told = [tuple(holders.codes[row]) for row in holders.heavy()]
    assert len(told) == len(set(told))
    for row, codes in zip(holders.heavy(), told, strict=True):
        same = (holders.codes == codes).all(1)
        assert holders.clicks[row] == holders.clicks[same].max()


def test_a_code_has_the_mean_taste_of_its_users():
    def clicks(whom, item_ids, vectors):
        likes = {"a": 0.4, "b": 0.2}
        return torch.tensor([0.1 + likes[name] * float(vector[-1]) for name, vector in zip(whom, vectors, strict=True)])

    styles = torch.zeros(3, 32)
    styles[:, -1] = torch.tensor([0.0, 0.5, 1.0])
    tastes = Tastes(clicks, styles, ["i"], torch.zeros(1, 128))
    found = CodeTastes(tastes, {"code:0": ("a", "b")})
    own, mean = found(["a", "b"]), found(["code:0"])[0]
    wanted = own.mean(0)
    assert mean == pytest.approx(((wanted - wanted.mean()) / wanted.std(correction=0)).tolist(), abs=1e-5)
    assert mean.argmax() == 2


def test_a_code_is_clicked_as_its_users_click_on_average():
    """By hand: a clicks at 0.4 of the first number, b at 0.2 of it; of code 0 both hold it, so 0.3, and 0.3 a slope."""
    likes = {"a": 0.4, "b": 0.2, "s0": 1.0}

    def clicks(whom, item_ids, vectors):
        assert all(item == "i" for item in item_ids)
        return torch.stack([likes[name] * vector[0] for name, vector in zip(whom, vectors, strict=True)])

    vectors = torch.tensor([[1.0], [2.0], [1.0]], requires_grad=True)
    found = HolderClicks(clicks, {"code:0": ("a", "b")})(["s0", "code:0", "b"], ["i"] * 3, vectors)
    assert found.tolist() == pytest.approx([1.0, 0.6, 0.2])
    found.sum().backward()
    assert vectors.grad[:, 0].tolist() == pytest.approx([1.0, 0.3, 0.2])
