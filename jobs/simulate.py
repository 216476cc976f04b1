"""The closed loop: night after night in the built-in world, each learning from the clicks on what the last published.

Every method has a home of its own, so that its users are shown its covers alone; all begin in the same world. A night
is the production code of a night (:mod:`jobs.nightly`), stage by stage: ``play`` lives the next day with the published
covers, and the next night reads that day as any other of the log. ``evaluate`` and ``report`` are left out: the loop
has a measure of its own (:mod:`recsys_eval.closed_loop`). Killed, it goes on at the stage where it was, for the run
ledger of each home knows what is done.
"""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from pathlib import Path
from typing import Any, TypeAlias

from conf.errors import UsageError
from conf.settings import GenerationSettings, Settings
from generation.personalization.methods import check_methods, needed, with_what_methods_need
from jobs.lake.context import Context
from jobs.ledger import past_runs
from jobs.lock import only_one
from jobs.nightly import changed_settings
from jobs.stages import STAGES, Stage
from recsys_eval.arm_names import twin, twin_of
from recsys_eval.closed_loop.frozen import frozen_stages
from recsys_eval.closed_loop.night import LoopWorld
from recsys_eval.closed_loop.report import TABLE, write_report

NIGHTS, METHODS = 14, ("profile", "icg")
"""Where nothing else is asked for."""
LEFT_OUT = ("evaluate", "report")
"""Stages of a night that the loop does not need, and that take longer than all others."""
NO_MATTER = frozenset({"ds", "profile", "spark", "observe"})
"""Settings that decide no figure."""
SECONDS_A_NIGHT, SECONDS_A_PICTURE, SECONDS_A_THOUSAND_IMPRESSIONS = 40.0, 0.06, 0.37
"""Of the default night on two cores that do nothing else (docs/experiments/2026-11-29_night.md): its fixed part, what
paints, scores and judges, and what reads the log."""

RunNight: TypeAlias = Callable[[Context, tuple[Stage, ...]], object]
"""Runs the stages of one night with its progress on the screen."""
Tell: TypeAlias = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Loop:
    """What is asked for."""

    home: Path
    """The loop lies in its folder ``loop``: the table, and a home a method."""
    settings: Settings
    first: date | None
    """The first night; None is the world's last day, the only one that it may be."""
    nights: int
    methods: tuple[str, ...]
    frozen: tuple[str, ...] = ()
    """Those of the methods that live beside a twin that learns nothing after its first night."""

    @property
    def arms(self) -> tuple[str, ...]:
        """The methods, then the frozen twins; each has a home."""
        return (*self.methods, *map(twin, self.frozen))

    @property
    def folder(self) -> Path:
        """Of the loop."""
        return self.home / "loop"

    @property
    def begins(self) -> date:
        """The first night."""
        world = self.settings.world
        return world.start + timedelta(days=world.days - 1)

    @cached_property
    def by_method(self) -> dict[str, Settings]:
        """Settings of each arm's nights: its method alone, without what is painted for a report."""
        found = {}
        for arm in self.arms:
            method = twin_of(arm)
            alone = self.settings.generation.painted_by(method).model_copy(update={"evaluation_items": 0})
            check_methods(alone)
            found[arm] = with_what_methods_need(self.settings.model_copy(update={"generation": alone}))
        return found

    def context(self, number: int, arm: str) -> Context:
        """A night of an arm, from 1."""
        ds = self.begins + timedelta(days=number - 1)
        return Context(ds=ds, home=self.folder / arm, settings=self.by_method[arm])

    def contexts(self, number: int) -> dict[str, Context]:
        """A night of every arm."""
        return {arm: self.context(number, arm) for arm in self.arms}

    @property
    def deciding(self) -> dict[str, Any]:
        """The settings that a loop may not change on its way."""
        return {name: value for name, value in self.settings.model_dump(mode="json").items() if name not in NO_MATTER}

    def stages(self, number: int, arm: str) -> tuple[Stage, ...]:
        """The stages of a night of an arm; a twin's first night is its method's."""
        return loop_stages() if number == 1 or arm in self.methods else frozen_stages(loop_stages())

    def document(self, table: list[dict[str, Any]], learned: list[dict[str, Any]]) -> dict[str, Any]:
        """What ``loop.json`` says beside what it is."""
        return {
            "first_night": self.begins.isoformat(),
            "nights": self.nights,
            "methods": list(self.methods),
            "frozen": list(self.frozen),
            "left_out": list(LEFT_OUT),
            "settings": self.deciding,
            "table": table,
            "learned": learned,
        }


