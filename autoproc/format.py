"""Numbers and durations as people read them (the one place where they are rounded), and as JSON takes them."""

import math
from typing import Any


def format_score(score: float) -> str:
    """`score` with three or four significant digits; whole above 1,000.

    >>> [format_score(x) for x in (0.74213, 0.99961, 53213.4, 1.5e-7, float("nan"))]
    ['0.742', '0.9996', '53,213', '1.50e-07', 'not known']
    """
    size = abs(score)
    if math.isnan(score):
        return "not known"
    if math.isinf(score) or size == 0:
        return "0" if size == 0 else ("infinite" if score > 0 else "-infinite")
    if size < 1e-3:
        return f"{score:.2e}" if size < 1e-4 else f"{score:.6f}"
    return f"{score:,.{decimals(size)}f}"


def format_mean(mean: float, standard_error: float) -> str:
    """A mean with its standard error, if there is one.

    >>> format_mean(0.7421, 0.0212), format_mean(0.7421, float("nan")), format_mean(0.5, 1.9e-17)
    ('0.742 ± 0.021', '0.742', '0.500 ± 0')
    """
    if not math.isfinite(standard_error) or not math.isfinite(mean):
        return format_score(mean)
    if abs(standard_error) < 1e-12 * abs(mean):  # of equal scores, but for rounding
        standard_error = 0.0
    return f"{format_score(mean)} ± {_format_error(standard_error)}"


def format_estimate(score: float, interval: tuple[float, float]) -> str:
    """A score on the holdout with its 95 % interval, if there is one.

    >>> format_estimate(0.7284, (0.64, 0.8)), format_estimate(0.7284, (float("nan"), float("nan")))
    ('0.728 (95 %: 0.640 to 0.800)', '0.728 (no interval)')
    """
    low, high = interval
    if math.isnan(score):
        return format_score(score)
    between = "no interval" if math.isnan(low) else f"95 %: {format_score(low)} to {format_score(high)}"
    return f"{format_score(score)} ({between})"


def format_count(count: int) -> str:
    """`count` with separators: 10,000."""
    return f"{count:,}"


def format_seconds(seconds: float) -> str:
    """A duration.

    >>> [format_seconds(s) for s in (0.21, 7.4, 185, 7260)]
    ['0.2 s', '7 s', '3 min 05 s', '2 h 01 min']
    """
    if seconds < 1:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02} min"


def format_bytes(count: int) -> str:
    """A size of memory.

    >>> [format_bytes(n) for n in (663_000_000, 12_300_000_000)]
    ['663 MB', '12.3 GB']
    """
    return f"{count / 1e6:,.0f} MB" if count < 1e9 else f"{count / 1e9:,.1f} GB"


def finite_or_null(value: Any) -> Any:
    """`value` with each NaN or infinity in it, however deep, replaced by None.

    >>> finite_or_null({"score": float("nan"), "folds": [0.5, float("inf")]})
    {'score': None, 'folds': [0.5, None]}
    """
    if isinstance(value, dict):
        return {key: finite_or_null(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [finite_or_null(inner) for inner in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def decimals(size: float) -> int:
    """Decimals that show a positive `size` of 0.001 or more with three or four significant digits."""
    if size >= 1000:
        return 0
    if size >= 1:
        return 3 - math.floor(math.log10(size))
    return 4 if size >= 0.99 else 2 - math.floor(math.log10(size)) if size < 0.1 else 3


def _format_error(error: float) -> str:
    """Two significant digits; whole where it is large."""
    if error >= 10:
        return f"{error:,.0f}"
    if error == 0:
        return "0"
    places = 1 - math.floor(math.log10(error))
    return f"{error:.{places}f}" if places <= 6 else f"{error:.1e}"
