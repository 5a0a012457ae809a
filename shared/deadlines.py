"""When a case has to have moved: every clock of a case, as a pure function of its entries and a calendar.

What waits for its moment is a row; a sweep takes the ordinary step as `system` through the same door,
so a late or a double firing changes nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Column, Connection, Index, MetaData, String, Table, bindparam, delete, insert, select

from shared.case import Case
from shared.clock import instant, moment
from shared.clocks import Calendar, Span
from shared.columns import Instant
from shared.owners import levels
from shared.procedure import Limit, Procedure, Statute

Timer = tuple[str, str]
"""When something fires, and which trigger."""


@dataclass(frozen=True, slots=True)
class Due:
    """One clock of a case: `due_at` is None while it is paused; `fires` is what comes next by itself."""

    name: str
    kind: str
    due_at: datetime | None
    met_at: str | None = None
    outcome: str | None = None
    fires: Timer | None = None

    def state(self, now: datetime) -> str:
        """running, paused, met or missed (wire.md)."""
        if self.outcome:
            return self.outcome
        if self.due_at is None:
            return "paused"
        return "missed" if self.due_at < (moment(self.met_at) if self.met_at else now) else "met" if self.met_at else "running"


def clocks(case: Case, procedure: Procedure, calendar: Calendar) -> list[Due]:
    """All clocks of a case: of its stage, of a hold, of the law, and the outcome of those of earlier stages."""
    running = [*_of_stage(case, procedure, calendar), *_of_law(case, procedure, calendar)]
    names = {due.name for due in running}
    return running + [
        Due(name, "internal", moment(was["due_at"]) if was["due_at"] else None, outcome=was["state"])
        for name, was in case.past.items()
        if name not in names
    ]


def due_at(dues: list[Due]) -> datetime | None:
    """The nearest moment by which somebody must have acted, past ones included; None for a closed case."""
    return min((due.due_at for due in dues if due.due_at and not due.met_at and not due.outcome), default=None)


def pending(case: Case, dues: list[Due]) -> dict[str, Timer]:
    """What will fire by itself, by name: the clocks' next firings and the case's own moments (an offer's end)."""
    fires = {due.name: due.fires for due in dues if due.fires}
    return {**fires, **case.timers()} if case.open else {}


def outcome(case: Case, procedure: Procedure, calendar: Calendar, at: str) -> dict[str, str | None] | None:
    """How the clock of the present stage comes out where the case leaves it at this moment."""
    for due in _of_stage(case, procedure, calendar):
        if due.name != procedure.on_hold.name:
            late = due.due_at is not None and due.due_at < moment(at)
            return {
                "name": due.name,
                "due_at": instant(due.due_at) if due.due_at else None,
                "state": "missed" if late else "met",
            }
    return None


def _of_stage(case: Case, procedure: Procedure, calendar: Calendar) -> Iterator[Due]:
    limit = procedure.stage[case.stage].clock
    if limit is None:
        return
    pauses = [(moment(start), moment(end)) for start, end in case.pauses]
    if case.held_since is not None:
        yield _due(case, procedure, procedure.on_hold, calendar, moment(case.held_since), [])
        yield Due(limit.name, "internal", None)
    else:
        yield _due(case, procedure, limit, calendar, moment(case.stage_since), pauses)


def _due(case: Case, procedure: Procedure, limit: Limit, calendar: Calendar, since: datetime, pauses: Any) -> Due:
    fired = case.fired.get(limit.name, [])
    due = limit.span.end(calendar, since, pauses)
    end = limit.span.end(calendar, moment(fired[-1]), pauses) if fired else due  # the next level has its own time from then
    trigger = limit.fires[min(len(fired), len(limit.fires) - 1)]
    fires = (instant(end), trigger) if end and _can_fire(trigger, case, procedure) else None
    return Due(limit.name, "internal", due, fires=fires)


def _can_fire(trigger: str, case: Case, procedure: Procedure) -> bool:
    return trigger != "escalate" or case.level < len(levels(case, procedure))


def _of_law(case: Case, procedure: Procedure, calendar: Calendar) -> Iterator[Due]:
    for statute in procedure.statutes.get(case.profile, ()):
        clock = case.statutes.get(statute.name)
        if clock is not None and clock["since"] is not None:
            since = moment(clock["since"])
            due = statute.span.end(calendar, since)
            fires = None if clock["met_at"] else _law_fires(case, procedure, statute, calendar, since)
            yield Due(statute.name, "statutory", due, met_at=clock["met_at"], fires=fires)


def _law_fires(case: Case, procedure: Procedure, statute: Statute, calendar: Calendar, since: datetime) -> Timer | None:
    spans: list[Span] = [statute.span] if statute.warn is None else [statute.warn, statute.span]
    fired = len(case.fired.get(statute.name, ()))
    if fired >= len(spans):
        return None
    end = spans[fired].end(calendar, since)
    last = fired == len(spans) - 1
    trigger = "escalate" if last and _can_fire("escalate", case, procedure) else "remind"
    return (instant(end), trigger) if end else None


class Deadlines:
    """The rows that wait for their moment, one per case and name."""

    def __init__(self, metadata: MetaData) -> None:
        self.table = Table(
            "deadline",
            metadata,
            Column("case_id", String(64), primary_key=True),
            Column("name", String(64), primary_key=True),
            Column("due_at", Instant, nullable=False),
            Column("trigger", String(64), nullable=False),
            Index("deadline_due", "due_at"),
        )
        self.calendar = Table("calendar", metadata, Column("digest", String(71), primary_key=True))
        c = self.table.c
        self._delete = delete(self.table).where(c.case_id == bindparam("of"), c.name == bindparam("named"))
        self._insert = insert(self.table)

    def replace(self, connection: Connection, case_id: str, before: dict[str, Timer], after: dict[str, Timer]) -> None:
        """Write what has changed between two sets of timers of one case, and nothing else."""
        gone = [name for name in before if after.get(name) != before[name]]
        new = [name for name in after if after[name] != before.get(name)]
        if gone:
            connection.execute(self._delete, [{"of": case_id, "named": name} for name in gone])
        if new:
            rows = [{"case_id": case_id, "name": n, "due_at": moment(after[n][0]), "trigger": after[n][1]} for n in new]
            connection.execute(self._insert, rows)

    def counted_by(self, connection: Connection, calendar: Calendar) -> bool:
        """Whether the rows were computed by this calendar."""
        return connection.execute(select(self.calendar.c.digest)).scalars().all() == [calendar.digest()]

    def count_by(self, connection: Connection, calendar: Calendar) -> None:
        """Remember by which calendar the rows are computed."""
        connection.execute(delete(self.calendar))
        connection.execute(insert(self.calendar), {"digest": calendar.digest()})

    def of(self, connection: Connection, case_id: str) -> dict[str, Timer]:
        """The rows of one case, as timers."""
        rows = select(self.table).where(self.table.c.case_id == case_id)
        return {row.name: (instant(row.due_at), row.trigger) for row in connection.execute(rows)}

    def due(self, connection: Connection, now: datetime, limit: int = 100) -> list[tuple[str, str]]:
        """Return (case, name) of what should have fired by now, the longest overdue first."""
        rows = select(self.table.c.case_id, self.table.c.name).where(self.table.c.due_at <= now)
        return [(row.case_id, row.name) for row in connection.execute(rows.order_by(self.table.c.due_at).limit(limit))]

    def next(self, connection: Connection) -> datetime | None:
        """The moment of the next firing, so that a sweep need not look before."""
        return connection.execute(select(self.table.c.due_at).order_by(self.table.c.due_at).limit(1)).scalar()

    def drop(self, connection: Connection, case_id: str, name: str) -> None:
        """Take away a row that no longer stands for anything."""
        connection.execute(self._delete, {"of": case_id, "named": name})


POLL = timedelta(seconds=1)
"""How often a sweep looks; other processes write too."""
