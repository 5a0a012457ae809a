"""The table of domain.md, step by step: what each needs, whom it refuses, what it records and what comes after it."""

from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from shared.caller import Caller
from shared.errors import GuardRefused
from shared.identity import SYSTEM
from tests.house import ANALYSE, EVALUATE, NOTICE, VALIDATE, Answer, Desk, Person, System, a_complaint, an_offer


def euros(amount: str, kind: str = "refund", currency: str = "EUR") -> dict[str, Any]:
    return {"kind": kind, "money": {"amount": amount, "currency": currency}}


def refused(answer: Answer, status: int, code: str, words: str = "") -> Answer:
    assert (answer.status, answer.body["code"]) == (status, code), answer
    assert words in answer.body["detail"], answer
    return answer


def last(system: System, href: str) -> dict[str, Any]:
    entry: dict[str, Any] = system.desk("auditor").get(f"{href}/history").body["entries"][-1]
    return entry


@pytest.fixture
def hand(system: System) -> Person:
    return system.desk("handler", 0, "quality")


@pytest.fixture
def boss(system: System) -> Person:
    return system.desk("supervisor")


@pytest.fixture
def agent(system: System) -> Person:
    return system.desk("agent")


# record ------------------------------------------------------------------------------------------------------------


def test_a_complaint_is_acknowledged_at_once_with_a_reference(system: System, desk: Desk) -> None:
    case = system.desk("agent").get(desk.open()).body
    assert case["told"] == {"told": True, "at": case["opened_at"], "channel": "phone"}
    assert case["reference"].startswith("CO-")
    assert case["contact_person"] == "anna"


@pytest.mark.parametrize(
    ("changes", "priority"),
    [
        ({"priority": "low"}, "low"),
        ({"customer": {"ref": "1", "name": "A", "class": "A"}}, "high"),
        ({"customer": {"ref": "1", "name": "A", "key_account": True}, "priority": "high"}, "urgent"),
        ({"safety": True, "priority": "low"}, "urgent"),
        ({"description": "The kettle gave an electric shock."}, "urgent"),
        ({"description": "电水壶漏电，孩子触电受伤。"}, "urgent"),
        ({"customer": {"ref": "1", "name": "A", "class": "B"}}, "normal"),
    ],
)
def test_key_accounts_and_safety_raise_the_priority_with_the_reason(
    system: System, desk: Desk, changes: dict[str, Any], priority: str
) -> None:
    href = desk.open(**changes)
    assert system.desk("agent").get(href).body["priority"] == priority
    assert bool(last(system, href)["effects"]["priority"]["because"]) == (priority not in ("low", "normal"))


def test_likely_duplicates_of_the_same_customer_are_named(system: System, desk: Desk, agent: Person) -> None:
    first = desk.open()
    desk.open(customer={"ref": "other", "name": "Ford"})
    second = agent.get(desk.open()).body
    assert [(d["id"], d["because"]) for d in second["duplicates"]] == [(first.rsplit("/", 1)[1], "the same subject")]
    third = agent.get(desk.open(subject={"kind": "order", "ref": "9"})).body
    assert len(third["duplicates"]) == 2
    system.watch.move(days=100)
    assert agent.get(desk.open()).body["duplicates"] == []


# validate, reject, appeal, merge -----------------------------------------------------------------------------------


def test_an_appeal_comes_once_in_time_and_is_decided_by_somebody_else(
    system: System, desk: Desk, agent: Person, boss: Person
) -> None:
    href = desk.open()
    assert boss.step(href, "reject", {"reason": "No fault.", "notice": NOTICE}).body["open"] is False
    assert [action["trigger"] for action in agent.get(href).body["actions"]] == ["appeal"]
    assert agent.step(href, "appeal", {"reason": "Look again."}).body["stage"] == "recorded"
    refused(boss.step(href, "reject", {"reason": "No.", "notice": NOTICE}), 403, "four_eyes", "does not decide about its appeal")
    assert "reject" not in [action["trigger"] for action in boss.get(href).body["actions"]]
    other = system.desk("supervisor", 1)
    assert other.step(href, "reject", {"reason": "No.", "notice": NOTICE}).status == 200
    refused(agent.step(href, "appeal", {"reason": "Again."}), 409, "guard_refused", "appealed once")


@pytest.mark.parametrize(("days", "status"), [(14, 200), (15, 409)])
def test_an_appeal_comes_within_ten_business_days(system: System, desk: Desk, boss: Person, days: int, status: int) -> None:
    href = desk.open()
    boss.step(href, "reject", {"reason": "No.", "notice": NOTICE})
    system.watch.move(days=days)
    assert system.desk("agent").step(href, "appeal", {"reason": "Look again."}).status == status


def test_a_complaint_is_merged_only_into_another_open_one_of_its_customer(system: System, desk: Desk, agent: Person) -> None:
    here, there = desk.open(), desk.open()
    foreign, closed = desk.open(customer={"ref": "x", "name": "X"}), desk.at("evaluated")
    for target in (here, foreign, closed, "/complaints/none"):
        refused(agent.step(here, "merge", {"into": target.rsplit("/", 1)[1]}), 409, "guard_refused", "same customer")
    assert agent.step(here, "merge", {"into": there.rsplit("/", 1)[1]}).body["stage"] == "merged"
    gained = last(system, there)
    assert (gained["trigger"], gained["actor"]["id"], gained["on_behalf_of"]) == ("absorb", "system", agent.name)
    assert gained["event"]["type"] == "casewright.complaint.absorbed.v1"
    assert agent.get(there).body["absorbed"] == [here.rsplit("/", 1)[1]]


