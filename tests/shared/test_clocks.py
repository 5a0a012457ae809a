"""Business calendars against a naive oracle that walks minute by minute, and the days that people argue about."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.clocks import (
    DEFAULT,
    Calendar,
    Pauses,
    Span,
    business_days,
    business_hours,
    calendar_days,
    calendar_hours,
)

HOUR, MINUTE, DAY = timedelta(hours=1), timedelta(minutes=1), timedelta(days=1)
BERLIN, SHANGHAI = ZoneInfo("Europe/Berlin"), ZoneInfo("Asia/Shanghai")
WALK = 8 * DAY
AROUND_THE_CLOCK = (((0, 1440),),) * 7

CHINESE: dict[str, Any] = {
    "name": "cn",
    "zone": "Asia/Shanghai",
    "country": "CN",
    "week": {day: ["09:00-12:00", "13:30-18:00"] for day in ("mon", "tue", "wed", "thu", "fri")},
    "workdays": ["2026-10-10"],
}

ANCHORS = [
    ("UTC", "2026-12-30"),  # the end of a UTC year
    ("Europe/Berlin", "2026-03-28"),
    ("Europe/Berlin", "2026-10-24"),
    ("America/New_York", "2026-03-07"),
    ("America/New_York", "2026-10-31"),
    ("Asia/Shanghai", "2025-12-31"),
    ("Australia/Lord_Howe", "2026-04-04"),  # by half an hour
    ("America/Havana", "2026-10-31"),  # at midnight
    ("Pacific/Apia", "2011-12-28"),  # the 30th was skipped
]


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def local(text: str, zone: ZoneInfo) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=zone)


def weekly(zone: str = "UTC", **days: tuple[tuple[int, int], ...]) -> Calendar:
    return Calendar("test", zone, tuple(days.get(day, ()) for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")))


# The oracle: reads the wall clock at every minute.


def is_open(calendar: Calendar, zone: ZoneInfo, moment: datetime) -> bool:
    wall = moment.astimezone(zone)
    hours = calendar.week[wall.weekday()]
    if wall.date() in calendar.extra_workdays:
        hours = hours or next(day for day in calendar.week if day)
    elif wall.date() in calendar.extra_holidays:
        hours = ()
    return any(opens <= wall.hour * 60 + wall.minute < closes for opens, closes in hours)


def counted_minutes(calendar: Calendar, start: datetime, pauses: Pauses) -> list[datetime]:
    """The beginnings of all minutes that count, in the days of the walk."""
    zone = ZoneInfo(calendar.zone)
    walked = (start + n * MINUTE for n in range(WALK // MINUTE))
    return [
        moment
        for moment in walked
        if is_open(calendar, zone, moment) and not any(since <= moment and (to is None or moment < to) for since, to in pauses)
    ]


# What is made up: calendars of any hours around the days on which clocks are changed, with holidays and workdays.


@st.composite
def weeks(draw: st.DrawFn) -> tuple[tuple[tuple[int, int], ...], ...]:
    def hours() -> tuple[tuple[int, int], ...]:
        ends = sorted(draw(st.lists(st.integers(0, 1440), max_size=6, unique=True)))
        return tuple(zip(ends[::2], ends[1::2], strict=False))

    week = [hours() for _ in range(7)]
    return tuple(week) if any(week) else (((540, 1020),), *week[1:])


@st.composite
def situations(draw: st.DrawFn, longest: int = 900) -> tuple[Calendar, datetime, timedelta, list[Any]]:
    """A calendar, a start, a budget and pauses, all in whole minutes; half of the pauses touch another's edge."""
    zone, day = draw(st.sampled_from(ANCHORS))
    near = st.integers(-2, 9).map(lambda n: date.fromisoformat(day) + n * DAY)
    closed, worked = draw(st.frozensets(near, max_size=4)), draw(st.frozensets(near, max_size=2))
    calendar = Calendar("made up", zone, draw(weeks()), extra_holidays=closed - worked, extra_workdays=worked)
    start = utc(day) + draw(st.integers(0, 3 * 1440)) * MINUTE
    edges = [start + n * MINUTE for n in draw(st.lists(st.integers(-1440, 9 * 1440), min_size=2, max_size=6))]
    pause = st.tuples(st.sampled_from(edges), st.sampled_from(edges) | st.none() | st.just(start + 30 * DAY))
    pauses = [(since, to) for since, to in draw(st.lists(pause, max_size=4)) if to is None or since <= to]
    return calendar, start, draw(st.integers(0, longest)) * MINUTE, pauses


