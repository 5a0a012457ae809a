"""The part of an OpenAPI document that follows from a procedure: its cases, their lists, and a path for each step."""

from collections.abc import Mapping
from typing import Any

from shared.diagram import targets
from shared.examples import example
from shared.lists import LIMIT, MOST, SORTS
from shared.openapi_parts import Part, answer, json_body, operation, query, shared, whole
from shared.procedure import Procedure, Procedures, Step
from shared.shapes import OBJECT, TEXT, TIME, YES, Schema, many, or_null, record, ref

Filters = Mapping[str, tuple[str, ...] | None]

BATCH: Schema = {
    "type": "object", "additionalProperties": False, "required": ["commands"],
    "properties": {"commands": {"type": "array", "minItems": 1, "maxItems": 500, "items": ref("Command")}},
}  # fmt: skip
LINK: Schema = {
    "type": "object", "additionalProperties": False,
    "properties": {"days": {"type": "integer", "minimum": 1, "maximum": 365, "default": 30}},
}  # fmt: skip
RESULT = record(
    {"id": TEXT, "status": {"type": "integer"}, "etag": or_null(TEXT), "problem": or_null(ref("Problem"))},
    {"case": ref("Case")},
)


def schemas(procedures: Procedures) -> dict[str, Schema]:
    """Return the schemas of one kind: a case, a case in a list, and what each step needs."""
    kind, current = procedures.name, procedures.current
    stages = dict.fromkeys(stage.name for procedure in procedures.versions.values() for stage in procedure.stages)
    own = record({"kind": {"const": kind}, "stage": {"enum": list(stages)}}, _facts(current))
    whole_case = record({"actions": many(ref("Action")), "notes": many(ref("Action"))})
    needs = {f"{kind}.{step.trigger}": current.needs(step) for step in current.steps}
    return {
        f"{kind}.listed": {"allOf": [ref("Case"), own]},
        kind: {"allOf": [ref(f"{kind}.listed"), whole_case]},
        **needs,
    }


def paths(procedures: Procedures, plural: str, filters: Filters) -> dict[str, Part]:
    """Return the paths of one kind of case."""
    kind, current = procedures.name, procedures.current
    steps = {f"/{plural}/{{id}}/{step.trigger}": {"post": _step(current, plural, step)} for step in current.steps if not step.opens}
    return {
        f"/{plural}": {"get": _list(kind, plural, filters), "post": _open(current, plural)},
        f"/{plural}/batch": {"post": _batch(plural)},
        f"/{plural}/{{id}}": {"parameters": shared("parameters", "Id"), "get": _get(kind, plural)},
        f"/{plural}/{{id}}/history": {"parameters": shared("parameters", "Id"), "get": _history(kind, plural)},
        f"/{plural}/{{id}}/why": {"parameters": shared("parameters", "Id"), "get": _why(plural)},
        f"/{plural}/{{id}}/links": {"parameters": shared("parameters", "Id"), **_links(plural)},
        **{path: {"parameters": shared("parameters", "Id"), **item} for path, item in steps.items()},
    }


def links(procedures: Procedures, plural: str) -> dict[str, Part]:
    """Return the OpenAPI links of one kind: from a case to what may be read of it and to each of its steps."""
    there = {"id": "$response.body#/id"}
    reads = {f"{plural}.{name}": {"operationId": f"{plural}.{name}", "parameters": there} for name in ("get", "history", "why")}
    step = {"parameters": {**there, "header.If-Match": "$response.header.ETag"}}
    names = [f"{procedures.name}.{s.trigger}" for s in procedures.current.steps if not s.opens]
    return {**reads, **{name: {"operationId": name, **step} for name in names}}


def _facts(procedure: Procedure) -> dict[str, Schema]:
    """The facts a case was opened with, by their type alone: how a service shows them is its own affair."""
    needs = procedure.needs(procedure.opening)["properties"]
    known = ("source", "external_id", "priority")
    return {name: {"type": [schema["type"], "null"]} for name, schema in needs.items() if name not in known and "type" in schema}


def _title(step: Step) -> str:
    return f"{step.title.en} {step.title.zh}"


def _about(procedure: Procedure, step: Step) -> str:
    """What a reader of the document has to know of a step, as Markdown."""
    sources = ", ".join(procedure.sources(step))
    lines = [
        f"Leaves from {sources}." if sources else "Opens a case.",
        f"Leads to {', '.join(targets(procedure, step))}.",
    ]
    lines += [f"For {', '.join(step.roles)}.", f"Announces `{procedure.name}.{step.event}`."]
    return "\n".join([" ".join(lines), *(f"\n- {guard.reason}" for guard in step.guards)])


def _body(procedure: Procedure, step: Step) -> Part:
    needs = procedure.needs(step)
    try:
        shown = example(needs)
    except LookupError:
        shown = None
    return json_body(ref(f"{procedure.name}.{step.trigger}"), bool(needs.get("required")), shown)


