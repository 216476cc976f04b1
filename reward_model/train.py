"""Training of the click model: a few epochs over yesterday's impressions, the same every time.

Weights are averaged over steps (Izmailov et al., "Averaging Weights Leads to Wider Optima
and Better Generalization", UAI 2018, in its exponential form) and the epoch with the lowest
log loss on validation items is kept. Some rows forget their item's statistics and some
states forget who the user is, so that new items and new users are scored sensibly.
"""

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
import torch
from torch import Tensor

from conf.settings import RewardSettings
from jobs.lake.splits import HELD_OUT, VALIDATION, bucket
from reward_model.calibration import Calibration, fit_platt
from reward_model.dataset import Examples
from reward_model.metrics import log_loss
from reward_model.network.ensemble_member import ModelShape, RowTensors, StateTensors
from reward_model.network.events import EVENT_ARRAYS
from reward_model.network.features import Standardiser
from reward_model.network.model import ClickModel, member_loss, negative_log_prior, prior_logit
from reward_model.predictor import ExampleTensors, Predictor, Scales
from reward_model.tastes.estimates import Tastes, learn_tastes

logger = logging.getLogger(__name__)

EMA_DECAY = 0.99
"""Of the averaged weights, per step."""
ITEM_DROPOUT = 0.1
"""Share of rows that see the item as a new one."""
USER_DROPOUT = 0.1
"""Share of states that see the user as a new one."""
MOST_CATEGORIES = 500
"""Categories with weights of their own; the rarer ones share number 0. Weights grow with the square."""
DECAYED = ("body.1.weight", "head.weight", "similarity.weight", "position.weight")
"""Parameters with weight decay: those flexible enough to learn single items by heart."""
WEIGHT_DECAY = 10.0
"""AdamW's, on these."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A calibrated model and how it got there."""

    predictor: Predictor
    validation_log_loss: list[float]
    """Uncalibrated, per epoch."""
    best_epoch: int
    """From 1."""


@contextmanager
def reproducible(seed: int, threads: int) -> Iterator[np.random.Generator]:
    """Seeds, deterministic kernels and a fixed number of threads; the process is left as it was."""
    before, strict = torch.get_num_threads(), torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        torch.set_num_threads(threads)
        torch.use_deterministic_algorithms(True)
        try:
            yield np.random.default_rng(seed)
        finally:
            torch.set_num_threads(before)
            torch.use_deterministic_algorithms(strict)


def train(
    training: Examples,
    validation: Examples,
    settings: RewardSettings,
    *,
    encoder_id: str,
    progress: Callable[[int, int, str], None],
    learned: Callable[[Tastes | None], object] = lambda _tastes: None,
) -> Trained:
    """Fit the network on ``training``, stop and calibrate on ``validation``.

    Parameters
    ----------
    training, validation
        Rows with clicks and skips; no item is in both.
    progress
        Called with (epochs done, epochs, "epoch").
    learned
        Called with the tastes once they are there, before the network is fitted.

    Returns
    -------
    Trained
        The same for the same rows, settings and number of threads.
    """
    with reproducible(settings.seed, settings.threads) as generator:
        predictor = _new_predictor(training, settings, encoder_id)
        learned(predictor.tastes)
        live = predictor.model
        prior_logit(live, float(training.clicked.mean()))
        data = ExampleTensors(predictor, training)
        averaged = AveragedWeights(live, EMA_DECAY)
        epochs = epochs_of(len(training), settings)
        steps = epochs * math.ceil(len(training) / settings.batch_size)
        optimiser, schedule = _optimiser(live, settings.learning_rate, steps)
        losses: list[float] = []
        best = averaged.state()
        for epoch in range(epochs):
            live.train()
            for part in data.spans(generator.permutation(len(data.states_used)), settings.batch_size):
                _step(live, optimiser, _loss(live, data, part, generator))
                schedule.step()
                averaged.update(live)
            with averaged.applied_to(live):
                losses.append(log_loss(validation.clicked, Calibration().apply(predictor.logits(validation))))
            logger.info("reward model epoch %d: validation log loss %.5f", epoch + 1, losses[-1])
            if losses[-1] == min(losses):
                best = averaged.state()
            progress(epoch + 1, epochs, "epoch")
        live.load_state_dict(best)
        live.eval()
        predictor.calibration = fit_platt(predictor.logits(validation), validation.clicked)
    return Trained(predictor=predictor, validation_log_loss=losses, best_epoch=int(np.argmin(losses)) + 1)


