"""The directory's tables: the staff, and the failed logins of each person."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    delete,
    insert,
    select,
    update,
)

from shared.columns import Instant

SOURCE = "/services/gateway"


class StaffStore:
    """Who is on the staff; passwords only as argon2id hashes."""

    def __init__(self, metadata: MetaData) -> None:
        self.staff = Table(
            "staff",
            metadata,
            Column("username", String(64), primary_key=True),
            Column("name", String(255), nullable=False),
            Column("roles", String(255), nullable=False),
            Column("department", String(64)),
            Column("competences", String(1000), nullable=False),
            Column("password", Text, nullable=False),
            Column("active", Boolean, nullable=False),
            Column("present", Boolean, nullable=False),
            Column("version", Integer, nullable=False),
            Column("reason", Text),
        )
        self.failures = Table(
            "login_failure",
            metadata,
            Column("username", String(64), primary_key=True),
            Column("whence", String(64), primary_key=True),
            Column("count", Integer, nullable=False),
            Column("until", Instant, nullable=False),
        )

    def get(self, connection: Connection, username: str) -> dict[str, Any] | None:
        """Return one person, or None."""
        row = connection.execute(select(self.staff).where(self.staff.c.username == username)).first()
        return _person(row._mapping) if row else None

    def all(self, connection: Connection) -> list[dict[str, Any]]:
        """Return everybody, by username."""
        return [_person(row._mapping) for row in connection.execute(select(self.staff).order_by(self.staff.c.username))]

    def add(self, connection: Connection, person: dict[str, Any]) -> None:
        """Add a person; the database refuses a taken username with an IntegrityError."""
        connection.execute(insert(self.staff), _row(person))

    def change(self, connection: Connection, person: dict[str, Any]) -> None:
        """Replace a person's row."""
        connection.execute(update(self.staff).where(self.staff.c.username == person["username"]).values(_row(person)))

    def disabled(self, connection: Connection) -> frozenset[str]:
        """The usernames of those who may no longer do anything."""
        return frozenset(connection.execute(select(self.staff.c.username).where(self.staff.c.active.is_(False))).scalars())

    def failed(self, connection: Connection, username: str, whence: str) -> tuple[int, datetime | None]:
        """How often logins of a person failed in a row from there, and until when the next must wait."""
        c = self.failures.c
        row = connection.execute(select(c.count, c.until).where(c.username == username, c.whence == whence)).first()
        return (row[0], row[1]) if row else (0, None)

    def fail(self, connection: Connection, username: str, whence: str, now: datetime) -> int:
        """Count a failed login and return how many there were in a row; two first ones at once are an IntegrityError."""
        c = self.failures.c
        mine = (c.username == username, c.whence == whence)
        if connection.execute(update(self.failures).where(*mine).values(count=c.count + 1)).rowcount == 0:
            connection.execute(insert(self.failures), {"username": username, "whence": whence, "count": 1, "until": now})
        return self.failed(connection, username, whence)[0]

    def must_wait(self, connection: Connection, username: str, whence: str, until: datetime) -> None:
        """Write down until when the next login must wait."""
        c = self.failures.c
        connection.execute(update(self.failures).where(c.username == username, c.whence == whence).values(until=until))

    def forgive(self, connection: Connection, username: str, whence: str) -> None:
        """Forget failed logins after a right one."""
        c = self.failures.c
        connection.execute(delete(self.failures).where(c.username == username, c.whence == whence))


def _person(row: Any) -> dict[str, Any]:
    lists = {name: [word for word in row[name].split(",") if word] for name in ("roles", "competences")}
    plain = {str(name): value for name, value in row.items()}  # SQLAlchemy's own kind of text is none to orjson
    return {**plain, **lists}


def _row(person: dict[str, Any]) -> dict[str, Any]:
    return {**person, **{name: ",".join(person[name]) for name in ("roles", "competences")}}
