"""The complaint procedure: record, validate, assign, analyse, resolve, evaluate (domain.md, Complaint 投诉).

This is the data from which routes, schemas, permissions, documents, forms, clocks, audit and `actions` follow.
"""

from datetime import timedelta
from typing import Any

from services.complaints import policy
from services.complaints.model import Complaint
from services.complaints.schemas import FIELDS
from shared import standing
from shared.clock import instant, moment
from shared.clocks import business_days, business_hours
from shared.errors import GuardRefused
from shared.procedure import (
    ANY_OPEN,
    SAME,
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
    own_case,
)

STAGES = (
    Stage("recorded", Title("Recorded", "已记录"), Owner("agent"), Limit("validate", business_days(1))),
    Stage("validated", Title("Justified", "成立"), Owner("supervisor"), Limit("assign", business_hours(4))),
    Stage("assigned", Title("Assigned", "已指派"), Owner("handler", personal=True), Limit("start", business_hours(4))),
    Stage("disputed", Title("Responsibility disputed", "争议中"), Owner("arbiter"), Limit("arbitrate", business_days(1))),
    Stage("analysing", Title("Being analysed", "分析中"), Owner("handler", personal=True), Limit("analyse", business_days(3))),
    Stage("analysed", Title("Cause known", "原因已明"), Owner("handler", personal=True), Limit("propose", business_days(1))),
    Stage("pending_approval", Title("Waiting for approval", "待批示"), Owner("manager"), Limit("approve", business_days(1))),
    Stage("proposed", Title("Offer made", "已报方案"), Owner("agent"),
          Limit("customer_answer", business_days(5), ("remind", "escalate"))),
    Stage("negotiating", Title("Negotiating", "协商中"), Owner("handler", personal=True), Limit("propose", business_days(1))),
    Stage("agreed", Title("Customer agreed", "客户认可"), Owner("handler", personal=True), Limit("implement", business_days(5))),
    Stage("resolved", Title("Carried out", "已实施"), Owner("supervisor"), Limit("evaluate", business_days(10))),
    Stage("evaluated", Title("Evaluated", "已评估")),
    Stage("rejected", Title("Not justified", "不成立")),
    Stage("merged", Title("Merged", "已合并")),
    Stage("referred", Title("Referred to an outside body", "转外部")),
    Stage("withdrawn", Title("Withdrawn", "已撤回")),
)  # fmt: skip


@own_case
def the_handler_is_of_the_department(case: Complaint, act: Act) -> bool:
    """The complaint lies with another department."""
    return act.role != "handler" or case.department in (None, act.actor.department)


@four_eyes
def somebody_else_rejected_it(case: Complaint, act: Act) -> bool:
    """Whoever rejected a complaint does not decide about its appeal."""
    return not case.appealed or act.actor.id != case.actor_of("reject")


@four_eyes
def somebody_else_disputed_it(case: Complaint, act: Act) -> bool:
    """Whoever disputes the responsibility does not arbitrate."""
    return act.actor.id != case.actor_of("dispute")


@four_eyes
def somebody_else_made_the_offer(case: Complaint, act: Act) -> bool:
    """Whoever made an offer neither approves it nor records the customer's consent to it."""
    return case.offer is None or act.actor.id != case.offer["proposed_by"]


@four_eyes
def somebody_else_resolved_it(case: Complaint, act: Act) -> bool:
    """Whoever carried out the resolution, or was its handler, does not evaluate it."""
    return act.actor.id not in (case.actor_of("resolve"), case.assignee)


@case_guard
def it_was_not_appealed_before(case: Complaint, act: Act) -> bool:
    """A rejection can be appealed once."""
    return not case.appealed


@case_guard
def the_appeal_comes_in_time(case: Complaint, act: Act) -> bool:
    """A rejection can be appealed within 10 business days."""
    return _within(act, case.closed_at, act.policy.appeal_days)


