"""The command, called in this process."""

from dataclasses import is_dataclass
from typing import get_type_hints

from typer.testing import CliRunner

from conf.command_line import options_of
from jobs.cli.main import app
from jobs.stages import resolve


def call(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def help_and_flags(group, program):
    """What a program's help shows, and the flags of its options, which are a frozen dataclass."""
    kind = get_type_hints(resolve(program.function))["options"]
    assert is_dataclass(kind)
    assert kind.__dataclass_params__.frozen
    done = call(group, program.name, "--help")
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split()), [option.flag.partition("/")[0] for option in options_of(kind)]
