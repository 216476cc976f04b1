"""A trained click model with everything it needs to read examples: names, scales, calibration."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from torch import Tensor

from jobs.lake.arrays import Floats, Floats32
from reward_model.calibration import Calibration
from reward_model.dataset import Examples
from reward_model.network.ensemble_member import RowTensors, StateTensors
from reward_model.network.features import USER_COLUMNS, Standardiser, unseen_items
from reward_model.network.model import ClickModel
from reward_model.network.user_state import Integers, ItemTable, States, rows_of
from reward_model.tastes.estimates import Tastes
from reward_model.threads import batches_side_by_side

RATE_COLUMN = USER_COLUMNS.index("ctr_28d")
ROWS_AT_ONCE = 8192
"""Rows scored together: bounds memory at about 100 MB."""


@dataclass(frozen=True, kw_only=True)
class Scales:
    """Standardisation of the three groups of numbers, from training rows."""

    user: Standardiser
    item: Standardiser
    affinity: Standardiser
    """Of one column."""


@dataclass(kw_only=True)
class Predictor:
    """Click probabilities of examples, whatever tables they were read from."""

    model: ClickModel
    users: Sequence[str]
    """Users with a learned vector; ``users[i]`` has number ``i + 1``."""
    categories: Sequence[str]
    """``categories[i]`` has number ``i + 1``."""
    scales: Scales
    encoder_id: str
    """The encoder whose vectors the model was trained on."""
    history_length: int
    """Events per state that it was trained with."""
    tastes: Tastes | None = None
    """What turns events into tastes; None in a model without them."""
    calibration: Calibration = field(default_factory=Calibration)

    def category_numbers(self, items: ItemTable) -> Integers:
        """Number of each row's category in the model's own order, ``(n_items + 1,)``."""
        own = rows_of(pa.array(list(items.categories), pa.string()), pa.array(list(self.categories), pa.string()))
        return np.asarray(np.concatenate([np.zeros(1, np.int32), own])[items.category], np.int32)

    def item_factors(self, items: ItemTable) -> Tensor:
        """Factors of a table's items for the taste for subjects, ``(n_items + 1, K)``; K is 0 without tastes."""
        known = (
            np.zeros((len(items.category), 0), np.float32) if self.tastes is None else self.tastes.item_factors(items)
        )
        return torch.from_numpy(known)

    def _taste_tensors(self, states: States, items: ItemTable, vectors: Floats32) -> list[Tensor]:
        if self.tastes is None:
            return [torch.zeros(len(states), 0)] * 4
        return [torch.from_numpy(values) for values in self.tastes.columns(states, items, vectors)]

    def state_tensors(self, states: States, items: ItemTable, vectors: Floats32) -> StateTensors:
        """States as the network reads them; ``vectors`` of the covers that their events point at."""
        history = states.history
        number = rows_of(pa.array(states.user.tolist(), pa.string()), pa.array(list(self.users), pa.string()))
        category = self.category_numbers(items)[history.item]
        subject, doubt, rate, adored = self._taste_tensors(states, items, vectors)
        return StateTensors(
            user_S=torch.from_numpy(number),
            numeric_SN=torch.from_numpy(self.scales.user.apply(states.numeric)),
            rate_S=torch.from_numpy(1.0 / (1.0 + np.exp(-states.numeric[:, RATE_COLUMN]))),
            preference_SE=torch.from_numpy(states.preference),
            cover_SK=torch.from_numpy(history.cover),
            item_SK=torch.from_numpy(history.item),
            category_SK=torch.from_numpy(category),
            clicked_SK=torch.from_numpy(history.clicked.astype(np.float32)),
            age_SK=torch.from_numpy(history.age),
            place_SK=torch.from_numpy(history.position),
            present_SK=torch.from_numpy(history.present),
            subject_SK=subject,
            doubt_SK=doubt,
            rate_SL=rate,
            adored_SL=adored,
        )

    def affinity(self, values: Floats32) -> Tensor:
        """Standardised affinities, ``(n_rows,)``."""
        return torch.from_numpy(self.scales.affinity.apply(values[:, None])[:, 0])

    def logits(self, examples: Examples) -> Floats:
        """Uncalibrated logits with the position of each row, ``(n_rows,)`` float64.

        Parameters
        ----------
        examples
            Rows in the order of their states, as :func:`reward_model.dataset.load_examples` gives them.
        """
        data = ExampleTensors(self, examples)
        self.model.eval()

        def logits_of(chosen: npt.NDArray[Any]) -> Floats:
            with torch.inference_mode():
                table, states, rows = data.batch(chosen)
                return np.asarray(self.model(table, states, rows).double().numpy())

        spans = data.spans(np.arange(len(data.states_used)), ROWS_AT_ONCE)
        return np.concatenate([np.zeros(0), *batches_side_by_side(logits_of, spans)])

    def probabilities(self, examples: Examples) -> Floats:
        """Calibrated click probabilities with the position of each row, ``(n_rows,)`` float64."""
        return self.calibration.apply(self.logits(examples))