def ended(pauses: Sequence[tuple[datetime, datetime | None]]) -> list[tuple[datetime, datetime]]:
    return [(since, to) for since, to in pauses if to is not None]


def later(one: datetime | None, other: datetime | None) -> bool:
    return one is None or (other is not None and one >= other)


@settings(max_examples=150, deadline=None)
@given(situations())
def test_add_finds_the_minute_that_a_walk_finds(situation: tuple[Calendar, datetime, timedelta, list[Any]]) -> None:
    calendar, start, budget, pauses = situation
    counted, needed = counted_minutes(calendar, start, pauses), budget // MINUTE
    found = calendar.add(start, budget, pauses)
    if needed <= len(counted):
        assert found == (counted[needed - 1] + MINUTE if needed else start)
    elif any(to is None and since <= start + WALK for since, to in pauses):
        assert found is None
    else:
        assert found is None or found > start + WALK


@settings(max_examples=80, deadline=None)
@given(situations(), st.integers(0, WALK // MINUTE))
def test_elapsed_counts_the_minutes_that_a_walk_counts(
    situation: tuple[Calendar, datetime, timedelta, list[Any]], minutes: int
) -> None:
    calendar, start, _, pauses = situation
    end = start + minutes * MINUTE
    counted = [moment for moment in counted_minutes(calendar, start, pauses) if moment < end]
    assert calendar.elapsed(start, end, pauses) == len(counted) * MINUTE


@settings(deadline=None)
@given(situations(), st.integers(0, 999_999))
def test_elapsed_is_the_inverse_of_add(situation: tuple[Calendar, datetime, timedelta, list[Any]], more: int) -> None:
    calendar, start, budget, pauses = situation
    budget += timedelta(microseconds=more)
    end = calendar.add(start, budget, pauses)
    if end is not None:
        assert end.tzinfo is UTC
        assert calendar.elapsed(start, end, pauses) == budget
        assert not budget or calendar.elapsed(start, end - timedelta(microseconds=1), pauses) < budget


@settings(deadline=None)
@given(situations(), st.integers(0, 30 * 1440))
def test_add_of_what_has_elapsed_is_never_later(situation: tuple[Calendar, datetime, timedelta, list[Any]], minutes: int) -> None:
    calendar, start, _, pauses = situation
    end = start + minutes * MINUTE
    again = calendar.add(start, calendar.elapsed(start, end, pauses), pauses)
    assert again is not None
    assert again <= end


@settings(deadline=None)
@given(situations(), st.data())
def test_the_order_of_pauses_does_not_matter(
    situation: tuple[Calendar, datetime, timedelta, list[Any]], data: st.DataObject
) -> None:
    calendar, start, budget, pauses = situation
    shuffled = data.draw(st.permutations(pauses))
    assert calendar.add(start, budget, shuffled) == calendar.add(start, budget, pauses)
    assert calendar.elapsed(start, start + WALK, shuffled) == calendar.elapsed(start, start + WALK, pauses)


@settings(deadline=None)
@given(situations(), st.integers(0, 9 * 1440))
def test_a_pause_in_two_touching_parts_is_the_same_pause(
    situation: tuple[Calendar, datetime, timedelta, list[Any]], minutes: int
) -> None:
    calendar, start, budget, pauses = situation
    at = start + minutes * MINUTE
    parts = [
        part
        for since, to in pauses
        for part in ([(at, to), (since, at)] if since <= at and (to is None or at <= to) else [(since, to)])
    ]
    assert calendar.add(start, budget, parts) == calendar.add(start, budget, pauses)


@settings(deadline=None)
@given(situations(), st.integers(-1440, 9 * 1440), st.none() | st.integers(0, 3 * 1440))
def test_one_more_pause_never_makes_it_earlier(
    situation: tuple[Calendar, datetime, timedelta, list[Any]], minutes: int, length: int | None
) -> None:
    calendar, start, budget, pauses = situation
    since = start + minutes * MINUTE
    more = [*pauses, (since, None if length is None else since + length * MINUTE)]
    assert later(calendar.add(start, budget, more), calendar.add(start, budget, pauses))


@settings(deadline=None)
@given(situations(), st.integers(0, 900))
def test_two_budgets_one_after_the_other_are_their_sum(
    situation: tuple[Calendar, datetime, timedelta, list[Any]], minutes: int
) -> None:
    calendar, start, budget, pauses = situation
    pauses, second = ended(pauses), minutes * MINUTE
    first = calendar.add(start, budget, pauses)
    assert first is not None
    assert not second or calendar.add(first, second, pauses) == calendar.add(start, budget + second, pauses)


@settings(deadline=None)
@given(st.integers(0, 110 * 365 * 1440), st.timezones(), st.integers(0, 200))
def test_any_zone_and_any_moment_has_an_answer(minutes: int, zone: ZoneInfo, hours: int) -> None:
    calendar, start = replace(DEFAULT, zone=zone.key), (utc("1970-01-01") + minutes * MINUTE).astimezone(zone)
    end = calendar.add(start, hours * HOUR)
    assert end is not None
    assert calendar.elapsed(start, end) == hours * HOUR


# Edges of a day


@pytest.mark.parametrize(
    ("start", "hours", "end"),
    [
        ("2026-03-02T13:00", 4, "2026-03-02T17:00"),  # Monday, to the minute of closing
        ("2026-03-02T13:00", 5, "2026-03-03T10:00"),
        ("2026-03-02T06:00", 1, "2026-03-02T10:00"),
        ("2026-03-02T17:00", 1, "2026-03-03T10:00"),
        ("2026-03-06T16:00", 2, "2026-03-09T10:00"),  # Friday
        ("2026-03-07T12:00", 8, "2026-03-09T17:00"),  # Saturday
        ("2026-03-02T10:00", 80, "2026-03-16T10:00"),
        ("2026-12-31T16:00", 2, "2027-01-01T10:00"),
        ("2026-03-07T12:00", 0, "2026-03-07T12:00"),
    ],
)
def test_the_default_calendar_counts_monday_to_friday_nine_to_five(start: str, hours: int, end: str) -> None:
    assert DEFAULT.add(utc(start), hours * HOUR) == utc(end)


def test_a_business_day_of_the_default_calendar_has_eight_hours() -> None:
    assert DEFAULT.day == 8 * HOUR


@pytest.mark.parametrize(
    ("week", "hours"),
    [
        ({"mon": ((540, 720), (780, 1020))}, 7),
        ({"mon": ((0, 600),), "tue": ((0, 480),), "wed": ((0, 480),), "sat": ((0, 240),)}, 8),
        ({"mon": ((0, 240),), "tue": ((0, 480),)}, 8),  # as common as the other: the longer
    ],
)
def test_a_business_day_is_the_most_common_length(week: dict[str, Any], hours: int) -> None:
    assert weekly(**week).day == hours * HOUR


def test_times_with_another_offset_come_back_in_utc() -> None:
    end = DEFAULT.add(local("2026-03-02T10:00", SHANGHAI), 0 * HOUR)
    assert (end, end and end.tzinfo) == (utc("2026-03-02T02:00"), UTC)


def test_elapsed_is_zero_where_the_end_is_earlier() -> None:
    assert DEFAULT.elapsed(utc("2026-03-03T12:00"), utc("2026-03-02T12:00")) == timedelta()


def test_years_in_between_count_whole() -> None:
    start, end = utc("2020-01-01T00:00"), utc("2025-01-01T00:00")
    worked = sum((start + n * DAY).weekday() < 5 for n in range((end - start).days))
    assert DEFAULT.elapsed(start, end) == worked * 8 * HOUR
    assert DEFAULT.add(start, worked * 8 * HOUR) == utc("2024-12-31T17:00")


# Pauses


def test_a_pause_over_night_costs_only_open_hours() -> None:
    pause = (utc("2026-03-02T16:00"), utc("2026-03-03T10:00"))
    assert DEFAULT.add(utc("2026-03-02T15:00"), 2 * HOUR, [pause]) == utc("2026-03-03T11:00")


def test_an_endless_pause_prevents_the_end() -> None:
    assert DEFAULT.add(utc("2026-03-02T13:00"), 4 * HOUR, [(utc("2026-03-02T16:59"), None)]) is None


def test_an_endless_pause_that_begins_at_the_end_prevents_nothing() -> None:
    assert DEFAULT.add(utc("2026-03-02T13:00"), 4 * HOUR, [(utc("2026-03-02T17:00"), None)]) == utc("2026-03-02T17:00")


def test_no_budget_is_over_at_once_even_when_paused() -> None:
    assert DEFAULT.add(utc("2026-03-02T13:00"), 0 * HOUR, [(utc("2026-03-01T00:00"), None)]) == utc("2026-03-02T13:00")


def test_a_pause_before_the_start_or_turned_round_costs_nothing() -> None:
    start = utc("2026-03-02T13:00")
    pauses = [(start - 3 * HOUR, start - HOUR), (start + 3 * HOUR, start + 2 * HOUR)]
    assert DEFAULT.add(start, 4 * HOUR, pauses) == utc("2026-03-02T17:00")
    assert DEFAULT.elapsed(start, start + 4 * HOUR, pauses) == 4 * HOUR


def test_a_pause_of_decades_is_endless_and_one_in_the_far_future_is_not_asked() -> None:
    start = utc("2026-03-02T13:00")
    assert DEFAULT.add(start, HOUR, [(start, utc("2099-01-01T00:00"))]) is None
    assert DEFAULT.add(start, HOUR, [(utc("2099-01-01T00:00"), None)]) == utc("2026-03-02T14:00")


def test_an_endless_pause_counts_until_the_end_that_is_asked_for() -> None:
    start = utc("2026-03-02T13:00")
    assert DEFAULT.elapsed(start, start + 3 * HOUR, [(start + HOUR, None)]) == HOUR


# Days on which clocks are changed


@pytest.mark.parametrize(("day", "hours"), [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25)])
def test_a_house_that_never_closes_has_days_of_23_and_25_hours(day: str, hours: int) -> None:
    start = local(day, BERLIN)
    assert Calendar("always", "Europe/Berlin", AROUND_THE_CLOCK).elapsed(start, start + DAY) == hours * HOUR


@pytest.mark.parametrize(
    ("interval", "spring", "autumn"),
    [
        ((120, 180), 0, 120),  # 02:00-03:00 is skipped in spring and comes twice in autumn
        ((150, 210), 30, 90),
        ((60, 150), 60, 120),
        ((90, 240), 90, 210),
        ((540, 600), 60, 60),
    ],
)
def test_what_the_wall_clock_shows_is_what_counts(interval: tuple[int, int], spring: int, autumn: int) -> None:
    calendar = weekly("Europe/Berlin", sun=(interval,))
    for day, minutes in (("2026-03-29", spring), ("2026-10-25", autumn)):
        start = local(day, BERLIN)
        assert calendar.elapsed(start, start + DAY) == minutes * MINUTE


def test_the_house_opens_at_nine_by_the_wall_clock_before_and_after_a_change() -> None:
    calendar = replace(DEFAULT, zone="Europe/Berlin")
    assert calendar.add(local("2026-03-27T16:00", BERLIN), 2 * HOUR) == utc("2026-03-30T08:00")
    assert calendar.add(local("2026-10-23T16:00", BERLIN), 2 * HOUR) == utc("2026-10-26T09:00")


def test_a_start_at_a_time_that_was_skipped_is_understood() -> None:
    calendar = Calendar("always", "Europe/Berlin", AROUND_THE_CLOCK)
    assert calendar.add(local("2026-03-29T02:30", BERLIN), HOUR) == utc("2026-03-29T02:30")


def test_a_day_that_a_zone_skipped_has_no_hours() -> None:
    samoa = ZoneInfo("Pacific/Apia")  # Friday, 30 December 2011 was left out
    start, end = local("2011-12-28", samoa), local("2011-12-31", samoa)
    assert replace(DEFAULT, zone="Pacific/Apia").elapsed(start, end) == 2 * 8 * HOUR


def test_a_new_year_that_begins_in_the_old_year_of_utc_is_a_holiday_from_its_first_hour() -> None:
    calendar = Calendar("early", "Asia/Singapore", (((0, 600),),) * 7, "SG")
    new_year = local("2026-01-01", SHANGHAI)
    assert calendar.elapsed(new_year - DAY, new_year + 2 * DAY) == 20 * HOUR
    assert calendar.add(new_year - DAY, 11 * HOUR) == new_year + DAY + HOUR


# Holidays and workdays


def test_christmas_is_a_holiday_in_germany() -> None:
    german = replace(DEFAULT, zone="Europe/Berlin", country="DE")
    start = local("2026-12-24T09:00", BERLIN)  # Thursday
    assert german.add(start, 9 * HOUR) == local("2026-12-28T10:00", BERLIN)
    assert replace(german, country=None).add(start, 9 * HOUR) == local("2026-12-25T10:00", BERLIN)


def test_epiphany_is_a_holiday_in_bavaria_and_not_in_berlin() -> None:
    day = local("2026-01-06", BERLIN)
    for state, hours in (("BY", 0), ("BE", 8)):
        calendar = replace(DEFAULT, zone="Europe/Berlin", country="DE", subdivision=state)
        assert calendar.elapsed(day, day + DAY) == hours * HOUR


def test_an_extra_holiday_is_closed() -> None:
    calendar = replace(DEFAULT, extra_holidays=frozenset({date(2026, 3, 3)}))
    assert calendar.add(utc("2026-03-02T16:00"), 2 * HOUR) == utc("2026-03-04T10:00")


def test_a_workday_at_the_weekend_has_the_hours_of_the_first_worked_weekday() -> None:
    calendar = replace(weekly(tue=((480, 540),), wed=((600, 720),)), extra_workdays=frozenset({date(2026, 3, 7)}))
    assert calendar.elapsed(utc("2026-03-07T00:00"), utc("2026-03-08T00:00")) == HOUR
    assert calendar.add(utc("2026-03-07T00:00"), MINUTE) == utc("2026-03-07T08:01")


def test_a_workday_on_a_public_holiday_has_the_hours_of_its_own_weekday() -> None:
    calendar = replace(weekly(mon=((480, 540),), fri=((600, 720),)), country="DE")
    day = utc("2026-12-25T00:00")
    assert calendar.elapsed(day, day + DAY) == timedelta()
    assert replace(calendar, extra_workdays=frozenset({day.date()})).elapsed(day, day + DAY) == 2 * HOUR


def test_a_chinese_calendar_rests_at_noon() -> None:
    chinese = Calendar.from_mapping(CHINESE)
    assert chinese.day == 7.5 * HOUR
    assert chinese.add(local("2026-03-02T11:00", SHANGHAI), HOUR) == local("2026-03-02T12:00", SHANGHAI)
    assert chinese.add(local("2026-03-02T11:00", SHANGHAI), 2 * HOUR) == local("2026-03-02T14:30", SHANGHAI)
    assert chinese.add(local("2026-03-02T12:30", SHANGHAI), HOUR) == local("2026-03-02T14:30", SHANGHAI)


def test_a_chinese_calendar_rests_in_the_golden_week_and_makes_up_for_it_on_saturday() -> None:
    chinese = Calendar.from_mapping(CHINESE)
    assert chinese.add(local("2026-09-30T17:00", SHANGHAI), 2 * HOUR) == local("2026-10-08T10:00", SHANGHAI)
    assert chinese.add(local("2026-10-09T17:00", SHANGHAI), 2 * HOUR) == local("2026-10-10T10:00", SHANGHAI)
    assert chinese.add(local("2026-10-10T17:00", SHANGHAI), 2 * HOUR) == local("2026-10-12T10:00", SHANGHAI)


# What is refused


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"colour": "red"}, "colour: not known here, allowed are name, zone, week"),
        ({"name": None}, "name: allowed is a text"),
        ({"name": " "}, "name: allowed is a text"),
        ({"zone": None}, "zone: allowed is a text"),
        ({"zone": "Europe/Atlantis"}, "zone: allowed is an IANA name"),
        ({"zone": "Europe"}, "zone: allowed is an IANA name"),
        ({"zone": "../Berlin"}, "zone: allowed is an IANA name"),
        ({"country": "XX"}, "country: allowed is a code"),
        ({"country": "cn"}, "country: allowed is a code"),
        ({"country": "MON"}, "country: allowed is a code"),
        ({"country": 86}, "country: allowed is a text"),
        ({"country": "DE", "subdivision": "ZZ"}, "subdivision: allowed are BB, BE"),
        ({"subdivision": "BJ"}, "subdivision: allowed are none"),
        ({"country": None, "subdivision": "BY"}, "country: allowed is a code"),
        ({"week": None}, "week: allowed is a table of mon, tue"),
        ({"week": ["09:00-12:00"]}, "week: allowed is a table of mon, tue"),
        ({"week": {"monday": ["09:00-12:00"]}}, "week: allowed is a table of mon, tue"),
        ({"week": {}}, "week: at least one opening interval"),
        ({"week": {"mon": []}}, "week: at least one opening interval"),
        ({"week": {"mon": "09:00-12:00"}}, "week.mon: allowed is a list of intervals"),
        ({"week": {"mon": [9]}}, "week.mon: allowed is a list of intervals"),
        ({"week": {"tue": ["9-12"]}}, "week.tue: allowed is a list of intervals"),
        ({"week": {"tue": ["09:60-12:00"]}}, "week.tue: allowed is a list of intervals"),
        ({"week": {"wed": ["09:00-24:01"]}}, "week.wed: an interval has to end"),
        ({"week": {"thu": ["12:00-09:00"]}}, "week.thu: an interval has to end"),
        ({"week": {"thu": ["12:00-12:00"]}}, "week.thu: an interval has to end"),
        ({"week": {"fri": ["09:00-12:00", "11:59-13:00"]}}, "week.fri: .* overlap no other"),
        ({"week": {"sat": ["09:00-12:00", "10:00-11:00"]}}, "week.sat: .* overlap no other"),
        ({"holidays": "2026-12-24"}, "holidays: allowed is a list of dates"),
        ({"holidays": ["24.12.2026"]}, "holidays: allowed is a list of dates"),
        ({"holidays": ["2026-02-30"]}, "holidays: allowed is a list of dates"),
        ({"holidays": [utc("2026-12-24T00:00")]}, "holidays: allowed is a list of dates"),
        ({"workdays": 20261010}, "workdays: allowed is a list of dates"),
        ({"holidays": ["2026-10-10"]}, "workdays: 2026-10-10 is among the holidays too"),
    ],
)
def test_a_calendar_that_is_written_wrongly_is_refused_by_its_key(change: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=f"^{words}"):
        Calendar.from_mapping({**CHINESE, **change})


