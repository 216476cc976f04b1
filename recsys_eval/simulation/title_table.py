"""Titles that were written for items and words groups, with what the title judge reads in them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from generation.personalization.dppmg.titles.choosing import Written
from generation.personalization.dppmg.titles.content import TitleContent
from generation.personalization.dppmg.titles.groups import group_parts, members
from generation.personalization.dppmg.titles.material import Material
from jobs.lake.arrays import Ints
from jobs.simulator.model import World
from recsys_eval.judge.title_judge import Reading, TitleJudge
from recsys_eval.statistics.bootstrap import Interval, bootstrap_mean


@dataclass(frozen=True)
class TitleTable:
    """Written titles and what was read in them. ``I`` items, ``G`` groups of one language each."""

    items: Ints
    """(I,) numbers in the world."""
    groups: list[str]
    written: list[list[Written]]
    """By item and group."""
    readings: list[list[Reading]]

    def column(self, group: str) -> list[Reading]:
        """(I,) what was read in a group's titles."""
        at = self.groups.index(group)
        return [row[at] for row in self.readings]


def read_table(
    world: World, judge: TitleJudge, contents: Sequence[TitleContent], groups: list[str], written: list[list[Written]]
) -> TitleTable:
    """Read every title."""
    items = world.item_index([content.item_id for content in contents])
    meant = [(int(item), group_parts(group)[0]) for item in items for group in groups]
    flat = judge.read([one.title for row in written for one in row], meant)
    size = len(groups)
    return TitleTable(items, groups, written, [flat[at : at + size] for at in range(0, len(flat), size)])


def shares(tables: Sequence[TitleTable], favourite: Mapping[str, int], seed: int) -> dict[str, Interval]:
    """Language, subject, checks, kind: shares of item x group x table, intervals over items."""
    rows: dict[str, list[float]] = {
        "right language": [],
        "right subject": [],
        "checks passed at the first": [],
        "plain because nothing passed": [],
        "in the kind the group likes most": [],
    }
    clusters: list[int] = []
    for table in tables:
        for item, readings, written in zip(table.items.tolist(), table.readings, table.written, strict=True):
            clusters += [item] * len(table.groups)
            for group, reading, one in zip(table.groups, readings, written, strict=True):
                rows["right language"].append(reading.language == group_parts(group)[0])
                rows["right subject"].append(reading.subject == item)
                rows["checks passed at the first"].append(one.first_passed)
                rows["plain because nothing passed"].append(one.chosen is None)
                rows["in the kind the group likes most"].append(reading.kind == favourite[group])
    return {
        name: bootstrap_mean(np.array(values, float), np.array(clusters), seed=seed) for name, values in rows.items()
    }


def true_favourites(world: World, material: Material) -> dict[str, int]:
    """The kind that the users of each group like most in truth, all its users."""
    found = {}
    for group, users in members(material.tastes.users, material.groups).items():
        taste = world.users.wording_taste[world.user_index(users)].mean(axis=0)
        found[group] = int(taste.argmax())
    return found