# assign, dispute, arbitrate, start, analyse ------------------------------------------------------------------------


def test_without_a_name_the_least_loaded_present_person_is_assigned_with_the_reason(
    system: System, desk: Desk, boss: Person
) -> None:
    desk.at("assigned")  # hana has one
    href = desk.at("validated")
    assert boss.step(href, "assign", {"department": "quality"}).body["assignee"] == "hugo"
    assert "least loaded" in last(system, href)["effects"]["because"]
    assert system.login("hugo").post("/me/presence", {"present": False}).status == 200
    system.settle()
    href = desk.at("validated")
    assert boss.step(href, "assign", {"department": "quality"}).body["assignee"] == "hana"
    assert system.login("hana").post("/me/presence", {"present": False}).status == 200
    system.settle()
    case = boss.step(desk.at("validated"), "assign", {"department": "quality"}).body
    assert case["owner"] == {"role": "handler", "person": None, "department": "quality"}
    assert case["href"] in [item["href"] for item in system.login("hugo").get("/worklist").body["items"]]


def test_only_a_competent_person_is_chosen_by_itself(system: System, desk: Desk, boss: Person) -> None:
    system.house.app.directory.add("kim", "a long password", "Kim", ["handler"], "service", ["price"])
    system.settle()
    assert boss.step(desk.at("validated"), "assign", {"department": "service"}).body["assignee"] == "ravi"
    assert boss.step(desk.at("validated", category="price"), "assign", {"department": "service"}).body["assignee"] == "kim"


def test_a_department_without_staff_and_a_stranger_to_it_are_refused(desk: Desk, boss: Person) -> None:
    href = desk.at("validated")
    refused(boss.step(href, "assign", {"department": "qualty"}), 409, "guard_refused", "Known: logistics, quality, service")
    refused(boss.step(href, "assign", {"department": "quality", "assignee": "lei"}), 409, "guard_refused", "no active handler")


def test_the_arbiters_word_on_a_disputed_responsibility_is_final(system: System, desk: Desk, hand: Person) -> None:
    href = desk.at("assigned")
    assert hand.step(href, "dispute", {"reason": "It broke on the way."}).body["owner"]["role"] == "arbiter"
    case = system.desk("arbiter").step(href, "arbitrate", {"department": "logistics", "reason": "Indeed."}).body
    assert (case["stage"], case["department"], case["assignee"]) == ("assigned", "logistics", "lei")
    refused(system.login("lei").step(href, "dispute", {"reason": "No."}), 409, "guard_refused", "final")


def test_only_the_department_works_on_it_and_who_starts_takes_it_over(system: System, desk: Desk) -> None:
    href = desk.at("assigned")
    lei, hugo = system.login("lei"), system.login("hugo")
    refused(lei.step(href, "start"), 403, "not_your_case", "another department")
    assert lei.get(href).body["actions"] == [] or "start" not in [a["trigger"] for a in lei.get(href).body["actions"]]
    case = hugo.step(href, "start").body
    assert (case["assignee"], case["contact_person"]) == ("hugo", "hugo")
    refused(lei.step(href, "analyse", ANALYSE), 403, "not_your_case")


# propose, approve, accept, decline, expire, refer ------------------------------------------------------------------


def test_offers_are_numbered_hashed_and_supersede_each_other(desk: Desk, hand: Person, agent: Person) -> None:
    href = desk.at("proposed")
    first = desk.offer(href)
    offers = hand.step(href, "propose", an_offer(euros("20.00"))).body["offers"]
    assert [(offer["number"], offer["state"]) for offer in offers] == [(1, "superseded"), (2, "open")]
    assert offers[0]["hash"] != offers[1]["hash"]
    answer = refused(agent.step(href, "accept", {"offer": first, "evidence": "Call"}), 409, "guard_refused", "superseded")
    assert answer.body["current_offer"]["number"] == 2
    wrong = {"number": 2, "hash": first["hash"]}
    refused(agent.step(href, "accept", {"offer": wrong, "evidence": "Call"}), 409, "guard_refused", "superseded")


@pytest.mark.parametrize(
    ("who", "remedy", "stage"),
    [
        ("handler", euros("500.00"), "proposed"),
        ("handler", euros("500.01"), "pending_approval"),
        ("supervisor", euros("5000.00"), "proposed"),
        ("supervisor", euros("5000.01"), "pending_approval"),
        ("handler", euros("434.78", currency="GBP"), "proposed"),
        ("handler", euros("434.79", currency="GBP"), "pending_approval"),
        ("handler", euros("1.00", currency="XAU"), "pending_approval"),
        ("handler", {"kind": "apology"}, "proposed"),
    ],
)
def test_strictly_above_the_limit_of_the_role_the_manager_decides(
    system: System, desk: Desk, who: str, remedy: dict[str, Any], stage: str
) -> None:
    href = desk.at("analysed")
    person = system.desk(who, 0, "quality" if who == "handler" else None)
    assert person.step(href, "propose", an_offer(remedy)).body["stage"] == stage
    assert last(system, href)["effects"]["authority"]["because"]


def test_several_currencies_are_summed_and_two_roles_have_the_higher_limit(system: System, desk: Desk) -> None:
    both = an_offer(euros("300.00"), euros("200.00", currency="GBP"))
    href = desk.at("analysed")
    assert system.desk("handler", 0, "quality").step(href, "propose", both).body["stage"] == "pending_approval"
    system.house.app.directory.add("both", "a long password", "Both", ["handler", "supervisor"], "quality")
    system.settle()
    assert system.login("both").step(desk.at("analysed"), "propose", both).body["stage"] == "proposed"


