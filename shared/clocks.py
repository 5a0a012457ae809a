"""Business calendars and declared lengths of time, as pure functions (domain.md: rule 7, and Complaint, Clocks).

A moment is open when the wall clock of the calendar's zone then shows a time inside an interval of a worked day.
So an hour that daylight saving skips does not count, and one that it repeats counts twice.
"""

import re
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, date, datetime, time, timedelta
from functools import cached_property, lru_cache
from itertools import accumulate
from typing import Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from shared import canonical, clock

Pauses = Sequence[tuple[datetime, datetime | None]]
"""When a clock stood still, from and to (None: still does), in any order; one that ends before it begins is nothing."""
Week = tuple[tuple[tuple[int, int], ...], ...]
"""Monday to Sunday, each with its opening intervals in minutes after local midnight, where 1440 ends the day."""

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
KEYS = ("name", "zone", "week", "country", "subdivision", "holidays", "workdays")
HORIZON = 20  # years within which a clock has to run out; what needs longer is a mistake in the calendar

_NONE, _SECOND, _MINUTE, _DAY = timedelta(), timedelta(seconds=1), timedelta(minutes=1), timedelta(days=1)
_Year = tuple[list[datetime], list[datetime], list[timedelta]]  # openings, closings, open time before (last: in all)
_INTERVAL = re.compile(r"(\d\d):([0-5]\d)-(\d\d):([0-5]\d)", re.ASCII)


