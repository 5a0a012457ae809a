"""What the gateway answers itself: logins, the directory of staff, and what it merges over all services."""

from shared.errors import kinds
from shared.identity import STAFF
from shared.openapi_parts import KEYED, OPEN_TO_ALL, REPLAYED, Part, answer, json_body, operation, query
from shared.openapi_service import TAGS, WORDS, common_paths, events, verify, worklist
from shared.shapes import COUNT, NUMBER, ROLE, TEXT, YES, Schema, many, or_null, record, ref, words

USERNAME = r"^[a-z0-9][a-z0-9._-]{0,63}$(?!\n)"
NAME: Part = {
    "name": "username",
    "in": "path",
    "required": True,
    "description": "Who.",
    "schema": {**WORDS, "pattern": "^[^/\\x00-\\x1f]+$"},
}
ROLES: Schema = {"type": "array", "items": {"type": "string", "enum": list(STAFF)}, "minItems": 1, "maxItems": len(STAFF)}


def gateway_paths() -> Part:
    """Return the gateway's own part of the house's document: tags, paths and components, for `openapi.merge`."""
    return {
        "tags": [{"name": "staff", "description": "Who is here."}, *TAGS],
        "paths": _paths(),
        "components": {"schemas": _schemas()},
    }


def _paths() -> dict[str, Part]:
    after = query("after", TEXT, "The `next` of the page before; empty for the beginning.")
    feed = record({"events": many(ref("Event")), "next": TEXT, "more": YES})
    return {
        "/auth/token": {"post": _token()},
        "/me": {"get": operation("me", "staff", "Who am I", {"200": answer("You.", ref("Me"))})},
        "/me/presence": {"post": _change("me.presence", "Say whether I am here", _closed({"present": YES}), 404)},
        "/staff": {"get": _everybody(), "post": _hire()},
        "/staff/{username}": {
            "parameters": [NAME],
            "get": operation("staff.get", "staff", "One person", {"200": _person()}, 404),
        },
        "/staff/{username}/disable": _of_person("disable", "Shut a person out", _closed({"reason": words(2000)})),
        "/staff/{username}/enable": _of_person("enable", "Let a person in again", _closed({})),
        "/staff/{username}/password": _of_person("password", "Set a new password", _closed({"password": words(1024)})),
        "/worklist": {"get": worklist()},
        "/events": {"get": events(after, feed)},
        "/audit/verify": {"get": verify(query("kind", WORDS, "The kind of case.", required=True))},
        **common_paths(),
        "/docs": {"get": _docs()},
        "/problems/{code}": {"get": _problem_type()},
    }


def _schemas() -> dict[str, Schema]:
    department = or_null(TEXT)
    return {
        "Me": record({"username": TEXT, "name": TEXT, "roles": many(ROLE), "department": department}),
        "Person": record(
            {
                "username": TEXT,
                "name": TEXT,
                "roles": many(ROLE),
                "department": department,
                "active": YES,
                "present": YES,
            },
            {"competences": many(TEXT), "version": NUMBER},
        ),
        "NewPerson": _closed(
            {
                "username": {"type": "string", "pattern": USERNAME},
                "password": words(1024),
                "name": words(255),
                "roles": ROLES,
            },
            {"department": words(64), "competences": {**many(words(64)), "maxItems": 20}},
        ),
        "Login": _closed({"username": words(64), "password": words(1024)}),
        "Token": record({"access_token": TEXT, "token_type": {"const": "Bearer"}, "expires_in": COUNT}),
    }


def _closed(needed: dict[str, Schema], optional: dict[str, Schema] | None = None) -> Schema:
    return record(needed, optional, additionalProperties=False)


def _person() -> Part:
    return answer("The person.", ref("Person"))


def _token() -> Part:
    done = {"200": answer("A token for the next minutes.", ref("Token"))}
    body = json_body(ref("Login"), example={"username": "anna", "password": "…"})
    return operation("auth.token", "staff", "Log in", done, 401, 429, body=body, **OPEN_TO_ALL)


def _everybody() -> Part:
    return operation("staff.list", "staff", "The staff", {"200": answer("Everybody.", record({"items": many(ref("Person"))}))})


def _hire() -> Part:
    made = {"201": answer("They can log in at once.", ref("Person"), headers={"Location": "Location", **REPLAYED})}
    return operation("staff.add", "staff", "Add a person", made, 409, parameters=KEYED, body=json_body(ref("NewPerson")))


def _of_person(name: str, summary: str, body: Schema) -> Part:
    return {"parameters": [NAME], "post": _change(f"staff.{name}", summary, body, 404)}


def _change(name: str, summary: str, body: Schema, *refusals: int) -> Part:
    needed = bool(body.get("required"))
    return operation(name, "staff", summary, {"200": _person()}, *refusals, body=json_body(body, needed))


def _problem_type() -> Part:
    code = {
        **query("code", {"enum": [kind.code.replace("_", "-") for kind in kinds()]}, "The last part of a problem's type."),
        "in": "path",
    }
    meant = record({"type": TEXT, "title": TEXT, "status": NUMBER, "meaning": TEXT})
    done = {"200": answer("What it means.", meant)}
    return operation(
        "problem", "procedures", "A type of problem", done, 404, parameters=[{**code, "required": True}], **OPEN_TO_ALL
    )


def _docs() -> Part:
    return operation("docs", "procedures", "This API for people", {"200": answer("A page.", TEXT, "text/html")}, **OPEN_TO_ALL)
