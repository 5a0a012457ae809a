"""The table of a kind of case: the whole case as folded, and beside it the columns that lists ask for.

A service's `store.py` names its own columns; everything else is the same for every kind.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Generic, TypeVar

import orjson
from sqlalchemy import (
    Boolean,
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
    select,
    true,
    type_coerce,
    union_all,
    update,
)
from sqlalchemy.types import NullType

from shared import owners, words
from shared.case import Case
from shared.clock import instant, moment
from shared.columns import Instant
from shared.deadlines import due_at
from shared.errors import StaleVersion
from shared.procedure import Procedure

C = TypeVar("C", bound=Case)
DESKS = ("desk", "own_desk", "watch_desk")
"""Whose work a case is: who answers for it, the stage's own owner after an escalation, and who was alerted."""
NEVER = datetime(9999, 12, 31, tzinfo=UTC)
"""When a case without a clock (a closed one) is due: lists by due time have it last."""
PRIORITIES = ("low", "normal", "high", "urgent")


class Store(Generic[C]):
    """Reads and writes the cases of one kind; the version check lets the database decide who was first."""

    def __init__(
        self,
        metadata: MetaData,
        name: str,
        model: type[C],
        own: Mapping[str, tuple[Column[Any], Callable[[C], Any]]],
        searched: Callable[[C], str],
    ) -> None:
        """Describe the table `name`; `own` maps a column's name to the column and what it holds of a case."""
        self.model, self.name = model, name
        self._own = {column: value for column, (_, value) in own.items()}
        self._searched = searched
        self.table = Table(
            name,
            metadata,
            Column("number", Integer, primary_key=True, autoincrement=True),
            Column("id", String(64), nullable=False, unique=True),
            Column("reference", String(32), nullable=False, unique=True),
            Column("version", Integer, nullable=False),
            Column("stage", String(64), nullable=False),
            Column("open", Boolean, nullable=False),
            Column("desk", String(255)),
            Column("own_desk", String(255)),
            Column("watch_desk", String(255)),
            Column("owner", String(255)),
            Column("assignee", String(255)),
            Column("department", String(64)),
            Column("priority", Integer, nullable=False),
            Column("due_at", Instant, nullable=False),
            Column("opened_at", Instant, nullable=False),
            Column("updated_at", Instant, nullable=False),
            Column("source", String(255)),
            Column("external_id", String(255)),
            *(column for column, _ in own.values()),
            Column("state", Text, nullable=False),
            *self._indexes(name, tuple(own)),
        )
        self._get = select(self.table.c.state).where(self.table.c.id == bindparam("wanted"))
        self._insert = insert(self.table)
        self._replace = update(self.table).where(self.table.c.id == bindparam("which"), self.table.c.version == bindparam("seen"))

    @staticmethod
    def _indexes(name: str, own: Sequence[str]) -> list[Index]:
        lists = [Index(f"{name}_{column}", column, "opened_at", "id") for column in ("stage", "owner", "department", *own)]
        order = [Index(f"{name}_{column}", column, "id") for column in ("due_at", "opened_at", "updated_at", "priority")]
        desks = [Index(f"{name}_{desk}", desk, "due_at", "id") for desk in DESKS]
        load = Index(f"{name}_load", "assignee", "open")
        return [*lists, *order, *desks, load, Index(f"{name}_external", "source", "external_id", unique=True)]

    def get(self, connection: Connection, case_id: str) -> C | None:
        """Return the case as stored, or None."""
        state = connection.execute(self._get, {"wanted": case_id}).scalar()
        return self.load(state) if state else None

    def by_external(self, connection: Connection, source: str, external_id: str) -> str | None:
        """The id of the case that was opened under this pair, or None."""
        c = self.table.c
        return connection.execute(select(c.id).where(c.source == source, c.external_id == external_id)).scalar()

    def load(self, state: str) -> C:
        """Read a stored case back."""
        return self.model(**orjson.loads(state))

    def insert(self, connection: Connection, case: C, row: dict[str, Any]) -> None:
        """Write a new case; the database refuses a known external id with an IntegrityError."""
        [number] = connection.execute(self._insert, row).inserted_primary_key or [0]
        words.index(connection, self.name, number, self._searched(case))

    def replace(self, connection: Connection, row: dict[str, Any], before: dict[str, Any]) -> None:
        """Write over the version that was read what has changed of its row, so that no index is touched in vain.

        Raises StaleVersion where another was faster.
        """
        changed = {name: value for name, value in row.items() if before[name] != value}
        done = connection.execute(self._replace, {**changed, "which": row["id"], "seen": before["version"]})
        if done.rowcount != 1:
            raise StaleVersion("Somebody else has moved this case meanwhile: please read it again.")

    def open_ids(self, connection: Connection) -> list[str]:
        """The ids of all open cases."""
        return list(connection.execute(select(self.table.c.id).where(self.table.c.open.is_(True))).scalars())

    def reschedule(self, connection: Connection, case_id: str, due: datetime) -> bool:
        """Write when a case is due by a changed calendar; return whether that moved it."""
        c = self.table.c
        moved = update(self.table).where(c.id == case_id, c.due_at != due).values(due_at=due)
        return connection.execute(moved).rowcount == 1

    def row(self, case: C, procedure: Procedure, dues: list[Any]) -> dict[str, Any]:
        """Everything that is stored of a case."""
        desk, own_desk = owners.desks(case, procedure)
        held = owners.owner(case, procedure)
        return {
            "id": case.id, "reference": case.reference, "version": case.version, "stage": case.stage, "open": case.open,
            "desk": desk, "own_desk": own_desk,
            "watch_desk": f"role:{case.watched_by}" if case.open and case.watched_by else None,
            "owner": held["person"] if held else None,
            "assignee": case.assignee, "department": case.department, "priority": PRIORITIES.index(case.priority),
            "due_at": (due_at(dues) if case.open else None) or NEVER, "opened_at": moment(case.opened_at),
            "updated_at": moment(case.updated_at), "source": case.source or ("" if case.external_id else None),
            "external_id": case.external_id, **{name: value(case) for name, value in self._own.items()},
            "state": orjson.dumps(case).decode(),
        }  # fmt: skip

    def load_of(self, connection: Connection, people: Sequence[str]) -> dict[str, int]:
        """How many open cases each person is assigned."""
        c = self.table.c
        rows = select(c.assignee, func.count()).where(c.assignee.in_(people), c.open.is_(True)).group_by(c.assignee)
        return {row[0]: row[1] for row in connection.execute(rows)}

    def worklist(
        self, connection: Connection, desks: Sequence[str], after: tuple[datetime, str] | None, limit: int
    ) -> list[Row[Any]]:
        """What lies on these desks, by due time; the desks are read one by one, each along its index."""
        c, parts = self.table.c, []
        for column in (c[desk] for desk in DESKS):
            for desk in desks:
                part = select(c.id, c.due_at).where(column == desk)
                if after:
                    part = part.where((c.due_at > after[0]) | ((c.due_at == after[0]) & (c.id > after[1])))
                parts.append(select(part.order_by(c.due_at, c.id).limit(limit).subquery()))
        found = union_all(*parts).subquery()
        rows = select(c.id, c.due_at, c.state).where(c.id.in_(select(found.c.id))).order_by(c.due_at, c.id).limit(limit)
        return list(connection.execute(rows))

    def matching(self, connection: Connection, query: str) -> Any:
        """The condition that a case contains all the words of a query, also Chinese ones."""
        return words.matching(connection, self.name, self.table.c.number, query) if query else true()

    def rows(self, connection: Connection, case_id: str | None = None) -> Iterator[Row[Any]]:
        """The stored rows of one case, or of all in the order of ids: as the driver gives them, none held in memory."""
        rows = select(*(type_coerce(c, NullType()).label(c.name) for c in self.table.c)).order_by(self.table.c.id)
        if case_id is not None:
            rows = rows.where(self.table.c.id == case_id)
        return iter(connection.execute(rows if case_id else rows.execution_options(yield_per=500)))

    def differences(self, row: Mapping[Any, Any], case: C, procedure: Procedure) -> list[str]:
        """Name what a stored row has otherwise than the case; `due_at` is left out, for it follows the calendar too."""
        kept, now = _plain(orjson.loads(row["state"])), _plain(case)
        names = [f"state/{name}" for name in sorted(kept.keys() | now.keys()) if kept.get(name) != now.get(name)]
        wanted = {name: value for name, value in self.row(case, procedure, []).items() if name not in ("due_at", "state")}
        return names + [name for name, value in wanted.items() if _same(row[name]) != _same(value)]


def _plain(value: Any) -> dict[str, Any]:
    read: dict[str, Any] = orjson.loads(orjson.dumps(value))
    return read


def _same(value: Any) -> Any:
    return instant(value) if isinstance(value, datetime) else value