def asked_for(
    home: Path,
    settings: Settings,
    *,
    first: date | None,
    nights: int | None,
    methods: tuple[str, ...],
    frozen: tuple[str, ...],
) -> Loop:
    """The loop of some options; what is left out is as the home's loop was begun, else the default."""
    begun = begun_in(home / "loop")
    return Loop(
        home=home,
        settings=settings,
        first=first,
        nights=nights or begun.get("nights", NIGHTS),
        methods=methods or tuple(begun.get("methods", METHODS)),
        frozen=frozen or tuple(begun.get("frozen", ())),
    )


def begun_in(folder: Path) -> dict[str, Any]:
    """``loop.json`` of a loop that was begun; empty without one."""
    there = folder / TABLE
    found: dict[str, Any] = json.loads(there.read_text(encoding="utf-8")) if there.is_file() else {}
    return found


def loop_stages() -> tuple[Stage, ...]:
    """The stages of a night of the loop."""
    return tuple(stage for stage in STAGES if stage.name not in LEFT_OUT)


def check(loop: Loop, *, resume: bool) -> None:
    """Refuse what cannot become a loop, or what would mix two of them, before anything is written.

    Raises
    ------
    UsageError
        Wrong options or settings; a home of another loop or world; a loop that is there already without ``resume``,
        or none with it.
    """
    _check_options(loop)
    begun = begun_in(loop.folder)
    if bool(begun) != resume:
        raise UsageError(
            f"{loop.folder} holds no loop to go on with: leave --resume out, or name its --home."
            if resume
            else f"{loop.folder} holds a loop: --resume goes on with it; for another one choose another --home."
        )
    if resume:
        _check_same(loop, begun)
    world = LoopWorld(loop.settings)
    for method, context in loop.contexts(1).items():
        world.check(context)
        if not resume and context.home.exists() and any(context.home.iterdir()):
            raise UsageError(f"{context.home} holds files that no loop wrote: {method} needs a home of its own there.")


def _check_same(loop: Loop, begun: dict[str, Any]) -> None:
    differ = changed_settings(begun["settings"], loop.deciding)
    if differ:
        raise UsageError(
            f"{loop.folder} was begun with other settings: {'; '.join(differ)}. "
            "Go on with those that it was begun with, or choose another --home."
        )
    if not set(begun["methods"]) <= set(loop.methods):
        raise UsageError(
            f"{loop.folder} was begun with --methods {', '.join(begun['methods'])}: others may join, none may leave."
        )
    lived, twins = max((row["night"] for row in begun["table"]), default=0), begun.get("frozen", [])
    if not set(twins) <= set(loop.frozen) or (lived and set(twins) != set(loop.frozen)):
        raise UsageError(
            f"{loop.folder} was begun with --frozen {', '.join(twins) or 'none'}: none may leave, and none may join "
            "after the first night, which a twin shares with its method. Begin another loop for it."
        )
    if loop.nights < lived:
        raise UsageError(f"--nights {loop.nights}: {loop.folder} has lived {lived} nights already; ask for more.")


def _check_options(loop: Loop) -> None:
    settings, lake = loop.settings, loop.settings.lake
    if settings.ingest.source != "stickers":
        raise UsageError(
            f"ingest.source={settings.ingest.source}: nobody clicks in a log of files; the loop needs the built-in "
            "world, ingest.source=stickers."
        )
    shared = {
        "lake.tables_url": lake.tables_url,
        "lake.images_url": lake.images_url,
        "ingest.input": settings.ingest.input,
    }
    named = [f"{name}={value}" for name, value in shared.items() if value is not None]
    if named:
        raise UsageError(f"{named[0]}: every method of the loop has a home of its own; leave it out.")
    if loop.first not in (None, loop.begins):
        raise UsageError(
            f"--ds {loop.first}: the loop begins with the night of the world's last day, {loop.begins}; the world "
            "plays the days after that one. Move it with world.start and world.days."
        )
    if len(set(loop.methods)) != len(loop.methods) or not loop.methods:
        raise UsageError(f"--methods {' '.join(loop.methods)}: name every method once.")
    if len(set(loop.frozen)) != len(loop.frozen) or not set(loop.frozen) <= set(loop.methods):
        raise UsageError(
            f"--frozen {' '.join(loop.frozen)}: name methods of the loop, each once: {', '.join(loop.methods)}."
        )
    for arm, settings_of_arm in loop.by_method.items():  # a method that there is not is refused here
        if arm not in loop.methods and "tokens" in needed(settings_of_arm.generation):
            raise UsageError(
                f"--frozen {twin_of(arm)}: its preference tokens are learned anew every night, and no twin "
                "can keep them yet; leave it out."
            )