def test_a_calendar_that_is_written_rightly_says_what_was_written() -> None:
    written = {
        "name": "shop",
        "zone": "Europe/Berlin",
        "country": "DE",
        "subdivision": "BY",
        "week": {"mon": ["12:00-24:00", "00:00-12:00"], "sun": []},
        "holidays": ["2026-12-24", date(2026, 12, 31)],
    }
    assert Calendar.from_mapping(written) == Calendar(
        "shop",
        "Europe/Berlin",
        (((0, 720), (720, 1440)), (), (), (), (), (), ()),
        "DE",
        "BY",
        frozenset({date(2026, 12, 24), date(2026, 12, 31)}),
    )


@pytest.mark.parametrize(
    "week", [(), (((0, 60),),) * 6, ((),) * 7, (((60, 0),),) * 7, (((0, 1441),),) * 7, (((60, 120), (0, 30)),) * 7]
)
def test_a_week_that_contradicts_itself_is_refused_when_it_is_built(week: Any) -> None:
    with pytest.raises(ValueError, match="week"):
        Calendar("wrong", "UTC", week)


def test_a_zone_that_does_not_exist_is_refused_when_it_is_used() -> None:
    with pytest.raises(ValueError, match="zone: allowed"):
        Calendar(zone="Europe/Atlantis").add(utc("2026-03-02T13:00"), HOUR)


