"""The kernel's tables of one service, side by side: what one transaction writes besides the case itself."""

from dataclasses import dataclass

from sqlalchemy import MetaData

from shared.deadlines import Deadlines
from shared.history import History
from shared.idempotency import Idempotency
from shared.inbox import Inbox
from shared.links import Links
from shared.outbox import Outbox
from shared.refusals import Refusals


@dataclass(frozen=True)
class Ledger:
    """History, outbox, idempotency, deadlines, refusals, inbox and customers' links of one database."""

    metadata: MetaData
    history: History
    outbox: Outbox
    idempotency: Idempotency
    deadlines: Deadlines
    refusals: Refusals
    inbox: Inbox
    links: Links


def ledger(source: str) -> Ledger:
    """Describe the kernel's tables of the service that announces its events as `source`."""
    metadata = MetaData()
    return Ledger(
        metadata, History(metadata), Outbox(metadata, source), Idempotency(metadata), Deadlines(metadata),
        Refusals(metadata), Inbox(metadata), Links(metadata),
    )  # fmt: skip
