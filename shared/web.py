"""What every HTTP door of the house does alike: who asks, what came, and how a refusal is told (RFC 9457).

Routes raise words; the one table of HTTP is the classes of `errors.py`. Nothing of the inside is ever shown.
"""

import logging
import os
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson
from flask import Flask, Response, current_app, g, request
from prometheus_client import CONTENT_TYPE_LATEST, Counter, Histogram, generate_latest
from werkzeug.exceptions import HTTPException, MethodNotAllowed, RequestEntityTooLarge
from werkzeug.exceptions import NotFound as NoRoute
from werkzeug.routing import BaseConverter

from shared import clock, errors
from shared.caller import Caller
from shared.idempotency import Answer
from shared.identity import Actor, Verifier

log = logging.getLogger("casewright.web")

LARGEST = 1 << 20
DEEPEST = 64
PROBLEM = "application/problem+json"
_TRACEPARENT = re.compile(r"00-([0-9a-f]{32})-[0-9a-f]{16}-[0-9a-f]{2}")
_CONVERTER = re.compile(r"<\w+:")
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"?', re.DOTALL)
"""A JSON string, or one that nothing ends: each byte is looked at once, whatever was written to make it slow."""

REQUESTS = Histogram("casewright_request_seconds", "Time to answer a request.", ["service", "method", "route", "status"])
REFUSED = Counter("casewright_refused_total", "Refused requests by code.", ["service", "code"])

Checks = Mapping[str, Callable[[], bool]]


@dataclass(frozen=True)
class Identity:
    """How a door knows who asks: whose tokens it believes, and whether a person or link was shut out since."""

    verifier: Verifier
    shut_out: Callable[[Actor], bool] = lambda actor: False
    now: clock.Now = clock.now

    def actor(self, authorization: str) -> Actor:
        """Return who an Authorization header speaks for; raise Unauthenticated."""
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise errors.Unauthenticated("Send the token from POST /auth/token as 'Authorization: Bearer …'.")
        actor = self.verifier.actor(token.strip(), self.now())
        if self.shut_out(actor):
            raise errors.Unauthenticated("This access was taken back.")
        return actor


class CaseId(BaseConverter):
    """An id in an address; `batch` is none, so that what is asked of it is answered by its own route alone."""

    regex = r"(?!batch(?:/|$))[^/]+"


class Trigger(BaseConverter):
    """A trigger in an address; what is read of a case has routes of its own."""

    regex = r"(?!(?:history|why|links)$)[^/]+"


def make_app(name: str, identity: Identity, ready: Checks) -> Flask:
    """Return a Flask app with everything that all doors share; the caller adds its routes."""
    app = Flask(f"casewright.{name}", static_folder=None)
    app.url_map.merge_slashes = False  # an address with an empty part is no other address, and is not redirected to one
    app.config.update(MAX_CONTENT_LENGTH=LARGEST + 1, PROPAGATE_EXCEPTIONS=False, TRAP_BAD_REQUEST_ERRORS=False)
    app.json.sort_keys = False  # type: ignore[attr-defined]  # Flask's own provider has it
    app.url_map.converters.update(case=CaseId, trigger=Trigger)
    app.extensions["identity"] = identity
    app.before_request(begin)
    app.after_request(_finish(name))
    app.register_error_handler(errors.Refused, _refused(name))
    app.register_error_handler(HTTPException, _http(name))
    app.register_error_handler(Exception, _failed)
    app.add_url_rule("/healthz", "healthz", lambda: reply({"status": "ok"}))
    app.add_url_rule("/readyz", "readyz", lambda: _readyz(ready))
    app.add_url_rule("/metrics", "metrics", lambda: Response(generate_latest(), content_type=CONTENT_TYPE_LATEST))
    return app


def caller() -> Caller:
    """Return who asks; raise Unauthenticated."""
    identity: Identity = current_app.extensions["identity"]
    return Caller(identity.actor(request.headers.get("Authorization", "")), g.trace_id, g.traceparent)


def body() -> Any:
    """Return the JSON body, an empty object where none came; raise TooLarge, UnsupportedMediaType or Malformed."""
    data = request.get_data(cache=False)
    if len(data) > LARGEST:  # a chunked body is cut at the limit without a word: one byte more shows it
        raise errors.TooLarge(f"A body has at most {LARGEST} bytes.")
    if not data:
        return {}
    if request.mimetype != "application/json":
        raise errors.UnsupportedMediaType("The body must be declared as 'Content-Type: application/json'.")
    if _depth(data) > DEEPEST:
        raise errors.Malformed(f"The JSON is nested deeper than {DEEPEST} levels.")
    try:
        return orjson.loads(data)
    except orjson.JSONDecodeError as error:
        raise errors.Malformed(f"The body is not JSON: {error.msg} at line {error.lineno}, column {error.colno}.") from None


