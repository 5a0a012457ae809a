"""AsyncAPI 3.0 of what the services announce: a channel for each routing key, and a CloudEvent as its message.

Each step announces one event (wire.md, Entries and events), so that everything here follows from the procedures.
"""

from collections.abc import Iterator, Sequence
from typing import Any

from shared.diagram import targets
from shared.procedure import Procedure, Procedures, Step
from shared.shapes import NUMBER, PRIORITY, ROLE, SHARED, TEXT, YES, Schema, or_null, record, ref

Document = dict[str, Any]

EXCHANGE = "casewright.events"
MEDIA = "application/cloudevents+json"
HEAD: Document = {
    "asyncapi": "3.0.0",
    "defaultContentType": MEDIA,
    "servers": {
        "bus": {
            "host": "{broker}",
            "protocol": "amqp",
            "title": f"The topic exchange {EXCHANGE}",
            "description": "Bind a queue of your own with the routing keys you want; `GET /events` serves the same in order.",
            "variables": {"broker": {"default": "localhost:5672", "description": "Host and port of the RabbitMQ server."}},
        }
    },
}
ABOUT = {
    "title": "Casewright events",
    "version": "1.0.0",
    "description": "A compatible change keeps an event's type, an incompatible one makes a new version of it.",
}


def document(procedures: Procedures, source: str) -> Document:
    """Return the events of one kind of case, announced by the service whose CloudEvents name this `source`."""
    title = procedures.current.title
    made: Document = {
        **HEAD,
        "info": {
            **ABOUT,
            "title": f"Casewright events: {title.en} {title.zh}",
            "version": f"{procedures.current.version}.0.0",
        },
        "channels": {},
        "operations": {},
        "components": {"messages": {}, "schemas": _schemas(procedures)},
    }
    for key, procedure, step in _announced(procedures):
        made["channels"][key] = _channel(key, procedure, step)
        made["operations"][f"send.{key}"] = _sends(key)
        made["components"]["messages"][key] = _message(key, source, procedure, step)
    return made


def merge(documents: Sequence[Document]) -> Document:
    """Return one document of several; raise ValueError for a name that two of them describe in different words."""
    merged: Document = {
        **HEAD,
        "info": ABOUT,
        "channels": {},
        "operations": {},
        "components": {"messages": {}, "schemas": {}},
    }
    for given in documents:
        for section in ("channels", "operations"):
            _add(merged[section], given[section], section)
        for section, parts in given["components"].items():
            _add(merged["components"][section], parts, section)
    return merged


def _announced(procedures: Procedures) -> Iterator[tuple[str, Procedure, Step]]:
    """Every routing key with its step, the newest version's where several announce it."""
    found = {
        f"{procedures.name}.{step.event}": (procedure, step)
        for _, procedure in sorted(procedures.versions.items())
        for step in procedure.steps
    }
    return ((key, procedure, step) for key, (procedure, step) in found.items())


def _channel(key: str, procedure: Procedure, step: Step) -> Document:
    return {
        "address": key,
        "title": f"{step.title.en} {step.title.zh}",
        "summary": f"A case of kind {procedure.name} has come to rest in {' or '.join(targets(procedure, step))}.",
        "messages": {"event": {"$ref": f"#/components/messages/{key}"}},
        "servers": [{"$ref": "#/servers/bus"}],
        "bindings": {
            "amqp": {
                "is": "routingKey",
                "exchange": {"name": EXCHANGE, "type": "topic", "durable": True, "autoDelete": False},
                "bindingVersion": "0.3.0",
            }
        },
    }


def _sends(key: str) -> Document:
    channel = f"#/channels/{key}"
    return {"action": "send", "channel": {"$ref": channel}, "messages": [{"$ref": f"{channel}/messages/event"}]}


def _message(key: str, source: str, procedure: Procedure, step: Step) -> Document:
    data = {"allOf": [ref(procedure.name), {"properties": {"trigger": {"const": step.trigger}}}]}
    exact = {"type": {"const": f"casewright.{key}.v1"}, "source": {"const": source}, "data": data}
    return {
        "name": f"casewright.{key}.v1",
        "title": f"{step.title.en} {step.title.zh}",
        "contentType": MEDIA,
        "payload": {"allOf": [ref("Event"), {"properties": exact}]},
    }


def _schemas(procedures: Procedures) -> dict[str, Schema]:
    """The envelope, and the data under the name that `dataschema` of the events refers to."""
    stages = list(dict.fromkeys(stage.name for p in procedures.versions.values() for stage in p.stages))
    needed: dict[str, Schema] = {
        "trigger": TEXT,
        "from": {"enum": [None, *stages]},
        "to": {"enum": stages},
        "actor": record({"id": TEXT, "role": ROLE}),
        "id": TEXT,
        "kind": {"const": procedures.name},
        "reference": TEXT,
        "version": NUMBER,
        "stage": {"enum": stages},
        "open": YES,
        "owner": or_null(ref("Owner")),
        "priority": PRIORITY,
    }
    about = "What has happened and where the case stands now; never the words of or about a person."
    return {"Event": SHARED["Event"], "Owner": SHARED["Owner"], procedures.name: record(needed, description=about)}


def _add(there: Document, more: Document, section: str) -> None:
    for name, part in more.items():
        if there.setdefault(name, part) != part:
            raise ValueError(f"'{name}' in {section} is described in two ways")
