"""Titles that are known to be right, plain or wrong, under covers that are the originals."""

import numpy as np
import pytest

from generation.personalization.dppmg.titles.choosing import Written
from generation.personalization.dppmg.titles.reward import Judged
from jobs.simulator.wording import KINDS, PLAIN
from jobs.stickers.pack import LANGUAGES
from recsys_eval.arm_names import ALONE, with_title
from recsys_eval.comparison.figures.audience import segment_audience, user_audience
from recsys_eval.comparison.figures.covers_and_titles import (
    Writing,
    agreement,
    nearest_to_titles,
    title_owners,
    worth_with_titles,
)
from recsys_eval.judge.title_judge import Reading
from recsys_eval.simulation.title_table import TitleTable
from recsys_eval.simulation.written import written_probability

GROUPS = [f"{language}:{kind}" for language in LANGUAGES for kind in range(len(KINDS))]


def writing_of(lab, kind_of, subject_of=lambda item: item, *, known=True):
    """Every user in the group of their language and of the kind that they truly like best."""
    tastes, language = lab.world.users.wording_taste, lab.world.users.language
    group = {user: f"{LANGUAGES[language[row]]}:{tastes[row].argmax()}" for row, user in enumerate(lab.world.user_ids)}
    readings = [
        [Reading(int(subject_of(item)), name[:2], kind_of(int(name[3:])), 1.0) for name in GROUPS] for item in lab.items
    ]
    written = [[Written(("a",), (Judged(0.0, ()),), 0, "a") for _ in GROUPS] for _ in lab.items]
    table = TitleTable(lab.items, GROUPS, written, readings)
    return Writing(tables=(table,), favourite={name: int(name[3:]) for name in GROUPS}, group=group if known else {})


@pytest.mark.parametrize("audience_of", [segment_audience, user_audience])
def test_plain_titles_and_those_of_unknown_users_add_nothing(lab, audience_of):
    audience = audience_of(lab)
    for writing in (writing_of(lab, lambda kind: PLAIN), writing_of(lab, lambda kind: kind, known=False)):
        found = worth_with_titles(lab, audience, writing.readings(lab, audience))
        assert found.lift(ALONE).value == pytest.approx(0)
        assert found.gain(with_title("profile"), "profile").value == pytest.approx(0)


def test_the_kind_that_is_liked_gains_what_the_world_says(lab):
    audience, writing = user_audience(lab), writing_of(lab, lambda kind: kind)
    found = worth_with_titles(lab, audience, writing.readings(lab, audience))
    readings = writing.read(lab, audience, 0)
    shown = audience.shown["profile"][0] >= 0
    total = {"with": 0.0, "without": 0.0}
    for row, user in enumerate(audience.users):
        who, columns = np.full(shown[row].sum(), user), shown[row]
        plain = [Reading(int(item), LANGUAGES[lab.world.users.language[user]], PLAIN, 1.0) for item in lab.items]
        for name, told in (("with", readings[row]), ("without", plain)):
            here = [one for one, there in zip(told, columns, strict=True) if there]
            chance = written_probability(lab.world, who, lab.items[columns], here)
            total[name] += audience.weight[row] * chance.sum()
    assert found.lift(ALONE).value == pytest.approx(total["with"] / total["without"] - 1)
    assert found.lift(ALONE).value > 0
    assert found.gain(with_title("profile"), "profile").value == pytest.approx(found.lift(ALONE).value)


def test_titles_of_another_subject_agree_with_no_picture(lab):
    audience = segment_audience(lab)
    titles = lab.gallery.encoded[:, 0, :128]
    right = agreement(lab, audience, writing_of(lab, lambda kind: kind).readings(lab, audience), titles)
    assert right.mean(with_title("profile")).value == right.mean("profile").value > 0
    others = writing_of(lab, lambda kind: kind, subject_of=lambda item: item + 1)
    wrong = agreement(lab, audience, others.readings(lab, audience), titles)
    assert wrong.mean(with_title("profile")).value == 0


def test_of_several_paintings_the_one_nearest_to_the_title_is_chosen(lab):
    """The second seed shows the next item's drawing: nearest to a title is the first, or the second where titles are
    those of the next item."""
    audience = segment_audience(lab)
    own = np.array([np.flatnonzero(lab.item_of == column)[0] for column in range(len(lab.items))])
    tables = [np.tile(np.roll(own, -by), (len(audience.users), 1)) for by in (0, 1)]
    titles = lab.gallery.encoded[np.arange(len(lab.items)), 0, :128]
    assert (nearest_to_titles(lab, tables, titles) == tables[0]).all()
    assert (nearest_to_titles(lab, tables, np.roll(titles, -1, axis=0)) == tables[1]).all()
    missing = [np.full_like(tables[0], -1), tables[1]]
    assert (nearest_to_titles(lab, missing, titles) == tables[1]).all()


def test_whose_title_it_is_matters_where_kinds_differ(lab):
    audience = segment_audience(lab)
    own = title_owners(lab, audience, writing_of(lab, lambda kind: kind))
    assert sum(len(group) for group in own) == len(audience.users)
    assert all((np.diag(group) >= group.max(axis=1) - 1e-12).all() for group in own)
    for group in title_owners(lab, audience, writing_of(lab, lambda kind: PLAIN)):
        np.testing.assert_allclose(group, group[:, :1].repeat(len(group), axis=1))


def test_what_titles_are_like_is_counted_by_group(lab):
    assert writing_of(lab, lambda kind: kind).shares(0)["in the kind the group likes most"].value == 1.0
    assert writing_of(lab, lambda kind: PLAIN).shares(0)["in the kind the group likes most"].value == pytest.approx(
        1 / 3
    )