def test_a_limit_of_0_sends_every_offer_to_the_manager(tmp_path: Path) -> None:
    (tmp_path / "complaints.toml").write_text("[limits]\nhandler = 0\nsupervisor = 0\n")
    system = System(tmp_path)
    href = Desk(system).at("analysed")
    hand = system.desk("handler", 0, "quality")
    assert hand.step(href, "propose", an_offer({"kind": "apology"})).body["stage"] == "pending_approval"
    system.close()


def test_an_offer_waiting_for_approval_keeps_told_and_its_notice_goes_out_with_the_approval(
    system: System, desk: Desk, hand: Person
) -> None:
    href = desk.at("analysed")
    before = hand.get(href).body["told"]
    system.watch.move(minutes=5)
    assert hand.step(href, "propose", an_offer(euros("900.00"))).body["told"] == before
    approved = system.desk("manager").step(href, "approve", {"opinion": "Agreed."}).body
    assert (approved["stage"], approved["offers"][0]["state"]) == ("proposed", "open")
    assert approved["told"]["at"] > before["at"]


def test_who_made_an_offer_neither_approves_nor_accepts_it(system: System, desk: Desk) -> None:
    system.house.app.directory.add("all", "a long password", "All", ["handler", "manager", "agent"], "quality")
    system.settle()
    person, href = system.login("all"), desk.at("analysed")
    assert person.step(href, "propose", an_offer(euros("900.00"))).body["stage"] == "pending_approval"
    for trigger in ("approve", "send_back"):
        refused(person.step(href, trigger, {"opinion": "Mine."}), 403, "four_eyes")
    system.desk("manager").step(href, "approve", {"opinion": "Agreed."})
    refused(person.step(href, "accept", {"offer": desk.offer(href), "evidence": "Call"}), 403, "four_eyes")


def test_a_manager_sends_an_offer_back_and_does_not_approve_one_that_has_run_out(system: System, desk: Desk, hand: Person) -> None:
    href, manager = desk.at("analysed"), system.desk("manager")
    hand.step(href, "propose", an_offer(euros("900.00"), until="2026-11-25T00:00:00+00:00"))
    system.watch.move(days=3)
    refused(manager.step(href, "approve", {"opinion": "Fine."}), 409, "guard_refused", "validity has passed")
    case = manager.step(href, "send_back", {"opinion": "Too late."}).body
    assert (case["stage"], case["offers"][0]["state"]) == ("analysed", "superseded")


@pytest.mark.parametrize(
    ("remedy", "pointer"),
    [
        ({"kind": "refund"}, "/remedies/0/money"),
        ({"kind": "apology", "money": {"amount": "1.00", "currency": "EUR"}}, "/remedies/0/money"),
        ({"kind": "refund", "money": {"amount": "0.00", "currency": "EUR"}}, "/remedies/0/money/amount"),
        ({"kind": "refund", "money": {"amount": 5, "currency": "EUR"}}, "/remedies/0/money/amount"),
        ({"kind": "refund", "money": {"amount": "5.00", "currency": "eur"}}, "/remedies/0/money/currency"),
        ({"kind": "voucher"}, "/remedies/0/kind"),
        ({"kind": "contract_amendment"}, "/remedies/0/contract"),
    ],
)
def test_a_remedy_that_makes_no_sense_is_422_at_its_place(desk: Desk, hand: Person, remedy: dict[str, Any], pointer: str) -> None:
    answer = refused(hand.step(desk.at("analysed"), "propose", an_offer(remedy)), 422, "invalid")
    assert pointer in [error["pointer"] for error in answer.body["errors"]]


def test_an_offer_valid_until_yesterday_is_422(desk: Desk, hand: Person) -> None:
    answer = hand.step(desk.at("analysed"), "propose", an_offer(until="2026-11-22T00:00:00+00:00"))
    assert [error["pointer"] for error in refused(answer, 422, "invalid").body["errors"]] == ["/valid_until"]


def test_an_agent_brings_evidence_and_the_customer_answers_by_its_own_link(system: System, desk: Desk, agent: Person) -> None:
    href = desk.at("proposed")
    answer = refused(agent.step(href, "accept", {"offer": desk.offer(href)}), 422, "invalid")
    assert answer.body["errors"][0]["pointer"] == "/evidence"
    link = agent.post(f"{href}/links", {"days": 3}).body
    customer = system.stranger(link["token"])
    assert customer.step(href, "accept", {"offer": desk.offer(href)}).body["stage"] == "agreed"
    assert last(system, href)["actor"]["id"] == "customer:17850"


def test_an_offer_ends_by_the_clock_and_its_handler_must_come_back_to_the_customer(
    system: System, desk: Desk, hand: Person
) -> None:
    href = desk.at("analysed")
    hand.step(href, "propose", an_offer(until="2026-11-25T12:00:00+00:00"))
    offer = desk.offer(href)
    system.watch.move(days=2, hours=3)
    refused(system.desk("agent").step(href, "accept", {"offer": offer, "evidence": "Call"}), 409, "guard_refused", "no longer open")
    assert system.sweep() == 1
    assert system.sweep() == 0
    case = hand.get(href).body
    assert (case["stage"], case["offers"][0]["state"], case["told"]["told"]) == ("negotiating", "expired", False)
    assert href in [item["href"] for item in hand.get("/worklist").body["items"]]