class ExampleTensors:
    """Examples as tensors, cut into batches that keep the rows of one state together."""

    def __init__(self, predictor: Predictor, examples: Examples) -> None:
        self.examples = examples
        self.table_CE = torch.from_numpy(examples.covers.vectors)
        self._states = predictor.state_tensors(examples.states, examples.items, examples.covers.vectors)
        self._factors = predictor.item_factors(examples.items)
        self._numeric = torch.from_numpy(predictor.scales.item.apply(examples.item_numeric))
        self._unseen = torch.from_numpy(unseen_items(examples.item_numeric))
        self.unseen_DN = torch.from_numpy(predictor.scales.item.apply(examples.unseen_numeric))
        self._shapes = torch.from_numpy(examples.title_shapes)
        self._words = torch.from_numpy(examples.items.words)
        self._category = torch.from_numpy(predictor.category_numbers(examples.items)[examples.item])
        self._affinity = predictor.affinity(examples.affinity)
        self.clicked = torch.from_numpy(examples.clicked.astype(np.float32))
        number = self._states.user_S.numpy()[examples.state]
        self.rows_of_user = torch.from_numpy(np.maximum(np.bincount(number, minlength=len(predictor.users) + 1), 1))
        self.states_used, first = np.unique(examples.state, return_index=True)
        if len(examples) and (np.diff(examples.state) < 0).any():
            raise ValueError("examples must be ordered by state; take them from load_examples and keep their order")
        self._starts = np.append(first, len(examples))

    def spans(self, order: npt.NDArray[Any], size: int) -> Iterator[npt.NDArray[Any]]:
        """Numbers of used states, in ``order``, cut so that each part has about ``size`` rows."""
        if not len(order):
            return
        rows = np.diff(self._starts)[order]
        part = (np.cumsum(rows) - rows) // size
        yield from np.split(order, np.flatnonzero(np.diff(part)) + 1)

    def row_numbers(self, chosen: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Rows of the chosen states, state by state."""
        sizes = np.diff(self._starts)[chosen]
        begins = np.repeat(self._starts[:-1][chosen] - (np.cumsum(sizes) - sizes), sizes)
        return np.asarray(begins + np.arange(sizes.sum()))

    def batch(self, chosen: npt.NDArray[Any]) -> tuple[Tensor, StateTensors, RowTensors]:
        """Vectors of the covers in the histories, states and rows of a part that :meth:`spans` gave."""
        picked = torch.from_numpy(self.states_used[chosen].astype(np.int64))
        states = StateTensors(*(values[picked] for values in self._states))
        # Only the covers these histories hold are projected; number 0 stays the unknown one.
        used, cover = np.unique(np.append(0, states.cover_SK.numpy()), return_inverse=True)
        states = states._replace(cover_SK=torch.from_numpy(cover[1:].reshape(states.cover_SK.shape)))
        numbers = self.row_numbers(chosen)
        at = torch.from_numpy(numbers)
        examples = self.examples
        state = np.repeat(np.arange(len(chosen)), np.diff(self._starts)[chosen])
        item = torch.from_numpy(examples.item[numbers])
        rows = RowTensors(
            state_B=torch.from_numpy(state),
            vector_BE=self.table_CE[torch.from_numpy(examples.cover[numbers])],
            numeric_BN=self._numeric[at],
            unseen_B=self._unseen[at],
            title_BT=self._shapes[torch.from_numpy(examples.title[numbers])],
            words_BW=self._words[item],
            item_B=item,
            category_B=self._category[at],
            affinity_B=self._affinity[at],
            place_B=torch.from_numpy(examples.position[numbers]),
            factors_BK=self._factors[item],
        )
        return self.table_CE[torch.from_numpy(used)], states, rows