def _depth(data: bytes) -> int:
    """How deeply JSON text is nested; cheap for the shallow, and never by recursion."""
    if data.count(b"[") + data.count(b"{") <= DEEPEST:
        return 0
    deepest = depth = 0
    for byte in _STRING.sub(b"", data):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def reply(document: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return JSON."""
    data = document if isinstance(document, bytes) else orjson.dumps(document)
    return Response(data, status, headers, content_type="application/json")


def answered(answer: Answer) -> Response:
    """Return what a write answered, with its version and address."""
    headers = {"ETag": f'"{answer.version}"'} if answer.version is not None else {}
    if answer.location:
        headers["Location"] = answer.location
    if answer.replayed:
        headers["Idempotency-Replayed"] = "true"
    return reply(answer.body, answer.status, headers)


def problem(refused: errors.Refused, instance: str, trace_id: str) -> dict[str, Any]:
    """Return the problem document of a refusal."""
    document = {
        "type": f"/problems/{refused.code.replace('_', '-')}", "title": refused.title, "status": refused.status,
        "detail": refused.detail, "instance": instance, "code": refused.code, "trace_id": trace_id, **refused.more,
    }  # fmt: skip
    if refused.errors:
        document["errors"] = refused.errors
    if refused.allowed is not None:
        document["allowed"] = refused.allowed
    return document


def traced(environ: dict[str, Any]) -> None:
    """See to it that a request carries a trace (W3C Trace Context), so that all whom it passes name the same."""
    if not _TRACEPARENT.fullmatch(environ.get("HTTP_TRACEPARENT", "")):
        environ["HTTP_TRACEPARENT"] = f"00-{os.urandom(16).hex()}-{os.urandom(8).hex()}-01"


def begin() -> None:
    """Start answering: when, and under which trace."""
    g.began = time.perf_counter()
    traced(request.environ)
    g.traceparent = request.environ["HTTP_TRACEPARENT"]
    g.trace_id = g.traceparent[3:35]
    if "\0" in request.path:
        raise errors.NotFound("There is nothing under this address.")


def _finish(name: str) -> Callable[[Response], Response]:
    def finish(response: Response) -> Response:
        route = _CONVERTER.sub("<", request.url_rule.rule) if request.url_rule else "none"
        seconds = time.perf_counter() - g.get("began", time.perf_counter())
        REQUESTS.labels(name, request.method, route, response.status_code).observe(seconds)
        response.headers.setdefault("Cache-Control", "no-store")
        return response

    return finish


def refusal_response(refused: errors.Refused) -> Response:
    """Return a refusal as problem+json, with its headers."""
    trace_id = g.get("trace_id", "")
    response = Response(orjson.dumps(problem(refused, quote(request.path), trace_id)), refused.status, content_type=PROBLEM)
    if refused.retry_after is not None:
        response.headers["Retry-After"] = str(refused.retry_after)
    if refused.status == errors.Unauthenticated.status:
        response.headers["WWW-Authenticate"] = "Bearer"
    return response


def _refused(name: str) -> Callable[[errors.Refused], Response]:
    def refused(error: errors.Refused) -> Response:
        REFUSED.labels(name, error.code).inc()
        return refusal_response(error)

    return refused


def _http(name: str) -> Callable[[HTTPException], Response]:
    def http(error: HTTPException) -> Response:
        if isinstance(error, RequestEntityTooLarge):
            return _refused(name)(errors.TooLarge(f"A body has at most {LARGEST} bytes."))
        if isinstance(error, MethodNotAllowed):
            response = _refused(name)(errors.MethodNotAllowed(f"{request.method} is not served here."))
            response.headers["Allow"] = ", ".join(sorted(error.valid_methods or ()))
            return response
        if isinstance(error, NoRoute):
            return _refused(name)(errors.NotFound("There is nothing under this address."))
        if (error.code or 500) < 500:
            return _refused(name)(errors.Malformed("The request was not understood."))
        return _failed(error)

    return http


def _failed(error: Exception) -> Response:
    log.error("request failed", exc_info=error, extra={"trace_id": g.get("trace_id"), "path": request.path})
    told = "Something broke on our side; nothing was changed. Please name the trace_id when you report it."
    return refusal_response(errors.Failed(told))


def _readyz(ready: Checks) -> Response:
    states = {part: bool(check()) for part, check in ready.items()}
    return reply({"ready": all(states.values()), "parts": states}, 200 if all(states.values()) else 503)
