"""The JSON Schemas (2020-12) of what every service writes: the answers of `views.py`, `reading.py` and `web.py`.

OpenAPI and AsyncAPI both take them from here. Members may be added to an answer at any time; none goes away.
"""

from collections.abc import Mapping
from typing import Any

from shared import fields, identity
from shared.store import PRIORITIES

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
YES: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
NUMBER: Schema = {"type": "integer", "minimum": 1}
TIME: Schema = {"type": "string", "format": "date-time"}
URL: Schema = {"type": "string", "format": "uri-reference"}
HASH: Schema = {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"}
OBJECT: Schema = {"type": "object"}
PRIORITY: Schema = {"type": "string", "enum": list(PRIORITIES)}
ROLE: Schema = {"type": "string", "enum": list(identity.ROLES)}


def ref(name: str) -> Schema:
    """Refer to a shared schema, the same way in both documents."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(needed: Mapping[str, Schema], optional: Mapping[str, Schema] | None = None, **more: Any) -> Schema:
    """Describe an object by its members; others may be there as well."""
    schema = {"type": "object", "properties": {**needed, **(optional or {})}, **more}
    return {**schema, "required": list(needed)} if needed else schema


def words(most: int) -> Schema:
    """Describe text in a request as `fields.Text` reads it: of at most so many characters."""
    made: Schema = fields.json_schema(fields.record("Words", {"words": fields.Text(most)}))["properties"]["words"]
    return made


def many(item: Schema) -> Schema:
    """Describe a list."""
    return {"type": "array", "items": item}


def or_null(schema: Schema) -> Schema:
    """Describe a value that may be missing, which is written null."""
    if set(schema) <= {"type", "format", "minimum"}:
        return {**schema, "type": [schema["type"], "null"]}
    return {"anyOf": [schema, {"type": "null"}]}


CASE = record(
    {
        "id": TEXT,
        "kind": TEXT,
        "reference": {"type": "string", "description": "A name that can be read over the telephone."},
        "procedure": record({"name": TEXT, "version": NUMBER}),
        "version": {**NUMBER, "description": "Counts the entries; the ETag without its quotes."},
        "stage": TEXT,
        "open": YES,
        "owner": or_null(ref("Owner")),
        "due_at": or_null(TIME),
        "clocks": many(ref("Clock")),
        "told": ref("Told"),
        "opened_at": TIME,
        "updated_at": TIME,
        "href": URL,
    },
    {
        "overdue": YES,
        "on_hold": YES,
        "escalation": {**COUNT, "description": "Levels above the stage's own owner."},
        "closed_at": or_null(TIME),
        "priority": PRIORITY,
        "contact_person": or_null(TEXT),
        "department": or_null(TEXT),
        "assignee": or_null(TEXT),
        "source": or_null(TEXT),
        "external_id": or_null(TEXT),
    },
    description="What all kinds of cases share.",
)

SHARED: dict[str, Schema] = {
    "Title": record({"en": TEXT, "zh": TEXT}, description="A name in English and Chinese."),
    "Owner": record(
        {"role": ROLE, "person": or_null(TEXT), "department": or_null(TEXT)}, description="Who has to act next."
    ),
    "Clock": record(
        {"name": TEXT, "kind": {"enum": ["internal", "statutory"]}, "due_at": or_null(TIME),
         "state": {"enum": ["running", "paused", "met", "missed"]}},
        description="Something that must have happened by a moment; `due_at` is null while it is paused.",
    ),
    "Told": record(
        {"told": YES, "at": or_null(TIME), "channel": or_null(TEXT)},
        description="Whether the customer knows how the case stands, since when, and how they were told.",
    ),
    "Action": record(
        {"trigger": TEXT, "title": ref("Title"), "href": URL,
         "needs": {"type": "object", "description": "The JSON Schema 2020-12 of the body to send."}},
        description="A step that this very caller may take now.",
    ),
    "Case": CASE,
    "Entry": record(
        {"seq": NUMBER, "at": TIME, "recorded_at": TIME, "trigger": TEXT, "from": or_null(TEXT), "to": TEXT,
         "actor": record({"id": TEXT, "name": TEXT}), "on_behalf_of": or_null(TEXT), "role": ROLE,
         "facts": {"type": "object", "description": "What the caller brought."},
         "event": record({"id": TEXT, "type": TEXT}), "procedure_version": NUMBER, "request_id": or_null(TEXT),
         "prev": TEXT, "hash": HASH},
        {"effects": {"type": "object", "description": "What the step decided by itself."}, "imported": or_null(OBJECT)},
        description="One step as it was taken, linked by its hash to the one before.",
    ),
    "WorklistItem": record(
        {"kind": TEXT, "id": TEXT, "reference": TEXT, "title": TEXT, "stage": TEXT, "owner": or_null(ref("Owner")),
         "due_at": or_null(TIME), "overdue": YES, "priority": PRIORITY, "href": URL, "triggers": many(TEXT)},
        {"told": ref("Told"), "cursor": {"type": "string", "description": "Where a page after this item begins."}},
        description="A case that waits for the caller.",
    ),
    "Event": record(
        {"specversion": {"const": "1.0"}, "id": TEXT, "source": URL, "type": TEXT,
         "subject": {"type": "string", "description": "The id of the case."}, "time": TIME,
         "datacontenttype": {"const": "application/json"},
         "sequence": {**NUMBER, "description": "The seq of the entry."},
         "position": {**NUMBER, "description": "The place in the feed of this source, without a gap."},
         "data": OBJECT},
        {"dataschema": URL, "recordedat": TIME, "traceparent": TEXT,
         "causationid": {"type": "string", "description": "The id of the event that led to this one."}},
        description="A CloudEvent 1.0 in structured JSON: what an entry of a case tells the others.",
    ),
    "Stage": record(
        {"name": TEXT, "title": ref("Title"), "open": YES, "owner": or_null(record({"role": ROLE, "personal": YES})),
         "clock": or_null(record({"name": TEXT, "span": TEXT, "fires": many(TEXT)}))},
        description="Where a case rests.",
    ),
    "Step": record(
        {"trigger": TEXT, "title": ref("Title"), "from": many(TEXT), "to": many(TEXT), "roles": many(ROLE),
         "needs": OBJECT, "guards": many(record({"name": TEXT, "reason": TEXT})), "event": TEXT, "note": YES},
        description="What moves a case, or is noted in it.",
    ),
    "Procedure": record(
        {"name": TEXT, "version": NUMBER, "title": ref("Title"), "stages": many(ref("Stage")), "steps": many(ref("Step"))},
        description="The declared stages and steps of one kind of case.",
    ),
    "Problem": record(
        {"type": URL, "title": TEXT, "status": {"type": "integer"}, "detail": TEXT, "instance": URL, "code": TEXT,
         "trace_id": TEXT},
        {"errors": many(record({"pointer": {"type": "string", "description": "RFC 6901."}, "detail": TEXT})),
         "allowed": {**many(TEXT), "description": "The triggers that this caller may use now."}},
        description="Why a request was turned down (RFC 9457); nothing was changed.",
    ),
    "Refusal": record(
        {"number": NUMBER, "at": TIME, "actor": TEXT, "kind": TEXT, "case": or_null(TEXT), "trigger": TEXT,
         "status": {"type": "integer"}, "code": TEXT, "detail": TEXT, "request_id": or_null(TEXT)},
        {"cursor": TEXT}, description="An act that was refused.",
    ),
    "Verified": record(
        {"ok": YES, "entries": COUNT, "head": or_null(HASH)}, {"first_bad": record({"seq": NUMBER, "why": TEXT})},
        description="Whether the record of a case holds together, and where it first does not.",
    ),
}  # fmt: skip
"""The schemas that all services have in common, by their names in both documents."""
