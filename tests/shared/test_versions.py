"""A case finishes on the version of the procedure on which it began, whatever has been declared since (domain.md, rule 6)."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from shared.assembly import GATEWAY, Service
from shared.caller import Caller
from shared.config import Config
from shared.identity import Actor, Issuer
from shared.keys import signing_key
from shared.procedure import Procedure
from tests.house import Answer, Person, Watch
from tests.shared.tiny import VERSION_1, VERSION_2, favours

MANY = 1000


@dataclass
class Office:
    """The favours service running on some versions, and the people who work with it."""

    service: Service
    agent: Person
    manager: Person
    auditor: Person
    watch: Watch

    def ask(self, wish: str) -> str:
        answer = self.agent.post("/favours", {"wish": wish})
        assert answer.status == 201, answer
        return str(answer.headers["Location"])

    def verified(self, href: str) -> Answer:
        return self.auditor.get(f"/audit/verify?kind=favour&id={href.rsplit('/', 1)[1]}")


@contextmanager
def office(data: Path, watch: Watch, *versions: Procedure) -> Iterator[Office]:
    config = Config(data=data, now=watch)
    service = favours(config, *versions)
    issuer = Issuer(GATEWAY, signing_key(data, GATEWAY))

    def person(role: str) -> Person:
        token = issuer.token(role, {"name": role, "roles": [role]}, watch(), timedelta(days=99))
        return Person(service.app, token, role)

    yield Office(service, person("agent"), person("manager"), person("auditor"), watch)
    service.database.close()


@dataclass
class Both:
    """The office on both versions, with a case that began on each."""

    office: Office
    old: str
    new: str


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Both]:
    watch = Watch()
    with office(tmp_path, watch, VERSION_1) as before:
        old = before.ask("A lift to the station.")
    with office(tmp_path, watch, VERSION_1, VERSION_2) as after:
        yield Both(after, old, after.ask("A place to stay."))


def triggers(answer: Answer) -> list[str]:
    return [action["trigger"] for action in answer.body["actions"]]


def test_a_step_of_the_new_version_is_none_of_an_old_case(both: Both) -> None:
    assert both.office.agent.step(both.old, "weigh", {"weight": 3}).status == 404


def test_a_step_of_the_old_version_is_none_of_a_new_case(both: Both) -> None:
    assert both.office.agent.step(both.new, "shelve", {"reason": "Later."}).status == 404


def test_who_may_grant_follows_the_version(both: Both) -> None:
    assert both.office.manager.step(both.old, "grant").status == 403
    assert both.office.agent.step(both.new, "grant", {"reason": "Yes."}).status == 403


def test_what_a_step_needs_and_where_it_leaves_from_follow_the_version(both: Both) -> None:
    assert both.office.agent.step(both.old, "grant", {"reason": "Yes."}).status == 422
    assert both.office.manager.step(both.new, "grant", {}).status == 422
    early = both.office.manager.step(both.new, "grant", {"reason": "Yes."})
    assert (early.status, early.body["code"]) == (409, "wrong_stage")


def test_a_case_that_began_on_the_old_version_ends_on_it_while_new_ones_take_the_new_way(both: Both) -> None:
    agent, manager = both.office.agent, both.office.manager
    done = agent.step(both.old, "grant")
    assert (done.body["stage"], done.body["procedure"]) == ("granted", {"name": "favour", "version": 1})
    assert agent.step(both.new, "weigh", {"weight": 3}).body["stage"] == "weighed"
    done = manager.step(both.new, "grant", {"reason": "Yes."})
    assert (done.body["stage"], done.body["procedure"]) == ("granted", {"name": "favour", "version": 2})
    for href, version, length in ((both.old, 1, 2), (both.new, 2, 3)):
        history = both.office.auditor.get(f"{href}/history").body["entries"]
        assert [entry["procedure_version"] for entry in history] == [version] * length
        assert both.office.verified(href).body["ok"]


def test_actions_and_reasons_follow_the_version(both: Both) -> None:
    agent = both.office.agent
    assert [triggers(agent.get(href)) for href in (both.old, both.new)] == [["grant", "shelve"], ["weigh"]]
    told = {href: [step["trigger"] for step in agent.get(f"{href}/why").body["steps"]] for href in (both.old, both.new)}
    assert ("shelve" in told[both.old], "weigh" in told[both.old]) == (True, False)
    assert ("shelve" in told[both.new], "weigh" in told[both.new]) == (False, True)


def test_the_past_of_an_old_case_is_read_by_its_own_version(both: Both) -> None:
    both.office.watch.move(hours=1)
    before = both.office.watch.at.isoformat().replace("+00:00", "Z")
    both.office.watch.move(hours=1)
    both.office.agent.step(both.old, "shelve", {"reason": "Later."})
    then = both.office.auditor.get(f"{both.old}/history?as_of={before}").body["state"]
    assert (then["stage"], then["procedure"]["version"]) == ("asked", 1)


def test_a_stage_that_only_the_old_version_has_can_still_be_listed(both: Both) -> None:
    both.office.agent.step(both.old, "shelve", {"reason": "Later."})
    found = both.office.agent.get("/favours?stage=shelved").body["items"]
    assert [item["href"] for item in found] == [both.old]


def test_both_versions_can_be_read_and_the_new_one_is_shown_first(both: Both) -> None:
    agent = both.office.agent
    assert agent.get("/procedures/favour").body["version"] == 2
    assert "shelved" in [stage["name"] for stage in agent.get("/procedures/favour?version=1").body["stages"]]
    assert agent.get("/procedures/favour?version=3").status == 404


def test_the_clocks_of_an_old_case_fire_steps_of_its_own_version(both: Both) -> None:
    both.office.watch.move(days=2)
    assert both.office.service.sweep().once() == 2
    assert [both.office.agent.get(href).body["escalation"] for href in (both.old, both.new)] == [1, 1]
    assert both.office.verified(both.old).body["ok"]


def test_a_thousand_open_cases_live_through_a_new_version_and_end_on_the_old(tmp_path: Path) -> None:
    watch = Watch()
    anna = Caller(Actor("anna", "Anna", frozenset({"agent"})))
    with office(tmp_path, watch, VERSION_1) as before, before.service.database.writing() as work:
        ids = [before.service.work.begin(work, anna, {"wish": f"Favour {n}."}, watch()).id for n in range(MANY)]
        work.commit()
    with office(tmp_path, watch, VERSION_1, VERSION_2) as after:
        desk = after.service.work
        grant = VERSION_1.step("grant")
        with after.service.database.writing() as work:
            for case_id in ids:
                case = desk.store.get(work.connection, case_id)
                assert case is not None
                desk.take(work, anna, case, grant, {}, watch())
            work.commit()
        newest = after.ask("One more.")
        assert desk.procedures.current is VERSION_2
        with after.service.database.reading() as connection:
            assert after.service.desk is not None
            found = list(after.service.desk.reading.examine_all(connection))
        assert [bad for _, bad in found if bad] == []
        assert len(found) == MANY + 1
        counted = after.agent.get("/favours?stage=granted&limit=500").body["items"]
        assert {item["procedure"]["version"] for item in counted} == {1}
        assert after.agent.get(newest).body["procedure"]["version"] == 2


def test_a_second_service_answers_every_door_of_the_first(both: Both) -> None:
    both.office.service.relay.drain()
    agent = both.office.agent
    assert {item["triggers"][0] for item in agent.get("/worklist").body["items"]} == {"grant", "weigh"}
    events = agent.get("/events").body["events"]
    assert [event["type"] for event in events] == ["casewright.favour.asked.v1"] * 2
    assert agent.get("/favours?q=station").body["items"][0]["href"] == both.old
    assert "/favours/{id}/weigh" in agent.get("/openapi.json").body["paths"]
    assert agent.get("/favours?stage=dreamt").status == 422
