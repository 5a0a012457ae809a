"""Steps that every procedure has: notes, hold and resume, escalation and reminder, and the fields they need."""

from typing import Any

from shared import fields
from shared.case import Case
from shared.identity import CASE_STAFF
from shared.owners import levels
from shared.procedure import ANY, ANY_OPEN, SAME, Act, Step, Title, case_guard

CHANNELS = ("phone", "email", "web", "letter", "fax", "visit", "referral", "other")

FIELDS: dict[str, fields.Field] = {
    "text": fields.Text(personal=True),
    "reason": fields.Text(),
    "direction": fields.Choice(("in", "out")),
    "channel": fields.Choice(CHANNELS),
    "name": fields.Text(255),
    "media_type": fields.Text(127),
    "size": fields.Whole(0, 2**50),
    "sha256": fields.Sha256(),
    "notice": fields.nested(
        "Notice",
        {"channel": fields.Choice(CHANNELS, required=True), "text": fields.Text(personal=True, required=True)},
    ),
    "evidence": fields.Text(personal=True),
    "source": fields.Text(120),
    "external_id": fields.Text(120),
}


@case_guard
def the_case_is_not_on_hold(case: Case, act: Act) -> bool:
    """The case is on hold already."""
    return case.held_since is None


@case_guard
def the_case_is_on_hold(case: Case, act: Act) -> bool:
    """The case is not on hold."""
    return case.held_since is not None


@case_guard
def somebody_stands_above_the_owner(case: Case, act: Act) -> bool:
    """The case has reached the top level: nobody stands above its owner."""
    assert act.procedure is not None
    return case.level < len(levels(case, act.procedure))


def _level(case: Case, act: Act, to: str) -> dict[str, Any]:
    assert act.procedure is not None
    return {"level": case.level + 1, "to": levels(case, act.procedure)[case.level]}


def _told_by_contact(case: Case, act: Act, to: str) -> dict[str, Any]:
    if act.facts["direction"] == "in":
        return {}
    return {"told": {"told": True, "at": act.at.isoformat(timespec="microseconds"), "channel": act.facts["channel"]}}


STEPS = (
    Step("escalate", Title("Escalate", "升级"), ANY_OPEN, SAME, ("system", "supervisor", "customer"), "escalated",
         needs=("reason",), guards=(somebody_stands_above_the_owner,), effects=_level),
    Step("remind", Title("Remind", "催办"), ANY_OPEN, SAME, ("system",), "reminded", needs=("reason",)),
    Step("hold", Title("Wait for the customer", "暂停等待客户"), ANY_OPEN, SAME, ("agent", "handler", "supervisor"), "held",
         needs=("reason",), guards=(the_case_is_not_on_hold,), note=True),
    Step("resume", Title("Go on", "恢复"), ANY_OPEN, SAME, ("agent", "handler", "supervisor"), "resumed",
         guards=(the_case_is_on_hold,), note=True),
    Step("comment", Title("Comment", "内部备注"), ANY, SAME, CASE_STAFF, "commented", needs=("text",), note=True),
    Step("contact", Title("Note a contact with the customer", "客户联络"), ANY, SAME, CASE_STAFF, "contacted",
         needs=("direction", "channel", "text"), effects=_told_by_contact, note=True),
    Step("attach", Title("Attach", "附件"), ANY, SAME, CASE_STAFF, "attached",
         needs=("name", "media_type", "size", "sha256"), note=True),
)  # fmt: skip
"""Put these behind a procedure's own steps."""