def test_after_the_third_decline_it_can_be_referred(desk: Desk, hand: Person, agent: Person, boss: Person) -> None:
    href = desk.at("analysed")
    for turn in range(3):
        hand.step(href, "propose", an_offer())
        case = agent.step(
            href, "decline", {"offer": desk.offer(href), "reason": "No.", "evidence": "Call", "counter_demand": "More"}
        ).body
        assert (case["stage"], case["declines"]) == ("negotiating", turn + 1)
        answer = boss.step(href, "refer", {"body": "Ombudsman", "notice": NOTICE})
        assert answer.status == (200 if turn == 2 else 409), answer
    assert boss.get(href).body["referred_to"] == "Ombudsman"


# resolve, fail_remedy, contest, evaluate, withdraw, reopen ---------------------------------------------------------


def test_a_failed_remedy_brings_it_back_to_its_handler_and_the_customer_has_to_be_told(
    system: System, desk: Desk, hand: Person
) -> None:
    href = desk.at("agreed", ({"kind": "return", "lines": [{"order": "1", "line": "1", "quantity": 1}]}, {"kind": "apology"}))
    work = system.complaints.work
    facts = {"remedy": 0, "case": "/returns/1", "reason": "denied"}
    with work.parts.database.writing() as unit:
        case = work.store.get(unit.connection, href.rsplit("/", 1)[1])
        step = work.procedures.current.step("fail_remedy")
        with pytest.raises(GuardRefused, match="No remedy of this number"):
            work.take(unit, Caller(SYSTEM), case, step, {**facts, "remedy": 7}, system.watch())
        work.take(unit, Caller(SYSTEM), case, step, facts, system.watch())
        unit.commit()
    shown = hand.get(href).body
    assert (shown["stage"], shown["told"]["told"]) == ("analysed", False)
    assert [(promise["state"], promise["case"]) for promise in shown["fulfilments"]] == [
        ("failed", "/returns/1"),
        ("pending", None),
    ]
    assert {"name": "propose", "kind": "internal"}.items() <= shown["clocks"][0].items()


def test_a_promise_carried_out_elsewhere_keeps_it_from_being_resolved(tmp_path: Path) -> None:
    (tmp_path / "complaints.toml").write_text('served = ["returns"]\n')
    system = System(tmp_path)
    desk = Desk(system)
    href = desk.at("agreed", ({"kind": "exchange"}, {"kind": "apology"}))
    assert [promise["by"] for promise in system.desk("agent").get(href).body["fulfilments"]] == ["returns", "handler"]
    refused(desk.take(href, "resolve"), 409, "guard_refused", "carried out by another procedure")
    system.close()


@pytest.mark.parametrize(("days", "status"), [(14, 200), (15, 409)])
def test_a_resolution_is_contested_within_ten_business_days(system: System, desk: Desk, days: int, status: int) -> None:
    href = desk.at("resolved")
    system.watch.move(days=days)
    answer = system.desk("agent").step(href, "contest", {"reason": "Still broken."})
    assert answer.status == status
    assert status == 409 or answer.body["stage"] == "analysing"


def test_who_carried_it_out_does_not_evaluate_it(system: System, desk: Desk) -> None:
    system.house.app.directory.add("two", "a long password", "Two", ["handler", "supervisor"], "quality")
    system.settle()
    person, href = system.login("two"), desk.at("agreed")
    assert person.step(href, "resolve", {"done": "Done.", "notice": NOTICE}).status == 200
    refused(person.step(href, "evaluate", EVALUATE), 403, "four_eyes")
    assert system.desk("supervisor").step(href, "evaluate", EVALUATE).body["stage"] == "evaluated"


@pytest.mark.parametrize("prevention", [{}, {"actions": []}, {"waiver": "w", "actions": EVALUATE["prevention"]["actions"]}])  # type: ignore[index]  # a plain example
def test_prevention_is_actions_or_a_reasoned_waiver(system: System, desk: Desk, prevention: dict[str, Any]) -> None:
    answer = system.desk("supervisor").step(desk.at("resolved"), "evaluate", {**EVALUATE, "prevention": prevention})
    assert refused(answer, 422, "invalid").body["errors"][0]["pointer"].startswith("/prevention")


def test_a_satisfaction_is_needed_of_people(system: System, desk: Desk) -> None:
    facts = {**EVALUATE, "follow_up": {"reaction": "Content."}}
    answer = refused(system.desk("supervisor").step(desk.at("resolved"), "evaluate", facts), 422, "invalid")
    assert answer.body["errors"][0]["pointer"] == "/follow_up/satisfaction"


@pytest.mark.parametrize("stage", ["recorded", "analysing", "proposed", "resolved"])
def test_a_customer_may_withdraw_from_any_open_stage(desk: Desk, agent: Person, stage: str) -> None:
    href = desk.at(stage)
    case = agent.step(href, "withdraw", {"reason": "Settled.", "evidence": "Letter"}).body
    assert (case["stage"], case["open"], case["owner"], case["due_at"]) == ("withdrawn", False, None, None)


@pytest.mark.parametrize(("days", "status"), [(90, 200), (91, 409)])
def test_a_closed_complaint_is_reopened_within_ninety_days(system: System, desk: Desk, days: int, status: int) -> None:
    href = desk.at("evaluated")
    system.watch.move(days=days)
    answer = system.desk("supervisor").step(href, "reopen", {"reason": "It broke again."})
    assert answer.status == status
    assert status == 409 or (answer.body["stage"], answer.body["closed_at"]) == ("analysing", None)


