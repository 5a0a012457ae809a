"""Time as it is written: UTC instants with six decimals, so that text order is time order."""

from collections.abc import Callable
from datetime import UTC, date, datetime

Now = Callable[[], datetime]
"""Whoever needs the time is given a `Now`; nothing reads the clock at import."""


def now() -> datetime:
    """Return the present moment, aware and in UTC."""
    return datetime.now(UTC)


def instant(moment: datetime) -> str:
    """Write an aware datetime as RFC 3339 in UTC with fixed precision; raise ValueError for a naive one."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs an offset from UTC")
    return moment.astimezone(UTC).isoformat(timespec="microseconds")


def moment(text: str) -> datetime:
    """Read an RFC 3339 time with offset; raise ValueError where it is none."""
    read = datetime.fromisoformat(text)
    if read.tzinfo is None or len(text) < 20:
        raise ValueError("a time needs date, time and an offset from UTC")
    try:
        return read.astimezone(UTC)
    except OverflowError:
        raise ValueError("a time lies within the years 1 to 9999 of UTC") from None


def day(text: str) -> date:
    """Read a date written YYYY-MM-DD, and nothing else; raise ValueError where it is none."""
    if len(text) != 10 or "W" in text:  # an ISO week date has ten characters too
        raise ValueError("a date is written YYYY-MM-DD")
    return date.fromisoformat(text)
