"""A consumer: follows the feeds of the others, so that each event takes effect once and none is missed.

The bus only says that there is news; what happened is read from the feed, in order, at the start, at each knock,
and at intervals. So a bus that loses, repeats or swaps messages costs time, never an effect.
"""

import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import orjson

from shared.errors import Unavailable
from shared.inbox import Handler, Inbox
from shared.outbox import routing_key
from shared.uow import Database

log = logging.getLogger(__name__)

Feed = Callable[[int, Sequence[str], int], tuple[list[dict[str, Any]], int, bool]]
"""Reads a source after a position: (events of these types, position reached, whether there is more)."""

ATTEMPTS = 5
INTERVAL = 60.0
AWAY = 1.0


class Follower:
    """Takes the events that a service has handlers for."""

    def __init__(
        self,
        name: str,
        database: Database,
        inbox: Inbox,
        service: Any,
        handlers: Mapping[str, Handler],
        feeds: Mapping[str, Feed],
    ) -> None:
        self.name, self.database, self.inbox, self.service = name, database, inbox, service
        self.handlers, self.feeds = dict(handlers), dict(feeds)
        self.knock = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Catch up at every knock and every minute until told to stop."""
        while not stop.is_set():
            self.knock.clear()
            try:
                self.catch_up()
                pause = INTERVAL
            except Unavailable:
                pause = AWAY
            self.knock.wait(pause)

    def catch_up(self) -> int:
        """Take everything there is in all sources; return how many events took effect. Raises Unavailable."""
        return sum(self._follow(source, feed) for source, feed in self.feeds.items()) if self.handlers else 0

    def _follow(self, source: str, feed: Feed) -> int:
        taken, more = 0, True
        while more:
            with self.database.reading() as connection:
                mark = self.inbox.position(connection, self.name, source)
            events, reached, more = feed(mark, sorted(self.handlers), 500)
            for event in events:
                taken += self._take(source, event)
            self._pass(source, reached)
        return taken

    def _take(self, source: str, event: dict[str, Any]) -> bool:
        """Take one event; after five failures set it aside so that those behind it go on."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                return self._once(source, event, None)
            except Unavailable:
                raise
            except Exception as error:  # a handler may fail in any way: the event is kept, with the reason
                log.warning("event not taken", extra={"event": event.get("id"), "attempt": attempt}, exc_info=error)
                reason = f"{type(error).__name__}: {error}"
        return self._once(source, event, reason)

    def _once(self, source: str, event: dict[str, Any], parked: str | None) -> bool:
        with self.database.writing() as work:
            before, position = self.inbox.position(work.connection, self.name, source), int(event["position"])
            if position <= before or not self.inbox.advance(work.connection, self.name, source, before, position):
                return False
            if parked is None:
                self.handlers[routing_key(event["type"])](self.service, work, event)
            else:
                self.inbox.park(work.connection, self.name, source, position, orjson.dumps(event).decode(), parked)
            work.commit()
            return parked is None

    def _pass(self, source: str, reached: int) -> None:
        """Move the mark over events that concern others."""
        with self.database.writing() as work:
            before = self.inbox.position(work.connection, self.name, source)
            if reached > before and self.inbox.advance(work.connection, self.name, source, before, reached):
                work.commit()


def feed_of(database: Database, outbox: Any) -> Feed:
    """Read a feed where its database is in the same process."""

    def read(after: int, types: Sequence[str], limit: int) -> tuple[list[dict[str, Any]], int, bool]:
        with database.reading() as connection:
            events, reached, more = outbox.page(connection, after, types, limit)
        return [orjson.loads(event) for event in events], reached, more

    return read