def _next(procedure: Procedure, plural: str, step: Step) -> dict[str, Part]:
    """The links of an answer: to what may be read of the case, and to the steps that lead on from where it rests now."""
    ends = targets(procedure, step)
    onward = [s for s in procedure.steps if not s.note and set(s.roles) != {"system"} and set(ends) & set(procedure.sources(s))]
    names = [f"{plural}.{name}" for name in ("get", "history", "why")] + [f"{procedure.name}.{s.trigger}" for s in onward]
    return {name: {"$ref": f"#/components/links/{name}"} for name in names}


def _open(procedure: Procedure, plural: str) -> Part:
    step = procedure.opening
    headers = {"ETag": "ETag", "Location": "Location", "Idempotency-Replayed": "IdempotencyReplayed"}
    made = answer("The new case.", ref(procedure.name), headers=headers, links=_next(procedure, plural, step))
    return operation(
        f"{procedure.name}.{step.trigger}", plural, _title(step), {"201": made}, 409,
        parameters=shared("parameters", "IdempotencyKey"), body=_body(procedure, step), description=_about(procedure, step),
    )  # fmt: skip


def _step(procedure: Procedure, plural: str, step: Step) -> Part:
    headers = {"ETag": "ETag", "Idempotency-Replayed": "IdempotencyReplayed"}
    done = answer("The case as it is now.", ref(procedure.name), headers=headers, links=_next(procedure, plural, step))
    return operation(
        f"{procedure.name}.{step.trigger}", plural, _title(step), {"200": done}, 404, 409, 412, 428,
        parameters=shared("parameters", "IfMatch", "IdempotencyKey"), body=_body(procedure, step), description=_about(procedure, step),
    )  # fmt: skip


def _list(kind: str, plural: str, filters: Filters) -> Part:
    parameters = [_filter(name, words) for name, words in filters.items()]
    parameters += [
        query("q", TEXT, "Words of description, reference or external id; Chinese ones too."),
        query(
            "sort",
            {"enum": [*SORTS, *(f"-{name}" for name in SORTS)], "default": "-opened_at"},
            "With - the greatest comes first.",
        ),
        whole("limit", LIMIT, MOST, "Cases on a page."),
        query("cursor", {"type": "string", "minLength": 1}, "Part of the `next` of the page before; no client makes one."),
    ]
    page = record({"items": many(ref(f"{kind}.listed")), "next": or_null({"type": "string", "format": "uri-reference"})})
    return operation(f"{plural}.list", plural, f"List {plural}", {"200": answer("One page.", page)}, 422, parameters=parameters)


def _filter(name: str, words: tuple[str, ...] | None) -> Part:
    schema: Schema = {"enum": list(words)} if words else {"type": "string", "minLength": 1, "pattern": "^[^\\x00]+$"}
    return query(name, schema, f"Only where {name} is this.")


def _get(kind: str, plural: str) -> Part:
    case = answer("The case, and what you may do with it.", ref(kind), headers={"ETag": "ETag"})
    return operation(f"{plural}.get", plural, "Read a case", {"200": case}, 404)


def _history(kind: str, plural: str) -> Part:
    shown = record({"case": TEXT, "kind": {"const": kind}, "entries": many(ref("Entry"))}, {"state": ref(kind)})
    at = query("as_of", TIME, "The entries up to this moment, and the case as it was then.")
    return operation(
        f"{plural}.history",
        plural,
        "Read a case's entries",
        {"200": answer("All entries.", shown)},
        404,
        422,
        parameters=[at],
    )


def _why(plural: str) -> Part:
    reason = record({"code": TEXT, "detail": TEXT})
    step = record({"trigger": TEXT, "title": ref("Title"), "possible": YES, "because": many(reason)})
    shown = record({"stage": TEXT, "version": {"type": "integer"}, "steps": many(step)})
    return operation(
        f"{plural}.why", plural, "Ask which steps are possible, and why not", {"200": answer("Every step.", shown)}, 404
    )


def _batch(plural: str) -> Part:
    results = answer("One result for each command, in their order.", record({"results": many(RESULT)}))
    return operation(f"{plural}.batch", plural, "Take many steps", {"200": results}, body=json_body(ref("Batch")))


def _links(plural: str) -> dict[str, Any]:
    given = answer("The link.", record({"token": TEXT, "url": {"type": "string", "format": "uri"}, "expires_at": TIME}))
    revoked = answer("How many were open.", record({"revoked": {"type": "integer", "minimum": 0}}))
    body = json_body(LINK, needed=False)
    return {
        "post": operation(f"{plural}.give_link", plural, "Give the customer a link to this case", {"201": given}, 404, body=body),
        "delete": operation(f"{plural}.revoke_links", plural, "Take all links to this case back", {"200": revoked}, 404),
    }


COMMAND: Schema = {
    "type": "object", "additionalProperties": False, "required": ["id", "if_match", "trigger"],
    "properties": {
        "id": {"type": "string", "minLength": 1, "maxLength": 64}, "trigger": {"type": "string", "minLength": 1, "maxLength": 64},
        "if_match": {"type": "string", "minLength": 1, "maxLength": 20}, "key": {"type": "string", "minLength": 1, "maxLength": 255},
        "facts": OBJECT,
    },
}  # fmt: skip
"""One command of a batch; a test compares these with the schemas that `web_cases.py` reads them with."""
