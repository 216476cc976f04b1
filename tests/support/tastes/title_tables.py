"""A small strong world, and titles in it that are known to be right or wrong."""

from conf.settings import WorldSettings
from generation.personalization.dppmg.titles.choosing import Written
from generation.personalization.dppmg.titles.content import content_of
from generation.personalization.dppmg.titles.reward import Judged
from jobs.simulator.model import World
from jobs.simulator.wording import DESCRIPTIVE, PLAYFUL, title
from jobs.stickers.pack import LANGUAGES
from recsys_eval.judge.title_judge import TitleJudge
from recsys_eval.simulation.title_table import read_table

GROUPS = ["de:0", "de:1", "en:0", "en:1"]
KIND = {"de:0": PLAYFUL, "de:1": DESCRIPTIVE, "en:0": PLAYFUL, "en:1": DESCRIPTIVE}


def strong_world():
    """400 users, 60 subjects."""
    return World(WorldSettings(users=400, impressions=2000, subjects=60, days=8, wording="strong"))


def adorers(world):
    """Adorers of each kind, by language: groups that know what they like."""
    return {
        group: [
            world.user_ids[n]
            for n in range(400)
            if world.users.adored_wording[n] == kind and LANGUAGES[world.users.language[n]] == group[:2]
        ]
        for group, kind in KIND.items()
    }


def table_of(world, kinds):
    """Titles of the first 12 items in the kind of each group."""
    subjects = world.items.pack.subjects[:12]
    contents = [content_of(s.code, s.labels, s.tags) for s in subjects]
    written = [
        [Written((title(s, kinds[group], group[:2]),), (Judged(0.0, ()),), 0, s.labels[group[:2]]) for group in GROUPS]
        for s in subjects
    ]
    return read_table(world, TitleJudge(world.items.pack.subjects), contents, GROUPS, written)