def epochs_of(rows: int, settings: RewardSettings) -> int:
    """Times that training goes through its rows: ``epochs``, and more until ``least_steps`` are taken.

    Examples
    --------
    >>> settings = RewardSettings(epochs=4, batch_size=1000, least_steps=600)
    >>> epochs_of(200_000, settings), epochs_of(50_000, settings)
    (4, 12)
    """
    return max(settings.epochs, math.ceil(settings.least_steps / max(math.ceil(rows / settings.batch_size), 1)))


class AveragedWeights:
    """Exponential moving average of a model's weights, without bias towards the first step.

    The decay grows with the steps as ``min(decay, (1 + n) / (10 + n))``.
    """

    def __init__(self, model: ClickModel, decay: float) -> None:
        self.decay, self.steps = decay, 0
        self._average = {name: value.detach().clone() for name, value in model.state_dict().items()}

    def update(self, model: ClickModel) -> None:
        """After a step of the optimiser."""
        self.steps += 1
        decay = min(self.decay, (1 + self.steps) / (10 + self.steps))
        for name, value in model.state_dict().items():
            self._average[name].lerp_(value.detach(), 1 - decay)

    def state(self) -> dict[str, Tensor]:
        """A copy of the averages."""
        return {name: value.clone() for name, value in self._average.items()}

    @contextmanager
    def applied_to(self, model: ClickModel) -> Iterator[None]:
        """The model has the averaged weights inside the block, and its own again after it."""
        own = {name: value.detach().clone() for name, value in model.state_dict().items()}
        model.load_state_dict(self._average)
        try:
            yield
        finally:
            model.load_state_dict(own)


def _step(model: ClickModel, optimiser: torch.optim.Optimizer, loss: Tensor) -> None:
    optimiser.zero_grad(set_to_none=True)
    torch.autograd.backward(loss)
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimiser.step()


def _new_predictor(training: Examples, settings: RewardSettings, encoder_id: str) -> Predictor:
    """An untrained model with the names and scales of the training rows."""
    used = np.unique(training.state)
    users = sorted(set(training.states.user[used].tolist()))
    categories, share = _frequent_categories(training, used)
    tastes = tastes_before(training, settings)
    shape = ModelShape(
        users=len(users),
        categories=len(categories),
        width=settings.width,
        members=settings.members,
        factors=tastes.subjects.own.shape[1] if tastes else 0,
        looks=len(tastes.looks.centroids) if tastes else 0,
    )
    model = ClickModel(shape)
    if tastes:
        model.look_centroids.copy_(torch.from_numpy(tastes.looks.centroids))
    model.category_share.copy_(torch.from_numpy(share))
    model.set_scales(training.covers.vectors[np.unique(training.cover)], training.states.preference[used])
    return Predictor(
        model=model,
        users=users,
        categories=categories,
        scales=Scales(
            user=Standardiser.fit(training.states.numeric[used]),
            item=Standardiser.fit(training.item_numeric),
            affinity=Standardiser.fit(training.affinity[:, None]),
        ),
        encoder_id=encoder_id,
        history_length=training.states.history.cover.shape[1],
        tastes=tastes,
    )