# escalate, alert, notes --------------------------------------------------------------------------------------------


def test_escalation_goes_up_level_by_level_and_ends_at_the_top(system: System, desk: Desk, boss: Person, hand: Person) -> None:
    href = desk.at("analysing")
    for role in ("supervisor", "manager"):
        case = boss.step(href, "escalate", {"reason": "Too slow."}).body
        assert (case["owner"]["role"], case["stage"]) == (role, "analysing")
        for person in (system.desk(role), hand):
            assert href in [item["href"] for item in person.get("/worklist").body["items"]]
    refused(boss.step(href, "escalate", {"reason": "More."}), 409, "guard_refused", "top level")
    assert hand.step(href, "analyse", ANALYSE).body["owner"]["role"] == "handler"


def test_a_serious_incident_is_urgent_and_on_the_managers_desk_at_once(system: System, desk: Desk, agent: Person) -> None:
    href = desk.open()
    facts = {"occurred_at": "2026-11-22T10:00:00+00:00", "place": "Hall 3", "phenomenon": "Smoke", "plan": "Stop delivery"}
    case = agent.step(href, "alert", facts).body
    assert (case["priority"], case["stage"], case["owner"]["role"]) == ("urgent", "recorded", "agent")
    assert last(system, href)["effects"]["informed"] == ["manager", "general manager"]
    assert href in [item["href"] for item in system.desk("manager").get("/worklist").body["items"]]


def test_notes_are_entries_that_move_nothing_also_on_a_closed_complaint(desk: Desk, agent: Person) -> None:
    href = desk.at("evaluated")
    for trigger, facts in (
        ("comment", {"text": "Called again."}),
        ("contact", {"direction": "out", "channel": "phone", "text": "All well?"}),
        ("attach", {"name": "photo.png", "media_type": "image/png", "size": 12, "sha256": "sha256:" + "a" * 64}),
    ):
        case = agent.step(href, trigger, facts).body
        assert case["stage"] == "evaluated"
    assert case["attachments"][0]["name"] == "photo.png"
    refused(agent.step(href, "hold", {"reason": "Wait."}), 409, "wrong_stage")


def test_only_an_outgoing_contact_tells_the_customer(system: System, desk: Desk, agent: Person, hand: Person) -> None:
    href = desk.at("analysed")
    hand.step(href, "propose", an_offer(until="2026-11-24T12:00:00+00:00"))
    system.watch.move(days=2)
    system.sweep()
    assert agent.step(href, "contact", {"direction": "in", "channel": "phone", "text": "Asks."}).body["told"]["told"] is False
    told = agent.step(href, "contact", {"direction": "out", "channel": "phone", "text": "Explained."}).body["told"]
    assert (told["told"], told["channel"]) == (True, "phone")


def test_hold_pauses_the_stage_runs_a_clock_of_its_own_and_ends_with_resume_or_a_step(
    system: System, desk: Desk, agent: Person
) -> None:
    href = desk.open()
    due = agent.get(href).body["due_at"]
    held = agent.step(href, "hold", {"reason": "Photos awaited."}).body
    assert {clock["name"]: clock["state"] for clock in held["clocks"]} == {"on_hold": "running", "validate": "paused"}
    assert held["due_at"] > due
    refused(agent.step(href, "hold", {"reason": "Again."}), 409, "guard_refused", "on hold already")
    system.watch.move(hours=3)
    resumed = agent.step(href, "resume").body
    assert resumed["due_at"] == "2026-11-24T12:00:00.000000+00:00"
    refused(agent.step(href, "resume"), 409, "guard_refused", "not on hold")
    agent.step(href, "hold", {"reason": "Photos awaited."})
    assert agent.step(href, "validate", VALIDATE).body["on_hold"] is False


def test_as_of_shows_the_complaint_as_it_was(system: System, desk: Desk, agent: Person) -> None:
    href = desk.open()
    then = system.watch().isoformat()
    system.watch.move(hours=1)
    agent.step(href, "validate", VALIDATE)
    past = system.stranger(agent.token).call("GET", f"{href}/history", None).body
    assert len(past["entries"]) == 2
    seen = agent.get(f"{href}/history?as_of={then.replace('+', '%2B')}").body
    assert (len(seen["entries"]), seen["state"]["stage"], seen["state"]["version"]) == (1, "recorded", 1)
    assert agent.get(f"{href}/history?as_of=2026-11-01T00:00:00Z").status == 404


def test_a_batch_takes_each_command_by_itself(desk: Desk, agent: Person) -> None:
    ids = [desk.open().rsplit("/", 1)[1] for _ in range(3)]
    commands = [
        {"id": ids[0], "trigger": "validate", "if_match": "1", "facts": VALIDATE, "key": "b1"},
        {"id": ids[1], "trigger": "validate", "if_match": "7", "facts": VALIDATE},
        {"id": ids[2], "trigger": "start", "if_match": "1"},
        {"id": "none", "trigger": "validate", "if_match": "1", "facts": VALIDATE},
    ]
    results = agent.post("/complaints/batch", {"commands": commands}).body["results"]
    assert [(result["status"], result["etag"]) for result in results] == [(200, "2"), (412, None), (403, None), (404, None)]
    assert results[1]["problem"]["code"] == "stale_version"
    again = agent.post("/complaints/batch", {"commands": commands[:1]}).body["results"]
    assert (again[0]["status"], again[0]["etag"]) == (200, "2")
    assert agent.post("/complaints/batch", {"commands": commands * 126}).status == 422


