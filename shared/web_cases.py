"""The routes that every kind of case has, derived from its procedure: request -> schema -> service -> schema."""

from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from typing import Any

import orjson
import uuid_utils
from flask import Blueprint, Response, g, request
from marshmallow.fields import Dict
from sqlalchemy.exc import IntegrityError

from shared import asyncapi, clock, diagram, fields, lists, openapi
from shared.batch import commands
from shared.caller import Caller
from shared.casework import Casework
from shared.errors import NotFound, Refused, RoleNotAllowed
from shared.idempotency import Answer, Key, key_of
from shared.identity import Actor, Issuer
from shared.reading import Reading
from shared.web import answered, body, caller, problem, reply

BATCH = 500

command = fields.nested(
    "Command",
    {
        "id": fields.Text(64, required=True),
        "trigger": fields.Text(64, required=True),
        "if_match": fields.Text(20, required=True),
        "key": fields.Text(255),
        "facts": Dict(),
    },
)
BatchSchema = fields.record("Batch", {"commands": fields.many(command, 1, BATCH, required=True)})
LinkSchema = fields.record("Link", {"days": fields.Whole(1, 365, load_default=30)})


@dataclass(frozen=True)
class Desk:
    """What the routes of one kind need: its use cases, its reading, and the key for customers' links."""

    work: Casework[Any]
    reading: Reading[Any]
    issuer: Issuer

    def shut_out(self, actor: Actor) -> bool:
        """Whether a customer's link was taken back."""
        if not actor.is_customer:
            return False
        with self.work.parts.database.reading() as connection:
            return not self.work.ledger.links.holds(connection, actor.link or "")


def case_routes(desk: Desk) -> Blueprint:
    """Return the routes of one kind of case."""
    plural = desk.work.plural
    routes = Blueprint(plural, __name__)
    work, reading = desk.work, desk.reading

    @routes.post(f"/{plural}")
    def open_case() -> Response:
        who = caller()
        return answered(work.open(who, body(), request.headers.get("Idempotency-Key")))

    @routes.get(f"/{plural}")
    def find() -> Response:
        who = caller()
        return reply(reading.find(who, lists.parse(request.args, reading.lists.filters), f"/{plural}"))

    @routes.post(f"/{plural}/batch")
    def batch() -> Response:
        who = caller()
        wanted = fields.load(BatchSchema(), body())
        key = key_of(who.actor.id, request.headers.get("Idempotency-Key"))
        done = commands(work, who, wanted["commands"], key.key if key else None)
        return reply({"results": [_result(*one) for one in done]})

    @routes.get(f"/{plural}/<case:case_id>")
    def get(case_id: str) -> Response:
        document, version = reading.get(caller(), case_id)
        return reply(document, headers={"ETag": f'"{version}"'})

    @routes.get(f"/{plural}/<case:case_id>/history")
    def history(case_id: str) -> Response:
        who = caller()
        return reply(reading.history(who, case_id, lists.only(request.args, "as_of").get("as_of")))

    @routes.get(f"/{plural}/<case:case_id>/why")
    def why(case_id: str) -> Response:
        return reply(reading.why(caller(), case_id))

    @routes.post(f"/{plural}/<case:case_id>/links")
    def give_link(case_id: str) -> Response:
        who = caller()
        return answered(_give_link(desk, who, case_id, body(), request.headers.get("Idempotency-Key")))

    @routes.delete(f"/{plural}/<case:case_id>/links")
    def revoke_links(case_id: str) -> Response:
        return reply(_revoke_links(desk, caller(), case_id))

    @routes.post(f"/{plural}/<case:case_id>/<trigger:trigger>")
    def advance(case_id: str, trigger: str) -> Response:
        who = caller()
        headers = request.headers
        return answered(work.advance(who, case_id, trigger, body(), headers.get("If-Match"), headers.get("Idempotency-Key")))

    return routes


