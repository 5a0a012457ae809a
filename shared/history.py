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
    insert,
    select,
)
from sqlalchemy import Integer as Int

from shared.canonical import ZERO
from shared.entries import Written


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

    def append(self, connection: Connection, written: Sequence[Written]) -> None:
        """Add entries; the database refuses a second one of the same (case, seq) with an IntegrityError."""
        connection.execute(insert(self.table), [
            {"case_id": w.case, "seq": w.seq, "at": w.at, "body": w.body.decode(), "prev": w.prev, "hash": w.hash} for w in written
        ])  # fmt: skip
        apart = [
            {"case_id": w.case, "seq": w.seq, "data": w.personal.decode(), "salt": w.salt}
            for w in written
            if w.personal is not None
        ]
        if apart:
            connection.execute(insert(self.personal), apart)

    def head(self, connection: Connection, case_id: str) -> tuple[int, str]:
        """The seq and hash of a case's last entry, (0, zero) before the first."""
        rows = select(self.table.c.seq, self.table.c.hash).where(self.table.c.case_id == case_id)
        row = connection.execute(rows.order_by(self.table.c.seq.desc()).limit(1)).first()
        return (row.seq, row.hash) if row else (0, ZERO)

    def of(self, connection: Connection, case_id: str) -> list[Written]:
        """All entries of one case in order."""
        rows = self._rows.where(self.table.c.case_id == case_id).order_by(self.table.c.seq)
        return [_written(row) for row in connection.execute(rows)]

    def all(self, connection: Connection) -> Iterator[Written]:
        """All entries, case by case in order, without holding them in memory."""
        rows = self._rows.order_by(self.table.c.case_id, self.table.c.seq).execution_options(yield_per=500)
        return (_written(row) for row in connection.execute(rows))


def _written(row: object) -> Written:
    get = row._mapping  # type: ignore[attr-defined]  # a SQLAlchemy Row, whose columns are not typed
    data, body = get["data"], get["body"]
    return Written(
        get["case_id"], get["seq"], get["at"], body.encode(errors="surrogateescape") if isinstance(body, str) else bytes(body or b""),
        get["prev"], get["hash"], data.encode(errors="surrogateescape") if isinstance(data, str) else data, get["salt"],
    )  # fmt: skip