def test_an_open_complaint_of_an_unknown_profile_is_422_and_a_known_one_has_its_clocks(system: System, agent: Person) -> None:
    answer = agent.post("/complaints", a_complaint(statutory_profile="mars"))
    assert refused(answer, 422, "invalid").body["errors"][0]["pointer"] == "/statutory_profile"
    case = agent.post("/complaints", a_complaint(statutory_profile="rg271")).body
    clocks = {clock["name"]: (clock["kind"], clock["state"], clock["due_at"][:10]) for clock in case["clocks"]}
    assert clocks["acknowledgement"] == ("statutory", "missed", "2026-11-21")  # recorded three days after it was received
    assert clocks["final"] == ("statutory", "running", "2026-12-20")
    assert clocks["validate"][:2] == ("internal", "running")


# Owners, desks and persons ------------------------------------------------------------------------------------------

REJECT = {"reason": "The parcel was signed for as whole.", "notice": NOTICE}
ALERT = {"occurred_at": "2026-11-20T09:30:00+00:00", "place": "Kitchen", "phenomenon": "Smoke", "plan": "Recall"}


@pytest.fixture(scope="module")
def house(shared_system: System) -> Desk:
    """A desk that the tests share which do not move time."""
    return Desk(shared_system)


def hired(system: System, username: str, *roles: str, department: str | None = None, competences: tuple[str, ...] = ()) -> Person:
    """A person with just these roles, known to every service."""
    system.house.app.directory.add(username, "Right-Password-1", username.title(), roles, department, competences)
    system.settle()
    return system.login(username)


def link(system: System, href: str) -> Person:
    """The customer with a link to this case."""
    token = system.desk("agent").post(f"{href}/links", {"days": 30}).body["token"]
    return Person(system.house.app, token)


def seen(system: System, href: str) -> dict[str, Any]:
    case: dict[str, Any] = system.desk("auditor").get(href).body
    return case


