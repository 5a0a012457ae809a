"""The sweep: fires what is due, each once, through the ordinary door."""

import logging
import threading
from collections.abc import Callable
from typing import Any

from shared import clock
from shared.caller import Caller
from shared.casework import Casework
from shared.clock import moment
from shared.deadlines import POLL
from shared.errors import Refused, Unavailable
from shared.identity import SYSTEM

log = logging.getLogger(__name__)


class Sweep:
    """Looks every second for clocks that have run out, and now and then throws out what is no longer needed."""

    def __init__(self, work: Casework[Any], now: clock.Now = clock.now) -> None:
        self.work, self.now = work, now
        self._skip: dict[tuple[str, str], str] = {}

    def run(self, stop: threading.Event) -> None:
        """Sweep until told to stop."""
        rounds = 0
        self._patiently(self.follow_calendar)
        while not stop.wait(POLL.total_seconds()):
            self._patiently(self.once)
            rounds += 1
            if rounds % 3600 == 1:
                self._patiently(self.tidy)

    @staticmethod
    def _patiently(act: Callable[[], object]) -> None:
        try:
            act()
        except Unavailable as away:
            log.warning("sweep waits: %s", away)

    def follow_calendar(self) -> int:
        """Compute the deadlines of all open cases anew where the calendar was changed; return how many moved.

        Deadlines are a function of entries and calendar: what was recorded stays, what is still ahead moves.
        """
        parts, ledger, store = self.work.parts, self.work.ledger, self.work.store
        with parts.database.reading() as connection:
            if ledger.deadlines.counted_by(connection, parts.calendar):
                return 0
            ids = store.open_ids(connection)
        moved = sum(self._recount(case_id) for case_id in ids)
        with parts.database.writing() as work:
            ledger.deadlines.count_by(work.connection, parts.calendar)
            work.commit()
        return moved

    def _recount(self, case_id: str) -> bool:
        with self.work.parts.database.writing() as work:
            case = self.work.store.get(work.connection, case_id)
            if case is None or not case.open:
                return False
            row, timers = self.work.snapshot(case)
            self.work.ledger.deadlines.replace(
                work.connection, case_id, self.work.ledger.deadlines.of(work.connection, case_id), timers
            )
            moved = self.work.store.reschedule(work.connection, case_id, row["due_at"])
            work.commit()
            return moved

    def once(self) -> int:
        """Fire all that is due now; return how many steps were taken."""
        fired = 0
        while True:
            with self.work.parts.database.reading() as connection:
                due = self.work.ledger.deadlines.due(connection, self.now())
            due = [row for row in due if row not in self._skip]
            if not due:
                return fired
            fired += sum(self._fire(case_id, name) for case_id, name in due)

    def _fire(self, case_id: str, name: str) -> bool:
        try:
            return self.fire(case_id, name)
        except Unavailable:
            raise
        except Refused as refused:  # the door said no to its own clock: a fault in the procedure, told once, not every second
            log.error("clock refused", extra={"case": case_id, "clock": name, "why": refused.detail})
            self._skip[case_id, name] = refused.code
            return False

    def fire(self, case_id: str, name: str) -> bool:
        """Take the step that a clock asks for, if it still does; a late or double firing changes nothing."""
        now, desk = self.now(), self.work
        with desk.parts.database.writing() as work:
            case = desk.store.get(work.connection, case_id)
            timers = desk.timers(case) if case else {}
            due, trigger = timers.get(name, ("", ""))
            if case is None or not due or moment(due) > now:
                rows = desk.ledger.deadlines.of(work.connection, case_id)
                desk.ledger.deadlines.replace(work.connection, case_id, rows, timers)  # a row that says otherwise is mended
                work.commit()
                return False
            step = desk.procedures[case.procedure_version].step(trigger)
            facts = {"reason": f"The clock '{name}' passed at {due}."} if {"reason", "reason?"} & set(step.needs) else {}
            desk.take(work, Caller(SYSTEM), case, step, facts, at=now, effects={"timer": name})
            work.commit()
            return True

    def tidy(self) -> None:
        """Forget answers that are older than they are kept."""
        with self.work.parts.database.writing() as work:
            self.work.ledger.idempotency.forget(work.connection, self.now())
            work.commit()
