"""Titles in their order."""

from jobs.simulator.wording import KINDS, title


def test_titles_are_in_the_order_that_logs_index(world, pack):
    place = (3 * len(KINDS) + 1) * 1570 + 40
    assert world.titles[place] == title(pack.subjects[40], 1, "ja")
    assert len(set(world.titles)) > 4 * 2 * 1570
