"""The stickers world's own answer: true click probabilities of published covers (simulated)."""

import numpy as np

from jobs.lake.arrays import Ints
from recsys_eval.arm_names import BEST, JUDGED, ORIGINAL, PLAIN, PUBLISHED, SHUFFLED, UNSEEN
from recsys_eval.judge.appearance import Appearance, JudgedDrawings, appearance_among, judge_drawings
from recsys_eval.night import Findings, Night
from recsys_eval.simulation.context import Simulation, open_simulation
from recsys_eval.simulation.distances import measure_distances
from recsys_eval.simulation.painted import Painted, load_painted
from recsys_eval.simulation.style_and_subject import measure_style_and_subject
from recsys_eval.simulation.truth import (
    ShownPictures,
    TruthFigures,
    arms_with_equal_cells,
    judged_best,
    original_and_best,
    shown_probability,
    truth_figures,
)
from recsys_eval.statistics.figures import Figure, figure, lift_row
from recsys_eval.statistics.lift import Estimate

ABOUT = {
    PUBLISHED: "published covers",
    SHUFFLED: "another segment's covers (control)",
    PLAIN: "covers painted without any preference (control)",
    BEST: "the best existing drawing of each segment (ceiling)",
    JUDGED: "the same drawing as the judge sees it, like a painted cover (what an exact copy of it would get)",
    UNSEEN: "the same, its own copy unknown to the judge (what somebody who draws as well as the families would get)",
}


def about_arm(name: str) -> str:
    """An arm in words; one that is not in ``ABOUT`` is a method."""
    return ABOUT.get(name, f"covers that the method {name} painted beside them (never shown)")


def measure_world(night: Night) -> Findings:
    """Truth, style and subject of the night's published covers; notes where there is nothing to measure."""
    if not night.simulated:
        return Findings(notes=["the log is not the built-in world's: nobody knows the true click probabilities"])
    painted = load_painted(night)
    if painted is None:
        return Findings(notes=[f"nothing was published on {night.ctx.ds}: there are no covers to ask the world about"])
    night.begin("true click probabilities (simulated)")
    return measure_painted(night, painted)


def measure_painted(night: Night, painted: Painted) -> Findings:
    """Truth, appearance, distances and diversity of pictures, published or not."""
    simulation = open_simulation(night, painted)
    drawings = judge_drawings(simulation.judge, simulation.pack, [*simulation.pack.codes("held_out"), *painted.subject])
    appearance = appearance_among(simulation.judge, drawings, painted.subject, painted.pixels)
    findings = measure_truth(night, simulation, appearance, drawings)
    findings.add(measure_feed(night, simulation, appearance))
    findings.add(measure_style_and_subject(night, simulation, appearance, drawings))
    findings.add(measure_distances(night, simulation, drawings))
    simulation.judge.save(night.ctx.lake)
    return findings


def measure_truth(night: Night, simulation: Simulation, appearance: Appearance, drawings: JudgedDrawings) -> Findings:
    """True click probability of published covers and their controls, on all, new and existing items."""
    painted = simulation.painted
    seed = night.ctx.settings.evaluate.seed
    existing = original_and_best(simulation.world, simulation.audience, simulation.items)
    shows = {
        PUBLISHED: painted.published,
        SHUFFLED: painted.shuffled(seed),
        PLAIN: np.repeat(painted.unpersonalised[:, None], len(painted.segment_ids), axis=1),
        **painted.beside,
    }
    arms_shown = {name: ShownPictures(picture=picture, appearance=appearance) for name, picture in shows.items()}
    arms_shown |= judged_best(simulation.judge, drawings, painted.item_ids, existing)
    chances = {
        name: shown_probability(simulation.world, simulation.audience, simulation.items, shown_pictures)
        for name, shown_pictures in arms_shown.items()
    }
    new = np.array([item in night.new_items for item in painted.item_ids])
    findings = Findings()
    groups = arms_with_equal_cells(chances, PUBLISHED)
    for slice_name, kept in (("all", np.ones(len(new), bool)), ("new items", new), ("existing items", ~new)):
        found: dict[str, TruthFigures | None] = {}
        for group in groups:
            arms = {ORIGINAL: existing.original, BEST: existing.best, PUBLISHED: chances[PUBLISHED]}
            figures = truth_figures(
                {name: values[:, kept] for name, values in (arms | group).items()},
                simulation.audience.traffic,
                resamples=night.ctx.settings.evaluate.bootstrap,
                seed=seed,
            )
            found |= dict.fromkeys(group, figures)
        for arm in chances:
            of_arm = found[arm]
            if of_arm is not None:
                findings.add(_truth_findings(of_arm, arm, slice_name))
    for method in painted.beside:
        arms = {ORIGINAL: chances[method], BEST: existing.best, PUBLISHED: chances[PUBLISHED]}
        ahead = truth_figures(
            arms,
            simulation.audience.traffic,
            resamples=night.ctx.settings.evaluate.bootstrap,
            seed=seed,
        )
        if ahead is not None:
            about = f"Relative lift of the true click probability of published covers over those of the method {method}"
            found_lift = ahead.lift[PUBLISHED]
            findings.figures.append(
                figure(
                    f"truth.over_{method}.lift", about, found_lift, n=ahead.users, unit="relative lift", simulated=True
                )
            )
    return findings


