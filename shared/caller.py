"""Who asks, and what a service was given to answer with."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from shared import clock
from shared.clocks import Calendar
from shared.identity import Actor
from shared.ledger import Ledger
from shared.uow import Database


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, and the traces of the request that go into entry and event."""

    actor: Actor
    request_id: str | None = None
    traceparent: str | None = None
    causation: str | None = None


@dataclass(frozen=True)
class Parts:
    """What a service's root hands to its casework: database, tables, policy, calendar, time, and a wake-up call."""

    database: Database
    ledger: Ledger
    policy: Any
    calendar: Calendar
    now: clock.Now = clock.now
    wake: Callable[[], None] = lambda: None
