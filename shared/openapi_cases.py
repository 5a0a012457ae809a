"""The part of an OpenAPI document that follows from a procedure: its cases, and a path for each step."""

from typing import Any

from shared import openapi_reading as reading
from shared.diagram import targets
from shared.examples import example
from shared.openapi_parts import KEYED, REPLAYED, Part, answer, json_body, operation, shared
from shared.openapi_reading import Filters
from shared.procedure import Procedure, Procedures, Step
from shared.shapes import COUNT, NUMBER, OBJECT, TEXT, TIME, Schema, many, or_null, record, ref, words

BATCH = 500
COMMAND = record(
    {"id": words(64), "trigger": words(64), "if_match": words(20)}, {"key": words(255), "facts": OBJECT},
    additionalProperties=False, description="One step of a batch; `if_match` is the version without quotes.",
)  # fmt: skip
LINK = record({}, {"days": {**NUMBER, "maximum": 365, "default": 30}}, additionalProperties=False)
ON_CASE = {"parameters": shared("parameters", "Id")}
READS = ("get", "history", "why")
COMMON = ("source", "external_id", "priority")
"""Facts of the opening step that every kind of case shows in the same way."""


def schemas(procedures: Procedures) -> dict[str, Schema]:
    """Return the schemas of one kind: a case, a case in a list, and what each step needs."""
    kind, current = procedures.name, procedures.current
    stages = dict.fromkeys(stage.name for procedure in procedures.versions.values() for stage in procedure.stages)
    own = record({"kind": {"const": kind}, "stage": {"enum": list(stages)}}, _facts(current))
    possible = record({"actions": many(ref("Action")), "notes": many(ref("Action"))})
    return {
        f"{kind}.listed": {"allOf": [ref("Case"), own], "description": "A case as lists show it."},
        kind: {"allOf": [ref(f"{kind}.listed"), possible], "description": "A case with what this very caller may do now."},
        **{f"{kind}.{step.trigger}": current.needs(step) for step in current.steps},
    }


def paths(procedures: Procedures, plural: str, filters: Filters) -> dict[str, Part]:
    """Return the paths of one kind of case."""
    kind, current = procedures.name, procedures.current
    return {
        f"/{plural}": {"get": reading.cases(kind, plural, filters), "post": _open(current, plural)},
        f"/{plural}/batch": {"post": _batch(plural)},
        f"/{plural}/{{id}}": {**ON_CASE, "get": reading.case(kind, plural)},
        f"/{plural}/{{id}}/history": {**ON_CASE, "get": reading.history(kind, plural)},
        f"/{plural}/{{id}}/why": {**ON_CASE, "get": reading.why(plural)},
        f"/{plural}/{{id}}/links": {**ON_CASE, **_links(plural)},
        **{
            f"/{plural}/{{id}}/{step.trigger}": {**ON_CASE, "post": _step(current, plural, step)}
            for step in current.steps
            if not step.opens
        },
    }


def links(procedures: Procedures, plural: str) -> dict[str, Part]:
    """Return the OpenAPI links of one kind: from a case to what may be read of it, and to each of its steps."""
    there = {"id": "$response.body#/id"}
    seen = {**there, "header.If-Match": "$response.header.ETag"}
    steps = [_name(procedures.current, step) for step in procedures.current.steps if not step.opens]
    return {
        **{f"{plural}.{name}": {"operationId": f"{plural}.{name}", "parameters": there} for name in READS},
        f"{plural}.verify": {"operationId": "audit.verify", "parameters": {**there, "kind": procedures.name}},
        **{name: {"operationId": name, "parameters": seen} for name in steps},
    }


def _name(procedure: Procedure, step: Step) -> str:
    return f"{procedure.name}.{step.trigger}"


def _facts(procedure: Procedure) -> dict[str, Schema]:
    """The facts a case was opened with, by their type alone: how a service shows them is its own affair."""
    stated = procedure.needs(procedure.opening)["properties"]
    return {name: {"type": [schema["type"], "null"]} for name, schema in stated.items() if name not in COMMON}


def _next(procedure: Procedure, plural: str, step: Step) -> dict[str, Part]:
    """The links of an answer: to what may be read of the case, and to the steps that leave from where it rests now."""
    ends = set(targets(procedure, step))
    names = [f"{plural}.{name}" for name in (*READS, "verify")]
    names += [_name(procedure, other) for other in procedure.steps if ends & set(procedure.sources(other))]
    return {name: {"$ref": f"#/components/links/{name}"} for name in names}


def _about(procedure: Procedure, step: Step) -> str:
    """What a reader of the document has to know of a step, as Markdown."""
    sources = ", ".join(procedure.sources(step))
    way = f"From {sources} to" if sources else "Leads to"
    who = ", ".join(f"{role} (with evidence)" if role in step.witnessed else role for role in step.roles)
    about = f"{way} {', '.join(targets(procedure, step))}. For {who}. Announces `{procedure.name}.{step.event}`."
    return "\n".join([about, *(f"- Refused with: {guard.reason}" for guard in step.guards)])


def _body(procedure: Procedure, step: Step) -> Part:
    needs = procedure.needs(step)
    try:
        shown = example(needs)
    except LookupError:  # an example that is wrong would be worse than none
        shown = None
    return json_body(ref(_name(procedure, step)), bool(needs.get("required")), shown)


def _open(procedure: Procedure, plural: str) -> Part:
    step = procedure.opening
    headers = {"ETag": "ETag", "Location": "Location", **REPLAYED}
    made = answer("The new case.", ref(procedure.name), headers=headers, links=_next(procedure, plural, step))
    return _taken(procedure, plural, step, {"201": made}, 409, parameters=["IdempotencyKey"])


def _step(procedure: Procedure, plural: str, step: Step) -> Part:
    headers = {"ETag": "ETag", **REPLAYED}
    done = answer("The case as it is now.", ref(procedure.name), headers=headers, links=_next(procedure, plural, step))
    return _taken(procedure, plural, step, {"200": done}, 404, 409, 412, 428, parameters=["IfMatch", "IdempotencyKey"])


def _taken(procedure: Procedure, plural: str, step: Step, done: dict[str, Part], *refusals: int, parameters: list[str]) -> Part:
    return operation(
        _name(procedure, step), plural, f"{step.title.en} {step.title.zh}", done, *refusals,
        parameters=shared("parameters", *parameters), body=_body(procedure, step), description=_about(procedure, step),
    )  # fmt: skip


def _batch(plural: str) -> Part:
    commands = record({"commands": {**many(ref("Command")), "minItems": 1, "maxItems": BATCH}}, additionalProperties=False)
    result = record(
        {"id": TEXT, "status": {"type": "integer"}, "etag": or_null(TEXT), "problem": or_null(ref("Problem"))},
        {"case": ref("Case")},
    )
    done = {"200": answer("One result for each command, in their order.", record({"results": many(result)}))}
    return operation(f"{plural}.batch", plural, "Take many steps", done, parameters=KEYED, body=json_body(commands))


def _links(plural: str) -> dict[str, Any]:
    token = record({"token": TEXT, "url": {"type": "string", "format": "uri"}, "expires_at": TIME})
    given = {"201": answer("The link, to be used as a bearer token.", token, headers=REPLAYED)}
    revoked = {"200": answer("How many were open.", record({"revoked": COUNT}))}
    give = operation(
        f"{plural}.give_link",
        plural,
        "Give the customer a link to this case",
        given,
        404,
        parameters=KEYED,
        body=json_body(LINK, needed=False),
    )
    return {"post": give, "delete": operation(f"{plural}.revoke_links", plural, "Take all links back", revoked, 404)}
