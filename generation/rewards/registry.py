"""Rewards by name, as the settings weigh them.

``weights`` names them; a reward of weight 0 is not computed. Safety is a gate and no part of
the sum: it decides what may be published (``policy.max_nsfw``).
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from conf.errors import UsageError
from conf.settings import RewardModels, RewardWeights
from generation.rewards.base import Reward, RewardPanel
from generation.rewards.batch import PictureBatch
from generation.rewards.clip import ClipReward, LaionAesthetic
from generation.rewards.diversity import Diversity
from generation.rewards.looks.aesthetic import AestheticProxy
from generation.rewards.looks.resemblance import Resemblance
from generation.rewards.looks.smooth import SmoothAesthetic
from generation.rewards.relevance import Relevance


@dataclass(frozen=True, kw_only=True)
class Ingredients:
    """What rewards are built from."""

    reference: PictureBatch
    """Real covers: what is ordinary, and what everything is normalised on."""
    personal: Reward
    models: RewardModels
    differentiable: bool = False
    """Whether the smooth form of the aesthetic proxy is wanted."""


def _relevance(_given: Ingredients) -> Reward:
    return Relevance()


def _aesthetic(given: Ingredients) -> Reward:
    pictures = given.reference.pictures
    return SmoothAesthetic(pictures) if given.differentiable else AestheticProxy(pictures)


def _diversity(_given: Ingredients) -> Reward:
    return Diversity()


def _resemblance(_given: Ingredients) -> Reward:
    return Resemblance()


def _clip_like(name: str) -> Callable[[Ingredients], Reward]:
    def build(given: Ingredients) -> Reward:
        return ClipReward(name, _checkpoint(given.models, name))

    return build


def _laion(given: Ingredients) -> Reward:
    return LaionAesthetic(_checkpoint(given.models, "laion_clip"), _checkpoint(given.models, "laion"))


REWARDS: dict[str, Callable[[Ingredients], Reward]] = {
    "personal": lambda given: given.personal,
    "relevance": _relevance,
    "aesthetic": _aesthetic,
    "diversity": _diversity,
    "resemblance": _resemblance,
    "clip": _clip_like("clip"),
    "pickscore": _clip_like("pickscore"),
    "hpsv2": _clip_like("hpsv2"),
    "laion": _laion,
}
"""Name in the settings' ``weights`` -> how it is built."""


DETAILED = ("clip", "pickscore", "hpsv2", "laion")
"""Those that look at pictures through a network of their own, which sees more than 64 x 64."""


def build_panel(weights: RewardWeights, given: Ingredients) -> RewardPanel:
    """The rewards that have a weight, normalised on the reference.

    Raises
    ------
    UsageError
        A reward needs a checkpoint that the settings do not name.
    """
    chosen = {name: weight for name, weight in weights.model_dump().items() if weight}
    return RewardPanel([REWARDS[name](given) for name in chosen], chosen, given.reference)


def _checkpoint(models: RewardModels, name: str) -> Path:
    path = getattr(models, name)
    if path is None:
        raise UsageError(f"weights ask for a reward that needs reward_models.{name}: name a local checkpoint there")
    return Path(path)
