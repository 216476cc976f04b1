"""The network: silent at first, silent for nobody, and its mask learns."""

import numpy as np
import torch
import torch.nn.functional as F

from generation.personalization.pigeon.history import Events
from generation.personalization.pigeon.personal import condition, fresh, nothing, spoken_by
from generation.personalization.pigeon.rocchio import change


def item(rows):
    rng = torch.Generator().manual_seed(5)
    return F.normalize(torch.randn(rows, 384, generator=rng)), torch.randn(rows, 16, 1280, generator=rng)


def test_untrained_without_a_mask_it_tells_the_generator_what_profile_does(painter, histories, preference):
    pigeon = fresh(painter.conditioning, seed=0)
    text, places = item(3)
    reading = pigeon.read(preference, histories)
    assert torch.equal(reading.preference, preference)
    found = condition(spoken_by(painter.conditioning), pigeon, text, places, reading)
    for part, own in zip(found, painter.conditioning(text, preference), strict=True):
        assert torch.equal(part, own)


def test_untrained_under_a_mask_the_preference_is_that_of_the_kept_clicks(painter, histories, preference):
    pigeon = fresh(painter.conditioning, seed=0, mask_ratio=0.5)
    reading = pigeon.read(preference, histories)
    assert reading.kept[0, :6].sum() == 3
    assert reading.kept[1, :2].sum() == 2

    torch.testing.assert_close(reading.preference, preference + change(Events.of(histories), reading.kept))
    assert not torch.equal(reading.preference[0], preference[0])


def test_who_has_no_history_adds_nothing_and_is_told_no_preference(moved, painter, preference):
    text, places = item(3)
    reading = moved.read(preference, nothing(preference))
    assert not reading.preference.any()
    tokens, pooled = condition(spoken_by(painter.conditioning), moved, text, places, reading)
    own = painter.conditioning(text, torch.zeros(3, 160))
    assert torch.equal(tokens, own[0])
    assert torch.equal(pooled, own[1])


def test_what_was_found_does_not_depend_on_neighbours_order_or_padding(moved, histories, preference):
    text, places = item(3)
    reading = moved.read(preference, histories)
    alone = moved.read(preference[:1], histories[:1])
    torch.testing.assert_close(reading.preference[:1], alone.preference, atol=1e-5, rtol=1e-5)
    shuffled = histories[:1, torch.randperm(48, generator=torch.Generator().manual_seed(1))]
    torch.testing.assert_close(moved.read(preference[:1], shuffled).preference, alone.preference, atol=1e-5, rtol=1e-4)
    first = [part[:1] for part in moved.compose(reading, text, places)]
    for part, own in zip(first, moved.compose(alone, text[:1], places[:1]), strict=True):
        torch.testing.assert_close(part, own, atol=1e-5, rtol=1e-4)


def test_a_place_that_it_is_not_told_changes_nothing(moved, histories, preference):
    text, places = item(3)
    reading = moved.read(preference, histories)
    unseen = torch.zeros(3, 16, dtype=torch.bool)
    unseen[:, 4] = True
    first = moved.compose(reading, text, places, unseen)[0]
    places[:, 4] += 3
    torch.testing.assert_close(moved.compose(reading, text, places, unseen)[0], first, atol=1e-5, rtol=1e-4)
    assert not torch.allclose(moved.compose(reading, text, places)[0], first, atol=1e-5)


def test_one_step_moves_the_mask_network(painter, histories, preference):
    """The published mask has no gradient at all."""
    pigeon = fresh(painter.conditioning, seed=0)
    ratio = torch.tensor([0.5, 0.5, 0.5])
    before = pigeon.read(preference, histories, ratio=ratio)
    optimizer = torch.optim.SGD(pigeon.parameters(), lr=30.0)
    wanted = F.normalize(torch.from_numpy(np.asarray(histories[0, 0, 128:160])), dim=0)
    (-(before.direction[0] * wanted).sum()).backward()
    norm = sum(float(weight.grad.norm()) for weight in pigeon.mask.layer.parameters() if weight.grad is not None)
    assert norm > 0
    optimizer.step()
    after = pigeon.read(preference, histories, ratio=ratio)
    assert not torch.equal(before.scores, after.scores)
    assert not torch.equal(before.kept, after.kept)


def test_without_the_masked_profile_tokens_alone_speak(painter, histories, preference):
    pigeon = fresh(painter.conditioning, seed=0, kind="none")
    text, places = item(3)
    found = condition(spoken_by(painter.conditioning), pigeon, text, places, pigeon.read(preference, histories))
    assert torch.equal(found[0], painter.conditioning(text, torch.zeros(3, 160))[0])
