"""The model of the stickers world: who clicks what, with which probability.

For user u, item i, a cover with style probabilities s and similarity c to the subject, a
title of kind w, at position k::

    P(click) = k ** -power * sigmoid(base + bias_u + quality_i + subject_scale * f_u . g_i / sqrt(K)
                                     + taste_u . s + wording_u[w] - dissimilarity * (1 - c))

Pictures, labels and tags are real; everything else is simulated from ``ModelParameters``.
"""

from collections.abc import Sequence
from datetime import date, timedelta
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import expit

from conf.settings import WorldSettings
from jobs.lake.arrays import Flags, Floats, Ints
from jobs.simulator.catalogue import SimulatedItems, build_catalogue
from jobs.simulator.parameters import ModelParameters, examination, parameters_of
from jobs.simulator.users import Users, draw_users
from jobs.simulator.wording import PLAIN, all_titles
from jobs.stickers.pack import FAMILIES, PicturePack

USERS_STREAM, CATALOGUE_STREAM, TREATMENT_STREAM = 1, 2, 3
"""Random streams of the world's seed; the log's streams are in ``logs.py``."""


class World:
    """Users, items and the true probability of a click; the same settings give the same world.

    Parameters
    ----------
    settings
        Size, days and seed.
    pack
        The real pictures; read from the package when left out.
    parameters
        The model's numbers; those of ``settings.wording`` when left out.
    """

    def __init__(
        self,
        settings: WorldSettings,
        pack: PicturePack | None = None,
        parameters: ModelParameters | None = None,
    ) -> None:
        self.settings = settings
        self.parameters = parameters or parameters_of(settings.wording)
        self.last_day: date = settings.start + timedelta(days=settings.days - 1)
        self.users: Users = draw_users(
            round(settings.users * settings.scale), self.parameters, self.stream(USERS_STREAM)
        )
        self.items: SimulatedItems = build_catalogue(
            (pack or PicturePack.load()).sample(settings.subjects),
            self.parameters,
            start=settings.start,
            last_day=self.last_day,
            seed=self.stream(CATALOGUE_STREAM),
        )

    def stream(self, *key: int) -> np.random.SeedSequence:
        """The seed of a named random stream."""
        return np.random.SeedSequence([self.settings.seed, *key])

    # --- identities -------------------------------------------------------------------------

    @cached_property
    def user_ids(self) -> list[str]:
        """``u0000000`` onwards, in the order of user numbers."""
        return [f"u{number:07d}" for number in range(self.users.size)]

    @cached_property
    def titles(self) -> list[str]:
        """Every title, in the order of ``wording.all_titles``."""
        return all_titles(self.items.pack.subjects)

    @cached_property
    def _item_numbers(self) -> dict[str, int]:
        return {item_id: number for number, item_id in enumerate(self.items.item_ids)}

    def user_index(self, user_ids: Sequence[str]) -> Ints:
        """(N,) numbers of users.

        Raises
        ------
        ValueError
            An id is not one of this world's.
        """
        numbers = np.fromiter((int(u[1:]) if u[1:].isdigit() else -1 for u in user_ids), np.int64, len(user_ids))
        strange = (numbers < 0) | (numbers >= self.users.size)
        if strange.any():
            raise ValueError(
                f"user {user_ids[int(np.argmax(strange))]!r} is not in this world of {self.users.size} users: "
                "use the world.* settings that the log was made with"
            )
        return np.asarray(numbers, dtype=np.int64)

    def item_index(self, item_ids: Sequence[str]) -> Ints:
        """(N,) numbers of items.

        Raises
        ------
        ValueError
            An id is not a subject of the picture pack.
        """
        try:
            return np.fromiter((self._item_numbers[i] for i in item_ids), np.int64, len(item_ids))
        except KeyError as error:
            raise ValueError(f"item {error} is not a subject of the stickers world") from None

    # --- tastes -----------------------------------------------------------------------------

    @property
    def style_taste(self) -> Floats:
        """(U, 6) logits for the families, in the order of ``pack.FAMILIES``."""
        return self.users.style_taste

    @cached_property
    def favourite(self) -> Ints:
        """(U,) the family a user likes most."""
        return np.asarray(np.argmax(self.users.style_taste, axis=1), dtype=np.int64)

    def subject_taste(self, users: Ints, items: Ints) -> Floats:
        """Logits of users for subjects; ``users`` (...,) and ``items`` (...,) of one shape."""
        scale = self.parameters.subject_scale / np.sqrt(self.parameters.factors)
        return np.asarray(
            scale * np.einsum("...k,...k->...", self.users.factors[users], self.items.factors[items]), dtype=np.float64
        )

    def attraction(
        self,
        users: Ints,
        items: Ints,
        style_probs: Floats,
        similarity: ArrayLike,
        wording: ArrayLike = PLAIN,
    ) -> Floats:
        """(N,) logit of a click when the position is looked at; arguments as in ``click_probability``."""
        chosen = self.parameters
        return np.asarray(
            chosen.base
            + self.users.bias[users]
            + self.items.quality[items]
            + self.subject_taste(users, items)
            + np.einsum("nf,nf->n", self.users.style_taste[users], style_probs)
            + self.users.wording_taste[users, np.asarray(wording)]
            - chosen.dissimilarity * (1 - np.asarray(similarity)),
            dtype=np.float64,
        )

    def click_probability(
        self,
        users: Ints,
        items: Ints,
        style_probs: Floats,
        similarity: ArrayLike,
        wording: ArrayLike = PLAIN,
        position: Ints | None = None,
    ) -> Floats:
        """True probability of a click.

        Parameters
        ----------
        users, items
            (N,) numbers, see ``user_index`` and ``item_index``.
        style_probs
            (N, 6) probabilities over the families; one-hot for an existing drawing.
        similarity
            (N,) or a number in [0, 1]: how well the picture shows the subject; 1 for an existing drawing.
        wording
            (N,) or one number in ``wording.KINDS``.
        position
            (N,) from 1; None leaves the position bias out, as if all were at position 1.

        Returns
        -------
        ndarray
            (N,) float64 in (0, 1).

        Raises
        ------
        ValueError
            ``style_probs`` has not six columns and one row per user.
        """
        expected = (len(users), len(FAMILIES))
        if np.shape(style_probs) != expected:
            raise ValueError(f"style_probs has shape {np.shape(style_probs)}, expected {expected}: one row per user")
        chance = np.asarray(expit(self.attraction(users, items, style_probs, similarity, wording)), dtype=np.float64)
        return chance if position is None else chance * examination(position, self.parameters)

    # --- the next day's experiment ------------------------------------------------------------

    @cached_property
    def treated(self) -> Flags:
        """(U,) users to whom the next day shows published covers: exactly ``play_share`` of them, at random."""
        order = np.random.default_rng(self.stream(TREATMENT_STREAM)).permutation(self.users.size)
        chosen = np.zeros(self.users.size, dtype=np.bool_)
        chosen[order[: round(self.settings.play_share * self.users.size)]] = True
        return chosen
