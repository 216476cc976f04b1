"""The mask where pictures enter the language model."""

import pytest
import torch

from generation.personalization.pigeon.mask import gumbel
from generation.personalization.pigeon.public.masking import Masking, PictureMask, kept_covers, places_of
from tests.support.models import tiny_checkpoints


def seen_by_decoder(model, batch):
    """The embeddings that the first layer of the language model is given for a batch."""
    seen = []
    handle = (
        model.metas.base.get_decoder()
        .layers[0]
        .register_forward_pre_hook(lambda _module, arguments: seen.append(arguments[0].clone()))
    )
    model(batch)
    handle.remove()
    return seen[0]


@pytest.mark.parametrize("mllm", list(tiny_checkpoints.MLLMS))
def test_a_masked_cover_s_tokens_are_zeros_and_all_others_are_as_they_were(public, mllm):
    model = public.fresh(mllm)
    with torch.no_grad():
        whole = seen_by_decoder(model, public.batch(model, mllm, ratio=0.0))
        batch = public.batch(model, mllm, ratio=0.4)
        masked = seen_by_decoder(model, batch)
    places = places_of(batch.inputs["input_ids"], model.picture_token, batch.counts)
    dropped = set()
    for row, place in places.ge(0).nonzero().tolist():
        if not masked[row, place].any():
            dropped.add((row, int(places[row, place])))
            masked[row, place] = whole[row, place]
    assert len(dropped) == 2  # of five clicks three are kept; one click is never masked
    assert {row for row, _ in dropped} == {0}
    assert torch.equal(masked, whole)  # and with the dropped covers put back, nothing else was touched


@pytest.mark.parametrize("mllm", list(tiny_checkpoints.MLLMS))
def test_the_gradient_reaches_the_mask_and_one_step_changes_it(public, mllm):
    model = public.fresh(mllm)
    noise = gumbel(torch.Size((3, 5)), torch.Generator().manual_seed(0))
    batch = public.batch(model, mllm, noise=noise)
    before = {name: weight.detach().clone() for name, weight in model.mask.named_parameters()}
    optimizer = torch.optim.SGD(model.trainable().values(), lr=1.0)
    model(batch).prompt_embeds.square().mean().backward()
    for name, weight in model.mask.named_parameters():
        if name != "layer.self_attn.in_proj_bias":  # the keys' third of it cancels in the softmax
            assert weight.grad.norm() > 0, name
    optimizer.step()
    assert any(not torch.equal(weight, before[name]) for name, weight in model.mask.named_parameters())


def test_one_or_two_clicks_are_never_masked_and_a_row_keeps_the_same_covers_beside_others():
    torch.manual_seed(0)
    mask, embeddings = PictureMask(8, 16), torch.randn(4, 12, 8)
    counts = torch.tensor([6, 2, 1, 0])
    places = torch.where(torch.arange(12) < 2 * counts[:, None], torch.arange(12) // 2, -1)
    masking = Masking(ratio=torch.full((4,), 0.9))
    kept = kept_covers(mask, embeddings, places, counts, masking)
    assert kept.sum(1).tolist() == [1, 6, 6, 6]
    assert torch.equal(kept, kept_covers(mask, embeddings, places, counts, masking))
    alone = kept_covers(mask, embeddings[:1], places[:1], counts[:1], Masking(ratio=masking.ratio[:1]))
    assert torch.equal(alone, kept[:1])


def test_pictures_of_several_sizes_are_refused_by_row():
    ids = torch.tensor([[9, 1, 9, 1], [9, 9, 9, 1]])
    with pytest.raises(ValueError, match="2 pictures take 3 places in the prompt of row 1: give pictures of one size"):
        places_of(ids, 9, torch.tensor([1, 1]))
