"""Bricks of an OpenAPI document: parameters, headers, responses, and every refusal as `errors.py` declares it."""

from typing import Any

from shared import errors
from shared.idempotency import LONGEST
from shared.shapes import NUMBER, URL, Schema, ref

Part = dict[str, Any]

JSON = "application/json"
PROBLEM = "application/problem+json"
BEARER: Part = {
    "type": "http", "scheme": "bearer", "bearerFormat": "JWT",
    "description": "The token from `POST /auth/token`, or a customer's link, which opens one case.",
}  # fmt: skip
OPEN_TO_ALL: dict[str, Any] = {"security": []}

ALWAYS, WITH_LOGIN, WITH_BODY = (500, 503), (401, 403), (400, 413, 415, 422)
"""How any call may be refused, one behind a login, and one with a body."""

PARAMETERS: dict[str, Part] = {
    "Id": {"name": "id", "in": "path", "required": True, "description": "The id of the case.",
           "schema": {"type": "string", "minLength": 1, "pattern": "^[^/\\x00-\\x1f]+$", "not": {"const": "batch"}}},
    "IfMatch": {"name": "If-Match", "in": "header", "required": True, "description": "The ETag of the case you have seen.",
                "schema": {"type": "string"}, "example": '"1"'},
    "IdempotencyKey": {"name": "Idempotency-Key", "in": "header",
                       "description": "The same key with the same request gets the same answer for 48 hours.",
                       "schema": {"type": "string", "minLength": 1, "maxLength": LONGEST}},
}  # fmt: skip
HEADERS: dict[str, Part] = {
    "ETag": {"description": "The version of the case, for If-Match.", "required": True,
             "schema": {"type": "string", "pattern": '^"[1-9][0-9]*"$'}},
    "Location": {"description": "The address of what was made.", "required": True, "schema": URL},
    "IdempotencyReplayed": {"description": "There and `true` where this is the answer given before under the same key.",
                            "schema": {"const": "true"}},
    "RetryAfter": {"description": "Seconds to wait.", "schema": NUMBER},
    "WWWAuthenticate": {"description": "How to log in.", "required": True, "schema": {"const": "Bearer"}},
}  # fmt: skip
_HEADERS_OF = {
    401: {"WWW-Authenticate": "WWWAuthenticate"},
    429: {"Retry-After": "RetryAfter"},
    503: {"Retry-After": "RetryAfter"},
}


KEYED: list[Part] = [{"$ref": "#/components/parameters/IdempotencyKey"}]
REPLAYED = {"Idempotency-Replayed": "IdempotencyReplayed"}
"""What a write that is no step of a case takes, and answers, so that it can be sent again."""


def query(name: str, schema: Schema, description: str, required: bool = False) -> Part:
    """Describe a parameter of the query."""
    part: Part = {"name": name, "in": "query", "description": description, "schema": schema}
    return {**part, "required": True} if required else part


def whole(name: str, default: int, most: int, description: str, least: int = 1) -> Part:
    """Describe a whole number in the query."""
    return query(name, {"type": "integer", "minimum": least, "maximum": most, "default": default}, description)


def shared(section: str, *names: str) -> list[Part]:
    """Refer to components."""
    return [{"$ref": f"#/components/{section}/{name}"} for name in names]


def answer(description: str, schema: Schema, media: str = JSON, headers: dict[str, str] | None = None, **more: Any) -> Part:
    """Describe a response; `headers` are names on the wire with the component that describes each."""
    part: Part = {"description": description, "content": {media: {"schema": schema}}, **more}
    if headers:
        part["headers"] = {name: {"$ref": f"#/components/headers/{component}"} for name, component in headers.items()}
    return part


def refused(*statuses: int) -> dict[str, Part]:
    """Refer to the responses of refusals."""
    return {str(status): {"$ref": f"#/components/responses/Problem{status}"} for status in sorted(set(statuses))}


def operation(
    name: str, tag: str, summary: str, done: dict[str, Part], *refusals: int,
    parameters: list[Part] | None = None, body: Part | None = None, **more: Any,
) -> Part:  # fmt: skip
    """Describe one operation: what it answers when it is done, and how it may be refused besides the usual."""
    part: Part = {"operationId": name, "tags": [tag], "summary": summary, **more}
    if parameters:
        part["parameters"] = parameters
    if body:
        part["requestBody"] = body
    usual = (*ALWAYS, *(() if more.get("security") == [] else WITH_LOGIN), *(WITH_BODY if body else ()))
    return {**part, "responses": {**done, **refused(*usual, *refusals)}}


def json_body(schema: Schema, needed: bool = True, example: Any = None) -> Part:
    """Describe a request body."""
    content: Part = {"schema": schema} if example is None else {"schema": schema, "example": example}
    return {"required": needed, "content": {JSON: content}}


def problems() -> dict[str, Part]:
    """Describe the refusals by status: every class of `errors.py`, and the failure that has no class."""
    codes: dict[int, dict[str, str]] = {}
    for refusal in errors.kinds():
        codes.setdefault(refusal.status, {}).setdefault(refusal.code, (refusal.__doc__ or "").split("\n", 1)[0])
    return {f"Problem{status}": _problem(status, found) for status, found in sorted(codes.items())}


def _problem(status: int, codes: dict[str, str]) -> Part:
    exact = {"properties": {"status": {"const": status}, "code": {"enum": list(codes)}}}
    described = " ".join(f"`{code}`: {sentence}" for code, sentence in codes.items())
    return answer(described, {"allOf": [ref("Problem"), exact]}, PROBLEM, _HEADERS_OF.get(status))
