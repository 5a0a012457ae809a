"""Customers' links: a signed capability for the customer's own steps on one case, and the list of those given out."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, MetaData, String, Table, insert, select, update

from shared.columns import Instant


class Links:
    """Who gave out which link and until when; a revoked one opens nothing, though its signature still holds."""

    def __init__(self, metadata: MetaData) -> None:
        self.table = Table(
            "link",
            metadata,
            Column("id", String(64), primary_key=True),
            Column("case_id", String(64), nullable=False, index=True),
            Column("given_by", String(255), nullable=False),
            Column("given_at", Instant, nullable=False),
            Column("expires_at", Instant, nullable=False),
            Column("revoked_at", Instant),
            Column("revoked_by", String(255)),
        )

    def give(self, connection: Connection, link: dict[str, Any]) -> None:
        """Write down a link: id, case_id, given_by, given_at, expires_at."""
        connection.execute(insert(self.table), link)

    def revoke(self, connection: Connection, case_id: str, by: str, now: datetime) -> int:
        """Take back all links of a case; return how many were still open."""
        c = self.table.c
        open_ones = update(self.table).where(c.case_id == case_id, c.revoked_at.is_(None))
        return connection.execute(open_ones.values(revoked_at=now, revoked_by=by)).rowcount

    def holds(self, connection: Connection, link: str) -> bool:
        """Whether this link was given out here and not taken back."""
        c = self.table.c
        return connection.execute(select(c.id).where(c.id == link, c.revoked_at.is_(None))).first() is not None
