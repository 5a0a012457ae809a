"""The path of a step: from a caller's wish to one transaction with case, entry, event, answer and clocks.

A service derives its own class and says what it looks up before the door (`known`), what it adds after it (`also`),
and how its cases look to others. Everything else is the same for every procedure.
"""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, Generic

import orjson
import uuid_utils
from sqlalchemy.exc import IntegrityError

from shared import clock, deadlines, entries, fields
from shared.caller import Caller, Parts
from shared.case import Fold, fold
from shared.clocks import Calendar
from shared.entries import Entry
from shared.errors import (
    Conflict,
    GuardRefused,
    Invalid,
    NotFound,
    NotYourCase,
    Refused,
    RoleNotAllowed,
    StaleVersion,
    VersionRequired,
    WrongStage,
)
from shared.events import announce
from shared.idempotency import Answer, Key, key_of
from shared.identity import Actor
from shared.procedure import Act, Procedure, Procedures, Step
from shared.store import C, Store
from shared.uow import Work
from shared.views import Views

__all__ = ["Caller", "Casework", "Parts"]

log = logging.getLogger(__name__)

Snapshot = tuple[dict[str, Any], dict[str, deadlines.Timer]]
SKEW = timedelta(days=1)
"""How far ahead of our clock a time stated by a caller may lie: clocks and time zones of others are not exact."""


