"""Many at once: the database decides who was first, and everybody is told the truth."""

from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.house import VALIDATE, Answer, Desk, Person, System, a_complaint


def at_once(times: int, act: Callable[[int], Answer]) -> list[Answer]:
    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(act, range(times)))


def entries(system: System, href: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = system.desk("auditor").get(f"{href}/history").body["entries"]
    return found


def test_sixty_people_press_the_same_button_and_one_was_first(any_system: System) -> None:
    href = Desk(any_system).open()
    people = [any_system.desk("agent", n % 2) for n in range(60)]
    answers = at_once(60, lambda n: people[n].post(f"{href}/validate", VALIDATE, If_Match='"1"'))
    assert Counter(answer.status for answer in answers) == {200: 1, 412: 59}
    assert [entry["trigger"] for entry in entries(any_system, href)] == ["record", "validate"]
    any_system.settle()
    events = any_system.desk("auditor").get("/events?types=complaint.validated").body["events"]
    assert len(events) == 1


def test_one_key_fifty_times_at_once_is_one_execution_and_one_answer(any_system: System) -> None:
    href = Desk(any_system).open()
    agent = any_system.desk("agent")
    answers = at_once(50, lambda _: agent.post(f"{href}/validate", VALIDATE, If_Match='"1"', Idempotency_Key="once"))
    assert {answer.status for answer in answers} == {200}
    assert len({answer.raw for answer in answers}) == 1
    assert Counter(answer.headers.get("Idempotency-Replayed") for answer in answers) == {None: 1, "true": 49}
    assert len(entries(any_system, href)) == 2
    other = agent.post(f"{href}/validate", {**VALIDATE, "grounds": "Others."}, If_Match='"1"', Idempotency_Key="once")
    assert (other.status, other.body["code"]) == (422, "key_reused")


def test_one_key_opens_one_complaint_however_often_it_comes_at_once(any_system: System) -> None:
    agent = any_system.desk("agent")
    answers = at_once(30, lambda _: agent.post("/complaints", a_complaint(), Idempotency_Key="open"))
    assert {answer.status for answer in answers} == {201}
    assert len({answer.headers["Location"] for answer in answers}) == 1
    assert len(agent.get("/complaints").body["items"]) == 1


def test_an_external_id_opens_one_complaint_however_many_try(any_system: System) -> None:
    agent = any_system.desk("agent")
    body = a_complaint(external_id="4711", source="shop")
    answers = at_once(40, lambda _: agent.post("/complaints", body))
    assert Counter(answer.status for answer in answers) == {201: 1, 409: 39}


def test_two_complaints_merged_into_each_other_at_once_leave_one_open(any_system: System) -> None:
    desk = Desk(any_system)
    one, other = desk.open(), desk.open()
    people: list[Person] = [any_system.desk("agent", n) for n in (0, 1)]

    def merge(n: int) -> Answer:
        here, there = ((one, other), (other, one))[n]
        return people[n].post(f"{here}/merge", {"into": there.rsplit("/", 1)[1]}, If_Match='"1"')

    answers = at_once(2, merge)
    assert sorted(answer.status for answer in answers) in ([200, 409], [200, 412])
    stages = {href: any_system.desk("auditor").get(href).body["stage"] for href in (one, other)}
    assert sorted(stages.values()) == ["merged", "recorded"]
    for href in stages:
        assert any_system.desk("auditor").get(f"/audit/verify?kind=complaint&id={href.rsplit('/', 1)[1]}").body["ok"]


def test_two_sweeps_at_once_fire_each_clock_once(any_system: System) -> None:
    desk = Desk(any_system)
    hrefs = [desk.open() for _ in range(12)]
    any_system.watch.move(days=2)
    with ThreadPoolExecutor(4) as pool:
        fired = sum(pool.map(lambda _: any_system.sweep(), range(4)))
    assert fired == 12
    assert all([entry["trigger"] for entry in entries(any_system, href)] == ["record", "escalate"] for href in hrefs)


def test_a_page_walk_meets_each_case_once_while_others_move_and_open(any_system: System) -> None:
    desk = Desk(any_system)
    hrefs = {desk.open() for _ in range(9)}
    for sort in ("opened_at", "-opened_at", "updated_at", "-updated_at", "due_at", "-due_at", "priority", "-priority"):
        any_system.watch.move(minutes=1)
        agent, met = any_system.desk("agent"), []
        path = f"/complaints?sort={sort}&limit=2&stage=recorded"
        turn = 0
        while path:
            page = agent.get(path).body
            met += [item["href"] for item in page["items"]]
            path = page["next"]
            any_system.watch.move(minutes=1)
            agent.step(sorted(hrefs)[turn % 9], "comment", {"text": "Moves it."})
            agent.step(sorted(hrefs)[-1 - turn % 9], "comment", {"text": "Moves another."})
            hrefs_later = desk.open(priority="urgent")
            assert hrefs_later not in met
            turn += 1
        assert sorted(set(met) & hrefs) == sorted(hrefs), sort
        assert len(met) == len(set(met)), sort
