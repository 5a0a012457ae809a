"""No complaint is forgotten: what is due when, what fires by itself, and what holds and the law do to it (domain.md, Clocks)."""

from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.complaints.procedure import VERSION_1 as PROCEDURE
from shared.caller import Caller
from shared.clock import moment
from shared.identity import Actor
from tests.house import NOTICE, VALIDATE, Desk, System, a_complaint, an_offer

LONG = "2027-06-01T00:00:00+00:00"
OPEN = [stage for stage in PROCEDURE.stages if stage.open]
SECOND = timedelta(seconds=1)


def at(desk: Desk, stage: str) -> str:
    """A complaint in an open stage, also one beside the straight way."""
    hand, agent = desk.system.desk("handler", 0, "quality"), desk.system.desk("agent")
    if stage == "disputed":
        href = desk.at("assigned")
        assert hand.step(href, "dispute", {"reason": "Not ours."}).status == 200
    elif stage in ("pending_approval", "proposed", "negotiating"):
        href = desk.at("analysed")
        sum_of = "900.00" if stage == "pending_approval" else "9.00"
        remedy = {"kind": "refund", "money": {"amount": sum_of, "currency": "EUR"}}
        assert hand.step(href, "propose", an_offer(remedy, until=LONG)).status == 200
        if stage == "negotiating":
            agent.step(href, "decline", {"offer": desk.offer(href), "reason": "No.", "evidence": "Call"})
    else:
        href = desk.at(stage)
    assert seen(desk.system, href)["stage"] == stage
    return href


def seen(system: System, href: str) -> dict[str, Any]:
    case: dict[str, Any] = system.desk("auditor").get(href).body
    return case