@dataclass(frozen=True)
class Calendar:
    """When a house works: its weekly hours, their IANA zone, and the days that are different.

    `country` (ISO 3166-1, two letters) and `subdivision` add the public holidays that the package `holidays` knows.
    An extra workday is worked although it is a weekend or holiday: with the hours of its own weekday or, where that
    has none, of the first weekday that has any (a Chinese make-up Saturday has Monday's hours).
    Raises ValueError for a week or dates that contradict themselves; zone and country are looked up on first use.
    """

    name: str = "default"
    zone: str = "UTC"
    week: Week = (((9 * 60, 17 * 60),),) * 5 + ((), ())
    country: str | None = None
    subdivision: str | None = None
    extra_holidays: frozenset[date] = frozenset()
    extra_workdays: frozenset[date] = frozenset()

    def __post_init__(self) -> None:
        if len(self.week) != len(DAYS) or not any(self.week):
            raise ValueError("week: at least one opening interval is needed, in a week of seven days")
        for name, day in zip(DAYS, self.week, strict=True):
            ends = [minute for interval in day for minute in interval]
            if ends != sorted(ends) or any(not 0 <= opens < closes <= 24 * 60 for opens, closes in day):
                raise ValueError(f"week.{name}: an interval has to end after it begins, by 24:00, and overlap no other")
        if both := self.extra_holidays & self.extra_workdays:
            raise ValueError(f"workdays: {min(both)} is among the holidays too, allowed is one of them")

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Self:
        """Build from parsed TOML; raise ValueError naming the key that is wrong and what is allowed.

        Needed: name, zone, week ({mon = ["09:00-12:00", "13:30-18:00"], …}; 24:00 ends a day).
        Optional: country, subdivision, holidays and workdays (lists of dates).
        """
        if unknown := set(mapping) - set(KEYS):
            raise ValueError(f"{min(unknown)}: not known here, allowed are {', '.join(KEYS)}")
        texts: dict[str, Any] = {key: mapping.get(key) for key in ("name", "zone", "country", "subdivision")}
        for key, text in texts.items():
            if not (isinstance(text, str) and text.strip()) and (key in ("name", "zone") or text is not None):
                raise ValueError(f"{key}: allowed is a text that is not empty, not {text!r}")
        dates: dict[str, Any] = {f"extra_{key}": _dates(key, mapping.get(key, [])) for key in ("holidays", "workdays")}
        built = cls(**texts, week=_week(mapping.get("week")), **dates)
        built._survey(2000)  # looks up zone and country
        return built

    @cached_property
    def day(self) -> timedelta:
        """The length of one business day: the most common of the weekdays that have hours; of equals, the longer."""
        lengths = Counter(sum(closes - opens for opens, closes in day) for day in self.week if day)
        return max(lengths, key=lambda minutes: (lengths[minutes], minutes)) * _MINUTE

    def add(self, start: datetime, budget: timedelta, pauses: Pauses = ()) -> datetime | None:
        """Return the earliest moment (UTC) at which `budget` of open time outside the pauses has passed since start.

        None where an endless pause (or one beyond the HORIZON) comes first; a budget of 0 gives start itself.
        Raises ValueError for a naive time, a negative budget, or one that takes longer than the HORIZON.
        """
        start = _utc(start)
        if budget < _NONE:
            raise ValueError("a budget of business time cannot be negative")
        if not budget:
            return start
        first, limit = start.year, datetime(start.year + HORIZON + 1, 1, 1, tzinfo=UTC)
        target = self._open(first, start) + budget
        for since, until in _merged(pauses, start, limit):
            if self._open(first, since) >= target:
                break
            if until == limit:
                return None
            target += self._between(since, until)
        return self._reached(first, target)

    def elapsed(self, start: datetime, end: datetime, pauses: Pauses = ()) -> timedelta:
        """The open time outside the pauses from start to end, 0 if end is earlier; ValueError if one is naive."""
        start, end = _utc(start), max(_utc(start), _utc(end))
        paused = (self._between(since, until) for since, until in _merged(pauses, start, end))
        return self._between(start, end) - sum(paused, _NONE)

    def digest(self) -> str:
        """Return 'sha256:…' of the definition; what the package `holidays` knows of a country is no part of it."""
        dates = {key: sorted(map(str, getattr(self, key))) for key in ("extra_holidays", "extra_workdays")}
        return canonical.digest("casewright/calendar/v1", canonical.canonical(asdict(self) | dates))

    def _between(self, start: datetime, end: datetime) -> timedelta:
        return self._open(start.year, end) - self._open(start.year, start)

    def _open(self, first: int, moment: datetime) -> timedelta:
        """Measure the open time from the beginning of the UTC year `first` to a moment not before it."""
        opens, closes, before = self._year(moment.year)
        at = bisect_right(opens, moment) - 1
        within = before[at] + (min(moment, closes[at]) - opens[at]) if at >= 0 else _NONE
        return sum((self._year(number)[2][-1] for number in range(first, moment.year)), within)

    def _reached(self, first: int, target: timedelta) -> datetime:
        """Invert `_open`: the earliest moment at which it gives the target."""
        for number in range(first, first + HORIZON + 1):
            opens, _, before = self._year(number)
            if target <= before[-1]:
                at = bisect_left(before, target) - 1
                return opens[at] + (target - before[at])
            target -= before[-1]
        raise ValueError(f"calendar {self.name}: the budget is not reached within {HORIZON} years")

    @cached_property
    def _year(self) -> Callable[[int], _Year]:
        return lru_cache(3 * HORIZON)(self._survey)

    def _survey(self, number: int) -> _Year:
        """Lay the hours of the local days over each stretch of the UTC year with one offset; ~1 ms, so kept."""
        if not 1 < number < 9999:
            raise ValueError("a calendar reaches from the year 2 to 9998")
        begin, end = datetime(number, 1, 1, tzinfo=UTC), datetime(number + 1, 1, 1, tzinfo=UTC)
        closed = self._public_holidays(range(number - 1, number + 2)) | self.extra_holidays
        stretches: list[tuple[datetime, datetime]] = []
        for since, until, offset in _offsets(_zone(self.zone), begin, end):
            midnight = datetime.combine(since + offset, time(), UTC) - offset
            while midnight < until:
                for opens, closes in self._hours((midnight + offset).date(), closed):
                    stretches.append((max(midnight + opens * _MINUTE, since), min(midnight + closes * _MINUTE, until)))
                midnight += _DAY
        stretches = [(opens, closes) for opens, closes in stretches if opens < closes]
        before = accumulate((closes - opens for opens, closes in stretches), initial=_NONE)
        return [opens for opens, _ in stretches], [closes for _, closes in stretches], list(before)

    def _hours(self, day: date, closed: frozenset[date]) -> tuple[tuple[int, int], ...]:
        if day in self.extra_workdays:
            return self.week[day.weekday()] or next(filter(None, self.week))
        return () if day in closed else self.week[day.weekday()]

    def _public_holidays(self, years: Iterable[int]) -> frozenset[date]:
        """Ask the package `holidays`; raise ValueError for a country or subdivision that it does not know."""
        country, subdivision = self.country or "", self.subdivision
        if not country and not subdivision:
            return frozenset()
        from holidays import country_holidays  # here, because it is large and most calendars name no country

        try:
            known = country_holidays(country if len(country) == 2 else "").subdivisions
        except NotImplementedError:
            raise ValueError(f"country: allowed is a code such as CN that `holidays` has, not {country!r}") from None
        if subdivision not in (None, *known):
            raise ValueError(f"subdivision: allowed are {', '.join(known) or 'none'}, not {subdivision!r}")
        return frozenset(country_holidays(country, subdivision, years, expand=False))