@case_guard
def the_contest_comes_in_time(case: Complaint, act: Act) -> bool:
    """A resolution can be contested within 10 business days."""
    return _within(act, case.stage_since, act.policy.contest_days)


@case_guard
def it_was_closed_lately(case: Complaint, act: Act) -> bool:
    """A complaint can be reopened within 90 days of its end."""
    return case.closed_at is not None and act.at <= moment(case.closed_at) + timedelta(days=act.policy.reopen_days)


@case_guard
def it_was_not_arbitrated(case: Complaint, act: Act) -> bool:
    """The arbiter's decision on the responsibility is final for this complaint."""
    return not case.arbitrated


@case_guard
def it_was_declined_often_enough(case: Complaint, act: Act) -> bool:
    """A complaint is referred to an outside body after the third decline."""
    return case.declines >= act.policy.declines_before_referral


@case_guard
def the_offer_is_still_valid(case: Complaint, act: Act) -> bool:
    """The offer's validity has passed: send it back, so that a new one is made."""
    return case.offer is not None and act.at < moment(case.offer["valid_until"])


@case_guard
def no_promise_is_open_elsewhere(case: Complaint, act: Act) -> bool:
    """A remedy of the accepted offer is still being carried out by another procedure, whose closing will confirm it."""
    return not any(promise["state"] == "pending" and promise["by"] != "handler" for promise in case.fulfilments)


@facts_guard
def the_other_is_an_open_complaint_of_this_customer(case: Complaint, act: Act) -> bool:
    """A complaint is merged into another, open complaint of the same customer."""
    other = act.known["into"]
    return other is not None and other.id != case.id and other.open and other.customer_ref == case.customer_ref


@facts_guard
def the_department_is_known(case: Complaint, act: Act) -> bool:
    """The department has nobody on the staff today."""
    departments = act.known["departments"]
    if act.imported or act.facts["department"] in departments:
        return True
    raise GuardRefused(f"Nobody on the staff is a handler of '{act.facts['department'][:64]}'. Known: {', '.join(departments)}.")


@facts_guard
def the_assignee_is_a_handler_of_the_department(case: Complaint, act: Act) -> bool:
    """The person named is no active handler of the department."""
    wanted = act.facts.get("assignee")
    there = {p["username"] for p in act.known["staff"] if p["department"] == act.facts["department"]}
    return wanted is None or wanted in there or act.imported is not None


@facts_guard
def the_answer_is_to_the_open_offer(case: Complaint, act: Act) -> bool:
    """The answer is to an offer that is not open."""
    current = case.offer
    assert current is not None, "an offer stands in every stage in which one is answered"
    named = act.facts["offer"]
    shown = {name: current[name] for name in ("number", "hash", "remedies", "text", "valid_until", "state")}
    if (named["number"], named["hash"]) != (current["number"], current["hash"]):
        raise GuardRefused("This offer was superseded; the current one is given here.", more={"current_offer": shown})
    if current["state"] != "open" or act.at >= moment(current["valid_until"]):
        raise GuardRefused("This offer is no longer open; its validity has passed.", more={"current_offer": shown})
    return True


@facts_guard
def the_promise_is_pending(case: Complaint, act: Act) -> bool:
    """No remedy of this number is pending."""
    return any(p["remedy"] == act.facts["remedy"] and p["state"] == "pending" for p in case.fulfilments)


def above_the_proposers_limit(case: Complaint, act: Act) -> bool:
    """Whether the offer needs the manager's decision; historical imports show what was offered, not who decided."""
    return act.imported is None and bool(policy.authority(act.policy, act.actor.roles, act.facts["remedies"])["needs_approval"])


def _within(act: Act, since: str | None, days: int) -> bool:
    return since is not None and act.calendar.elapsed(moment(since), act.at) <= act.calendar.day * days


