import numpy as np
import pytest
import torch

from jobs.lake.schema.columns import EMBED_DIM
from reward_model.gradient import ClickGradient
from reward_model.scorer import PersonalScorer
from tests.reward_model.test_scorer import candidates


@pytest.fixture
def asked(toy, scorer):
    _, item_ids, embeddings, styles = candidates(toy, 6)
    segment = ClickGradient(scorer).segments()[0]
    return item_ids, embeddings, styles, segment


def test_it_says_what_the_scorer_says(scorer, asked):
    item_ids, embeddings, styles, segment = asked
    user = scorer.segment_users(segment)[0]
    gradient = ClickGradient(scorer, [user])
    vectors = torch.from_numpy(np.concatenate([embeddings, styles], axis=1))
    whom = [segment, user, "all"] * (len(item_ids) // 3)
    found = gradient(whom, item_ids, vectors).double().numpy()
    for row, name in enumerate(whom):
        one = ([item_ids[row]], embeddings[row : row + 1], styles[row : row + 1])
        known = (
            scorer.click_probability([name], *one) if name == user else scorer.segment_click_probability([name], *one)
        )
        assert found[row] == pytest.approx(known[0], rel=1e-4)


def test_the_gradient_is_that_of_finite_differences(scorer, asked):
    item_ids, embeddings, styles, segment = asked
    gradient = ClickGradient(scorer)
    vectors = torch.from_numpy(np.concatenate([embeddings, styles], axis=1)).requires_grad_()
    whom = [segment] * len(item_ids)
    gradient(whom, item_ids, vectors).sum().backward()
    direction = vectors.grad / vectors.grad.norm()
    with torch.no_grad():
        up = gradient(whom, item_ids, vectors + 1e-2 * direction).double().sum()
        down = gradient(whom, item_ids, vectors - 1e-2 * direction).double().sum()
    assert float((up - down) / 2e-2) == pytest.approx(float(vectors.grad.norm()), rel=0.05)
    assert (vectors.grad[:, EMBED_DIM:].abs().sum(1) > 0).all()
    assert all(weight.grad is None for weight in scorer.predictor.model.parameters())


def test_an_unknown_name_is_refused(scorer, asked):
    with pytest.raises(ValueError, match="neither segments"):
        ClickGradient(scorer)(["nobody"], asked[0][:1], torch.zeros(1, 160))
    assert isinstance(scorer, PersonalScorer)
