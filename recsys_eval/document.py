"""What ``metrics.json`` of a night holds; ``metrics.schema.json``, made from this, is written beside it."""

from pydantic import BaseModel, ConfigDict


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class FigureRecord(_Part):
    """One number that may be quoted, with what must be quoted beside it."""

    name: str
    """Stable identifier, such as ``ab.published.lift``."""
    about: str
    """One sentence in words."""
    value: float | None
    """None: it is not a number."""
    low: float | None
    high: float | None
    """Bounds of the 95 % interval."""
    p: float | None
    n: int | None
    """Number of ``of``."""
    of: str
    unit: str
    """``share``, ``relative lift``, ``probability`` or another name of what value is measured in."""
    detectable: float | None
    """Minimum detectable effect, in the unit of value."""
    simulated: bool
    """It rests on simulated users or clicks."""


class LiftRecord(_Part):
    """A row of the table ``ranking_lift``, without its ds."""

    metric: str
    ranker: str
    arm: str
    slice: str
    value: float | None
    lift: float | None
    low: float | None
    high: float | None
    p: float | None
    detectable: float | None
    users: int


class SliceRecord(_Part):
    """The headline metric in one slice of one dimension, and its lift over ``original``.

    Made by :mod:`recsys_eval.ranking.slices`, which says what is in a slice.
    """

    ranker: str
    dimension: str
    """``user``, ``item age``, ``position``, ``category`` or ``segment``."""
    slice: str
    arm: str
    """``generated``, or a control."""
    metric: str
    users: int
    """With a click in the slice."""
    clicks: int
    effective_clicks: float
    """Clicks of equal weight that would tell as much as these weighted ones (Kish)."""
    value: float | None
    lift: float | None
    low: float | None
    high: float | None
    """Bounds of the lift's 95 % interval, of this slice alone."""
    p: float
    p_holm: float
    """For all slices of all dimensions of this ranker and arm together."""
    detectable: float | None
    """Minimum detectable lift."""


class MetricsDocument(_Part):
    """Everything that was measured of a night."""

    ds: str
    """The night, YYYY-MM-DD."""
    cut: str
    """Last day that the reward model learned from."""
    source: str
    """``files``, or ``stickers``: the built-in world."""
    simulated: bool
    figures: list[FigureRecord]
    ranking_lift: list[LiftRecord]
    slices: list[SliceRecord]
    notes: list[str]
    """What could not be measured, and why."""
    caveats: list[str] = []
    """What the figures must not be read as: rows that an import made up, covers of a generator that does not fit."""