def _recorded(case: Complaint | None, act: Act, to: str) -> dict[str, Any]:
    facts = act.facts
    return {
        "priority": policy.priority(act.policy, facts),
        "duplicates": policy.duplicates(facts, act.known["others"]) or None,
        "profile": facts.get("statutory_profile", act.policy.statutory_profile),
        "told": {"told": True, "at": instant(act.at), "channel": facts["channel"]},
        "acknowledged": True,
    }


def _assigned(case: Complaint, act: Act, to: str) -> dict[str, Any]:
    return policy.assignment(act.facts["department"], case.category, act.known["staff"], act.facts.get("assignee"))


def _proposed(case: Complaint, act: Act, to: str) -> dict[str, Any]:
    number = len(case.offers) + 1
    made = {
        "number": number,
        "hash": policy.offer_hash(case.id, number, act.facts),
        "state": "open" if to == "proposed" else to,
    }
    decided = None if act.imported else policy.authority(act.policy, act.actor.roles, act.facts["remedies"])
    effects: dict[str, Any] = {"offer": made, "authority": decided}
    return effects if to == "proposed" else {**effects, "told": None}


def _approved(case: Complaint, act: Act, to: str) -> dict[str, Any]:
    assert case.offer is not None
    return {
        "told": {"told": True, "at": instant(act.at), "channel": case.offer["channel"]},
        "offer": case.offer["number"],
    }


def _accepted(case: Complaint, act: Act, to: str) -> dict[str, Any]:
    assert case.offer is not None
    return {"fulfilments": policy.promises(act.policy, case.offer)}


def _untold(case: Complaint, act: Act, to: str) -> dict[str, Any]:
    return {"told": {"told": False, "at": None, "channel": None}}


def _alerted(case: Complaint, act: Act, to: str) -> dict[str, Any]:
    return {"informed": ["manager", "general manager"]}


FROM_CUSTOMER = frozenset({"agent"})

