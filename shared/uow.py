"""One unit of work is one transaction: rollback is the default, commit is a line that someone wrote.

On SQLite a writer takes its lock at the start (`BEGIN IMMEDIATE`): a transaction that reads and then asks for the lock
loses it to others, whatever the time-out (architecture.md, fact 9). Writers of one process queue on a lock of their own,
in order, instead of in SQLite's sleeping busy handler.
"""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import OperationalError
from sqlalchemy.pool import QueuePool

from shared.errors import StaleVersion, Unavailable

BUSY_SECONDS = 30
LOST_RACES = ("40001", "40P01")
"""PostgreSQL's words for a transaction that gave way to another: serialization failure, deadlock."""


class Work:
    """A transaction under way; what must follow the commit is registered before it."""

    def __init__(self, connection: Connection) -> None:
        self.connection = connection
        self.committed = False
        self._after: list[Callable[[], None]] = []

    def commit(self) -> None:
        """Make it so, then do what was registered."""
        self.connection.commit()
        self.committed = True
        for act in self._after:
            act()

    def after_commit(self, act: Callable[[], None]) -> None:
        """Register what follows the commit; it must not fail and must not be needed (a wake-up call, a counter)."""
        self._after.append(act)


class Database:
    """One service's own database, by URL; connects when first asked, never at import."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.is_sqlite = url.startswith("sqlite")
        self._lock = threading.Lock() if self.is_sqlite else nullcontext()
        self.engine: Engine = create_engine(
            url, poolclass=QueuePool, pool_size=20, max_overflow=20, pool_use_lifo=True, **_options(self.is_sqlite)
        )  # the connection used last is the warm one; with the oldest first, all twenty would fill their caches
        if self.is_sqlite:
            _configure_sqlite(self.engine, writes="mode=ro" not in url)

    @contextmanager
    def writing(self) -> Iterator[Work]:
        """Open a unit of work that may write; it is rolled back unless `commit` was called. Raises Unavailable."""
        with self._lock, _unavailable_when_away(), self.engine.connect() as connection:
            if self.is_sqlite:
                connection.exec_driver_sql("BEGIN IMMEDIATE")
            yield Work(connection)

    @contextmanager
    def reading(self, as_is: bool = False) -> Iterator[Connection]:
        """Open one consistent view that writes nothing. Raises Unavailable where the database is away.

        `as_is` reads text that was damaged too, so that whoever verifies can name it.
        """
        with _unavailable_when_away(), self.engine.connect() as plain, _as_is(plain, as_is and self.is_sqlite):
            if self.is_sqlite:
                plain.exec_driver_sql("BEGIN")
                yield plain
            else:
                yield plain.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)

    def close(self) -> None:
        """Give all connections back."""
        self.engine.dispose()


def _options(sqlite: bool) -> dict[str, Any]:
    if sqlite:
        return {"connect_args": {"timeout": BUSY_SECONDS, "check_same_thread": False}}
    return {"pool_pre_ping": True, "connect_args": {"connect_timeout": 5}}


def _configure_sqlite(engine: Engine, writes: bool) -> None:
    @event.listens_for(engine, "connect")
    def _connect(connection: Any, _record: Any) -> None:
        connection.isolation_level = None  # the driver must not begin transactions by itself: `writing` does
        for pragma in (
            *(("journal_mode=WAL",) if writes else ()),
            "synchronous=FULL",
            "foreign_keys=ON",
            "cache_size=-1000",
            "temp_store=MEMORY",
            "wal_autocheckpoint=4000",
        ):
            connection.execute(f"PRAGMA {pragma}")


@contextmanager
def _as_is(connection: Connection, wanted: bool) -> Iterator[None]:
    """Let SQLite's driver take bytes that are no UTF-8 for text, for a while: each text then costs a call."""
    driver: Any = connection.connection.driver_connection
    try:
        if wanted:
            driver.text_factory = lambda stored: stored.decode(errors="surrogateescape")
        yield
    finally:
        if wanted:
            driver.text_factory = str


@contextmanager
def _unavailable_when_away() -> Iterator[None]:
    try:
        yield
    except OperationalError as error:
        if getattr(error.orig, "sqlstate", None) in LOST_RACES:
            raise StaleVersion("Somebody else has moved this case meanwhile: please read it again.") from error
        raise Unavailable("The database does not answer at the moment; nothing was changed.", retry_after=2) from error
