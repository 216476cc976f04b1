"""Shares of titles on a small strong world, with titles that are known to be right or wrong."""

import pytest

from jobs.simulator.wording import PLAYFUL
from recsys_eval.simulation.title_table import shares
from tests.support.tastes.title_tables import GROUPS, KIND, strong_world, table_of


@pytest.fixture(scope="module")
def world():
    return strong_world()


def test_right_titles_are_right_in_every_share(world):
    found = shares([table_of(world, KIND)], KIND, seed=0)
    assert {name: cell.value for name, cell in found.items()} == {
        "right language": 1.0,
        "right subject": 1.0,
        "checks passed at the first": 1.0,
        "plain because nothing passed": 0.0,
        "in the kind the group likes most": 1.0,
    }
    other = shares([table_of(world, dict.fromkeys(GROUPS, PLAYFUL))], KIND, seed=0)
    assert other["in the kind the group likes most"].value == 0.5


def test_several_tables_count_together(world):
    right, playful = table_of(world, KIND), table_of(world, dict.fromkeys(GROUPS, PLAYFUL))
    assert shares([right, playful], KIND, seed=0)["in the kind the group likes most"].value == 0.75
