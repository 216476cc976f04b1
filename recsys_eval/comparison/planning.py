"""From a night to the plan of a comparison: who is told what, at which level, with which noise."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from generation.catalogue import segment_profiles
from generation.personalization.dppmg.tokens import codes_of_events
from generation.personalization.methods import Need
from generation.preference_tokens import painter_tokens
from generation.types import PREFERENCE_DIM, SegmentProfile
from generation.user_history import history_of_events
from jobs.features.log import Catalogue
from jobs.lake.arrays import Flags, Floats32
from jobs.lake.context import Context
from jobs.lake.examination import read_examination
from jobs.simulator.model import World
from recsys_eval.comparison.cast import Cast, Sizes
from recsys_eval.comparison.plan import Painters, Plan, add_arm, profile_of
from recsys_eval.people.events import Events, vectors_of_events
from recsys_eval.people.noise import KINDS, Injector, Kind

EVERYBODY = "everybody"


@dataclass(frozen=True, kw_only=True)
class Source:
    """What profiles are made from."""

    ctx: Context
    cast: Cast
    events: Events
    catalogue: Catalogue
    world: World
    seed: int

    needs: frozenset[Need] = frozenset({"preference"})
    """What the arms are told, all together."""

    def segments(self) -> list[SegmentProfile]:
        """Segments with a profile, by id."""
        lake, needs = self.ctx.lake, self.needs
        found = segment_profiles(lake, self.ctx.ds, histories="history" in needs, tokens="tokens" in needs)
        return [each for each, _ in found if each.known]

    def users(self, events: Events | None = None) -> list[SegmentProfile]:
        """Profiles of the users painted for, from their own events; of one without a click, nobody's."""
        events = events or self.events
        told = events.preferences(self.cast.people.ids, self.catalogue)
        told[self.cast.people.clicks == 0] = 0.0
        histories, codes = self._histories(events), self._codes(events)
        return [
            profile_of(user, row, histories.get(user), painter_tokens(codes.get(user, ())))
            for user, row in zip(self.cast.people.ids, told, strict=True)
        ]

    def _codes(self, events: Events) -> dict[str, tuple[int, ...]]:
        """Codes of each user, as the night tells them from these events; none where no arm is told any."""
        if "tokens" not in self.needs:
            return {}
        own = events.frame.filter(pl.col("user_id").is_in(list(self.cast.people.ids)))
        return codes_of_events(self.ctx.lake, self.cast.people.as_of, self.ctx.settings, own)

    def _histories(self, events: Events) -> dict[str, Floats32]:
        """(48, 165) of each user, as a night for single users tells them; none where no arm is told any."""
        if "history" not in self.needs:
            return {}
        as_of, examination = self.cast.people.as_of, read_examination(self.ctx.lake, self.cast.people.as_of)
        found = {
            user: history_of_events(rows, vectors_of_events(rows, self.catalogue), examination, as_of)
            for user in self.cast.people.ids
            if len(rows := events.of(user))
        }
        return {user: history for user, history in found.items() if history is not None}

    def noisy(self, rows: Flags, share: float, kind: Kind) -> list[SegmentProfile]:
        """Profiles of users with noise in the events of some of them; the others' are of nobody."""
        return self.users(self.noisy_events(rows, share, kind))

    def noisy_events(self, rows: Flags, share: float, kind: Kind) -> Events:
        """Events of some users with noise among them."""
        favourite = dict(zip(self.world.user_ids, self.world.favourite.tolist(), strict=True))
        inject = Injector(self.events, favourite, self.seed)
        users = [user for user, chosen in zip(self.cast.people.ids, rows, strict=True) if chosen]
        return inject.into(users, kind, share)


def noise_name(kind: str, share: float) -> str:
    """The audience of an arm with noise.

    Examples
    --------
    >>> noise_name("household", 0.4)
    'household 40%'
    """
    return f"{kind} {share:.0%}"


def plan_of(
    source: Source,
    painters: Painters,
    sizes: Sizes,
    *,
    levels: Sequence[str] = ("segment", "user"),
    noise: Sequence[float] = (),
) -> Plan:
    """Everything that a comparison paints.

    Segments and nobody are always painted: the user level is compared with them.
    """
    cast, plan = source.cast, Plan()
    everything = np.ones((1, len(cast.content)), bool)
    segments = source.segments()
    nobody = [profile_of(EVERYBODY, np.zeros(PREFERENCE_DIM, np.float32))]
    users = source.users() if "user" in levels else []
    for method in painters.arms:
        for seed in range(sizes.seeds):
            names = [each.segment_id for each in segments]
            for audience, profiles, whom, wanted in (
                ("segment", segments, names, np.repeat(everything, len(segments), axis=0)),
                ("everybody", nobody, [EVERYBODY], everything),
                ("user", users, cast.people.ids, cast.painted),
            ):
                if profiles:
                    add_arm(
                        plan, cast, painters, method=method, audience=audience, seed=seed, profiles=profiles, whom=whom,
                        wanted=wanted,
                    )  # fmt: skip
    if "user" in levels:
        _add_noise(plan, source, painters, sizes, noise)
    return plan


def _add_noise(plan: Plan, source: Source, painters: Painters, sizes: Sizes, noise: Sequence[float]) -> None:
    rows = source.cast.noisy(sizes.noise_users)
    for kind in KINDS:
        for share in (each for each in noise if each > 0):
            profiles = source.noisy(rows, share, kind)
            for method in painters.arms:
                add_arm(
                    plan,
                    source.cast,
                    painters,
                    method=method,
                    audience=noise_name(kind, share),
                    seed=0,
                    profiles=profiles,
                    whom=source.cast.people.ids,
                    wanted=source.cast.painted & rows[:, None],
                )
