"""The sweep: fires what is due, each once, through the ordinary door."""

import logging
import threading
from typing import Any

from shared import clock
from shared.casework import Casework
from shared.deadlines import POLL
from shared.errors import Refused, Unavailable

log = logging.getLogger(__name__)


class Sweep:
    """Looks every second for clocks that have run out, and now and then throws out what is no longer needed."""

    def __init__(self, work: Casework[Any], now: clock.Now = clock.now) -> None:
        self.work, self.now = work, now
        self._skip: dict[tuple[str, str], str] = {}

    def run(self, stop: threading.Event) -> None:
        """Sweep until told to stop."""
        rounds = 0
        while not stop.wait(POLL.total_seconds()):
            try:
                self.once()
                rounds += 1
                if rounds % 3600 == 1:
                    self.tidy()
            except Unavailable as away:
                log.warning("sweep waits: %s", away)

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
            return self.work.fire(case_id, name)
        except Unavailable:
            raise
        except Refused as refused:  # the door said no to its own clock: a fault in the procedure, told once, not every second
            log.error("clock refused", extra={"case": case_id, "clock": name, "why": refused.detail})
            self._skip[case_id, name] = refused.code
            return False

    def tidy(self) -> None:
        """Forget answers that are older than they are kept."""
        with self.work.parts.database.writing() as work:
            self.work.ledger.idempotency.forget(work.connection, self.now())
            work.commit()