def test_a_calendar_without_enough_hours_in_twenty_years_is_refused() -> None:
    start = utc("2026-03-02T00:00")
    seldom = weekly(mon=((0, 1),))
    with pytest.raises(ValueError, match="calendar test: the budget is not reached within 20 years"):
        seldom.add(start, 20 * HOUR)
    mondays = frozenset((start + n * 7 * DAY).date() for n in range(53 * 21))
    with pytest.raises(ValueError, match="within 20 years"):
        replace(seldom, extra_holidays=mondays).add(start, MINUTE)


@pytest.mark.parametrize("year", [1, 9990, 9999])
def test_the_ends_of_time_are_refused(year: int) -> None:
    with pytest.raises(ValueError, match="year"):
        DEFAULT.add(datetime(year, 6, 1, tzinfo=UTC), HOUR)


def test_a_time_without_offset_is_refused() -> None:
    naive, aware = datetime(2026, 3, 2), utc("2026-03-02T00:00")  # noqa: DTZ001  # a naive time is what is refused here
    for ask in (
        lambda: DEFAULT.add(naive, HOUR),
        lambda: DEFAULT.add(aware, HOUR, [(naive, None)]),
        lambda: DEFAULT.elapsed(aware, naive),
        lambda: calendar_days(1).end(DEFAULT, naive),
    ):
        with pytest.raises(ValueError, match="offset"):
            ask()


