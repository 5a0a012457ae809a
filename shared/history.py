"""The history: INSERT only, refused otherwise by triggers; what was kept apart lies in a table of its own."""

from collections.abc import Iterator, Sequence

from sqlalchemy import (
    Column,
    Connection,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    and_,
    func,
    insert,
    select,
)
from sqlalchemy import Integer as Int

from shared.entries import Entry, Written, read


class History:
    """The entries of one service's cases, in their exact bytes."""

    def __init__(self, metadata: MetaData) -> None:
        self.table = Table(
            "history",
            metadata,
            Column("id", Int, primary_key=True, autoincrement=True),
            Column("case_id", String(64), nullable=False),
            Column("seq", Int, nullable=False),
            Column("at", String(32), nullable=False),
            Column("body", Text, nullable=False),
            Column("prev", String(71), nullable=False),
            Column("hash", String(71), nullable=False),
            UniqueConstraint("case_id", "seq", name="history_case_seq"),
        )
        self.personal = Table(
            "personal",
            metadata,
            Column("case_id", String(64), primary_key=True),
            Column("seq", Int, primary_key=True),
            Column("data", Text, nullable=False),
            Column("salt", LargeBinary, nullable=False),
        )
        joined = and_(self.personal.c.case_id == self.table.c.case_id, self.personal.c.seq == self.table.c.seq)
        self._rows = select(self.table, self.personal.c.data, self.personal.c.salt).select_from(
            self.table.outerjoin(self.personal, joined)
        )
        self._insert, self._insert_personal = insert(self.table), insert(self.personal)

    def append(self, connection: Connection, written: Sequence[Written]) -> None:
        """Add entries; the database refuses a second one of the same (case, seq) with an IntegrityError."""
        connection.execute(self._insert, [
            {"case_id": w.case, "seq": w.seq, "at": w.at, "body": w.body.decode(), "prev": w.prev, "hash": w.hash} for w in written
        ])  # fmt: skip
        apart = [
            {"case_id": w.case, "seq": w.seq, "data": w.personal.decode(), "salt": w.salt}
            for w in written
            if w.personal is not None
        ]
        if apart:
            connection.execute(self._insert_personal, apart)

    def opening(self, connection: Connection, case_id: str) -> Entry:
        """The first entry of a case."""
        row = connection.execute(self._rows.where(self.table.c.case_id == case_id, self.table.c.seq == 1)).one()
        return read(_written(row))

    def of(self, connection: Connection, case_id: str) -> list[Written]:
        """All entries of one case in order."""
        rows = self._rows.where(self.table.c.case_id == case_id).order_by(self.table.c.seq)
        return [_written(row) for row in connection.execute(rows)]

    def all(self, connection: Connection, since: str | None = None, until: str | None = None) -> Iterator[Written]:
        """All entries, or those of a period (both ends included), case by case in order, none held in memory."""
        rows = self._rows.order_by(self.table.c.case_id, self.table.c.seq).execution_options(yield_per=500)
        if since is not None:
            rows = rows.where(self.table.c.at >= since)
        if until is not None:
            rows = rows.where(self.table.c.at <= until)
        return (_written(row) for row in connection.execute(rows))

    def count(self, connection: Connection) -> int:
        """How many entries there are."""
        return int(connection.execute(select(func.count()).select_from(self.table)).scalar() or 0)


def _written(row: object) -> Written:
    get = row._mapping  # type: ignore[attr-defined]  # a SQLAlchemy Row, whose columns are not typed
    data = get["data"]
    kept = None if data is None else _bytes(data)
    return Written(get["case_id"], get["seq"], get["at"], _bytes(get["body"]), get["prev"], get["hash"], kept, get["salt"])


def _bytes(stored: object) -> bytes:
    """The exact bytes of a column, also where somebody has put there what is no text."""
    return stored if isinstance(stored, bytes) else str(stored or "").encode(errors="surrogateescape")