DEFAULT = Calendar()
"""Monday to Friday, 09:00 to 17:00 UTC, no holidays: a business day of 8 hours (domain.md, Complaint, Clocks)."""


@dataclass(frozen=True, slots=True)
class Span:
    """A declared length of time: business spans run on a calendar and pause, plain ones (statutory) do neither."""

    count: int
    unit: Literal["business hour", "business day", "hour", "day"]

    def __post_init__(self) -> None:
        if self.count < 0:
            raise ValueError("a span cannot be negative")

    def end(self, calendar: Calendar, start: datetime, pauses: Pauses = ()) -> datetime | None:
        """Return when it is over, in UTC, or None where an endless pause comes first; ValueError as `Calendar.add`."""
        match self.unit:
            case "business hour":
                return calendar.add(start, timedelta(hours=self.count), pauses)
            case "business day":
                return calendar.add(start, calendar.day * self.count, pauses)
            case "hour":
                return _utc(start) + timedelta(hours=self.count)
            case "day":
                return _utc(start) + timedelta(days=self.count)

    def __str__(self) -> str:
        return f"{self.count} {self.unit}{'' if self.count == 1 else 's'}"


def business_hours(count: int) -> Span:
    """Hours during which the house is open."""
    return Span(count, "business hour")


def business_days(count: int) -> Span:
    """Days of `Calendar.day` each: from 11:00 to 11:00 on the next day that is worked."""
    return Span(count, "business day")


def calendar_hours(count: int) -> Span:
    """Hours as they pass, night and weekend too."""
    return Span(count, "hour")


def calendar_days(count: int) -> Span:
    """Days of 24 hours as they pass; a week is seven."""
    return Span(count, "day")


def _utc(moment: datetime) -> datetime:
    if moment.tzinfo is None:
        raise ValueError("a moment needs an offset from UTC")
    return moment.astimezone(UTC)


def _week(value: Any) -> Week:
    if not isinstance(value, Mapping) or not set(value) <= set(DAYS):
        raise ValueError(f"week: allowed is a table of {', '.join(DAYS)}, not {value!r}")
    return tuple(_intervals(day, value.get(day, [])) for day in DAYS)


def _intervals(day: str, texts: Any) -> tuple[tuple[int, int], ...]:
    found = [_INTERVAL.fullmatch(str(text)) for text in texts] if isinstance(texts, list) else [None]
    clocks = [tuple(map(int, match.groups())) for match in found if match]
    if len(clocks) < len(found):
        raise ValueError(f'week.{day}: allowed is a list of intervals such as "09:00-17:30", not {texts!r}')
    return tuple(sorted((hour * 60 + minute, to_hour * 60 + to_minute) for hour, minute, to_hour, to_minute in clocks))


def _dates(key: str, value: Any) -> frozenset[date]:
    try:
        return frozenset(day if type(day) is date else clock.day(day) for day in value)
    except (TypeError, ValueError):
        raise ValueError(f"{key}: allowed is a list of dates YYYY-MM-DD, not {value!r}") from None


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # not there, no name at all, a folder of zones
        raise ValueError(f"zone: allowed is an IANA name such as Europe/Berlin, not {name!r}") from None


def _merged(pauses: Pauses, start: datetime, limit: datetime) -> list[tuple[datetime, datetime]]:
    """Return the pauses between start and limit in order, those that overlap or touch made one."""
    merged: list[tuple[datetime, datetime]] = []
    clipped = ((max(_utc(since), start), limit if to is None else min(_utc(to), limit)) for since, to in pauses)
    for since, until in sorted(clipped):
        if merged and since <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(until, merged[-1][1]))
        elif since < until:
            merged.append((since, until))
    return merged


def _offsets(zone: ZoneInfo, since: datetime, until: datetime) -> Iterator[tuple[datetime, datetime, timedelta]]:
    """Halve a stretch of UTC until the zone keeps one offset in each part (it changes at most once a week)."""
    first, last = (moment.astimezone(zone).utcoffset() or _NONE for moment in (since, until - _SECOND))
    if first == last and until - since <= 7 * _DAY:
        yield since, until, first
    else:
        middle = since + (until - since) // _SECOND // 2 * _SECOND
        yield from _offsets(zone, since, middle)
        yield from _offsets(zone, middle, until)
