"""Several comparisons at once: p values that hold for all of them together."""

from collections.abc import Sequence


def holm(p: Sequence[float]) -> list[float]:
    """P values adjusted for several comparisons, by Holm's step-down rule (Scandinavian Journal of Statistics, 1979).

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, running = [0.0] * len(p), 0.0
    for rank, place in enumerate(sorted(range(len(p)), key=lambda each: p[each])):
        running = max(running, min(1.0, p[place] * (len(p) - rank)))
        adjusted[place] = running
    return adjusted
