"""What written titles are worth: ``coverlift study titles``, over the tables of a night up to its features.

Titles of items of a split are written for every words group, checked and chosen as in the night, and
read by the title judge. Everything about tastes and clicks is simulated. Held-out items and users only
report; validation ones are for choosing.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np

from generation.personalization.dppmg.titles.checkpoint import SHIPPED, load_writer
from generation.personalization.dppmg.titles.choosing import Written, write_titles
from generation.personalization.dppmg.titles.groups import group_parts, members
from generation.personalization.dppmg.titles.material import read_material
from jobs.lake.context import Context
from jobs.lake.splits import split_of
from jobs.simulator.model import World
from jobs.simulator.wording import KINDS
from jobs.stickers.pack import LANGUAGES, PicturePack
from recsys_eval.judge.title_judge import Reading, TitleJudge, true_strings
from recsys_eval.simulation.title_table import TitleTable, read_table, shares, true_favourites
from recsys_eval.simulation.written import written_logit, written_probability
from recsys_eval.statistics.bootstrap import Interval, bootstrap_mean
from recsys_eval.statistics.lift import Estimate, estimate
from reward_model.metrics import user_weights

SHUFFLES = 1000
STRINGS = 800
"""True strings that the judge is tried on."""
TYPO_LETTERS = "abcdefghijklmnopqrstuvwxyz"


@dataclass(frozen=True, kw_only=True)
class TitleStudy:
    """Options of :func:`titles`."""

    split: Literal["validation", "held_out"] = "validation"
    """Whose items and users are asked about."""
    writer: Path = SHIPPED
    """Folder of the writer."""
    items: int = 216
    """Items at most."""
    samples: int = 7
    """Drawn beside the likeliest title."""
    seed: int = 53
    """Of samples, typos, shuffles and resampling."""
    resamples: int = 1000


def typo(text: str, generator: np.random.Generator) -> str:
    """The text with one letter lost, changed or added."""
    at, letter = int(generator.integers(len(text))), TYPO_LETTERS[int(generator.integers(len(TYPO_LETTERS)))]
    return (text[:at] + text[at + 1 :], text[:at] + letter + text[at + 1 :], text[:at] + letter + text[at:])[
        int(generator.integers(3))
    ]


def judge_accuracy(judge: TitleJudge, pack: PicturePack, seed: int) -> dict[str, Interval]:
    """Share of true strings whose subject, language and kind are read, as they are and with a typo."""
    generator, strings = np.random.default_rng(seed), true_strings(pack.subjects)
    chosen = [strings[at] for at in generator.permutation(len(strings))[:STRINGS]]
    wanted = [(s.subject, s.language, s.kind) for s in chosen]
    found = {}
    for name, texts in {
        "judge, true strings": [s.text for s in chosen],
        "judge, one typo": [typo(s.text, generator) for s in chosen],
    }.items():
        read = judge.read(texts, [(s.subject, s.language) for s in chosen])
        right = [(r.subject, r.language, r.kind) == w for r, w in zip(read, wanted, strict=True)]
        found[name] = bootstrap_mean(np.array(right, float), np.arange(len(right)), seed=seed)
    return found


def lift_over_plain(
    world: World, table: TitleTable, users: dict[str, list[str]], *, resamples: int, seed: int
) -> Estimate:
    """True clicks under the written over those under the plain title, of a split's users.

    Users and items are resampled independently (Owen, "The pigeonhole bootstrap", AOAS 2007).
    """
    plain_rows, written_rows = [], []
    for group in table.groups:
        language = group_parts(group)[0]
        plain = [Reading(int(item), language, 0, 1.0) for item in table.items]
        for user in world.user_index(users.get(group, [])):
            who = np.full(len(table.items), user)
            written_rows.append(written_probability(world, who, table.items, table.column(group)))
            plain_rows.append(written_probability(world, who, table.items, plain))
    written, base = np.array(written_rows), np.array(plain_rows)
    draws = np.concatenate(
        [
            ((by_user @ written) * by_item).sum(axis=1) / ((by_user @ base) * by_item).sum(axis=1) - 1
            for by_user, by_item in zip(
                user_weights(len(written), resamples, seed),
                user_weights(len(table.items), resamples, seed + 1),
                strict=True,
            )
        ]
    )
    return estimate(float(draws[0]), draws[1:], null=0.0)


def permutation(
    world: World, table: TitleTable, users: dict[str, list[str]], generator: np.random.Generator
) -> tuple[float, float, float]:
    """Is a group's title its own? Mean true logit with the right group, with a group of the same language, and p.

    Titles are dealt out anew among the groups of each language, ``SHUFFLES`` times.
    """
    worth: dict[tuple[str, str], float] = {}
    for reader in table.groups:
        who = world.user_index(users.get(reader, []))
        for group in table.groups:
            if group_parts(group)[0] == group_parts(reader)[0] and len(who):
                readings = [reading for reading in table.column(group) for _ in who]
                pairs = np.tile(who, len(table.items)), np.repeat(table.items, len(who))
                worth[reader, group] = float(written_logit(world, *pairs, readings).mean())
    readers = [group for group in table.groups if (group, group) in worth]
    size = np.array([len(users[group]) for group in readers], float)
    own = float(np.average([worth[group, group] for group in readers], weights=size))
    other = []
    for _ in range(SHUFFLES):
        dealt: dict[str, str] = {}
        for language in LANGUAGES:
            here = [group for group in readers if group_parts(group)[0] == language]
            dealt |= dict(zip(here, generator.permutation(here).tolist(), strict=True))
        other.append(float(np.average([worth[group, dealt[group]] for group in readers], weights=size)))
    return own, float(np.mean(other)), float((1 + sum(value >= own for value in other)) / (1 + SHUFFLES))


def without_choice(written: Sequence[Sequence[Written]]) -> list[list[Written]]:
    """The likeliest title of each where it passes the checks, the plain one elsewhere."""
    return [[replace(one, chosen=0 if one.first_passed else None) for one in row] for row in written]


def kind_counts(table: TitleTable) -> str:
    """Share of each kind among the titles of each group."""
    told = []
    for group in table.groups:
        kinds = np.bincount([reading.kind for reading in table.column(group)], minlength=len(KINDS))
        told.append(f"{group} " + "/".join(f"{share:.0%}" for share in kinds / kinds.sum()))
    return ", ".join(told)


def percent(value: float, low: float, high: float) -> str:
    """A share with its interval, in percent."""
    return f"{100 * value:.1f} [{100 * low:.1f}, {100 * high:.1f}]"


def titles(ctx: Context, options: TitleStudy) -> None:
    """Write, read and print the table."""
    pack, generator = PicturePack.load(), np.random.default_rng(options.seed)
    world = World(ctx.settings.world, pack)
    writer, codes = load_writer(options.writer)
    material, judge = read_material(ctx, codes), TitleJudge(world.items.pack.subjects)
    contents = material.of_split(options.split)[: options.items]
    groups = sorted(set(material.groups) - {""})
    began = time.monotonic()
    written = write_titles(writer, material.reward, contents, groups, samples=options.samples, seed=options.seed)
    seconds = time.monotonic() - began
    table = read_table(world, judge, contents, groups, written)
    of_split = [
        group if split_of(user) == options.split else ""
        for user, group in zip(material.tastes.users, material.groups, strict=True)
    ]
    users = members(material.tastes.users, of_split)
    print(f"{len(contents)} {options.split} items x {len(groups)} words groups, {sum(map(len, users.values()))} users")
    print(f"simulated; world.wording={ctx.settings.world.wording}\n\n| figure | value, % |\n|---|---|")
    for name, cell in (
        judge_accuracy(judge, pack, options.seed) | shares([table], true_favourites(world, material), options.seed)
    ).items():
        print(f"| {name} | {percent(cell.value, cell.low, cell.high)} |")
    lift = lift_over_plain(world, table, users, resamples=options.resamples, seed=options.seed)
    print(f"| true clicks over the plain title | {percent(lift.value, lift.low, lift.high)} |")
    likeliest = read_table(world, judge, contents, groups, without_choice(written))
    kind = shares([likeliest], true_favourites(world, material), options.seed)["in the kind the group likes most"]
    unchosen = lift_over_plain(world, likeliest, users, resamples=options.resamples, seed=options.seed)
    print(f"| without the choice by reward: in that kind | {percent(kind.value, kind.low, kind.high)} |")
    print(f"| without it: true clicks over the plain title | {percent(unchosen.value, unchosen.low, unchosen.high)} |")
    own, other, p = permutation(world, table, users, generator)
    print(f"| true logit: own title / another group's; p | {own:.3f} / {other:.3f}; {p:.4f} |")
    stored = len(contents) * len(groups)
    print(f"| titles a second (of {1 + options.samples} written each) | {stored / seconds:.0f} |")
    print("\nplain / descriptive / playful: " + kind_counts(table))
    for at in range(0, len(contents), max(len(contents) // 6, 1)):
        print(contents[at].labels["en"] + ": " + " | ".join(one.title for one in table.written[at]))
