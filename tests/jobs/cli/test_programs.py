"""Options of commands from dataclasses."""

from dataclasses import dataclass, field

import typer
from typer.testing import CliRunner

from conf.command_line import told
from jobs.cli.programs import run_program


@dataclass(frozen=True, kw_only=True)
class Pace:
    steps: int = 1
    """How many."""
    rate: float = 0.1


@dataclass(frozen=True, kw_only=True)
class Painting:
    guidance: tuple[float, ...] = ()
    pace: Pace = field(default=Pace(steps=3, rate=0.5), metadata={"fixed": ("rate",)})


def test_an_option_of_a_training_reaches_its_dataclass(monkeypatch):
    given = []

    def work(options: Painting) -> None:
        given.append(options)

    app = typer.Typer()
    app.command()(run_program(work))
    done = CliRunner().invoke(app, ["--steps", "5", "--guidance", "1", "--guidance", "2.5"])
    assert done.exit_code == 0, done.output
    assert given == [Painting(guidance=(1.0, 2.5), pace=Pace(steps=5, rate=0.5))]
    assert told("coverlift x", given[0]) == "coverlift x --guidance 1.0 --guidance 2.5 --steps 5"