def test_a_negative_length_is_refused() -> None:
    with pytest.raises(ValueError, match="negative"):
        DEFAULT.add(utc("2026-03-02T13:00"), -HOUR)
    with pytest.raises(ValueError, match="negative"):
        business_days(-1)


# Identity


def test_the_digest_is_the_same_for_ever() -> None:
    assert DEFAULT.digest() == "sha256:e6048fd9de04cdea1e4b50e8d144978cc22772f65d3ee1faa6a6ea4c21568e47"


def test_the_digest_follows_the_definition_and_not_how_it_was_written() -> None:
    dates = ["2026-12-24", "2026-12-31", "2027-12-24"]
    one, other = (Calendar.from_mapping({**CHINESE, "holidays": order}) for order in (dates, dates[::-1]))
    assert one.digest() == other.digest()
    assert one.digest() != Calendar.from_mapping(CHINESE).digest()


def test_equal_calendars_are_one_key_also_after_use() -> None:
    used = Calendar()
    used.add(utc("2026-03-02T13:00"), HOUR)
    assert {used: "found"}[Calendar()] == "found"


# Declared lengths


@pytest.mark.parametrize(
    ("span", "text", "end"),
    [
        (business_hours(4), "4 business hours", "2026-03-09T12:00"),
        (business_hours(1), "1 business hour", "2026-03-06T17:00"),
        (business_days(1), "1 business day", "2026-03-09T16:00"),
        (business_days(10), "10 business days", "2026-03-20T16:00"),
        (calendar_hours(24), "24 hours", "2026-03-07T16:00"),
        (calendar_days(1), "1 day", "2026-03-07T16:00"),
        (calendar_days(7 * 8), "56 days", "2026-05-01T16:00"),
        (calendar_days(0), "0 days", "2026-03-06T16:00"),
    ],
)
def test_a_span_says_what_it_is_and_when_it_ends(span: Span, text: str, end: str) -> None:
    assert (str(span), span.end(DEFAULT, utc("2026-03-06T16:00"))) == (text, utc(end))


def test_only_business_spans_pause() -> None:
    start = utc("2026-03-02T09:00")
    for_now, over = [(start, None)], [(start, start + 2 * HOUR)]
    assert business_hours(1).end(DEFAULT, start, for_now) is None
    assert business_days(1).end(DEFAULT, start, over) == utc("2026-03-03T11:00")
    assert calendar_hours(1).end(DEFAULT, start, for_now) == start + HOUR
    assert calendar_days(1).end(DEFAULT, start, over) == start + DAY


def test_a_business_day_is_as_long_as_the_calendar_says() -> None:
    start = local("2026-03-02T09:00", SHANGHAI)
    assert business_days(2).end(Calendar.from_mapping(CHINESE), start) == local("2026-03-03T18:00", SHANGHAI)