def service_routes(desk: Desk) -> Blueprint:
    """Return what a service answers about itself; the gateway merges these over all services."""
    routes = Blueprint("service", __name__)
    reading, procedures = desk.reading, desk.work.procedures

    @routes.get("/worklist")
    def worklist() -> Response:
        who, asked = caller(), lists.only(request.args, "limit", "cursor")
        return reply(reading.worklist(who, lists.whole(asked, "limit", lists.LIMIT, lists.MOST), asked.get("cursor")))

    @routes.get("/events")
    def events() -> Response:
        who, asked = caller(), lists.only(request.args, "after", "types", "limit")
        types = [name for name in asked.get("types", "").split(",") if name]
        after = lists.whole(asked, "after", 0, 999_999_999, least=0)
        return reply(reading.events(who, after, types, lists.whole(asked, "limit", 500, 500)))

    @routes.get("/procedures")
    def all_procedures() -> Response:
        caller()
        return reply({"items": [diagram.document(procedures.current)]})

    @routes.get("/procedures/<kind>")
    def one_procedure(kind: str) -> Response:
        caller()
        asked = lists.only(request.args, "format", "version")
        version = lists.whole(asked, "version", procedures.current.version, 9999)
        if kind != procedures.name or version not in procedures.versions:
            raise NotFound(f"There is no procedure '{kind[:40]}' in version {version}.")
        if asked.get("format", "json") not in ("json", "mermaid"):
            raise lists.invalid("format", "Allowed: json, mermaid.")
        if asked.get("format") == "mermaid":
            return Response(diagram.mermaid(procedures[version]), content_type="text/plain; charset=utf-8")
        return reply(diagram.document(procedures[version]))

    @cache
    def written(name: str) -> bytes:  # they follow from the procedures alone: written when first asked for
        if name == "openapi":
            return orjson.dumps(openapi.document(procedures, desk.work.plural, reading.lists.filters))
        return orjson.dumps(asyncapi.document(procedures, desk.work.ledger.outbox.source))

    routes.add_url_rule("/openapi.json", "openapi", lambda: reply(written("openapi")))
    routes.add_url_rule("/asyncapi.json", "asyncapi", lambda: reply(written("asyncapi")))

    @routes.get("/audit/verify")
    def verify() -> Response:
        who, asked = caller(), lists.only(request.args, "kind", "id")
        if "id" not in asked:
            raise lists.invalid("id", "The id of a case is needed.")
        return reply(reading.verify(who, asked["id"]))

    @routes.get("/audit/refusals")
    def refusals() -> Response:
        who, asked = caller(), lists.only(request.args, "kind", "id", "limit", "cursor")
        after = lists.whole(asked, "cursor", 0, 999_999_999, least=0)
        return reply(reading.refusals(who, after, lists.whole(asked, "limit", lists.LIMIT, lists.MOST), asked.get("id")))

    return routes


def _result(case_id: str, done: Any) -> dict[str, Any]:
    if isinstance(done, Refused):
        return {"id": case_id, "status": done.status, "etag": None, "problem": problem(done, request.path, g.trace_id)}
    return {
        "id": case_id,
        "status": done.status,
        "etag": str(done.version),
        "problem": None,
        "case": orjson.Fragment(done.body),
    }


def _give_link(desk: Desk, who: Caller, case_id: str, asked: Any, key: str | None) -> Answer:
    remembered = key_of(who.actor.id, key, request.path.encode(), orjson.dumps(asked))
    try:
        return _link(desk, who, case_id, asked, remembered)
    except IntegrityError:  # the request that was faster was this very one: its answer is there now
        return _link(desk, who, case_id, asked, remembered)


def _link(desk: Desk, who: Caller, case_id: str, asked: Any, remembered: Key | None) -> Answer:
    parts, ledger = desk.work.parts, desk.work.ledger
    with parts.database.writing() as work:
        case = desk.work.store.get(work.connection, case_id)
        if case is None:
            raise NotFound(f"There is no {desk.work.kind} with the id '{case_id[:80]}'.")
        _agents_only(who)
        given = ledger.idempotency.find(work.connection, remembered)
        if given is not None:
            return given
        days = fields.load(LinkSchema(), asked)["days"]
        now, link = parts.now(), str(uuid_utils.uuid7())
        ends = now + timedelta(days=days)
        claims = {"roles": ["customer"], "name": case.customer_ref, "case": f"{case.kind}/{case.id}", "jti": link}
        token = desk.issuer.token(f"customer:{case.customer_ref}", claims, now, ends - now)
        ledger.links.give(
            work.connection, {"id": link, "case_id": case.id, "given_by": who.actor.id, "given_at": now, "expires_at": ends}
        )
        url = f"{request.host_url}{desk.work.plural}/{case.id}#access_token={token}"
        answer = Answer(201, orjson.dumps({"token": token, "url": url, "expires_at": clock.instant(ends)}))
        ledger.idempotency.keep(work.connection, remembered, answer, now)
        work.commit()
    return answer


def _revoke_links(desk: Desk, who: Caller, case_id: str) -> dict[str, int]:
    parts = desk.work.parts
    with parts.database.writing() as work:
        if desk.work.store.get(work.connection, case_id) is None:
            raise NotFound(f"There is no {desk.work.kind} with the id '{case_id[:80]}'.")
        _agents_only(who)
        revoked = desk.work.ledger.links.revoke(work.connection, case_id, who.actor.id, parts.now())
        work.commit()
    return {"revoked": revoked}


def _agents_only(who: Caller) -> None:
    if "agent" not in who.actor.roles:
        raise RoleNotAllowed("Customers' links are given out and taken back by agents.")
