"""Lists of cases: what may be asked, and pages that a walk can follow to the end (keyset, never an offset).

The first page of a walk remembers when it began: cases opened later are not in it. Sorted by a value that changes,
a case that moves while the walk goes on is met where it was at the start, for its rank is read from its history.
"""

import base64
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

import orjson
from sqlalchemy import Connection, Select, and_, or_, select

from shared.clock import instant, moment
from shared.errors import Invalid
from shared.procedure import Procedures
from shared.store import PRIORITIES, Store

SORTS = ("opened_at", "updated_at", "due_at", "priority")
LIMIT, MOST = 50, 500
Found = tuple[str, Any, str]
"""A case in a list: its id, the value sorted by, and its stored state."""
Then = Callable[[Connection, str, datetime], Mapping[str, Any] | None]
"""A case's row as it was at a moment, None where it was not there."""
PLAIN = ("q", "sort", "limit", "cursor")


@dataclass(frozen=True)
class Query:
    """A list as it was asked for; `filters` by parameter, `after` the (rank, id) of the last case of the page before."""

    filters: Mapping[str, str]
    q: str = ""
    sort: str = "-opened_at"
    limit: int = LIMIT
    began: datetime | None = None
    after: tuple[Any, str] | None = None
    asked: Mapping[str, str] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """The column sorted by."""
        return self.sort.removeprefix("-")

    @property
    def descending(self) -> bool:
        """Whether the greatest comes first."""
        return self.sort.startswith("-")


def invalid(parameter: str, detail: str) -> Invalid:
    """A refusal that names the query parameter."""
    return Invalid(f"The parameter '{parameter}' is not right: {detail}", errors=[{"pointer": f"/{parameter}", "detail": detail}])


def whole(parameters: Mapping[str, str], name: str, default: int, most: int, least: int = 1) -> int:
    """Read a whole number from the query; raise Invalid."""
    written = parameters.get(name)
    if written is None:
        return default
    if not written.isascii() or not written.isdigit() or len(written) > 9 or not least <= int(written) <= most:
        raise invalid(name, f"A whole number from {least} to {most} is expected.")
    return int(written)


def only(query: Any, *known: str) -> dict[str, str]:
    """Read a query of which just these parameters are known, each once; raise Invalid naming another."""
    for name, values in query.lists():
        if name not in known:
            raise invalid(name, "This parameter is not known here.")
        if len(values) > 1:
            raise invalid(name, "This parameter was given twice.")
        if "\0" in values[0]:
            raise invalid(name, "The character NUL is not allowed.")
    parameters: dict[str, str] = query.to_dict()
    return parameters


def encode(value: Any) -> str:
    """Write a cursor: opaque, safe in an address."""
    return base64.urlsafe_b64encode(orjson.dumps(value)).decode().rstrip("=")


def decode(text: str, name: str = "cursor") -> Any:
    """Read a cursor; raise Invalid for one that was not given out here."""
    try:
        written = base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        if b"\\u0000" in written:
            raise ValueError("PostgreSQL knows no NUL")
        return orjson.loads(written)
    except ValueError:
        raise invalid(name, "This is not a cursor that was given out here.") from None


def parse(query: Any, filters: Mapping[str, tuple[str, ...] | None]) -> Query:
    """Read the parameters of a list; `filters` names those of the kind with their words, None where any word will do."""
    parameters = only(query, *filters, *PLAIN)
    given = {name: parameters[name] for name in filters if name in parameters}
    for name, value in given.items():
        words = filters[name]
        if words is not None and value not in words:
            raise invalid(name, "Allowed: " + ", ".join(words) + ".")
        if not value:
            raise invalid(name, "A value is expected.")
    sort = parameters.get("sort", "-opened_at")
    if sort.removeprefix("-") not in SORTS:
        raise invalid("sort", "Allowed: " + ", ".join(f"{s}, -{s}" for s in SORTS) + ".")
    asked = {name: value for name, value in parameters.items() if name != "cursor"}
    wanted = Query(given, parameters.get("q", ""), sort, whole(parameters, "limit", LIMIT, MOST), asked=asked)
    return _continued(wanted, parameters["cursor"]) if "cursor" in parameters else wanted


