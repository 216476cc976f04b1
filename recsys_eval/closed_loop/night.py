"""A night of the closed loop as rows of its table: true clicks of every arm, and what each method's night did."""

from collections.abc import Mapping
from datetime import timedelta
from functools import partial
from typing import Any

from conf.settings import Settings
from jobs.lake.context import Context
from jobs.simulator import stage as stickers
from jobs.simulator.log.files import MARKER, check_same
from jobs.simulator.model import World
from jobs.simulator.played_day import appearance_of_covers
from recsys_eval.arm_names import twin
from recsys_eval.closed_loop.truth import ArmTruth, PlayedTruth, arm_truths, played_truth, pooled
from recsys_eval.statistics.lift import Estimate
from reward_model import registry


class LoopWorld:
    """The world that all methods of a loop begin in.

    Parameters
    ----------
    settings
        Of the loop: its world, and the evaluation's resampling.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.world = World(settings.world)
        self._days: dict[int, PlayedTruth] = {}

    def check(self, context: Context) -> None:
        """Refuse a home whose world is another one; a home without any may become this one's.

        Raises
        ------
        UsageError
            The settings that differ are named.
        """
        root = stickers.input_folder(context)
        if (root / MARKER).exists():
            check_same(self.world, root)

    def rows(self, number: int, contexts: Mapping[str, Context]) -> list[dict[str, Any]]:
        """Rows of the loop's table of one night: an arm each.

        Parameters
        ----------
        number
            Of the night, from 1.
        contexts
            Method to its finished night; all of one ``ds``.
        """
        ds = next(iter(contexts.values())).ds
        campaigns = {
            method: stickers.tonights_campaign(each, self.world, partial(appearance_of_covers, each.lake, each.images))
            for method, each in contexts.items()
        }
        day = ds + timedelta(days=1)
        truth = self._days[number] = played_truth(self.world, day, campaigns)
        chosen = self.settings.evaluate
        place = {"night": number, "ds": ds.isoformat(), "day": day.isoformat()}
        size = {"users": len(truth.impressions), "impressions": int(truth.impressions.sum())}
        return [
            {
                **place,
                "arm": arm,
                **size,
                **_as_columns(found),
                **(facts_of(contexts[arm]) if arm in contexts else NO_FACTS),
            }
            for arm, found in arm_truths(truth, resamples=chosen.bootstrap, seed=chosen.seed).items()
        ]

    def learned(self) -> list[dict[str, Any]]:
        """What learning after the first night is worth: each method over its frozen twin, later nights together.

        Of the nights given to :meth:`rows`; users are resampled, with all their requests of all these nights. Empty
        while there was no second night, or without twins.
        """
        later = {number: day for number, day in self._days.items() if number > 1}
        if not later:
            return []
        chosen, together = self.settings.evaluate, pooled([later[number] for number in sorted(later)])
        found = arm_truths(together, resamples=chosen.bootstrap, seed=chosen.seed)
        return [
            {
                "method": arm,
                "nights": sorted(later),
                "users": len(together.users),
                "impressions": int(together.impressions.sum()),
                "over_frozen": _interval(truth.over_frozen),
                "detectable": truth.over_frozen.detectable,
                "gap_closed": _interval(truth.gap_closed),
                "frozen_gap_closed": _interval(found[twin(arm)].gap_closed),
            }
            for arm, truth in found.items()
            if truth.over_frozen is not None
        ]


def _as_columns(found: ArmTruth) -> dict[str, Any]:
    names = ("ctr", "lift", "gap_closed", "over_first", "over_frozen")
    figures = {name: getattr(found, name) for name in names}
    return {**{name: _interval(figure) for name, figure in figures.items()}, "covered": found.covered}


def _interval(found: Estimate | None) -> dict[str, float | None] | None:
    return None if found is None else {"value": found.value, "low": found.low, "high": found.high, "p": found.p}


NO_FACTS: dict[str, Any] = dict.fromkeys(("live", "new", "painted", "gauc", "champion_is_new", "seconds"))
"""Of an arm that no night makes."""


def facts_of(context: Context) -> dict[str, Any]:
    """What a method's night did: covers that are live, and of these never live before; the reward model's GAUC."""
    live = context.lake.read("published_covers", ds=context.ds, columns=["cover_id"])["cover_id"].to_pylist()
    before = [("ds", "<", context.ds.isoformat())]
    known = set(context.lake.read("published_covers", columns=["cover_id"], filters=before)["cover_id"].to_pylist())
    runs = context.lake.read("runs", ds=context.ds, columns=["stage", "seconds", "metrics"]).to_pylist()
    painted = next(dict(run["metrics"])["pictures_painted"] for run in runs if run["stage"] == "generate")
    decision = registry.read_champion(context.home, context.ds)
    manifest = registry.read_manifest(registry.models_dir(context.home) / decision["challenger"])
    gauc = manifest["metrics"]["torch"]["gauc"]
    return {
        "live": len(live),
        "new": len(set(live) - known),
        "painted": int(painted),
        "gauc": {name: gauc[name] for name in ("value", "low", "high")},
        "champion_is_new": decision["version"] == decision["challenger"] and "frozen_since" not in decision,
        "seconds": sum(run["seconds"] for run in runs),
    }
