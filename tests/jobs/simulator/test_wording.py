"""Titles in their order."""

from jobs.simulator.wording import FRAMES, KINDS, PLAYFUL, all_wordings, title


def test_titles_are_in_the_order_that_logs_index(world, pack):
    place = (3 * len(KINDS) + 1) * 1570 + 40
    assert world.titles[place] == title(pack.subjects[40], 1, "ja")
    assert len(set(world.titles)) > 4 * 2 * 1570


def test_every_playful_frame_is_a_wording_and_the_title_is_one_of_them(pack):
    for subject in pack.subjects[:5]:
        found = all_wordings(subject, PLAYFUL, "de")
        assert len(set(found)) == len(FRAMES["de"])
        assert title(subject, PLAYFUL, "de") in found
