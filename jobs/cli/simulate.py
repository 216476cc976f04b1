"""``coverlift simulate``: the closed loop of the built-in world."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from jobs.cli.app import (
    HOME,
    ConfigOption,
    DebugOption,
    HomeOption,
    OverrideOption,
    ProfileOption,
    errors_explained,
    make_console,
    make_context,
)
from jobs.cli.night import How, run_night

if TYPE_CHECKING:
    from jobs.lake.context import Context
    from jobs.stages import Stage

EVERYBODY = "world.play_share=1"
"""Nobody is kept from the covers, unless ``-o world.play_share`` says so: the loop compares by true clicks."""


def simulate(
    nights: Annotated[
        int | None,
        typer.Option("--nights", min=1, help="How many nights, one after another.", show_default="14, or as begun"),
    ] = None,
    methods: Annotated[
        list[str] | None,
        typer.Option(
            "--methods",
            help="A method, which lives in a world of its own. May be repeated.",
            show_default="profile and icg, or as begun",
        ),
    ] = None,
    frozen: Annotated[
        list[str] | None,
        typer.Option(
            "--frozen",
            help="A method of the loop that lives a second time, as a control whose tastes and click model stay those "
            "of the first night. May be repeated.",
            show_default="none, or as begun",
        ),
    ] = None,
    day: Annotated[
        datetime | None,
        typer.Option("--ds", formats=["%Y-%m-%d"], help="The first night.", show_default="the world's last day"),
    ] = None,
    home: HomeOption = HOME,
    config: ConfigOption = None,
    profile: ProfileOption = None,
    override: OverrideOption = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the loop that HOME/loop holds.")] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say how many nights and pictures, and about how long; change nothing.")
    ] = False,
    debug: DebugOption = False,
) -> None:
    """Close the loop in the built-in world (simulated): covers are shown, users click, the next night learns."""
    with errors_explained(debug):
        from jobs.simulate import asked_for, check, foretold, run_loop

        context = make_context(day, home, config, profile, [EVERYBODY, *(override or [])])
        loop = asked_for(
            context.home,
            context.settings,
            first=day.date() if day else None,
            nights=nights,
            methods=tuple(methods or ()),
            frozen=tuple(frozen or ()),
        )
        if dry_run:
            check(loop, resume=resume)
            for line in foretold(loop):
                typer.echo(line)
            return

        def run(night: "Context", stages: "tuple[Stage, ...]") -> None:
            run_night(night, stages, How())

        run_loop(loop, run, typer.echo, resume=resume)
        make_console().print(f"Table, page and chart: {loop.folder}/loop.json, .md, .svg", soft_wrap=True)


def add_commands(app: typer.Typer) -> None:
    """Add it to the command."""
    app.command()(simulate)
