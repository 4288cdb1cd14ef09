"""How numbers are written for people: one way for every page, table and sentence.

What is not defined (NaN) is a dash, and a minus is a minus sign, not a hyphen.
"""

from collections.abc import Sequence
from math import isnan

DASH = "–"


def percent(share: float, digits: int = 2) -> str:
    """`0.9712` as `97.12%`."""
    return DASH if isnan(share) else f"{share:.{digits}%}".replace("-", "−")


def percent_range(low: float, high: float, digits: int = 2) -> str:
    """The ends of an interval of shares, `96.98% to 97.30%`; empty where there is none."""
    return "" if isnan(low) or isnan(high) else f"{percent(low, digits)} to {percent(high, digits)}"


def decimal(value: float, digits: int = 4, signed: bool = False) -> str:
    """A number to so many digits after the point, with its sign where it is signed."""
    return DASH if isnan(value) else f"{value:{'+' if signed else ''}.{digits}f}".replace("-", "−")


def decimal_range(low: float, high: float, digits: int = 4) -> str:
    """The ends of an interval, `0.9971 to 0.9980`; empty where there is none."""
    return "" if isnan(low) or isnan(high) else f"{decimal(low, digits)} to {decimal(high, digits)}"


def points(share: float, signed: bool = False) -> str:
    """A share or a difference of shares in percentage points: `0.0210` as `2.10`, or `+2.10` where it is signed."""
    return DASH if isnan(share) else f"{100 * share:{'+' if signed else ''}.2f}".replace("-", "−")


def points_range(low: float, high: float) -> str:
    """The ends of an interval in percentage points, `1.52 to 2.71`; empty where there is none."""
    return "" if isnan(low) or isnan(high) else f"{points(low)} to {points(high)}"


def p_value(value: float) -> str:
    """The number of a p-value: `0.031`, `0.42`, `< 0.001`."""
    if value < 0.001:
        return "< 0.001"
    return f"{value:.3f}" if value < 0.1 else f"{value:.2f}"


def short(count: float, units: Sequence[str] = (" thousand", " million", " billion", " trillion")) -> str:
    """A count in three digits and a word, such as `37.2 million`."""
    for unit in ("", *units[:-1]):
        if count < 999.5:
            return f"{count:.3g}{unit}"
        count /= 1000
    return f"{count:.3g}{units[-1]}"


def seconds(value: float) -> str:
    """Seconds without their unit: `1,235`, and below ten `3.4`."""
    if isnan(value):
        return DASH
    return f"{value:,.0f}" if value >= 10 else f"{value:.1f}"


def duration(seconds: float) -> str:
    """`75` as `1 min 15 s`."""
    whole = round(seconds)
    if whole < 60:
        return f"{seconds:.3g} s" if seconds >= 0.1 else f"{seconds:.2f} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def megabytes(size: int) -> str:
    """Bytes as `1.25 MB`."""
    return f"{size / 1e6:.2f} MB"
