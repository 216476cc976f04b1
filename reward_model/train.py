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
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from conf.settings import RewardSettings
from reward_model.calibration import fit_platt
from reward_model.dataset import Examples
from reward_model.features import Standardiser
from reward_model.metrics import log_loss
from reward_model.model import ClickModel, ModelShape, RowTensors, StateTensors, member_loss, prior_logit
from reward_model.predictor import ExampleTensors, Predictor, Scales

logger = logging.getLogger(__name__)

EMA_DECAY = 0.99
"""Of the averaged weights, per step."""
ITEM_DROPOUT = 0.1
"""Share of rows that see the item as a new one."""
USER_DROPOUT = 0.1
"""Share of states that see the user as a new one."""
DECAYED = ("body.1.weight", "head.weight", "metric.weight", "similarity.weight", "position.weight")
"""Parameters with weight decay: those flexible enough to learn single items by heart."""
WEIGHT_DECAY = 1.0
"""AdamW's, on these."""
OWN_PENALTY = 0.005
"""Of the squared effects of a user, per row: a unit normal prior for a user with 100 rows."""


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
) -> Trained:
    """Fit the network on ``training``, stop and calibrate on ``validation``.

    Parameters
    ----------
    training, validation
        Rows with clicks and skips; no item is in both.
    progress
        Called with (epochs done, epochs, "epoch").

    Returns
    -------
    Trained
        The same for the same rows, settings and number of threads.
    """
    with reproducible(settings.seed, settings.threads) as generator:
        predictor = _new_predictor(training, settings, encoder_id)
        prior_logit(predictor.model, float(training.clicked.mean()))
        data = ExampleTensors(predictor, training)
        averaged = AveragedModel(predictor.model, multi_avg_fn=get_ema_multi_avg_fn(EMA_DECAY), use_buffers=True)
        steps = settings.epochs * math.ceil(len(training) / settings.batch_size)
        optimiser, schedule = _optimiser(predictor.model, settings.learning_rate, steps)
        losses: list[float] = []
        best: dict[str, Tensor] = {}
        live = predictor.model
        for epoch in range(settings.epochs):
            live.train()
            for part in data.spans(generator.permutation(len(data.states_used)), settings.batch_size):
                loss = _loss(live, data, part, generator)
                optimiser.zero_grad(set_to_none=True)
                loss.backward()
                torch.nn.utils.clip_grad_norm_(live.parameters(), 1.0)
                optimiser.step()
                schedule.step()
                averaged.update_parameters(live)
            predictor.model = averaged.module
            losses.append(log_loss(validation.clicked, _sigmoid(predictor.logits(validation))))
            predictor.model = live
            logger.info("reward model epoch %d: validation log loss %.5f", epoch + 1, losses[-1])
            if losses[-1] == min(losses):
                best = {name: value.clone() for name, value in averaged.module.state_dict().items()}
            progress(epoch + 1, settings.epochs, "epoch")
        live.load_state_dict(best)
        live.eval()
        predictor.calibration = fit_platt(predictor.logits(validation), validation.clicked)
    return Trained(predictor=predictor, validation_log_loss=losses, best_epoch=int(np.argmin(losses)) + 1)


def _sigmoid(logit: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return 1.0 / (1.0 + np.exp(-logit))


def _new_predictor(training: Examples, settings: RewardSettings, encoder_id: str) -> Predictor:
    """An untrained model with the names and scales of the training rows."""
    used = np.unique(training.state)
    users = sorted(set(training.states.user[used].tolist()))
    shape = ModelShape(
        users=len(users), categories=len(training.items.categories), width=settings.width, members=settings.members
    )
    model = ClickModel(shape)
    seen = training.items.category[training.states.history.item[used]][training.states.history.present[used]]
    counts = np.bincount(seen, minlength=shape.categories + 1)
    model.category_share.copy_(torch.from_numpy(counts / max(counts.sum(), 1)))
    model.set_scales(training.covers.vectors[np.unique(training.cover)], training.states.preference[used])
    return Predictor(
        model=model,
        users=users,
        categories=training.items.categories,
        scales=Scales(
            user=Standardiser.fit(training.states.numeric[used]),
            item=Standardiser.fit(training.item_numeric),
            affinity=Standardiser.fit(training.affinity[:, None]),
        ),
        encoder_id=encoder_id,
        history_length=training.states.history.cover.shape[1],
    )


def _optimiser(
    model: ClickModel, rate: float, steps: int
) -> tuple[torch.optim.AdamW, torch.optim.lr_scheduler.OneCycleLR]:
    """AdamW with decay on flexible parts only; users' vectors have their own penalty."""
    decayed, free = [], []
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
    model: ClickModel, data: ExampleTensors, part: np.ndarray[tuple[int], np.dtype[np.int64]], generator: np.random.Generator
) -> Tensor:
    table, states, rows = data.batch(part)
    states = _forget_users(states, generator)
    rows = _forget_items(rows, data, part, generator)
    sides = model.encode_users(table, states)
    logits_MB = model.score(sides, states, rows, with_position=True)
    clicked_B = data.clicked[torch.from_numpy(data.row_numbers(part))]
    own_MB = torch.stack([(side.own_SF.square().sum(1) + side.level_S.square())[rows.state_B] for side in sides])
    return member_loss(logits_MB, clicked_B) + OWN_PENALTY * own_MB.mean()


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
