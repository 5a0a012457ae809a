"""A procedure just large enough to show everything once: an errand is asked for, taken on, and done or dropped."""

from typing import Any

from shared import standing
from shared.case import Case
from shared.clocks import business_days, business_hours
from shared.fields import Choice, Instant, Text, Whole, money, nested
from shared.procedure import (
    ANY_OPEN,
    Act,
    Branch,
    Limit,
    Owner,
    Procedure,
    Procedures,
    Stage,
    Step,
    Title,
    case_guard,
    facts_guard,
    four_eyes,
)

STAGES = (
    Stage("asked", Title("Asked for", "已提出"), Owner("agent"), Limit("take", business_hours(4))),
    Stage("doing", Title('Being "done"', "办理中"), Owner("handler", personal=True), Limit("finish", business_days(2))),
    Stage("done", Title("Done", "已办结")),
    Stage("dropped", Title("Dropped", "已放弃")),
)

FIELDS = {
    **standing.FIELDS,
    "customer": nested("Customer", {"ref": Text(64, required=True), "name": Text(255, personal=True, required=True)}),
    "wish": Text(2000),
    "effort": Choice(("little", "much")),
    "received_at": Instant(),
    "hours": Whole(0, 100),
    "price": money(),
}


@four_eyes
def somebody_else_asked_for_it(case: Case, act: Act) -> bool:
    """Whoever asked for an errand does not take it on."""
    return act.actor.id != case.actor_of("ask")


@case_guard
def nobody_has_taken_it(case: Case, act: Act) -> bool:
    """The errand was taken on already."""
    return case.actor_of("take") is None


@facts_guard
def it_took_some_time(case: Case, act: Act) -> bool:
    """An errand that took no time was not done."""
    return bool(act.facts["hours"] > 0)


def more_is_needed(case: Case, act: Act) -> bool:
    return bool(act.facts["hours"] > 50)


def _asked(case: Case | None, act: Act, to: str) -> dict[str, Any]:
    return {"told": {"told": True, "at": act.at.isoformat(), "channel": "web"}}


STEPS = (
    Step("ask", Title("Ask", "提出"), (), "asked", ("agent", "customer"), "asked",
         needs=("customer", "wish", "effort?", "received_at", "source?", "external_id?"), effects=_asked),
    Step("take", Title("Take on", "受理"), ("asked",), "doing", ("handler", "supervisor"), "taken",
         guards=(somebody_else_asked_for_it, nobody_has_taken_it)),
    Step("finish", Title("Finish", "办结"), ("doing",), (Branch("asked", more_is_needed), Branch("done")), ("handler",),
         "finished", needs=("hours", "price?", "notice"), guards=(it_took_some_time,)),
    Step("check", Title("Look after it", "跟进"), ("asked", "doing"), "=", ("agent",), "checked"),
    Step("drop", Title("Drop", "放弃"), ANY_OPEN, "dropped", ("customer", "agent"), "dropped",
         needs=("reason", "evidence?"), witnessed=frozenset({"agent"})),
    *standing.STEPS,
)  # fmt: skip

ERRAND = Procedure("errand", 1, Title("Errand", "委托"), STAGES, STEPS, FIELDS)
PROCEDURES = Procedures(ERRAND)
FILTERS: dict[str, tuple[str, ...] | None] = {
    "stage": tuple(stage.name for stage in STAGES), "owner": None, "department": None,
    "open": ("true", "false"), "overdue": ("true", "false"), "customer": None, "priority": ("low", "normal", "high", "urgent"),
}  # fmt: skip
