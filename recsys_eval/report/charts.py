"""Charts as small inline SVG that follows the page's colours, light and dark.

Words and numbers stay HTML text beside the drawing, so that they keep their size on a phone
and can be read aloud; every drawing has a label that says the same in words.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


@dataclass(frozen=True, kw_only=True)
class Axis:
    """A linear scale shared by the rows of one chart."""

    low: float
    high: float

    def place(self, value: float) -> float:
        """Per cent of the width, clipped to the chart."""
        return 100.0 * min(max((value - self.low) / (self.high - self.low), 0.0), 1.0)


def axis_of(values: Sequence[float], *, include: float | None = 0.0, margin: float = 0.08) -> Axis:
    """Scale that holds all finite values, with a margin on both sides.

    Examples
    --------
    >>> axis_of([1.0, 3.0], include=None, margin=0.0)
    Axis(low=1.0, high=3.0)
    """
    known = [value for value in values if math.isfinite(value)]
    if include is not None:
        known.append(include)
    low, high = (min(known), max(known)) if known else (0.0, 1.0)
    span = (high - low) or abs(high) or 1.0
    return Axis(low=low - margin * span, high=high + margin * span)


def _svg(text: str) -> Markup:
    """Mark as safe what was put together from numbers and escaped labels."""
    return Markup(text)  # noqa: S704


def interval_strip(
    value: float, low: float, high: float, axis: Axis, *, label: str, zero: float | None = 0.0
) -> Markup:
    """One row of a forest plot: interval, dot and a line at zero.

    Parameters
    ----------
    value, low, high
        The figure and its interval.
    axis
        Shared with the other rows.
    label
        What the drawing says, in words.
    zero
        Where the vertical line stands; None draws none.
    """
    at, left, right = axis.place(value), axis.place(low), axis.place(high)
    line = (
        ""
        if zero is None
        else f'<line class="zero" x1="{axis.place(zero):.2f}" x2="{axis.place(zero):.2f}" y1="0" y2="20"/>'
    )
    return _svg(
        f'<svg class="strip" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">'
        f"{line}"
        f'<line class="whisker" x1="{left:.2f}" x2="{right:.2f}" y1="10" y2="10"/>'
        f'<line class="dot" x1="{at:.2f}" x2="{at:.2f}" y1="10" y2="10"/></svg>'
    )


def bar(value: float, axis: Axis, *, label: str) -> Markup:
    """One row of a bar chart, from the axis's low end."""
    return _svg(
        f'<svg class="strip" viewBox="0 0 100 20" preserveAspectRatio="none" role="img" aria-label="{escape(label)}">'
        f'<rect class="bar" x="0" y="4" width="{axis.place(value):.2f}" height="12"/></svg>'
    )


def calibration_plot(curves: Sequence[tuple[str, str, Sequence[tuple[float, float]]]]) -> Markup:
    """Predicted against observed click rate, with the diagonal.

    Parameters
    ----------
    curves
        (name, CSS class, points of (predicted, observed)).
    """
    top = max((max(point) for _, _, points in curves for point in points), default=1.0) * 1.05 or 1.0
    size, left, bottom = 260.0, 44.0, 30.0

    def xy(predicted: float, observed: float) -> tuple[float, float]:
        return left + size * predicted / top, 8 + size * (1 - observed / top)

    parts = []
    for step in range(5):
        tick = top * step / 4
        x, y = xy(tick, tick)
        parts.append(
            f'<line class="grid" x1="{left}" x2="{left + size}" y1="{y:.1f}" y2="{y:.1f}"/>'
            f'<text x="{left - 6}" y="{y + 4:.1f}" text-anchor="end">{100 * tick:.0f}%</text>'
            f'<text x="{x:.1f}" y="{size + 24:.1f}" text-anchor="middle">{100 * tick:.0f}%</text>'
        )
    parts.append(f'<line class="diagonal" x1="{left}" y1="{8 + size}" x2="{left + size}" y2="8"/>')
    for _, css, points in curves:
        places = [xy(*point) for point in points]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline class="curve {escape(css)}" points="{path}"/>')
        parts += [f'<circle class="point {escape(css)}" cx="{x:.1f}" cy="{y:.1f}" r="3.2"/>' for x, y in places]
    names = ", ".join(name for name, _, _ in curves)
    return _svg(
        f'<svg class="calibration" viewBox="0 0 {left + size + 12:.0f} {size + bottom + 8:.0f}" role="img" '
        f'aria-label="Calibration: predicted against observed click rate of {escape(names)}">{"".join(parts)}</svg>'
    )