def foretold(loop: Loop) -> list[str]:
    """What a run would do, in lines: nights, pictures at most, and about how long it takes."""
    left = [
        (number, arm)
        for number in range(1, loop.nights + 1)
        for arm in loop.arms
        if not _done(loop.context(number, arm))
    ]
    last = loop.begins + timedelta(days=loop.nights - 1)
    each = pictures_at_most(loop.settings.generation)
    measured = [seconds for number in range(1, loop.nights + 1) for seconds in _measured(loop, number)]
    mean = sum(measured) / len(measured) if measured else _expected_seconds(loop.settings)
    told = f"{len(measured)} finished nights of this loop" if measured else "the default world on two cores"
    twins = f" and {len(loop.frozen)} frozen twins ({', '.join(map(twin, loop.frozen))})" if loop.frozen else ""
    return [
        f"{loop.nights} nights, {loop.begins} to {last}, for {len(loop.methods)} methods ({', '.join(loop.methods)})"
        f"{twins}; {len(left)} of {loop.nights * len(loop.arms)} are left.",
        f"At most {each:,} pictures a night for segments, {each * len(left):,} in all, and each item that is painted "
        "once more for users without a profile; what is in the store is not painted again.",
        f"About {mean / 60:.0f} minutes a night, {mean * len(left) / 3600:.1f} hours in all, by {told}.",
        f"Stages left out: {', '.join(LEFT_OUT)}. Users treated: {loop.settings.world.play_share:.0%}.",
    ]


def pictures_at_most(settings: GenerationSettings) -> int:
    """Pictures that a night may paint for segments and single users."""
    alone = settings.user_units if settings.level == "user" else 0
    return settings.candidates * (settings.max_units + alone)


def _expected_seconds(settings: Settings) -> float:
    thousands = settings.world.impressions * settings.world.scale / 1000
    painting = SECONDS_A_PICTURE * pictures_at_most(settings.generation)
    return SECONDS_A_NIGHT + painting + SECONDS_A_THOUSAND_IMPRESSIONS * thousands


def _done(context: Context) -> bool:
    last = past_runs(context).get("play") if context.home.exists() else None
    return last is not None and last.done


def _measured(loop: Loop, number: int) -> list[float]:
    nights = [context for context in loop.contexts(number).values() if _done(context)]
    return [sum(run.seconds for run in past_runs(context).values()) for context in nights]


def run_loop(loop: Loop, run: RunNight, tell: Tell, *, resume: bool) -> None:
    """Run every night of every method, and measure it when all methods have lived it.

    Parameters
    ----------
    loop
        What is asked for.
    run
        Runs one night's stages.
    tell
        Says a line of progress.
    resume
        Whether the loop is there already.

    Raises
    ------
    UsageError
        As :func:`check`; nothing was written then.
    Exception
        Whatever a stage raised; the same command with ``--resume`` goes on there.
    """
    check(loop, resume=resume)
    with only_one(loop.folder):
        world, table = LoopWorld(loop.settings), list[dict[str, Any]]()
        if not resume:
            write_report(loop.folder, loop.document(table, []))
        for number in range(1, loop.nights + 1):
            contexts = loop.contexts(number)
            for arm, context in contexts.items():
                tell(f"Night {number} of {loop.nights}, {context.ds}: {arm}")
                if arm not in loop.methods:
                    _begin_twin(loop, arm)
                run(context, loop.stages(number, arm))
            table += world.rows(number, contexts)
            write_report(loop.folder, loop.document(table, world.learned()))
            tell(told(table, number))


def _begin_twin(loop: Loop, arm: str) -> None:
    """Give a twin its method's home as the first night left it, all of it or nothing; the night is not lived twice."""
    home = loop.folder / arm
    if not home.exists():
        draft = home.with_name(f".{arm}.new")
        shutil.rmtree(draft, ignore_errors=True)
        shutil.copytree(loop.folder / twin_of(arm), draft)
        draft.rename(home)


def told(table: list[dict[str, Any]], number: int) -> str:
    """A night's true clicks in one line."""
    arms = [
        f"{row['arm']} {row['ctr']['value']:.2%}" + (f" ({row['lift']['value']:+.1%})" if row["lift"] else "")
        for row in table
        if row["night"] == number
    ]
    return f"Night {number}, true click-through rate (simulated): {', '.join(arms)}"
