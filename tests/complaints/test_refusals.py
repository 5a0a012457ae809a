"""Every step, every wrong role, every wrong stage: refused with the right code, logged, and nothing changed.

The table of steps itself drives these: what is declared tomorrow is tried tomorrow.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from services.complaints.procedure import VERSION_1 as PROCEDURE
from shared.identity import STAFF
from shared.procedure import Step
from tests.house import NOTICE, VALIDATE, Desk, System, an_offer

STEPS = [step for step in PROCEDURE.steps if not step.opens]
STAGES = [stage.name for stage in PROCEDURE.stages]
BIG = {"kind": "refund", "money": {"amount": "900.00", "currency": "EUR"}}


def brought_to_each_stage(system: System) -> dict[str, str]:
    """One complaint in each stage of the procedure."""
    desk = Desk(system)
    agent, boss, hand = system.desk("agent"), system.desk("supervisor"), system.desk("handler", 0, "quality")
    found = {stage: desk.at(stage) for stage in ("recorded", *Desk.STAGES)}
    found["rejected"] = desk.open()
    assert boss.step(found["rejected"], "reject", {"reason": "No.", "notice": NOTICE}).status == 200
    found["merged"] = desk.open(customer={"ref": "twice", "name": "Ford"})
    other = desk.open(customer={"ref": "twice", "name": "Ford"}).rsplit("/", 1)[1]
    assert agent.step(found["merged"], "merge", {"into": other}).status == 200
    found["withdrawn"] = desk.open()
    assert agent.step(found["withdrawn"], "withdraw", {"reason": "Settled.", "evidence": "Call"}).status == 200
    found["disputed"] = desk.at("assigned")
    assert hand.step(found["disputed"], "dispute", {"reason": "Not ours."}).status == 200
    found["pending_approval"] = desk.at("analysed")
    assert hand.step(found["pending_approval"], "propose", an_offer(BIG)).body["stage"] == "pending_approval"
    for stage, declines in (("negotiating", 1), ("referred", 3)):
        found[stage] = desk.at("analysed")
        for _ in range(declines):
            hand.step(found[stage], "propose", an_offer())
            agent.step(found[stage], "decline", {"offer": desk.offer(found[stage]), "reason": "Too little.", "evidence": "Call"})
    assert boss.step(found["referred"], "refer", {"body": "Ombudsman", "notice": NOTICE}).status == 200
    return found


@pytest.fixture(scope="module")
def cases(shared_system: System) -> Iterator[dict[str, str]]:
    found = brought_to_each_stage(shared_system)
    auditor = shared_system.desk("auditor")
    before = {stage: auditor.get(href).body for stage, href in found.items()}
    assert {stage: case["stage"] for stage, case in before.items()} == {stage: stage for stage in STAGES}
    yield found
    after = {stage: auditor.get(href).body for stage, href in found.items()}
    assert {stage: case["version"] for stage, case in after.items()} == {s: c["version"] for s, c in before.items()}


def department_of(role: str) -> str | None:
    return "quality" if role == "handler" else None


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.trigger)
def test_a_wrong_role_is_refused_in_every_stage(shared_system: System, cases: dict[str, str], step: Step) -> None:
    for role in STAFF:
        if role not in step.roles:
            person = shared_system.desk(role, 0, department_of(role))
            for stage, href in cases.items():
                answer = person.post(f"{href}/{step.trigger}", {}, If_Match='"1"')
                assert (answer.status, answer.body["code"]) == (403, "role_not_allowed"), (role, stage, answer)


@pytest.mark.parametrize("step", [s for s in STEPS if set(s.roles) & set(STAFF)], ids=lambda step: step.trigger)
def test_a_right_role_is_refused_in_every_wrong_stage_and_told_what_is_allowed(
    shared_system: System, cases: dict[str, str], step: Step
) -> None:
    facts = PROCEDURE_FACTS.get(step.trigger, {})
    for role in set(step.roles) & set(STAFF):
        person = shared_system.desk(role, 0, department_of(role))
        for stage in set(STAGES) - set(PROCEDURE.sources(step)):
            answer = person.step(cases[stage], step.trigger, facts)
            assert (answer.status, answer.body["code"]) == (409, "wrong_stage"), (role, stage, answer)
            actions = person.get(cases[stage]).body["actions"]
            assert answer.body["allowed"] == [action["trigger"] for action in actions]


PROCEDURE_FACTS: dict[str, dict[str, Any]] = {
    "validate": VALIDATE,
    "reject": {"reason": "r", "notice": NOTICE},
    "appeal": {"reason": "r"},
    "merge": {"into": "x"},
    "assign": {"department": "quality"},
    "dispute": {"reason": "r"},
    "arbitrate": {"department": "quality", "reason": "r"},
    "analyse": {"cause": "packing", "certainty": "suspected", "findings": "f"},
    "propose": an_offer(),
    "approve": {"opinion": "o"},
    "send_back": {"opinion": "o"},
    "accept": {"offer": {"number": 1, "hash": "sha256:" + "0" * 64}, "evidence": "e"},
    "decline": {"offer": {"number": 1, "hash": "sha256:" + "0" * 64}, "reason": "r", "evidence": "e"},
    "refer": {"body": "b", "notice": NOTICE},
    "resolve": {"done": "d", "notice": NOTICE},
    "contest": {"reason": "r"},
    "evaluate": {
        "summary": "s", "follow_up": {"reaction": "r", "satisfaction": 3}, "prevention": {"waiver": "w"},
        "accountability": {"measure": "m"},
    },
    "withdraw": {"reason": "r", "evidence": "e"},
    "reopen": {"reason": "r"},
    "escalate": {"reason": "r"},
    "alert": {"occurred_at": "2026-11-20T09:30:00+00:00", "place": "p", "phenomenon": "ph", "plan": "pl"},
    "hold": {"reason": "r"},
    "comment": {"text": "t"},
    "contact": {"direction": "in", "channel": "phone", "text": "t"},
    "attach": {"name": "n", "media_type": "image/png", "size": 1, "sha256": "sha256:" + "0" * 64},
}  # fmt: skip
"""The least facts that each step takes."""


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.trigger)
def test_the_checks_come_in_their_order(shared_system: System, cases: dict[str, str], step: Step) -> None:
    stage = PROCEDURE.sources(step)[0]
    path = f"{cases[stage]}/{step.trigger}"
    role = next((role for role in step.roles if role in STAFF), "agent")
    person = shared_system.desk(role, 0, department_of(role))
    assert shared_system.stranger().post(path, {}).status == 401
    assert person.post(path, b"{").status == 400
    assert person.post(f"/complaints/none/{step.trigger}", {}).status == 404
    if role in step.roles:
        assert person.post(path, {"colour": 1}).status == 428
        wrong = person.post(path, {"colour": 1}, If_Match='"99"')
        assert (wrong.status, wrong.body["code"]) == (422, "invalid")
        assert "/colour" in {error["pointer"] for error in wrong.body["errors"]}
        stale = person.post(path, PROCEDURE_FACTS.get(step.trigger, {}), If_Match='"99"')
        assert (stale.status, stale.body["code"]) == (412, "stale_version")


def test_refused_acts_stand_in_a_log_of_their_own_that_auditors_read(system: System) -> None:
    href = Desk(system).open()
    sales = system.desk("sales")
    assert sales.post(f"{href}/validate", VALIDATE, If_Match='"1"').status == 403
    assert system.desk("agent").post(f"{href}/validate", VALIDATE, If_Match='"7"').status == 412
    path = f"/audit/refusals?kind=complaint&id={href.rsplit('/', 1)[1]}"
    items = system.desk("auditor").get(path).body["items"]
    assert [(i["actor"], i["trigger"], i["code"]) for i in items] == [
        (sales.name, "validate", "role_not_allowed"), ("anna", "validate", "stale_version"),
    ]  # fmt: skip
    assert sales.get(path).status == 403
    assert len(system.desk("auditor").get(f"{href}/history").body["entries"]) == 1


@pytest.mark.parametrize("stage", STAGES)
def test_a_customers_link_is_refused_each_step_that_is_not_the_customers(
    shared_system: System, cases: dict[str, str], stage: str
) -> None:
    href = cases[stage]
    token = shared_system.desk("agent").post(f"{href}/links", {}).body["token"]
    customer = shared_system.stranger(token)
    for step in STEPS:
        facts = {} if stage in PROCEDURE.sources(step) else CUSTOMERS_FACTS.get(step.trigger, {})
        answer = customer.step(href, step.trigger, facts)
        if "customer" not in step.roles:
            assert (answer.status, answer.body["code"]) == (403, "role_not_allowed"), (step.trigger, answer)
        elif stage not in PROCEDURE.sources(step):
            assert (answer.status, answer.body["code"]) == (409, "wrong_stage"), (step.trigger, answer)
        else:
            assert answer.status == 422, "nothing was said, so nothing is taken"


CUSTOMERS_FACTS = {
    step.trigger: {name: value for name, value in PROCEDURE_FACTS[step.trigger].items() if name != "evidence"}
    for step in STEPS
    if "customer" in step.roles
}
"""What the customer would say where it is not its turn."""


def test_each_refused_act_is_logged_once_in_every_stage_and_leaves_the_chain_as_it_was(
    shared_system: System, cases: dict[str, str]
) -> None:
    log, database = shared_system.complaints.ledger.refusals, shared_system.complaints.database
    for stage, href in cases.items():
        case_id = href.rsplit("/", 1)[1]
        with database.reading() as connection:
            before = log.page(connection, 0, 10_000, case_id)
        sales = shared_system.desk("sales")
        assert [sales.post(f"{href}/{step.trigger}", {}).status for step in STEPS].count(403) >= len(STEPS) - 3, stage
        with database.reading() as connection:
            after = log.page(connection, 0, 10_000, case_id)
        tried = [row["trigger"] for row in after[len(before) :]]
        assert tried == [step.trigger for step in STEPS]
        assert {row["actor"] for row in after[len(before) :]} == {sales.name}
        assert shared_system.desk("auditor").get(f"/audit/verify?kind=complaint&id={case_id}").body["ok"]


def test_actions_hold_just_what_why_says_is_possible(shared_system: System, cases: dict[str, str]) -> None:
    for role in STAFF:
        person = shared_system.desk(role, 0, department_of(role))
        for href in cases.values():
            case = person.get(href).body
            shown = {item["trigger"] for item in (*case["actions"], *case["notes"])}
            why = person.get(f"{href}/why").body["steps"]
            assert shown == {step["trigger"] for step in why if step["possible"]}
            assert all(step["because"][0]["detail"] for step in why)
