"""The directory of staff: who is here, in which roles, and whether a password is right.

Each change is announced (`staff.recorded`), so that services keep a copy of what they need and never ask in the middle
of a step. These events go to the services alone: they name people, and the public feed is about cases.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson
import uuid_utils
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from sqlalchemy.exc import IntegrityError

from services.gateway.store import SOURCE, StaffStore
from shared import clock
from shared.errors import Conflict, NotFound, TooManyRequests, Unauthenticated
from shared.idempotency import Answer, Key
from shared.identity import Issuer
from shared.ledger import Ledger
from shared.relay import Relay
from shared.uow import Database, Work

TOKEN_LASTS = timedelta(seconds=900)
FREE_FAILURES = 5
LONGEST_WAIT = 60
HASHER = PasswordHasher(time_cost=2, memory_cost=19456, parallelism=1)
"""argon2id with the parameters that OWASP recommends where memory is dear: 19 MiB, two passes, one lane."""
NOBODY = HASHER.hash("nobody has this password")
"""Checked where there is no such person, so that the time of an answer does not tell who exists."""

Person = dict[str, Any]


@dataclass
class Directory:
    """The staff and their logins."""

    database: Database
    store: StaffStore
    ledger: Ledger
    issuer: Issuer
    relay: Relay
    now: clock.Now = clock.now
    hasher: PasswordHasher = HASHER

    def __post_init__(self) -> None:
        self._disabled: tuple[float, frozenset[str]] = (0.0, frozenset())
        self._lock = threading.Lock()
        self._hashing = threading.Semaphore(1)  # each hash takes 19 MiB: a crowd at the door must not fill the memory

    def token(self, username: str, password: str, whence: str) -> dict[str, Any]:
        """Return an access token for the right password.

        Raises Unauthenticated; after five failures in a row TooManyRequests with a wait that doubles up to a minute.
        While it lasts nothing is counted, and afterwards the right password works: nobody is locked out for ever.
        """
        now = self.now()
        self._not_too_soon(username, whence, now)
        with self.database.reading() as connection:
            person = self.store.get(connection, username)
        try:
            with self._hashing:
                right = self.hasher.verify(person["password"] if person else NOBODY, password) and person is not None
        except (VerificationError, InvalidHashError):
            right = False
        if not right or person is None or not person["active"]:
            self._count_failure(username, whence, now)
            raise Unauthenticated("Username or password is not right.")
        self._forgive(username, whence)
        claims = {"name": person["name"], "roles": person["roles"], "department": person["department"]}
        token = self.issuer.token(username, {**claims, "jti": str(uuid_utils.uuid7())}, now, TOKEN_LASTS)
        return {"access_token": token, "token_type": "Bearer", "expires_in": int(TOKEN_LASTS.total_seconds())}

    def is_disabled(self, username: str) -> bool:
        """Whether this person was disabled, at most a second ago."""
        at, names = self._disabled
        if time.monotonic() - at > 1:
            with self._lock, self.database.reading() as connection:
                names = self.store.disabled(connection)
                self._disabled = (time.monotonic(), names)
        return username in names

    def everybody(self) -> list[Person]:
        """Return the staff, without passwords."""
        with self.database.reading() as connection:
            return [shown(person) for person in self.store.all(connection)]

    def find(self, username: str) -> Person:
        """Return one person; raise NotFound."""
        with self.database.reading() as connection:
            return shown(self._must(connection, username))

    def add(
        self,
        username: str,
        password: str,
        name: str,
        roles: Sequence[str],
        department: str | None = None,
        competences: Sequence[str] = (),
    ) -> Person:
        """Add a person who can log in at once; raise Conflict for a taken username."""
        person = {
            "username": username,
            "password": password,
            "name": name,
            "roles": list(roles),
            "department": department,
        }
        return self.add_all([{**person, "competences": list(competences)}])[0]

    def hire(self, person: Person, key: Key | None) -> Answer:
        """Add a person for an HTTP caller: the same key and person give the same answer, and nobody is added twice."""
        given = self._given(key)
        if given is not None:
            return given
        try:
            return self._hired(person, key)
        except Conflict:
            given = self._given(key)  # the request that was faster may have been this very one
            if given is None:
                raise
            return given

    def _given(self, key: Key | None) -> Answer | None:
        with self.database.reading() as connection:
            return self.ledger.idempotency.find(connection, key)

    def _hired(self, person: Person, key: Key | None) -> Answer:
        row = self._row(person)
        answer = Answer(201, orjson.dumps(shown(row)), location=f"/staff/{row['username']}")
        self._write([row], lambda work: self.ledger.idempotency.keep(work.connection, key, answer, self.now()))
        return answer

    def add_all(self, people: Sequence[Person]) -> list[Person]:
        """Add several people, all or none; raise Conflict for a taken username."""
        rows = [self._row(person) for person in people]
        self._write(rows)
        return [shown(row) for row in rows]

    def _row(self, person: Person) -> Person:
        hashed = self.hasher.hash(person["password"])
        fresh = {"active": True, "present": True, "version": 1, "reason": None}
        return {"department": None, "competences": [], **person, "password": hashed, **fresh}

    def _write(self, rows: Sequence[Person], also: Callable[[Work], None] = lambda work: None) -> None:
        try:
            with self.database.writing() as work:
                for row in rows:
                    self.store.add(work.connection, row)
                    self._announce(work, row)
                also(work)
                work.commit()
        except IntegrityError:
            raise Conflict("A username is taken: " + ", ".join(row["username"] for row in rows) + ".", allowed=[]) from None

    def change(self, username: str, **changes: Any) -> Person:
        """Change a person (active, present, reason, password); raise NotFound."""
        if "password" in changes:
            changes["password"] = self.hasher.hash(changes["password"])
        with self.database.writing() as work:
            before = self._must(work.connection, username)
            person = {**before, **changes, "version": before["version"] + 1}
            self.store.change(work.connection, person)
            self._announce(work, person)
            work.commit()
        self._disabled = (0.0, frozenset())
        return shown(person)

    def _must(self, connection: Any, username: str) -> Person:
        person = self.store.get(connection, username)
        if person is None:
            raise NotFound(f"Nobody on the staff is called '{username[:64]}'.")
        return person

    def _announce(self, work: Work, person: Person) -> None:
        event = {
            "specversion": "1.0", "id": str(uuid_utils.uuid7()), "source": SOURCE, "type": "casewright.staff.recorded.v1",
            "subject": person["username"], "time": clock.instant(self.now()), "datacontenttype": "application/json",
            "sequence": person["version"], "data": shown(person),
        }  # fmt: skip
        self.ledger.outbox.add(work.connection, [event])
        work.after_commit(self.relay.wake.set)

    def _not_too_soon(self, username: str, whence: str, now: datetime) -> None:
        with self.database.reading() as connection:
            _, until = self.store.failed(connection, username, whence)
        if until and until > now:
            wait = min(int((until - now).total_seconds()) + 1, LONGEST_WAIT)
            raise TooManyRequests("Too many failed logins of this person: please wait.", retry_after=wait)

    def _count_failure(self, username: str, whence: str, now: datetime) -> None:
        try:
            self._count(username, whence, now)
        except IntegrityError:  # two first failures at once: this is the second
            self._count(username, whence, now)

    def _count(self, username: str, whence: str, now: datetime) -> None:
        with self.database.writing() as work:
            count = self.store.fail(work.connection, username, whence, now)
            wait = 0 if count < FREE_FAILURES else min(2 ** min(count - FREE_FAILURES, 6), LONGEST_WAIT)
            self.store.must_wait(work.connection, username, whence, now + timedelta(seconds=wait))
            work.commit()

    def _forgive(self, username: str, whence: str) -> None:
        with self.database.reading() as connection:
            count, _ = self.store.failed(connection, username, whence)
        if count:
            with self.database.writing() as work:
                self.store.forgive(work.connection, username, whence)
                work.commit()


def shown(person: Person) -> Person:
    """A person as others see it: no password."""
    return {name: value for name, value in person.items() if name not in ("password", "reason")}
