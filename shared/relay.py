"""The relay: numbers what was committed, sends it, and marks what the bus has confirmed.

A crash between sending and marking sends again, which consumers do not mind; a crash before sending loses nothing.
"""

import logging
import threading
from collections.abc import Callable, Sequence

from shared import clock
from shared.bus import BusAway, Message, Publisher
from shared.errors import Unavailable
from shared.outbox import Outbox, Unsent
from shared.uow import Database

log = logging.getLogger(__name__)

POLL = 1.0
"""Seconds between looks without a wake-up call: other processes (an import) write too."""
LINGER = 0.01
"""Seconds between a wake-up call and the look: what commits meanwhile goes in the same batch."""
RELAY_LOCK = 0x63617365
"""The advisory lock under which positions are given on PostgreSQL; SQLite has one writer anyway."""


class Relay:
    """The one relay of a database."""

    def __init__(
        self, database: Database, outbox: Outbox, publisher: Publisher, now: clock.Now = clock.now,
        fault: Callable[[str], None] = lambda point: None,
    ) -> None:  # fmt: skip
        self.database, self.outbox, self.publisher, self.now, self.fault = database, outbox, publisher, now, fault
        self.wake = threading.Event()

    def run(self, stop: threading.Event) -> None:
        """Relay at every wake-up call and every second until told to stop, then once more."""
        while not stop.is_set():
            if self.wake.wait(POLL):
                stop.wait(LINGER)
            self.wake.clear()
            self.drain()
        self.drain()

    def drain(self) -> int:
        """Number and send all there is; return how many events the bus confirmed. What is away is tried again later."""
        sent = 0
        try:
            while self.number():
                pass
            while batch := self._unsent():
                confirmed = self._send(batch)
                sent += confirmed
                if confirmed < len(batch):
                    break
        except Unavailable as away:
            log.warning("relay waits: %s", away)
        return sent

    def _send(self, batch: Sequence[Unsent]) -> int:
        """Send events and mark those that the bus has confirmed, also where it went away in the middle."""
        self.fault("relay.before_publish")
        try:
            published = self.publisher.publish([Message(event.key, event.id, event.body) for event in batch])
        except BusAway as away:
            log.warning("relay waits: %s", away)
            published = away.published
        self.fault("relay.after_publish")
        if published.confirmed:
            with self.database.writing() as work:
                self.outbox.mark(work.connection, [batch[place].position for place in published.confirmed], self.now())
                work.commit()
        return len(published.confirmed)

    def number(self) -> int:
        """Give positions to the next events in a transaction of its own; return how many."""
        with self.database.reading() as connection:
            if not self.outbox.waiting(connection):
                return 0
        with self.database.writing() as work:
            if not self.database.is_sqlite:
                work.connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({RELAY_LOCK})")
            count = self.outbox.number(work.connection)
            work.commit()
        return count

    def _unsent(self) -> Sequence[Unsent]:
        with self.database.reading() as connection:
            return self.outbox.unsent(connection)
