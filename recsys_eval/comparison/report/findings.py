"""From a lab to figures with their intervals: everything that the tables show."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from generation.diffusion.adapter import Adapter
from jobs.lake.arrays import Floats, Ints
from recsys_eval.arm_names import ALONE, ORIGINAL, TITLES, chosen_to_agree, with_title
from recsys_eval.comparison.cast import Sizes
from recsys_eval.comparison.eyes import Eyes
from recsys_eval.comparison.figures.appearance import MEASURES, REAL, appearances, means_of
from recsys_eval.comparison.figures.audience import (
    NOBODY,
    SEGMENT,
    Audience,
    owners,
    segment_audience,
    slices_of,
    truth,
    user_audience,
)
from recsys_eval.comparison.figures.collection import Collected, diversities, kernel_distances, told_apart
from recsys_eval.comparison.figures.covers_and_titles import Writing, agreement, title_owners, worth_with_titles
from recsys_eval.comparison.figures.encoder_scores import Words, encoder_scores
from recsys_eval.comparison.figures.gallery import Lab
from recsys_eval.comparison.figures.masks import mask_figures
from recsys_eval.comparison.figures.permutation import permutation_test
from recsys_eval.comparison.figures.worth import Means
from recsys_eval.comparison.plan import Level
from recsys_eval.comparison.planning import Source, noise_name
from recsys_eval.comparison.report.document import Figure, Permutation
from recsys_eval.people.noise import KINDS
from recsys_eval.statistics.lift import Estimate
from recsys_eval.statistics.multiple import holm
from reward_model.scorer import PersonalScorer

SHUFFLES = 1000
PANEL = ("plain CNN style", "plain CNN subject", "edge halo", "colours needed", "gradient energy")
"""Measures of the panel; the others are the judge's, but for the encoder's distance."""
PAIRED = ("style", "subject", "distance")
"""Figures whose differences between methods are told, beside the gap."""
BASES = ("profile", "icg")
"""Methods that all others are compared with, where they are there."""


@dataclass(frozen=True, kw_only=True)
class _Rests:
    """Words groups stand for users where titles are counted."""

    users: int
    items: int


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Who else is asked about the pictures of a lab."""

    eyes: Eyes
    words: Words
    scorer: PersonalScorer | None
    """The night's click model, where it has one."""
    source: Source
    """What users were shown."""
    adapter_of: Callable[[str], Adapter | None]
    """The adapter of an arm that is told events; None of any other."""
    steps: int
    """Of the classifier that tells painted covers from real drawings."""
    writing: Writing | None = None
    """Titles of the items, where they are asked for."""


def findings(
    lab: Lab, asked: Asked, levels: Sequence[str], sizes: Sizes, noise: Sequence[float]
) -> tuple[list[Figure], list[Permutation]]:
    """All figures, and the permutation tests."""
    audiences: list[Audience] = []
    if "segment" in levels:
        audiences.append(segment_audience(lab))
    if "user" in levels:
        audiences.append(user_audience(lab))
    figures = [each for audience in audiences for each in _of_level(lab, asked, audience)]
    figures += [
        each for audience in audiences if audience.level == "user" for each in _noise(lab, audience, sizes, noise)
    ]
    if "user" in levels:
        figures += _masks(lab, asked, sizes, noise)
    permutations = [each for audience in audiences for each in _permutations(lab, audience)]
    if asked.writing is not None:
        for audience in audiences:
            figures += _with_titles(lab, audience, asked.writing, asked.words)
            permutations += _permuted(lab, audience.level, TITLES, title_owners(lab, audience, asked.writing))
    return figures, permutations


def _of_level(lab: Lab, asked: Asked, audience: Audience) -> Iterator[Figure]:
    yield from _worth(lab, audience)
    yield from _appearances(lab, audience)
    collections: Mapping[str, tuple[str, Mapping[str, Collected]]] = {
        "KID": ("figures", kernel_distances(lab, audience)),
        "diversity": ("figures", diversities(lab, audience, asked.eyes)),
        "real or painted": ("panel", told_apart(lab, audience, asked.steps)),
    }
    for figure, (section, found) in collections.items():
        for arm, each in found.items():
            yield Figure.of(each.found, each, section=section, level=audience.level, method=arm, figure=figure)
    for figure, means in encoder_scores(lab, audience, asked.words, asked.scorer):
        if means is None:
            continue
        reward = figure == "personal reward"
        for arm in lab.methods if reward else (ORIGINAL, *lab.methods):
            told = means.lift(arm) if reward else means.mean(arm)
            yield Figure.of(told, means, section="encoder", level=audience.level, method=arm, figure=figure)


