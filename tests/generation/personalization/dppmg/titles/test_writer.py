import torch

from generation.personalization.dppmg.titles.writer import Asked, title_logits


def test_a_batch_writes_what_each_prompt_writes_alone(writer, content):
    asked = [Asked(one, language, (0, -1)) for one in content.values() for language in ("en", "de")]
    together = writer.write(asked)
    assert together == [writer.write([one])[0] for one in asked]
    assert all(len(titles) == 1 for titles in together)


def test_samples_follow_their_seed(writer, content):
    asked = [Asked(content["fox"], "en", (0, -1))] * 3
    first = writer.write(asked, samples=2, seed=5)
    assert first == writer.write(asked, samples=2, seed=5) != writer.write(asked, samples=2, seed=6)
    assert [len(titles) for titles in first] == [3, 3, 3]


def test_the_likeliest_stands_first_whatever_is_drawn_beside_it(writer, content):
    asked = [Asked(one, language, (0, -1)) for one in content.values() for language in ("en", "de")]
    drawn = writer.write(asked, samples=5, seed=2)
    assert [titles[0] for titles in drawn] == [titles[0] for titles in writer.write(asked)]
    assert len({title for titles in drawn for title in titles[1:]}) > len(asked)


def test_padding_does_not_change_the_logits(writer, content):
    model, tokenizer = writer.model, writer.tokenizer
    prompt = tokenizer.prompt(content["fox"], "en", (0, -1))
    title = tokenizer.title("fox", content["fox"], "en")
    alone = torch.tensor([prompt + title])
    padded = torch.tensor([[writer.padding] * 7 + prompt + title])
    with torch.no_grad():
        one, two = (title_logits(model, rows, writer.padding, len(title)) for rows in (alone, padded))
        whole = model(input_ids=alone).logits[:, len(prompt) - 1 : -1]
    torch.testing.assert_close(one, two, atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(one, whole, atol=1e-4, rtol=1e-4)


def test_the_cache_decodes_what_the_whole_row_would(writer, content):
    prompt = writer.tokenizer.prompt(content["fox"], "en", (0, -1))
    drawn = writer.draw([prompt], None)
    with torch.no_grad():
        logits = title_logits(writer.model, drawn.rows.clone(), writer.padding, drawn.titles.shape[1])
    assert logits.argmax(dim=2)[0].tolist() == drawn.titles[0].tolist()


def test_its_size(writer):
    assert 1.8e6 < sum(weight.numel() for weight in writer.model.parameters()) < 2.2e6
