"""The inbox: each event of another service takes effect once, whatever the bus repeats, swaps or loses.

The mark of how far a source has been taken moves in the transaction of the effect. Events are taken in the order
of the feed, whose positions have no gap, so the mark alone tells a repeated event from a new one.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, Text, delete, insert, select, update

from shared.clock import now
from shared.uow import Work

Handler = Callable[[Any, Work, dict[str, Any]], None]
"""What a service does about an event of another: (its use cases, the transaction under way, the event)."""


class Inbox:
    """How far each source was taken by each consumer, and which events were set aside."""

    def __init__(self, metadata: MetaData) -> None:
        self.marks = Table(
            "inbox",
            metadata,
            Column("consumer", String(64), primary_key=True),
            Column("source", String(64), primary_key=True),
            Column("position", Integer, nullable=False),
        )
        self.parked = Table(
            "parked",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=True),
            Column("consumer", String(64), nullable=False),
            Column("source", String(64), nullable=False),
            Column("position", Integer, nullable=False),
            Column("event", Text, nullable=False),
            Column("reason", Text, nullable=False),
            Column("at", String(32), nullable=False),
        )

    def position(self, connection: Connection, consumer: str, source: str) -> int:
        """How far the consumer has taken this source."""
        c = self.marks.c
        return connection.execute(select(c.position).where(c.consumer == consumer, c.source == source)).scalar() or 0

    def advance(self, connection: Connection, consumer: str, source: str, before: int, position: int) -> bool:
        """Move the mark from `before` to `position`; False where another was faster.

        On PostgreSQL the loser of a race waits here for the winner's commit and then finds the mark moved.
        """
        if before == 0 and self.position(connection, consumer, source) == 0:
            connection.execute(delete(self.marks).where(self.marks.c.consumer == consumer, self.marks.c.source == source))
            connection.execute(insert(self.marks), {"consumer": consumer, "source": source, "position": position})
            return True
        c = self.marks.c
        moved = update(self.marks).where(c.consumer == consumer, c.source == source, c.position == before)
        return connection.execute(moved.values(position=position)).rowcount == 1

    def park(self, connection: Connection, consumer: str, source: str, position: int, event: str, reason: str) -> None:
        """Set aside an event that cannot be taken, so that those behind it go on."""
        row = {"consumer": consumer, "source": source, "position": position, "event": event, "reason": reason,
               "at": now().isoformat()}  # fmt: skip
        connection.execute(insert(self.parked), row)
