"""The document of what is announced: whole, and true of the events that are."""

import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from shared import asyncapi
from shared.casework import Caller
from shared.entries import Entry
from shared.events import announce
from shared.identity import Actor
from shared.outbox import routing_key
from shared.procedure import Procedures, Step, Title
from tests.shared.small_procedure import ERRAND, PROCEDURES

SOURCE = "/services/errands"
DOCUMENT = asyncapi.document(PROCEDURES, SOURCE)
CHORES = asyncapi.document(Procedures(replace(ERRAND, name="chore")), "/services/chores")
HOUSE = asyncapi.merge([DOCUMENT, CHORES])
KEYS = [f"errand.{step.event}" for step in ERRAND.steps]


def refs(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if "$ref" in value:
            yield value["$ref"]
        for inner in value.values():
            yield from refs(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from refs(inner)


def found(document: dict[str, Any], ref: str) -> Any:
    part: Any = document
    for name in ref.removeprefix("#/").split("/"):
        part = part[name]
    return part


def an_event(trigger: str = "take", **changes: Any) -> dict[str, Any]:
    step = ERRAND.step(trigger)
    at = "2026-11-20T09:00:00.000000+00:00"
    entry = Entry(
        case="1", kind="errand", seq=2, at=at, recorded_at=at, trigger=trigger, from_stage="asked", to_stage="doing",
        actor={"id": "anna", "name": "Anna"}, role="handler", facts={}, effects={},
        event={"id": "e", "type": f"casewright.errand.{step.event}.v1"}, procedure_version=1, traceparent="00-1-2-01",
    )  # fmt: skip
    public = {
        "id": "1", "kind": "errand", "reference": "ER-1", "version": 2, "stage": "doing", "open": True, "priority": "normal",
        "owner": {"role": "handler", "person": None, "department": None}, **changes,
    }  # fmt: skip
    caller = Caller(Actor("anna", "Anna", frozenset({"handler"})), causation="f")
    return {**announce(entry, SOURCE, public, caller), "position": 7}


def wrong(document: dict[str, Any], key: str, event: dict[str, Any]) -> list[str]:
    payload = document["components"]["messages"][key]["payload"]
    validator = Draft202012Validator({**payload, "components": document["components"]})
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(event)]


@pytest.mark.parametrize("document", [DOCUMENT, HOUSE])
def test_it_has_what_asyncapi_3_wants(document: dict[str, Any]) -> None:
    assert document["asyncapi"] == "3.0.0"
    assert {"title", "version"} <= set(document["info"])
    assert all({"host", "protocol"} <= set(server) for server in document["servers"].values())
    assert all({"action", "channel"} <= set(operation) for operation in document["operations"].values())
    json.dumps(document)


@pytest.mark.parametrize("document", [DOCUMENT, HOUSE])
def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    assert all(found(document, ref) for ref in refs(document))


@pytest.mark.parametrize("document", [DOCUMENT, HOUSE])
def test_every_schema_is_json_schema_2020_12(document: dict[str, Any]) -> None:
    for schema in document["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("key", KEYS)
def test_every_step_announces_on_a_channel_of_its_own(key: str) -> None:
    channel, operation = DOCUMENT["channels"][key], DOCUMENT["operations"][f"send.{key}"]
    assert channel["address"] == key
    assert operation["action"] == "send"
    assert operation["channel"] == {"$ref": f"#/channels/{key}"}
    assert DOCUMENT["components"]["messages"][key]["name"] == f"casewright.{key}.v1"


def test_nothing_else_is_announced() -> None:
    assert list(DOCUMENT["channels"]) == KEYS
    assert len(DOCUMENT["operations"]) == len(DOCUMENT["components"]["messages"]) == len(KEYS)


def test_an_operation_sends_a_message_of_its_channel() -> None:
    for operation in DOCUMENT["operations"].values():
        channel = found(DOCUMENT, operation["channel"]["$ref"])
        assert [found(DOCUMENT, message["$ref"]) for message in operation["messages"]] == list(channel["messages"].values())


def test_a_channel_is_a_routing_key_of_the_topic_exchange() -> None:
    binding = DOCUMENT["channels"]["errand.taken"]["bindings"]["amqp"]
    assert binding["is"] == "routingKey"
    assert (binding["exchange"]["name"], binding["exchange"]["type"]) == ("casewright.events", "topic")
    assert routing_key("casewright.errand.taken.v1") == DOCUMENT["channels"]["errand.taken"]["address"]


def test_a_message_is_a_cloud_event_in_structured_json() -> None:
    message = DOCUMENT["components"]["messages"]["errand.taken"]
    assert message["contentType"] == DOCUMENT["defaultContentType"] == "application/cloudevents+json"


def test_an_event_is_announced_as_described() -> None:
    assert wrong(DOCUMENT, "errand.taken", an_event()) == []
    assert wrong(HOUSE, "errand.taken", an_event()) == []


@pytest.mark.parametrize(
    "event",
    [
        {**an_event(), "source": "/services/elsewhere"},
        {**an_event(), "type": "casewright.errand.finished.v1"},
        {**an_event(), "data": {}},
        an_event(stage="elsewhere"),
        an_event("finish"),
    ],
)
def test_another_event_is_not(event: dict[str, Any]) -> None:
    assert wrong(DOCUMENT, "errand.taken", event)


def test_the_data_has_the_name_that_the_events_refer_to() -> None:
    path, _, pointer = an_event()["dataschema"].partition("#")
    assert path == "/asyncapi.json"
    assert found(DOCUMENT, f"#{pointer}")["properties"]["kind"] == {"const": "errand"}


def test_the_events_of_an_older_version_are_still_described() -> None:
    steps = [replace(step, event="collected") if step.trigger == "finish" else step for step in ERRAND.steps]
    newer = replace(ERRAND, version=2, steps=[*steps, Step("nod", Title("Nod", "点头"), ("asked",), "=", ("agent",), "nodded")])
    keys = set(asyncapi.document(Procedures(ERRAND, newer), SOURCE)["channels"])
    assert {"errand.finished", "errand.collected", "errand.nodded"} <= keys


def test_the_house_announces_what_its_services_do() -> None:
    assert set(HOUSE["channels"]) == set(DOCUMENT["channels"]) | set(CHORES["channels"])
    assert HOUSE["components"]["messages"]["chore.taken"]["payload"]["allOf"][1]["properties"]["source"] == {
        "const": "/services/chores"
    }


def test_a_name_described_in_two_ways_is_refused() -> None:
    other = asyncapi.document(PROCEDURES, "/services/elsewhere")
    with pytest.raises(ValueError, match="described in two ways"):
        asyncapi.merge([DOCUMENT, other])


def test_merging_changes_none_of_the_merged() -> None:
    before = json.dumps([DOCUMENT, CHORES])
    asyncapi.merge([DOCUMENT, CHORES])
    assert json.dumps([DOCUMENT, CHORES]) == before
