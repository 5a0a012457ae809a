"""Everything in one process: gateway, services, relays, followers and clocks, for `casewright up` and for tests."""

import threading
from dataclasses import dataclass, field

from deploy.services import all_services
from services.gateway.app import Gateway, gateway
from shared.assembly import Service
from shared.config import Config
from shared.follower import Feed
from shared.migrate import upgrade


@dataclass
class House:
    """The whole system, put together: `app` is its one WSGI door."""

    config: Config
    app: Gateway
    services: list[Service]
    _stop: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    @property
    def parts(self) -> list[Service]:
        """The gateway's own service and all others."""
        return [self.app.service, *self.services]

    def start(self) -> None:
        """Let everybody take what there is, so that ready means ready; then start what runs beside the door."""
        self.settle()
        feeds = self._feeds()
        for part in self.parts:
            for run in part.runs({source: feed for source, feed in feeds.items() if source != part.source}):
                thread = threading.Thread(target=run, args=(self._stop,), name=f"{part.name}.{run.__qualname__}", daemon=True)
                thread.start()
                self._threads.append(thread)

    def settle(self) -> None:
        """Number and send what was committed, and let each service take the news of the others."""
        for part in self.parts:
            part.relay.drain()
        feeds = self._feeds()
        for service in self.services:
            service.follower({source: feed for source, feed in feeds.items() if source != service.source}).catch_up()

    def _feeds(self) -> dict[str, Feed]:
        return {part.source: part.feed for part in self.parts}

    def stop(self, seconds: float = 8.0) -> None:
        """Stop it in order: what was committed is numbered and sent, then the databases are closed."""
        self._stop.set()
        for part in self.parts:
            part.wake()
        for thread in self._threads:
            thread.join(seconds)
        for part in self.parts:
            part.database.close()


def house(config: Config) -> House:
    """Put the whole system together on one configuration; databases are brought up to date."""
    config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    services = all_services(config)
    kinds = {service.kind: service.name for service in services}
    door = gateway(config, {service.name: service.app for service in services}, kinds)
    built = House(config, door, services)
    for part in built.parts:
        upgrade(part.database, part.name)
    return built