STEPS = (
    Step("record", Title("Record", "记录"), (), "recorded", ("agent", "customer", "system"), "recorded",
         needs=("customer", "received_at", "channel", "subject", "category", "description", "demand", "priority?", "safety?",
                "statutory_profile?", "source?", "external_id?"), effects=_recorded),
    Step("validate", Title("Find justified", "判定成立"), ("recorded",), "validated", ("agent",), "validated",
         needs=("verdict", "grounds", "notice"), guards=(somebody_else_rejected_it,)),
    Step("reject", Title("Find not justified", "判定不成立"), ("recorded",), "rejected", ("supervisor",), "rejected",
         needs=("reason", "notice"), guards=(somebody_else_rejected_it,)),
    Step("appeal", Title("Appeal", "申诉"), ("rejected",), "recorded", ("customer", "agent"), "appealed",
         needs=("reason",), guards=(it_was_not_appealed_before, the_appeal_comes_in_time)),
    Step("merge", Title("Merge into another", "合并"), ("recorded",), "merged", ("agent",), "merged",
         needs=("into",), guards=(the_other_is_an_open_complaint_of_this_customer,)),
    Step("absorb", Title("Take in another", "并入"), ANY_OPEN, SAME, ("system",), "absorbed", needs=("complaint",)),
    Step("assign", Title("Assign to a department", "确定处理部门"), ("validated", "assigned", "analysing"), "assigned",
         ("supervisor",), "assigned", needs=("department", "assignee?"),
         guards=(the_department_is_known, the_assignee_is_a_handler_of_the_department), effects=_assigned),
    Step("dispute", Title("Dispute the responsibility", "责任争议"), ("assigned",), "disputed", ("handler",), "disputed",
         needs=("reason",), guards=(the_handler_is_of_the_department, it_was_not_arbitrated)),
    Step("arbitrate", Title("Arbitrate", "裁决"), ("disputed",), "assigned", ("arbiter",), "arbitrated",
         needs=("department", "reason"), guards=(somebody_else_disputed_it, the_department_is_known), effects=_assigned),
    Step("start", Title("Start", "受理"), ("assigned",), "analysing", ("handler",), "started",
         guards=(the_handler_is_of_the_department,)),
    Step("analyse", Title("Name the cause", "分析原因"), ("analysing",), "analysed", ("handler",), "analysed",
         needs=("cause", "certainty", "findings", "contributions?"), guards=(the_handler_is_of_the_department,)),
    Step("propose", Title("Make an offer", "提出方案"), ("analysed", "proposed", "negotiating"),
         (Branch("pending_approval", above_the_proposers_limit), Branch("proposed")), ("supervisor", "handler"), "proposed",
         needs=("remedies", "text", "notice", "valid_until"), guards=(the_handler_is_of_the_department,), effects=_proposed),
    Step("approve", Title("Approve the offer", "批示"), ("pending_approval",), "proposed", ("manager",), "approved",
         needs=("opinion",), guards=(somebody_else_made_the_offer, the_offer_is_still_valid), effects=_approved),
    Step("send_back", Title("Send the offer back", "退回"), ("pending_approval",), "analysed", ("manager",), "sent_back",
         needs=("opinion",), guards=(somebody_else_made_the_offer,)),
    Step("accept", Title("Customer accepts", "客户认可"), ("proposed",), "agreed", ("customer", "agent"), "accepted",
         needs=("offer", "evidence?"), guards=(somebody_else_made_the_offer, the_answer_is_to_the_open_offer),
         effects=_accepted, witnessed=FROM_CUSTOMER),
    Step("decline", Title("Customer declines", "客户不接受"), ("proposed",), "negotiating", ("customer", "agent"), "declined",
         needs=("offer", "reason", "counter_demand?", "evidence?"), guards=(the_answer_is_to_the_open_offer,),
         witnessed=FROM_CUSTOMER),
    Step("expire", Title("Offer expires", "方案过期"), ("proposed",), "negotiating", ("system",), "expired",
         needs=("reason?",), effects=_untold),
    Step("refer", Title("Refer to an outside body", "外部调解"), ("negotiating",), "referred", ("supervisor",), "referred",
         needs=("body", "notice"), guards=(it_was_declined_often_enough,)),
    Step("resolve", Title("Carry out", "实施完成"), ("agreed",), "resolved", ("handler", "system"), "resolved",
         needs=("done", "notice"), guards=(the_handler_is_of_the_department, no_promise_is_open_elsewhere)),
    Step("fail_remedy", Title("Remedy failed", "补救未成"), ("agreed",), "analysed", ("system",), "remedy_failed",
         needs=("remedy", "case", "reason"), guards=(the_promise_is_pending,), effects=_untold),
    Step("contest", Title("Contest the resolution", "未解决"), ("resolved",), "analysing", ("customer", "agent"), "contested",
         needs=("reason",), guards=(the_contest_comes_in_time,)),
    Step("evaluate", Title("Evaluate", "评估"), ("resolved",), "evaluated", ("supervisor",), "evaluated",
         needs=("summary", "follow_up", "prevention", "accountability"), guards=(somebody_else_resolved_it,)),
    Step("withdraw", Title("Customer withdraws", "撤诉"), ANY_OPEN, "withdrawn", ("customer", "agent"), "withdrawn",
         needs=("reason", "evidence?"), witnessed=FROM_CUSTOMER),
    Step("reopen", Title("Reopen", "重新打开"), ("evaluated", "rejected", "withdrawn", "referred"), "analysing",
         ("supervisor",), "reopened", needs=("reason",), guards=(it_was_closed_lately,)),
    Step("alert", Title("Report a serious incident", "重大事项上报"), ANY_OPEN, SAME, ("agent", "handler", "supervisor"),
         "alerted", needs=("occurred_at", "place", "phenomenon", "plan"), effects=_alerted),
    *standing.STEPS,
)  # fmt: skip

VERSION_1 = Procedure("complaint", 1, Title("Complaint", "投诉"), STAGES, STEPS, FIELDS, statutes=policy.STATUTES)

PROCEDURES = Procedures(VERSION_1)
