"""The gateway's own doors: login, the directory, what is merged over all services, and the documents."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from importlib import resources
from typing import Any

import orjson
from flask import Blueprint, Response, request
from marshmallow.fields import String
from marshmallow.validate import Regexp

from services.gateway.directory import Directory
from services.gateway.merge import Merge
from services.gateway.upstream import ask
from shared import asyncapi, errors, fields, lists, openapi
from shared.errors import NotFound, RoleNotAllowed
from shared.idempotency import key_of
from shared.identity import STAFF, Actor
from shared.openapi_gateway import USERNAME
from shared.web import answered, body, caller, reply

TokenSchema = fields.record("Token", {"username": fields.Text(64, required=True), "password": fields.Text(1024, required=True)})
StaffSchema = fields.record(
    "Staff",
    {
        "username": String(
            required=True,
            validate=Regexp(USERNAME, error="Small letters, digits, '.', '_' and '-', at most 64."),
        ),
        "password": fields.Text(1024, required=True),
        "name": fields.Text(255, required=True),
        "roles": fields.many(fields.Choice(STAFF), 1, len(STAFF), required=True),
        "department": fields.Text(64),
        "competences": fields.many(fields.Text(64), 0, 20),
    },
)
ReasonSchema = fields.record("Disable", {"reason": fields.Text(2000, required=True)})
PasswordSchema = fields.record("Password", {"password": fields.Text(1024, required=True)})
PresenceSchema = fields.record("Presence", {"present": fields.Yes(required=True)})

DOCS = """<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Casewright API</title>
<link rel="stylesheet" href="/docs/swagger-ui.css"></head>
<body><div id="swagger-ui"></div><script src="/docs/swagger-ui-bundle.js"></script><script src="/docs/start.js"></script>
</body></html>"""
START = """SwaggerUIBundle({url: "/openapi.json", dom_id: "#swagger-ui", deepLinking: true, validatorUrl: null});"""
ASSETS = {"swagger-ui.css": "text/css", "swagger-ui-bundle.js": "text/javascript"}


@dataclass(frozen=True)
class Door:
    """What the routes need: the directory, the services to merge, and which service serves which kind of case."""

    directory: Directory
    merge: Merge
    kinds: Mapping[str, str]


def staff_routes(door: Door) -> Blueprint:
    """Return login and directory."""
    routes, directory = Blueprint("staff", __name__), door.directory

    @routes.post("/auth/token")
    def token() -> Response:
        asked = fields.load(TokenSchema(), body())
        return reply(directory.token(asked["username"], asked["password"], request.remote_addr or ""))

    @routes.get("/me")
    def me() -> Response:
        actor = _only(*STAFF, "system")
        return reply({"username": actor.id, "name": actor.name, "roles": sorted(actor.roles), "department": actor.department})

    @routes.post("/me/presence")
    def presence() -> Response:
        who = caller()
        return reply(directory.change(who.actor.id, present=fields.load(PresenceSchema(), body())["present"]))

    @routes.get("/staff")
    def everybody() -> Response:
        _only("admin", "auditor", "supervisor", "manager")
        return reply({"items": directory.everybody()})

    @routes.post("/staff")
    def add() -> Response:
        who = _only("admin")
        person = fields.load(StaffSchema(), body())
        told = orjson.dumps({name: value for name, value in person.items() if name != "password"})  # no fast hash of a password
        return answered(directory.hire(person, key_of(who.id, request.headers.get("Idempotency-Key"), b"/staff", told)))

    @routes.get("/staff/<username>")
    def one(username: str) -> Response:
        _only("admin", "auditor", "supervisor", "manager")
        return reply(directory.find(username))

    def change(path: str, schema: type[fields.Strict], changes: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        def view(username: str) -> Response:
            _only("admin")
            return reply(directory.change(username, **changes(fields.load(schema(), body()))))

        routes.add_url_rule(f"/staff/<username>/{path}", path, view, methods=["POST"])

    change("disable", ReasonSchema, lambda facts: {"active": False, "reason": facts["reason"]})
    change("enable", fields.Strict, lambda facts: {"active": True, "reason": None})
    change("password", PasswordSchema, lambda facts: {"password": facts["password"]})
    return routes


def merged_routes(door: Door) -> Blueprint:
    """Return what is answered for all services together."""
    routes, merge = Blueprint("merged", __name__), door.merge

    @routes.get("/worklist")
    def worklist() -> Response:
        caller()
        asked = lists.only(request.args, "limit", "cursor")
        limit = lists.whole(asked, "limit", lists.LIMIT, lists.MOST)
        return reply(merge.worklist(request.environ, limit, asked.get("cursor")))

    @routes.get("/events")
    def events() -> Response:
        caller()
        asked = lists.only(request.args, "after", "types", "limit")
        limit = lists.whole(asked, "limit", 500, 500)
        return reply(merge.events(request.environ, asked.get("after", ""), asked.get("types"), limit))

    @routes.get("/procedures")
    def procedures() -> Response:
        caller()
        return reply(merge.procedures(request.environ))

    @routes.get("/procedures/<kind>")
    def procedure(kind: str) -> Response:
        return _passed(door, kind, f"/procedures/{kind}")

    @routes.get("/audit/verify")
    def verify() -> Response:
        asked = lists.only(request.args, "kind", "id")
        return _passed(door, _kind(asked), "/audit/verify")

    @routes.get("/audit/refusals")
    def refusals() -> Response:
        caller()
        asked = lists.only(request.args, "kind", "id", "limit", "cursor")
        return reply(merge.refusals(request.environ, asked, lists.whole(asked, "limit", lists.LIMIT, lists.MOST)))

    return routes


def document_routes(door: Door) -> Blueprint:
    """Return the documents that are generated from the procedures; they need no login."""
    routes = Blueprint("documents", __name__)

    @routes.get("/openapi.json")
    def the_openapi() -> Response:
        return reply(openapi.merge(door.merge.documents(request.environ, "/openapi.json"), openapi.gateway_paths()))

    @routes.get("/asyncapi.json")
    def the_asyncapi() -> Response:
        return reply(asyncapi.merge(door.merge.documents(request.environ, "/asyncapi.json")))

    @routes.get("/problems/<code>")
    def problem(code: str) -> Response:
        kinds = {kind.code.replace("_", "-"): kind for kind in errors.kinds()}
        if code not in kinds:
            raise NotFound("There is no problem of this type.")
        meaning = " ".join((kinds[code].__doc__ or "").split())
        return reply({"type": f"/problems/{code}", "title": kinds[code].title, "status": kinds[code].status, "meaning": meaning})

    @routes.get("/")
    @routes.get("/docs")
    def docs() -> Response:
        return Response(DOCS, content_type="text/html; charset=utf-8")

    @routes.get("/docs/start.js")
    def start() -> Response:
        return Response(START, content_type="text/javascript")

    @routes.get("/docs/<name>")
    def asset(name: str) -> Response:
        if name not in ASSETS:
            raise NotFound("There is nothing under this address.")
        data = resources.files("flask_swagger_ui").joinpath("dist", name).read_bytes()
        return Response(data, content_type=ASSETS[name], headers={"Cache-Control": "public, max-age=86400"})

    return routes


def _passed(door: Door, kind: str, path: str) -> Response:
    caller()
    if kind not in door.kinds:
        raise NotFound(f"There is no procedure '{kind[:40]}'; known: {', '.join(door.kinds)}.")
    query = request.query_string.decode("latin-1")
    status, headers, data = ask(door.merge.services[door.kinds[kind]], request.environ, path, query)
    return Response(data, status, content_type=headers.get("content-type"))


def _kind(asked: Mapping[str, str]) -> str:
    for name in ("kind", "id"):
        if name not in asked:
            raise lists.invalid(name, "This parameter is needed.")
    return asked["kind"]


def _only(*roles: str) -> Actor:
    actor = caller().actor
    if not actor.roles & set(roles):
        raise RoleNotAllowed("This is for " + ", ".join(roles) + ".")
    return actor
