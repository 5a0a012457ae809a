"""The same key and request give the same answer (wire.md): the row is written in the transaction of the step.

Only what was done is remembered: a refused request changed nothing, so asking again under its key asks anew.
"""

import hashlib
import zlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, String, Table, bindparam, delete, insert, select

from shared.columns import Instant
from shared.errors import Invalid, KeyReused

KEPT = timedelta(hours=48)
LONGEST = 255


@dataclass(frozen=True, slots=True)
class Answer:
    """What a caller is told: status, the JSON body, the version for ETag, and the address of a new case."""

    status: int
    body: bytes
    version: int | None = None
    location: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class Key:
    """A caller's Idempotency-Key with the fingerprint of the request it came with; keys are per person."""

    actor: str
    key: str
    fingerprint: str


def key_of(actor: str, key: str | None, *request: bytes) -> Key | None:
    """Make the Key of a request; None where none was given. Raises Invalid for an empty or overlong one."""
    if key is None:
        return None
    if not 0 < len(key) <= LONGEST:
        raise Invalid(f"An Idempotency-Key has 1 to {LONGEST} characters.", errors=[{"pointer": "", "detail": "Idempotency-Key"}])
    return Key(actor, key, hashlib.sha256(b"\x00".join(request)).hexdigest())


class Idempotency:
    """The answers given under keys, for 48 hours; whoever writes finds first and keeps in the same transaction."""

    def __init__(self, metadata: MetaData) -> None:
        self.table = Table(
            "idempotency",
            metadata,
            Column("actor", String(255), primary_key=True),
            Column("key", String(LONGEST), primary_key=True),
            Column("fingerprint", String(64), nullable=False),
            Column("status", Integer, nullable=False),
            Column("version", Integer),
            Column("location", String(255)),
            Column("body", LargeBinary, nullable=False),
            Column("at", Instant, nullable=False, index=True),
        )
        c = self.table.c
        self._find = select(self.table).where(c.actor == bindparam("whose"), c.key == bindparam("which"))
        self._insert = insert(self.table)

    def find(self, connection: Connection, key: Key | None) -> Answer | None:
        """Return the answer given before; raise KeyReused where the request was another."""
        if key is None:
            return None
        row = connection.execute(self._find, {"whose": key.actor, "which": key.key}).first()
        if row is None:
            return None
        if row.fingerprint != key.fingerprint:
            raise KeyReused("This key came before with another request; a new request needs a key of its own.")
        return Answer(row.status, zlib.decompress(row.body), row.version, row.location, replayed=True)

    def keep(self, connection: Connection, key: Key | None, answer: Answer, now: datetime) -> None:
        """Remember an answer; the database refuses a second one under the same key with an IntegrityError."""
        if key is not None:
            row = {"actor": key.actor, "key": key.key, "fingerprint": key.fingerprint, "status": answer.status, "at": now,
                   "version": answer.version, "location": answer.location, "body": zlib.compress(answer.body, 1)}  # fmt: skip
            connection.execute(self._insert, row)

    def forget(self, connection: Connection, now: datetime) -> int:
        """Drop what is older than 48 hours; return how many rows."""
        return connection.execute(delete(self.table).where(self.table.c.at < now - KEPT)).rowcount