class Casework(Generic[C]):
    """Opens, advances and answers for the cases of one kind."""

    folds: Mapping[str, Fold] = {}
    import_may_omit: tuple[str, ...] = ()

    def __init__(self, parts: Parts, procedures: Procedures, store: Store[C], plural: str, views: Views[C]) -> None:
        self.parts, self.procedures, self.store, self.plural, self.views = parts, procedures, store, plural, views
        self.kind = procedures.name
        self.ledger = parts.ledger

    # What a service adds ------------------------------------------------------------------------------------------

    def examine(self, step: Step, facts: dict[str, Any], at: datetime, free: bool = False) -> None:
        """Check facts that a field alone cannot judge; raise Invalid with pointers. `free` is true for an import."""

    def known(self, work: Work, case: C | None, act: Act) -> dict[str, Any]:
        """Look up what guards and effects of this step will need; they themselves read nothing."""
        return {}

    def also(self, work: Work, case: C, entry: Entry, caller: Caller) -> None:
        """Do in the same transaction what a step brings about in other cases."""

    # The use cases ------------------------------------------------------------------------------------------------

    def open(self, caller: Caller, body: Any, key: str | None = None) -> Answer:
        """Open a case and return 201 with its address; the pair (source, external_id) opens one case only."""
        step = self.procedures.current.opening
        with self.logged(caller, None, step.trigger):
            self._role(step, caller)
            remembered = key_of(caller.actor.id, key, f"/{self.plural}".encode(), _same(body))
            try:
                return self._open(caller, body, remembered)
            except IntegrityError:
                return self._opened_already(body, remembered)

    def advance(
        self, caller: Caller, case_id: str, trigger: str, body: Any, if_match: str | None, key: str | None = None
    ) -> Answer:
        """Take one step and return 200 with the case; the order of refusals is that of wire.md, Fine print."""
        with self.logged(caller, case_id, trigger):
            request = key_of(caller.actor.id, key, f"/{self.plural}/{case_id}/{trigger}".encode(), _same(body))
            try:
                return self._advance(caller, case_id, trigger, body, if_match, request)
            except (StaleVersion, IntegrityError) as lost:
                answer = self._replayed(request)  # the request that was faster may have been this very one
                if answer is not None:
                    return answer
                if isinstance(lost, StaleVersion):
                    raise
                raise StaleVersion("Somebody else has moved this case meanwhile: please read it again.") from lost

    # One step inside a transaction --------------------------------------------------------------------------------

    def begin(self, work: Work, caller: Caller, facts: dict[str, Any], at: datetime, imported: dict[str, Any] | None = None) -> C:
        """Open a case inside a transaction under way."""
        case_id = str(uuid_utils.uuid7())
        case = self.store.model(
            id=case_id, kind=self.kind, reference=_reference(self.kind, case_id),
            procedure_version=self.procedures.current.version, opened_at=clock.instant(at),
        )  # fmt: skip
        self.take(work, caller, case, self.procedures.current.opening, facts, at, imported=imported)
        return case

    def take(
        self, work: Work, caller: Caller, case: C, step: Step, facts: dict[str, Any], at: datetime,
        imported: dict[str, Any] | None = None, effects: dict[str, Any] | None = None, on_behalf_of: str | None = None,
    ) -> Entry:  # fmt: skip
        """Let a step through the door and write what follows from it; the caller commits. `case` is folded in place."""
        procedure = self.procedures[case.procedure_version]
        new = case.version == 0
        at = max(at, clock.moment(case.updated_at)) if case.updated_at else at
        act = Act(step.trigger, caller.actor, at, facts, {}, self.parts.policy, self.parts.calendar,
                  role=step.role_of(caller.actor) or "system", on_behalf_of=on_behalf_of, imported=imported)  # fmt: skip
        if new or step in procedure.leaving[case.stage]:
            act.known = self.known(work, None if new else case, act)
        to = procedure.advance(None if new else case, act)
        entry = self._entry(caller, case, step, act, to, {**self._standard(case, step, act, to), **(effects or {})})
        before = None if new else self.snapshot(case)
        written = entries.write(entry, case.head, procedure.personal(step))
        fold(case, entry, written.hash, procedure, self.folds)
        self._write(work, case, written, before)
        self.ledger.outbox.add(
            work.connection, [announce(entry, self.ledger.outbox.source, self.views.public(case, entry), caller)]
        )
        self.also(work, case, entry, caller)
        work.after_commit(self.parts.wake)
        return entry

    def snapshot(self, case: C) -> Snapshot:
        """The row and the timers of a case as they are now."""
        procedure = self.procedures[case.procedure_version]
        dues = deadlines.clocks(case, procedure, self.parts.calendar)
        return self.store.row(case, procedure, dues), deadlines.pending(case, dues)

    def _write(self, work: Work, case: C, written: entries.Written, before: Snapshot | None) -> None:
        row, timers = self.snapshot(case)
        if before is None:
            self.store.insert(work.connection, case, row)
        else:
            self.store.replace(work.connection, row, before[0])
        self.ledger.history.append(work.connection, [written])
        self.ledger.deadlines.replace(work.connection, case.id, before[1] if before else {}, timers)

    def _entry(self, caller: Caller, case: C, step: Step, act: Act, to: str, effects: dict[str, Any]) -> Entry:
        return Entry(
            case=case.id, kind=self.kind, seq=case.version + 1, at=clock.instant(act.at),
            recorded_at=clock.instant(self.parts.now()), trigger=step.trigger, from_stage=case.stage or None, to_stage=to,
            actor={"id": act.actor.id, "name": act.actor.name}, role=act.role, facts=act.facts,
            effects={name: value for name, value in effects.items() if value is not None},
            event={"id": str(uuid_utils.uuid7()), "type": f"casewright.{self.kind}.{step.event}.v1"},
            procedure_version=case.procedure_version, on_behalf_of=act.on_behalf_of, request_id=caller.request_id,
            traceparent=caller.traceparent, imported=act.imported,
        )  # fmt: skip

    def _standard(self, case: C, step: Step, act: Act, to: str) -> dict[str, Any]:
        """The effects of every step: the clock that ends with the stage, and that the customer was told."""
        effects: dict[str, Any] = {} if case.version else {"reference": case.reference}
        if case.version and not step.stays:
            procedure = self.procedures[case.procedure_version]
            effects["clock"] = deadlines.outcome(case, procedure, self.parts.calendar, clock.instant(act.at))
        if "notice" in act.facts:
            effects["told"] = {"told": True, "at": clock.instant(act.at), "channel": act.facts["notice"]["channel"]}
        return {**effects, **(step.effects(case, act, to) if step.effects else {})}

    # Small parts --------------------------------------------------------------------------------------------------

    def _open(self, caller: Caller, body: Any, key: Key | None) -> Answer:
        step = self.procedures.current.opening
        with self.parts.database.writing() as work:
            answer = self.ledger.idempotency.find(work.connection, key)
            if answer is not None:
                return answer
            facts = self._facts(self.procedures.current, step, step.role_of(caller.actor) or "system", body)
            case = self.begin(work, caller, facts, self.parts.now())
            answer = Answer(201, self.views.body(case, caller.actor, self._context()), case.version, f"/{self.plural}/{case.id}")
            self.ledger.idempotency.keep(work.connection, key, answer, self.parts.now())
            work.commit()
            return answer

    def _advance(self, caller: Caller, case_id: str, trigger: str, body: Any, if_match: str | None, key: Key | None) -> Answer:
        with self.parts.database.writing() as work:
            case = self._must(work, case_id)
            procedure = self.procedures[case.procedure_version]
            step = procedure.step(trigger)
            if step.opens:
                raise NotFound(f"A {self.kind} has no step '{trigger}' once it is open.")
            self.owned(case, caller.actor)
            role = self._role(step, caller)
            if if_match is None:
                raise VersionRequired('Send the ETag you have seen as If-Match, such as If-Match: "3".')
            answer = self.ledger.idempotency.find(work.connection, key)
            if answer is not None:
                return answer
            facts = self._facts(procedure, step, role, body)
            if if_match != f'"{case.version}"':
                raise StaleVersion(f'The case is at version "{case.version}": please read it again.')
            with self._allowed(case, caller):
                self.take(work, caller, case, step, facts, self.parts.now())
            answer = Answer(200, self.views.body(case, caller.actor, self._context()), case.version)
            self.ledger.idempotency.keep(work.connection, key, answer, self.parts.now())
            work.commit()
            return answer

    def _facts(self, procedure: Procedure, step: Step, role: str, body: Any) -> dict[str, Any]:
        facts = fields.load(procedure.schemas[step.trigger, role], body)
        now = self.parts.now()
        for name in ("received_at", "occurred_at"):
            if name in facts and clock.moment(facts[name]) > now + SKEW:
                raise Invalid("A time lies in the future.", errors=[{"pointer": f"/{name}", "detail": "This lies in the future."}])
        self.examine(step, facts, now)
        return facts

    def _must(self, work: Work, case_id: str) -> C:
        case = self.store.get(work.connection, case_id)
        if case is None:
            raise NotFound(f"There is no {self.kind} with the id '{case_id[:80]}'.")
        return case

    def owned(self, case: C, actor: Actor) -> None:
        """Raise NotYourCase where a customer's link was given for another case."""
        if actor.is_customer and actor.case != f"{self.kind}/{case.id}":
            raise NotYourCase("This link opens another case.")

    def _role(self, step: Step, caller: Caller) -> str:
        role = step.role_of(caller.actor)
        if role is None:
            raise RoleNotAllowed(f"'{step.trigger}' is for {', '.join(step.roles)}.")
        return role

    def timers(self, case: C) -> dict[str, deadlines.Timer]:
        """What will fire by itself in this case, by name."""
        return deadlines.pending(case, deadlines.clocks(case, self.procedures[case.procedure_version], self.parts.calendar))

    def _context(self) -> tuple[Any, Calendar, datetime]:
        return self.parts.policy, self.parts.calendar, self.parts.now()

    def _replayed(self, key: Key | None) -> Answer | None:
        with self.parts.database.reading() as connection:
            return self.ledger.idempotency.find(connection, key)

    def _opened_already(self, body: Any, key: Key | None) -> Answer:
        answer = self._replayed(key)
        if answer is not None:
            return answer
        named = f"external_id '{body.get('external_id')}' of source '{body.get('source', '')}'"
        raise Conflict(f"A {self.kind} with {named} is there already.", allowed=[])

    @contextmanager
    def _allowed(self, case: C, caller: Caller) -> Iterator[None]:
        """Add to a refusal by stage or guard what this caller may do instead."""
        try:
            yield
        except (WrongStage, GuardRefused) as refused:
            refused.allowed = self.views.triggers(case, caller.actor, self._context())
            raise

    @contextmanager
    def logged(self, caller: Caller, case_id: str | None, trigger: str) -> Iterator[None]:
        """Write refused acts down in their own log, in a transaction of its own."""
        try:
            yield
        except Refused as refused:
            if refused.status < 500:
                with self.parts.database.writing() as work:
                    self.ledger.refusals.add(
                        work.connection,
                        self.parts.now(),
                        caller.actor.id,
                        self.kind,
                        case_id,
                        trigger,
                        refused,
                        caller.request_id,
                    )
                    work.commit()
            raise


def _same(body: Any) -> bytes:
    """A body in a form in which order and white space do not count."""
    return orjson.dumps(body, option=orjson.OPT_SORT_KEYS)


def _reference(kind: str, case_id: str) -> str:
    """A name that can be read over the telephone: 50 random bits of the id in Crockford's base 32."""
    bits = int(case_id.replace("-", ""), 16) & (1 << 50) - 1
    letters = "".join("0123456789ABCDEFGHJKMNPQRSTVWXYZ"[bits >> shift & 31] for shift in range(45, -5, -5))
    return f"{kind[:2].upper()}-{letters[:5]}-{letters[5:]}"
