"""What may be known of the truth: click probabilities of covers, where a log comes from a world that has them."""

from typing import Protocol

from jobs.lake.arrays import Floats, Ints
from recsys_eval.ranking.features import ImpressionFeatures


class TrueClicks(Protocol):
    """True click probabilities without position bias; ``recsys_eval.simulation.true_clicks``. Simulated."""

    def as_shown(self, impressions: ImpressionFeatures) -> Floats:
        """(n,) of each impression's user on the cover and the words that were shown."""
        ...

    def of_covers(self, impressions: ImpressionFeatures, cover_row: Ints) -> Floats:
        """(n,) of each impression's user on a cover with the plain title: what no ranker could know better."""
        ...