def _worth(lab: Lab, audience: Audience) -> Iterator[Figure]:
    """True clicks and gap: over all users, differences, and by clicks known."""
    level: Level = audience.level
    for name, rows in slices_of(audience.people, level).items():
        means = truth(lab, audience, rows)
        if means is None:
            continue
        if name != "all":
            yield from _clicks(lab, audience, name, means)
            continue
        for arm in audience.shown:
            for figure, found in (("gap closed", means.gap_closed(arm)), ("lift", means.lift(arm))):
                yield Figure.of(found, means, section="figures", level=level, method=arm, figure=figure)
        controls = [NOBODY] + ([SEGMENT] if level == "user" else [])
        for against in controls:
            apart = [(m, f"{m}: {against}", means.gap_difference(m, f"{m}: {against}")) for m in lab.methods]
            yield from _paired(apart, "gap closed", level, means)
        yield from _against_bases(lab, "gap closed", level, means, gap=True)


def _clicks(lab: Lab, audience: Audience, name: str, means: Means) -> Iterator[Figure]:
    names = {"section": "clicks", "level": audience.level, "figure": "gap closed", "slice": name}
    for method in lab.methods:
        for arm in (method, f"{method}: {SEGMENT}"):
            yield Figure.of(means.gap_closed(arm), means, method=arm, **names)
        found = means.gap_difference(method, f"{method}: {SEGMENT}")
        yield Figure.of(found, means, method=f"{method}: own minus segment", **names)
    for base in _bases(lab):
        for method in lab.methods:
            if method != base:
                yield Figure.of(means.gap_difference(method, base), means, method=method, **{**names, "against": base})


def _appearances(lab: Lab, audience: Audience) -> Iterator[Figure]:
    for figure, means in appearances(lab, audience):
        if means is None:
            continue
        section = "panel" if figure in PANEL else "figures"
        if MEASURES[figure].original:
            found = {arm: means.mean(arm) for arm in (ORIGINAL, *lab.methods)}
        elif figure == "SSIM":
            found = {arm: means.mean(arm) for arm in (REAL, *lab.methods)}
        else:
            found = {arm: means.share(arm, REAL) for arm in lab.methods}
        for arm, each in found.items():
            yield Figure.of(each, means, section=section, level=audience.level, method=arm, figure=figure)
        if figure in PAIRED:
            yield from _against_bases(lab, figure, audience.level, means)


def _bases(lab: Lab) -> list[str]:
    return [base for base in BASES if base in lab.methods]


def _variants(lab: Lab) -> list[tuple[str, str]]:
    """A method and each arm that is it with other weights or without a part."""
    return [(own, arm) for own in lab.methods for arm in lab.methods if arm.startswith(f"{own}-")]


def _against_bases(lab: Lab, figure: str, level: Level, means: Means, *, gap: bool = False) -> Iterator[Figure]:
    difference = means.gap_difference if gap else means.difference
    for base in _bases(lab):
        found = [(method, base, difference(method, base)) for method in lab.methods if method != base]
        yield from _paired(found, figure, level, means)
    variants = [(own, arm, difference(own, arm)) for own, arm in _variants(lab)]
    yield from _paired(variants, figure, level, means)


def _paired(found: Sequence[tuple[str, str, Estimate]], figure: str, level: Level, means: Means) -> Iterator[Figure]:
    """Differences of one figure to one base, or to one control; p is adjusted over the methods."""
    adjusted = holm([1.0 if each.p is None else each.p for _, _, each in found])
    for (method, base, each), p in zip(found, adjusted, strict=True):
        row = Figure.of(each, means, section="paired", level=level, method=method, figure=figure, against=base)
        yield row.model_copy(update={"p_holm": p})


