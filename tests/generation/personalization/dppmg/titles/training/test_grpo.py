import numpy as np
import torch

from generation.personalization.dppmg.titles.training.grpo import GrpoSettings, Tuning, advantages
from generation.personalization.dppmg.titles.writer import Asked


def test_advantages_by_hand():
    found = advantages(np.array([[0.0, 0.0, 3.0], [1.0, 1.0, 1.0]]))
    np.testing.assert_allclose(found[0], np.array([-1, -1, 2]) / (np.sqrt(2) + 1e-4))
    np.testing.assert_array_equal(found[1], 0)


def test_only_words_codes_and_low_rank_weights_move_and_reward_rises(writer, content):
    before = {name: weight.clone() for name, weight in writer.model.named_parameters()}
    tuning = Tuning(writer, GrpoSettings(prompts=2, samples=6, tuning_rate=5e-3), seed=0)
    asked = [Asked(content["fox"], "en", (0, -1)), Asked(content["cheese"], "de", (1, -1))]
    colon, rewards = writer.tokenizer.id_of("<copy:label>"), []
    for _ in range(12):
        rows, length, texts = tuning.sample(asked)
        assert len(texts) == 12
        reward = (rows[:, -length:] == colon).float().mean(dim=1).reshape(2, 6).double().numpy()
        rewards.append(reward.mean())
        figures = tuning.learn(rows, length, reward)
    assert np.mean(rewards[-3:]) > np.mean(rewards[:3])
    assert figures["kl"] >= 0
    after = dict(tuning.merged().named_parameters())
    assert after.keys() == before.keys()
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    tuned = {name for name in before if "q_proj" in name or "v_proj" in name}
    assert moved == tuned | {"model.embed_tokens.weight"}
    rows = (before["model.embed_tokens.weight"] != after["model.embed_tokens.weight"]).any(dim=1)
    assert set(rows.nonzero()[:, 0].tolist()) <= set(writer.tokenizer.code_rows)
    # The writer that it began from is as it was.
    assert all(torch.equal(before[name], weight) for name, weight in writer.model.named_parameters())


def test_at_the_start_nothing_is_apart(writer, content):
    tuning = Tuning(writer, GrpoSettings(prompts=1, samples=2), seed=0)
    rows, length, _ = tuning.sample([Asked(content["fox"], "en", (0, -1))])
    assert abs(tuning.learn(rows, length, np.array([[0.0, 1.0]]))["kl"]) < 1e-6
