"""The composition root of the gateway: its own routes, and in front of them the way to the services."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask
from werkzeug.test import create_environ

from services.gateway.directory import Directory
from services.gateway.merge import Answered, Merge
from services.gateway.routes import Door, document_routes, merged_routes, staff_routes
from services.gateway.store import SOURCE, StaffStore
from services.gateway.upstream import Environ, StartResponse, Upstream, ask
from shared.assembly import GATEWAY, Service, trusted
from shared.bus import Bus, Publisher
from shared.config import Config
from shared.errors import Refused, Unavailable
from shared.identity import Actor, Issuer, Verifier
from shared.keys import signing_key
from shared.ledger import ledger
from shared.migrate import is_current
from shared.relay import Relay
from shared.uow import Database
from shared.web import Identity, begin, make_app, refusal_response, traced

SECURITY = [
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    (
        "Content-Security-Policy",
        "default-src 'self'; img-src 'self' data:; style-src 'self' 'unsafe-inline'; frame-ancestors 'none'",
    ),
]
"""Sent with every answer; inline styles are what the page of the API documents needs."""
PASSED_ON = ("content-type", "www-authenticate", "retry-after")
"""What goes with a service's own refusal inside a merged answer."""


@dataclass
class Gateway:
    """The one door of the house as a WSGI application: routes by the first segment of the path."""

    service: Service
    directory: Directory
    upstreams: Mapping[str, Upstream]
    own: Flask
    identity: Identity

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request, or pass it on unchanged to the service that it is for."""

        def start(status: str, headers: list[tuple[str, str]], *rest: Any) -> Any:
            return start_response(status, [*headers, *SECURITY], *rest)

        traced(environ)
        upstream = self.upstreams.get(f"{environ.get('PATH_INFO', '')}/".split("/", 2)[1])
        if upstream is None:
            return self.own(environ, start)
        try:
            self._may_knock(environ)
            return upstream(environ, start)
        except Refused as refused:
            with self.own.request_context(environ):
                begin()
                return refusal_response(refused)(environ, start)

    def _may_knock(self, environ: Environ) -> None:
        """Raise Unauthenticated for whoever brings no good token or was disabled since; all else is the service's to say."""
        self.identity.actor(environ.get("HTTP_AUTHORIZATION", ""))


def gateway(config: Config, upstreams: Mapping[str, Upstream], kinds: Mapping[str, str]) -> Gateway:
    """Put the gateway together: `upstreams` by first segment of the path, `kinds` of cases to their segment."""
    kernel = ledger(SOURCE)
    store = StaffStore(kernel.metadata)
    database = Database(config.database(GATEWAY))
    relay = Relay(database, kernel.outbox, Publisher(Bus(config.broker_url, config.prefix)), config.now)
    directory = Directory(database, store, kernel, Issuer(GATEWAY, signing_key(config.data, GATEWAY)), relay, config.now)
    identity = Identity(Verifier(trusted(config, list(upstreams))), lambda actor: _disabled(directory, actor), config.now)
    app = make_app(GATEWAY, identity, {"directory": lambda: is_current(database, GATEWAY), **_ready(upstreams)})
    app.register_error_handler(
        Answered, lambda passed: (passed.body, passed.status, {n: passed.headers[n] for n in PASSED_ON if n in passed.headers})
    )
    door = Door(directory, Merge(upstreams), kinds)
    for blueprint in (staff_routes(door), merged_routes(door), document_routes(door)):
        app.register_blueprint(blueprint)
    return Gateway(Service(GATEWAY, SOURCE, config, database, kernel, app, relay), directory, upstreams, app, identity)


def _ready(upstreams: Mapping[str, Upstream]) -> dict[str, Callable[[], bool]]:
    """Ask each service whether it is ready; one that is away is not."""

    def asks(upstream: Upstream) -> Callable[[], bool]:
        def ready() -> bool:
            try:
                return ask(upstream, create_environ("/readyz"), "/readyz")[0] == 200
            except Unavailable:
                return False

        return ready

    return {name: asks(upstream) for name, upstream in upstreams.items()}


def _disabled(directory: Directory, actor: Actor) -> bool:
    return not actor.is_customer and directory.is_disabled(actor.id)