def _noise(lab: Lab, audience: Audience, sizes: Sizes, noise: Sequence[float]) -> Iterator[Figure]:
    """Gap and style with noise, and what is lost against the same users without."""
    rows = lab.cast.noisy(sizes.noise_users)
    wanted = [noise_name(kind, share) for kind in KINDS for share in noise if share > 0]
    if not wanted or not rows.any():
        return
    cells = replace(audience, shown=_shown_with_noise(lab, audience, wanted))
    means, styles = truth(lab, cells, rows), means_of(lab, cells, "style", rows)
    assert means is not None
    for name in ("none", *wanted):
        for method in lab.methods:
            noisy, names = _noisy(method, name), {"section": "noise", "level": "user", "slice": name}
            found = {"gap closed": means.gap_closed(noisy), "loss": means.gap_difference(noisy, method)}
            if styles is not None:
                found |= {"style": styles.share(noisy, REAL), "style loss": _lost(styles, noisy, method)}
            for figure, each in found.items():
                yield Figure.of(each, means, method=method, figure=figure, **names)
            for base in _bases(lab):
                if method != base:
                    ahead = means.gap_difference(noisy, _noisy(base, name))
                    yield Figure.of(ahead, means, method=method, figure="gap closed", against=base, **names)


def _masks(lab: Lab, asked: Asked, sizes: Sizes, noise: Sequence[float]) -> Iterator[Figure]:
    """How well each method that scores events tells true clicks from others."""
    kinds = {noise_name(kind, share): (kind, share) for kind in KINDS for share in noise if share > 0}
    for method in lab.methods:
        told = mask_figures(
            asked.adapter_of(method), asked.source, lab.cast.noisy(sizes.noise_users), kinds, resamples=lab.resamples
        )
        for what, each in told:
            yield Figure.of(each.found, each, section="mask", level="user", method=method, figure="mask", slice=what)


def _noisy(method: str, noise: str) -> str:
    return method if noise == "none" else f"{method}/{noise}"


def _lost(styles: Means, noisy: str, clean: str) -> Estimate:
    """Difference of two shares of real drawings."""
    scaled = Means(
        draws={arm: styles.draws[arm] / styles.draws[REAL] for arm in (noisy, clean)},
        users=styles.users,
        items=styles.items,
    )
    return scaled.difference(noisy, clean)


def _shown_with_noise(lab: Lab, audience: Audience, wanted: Sequence[str]) -> dict[str, list[Ints]]:
    shown = {method: audience.shown[method][:1] for method in lab.methods}
    for name in wanted:
        for method in lab.methods:
            shown[_noisy(method, name)] = [lab.rows_for(lab.plan.table(method, name), audience.people.ids)]
    return shown


def _with_titles(lab: Lab, audience: Audience, writing: Writing, words: Words) -> Iterator[Figure]:
    """What covers, titles and both are worth; of one subject; and what titles are like, whoever reads them."""
    names = {"section": "titles", "level": audience.level}
    for figure, share in writing.shares(lab.seed).items():
        rests = _Rests(users=len(writing.tables[0].groups), items=len(writing.tables[0].items))
        told = Estimate(value=share.value, low=share.low, high=share.high, p=None)
        yield Figure.of(told, rests, method=TITLES, figure=figure, **names)
    readings = writing.readings(lab, audience)
    means, agreeing = worth_with_titles(lab, audience, readings), agreement(lab, audience, readings, words.titles)
    if means is not None:
        for arm in means.draws:
            if arm != ORIGINAL:
                yield Figure.of(means.lift(arm), means, method=arm, figure="lift", **names)
        for method in lab.methods:
            for base in (method, ALONE):
                gained = means.gain(with_title(method), base)
                yield Figure.of(gained, means, method=with_title(method), figure="lift", against=base, **names)
    if agreeing is not None:
        for arm in agreeing.draws:
            yield Figure.of(agreeing.mean(arm), agreeing, method=arm, figure="agreement", **names)
        for method in lab.methods:
            arm, base = chosen_to_agree(method), with_title(method)
            gained = agreeing.difference(arm, base)
            yield Figure.of(gained, agreeing, method=arm, figure="agreement", against=base, **names)


def _permutations(lab: Lab, audience: Audience) -> Iterator[Permutation]:
    for method in lab.methods:
        yield from _permuted(lab, audience.level, method, owners(lab, audience, method))


def _permuted(lab: Lab, level: Level, method: str, groups: Sequence[Floats]) -> Iterator[Permutation]:
    if any(len(group) > 1 for group in groups):
        found = permutation_test(groups, shuffles=SHUFFLES, seed=lab.seed)
        yield Permutation(
            level=level,
            method=method,
            own=found.own,
            shuffled=found.shuffled,
            z=found.z,
            p=found.p,
            shuffles=SHUFFLES,
            n=found.n,
        )
