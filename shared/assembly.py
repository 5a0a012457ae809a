"""Putting one service together from its parts: the same for every service, called by each `app.py`."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, Flask

from shared.bus import Bus, Publisher, Subscriber
from shared.caller import Parts
from shared.casework import Casework
from shared.config import Config
from shared.follower import Feed, Follower, feed_of
from shared.identity import STAFF, Issuer, Trusted, Verifier
from shared.inbox import Handler
from shared.keys import signing_key
from shared.ledger import Ledger
from shared.migrate import is_current
from shared.reading import Reading
from shared.relay import Relay
from shared.sweep import Sweep
from shared.uow import Database
from shared.web import Identity, make_app
from shared.web_cases import Desk

Make = Callable[[Parts], tuple[Casework[Any], Reading[Any]]]

Run = Callable[[threading.Event], None]
GATEWAY = "gateway"


@dataclass
class Service:
    """A service put together: its door, its use cases, and what runs beside the door."""

    name: str
    source: str
    config: Config
    database: Database
    ledger: Ledger
    app: Flask
    relay: Relay
    desk: Desk | None = None
    handlers: Mapping[str, Handler] = field(default_factory=dict)
    _bells: list[threading.Event] = field(default_factory=list)

    @property
    def kind(self) -> str:
        """The kind of case that this service keeps."""
        return self.work.kind

    @property
    def work(self) -> Casework[Any]:
        """The use cases of the kind of case that this service keeps."""
        assert self.desk is not None, "the gateway keeps no cases"
        return self.desk.work

    def wake(self) -> None:
        """Let relay and follower look around at once."""
        for bell in (self.relay.wake, *self._bells):
            bell.set()

    @property
    def feed(self) -> Feed:
        """This service's feed, for followers in the same process."""
        return feed_of(self.database, self.ledger.outbox)

    def follower(self, feeds: Mapping[str, Feed]) -> Follower:
        """What takes the events of the others."""
        return Follower(self.name, self.database, self.ledger.inbox, self.work, self.handlers, feeds)

    def sweep(self) -> Sweep:
        """What fires the clocks of this service's cases."""
        return Sweep(self.work, self.config.now)

    def runs(self, feeds: Mapping[str, Feed]) -> list[Run]:
        """What runs beside the door: relay, sweep, follower and its doorbell; each takes the event that stops it."""
        if self.desk is None:
            return [self.relay.run]
        follower = self.follower(feeds)
        self._bells.append(follower.knock)
        bus = Bus(self.config.broker_url, self.config.prefix)
        doorbell = Subscriber(bus, self.name, sorted(self.handlers), lambda body, key: follower.knock.set())
        return [self.relay.run, self.sweep().run, follower.run, doorbell.run]


def trusted(config: Config, names: Sequence[str]) -> dict[str, Trusted]:
    """The issuers a service believes: the gateway for the staff, each named service for its customers' links."""
    staff = Trusted(signing_key(config.data, GATEWAY).public_key(), frozenset({*STAFF, "system"}))
    links = {name: Trusted(signing_key(config.data, name).public_key(), frozenset({"customer"})) for name in names}
    return {GATEWAY: staff, **links}


def assemble(
    name: str, source: str, config: Config, kernel: Ledger, *, policy: Any, make: Make,
    routes: Callable[[Desk], list[Blueprint]], handlers: Mapping[str, Handler],
) -> Service:  # fmt: skip
    """Put a service together; nothing is connected yet."""
    database = Database(config.database(name))
    relay = Relay(database, kernel.outbox, Publisher(Bus(config.broker_url, config.prefix)), config.now)
    work, reading = make(Parts(database, kernel, policy, config.calendar(), config.now, relay.wake.set))
    desk = Desk(work, reading, Issuer(name, signing_key(config.data, name)))
    identity = Identity(Verifier(trusted(config, [name])), desk.shut_out, config.now)
    app = make_app(name, identity, {"database": lambda: is_current(database, name)})
    for blueprint in routes(desk):
        app.register_blueprint(blueprint)
    return Service(name, source, config, database, kernel, app, relay, desk, handlers)
