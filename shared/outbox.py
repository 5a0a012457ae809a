"""The outbox and the feed are one table: each event is written in the transaction of its step,
gets its gap-free position when the relay takes it up, and is then served to whoever asks (`feed.py`).
"""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import orjson
from sqlalchemy import (
    Column,
    Connection,
    Index,
    Integer,
    MetaData,
    Row,
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


class Unsent(NamedTuple):
    """An event on its way to the bus: its position, id, routing key and structured JSON."""

    position: int
    id: str
    key: str
    body: bytes


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

        c = self.table.c
        self._insert = insert(self.table)
        self._unnumbered = select(c.id).where(unnumbered).order_by(c.id).limit(bindparam("most"))
        self._number = update(self.table).where(c.id == bindparam("row")).values(position=bindparam("place"))
        self._last = select(func.max(c.position))
        self._unsent = (
            select(c.position, c.event_id, c.type, c.body)
            .where(unsent, c.position.is_not(None))
            .order_by(c.position)
            .limit(bindparam("most"))
        )
        self._mark = update(self.table).where(c.position == bindparam("sent")).values(sent_at=bindparam("now"))

    def add(self, connection: Connection, events: Sequence[dict[str, Any]]) -> None:
        """Write events; each is a whole CloudEvent without its position."""
        rows = [
            {"event_id": event["id"], "type": routing_key(event["type"]), "case_id": event["subject"], "seq": event["sequence"],
             "body": orjson.dumps(event).decode()}
            for event in events
        ]  # fmt: skip
        connection.execute(self._insert, rows)

    def number(self, connection: Connection, most: int = 500) -> int:
        """Give the next events their positions, in the order of writing and without a gap; return how many.

        Must run in the one relay of this database, or under its write lock.
        """
        rows = connection.execute(self._unnumbered, {"most": most}).scalars().all()
        if rows:
            last = self.last(connection)
            connection.execute(self._number, [{"row": row, "place": last + n} for n, row in enumerate(rows, 1)])
        return len(rows)

    def waiting(self, connection: Connection) -> bool:
        """Whether an event has no position yet."""
        return connection.execute(self._unnumbered, {"most": 1}).first() is not None

    def last(self, connection: Connection) -> int:
        """The highest position given so far."""
        return connection.execute(self._last).scalar() or 0

    def unsent(self, connection: Connection, most: int = 500) -> list[Unsent]:
        """Return what the bus has not confirmed, in order."""
        rows = connection.execute(self._unsent, {"most": most})
        return [Unsent(row.position, row.event_id, row.type, with_position(row.body, row.position)) for row in rows]

    def mark(self, connection: Connection, positions: Sequence[int], now: datetime) -> None:
        """Remember that the bus has taken these."""
        connection.execute(self._mark, [{"sent": position, "now": now} for position in positions])

    def of(self, connection: Connection, case_id: str) -> dict[int, bytes]:
        """The events of one case by the seq of their entries."""
        rows = select(self.table.c.seq, self.table.c.body).where(self.table.c.case_id == case_id)
        return by_seq((row.seq, row.body) for row in connection.execute(rows))

    def all(self, connection: Connection) -> Iterator[Row[Any]]:
        """(case_id, seq, body) of all events, case by case, without holding them in memory."""
        c = self.table.c
        rows = select(c.case_id, c.seq, c.body).order_by(c.case_id, c.seq).execution_options(yield_per=500)
        return iter(connection.execute(rows))

    def gap(self, connection: Connection) -> int | None:
        """The first position that is missing or was given twice, or None: they count from 1 without a gap."""
        c = self.table.c
        rows = select(c.position).where(c.position.is_not(None)).order_by(c.position).execution_options(yield_per=5000)
        wrong = (place for place, found in enumerate(connection.execute(rows).scalars(), 1) if found != place)
        return next(wrong, None)

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


def by_seq(rows: Iterable[tuple[Any, Any]]) -> dict[Any, bytes]:
    """Bodies by seq; a second event of the same entry stands under "again", where no entry is."""
    events: dict[Any, bytes] = {}
    for seq, body in rows:
        events["again" if seq in events else seq] = body.encode(errors="surrogateescape") if isinstance(body, str) else body
    return events


def with_position(body: str, position: int) -> bytes:
    """Add the position to a stored event without reading it again."""
    return f'{body[:-1]},"position":{position}}}'.encode()


def routing_key(event_type: str) -> str:
    """`casewright.complaint.assigned.v1` as the bus routes it: `complaint.assigned`."""
    return event_type.removeprefix("casewright.").rsplit(".v", 1)[0]


def _any_of(column: Any, types: Sequence[str]) -> Any:
    return or_(*(column.startswith(t[:-1], autoescape=True) if t.endswith(".*") else column == t for t in types))
