"""Which lifts of the rankers are quoted as figures, and what they are called in words."""

from collections.abc import Mapping
from typing import Any

from jobs.lake.arrays import Flags
from recsys_eval.arm_names import (
    A_A,
    ANOTHER,
    GENERATED,
    LOGGED,
    ORIGINAL,
    PLAIN,
    SHUFFLED,
    TRUE_COVERS,
    TRUE_ORIGINALS,
)
from recsys_eval.ranking.arm_metrics import OVER_LOGGED, RANK_METRICS, SHARE, TRUE, WEIGHTED
from recsys_eval.ranking.arms import Block
from recsys_eval.ranking.examination import effective_size
from recsys_eval.statistics.figures import Figure

ABOUT = {
    GENERATED: "Relative lift of {metric} from knowing the covers generated for the segment",
    SHUFFLED: "The same with another segment's covers (control)",
    ANOTHER: "The same with existing drawings of the item, drawn at random (control)",
    PLAIN: "The same with covers painted without any preference (control)",
    A_A: "The same ranker again with other seeds (A/A; must be about 0)",
    LOGGED: "The order in which the log showed the items, over the ranker that knows no generated cover",
    TRUE_COVERS: "{metric} of the order by true click probabilities of the covers shown (simulated), over the ranker "
    "that knows no generated cover",
    TRUE_ORIGINALS: "The same by those of the originals (simulated): the first over this one is the attainable lift",
}
ALL, RANDOM, TREATED = "all", "random order", "treated"
QUOTED_SLICES = {ALL: "", RANDOM: ".random_order", TREATED: ".treated"}
"""Slices whose lifts are figures too, and what their names have more."""


def figures_of(row: Mapping[str, Any], simulated: bool) -> list[Figure]:
    """The figure of a row that is quoted; none for values without a lift."""
    metric, arm, place = row["metric"], row["arm"], QUOTED_SLICES[row["slice"]]
    who = "" if row["slice"] == ALL else f", {row['slice']} requests" if row["slice"] == RANDOM else ", treated users"
    head = f"{row['ranker']}{place}.{arm.replace(', ', '_')}"
    shared = {name: row[name] for name in ("low", "high", "p")} | {"n": row["users"], "simulated": simulated}
    if metric.endswith(SHARE) and arm == GENERATED:
        base = metric.removesuffix(f", {SHARE}")
        about = f"Lift of {spoken(base)} as a share of the attainable one (simulated){who}"
        return [Figure(name=f"{head}.{base}.share", about=about, value=row["value"], **shared)]
    if metric == OVER_LOGGED and arm in (ORIGINAL, GENERATED):
        about = f"{spoken(WEIGHTED)} of the ranker ({arm}) over the order of the log{who}"
        name = f"{head}.{WEIGHTED}.over_logged"
    elif metric in (*RANK_METRICS, TRUE) and arm in ABOUT and row["lift"] is not None:
        about, name = ABOUT[arm].format(metric=spoken(metric)) + who, f"{head}.{metric}.lift"
    else:
        return []
    return [
        Figure(name=name, about=about, value=row["lift"], detectable=row["detectable"], unit="relative lift", **shared)
    ]


def spoken(metric: str) -> str:
    """A metric in words.

    Examples
    --------
    >>> spoken("ndcg@10")
    'NDCG@10 of clicks as logged (biased by position)'
    """
    return {
        WEIGHTED: "examination-weighted NDCG@10",
        TRUE: "NDCG@10 by true click probabilities",
        "ndcg@10": "NDCG@10 of clicks as logged (biased by position)",
        "mrr": "MRR of clicks as logged (biased by position)",
        "gauc": "GAUC",
    }[metric]


def sizes(ranker: str, test: Block, slices: Mapping[str, Flags], simulated: bool) -> list[Figure]:
    """Effective numbers of clicks behind the weighted metric."""
    figures = []
    for name, ending in QUOTED_SLICES.items():
        if name in slices:
            weights = test.weight[slices[name] & test.clicked]
            figures.append(
                Figure(
                    name=f"{ranker}{ending}.{WEIGHTED}.effective_clicks",
                    about=f"Clicks of equal weight that would tell as much as the weighted ones ({name})",
                    value=effective_size(weights),
                    n=len(weights),
                    of="clicks",
                    unit="clicks",
                    simulated=simulated,
                )
            )
    return figures