def tastes_before(training: Examples, settings: RewardSettings) -> Tastes | None:
    """What turns events into tastes, learned from the events of training items before the last label day.

    None where the settings have no factors or looks, or the log no events before the label days.
    """
    items, events = training.items, training.states.events
    if not settings.factors or not settings.looks:
        return None
    before = events.day < training.days[int(training.day.max())].toordinal()
    events = replace(events, **{name: getattr(events, name)[before] for name in EVENT_ARRAYS})
    buckets = np.array([bucket(name) for name in items.ids.to_pylist()], np.int64)
    trained = np.flatnonzero((buckets != HELD_OUT) & (buckets != VALIDATION)) + 1
    if not np.isin(events.item, trained).any() or not events.clicked.any():
        return None
    return learn_tastes(
        events,
        items,
        training.covers.vectors,
        trained,
        factors=settings.factors,
        looks=settings.looks,
        seed=settings.seed,
    )


def _frequent_categories(
    training: Examples, used: np.ndarray[tuple[int], np.dtype[np.int32]]
) -> tuple[list[str], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    """Names of the categories met most, sorted, and everybody's share of the rest and of each."""
    history = training.states.history
    seen = training.items.category[history.item[used]][history.present[used]]
    counts = np.bincount(seen, minlength=len(training.items.categories) + 1)
    kept = np.sort(np.argsort(-counts[1:], kind="stable")[:MOST_CATEGORIES]) + 1
    share = np.append(0, counts[kept]) / max(counts.sum(), 1)
    share[0] = 1.0 - share.sum() if counts.sum() else 0.0
    return [training.items.categories[number - 1] for number in kept], share


def _optimiser(
    model: ClickModel, rate: float, steps: int
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.OneCycleLR]:
    """AdamW with decay on flexible parts only; users' vectors have their own penalty."""
    decayed: list[Tensor] = []
    free: list[Tensor] = []
    for name, parameter in model.named_parameters():
        flexible = any(part in name for part in DECAYED)
        (decayed if flexible else free).append(parameter)
    groups = [
        {"params": decayed, "weight_decay": WEIGHT_DECAY},
        {"params": free, "weight_decay": 0.0},
    ]
    optimiser = torch.optim.AdamW(groups, lr=rate)
    return optimiser, torch.optim.lr_scheduler.OneCycleLR(optimiser, rate, total_steps=steps + 1, pct_start=0.1)


def _loss(
    model: ClickModel,
    data: ExampleTensors,
    part: np.ndarray[tuple[int], np.dtype[np.int64]],
    generator: np.random.Generator,
) -> Tensor:
    table, states, rows = data.batch(part)
    states = _forget_users(states, generator)
    rows = _forget_items(rows, data, part, generator)
    sides = model.encode_users(table, states)
    logits_MB = model.score(sides, states, rows, with_position=True)
    clicked_B = data.clicked[torch.from_numpy(data.row_numbers(part))]
    own_MB = torch.stack([(side.own_SF.square().sum(1) + side.level_S.square())[rows.state_B] for side in sides])
    prior = (own_MB / data.rows_of_user[states.user_S.long()][rows.state_B]).mean() / 2
    return member_loss(logits_MB, clicked_B) + prior + negative_log_prior(model) / len(data.examples)


def _forget_users(states: StateTensors, generator: np.random.Generator) -> StateTensors:
    forgotten = torch.from_numpy(generator.random(len(states.user_S)) < USER_DROPOUT)
    return states._replace(user_S=states.user_S.masked_fill(forgotten, 0))


def _forget_items(
    rows: RowTensors,
    data: ExampleTensors,
    part: np.ndarray[tuple[int], np.dtype[np.int64]],
    generator: np.random.Generator,
) -> RowTensors:
    forgotten = torch.from_numpy(generator.random(len(rows.item_B)) < ITEM_DROPOUT)
    day = torch.from_numpy(data.examples.day[data.row_numbers(part)])
    numeric = torch.where(forgotten[:, None], data.unseen_DN[day], rows.numeric_BN)
    unseen = rows.unseen_B.masked_fill(forgotten, 1.0)
    return rows._replace(numeric_BN=numeric, unseen_B=unseen, item_B=rows.item_B.masked_fill(forgotten, 0))
