"""``coverlift train ...``: each program is there and takes a frozen dataclass, of which its help names every option."""

import pytest

from jobs.cli.train import PROGRAMS
from tests.support.runs.command import call, help_and_flags


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.name)
def test_help_names_every_option_of_its_dataclass(program):
    shown, flags = help_and_flags("train", program)
    assert program.about.partition(",")[0].partition(":")[0][:30] in shown
    assert [flag for flag in flags if flag[:18] not in shown] == []


def test_a_program_that_there_is_not_is_wrong_usage():
    assert call("train", "nothing").exit_code == 2
