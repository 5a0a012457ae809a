"""Deadlines follow from a case's entries and a calendar alone, whatever the order of holds, resumes, notes and steps."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from services.complaints.model import FOLDS, Complaint
from services.complaints.procedure import VERSION_1 as PROCEDURE
from shared.case import fold
from shared.clock import instant, moment
from shared.clocks import Calendar
from shared.deadlines import clocks, due_at, pending
from shared.entries import Entry

BEGAN = datetime(2026, 11, 20, 8, 0, tzinfo=UTC)  # a Friday before the desk opens
LUNCH = Calendar.from_mapping(
    {
        "name": "lunch",
        "zone": "Europe/Berlin",
        "week": {day: ["09:00-12:00", "13:00-16:30"] for day in ("mon", "tue", "thu", "fri")},
    }
)
BUDGET = {"recorded": LUNCH.day, "validated": timedelta(hours=4)}
Acts = list[tuple[int, str]]

acts = st.lists(st.tuples(st.integers(0, 2000), st.sampled_from(["hold", "resume", "comment", "validate", "alert"])), max_size=12)


def entry(case: Complaint, trigger: str, at: datetime, to: str, **facts: Any) -> Entry:
    return Entry(
        case="1", kind="complaint", seq=case.version + 1, at=instant(at), recorded_at=instant(at), trigger=trigger,
        from_stage=case.stage or None, to_stage=to, actor={"id": "anna", "name": "Anna"}, role="agent", facts=facts,
        effects={"priority": {"value": "normal"}}, event={"id": "e", "type": "t"}, procedure_version=1,
    )  # fmt: skip


OPENING = {
    "customer": {"ref": "1"}, "subject": {"kind": "order", "ref": "1"}, "received_at": instant(BEGAN), "channel": "phone",
    "category": "price", "demand": "d",
}  # fmt: skip
FACTS = {"validate": {"verdict": "justified", "grounds": "g"}}


def lived(wanted: Acts) -> tuple[Complaint, list[tuple[datetime, str]]]:
    """A case folded from the acts that were possible, and those acts with their times."""
    case = Complaint(id="1", kind="complaint", reference="CO-1", procedure_version=1, opened_at=instant(BEGAN))
    fold(case, entry(case, "record", BEGAN, "recorded", **OPENING), "h", PROCEDURE, FOLDS)
    now, done = BEGAN, [(BEGAN, "record")]
    for minutes, act in wanted:
        now += timedelta(minutes=minutes)
        impossible = (act == "hold") == (case.held_since is not None) if act in ("hold", "resume") else False
        if impossible or (act == "validate" and case.stage != "recorded"):
            continue
        to = "validated" if act == "validate" else case.stage
        fold(case, entry(case, act, now, to, **FACTS.get(act, {})), "h", PROCEDURE, FOLDS)
        done.append((now, act))
    return case, done


def by_the_minute(done: list[tuple[datetime, str]]) -> datetime | None:
    """The naive answer: walk from the start of the stage, minute by minute, and count the open ones that are not on hold."""
    start = next(at for at, act in reversed(done) if act in ("record", "validate"))
    left = BUDGET["validated" if any(act == "validate" for _, act in done) else "recorded"]
    switches = [(at, act) for at, act in done if act in ("hold", "resume") and at >= start]
    after = done.index(next(pair for pair in reversed(done) if pair[1] in ("record", "validate")))
    switches = [pair for pair in done[after:] if pair[1] in ("hold", "resume")]
    held, now = False, start
    while left:
        while switches and switches[0][0] <= now:
            held = switches.pop(0)[1] == "hold"
        if held and not switches:
            return None
        if not held and LUNCH.elapsed(now, now + timedelta(minutes=1)):
            left -= timedelta(minutes=1)
        now += timedelta(minutes=1)
    return None if held or (switches and switches[-1][1] == "hold") else now


def stage_clock(case: Complaint) -> Any:
    name = PROCEDURE.stage[case.stage].clock
    assert name is not None
    return next(due for due in clocks(case, PROCEDURE, LUNCH) if due.name == name.name)


@settings(max_examples=120, deadline=None)
@given(acts)
def test_any_interleaving_gives_the_deadline_that_minutes_give(wanted: Acts) -> None:
    case, done = lived(wanted)
    found = stage_clock(case).due_at
    expected = None if case.held_since else by_the_minute(done)
    assert found == expected


@given(acts)
def test_an_open_case_has_a_moment_by_which_somebody_must_act_and_something_that_fires(wanted: Acts) -> None:
    case, _ = lived(wanted)
    dues = clocks(case, PROCEDURE, LUNCH)
    assert due_at(dues) is not None
    assert pending(case, dues)


@given(acts, st.integers(0, 12))
def test_folding_the_first_entries_gives_the_case_as_it_was_then(wanted: Acts, some: int) -> None:
    whole, _ = lived(wanted)
    part, _ = lived(wanted[:some])
    assert part.version <= whole.version
    assert moment(part.updated_at) <= moment(whole.updated_at)
    assert lived(wanted)[0] == whole
