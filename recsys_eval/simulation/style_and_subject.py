"""How painted covers look: whether the judge sees the style that the segment likes, and still the subject.

As shares of what the same judge says of real drawings of the same held-out subjects, with
intervals over subjects. The favourite style of a segment is the world's truth (simulated); the
pictures are real files and the judge was trained on real drawings of other subjects only.
"""

from collections.abc import Mapping

import numpy as np

from jobs.lake.arrays import Flags, Floats, Floats32, Ints, Strings
from recsys_eval.judge.appearance import Appearance, JudgedDrawings
from recsys_eval.judge.image_metrics import subject_ranks
from recsys_eval.night import Findings, Night
from recsys_eval.simulation.context import Simulation, favourite_families
from recsys_eval.statistics.figures import figure, lift_row
from recsys_eval.statistics.lift import estimate, resampled_ratios

RECALL_AT = 10


def measure_style_and_subject(
    night: Night, simulation: Simulation, appearance: Appearance, drawings: JudgedDrawings
) -> Findings:
    """Style agreement and subject recall of painted covers of new items, as shares of real drawings'.

    Parameters
    ----------
    night, simulation
        The night and its world.
    appearance
        Of ``simulation.painted``'s pictures.
    drawings
        Real drawings, those of all held-out subjects among them.
    """
    chosen = night.ctx.settings.evaluate
    painted, codes = simulation.painted, simulation.pack.codes("held_out")
    real = np.isin(drawings.codes, codes)
    code_of, family_of, embedding = drawings.codes[real], drawings.families[real], drawings.embedding[real]
    real_style = simulation.judge.style_probabilities(drawings.pixels[real]).argmax(axis=1) == family_of
    audience = simulation.audience
    favourite = favourite_families(simulation.world, audience.users, audience.segment, len(painted.segment_ids))
    held_out = np.isin(painted.item_ids, codes)
    if not (painted.published[held_out] >= 0).any():
        return Findings(notes=["no published cover is of a held-out subject: their style and subject were left out"])
    query = appearance.embedding
    style = appearance.style_probs.argmax(axis=1)

    def recalled(vectors: Floats32, subjects: Strings, families: Ints) -> Flags:
        ranks = subject_ranks(
            vectors, subjects, embedding, code_of, query_families=families, gallery_families=family_of
        )
        return np.asarray(ranks <= RECALL_AT)

    names = np.array(painted.item_ids)
    plain = np.repeat(painted.unpersonalised[:, None], len(favourite), axis=1)
    arms: dict[str, Hits] = {}
    for arm, pictures in {"published": painted.published, "unpersonalised": plain, **painted.beside}.items():
        item, segment = np.nonzero((pictures >= 0) & held_out[:, None])
        seen, wanted = pictures[item, segment], favourite[segment]
        arms[arm] = names[item], style[seen] == wanted, recalled(query[seen], names[item], wanted)
    real_arm = (code_of, real_style, recalled(embedding, code_of, family_of))
    findings = Findings()
    for arm, values in arms.items():
        if len(values[0]):
            findings.add(_hit_findings(arm, values, real_arm, resamples=chosen.bootstrap, seed=chosen.seed))
    return findings


Hits = tuple[Strings, Flags, Flags]
"""Subject, style agrees and subject recalled of each picture."""


def _hit_findings(arm: str, painted: Hits, real: Hits, *, resamples: int, seed: int) -> Findings:
    """Rates of painted pictures and their shares of real ones', with intervals over subjects."""
    subjects = np.unique(np.concatenate([painted[0], real[0]]))
    sums: Mapping[str, list[Floats]] = {"hit": [], "all": []}
    for found in (painted, real):
        at = np.searchsorted(subjects, found[0])
        for hits in found[1:]:
            sums["hit"].append(np.bincount(at, weights=hits, minlength=subjects.size).astype(np.float64))
            sums["all"].append(np.bincount(at, minlength=subjects.size).astype(np.float64))
    ratios = resampled_ratios(
        np.stack(sums["hit"], axis=1), np.stack(sums["all"], axis=1), resamples=resamples, seed=seed
    )
    findings = Findings()
    what = {"style": "style agreement with the segment's favourite family", "recall": f"subject R@{RECALL_AT}"}
    for column, (key, words) in enumerate(what.items()):
        rate = ratios.estimate(column)
        share = estimate(
            ratios.value[column] / ratios.value[column + 2], ratios.draws[:, column] / ratios.draws[:, column + 2]
        )
        n = int(np.unique(painted[0]).size)
        for unit, name, found_estimate, about in (
            ("share", key, rate, f"Judge's {words} of {arm} covers of held-out subjects"),
            ("share of real drawings'", f"{key}_of_real", share, f"The same as a share of real drawings' ({words})"),
        ):
            findings.figures.append(
                figure(f"looks.{arm}.{name}", about, found_estimate, n=n, unit=unit, simulated=True, of="subjects")
            )
        findings.rows.append(
            {
                **lift_row(f"judge {key}", arm, "held-out subjects", rate.value, None, n),
                "low": rate.low,
                "high": rate.high,
            }
        )
    return findings