def measure_feed(night: Night, simulation: Simulation, appearance: Appearance) -> Findings:
    """Every new item for every segment as the feed shows it: the original where no cover is published.

    What the plan left alone and what the policy withheld count as nothing gained, so that a
    method is not better for painting less.
    """
    painted, item_ids = simulation.painted, sorted(night.new_items)
    if not item_ids:
        return Findings()
    items = simulation.world.item_index(item_ids)
    existing = original_and_best(simulation.world, simulation.audience, items)
    place = {item: number for number, item in enumerate(item_ids)}
    rows = [(place[item], number) for number, item in enumerate(painted.item_ids) if item in place]
    shown_by, feeds = {}, {}
    for arm, pictures in {PUBLISHED: painted.published, **painted.beside}.items():
        shown = np.full((len(items), len(painted.segment_ids)), -1, np.int64)
        for to, number in rows:
            shown[to] = pictures[number]
        chance = shown_probability(
            simulation.world, simulation.audience, items, ShownPictures(picture=shown, appearance=appearance)
        )
        shown_by[arm], feeds[arm] = shown, np.where(np.isnan(chance), existing.original, chance)
    found = truth_figures(
        {ORIGINAL: existing.original, BEST: existing.best, **feeds},
        simulation.audience.traffic,
        resamples=night.ctx.settings.evaluate.bootstrap,
        seed=night.ctx.settings.evaluate.seed,
    )
    assert found is not None  # every cell has all arms
    findings = Findings()
    for arm, shown in shown_by.items():
        what = f"{about_arm(arm)}, every new item for every segment, the original where there is none"
        findings.figures += [
            _truth_figure(f"feed.{arm}.lift", "relative lift", what, found.lift[arm], found.users),
            _truth_figure(f"feed.{arm}.gap_closed", "share", what, found.gap_closed[arm], found.users),
            _share_painted(arm, shown, len(items)),
        ]
    return findings


def _share_painted(arm: str, shown: Ints, items: int) -> Figure:
    return Figure(
        name=f"truth.feed.{arm}.painted",
        about=f"Share of new items x segments with {about_arm(arm)}; the others keep the original",
        value=float((shown >= 0).mean()),
        n=items,
        of="items",
        simulated=True,
    )


def _truth_findings(found: TruthFigures, arm: str, slice_name: str) -> Findings:
    """Rows and figures of one arm; the published arm also brings the original and the ceiling."""
    place = f"simulated truth: {slice_name}"
    metric = "true click probability"
    findings = Findings()
    shown = (arm, BEST) if arm == PUBLISHED else (arm,)
    if arm == PUBLISHED:
        base = found.mean[ORIGINAL]
        row = lift_row(metric, ORIGINAL, place, base.value, None, found.users)
        findings.rows.append({**row, "low": base.low, "high": base.high})
    for name in shown:
        findings.rows.append(lift_row(metric, name, place, found.mean[name].value, found.lift[name], found.users))
        findings.figures.append(
            _truth_figure(f"{slice_name}.{name}.lift", "relative lift", about_arm(name), found.lift[name], found.users)
        )
    gap = found.gap_closed[arm]
    row = lift_row("gap closed", arm, place, gap.value, None, found.users)
    findings.rows.append({**row, "low": gap.low, "high": gap.high, "p": gap.p})
    findings.figures.append(_truth_figure(f"{slice_name}.{arm}.gap_closed", "share", about_arm(arm), gap, found.users))
    return findings


def _truth_figure(key: str, unit: str, what: str, found: Estimate, users: int) -> Figure:
    about = {
        "relative lift": f"Relative lift of the true click probability from {what}",
        "share": f"Share of the gap between originals and the best existing drawings that is closed by {what}",
    }
    return figure(f"truth.{key.replace(' ', '_')}", about[unit], found, n=users, unit=unit, simulated=True)
