import pytest

from jobs.lake.context import silent
from reward_model import registry
from reward_model.baseline import train_baseline
from reward_model.dataset import load_examples, split_examples
from reward_model.scorer import PersonalScorer
from reward_model.train import train
from tests.support.worlds.toy_world import ENCODER, Toy, build, write


@pytest.fixture(scope="session")
def toy(tmp_path_factory) -> Toy:
    return build(tmp_path_factory.mktemp("toy"))


@pytest.fixture(scope="session")
def split(toy):
    examples = load_examples(toy.lake, toy.days[2:], encoder_id=ENCODER, history_length=20)
    return split_examples(examples, toy.cut)


@pytest.fixture(scope="session")
def trained(toy, split):
    return train(split.train, split.validation, toy.settings.reward, encoder_id=ENCODER, progress=silent)


@pytest.fixture(scope="session")
def baseline(toy, split, trained):
    return train_baseline(split.train, split.validation, toy.settings.reward, trained.predictor.tastes)


@pytest.fixture(scope="session")
def saved(tmp_path_factory, trained, baseline):
    """A registered version under a home of its own: (home, folder)."""
    home = tmp_path_factory.mktemp("home")
    return home, registry.save(home, "v1", trained.predictor, baseline, {"ds": "2026-03-09"})


@pytest.fixture(scope="session")
def scorer(toy, saved):
    as_of = toy.days[-2].isoformat()
    users = sorted(toy.taste)
    write(
        toy.lake,
        "user_segments",
        [{"ds": as_of, "user_id": u, "segment_id": f"s{toy.taste[u]}", "distance": 0.1} for u in users],
    )
    return PersonalScorer.load(toy.lake, saved[1], toy.days[-2])
