"""The outbox and the feed are one table: each event is written in the transaction of its step,
gets its gap-free position when the relay takes it up, and is then served to whoever asks (`feed.py`).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson
from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    bindparam,
    func,
    insert,
    or_,
    select,
    update,
)

from shared.columns import Instant


class Outbox:
    """Events as CloudEvents 1.0 in structured JSON; `position` is NULL until the relay numbers the row."""

    def __init__(self, metadata: MetaData, source: str) -> None:
        self.source = source
        self.table = Table(
            "outbox",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=True),
            Column("event_id", String(64), nullable=False, unique=True),
            Column("type", String(64), nullable=False),
            Column("case_id", String(64), nullable=False),
            Column("seq", Integer, nullable=False),
            Column("body", Text, nullable=False),
            Column("position", Integer, unique=True),
            Column("sent_at", Instant),
        )
        unnumbered, unsent = self.table.c.position.is_(None), self.table.c.sent_at.is_(None)
        Index("outbox_unnumbered", self.table.c.id, sqlite_where=unnumbered, postgresql_where=unnumbered)
        Index("outbox_unsent", self.table.c.position, sqlite_where=unsent, postgresql_where=unsent)
        Index("outbox_case", self.table.c.case_id, self.table.c.seq)

    def add(self, connection: Connection, events: Sequence[dict[str, Any]]) -> None:
        """Write events; each is a whole CloudEvent without its position."""
        connection.execute(insert(self.table), [
            {"event_id": e["id"], "type": routing_key(e["type"]), "case_id": e["subject"], "seq": e["sequence"], "body": orjson.dumps(e).decode()}
            for e in events
        ])  # fmt: skip

    def number(self, connection: Connection, most: int = 500) -> int:
        """Give the next events their positions, in the order of writing and without a gap; return how many.

        Must run in the one relay of this database, or under its write lock.
        """
        ids = select(self.table.c.id).where(self.table.c.position.is_(None)).order_by(self.table.c.id).limit(most)
        rows = connection.execute(ids).scalars().all()
        if rows:
            last = self.last(connection)
            numbered = [{"row": row, "place": last + n} for n, row in enumerate(rows, 1)]
            connection.execute(_numbering(self.table), numbered)
        return len(rows)

    def waiting(self, connection: Connection) -> bool:
        """Whether an event has no position yet."""
        rows = select(self.table.c.id).where(self.table.c.position.is_(None)).limit(1)
        return connection.execute(rows).first() is not None

    def last(self, connection: Connection) -> int:
        """The highest position given so far."""
        return connection.execute(select(func.max(self.table.c.position))).scalar() or 0

    def unsent(self, connection: Connection, most: int = 500) -> list[tuple[int, str, bytes]]:
        """Return (position, routing key, structured JSON) of what the bus has not confirmed, in order."""
        c = self.table.c
        rows = (
            select(c.position, c.type, c.body).where(c.sent_at.is_(None), c.position.is_not(None)).order_by(c.position).limit(most)
        )
        return [(row.position, row.type, with_position(row.body, row.position)) for row in connection.execute(rows)]

    def mark(self, connection: Connection, positions: Sequence[int], now: datetime) -> None:
        """Remember that the bus has taken these."""
        connection.execute(update(self.table).where(self.table.c.position.in_(positions)).values(sent_at=now))

    def of(self, connection: Connection, case_id: str) -> dict[int, bytes]:
        """The events of one case by the seq of their entries."""
        rows = select(self.table.c.seq, self.table.c.body).where(self.table.c.case_id == case_id)
        return {row.seq: row.body.encode(errors="surrogateescape") for row in connection.execute(rows)}

    def page(self, connection: Connection, after: int, types: Sequence[str], limit: int) -> tuple[list[bytes], int, bool]:
        """Return (events, position reached, whether there is more) after a position; `types` may end with `.*`."""
        c = self.table.c
        rows = select(c.position, c.body).where(c.position > after).order_by(c.position).limit(limit + 1)
        if types:
            rows = rows.where(_any_of(c.type, types))
        found = connection.execute(rows).all()
        more, found = len(found) > limit, found[:limit]
        reached = found[-1].position if more else max(after, self.last(connection))
        return [with_position(row.body, row.position) for row in found], reached, more


def with_position(body: str, position: int) -> bytes:
    """Add the position to a stored event without reading it again."""
    return f'{body[:-1]},"position":{position}}}'.encode()


def routing_key(event_type: str) -> str:
    """`casewright.complaint.assigned.v1` as the bus routes it: `complaint.assigned`."""
    return event_type.removeprefix("casewright.").rsplit(".v", 1)[0]


def _numbering(table: Table) -> Any:
    return update(table).where(table.c.id == bindparam("row")).values(position=bindparam("place"))


def _any_of(column: Any, types: Sequence[str]) -> Any:
    return or_(*(column.startswith(t[:-1], autoescape=True) if t.endswith(".*") else column == t for t in types))