def entries(system: System, href: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = system.desk("auditor").get(f"{href}/history").body["entries"]
    return found


def problem(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body.get("code")


def pointers(answer: Answer) -> set[str]:
    assert answer.status == 422, answer
    return {error["pointer"] for error in answer.body["errors"]}


def on_desk(person: Person, href: str) -> bool:
    return href in [item["href"] for item in person.get("/worklist?limit=500").body["items"]]


def test_at_each_step_the_right_one_owns_the_case_and_the_customer_is_told_when_there_is_a_notice(system: System) -> None:
    desk, hand = Desk(system), system.desk("handler", 0, "quality").name
    href = desk.open()
    met = [("recorded", "agent", None, system.watch.at)]
    told_at = [system.watch.at]
    for trigger in Desk.WAY:
        system.watch.move(minutes=1)
        answer = desk.take(href, trigger)
        assert answer.status == 200, answer
        if trigger in ("validate", "propose", "resolve"):
            told_at.append(system.watch.at)
        case = answer.body
        owner = case["owner"] or {"role": None, "person": None}
        met.append((case["stage"], owner["role"], owner["person"], datetime.fromisoformat(case["told"]["at"])))
        assert case["told"]["told"]
    recorded, validated, proposed, resolved = told_at
    assert met == [
        ("recorded", "agent", None, recorded), ("validated", "supervisor", None, validated), ("assigned", "handler", hand,
        validated),
        ("analysing", "handler", hand, validated), ("analysed", "handler", hand, validated), ("proposed", "agent", None, proposed),
        ("agreed", "handler", hand, proposed), ("resolved", "supervisor", None, resolved), ("evaluated", None, None, resolved),
    ]  # fmt: skip


@pytest.mark.parametrize(("changes", "pointer"), [
    ({"received_at": "2026-11-25T09:00:01+00:00"}, "/received_at"),
    ({"received_at": "2026-11-20T09:30:00"}, "/received_at"),
    ({"category": "colour"}, "/category"),
    ({"subject": {"kind": "order"}}, "/subject/ref"),
    ({"customer": {"ref": "1"}}, "/customer/name"),
    ({"statutory_profile": "moon"}, "/statutory_profile"),
    ({"description": " "}, "/description"),
])  # fmt: skip
def test_what_is_missing_or_wrong_in_a_record_is_named(house: Desk, changes: dict[str, Any], pointer: str) -> None:
    assert pointers(house.system.desk("agent").post("/complaints", a_complaint(**changes))) == {pointer}


def rejected(desk: Desk) -> str:
    href = desk.open()
    assert desk.system.desk("supervisor").step(href, "reject", REJECT).body["stage"] == "rejected"
    return href


def test_a_rejection_needs_a_reason_and_a_notice(house: Desk) -> None:
    assert pointers(house.system.desk("supervisor").step(house.open(), "reject", {})) == {"/reason", "/notice"}


def assigned(desk: Desk, department: str = "quality", **changes: Any) -> Answer:
    href = desk.at("validated", **changes)
    return desk.system.desk("supervisor").step(href, "assign", {"department": department})


def test_who_is_absent_incompetent_or_disabled_is_not_chosen(system: System) -> None:
    desk, directory = Desk(system), system.house.app.directory
    hired(system, "alma", "handler", department="quality", competences=("packaging",))
    assert assigned(desk).body["assignee"] == "hana"
    assert assigned(desk, category="packaging").body["assignee"] == "alma"
    assert system.login("hana").post("/me/presence", {"present": False}).status == 200
    system.settle()
    assert [assigned(desk).body["assignee"] for _ in range(2)] == ["hugo", "hugo"]
    directory.change("hugo", active=False, reason="left")
    system.settle()
    nobody = assigned(desk)
    assert nobody.body["owner"] == {"role": "handler", "person": None, "department": "quality"}
    assert "nobody competent is present" in entries(system, nobody.body["href"])[-1]["effects"]["because"]
    assert on_desk(system.login("hana"), nobody.body["href"])
    assert not on_desk(system.desk("handler", 0, "logistics"), nobody.body["href"])


@pytest.mark.parametrize("assignee", ["lei", "sofia", "nobody"])
def test_who_is_named_must_be_a_handler_of_that_department(house: Desk, assignee: str) -> None:
    href = house.at("validated")
    answer = house.system.desk("supervisor").step(href, "assign", {"department": "quality", "assignee": assignee})
    assert problem(answer) == (409, "guard_refused")


def test_a_complaint_can_be_assigned_again_and_its_clock_starts_again(system: System) -> None:
    desk = Desk(system)
    href = desk.at("analysing")
    before = seen(system, href)["due_at"]
    system.watch.move(hours=1)
    answer = system.desk("supervisor").step(href, "assign", {"department": "logistics", "assignee": "lei"})
    assert (answer.body["stage"], answer.body["department"], answer.body["assignee"]) == ("assigned", "logistics", "lei")
    assert answer.body["due_at"] != before


def test_who_disputes_does_not_arbitrate(house: Desk) -> None:
    both = hired(house.system, "dis", "handler", "arbiter", department="quality")
    href = house.at("assigned")
    assert both.step(href, "dispute", {"reason": "r"}).status == 200
    assert problem(both.step(href, "arbitrate", {"department": "quality", "reason": "r"})) == (403, "four_eyes")


def test_the_shares_of_a_cause_are_at_most_all_of_it(house: Desk) -> None:
    href, hand = house.at("analysing"), house.system.desk("handler", 0, "quality")
    shares = [{"department": "logistics", "share": 60}, {"department": "sales", "share": 41}]
    assert pointers(hand.step(href, "analyse", {**ANALYSE, "contributions": shares})) == {"/contributions"}
    assert pointers(hand.step(href, "analyse", {**ANALYSE, "cause": "weather"})) == {"/cause"}
    answer = hand.step(href, "analyse", {**ANALYSE, "contributions": [{"department": "logistics", "share": 40}]})
    assert answer.body["analysis"]["contributions"] == [{"department": "logistics", "share": 40}]


@pytest.mark.parametrize(("trigger", "more"), [("accept", {}), ("decline", {"reason": "Too little."})])
def test_an_agent_brings_evidence_of_what_the_customer_said(house: Desk, trigger: str, more: dict[str, Any]) -> None:
    href = house.at("proposed")
    agent, offer = house.system.desk("agent"), house.offer(href)
    assert pointers(agent.step(href, trigger, {"offer": offer, **more})) == {"/evidence"}
    needs = next(action["needs"] for action in agent.get(href).body["actions"] if action["trigger"] == trigger)
    assert "evidence" in needs["required"]
    assert agent.step(href, trigger, {"offer": offer, "evidence": "Call 4711", **more}).status == 200


@pytest.mark.parametrize(("trigger", "more"), [("accept", {}), ("decline", {"reason": "Too little."})])
def test_the_customer_speaks_for_itself(house: Desk, trigger: str, more: dict[str, Any]) -> None:
    href = house.at("proposed")
    customer = link(house.system, href)
    needs = next(action["needs"] for action in customer.get(href).body["actions"] if action["trigger"] == trigger)
    assert "evidence" not in needs["required"]
    assert customer.step(href, trigger, {"offer": house.offer(href), **more}).status == 200
    last = entries(house.system, href)[-1]
    assert (last["actor"]["id"], last["role"]) == ("customer:17850", "customer")


@pytest.mark.parametrize("trigger", ["accept", "decline"])
def test_an_answer_to_a_superseded_offer_is_refused_and_shows_the_current_one(house: Desk, trigger: str) -> None:
    href, agent = house.at("proposed"), house.system.desk("agent")
    old = house.offer(href)
    house.system.desk("handler", 0, "quality").step(href, "propose", an_offer(euros("20")))
    current = house.offer(href)
    facts = {"evidence": "Call", **({"reason": "r"} if trigger == "decline" else {})}
    for named in (old, {**current, "hash": old["hash"]}, {**current, "number": 1}, {"number": 9, "hash": "sha256:" + "0" * 64}):
        answer = agent.step(href, trigger, {**facts, "offer": named})
        assert problem(answer) == (409, "guard_refused")
        assert {name: answer.body["current_offer"][name] for name in ("number", "hash")} == current
    assert agent.step(href, trigger, {**facts, "offer": current}).status == 200


def test_an_answer_to_an_offer_that_is_over_is_refused_also_before_the_clock_has_come_by(system: System) -> None:
    desk = Desk(system)
    href = desk.at("analysed")
    system.desk("handler", 0, "quality").step(href, "propose", an_offer(until="2026-11-24T12:00:00+00:00"))
    system.watch.at = datetime.fromisoformat("2026-11-24T12:00:00+00:00")
    answer = link(system, href).step(href, "accept", {"offer": desk.offer(href)})
    assert problem(answer) == (409, "guard_refused")
    assert answer.body["current_offer"]["number"] == 1


def test_nobody_records_the_customers_consent_to_an_offer_of_their_own(house: Desk) -> None:
    both = hired(house.system, "con", "agent", "handler", department="quality")
    href = house.at("analysed")
    assert both.step(href, "propose", an_offer()).status == 200
    assert problem(both.step(href, "accept", {"offer": house.offer(href), "evidence": "Trust me."})) == (403, "four_eyes")


@pytest.mark.parametrize(("changes", "pointer"), [
    ({"follow_up": {"reaction": "r", "satisfaction": 6}}, "/follow_up/satisfaction"),
    ({"follow_up": {"reaction": "r", "satisfaction": 0}}, "/follow_up/satisfaction"),
    ({"follow_up": {"satisfaction": 3}}, "/follow_up/reaction"),
    ({"prevention": {}}, "/prevention"), ({"prevention": {"actions": []}}, "/prevention/actions"),
    ({"prevention": {"waiver": "w", "actions": [{"action": "a", "owner": "o", "due": "2027-01-31"}]}}, "/prevention"),
    ({"prevention": {"actions": [{"action": "a", "owner": "o", "due": "soon"}]}}, "/prevention/actions/0/due"),
    ({"accountability": {"unit": "quality"}}, "/accountability/measure"),
])  # fmt: skip
def test_an_evaluation_is_whole(house: Desk, resolved: str, changes: dict[str, Any], pointer: str) -> None:
    facts: dict[str, Any] = {**EVALUATE, **changes}
    assert pointers(house.system.desk("supervisor").step(resolved, "evaluate", facts)) == {pointer}


@pytest.fixture(scope="module")
def resolved(house: Desk) -> str:
    """A complaint that waits for its evaluation."""
    return house.at("resolved")


def waiting(desk: Desk, *remedies: dict[str, Any], **options: Any) -> str:
    """A complaint with an offer that waits for approval."""
    href = desk.at("analysed")
    hand = desk.system.desk("handler", 0, "quality")
    assert hand.step(href, "propose", an_offer(*(remedies or (euros("900"),)), **options)).body["stage"] == "pending_approval"
    return href


@pytest.mark.parametrize(("stage", "ladder"), [
    ("recorded", ["supervisor", "manager"]), ("validated", ["manager"]), ("assigned", ["supervisor", "manager"]), ("pending", []),
])  # fmt: skip
def test_a_complaint_goes_up_a_level_at_a_time_and_not_beyond_the_top(house: Desk, stage: str, ladder: list[str]) -> None:
    href = waiting(house) if stage == "pending" else house.at(stage)
    boss, customer = house.system.desk("supervisor"), link(house.system, href)
    before = seen(house.system, href)
    for n, role in enumerate(ladder):
        answer = (customer if n else boss).step(href, "escalate", {"reason": "Nobody answers."})
        assert (answer.body["owner"]["role"], answer.body["escalation"], answer.body["stage"]) == (role, n + 1, before["stage"])
        assert on_desk(house.system.desk(role), href)
    above = boss.step(href, "escalate", {"reason": "Higher."})
    assert (*problem(above), "escalate" in above.body["allowed"]) == (409, "guard_refused", False)


def test_an_alert_makes_it_urgent_and_puts_it_on_the_managers_desk_beside_its_owners(house: Desk) -> None:
    href, manager = house.at("analysing"), house.system.desk("manager")
    assert not on_desk(manager, href)
    assert pointers(house.system.desk("agent").step(href, "alert", {})) == {f"/{name}" for name in ALERT}
    answer = house.system.desk("agent").step(href, "alert", ALERT)
    assert (answer.body["priority"], answer.body["stage"], answer.body["owner"]["role"]) == ("urgent", "analysing", "handler")
    assert entries(house.system, href)[-1]["effects"]["informed"] == ["manager", "general manager"]
    assert on_desk(manager, href)
    assert on_desk(house.system.desk("handler", 0, "quality"), href)
    house.system.desk("agent").step(href, "withdraw", {"reason": "r", "evidence": "e"})
    assert not on_desk(manager, href)


@pytest.mark.parametrize(("trigger", "facts"), [
    ("comment", {"text": "Called twice."}), ("contact", {"direction": "in", "channel": "phone", "text": "Asks when."}),
    ("attach", {"name": "photo.png", "media_type": "image/png", "size": 10, "sha256": "sha256:" + "a" * 64}),
])  # fmt: skip
def test_a_note_moves_nothing_on_an_open_or_a_closed_case(house: Desk, trigger: str, facts: dict[str, Any]) -> None:
    for href in (house.at("analysing"), rejected(house)):
        before = seen(house.system, href)
        answer = house.system.desk("warehouse").step(href, trigger, facts)
        assert answer.status == 200, answer
        same = ("stage", "owner", "due_at", "told", "open", "closed_at")
        assert {name: answer.body[name] for name in same} == {name: before[name] for name in same}
        assert answer.body["version"] == before["version"] + 1


@pytest.mark.parametrize("trigger", ["hold", "resume", "alert", "escalate"])
def test_a_closed_case_is_neither_held_nor_alerted(house: Desk, trigger: str) -> None:
    facts = {"alert": ALERT, "resume": {}}.get(trigger, {"reason": "r"})
    assert problem(house.system.desk("supervisor").step(rejected(house), trigger, facts)) == (409, "wrong_stage")


def test_every_complaint_of_these_tests_still_verifies(house: Desk) -> None:
    assert house.system.complaints.desk is not None
    with house.system.complaints.database.reading() as connection:
        found = list(house.system.complaints.desk.reading.examine_all(connection))
    assert [(record, bad) for record, bad in found if bad] == []