def _continued(query: Query, cursor: str) -> Query:
    read = decode(cursor)
    try:
        sort, began, rank, last = read
        value = rank if query.column == "priority" else moment(rank)
        if sort != query.sort or not isinstance(last, str):
            raise ValueError
        if query.column == "priority" and (type(rank) is not int or not 0 <= rank < len(PRIORITIES)):
            raise ValueError
        return Query(query.filters, query.q, query.sort, query.limit, moment(began), (value, last), query.asked)
    except (ValueError, TypeError, AttributeError):
        raise invalid("cursor", "This is not a cursor of this list.") from None


class Lists:
    """Answers lists of one kind of case."""

    def __init__(self, store: Store[Any], procedures: Procedures, own: Mapping[str, tuple[str, ...] | None]) -> None:
        """`own` are the filters of the kind, each on the column of its name."""
        stages = tuple(dict.fromkeys(stage.name for p in procedures.versions.values() for stage in p.stages))
        self.store = store
        self.filters: dict[str, tuple[str, ...] | None] = {
            "stage": stages, "owner": None, "department": None, "open": ("true", "false"), "overdue": ("true", "false"), **own,
        }  # fmt: skip

    def page(self, connection: Connection, query: Query, now: datetime, path: str, then: Then) -> tuple[list[Any], str | None]:
        """Return the cases of one page and the address of the next; `then` gives a case as it was at a moment."""
        began = query.began or now
        c = self.store.table.c
        rows = self._where(connection, select(c.id, c[query.column], c.state), query, now).where(c.opened_at <= began)
        if query.began:
            rows = rows.where(c.updated_at <= began)
        found = [tuple(row) for row in connection.execute(self._in_order(rows, query).limit(query.limit + 1))]
        if query.began:
            found = self._merged(query, found, self._moved(connection, query, began, then))
        cases = [self.store.load(state) for _, _, state in found[: query.limit]]
        if len(found) <= query.limit:
            return cases, None
        last, rank, _ = found[query.limit - 1]
        cursor = encode([query.sort, instant(began), rank if query.column == "priority" else instant(rank), last])
        return cases, f"{path}?{urlencode({**query.asked, 'cursor': cursor})}"

    def _in_order(self, rows: Select[Any], query: Query) -> Select[Any]:
        c = self.store.table.c
        rank, down = c[query.column], query.descending
        if query.after:
            value, last = query.after
            beyond, same = (rank < value, c.id < last) if down else (rank > value, c.id > last)
            rows = rows.where(or_(beyond, and_(rank == value, same)))
        return rows.order_by(*((rank.desc(), c.id.desc()) if down else (rank, c.id)))

    def _moved(self, connection: Connection, query: Query, began: datetime, then: Then) -> list[Found]:
        """What has changed since the walk began, ranked and filtered as it was then."""
        c = self.store.table.c
        moved = select(c.id, c.state).where(c.updated_at > began, c.opened_at <= began)
        if query.q:
            moved = moved.where(self.store.matching(connection, query.q))
        rows = []
        for row in connection.execute(moved).all():
            was = then(connection, row.id, began)
            if was is not None and self._held(was, query, began):
                rows.append((row.id, was[query.column], row.state))
        return rows

    @staticmethod
    def _held(was: Mapping[str, Any], query: Query, began: datetime) -> bool:
        seen = {
            **was, "open": str(was["open"]).lower(), "overdue": str(was["due_at"] < began).lower(),
            "priority": PRIORITIES[was["priority"]], "customer": was.get("customer_ref"),
        }  # fmt: skip
        return all(seen[name] == value for name, value in query.filters.items())

    @staticmethod
    def _merged(query: Query, still: list[Found], moved: list[Found]) -> list[Found]:
        def place(row: Found) -> tuple[Any, str]:
            return row[1], row[0]

        if query.after and query.descending:
            moved = [row for row in moved if place(row) < query.after]
        elif query.after:
            moved = [row for row in moved if place(row) > query.after]
        return sorted([*still, *moved], key=place, reverse=query.descending)

    def _where(self, connection: Connection, rows: Select[Any], query: Query, now: datetime) -> Select[Any]:
        c = self.store.table.c
        tests: dict[str, Callable[[str], Any]] = {
            "open": lambda value: c.open.is_(value == "true"),
            "overdue": lambda value: c.due_at < now if value == "true" else c.due_at >= now,
            "priority": lambda value: c.priority == PRIORITIES.index(value),
            "customer": lambda value: c.customer_ref == value,
        }
        for name, value in query.filters.items():
            rows = rows.where(tests[name](value) if name in tests else c[name] == value)
        return rows.where(self.store.matching(connection, query.q)) if query.q else rows
