"""Moments in ONNX: from seconds since 1970 (UTC) to days since 2000, and to where in its cycles each moment stands."""

from autoproc.data.encoders import Cycle
from autoproc.export.onnx.graph import Value

_DAY = 86_400
_TO_2000 = 10_957  # days from 1970
_SINCE_MONDAY = 3  # 1970 began on a Thursday
# Years are counted from March here, so that the leap day is a year's last, in eras of 400 years, which are all alike.
_TO_MARCH_0 = 719_468  # days from the first of March of the year 0
_4_YEARS, _100_YEARS, _400_YEARS = 1_460, 36_524, 146_097  # days, without the last leap day but in 400 years


def days_since_1970(seconds: Value) -> Value:
    return seconds / _DAY


def days_since_2000(days: Value) -> Value:
    """From days since 1970, as all that follows."""
    return days - _TO_2000


def phase(cycle: Cycle, days: Value) -> Value:
    """Where in the cycle each moment stands, in [0, 1): autoproc.data.encoders says where that is."""
    if cycle == "day":
        return days - days.floor()
    if cycle == "week":
        return _remainder(days.floor() + _SINCE_MONDAY, 7) / 7
    month, day = _month_and_day(days.floor())
    return (month + day / 31) / 12


def _month_and_day(days: Value) -> tuple[Value, Value]:
    """Number of the month in the year and of the day in the month, both from 0, of whole days since 1970 (Hinnant,
    "chrono-Compatible Low-Level Date Algorithms", civil_from_days)."""
    of_era = _remainder(days + _TO_MARCH_0, _400_YEARS)
    leap_days = (of_era / _4_YEARS).floor() - (of_era / _100_YEARS).floor() + (of_era / (_400_YEARS - 1)).floor()
    year = ((of_era - leap_days) / 365).floor()
    of_year = of_era - (year * 365 + (year / 4).floor() - (year / 100).floor())
    month = ((of_year * 5 + 2) / 153).floor()  # from March
    day = of_year - ((month * 153 + 2) / 5).floor()
    return _remainder(month + 2, 12), day


def _remainder(value: Value, of: int) -> Value:
    return value - (value / of).floor() * of
