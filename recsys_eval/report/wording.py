"""Numbers and results in words, as the report says them."""

import math


def significant(value: float, digits: int = 3) -> str:
    """Three significant digits without an exponent.

    Examples
    --------
    >>> significant(0.061234), significant(1234.5), significant(-0.5), significant(0.0099999)
    ('0.0612', '1,230', '-0.500', '0.0100')
    """
    if not math.isfinite(value):
        return "unknown"
    if value == 0:
        return "0"
    value = float(f"{value:.{digits}g}")
    places = max(digits - 1 - math.floor(math.log10(abs(value))), 0)
    return f"{value:,.{places}f}"


def percent(value: float, *, sign: bool = False) -> str:
    """A share as per cent with about three significant digits, a lift with a sign.

    Examples
    --------
    >>> percent(0.0512), percent(0.1234, sign=True), percent(-0.004, sign=True)
    ('5.12 %', '+12.3 %', '−0.40 %')
    """
    if not math.isfinite(value):
        return "unknown"
    scaled = 100 * value
    places = 2 if abs(scaled) < (1 if sign else 10) else 1
    return f"{scaled:{'+' if sign else ''},.{places}f} %".replace("-", "−")


def interval(low: float | None, high: float | None, unit: str) -> str:
    """An interval in the same form as its value; empty where there is none."""
    if low is None or high is None:
        return ""
    return f"{quantity(low, unit)} to {quantity(high, unit)}"


def quantity(value: float | None, unit: str) -> str:
    """A value in the form of its unit.

    Examples
    --------
    >>> quantity(0.1, "relative lift"), quantity(0.1, "share"), quantity(0.61234, "score"), quantity(None, "share")
    ('+10.0 %', '10.0 %', '0.612', 'unknown')
    """
    if value is None:
        return "unknown"
    if unit == "relative lift":
        return percent(value, sign=True)
    if unit.startswith("share"):
        return percent(value)
    return significant(value).replace("-", "−")


def p_value(p: float | None) -> str:
    """A p value, never more exact than the bootstrap is.

    Examples
    --------
    >>> p_value(0.0312), p_value(0.0005), p_value(None)
    ('p = 0.031', 'p < 0.005', '')
    """
    if p is None:
        return ""
    return "p < 0.005" if p < 0.005 else f"p = {p:.2g}"


def seconds(value: float) -> str:
    """A duration.

    Examples
    --------
    >>> seconds(0.44), seconds(75.2), seconds(3700)
    ('0.4 s', '1 min 15 s', '1 h 1 min')
    """
    if value < 60:
        return f"{value:.1f} s"
    if value < 3600:
        return f"{int(value // 60)} min {int(value % 60)} s"
    return f"{int(value // 3600)} h {int(value % 3600 // 60)} min"