def entries(system: System, href: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = system.desk("auditor").get(f"{href}/history").body["entries"]
    return found


def fired(system: System, href: str) -> list[tuple[str, str]]:
    """What clocks did in a case: (trigger, name of the clock)."""
    return [(e["trigger"], e["effects"]["timer"]) for e in entries(system, href) if "timer" in e["effects"]]


def clock(system: System, href: str, name: str) -> tuple[str | None, str]:
    found = next(item for item in seen(system, href)["clocks"] if item["name"] == name)
    return found["due_at"] and moment(found["due_at"]).isoformat().removesuffix("+00:00"), found["state"]


# The clock of a stage -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("stage", OPEN, ids=lambda stage: stage.name)
def test_the_clock_of_every_stage_fires_once_when_it_is_over_and_not_before(system: System, stage: Any) -> None:
    href = at(Desk(system), stage.name)
    due = moment(seen(system, href)["due_at"])
    system.watch.at = due - SECOND
    assert (system.sweep(), seen(system, href)["overdue"]) == (0, False)
    system.watch.at = due
    top = stage.owner.role == "manager"
    assert [system.sweep(), system.sweep()] == ([0, 0] if top else [1, 0])
    system.watch.move(seconds=1)
    case = seen(system, href)
    assert (system.sweep(), case["overdue"], case["stage"]) == (0, True, stage.name)
    assert clock(system, href, stage.clock.name)[1] == "missed"
    if not top:
        last = entries(system, href)[-1]
        assert fired(system, href) == [(stage.clock.fires[0], stage.clock.name)]
        assert (last["actor"]["id"], last["role"], last["from"], last["to"]) == ("system", "system", stage.name, stage.name)
        assert stage.clock.name in last["facts"]["reason"]
        assert case["escalation"] == (1 if last["trigger"] == "escalate" else 0)


def test_a_complaint_that_nobody_answers_climbs_to_the_top_each_level_with_its_own_time(system: System) -> None:
    href = Desk(system).open()
    owners = [seen(system, href)["owner"]["role"]]
    for day in ("2026-11-23", "2026-11-24", "2026-11-25"):
        system.watch.at = datetime.fromisoformat(f"{day}T17:00:00+00:00")
        system.sweep()
        owners.append(seen(system, href)["owner"]["role"])
    assert owners == ["agent", "supervisor", "manager", "manager"]
    system.watch.move(days=400)
    assert system.sweep() == 0
    assert seen(system, href)["overdue"]
    assert system.desk("agent").step(href, "validate", VALIDATE).body["escalation"] == 0


def test_after_a_long_silence_each_level_is_asked_once_and_not_all_at_the_same_moment(system: System) -> None:
    href = Desk(system).open()
    system.watch.move(days=100)
    assert [system.sweep(), system.sweep()] == [1, 0]
    assert seen(system, href)["escalation"] == 1
    system.watch.move(days=4)
    assert system.sweep() == 1
    assert fired(system, href) == [("escalate", "validate")] * 2


def test_a_customer_who_does_not_answer_is_reminded_before_the_supervisor_is_called(system: System) -> None:
    href = at(Desk(system), "proposed")
    for _ in range(5):
        system.watch.move(days=7)
        system.sweep()
    assert fired(system, href) == [("remind", "customer_answer"), *[("escalate", "customer_answer")] * 2]
    assert seen(system, href)["owner"]["role"] == "manager"
    assert entries(system, href)[-3]["event"]["type"] == "casewright.complaint.reminded.v1"


def test_a_step_in_time_leaves_its_clock_met_and_a_late_one_leaves_it_missed(system: System) -> None:
    desk = Desk(system)
    in_time, late = desk.open(), desk.open()
    system.watch.at = datetime.fromisoformat("2026-11-23T17:00:00+00:00")
    desk.take(in_time, "validate")
    system.watch.move(seconds=1)
    desk.take(late, "validate")
    assert clock(system, in_time, "validate") == ("2026-11-23T17:00:00", "met")
    assert clock(system, late, "validate") == ("2026-11-23T17:00:00", "missed")


def test_a_clock_missed_once_stays_missed_also_where_the_stage_comes_again(system: System) -> None:
    desk = Desk(system)
    href = desk.at("validated")
    system.watch.move(hours=5)
    desk.take(href, "assign")
    assert clock(system, href, "assign")[1] == "missed"
    system.watch.move(days=1)
    desk.take(href, "assign")
    desk.take(href, "start")
    assert {name: clock(system, href, name)[1] for name in ("assign", "start")} == {"assign": "missed", "start": "missed"}


def test_a_closed_case_has_no_clock_that_runs_and_nothing_fires(system: System) -> None:
    desk = Desk(system)
    href = desk.at("analysing", statutory_profile="cfpb")
    assert system.desk("agent").step(href, "withdraw", {"reason": "Settled.", "evidence": "Call"}).body["due_at"] is None
    system.watch.move(days=100)
    assert system.sweep() == 0
    case = seen(system, href)
    assert case["overdue"] is False
    assert {item["state"] for item in case["clocks"]} == {"met"}


def test_what_is_overdue_can_be_listed(system: System) -> None:
    desk = Desk(system)
    late, early = desk.open(), desk.at("analysing")
    system.watch.move(hours=9)
    agent = system.desk("agent")
    found = {
        answer: [item["href"] for item in agent.get(f"/complaints?overdue={answer}").body["items"]] for answer in ("true", "false")
    }
    assert found == {"true": [late], "false": [early]}
    assert [item["overdue"] for item in agent.get("/worklist").body["items"] if item["href"] == late] == [True]


# Many at once, and a clock on the wall that is put back ---------------------------------------------------------------------


@pytest.mark.parametrize("many", [1000])
def test_clocks_that_are_due_at_once_fire_once_each_whoever_sweeps(system: System, many: int) -> None:
    desk, anna = system.complaints.work, Caller(Actor("anna", "Anna", frozenset({"agent"})))
    facts = {**a_complaint(), "customer": {"ref": "1", "name": "N"}}
    with system.complaints.database.writing() as work:
        hrefs = [f"/complaints/{desk.begin(work, anna, facts, system.watch()).id}" for _ in range(many)]
        work.commit()
    system.watch.move(days=1)
    with ThreadPoolExecutor(3) as pool:
        assert sum(pool.map(lambda _: system.complaints.sweep().once(), range(3))) == many
    system.watch.move(hours=-1)
    assert system.sweep() == 0
    system.watch.move(hours=1)
    assert system.sweep() == 0
    assert all(fired(system, href) == [("escalate", "validate")] for href in hrefs[::29])
    with system.complaints.database.reading() as connection:
        assert system.complaints.desk is not None
        assert [bad for _, bad in system.complaints.desk.reading.examine_all(connection) if bad] == []


def test_a_history_never_runs_backwards_though_the_clock_on_the_wall_does(system: System) -> None:
    desk = Desk(system)
    href = desk.open()
    system.watch.move(hours=2)
    desk.take(href, "validate")
    before = system.watch.at
    system.watch.move(hours=-1)
    desk.take(href, "assign")
    times = [(moment(e["at"]), moment(e["recorded_at"])) for e in entries(system, href)]
    assert times[2] == (before, before - timedelta(hours=1))
    assert [t for t, _ in times] == sorted(t for t, _ in times)
    assert clock(system, href, "start") == ("2026-11-23T15:00:00", "running")
    assert system.desk("auditor").get(f"/audit/verify?kind=complaint&id={href.rsplit('/', 1)[1]}").body["ok"]


# Hold ---------------------------------------------------------------------------------------------------------------------


def test_a_hold_pauses_the_clock_of_the_stage_and_has_one_of_its_own(system: System) -> None:
    desk, agent = Desk(system), system.desk("agent")
    href = desk.at("analysing")
    assert clock(system, href, "analyse") == ("2026-11-25T17:00:00", "running")
    system.watch.move(hours=2)
    agent.step(href, "hold", {"reason": "Waits for photos."})
    assert clock(system, href, "analyse") == (None, "paused")
    assert clock(system, href, "on_hold") == ("2026-11-30T11:00:00", "running")
    assert seen(system, href)["due_at"].startswith("2026-11-30T11:00")
    system.watch.at = datetime.fromisoformat("2026-11-24T13:00:00+00:00")
    agent.step(href, "resume")
    assert clock(system, href, "analyse") == ("2026-11-27T11:00:00", "running")  # 8 h + 2 h later
    assert [item["name"] for item in seen(system, href)["clocks"] if item["name"] == "on_hold"] == []


def test_nobody_waits_for_a_customer_for_ever(system: System) -> None:
    href = Desk(system).at("analysing")
    system.desk("agent").step(href, "hold", {"reason": "Waits for photos."})
    for _ in range(5):
        system.watch.move(days=7)
        system.sweep()
    assert fired(system, href) == [("remind", "on_hold"), *[("escalate", "on_hold")] * 2]
    assert seen(system, href)["owner"]["role"] == "manager"


def test_a_second_hold_has_its_whole_time_again(system: System) -> None:
    href, agent = Desk(system).at("analysing"), system.desk("agent")
    for _ in range(2):
        agent.step(href, "hold", {"reason": "Waits for photos."})
        system.watch.move(days=7)
        assert system.sweep() == 1
        agent.step(href, "resume")
    assert fired(system, href) == [("remind", "on_hold")] * 2


def test_a_step_ends_a_hold(system: System) -> None:
    desk = Desk(system)
    href = desk.at("analysing")
    system.desk("agent").step(href, "hold", {"reason": "Waits for photos."})
    answer = desk.take(href, "analyse")
    assert (answer.body["on_hold"], clock(system, href, "propose")[1]) == (False, "running")


def test_an_offer_ends_by_the_clock_although_the_case_is_on_hold(system: System) -> None:
    desk = Desk(system)
    href = desk.at("analysed")
    system.desk("handler", 0, "quality").step(href, "propose", an_offer(until="2026-11-24T12:00:00+00:00"))
    system.desk("agent").step(href, "hold", {"reason": "On a journey."})
    system.watch.move(days=2)
    assert system.sweep() == 1
    assert (seen(system, href)["stage"], fired(system, href)) == ("negotiating", [("expire", "offer")])


# The law ------------------------------------------------------------------------------------------------------------------

RECEIVED = "2026-11-20T09:30:00"


@pytest.mark.parametrize(("profile", "at_record"), [
    ("none", {}),
    ("cfpb", {}),
    ("fca", {"final": ("2027-01-15T09:30:00", "running")}),
    ("rg271", {"acknowledgement": ("2026-11-21T09:30:00", "missed"), "final": ("2026-12-20T09:30:00", "running")}),
])  # fmt: skip
def test_a_profile_starts_its_clocks_at_the_receipt_or_where_it_says(
    system: System, profile: str, at_record: dict[str, Any]
) -> None:
    href = Desk(system).open(statutory_profile=profile)
    assert {
        c["name"]: clock(system, href, c["name"]) for c in seen(system, href)["clocks"] if c["kind"] == "statutory"
    } == at_record


def test_an_acknowledgement_within_the_day_is_met(system: System) -> None:
    href = Desk(system).open(statutory_profile="rg271", received_at="2026-11-22T09:00:00+00:00")
    assert clock(system, href, "acknowledgement") == ("2026-11-23T09:00:00", "met")


def test_the_clocks_of_the_cfpb_start_when_it_is_assigned_and_are_met_by_offer_and_resolution(system: System) -> None:
    desk = Desk(system)
    href = desk.at("validated", statutory_profile="cfpb")
    system.watch.move(days=1)
    desk.take(href, "assign")
    system.watch.move(days=1)
    desk.take(href, "assign")
    assert clock(system, href, "response") == ("2026-12-09T09:00:00", "running")
    assert clock(system, href, "final") == ("2027-01-23T09:00:00", "running")
    for trigger in ("start", "analyse", "propose"):
        desk.take(href, trigger)
    assert [clock(system, href, name)[1] for name in ("response", "final")] == ["met", "running"]
    desk.take(href, "accept")
    system.watch.at = datetime.fromisoformat("2027-01-23T09:00:01+00:00")
    desk.take(href, "resolve")
    assert [clock(system, href, name)[1] for name in ("response", "final")] == ["met", "missed"]


@pytest.mark.parametrize("profile", ["fca", "rg271"])
def test_a_final_answer_is_an_offer_or_a_rejection(system: System, profile: str) -> None:
    desk = Desk(system)
    offered, rejected = desk.at("proposed", statutory_profile=profile), desk.open(statutory_profile=profile)
    system.desk("supervisor").step(rejected, "reject", {"reason": "No.", "notice": NOTICE})
    assert [clock(system, href, "final")[1] for href in (offered, rejected)] == ["met", "met"]


def test_the_law_does_not_pause_and_its_clock_warns_before_it_calls(system: System) -> None:
    href = Desk(system).at("analysing", statutory_profile="rg271")
    system.desk("agent").step(href, "hold", {"reason": "Waits for photos."})
    assert clock(system, href, "final") == ("2026-12-20T09:30:00", "running")
    for day, found in (
        ("2026-12-11T09:29:59", []),
        ("2026-12-11T09:30:00", ["remind"]),
        ("2026-12-20T09:30:00", ["remind", "escalate"]),
    ):
        system.watch.at = datetime.fromisoformat(f"{day}+00:00")
        system.sweep()
        assert [trigger for trigger, name in fired(system, href) if name == "final"] == found
    system.watch.move(seconds=1)
    assert clock(system, href, "final")[1] == "missed"


def test_what_is_due_first_is_what_the_case_is_due_by(system: System) -> None:
    href = Desk(system).at("resolved", statutory_profile="none")
    assert seen(system, href)["due_at"].startswith("2026-12-04T17:00")
    early = Desk(system).at("analysing", statutory_profile="rg271", received_at="2026-10-25T09:30:00+00:00")
    assert seen(system, early)["due_at"].startswith("2026-11-24T09:30")


# Any interleaving ---------------------------------------------------------------------------------------------------------

MOVES = st.tuples(
    st.integers(0, 1500), st.sampled_from(["hold", "resume", "comment", "alert", "validate", "assign", "start", "analyse", "sweep"])
)
SPANS = {"validate": 480, "assign": 240, "start": 240, "analyse": 1440, "propose": 480, "on_hold": 2400}
ALERT = {"occurred_at": "2026-11-20T09:30:00+00:00", "place": "p", "phenomenon": "s", "plan": "r"}


def open_minute(minute: datetime) -> bool:
    return minute.weekday() < 5 and 9 <= minute.hour < 17


def by_the_minute(start: datetime, minutes: int, holds: list[tuple[datetime, datetime]]) -> datetime:
    """Count open minutes outside the holds, one by one, until there were enough."""
    at_minute = start
    while minutes:
        if open_minute(at_minute) and not any(since <= at_minute < until for since, until in holds):
            minutes -= 1
        at_minute += timedelta(minutes=1)
    return at_minute


def expected(found: list[dict[str, Any]]) -> dict[str, datetime | None]:
    """The clocks that run, computed from a history alone and as naively as can be."""
    stays = {"hold", "resume", "comment", "alert", "escalate", "remind"}
    began = max(n for n, entry in enumerate(found) if entry["trigger"] not in stays)
    stage = next(stage for stage in PROCEDURE.stages if stage.name == found[began]["to"])
    assert stage.clock is not None
    held, holds = None, []
    for entry in found[began:]:
        if entry["trigger"] == "hold":
            held = moment(entry["at"])
        elif entry["trigger"] == "resume" and held:
            holds.append((held, moment(entry["at"])))
            held = None
    if held:
        return {stage.clock.name: None, "on_hold": by_the_minute(held, SPANS["on_hold"], [])}
    return {stage.clock.name: by_the_minute(moment(found[began]["at"]), SPANS[stage.clock.name], holds)}


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(moves=st.lists(MOVES, min_size=1, max_size=10))
def test_whatever_happens_in_whatever_order_the_deadline_is_that_of_counting_minutes(shared_system: System, moves: Any) -> None:
    system, desk = shared_system, Desk(shared_system)
    href = desk.open()
    agent = system.desk("agent")
    notes: dict[str, dict[str, Any]] = {"hold": {"reason": "w"}, "resume": {}, "comment": {"text": "c"}, "alert": ALERT}
    for minutes, act in moves:
        system.watch.move(minutes=minutes)
        if act == "sweep":
            system.sweep()
        elif act in notes:
            agent.step(href, act, notes[act])
        else:
            desk.take(href, act)
    case = seen(system, href)
    running = {item["name"]: item["due_at"] and moment(item["due_at"]) for item in case["clocks"]}
    wanted = expected(entries(system, href))
    assert {name: running[name] for name in wanted} == wanted
    assert moment(case["due_at"]) == min(due for due in wanted.values() if due)
    agent.step(href, "withdraw", {"reason": "Over.", "evidence": "e"})  # so that the sweep of the next example has less to do
