"""A cover, a written title, and both: what each is worth to held-out users in truth (simulated).

Titles are those that the writer writes for the words groups of the users, chosen as in a night; a seed of writing goes
with every painting seed. Beside them stands the item's label in the reader's language, the plain title.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.special import expit, logit

from generation.personalization.dppmg.titles.checkpoint import load_writer
from generation.personalization.dppmg.titles.choosing import write_titles
from generation.personalization.dppmg.titles.groups import group_parts
from generation.personalization.dppmg.titles.material import read_material
from jobs.lake.arrays import Floats, Ints
from jobs.lake.context import Context
from jobs.lake.schema.columns import EMBED_DIM
from jobs.simulator.wording import PLAIN
from jobs.stickers.pack import LANGUAGES
from recsys_eval.arm_names import ALONE, ORIGINAL, chosen_to_agree, with_title
from recsys_eval.comparison.eyes import ENCODED
from recsys_eval.comparison.figures.appearance import MEASURES, REAL, Cells, painted
from recsys_eval.comparison.figures.audience import Audience
from recsys_eval.comparison.figures.gallery import Lab
from recsys_eval.comparison.figures.worth import Means, chances_of, resampled_means
from recsys_eval.judge.title_judge import Reading, TitleJudge
from recsys_eval.simulation.title_table import TitleTable, read_table, shares, true_favourites
from recsys_eval.simulation.written import over_plain_logit
from recsys_eval.statistics.bootstrap import Interval


@dataclass(frozen=True, kw_only=True)
class Writing:
    """Titles of the items of a comparison."""

    tables: tuple[TitleTable, ...]
    """One a seed."""
    favourite: Mapping[str, int]
    """Words group to the kind of title that its users like most in truth."""
    group: Mapping[str, str]
    """User to words group."""

    @classmethod
    def of(cls, ctx: Context, lab: Lab, folder: Path, *, seeds: int) -> "Writing":
        """Write titles for every words group, checked and chosen as in the night.

        Raises
        ------
        UsageError
            No item has labels by language, or the folder has no writer.
        """
        writer, codes = load_writer(folder)
        material, judge = read_material(ctx, codes), TitleJudge(lab.world.items.pack.subjects)
        contents = [material.content[item] for item in lab.cast.item_ids if item in material.content]
        groups = sorted(set(material.groups) - {""})
        wanted = ctx.settings.titles
        tables = tuple(
            read_table(
                lab.world,
                judge,
                contents,
                groups,
                write_titles(
                    writer, material.reward, contents, groups, samples=wanted.samples, seed=wanted.seed + number
                ),
            )
            for number in range(seeds)
        )
        return cls(
            tables=tables,
            favourite=true_favourites(lab.world, material),
            group={user: group for user, group in zip(material.tastes.users, material.groups, strict=True) if group},
        )

    def shares(self, seed: int) -> dict[str, Interval]:
        """What titles are like, over items, groups and seeds; intervals over items."""
        return shares(self.tables, self.favourite, seed)

    def readings(self, lab: Lab, audience: Audience) -> list[list[list[Reading]]]:
        """:meth:`read` of every seed."""
        return [self.read(lab, audience, number) for number in range(len(self.tables))]

    def read(self, lab: Lab, audience: Audience, number: int) -> list[list[Reading]]:
        """(U, I) what stands in the title that each user reads; the plain title where none was written for them."""
        table = self.tables[number]
        place = {int(item): row for row, item in enumerate(table.items)}
        column = {group: table.column(group) for group in table.groups}
        found = []
        for user, who in zip(audience.people.ids, audience.users, strict=True):
            language, mine = LANGUAGES[lab.world.users.language[who]], column.get(self.group.get(user, ""))
            found.append(
                [
                    Reading(item, language, PLAIN, 1.0) if mine is None or item not in place else mine[place[item]]
                    for item in lab.items.tolist()
                ]
            )
        return found


def added_logits(lab: Lab, audience: Audience, readings: list[list[Reading]]) -> Floats:
    """(U, I) what written titles add to the logit of a click, over the plain title."""
    users, items = np.repeat(audience.users, len(lab.items)), np.tile(lab.items, len(audience.users))
    added = over_plain_logit(lab.world, users, items, [reading for row in readings for reading in row])
    return added.reshape(len(audience.users), len(lab.items))


def worth_with_titles(lab: Lab, audience: Audience, readings: Sequence[list[list[Reading]]]) -> Means | None:
    """True click probability of covers alone, titles alone and both, over the same cells.

    ``readings`` are of :meth:`Writing.readings`.
    """
    added = [added_logits(lab, audience, each) for each in readings]
    original = audience.drawn.original
    arms: dict[str, Floats] = {
        ORIGINAL: original[None],
        ALONE: np.stack([expit(logit(original) + each) for each in added]),
    }
    for method in lab.methods:
        covers = [
            chances_of(lab.world, audience.users, lab.items, table, lab.style, lab.similarity)
            for table in audience.shown[method]
        ]
        arms[method] = np.stack(covers)
        arms[with_title(method)] = np.stack(
            [expit(logit(cover) + each) for cover, each in zip(covers, added, strict=True)]
        )
    return resampled_means(arms, audience.weight, resamples=lab.resamples, seed=lab.seed)


def nearest_to_titles(lab: Lab, tables: Sequence[Ints], titles: Floats) -> Ints:
    """(U, I) rows: of the paintings of all seeds the one nearest to the item's title by the packaged encoder.

    Parameters
    ----------
    tables
        (U, I) rows of pictures, one table a painting seed; -1 without one.
    titles
        (I, 128) unit vectors of the items' titles.
    """
    rows = np.stack(tables)
    pictures = lab.seen.looks[ENCODED][:, :EMBED_DIM].astype(np.float64)
    cosine = np.where(rows >= 0, np.einsum("suid,id->sui", pictures[rows], titles), -np.inf)
    return np.asarray(np.take_along_axis(rows, cosine.argmax(axis=0)[None], axis=0)[0], np.int64)


def agreement(lab: Lab, audience: Audience, readings: Sequence[list[list[Reading]]], titles: Floats) -> Means | None:
    """Whether picture and title are both of the item, by the judge and the title judge, over the same cells.

    The picture's subject is found first of all held-out ones, and the title tells it in the reader's language. Beside
    them real drawings under the plain title, and what a cross-modal reward brings: the painting that agrees best with
    the title by ``titles``, (I, 128) the packaged encoder's, under the first of the titles.
    """
    measure, cells = MEASURES["subject"], Cells.of(lab, audience)
    assert measure.real is not None
    wanted = cells.wanted(measure)
    arms = {REAL: np.where(wanted, measure.real(lab, cells.item, cells.family), np.nan)[None]}
    told = [_tells(lab, audience, each) for each in readings]
    for method in lab.methods:
        found = [painted(lab, measure, table, cells, wanted) for table in audience.shown[method]]
        arms[method] = np.stack(found)
        arms[with_title(method)] = np.stack([cover * title for cover, title in zip(found, told, strict=True)])
        agreeing = nearest_to_titles(lab, audience.shown[method], titles)
        arms[chosen_to_agree(method)] = (painted(lab, measure, agreeing, cells, wanted) * told[0])[None]
    return resampled_means(arms, audience.weight, resamples=lab.resamples, seed=lab.seed)


def _tells(lab: Lab, audience: Audience, readings: list[list[Reading]]) -> Floats:
    languages = [LANGUAGES[language] for language in lab.world.users.language[audience.users]]
    return np.array(
        [
            [reading.tells(int(item), language) > 0 for reading, item in zip(row, lab.items, strict=True)]
            for row, language in zip(readings, languages, strict=True)
        ],
        np.float64,
    )


def title_owners(lab: Lab, audience: Audience, writing: Writing) -> list[Floats]:
    """Matrices for the permutation test, one a language: [v, u] is v's mean probability under the titles of u's group.

    Users of one group are written the same, so the test shuffles whose group's titles each reads.
    """
    groups = np.array([writing.group.get(user, "") for user in audience.people.ids])
    table = writing.tables[0]
    columns = np.isin(lab.items, table.items)
    base = logit(audience.drawn.original[:, columns])
    found = []
    for language in sorted({group_parts(group)[0] for group in table.groups}):
        mine = [group for group in table.groups if group_parts(group)[0] == language]
        rows = np.flatnonzero(np.isin(groups, mine))
        if not rows.size:
            continue
        users = audience.users[rows]
        worth = {}
        for group in mine:
            readings = table.column(group) * len(rows)
            who = np.repeat(users, len(table.items))
            added = over_plain_logit(lab.world, who, np.tile(table.items, len(rows)), readings)
            worth[group] = expit(base[rows] + added.reshape(len(rows), -1)).mean(axis=1)
        found.append(np.stack([worth[group] for group in groups[rows]], axis=1))
    return found
