"""What looks at validation items paint."""

import torch


def test_a_look_paints_those_of_whom_nothing_is_known_for_nobody(public, make_book):
    model = public.fresh()
    known, unknown = make_book(model).painting, make_book(model, shown={}).painting
    batch, _ = make_book(model).sampler.draw(0)
    with torch.no_grad():
        told, silent = known.condition(batch), unknown.condition(batch)
    assert not torch.equal(told.personal.prompt_embeds, told.plain.prompt_embeds)
    assert torch.equal(silent.personal.prompt_embeds, silent.plain.prompt_embeds)
    assert torch.equal(silent.plain.prompt_embeds, told.plain.prompt_embeds)
