"""What may be read of the cases of one kind: now, at any moment before, and whether the record holds together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Generic

import orjson
from sqlalchemy import Connection

from shared.caller import Caller
from shared.case import fold
from shared.casework import Casework
from shared.clock import instant, moment
from shared.deadlines import clocks
from shared.entries import Written, read
from shared.errors import NotFound, RoleNotAllowed
from shared.identity import STAFF
from shared.lists import Lists, Query, decode, encode, invalid
from shared.store import C
from shared.verify import Finding, Record, check_case, records
from shared.views import customers_entry, entry_view

Document = dict[str, Any]


class Reading(Generic[C]):
    """Answers every GET of one kind of case; staff read all, a customer's link one case."""

    def __init__(self, casework: Casework[C], lists: Lists) -> None:
        self.work, self.lists = casework, lists
        self.parts, self.store, self.views = casework.parts, casework.store, casework.views
        self.ledger = casework.ledger

    def get(self, caller: Caller, case_id: str) -> tuple[bytes, int]:
        """Return the case with what the caller may do, and its version."""
        with self.parts.database.reading() as connection:
            case = self._case(connection, caller, case_id)
        return self.views.body(case, caller.actor, self._context()), case.version

    def why(self, caller: Caller, case_id: str) -> Document:
        """Return every step with whether and why not."""
        with self.parts.database.reading() as connection:
            case = self._case(connection, caller, case_id)
        return self.views.why(case, caller.actor, self._context())

    def history(self, caller: Caller, case_id: str, as_of: str | None = None) -> Document:
        """Return the entries; with `as_of` those up to then and the case as it was. Raises NotFound before the first."""
        with self.parts.database.reading() as connection:
            self._case(connection, caller, case_id)
            stored = self.ledger.history.of(connection, case_id)
        document: Document = {"case": case_id, "kind": self.work.kind}
        if as_of is not None:
            until = _time("as_of", as_of)
            stored = [w for w in stored if w.at <= instant(until)]
            if not stored:
                raise NotFound(f"The case was not there yet at {as_of}.")
            case = self.replay(stored)
            document["state"] = {
                **self.views.case(case, (self.parts.policy, self.parts.calendar, until)),
                "actions": [],
                "notes": [],
            }
        entries = [entry_view(read(w), w.prev, w.hash) for w in stored]
        if caller.actor.is_customer:
            entries = [customers_entry(entry, caller.actor) for entry in entries]
            if "state" in document:
                document["state"] = self.views.for_customer(document["state"])
        return {**document, "entries": entries}

    def replay(self, stored: Iterable[Written]) -> C:
        """Fold a case from nothing out of its stored entries."""
        case: C | None = None
        for written in stored:
            entry = read(written)
            if case is None:
                case = self.store.model(
                    id=entry.case, kind=entry.kind, reference=entry.effects["reference"],
                    procedure_version=entry.procedure_version, opened_at=entry.at,
                )  # fmt: skip
            fold(case, entry, written.hash, self.work.procedures[entry.procedure_version], self.work.folds)
        assert case is not None, "a case has at least one entry"
        return case

    def then(self, connection: Connection, case_id: str, at: datetime) -> Document | None:
        """The row of a case as it was at a moment; None before its first entry."""
        stored = [w for w in self.ledger.history.of(connection, case_id) if w.at <= instant(at)]
        if not stored:
            return None
        case = self.replay(stored)
        procedure = self.work.procedures[case.procedure_version]
        return self.store.row(case, procedure, clocks(case, procedure, self.parts.calendar))

    def find(self, caller: Caller, query: Query, path: str) -> Document:
        """Return one page of cases and the address of the next."""
        self._staff(caller)
        context = self._context()
        with self.parts.database.reading() as connection:
            cases, following = self.lists.page(connection, query, context[2], path, self.then)
        return {"items": [self.views.case(case, context) for case in cases], "next": following}

    def worklist(self, caller: Caller, limit: int, cursor: str | None) -> Document:
        """Return what lies on the caller's desks, most urgent first; each item carries the cursor behind it."""
        self._staff(caller)
        context = self._context()
        after = None
        if cursor is not None:
            place = decode(cursor)
            if not isinstance(place, list) or len(place) != 2 or not all(isinstance(part, str) for part in place):
                raise invalid("cursor", "This is not a cursor that was given out here.")
            after = (_time("cursor", place[0]), place[1])
        with self.parts.database.reading() as connection:
            rows = self.store.worklist(connection, caller.actor.desks(), after, limit + 1)
        items = [self.views.item(self.store.load(row.state), caller.actor, context) for row in rows[:limit]]
        for item, row in zip(items, rows, strict=False):
            item["cursor"] = encode([instant(row.due_at), row.id])
        return {"items": items, "next": items[-1]["cursor"] if len(rows) > limit else None}

    def events(self, caller: Caller, after: int, types: Sequence[str], limit: int) -> bytes:
        """Return a page of this service's feed, as JSON: events, the position reached, whether there is more."""
        self._staff(caller)
        with self.parts.database.reading() as connection:
            events, reached, more = self.ledger.outbox.page(connection, after, types, limit)
        fragments = [orjson.Fragment(event) for event in events]
        return orjson.dumps({"source": self.ledger.outbox.source, "events": fragments, "position": reached, "more": more})

    def refusals(self, caller: Caller, after: int, limit: int, case_id: str | None) -> Document:
        """Return refused acts, oldest first; for auditors and managers."""
        self._only(caller, "auditor", "manager")
        with self.parts.database.reading() as connection:
            rows = self.ledger.refusals.page(connection, after, limit + 1, case_id)
        items = [{**row, "at": instant(row["at"]), "cursor": str(row["number"])} for row in rows[:limit]]
        return {"items": items, "next": items[-1]["cursor"] if len(rows) > limit else None}

    def verify(self, caller: Caller, case_id: str) -> Document:
        """Recompute one case's chain from the stored bytes and compare fold and events; for auditors and managers."""
        self._only(caller, "auditor", "manager")
        with self.parts.database.reading(as_is=True) as connection:
            stored = self.ledger.history.of(connection, case_id)
            row = next(self.store.rows(connection, case_id), None)
            if row is None and not stored:
                raise NotFound(f"There is no {self.work.kind} with the id '{case_id[:80]}'.")
            events = self.ledger.outbox.of(connection, case_id)
        bad = check_case(Record(case_id, stored, events, row._mapping if row else None), self.differences)
        document: Document = {"ok": bad is None, "entries": len(stored), "head": stored[-1].hash if stored else None}
        return document if bad is None else {**document, "first_bad": {"seq": bad.seq, "why": bad.why}}

    def examine_all(self, connection: Connection) -> Iterator[tuple[Record, Finding | None]]:
        """Check every case that has an entry, an event or a row, one at a time, in the order of ids."""
        found = records(
            self.ledger.history.all(connection),
            ((row.case_id, row.seq, row.body) for row in self.ledger.outbox.all(connection)),
            ((row.id, row._mapping) for row in self.store.rows(connection)),
        )
        return ((record, check_case(record, self.differences)) for record in found)

    def differences(self, stored: Sequence[Written], row: Mapping[Any, Any]) -> list[str]:
        """What a case's row has otherwise than the fold of its entries."""
        case = self.replay(stored)
        return self.store.differences(row, case, self.work.procedures[case.procedure_version])

    def _case(self, connection: Connection, caller: Caller, case_id: str) -> C:
        case = self.store.get(connection, case_id)
        if case is None:
            raise NotFound(f"There is no {self.work.kind} with the id '{case_id[:80]}'.")
        self.work.owned(case, caller.actor)
        return case

    def _context(self) -> Any:
        return self.parts.policy, self.parts.calendar, self.parts.now()

    @staticmethod
    def _staff(caller: Caller) -> None:
        Reading._only(caller, *STAFF, "system")

    @staticmethod
    def _only(caller: Caller, *roles: str) -> None:
        if not caller.actor.roles & set(roles):
            raise RoleNotAllowed("This is for " + ", ".join(roles) + ".")


def _time(name: str, text: str) -> datetime:
    try:
        return moment(text.replace(" ", "+"))  # an unescaped + in an address arrives as a blank
    except ValueError:
        raise invalid(name, "A time with offset is expected, such as 2026-11-20T12:00:00Z.") from None
