"""The log of refused acts: not in the case's chain, because nothing happened to the case (domain.md, rule 4)."""

from datetime import datetime
from typing import Any

from sqlalchemy import Column, Connection, Integer, MetaData, String, Table, Text, insert, select

from shared.columns import Instant
from shared.errors import Refused


class Refusals:
    """Who tried what and why it was refused; readable by auditors, holds nothing of the body that came."""

    def __init__(self, metadata: MetaData) -> None:
        self.table = Table(
            "refusal",
            metadata,
            Column("id", Integer, primary_key=True, autoincrement=True),
            Column("at", Instant, nullable=False),
            Column("actor", String(255), nullable=False),
            Column("kind", String(64), nullable=False),
            Column("case_id", String(255), index=True),
            Column("trigger", String(64), nullable=False),
            Column("status", Integer, nullable=False),
            Column("code", String(64), nullable=False),
            Column("detail", Text, nullable=False),
            Column("request_id", String(64)),
        )

    def add(
        self, connection: Connection, now: datetime, actor: str, kind: str, case_id: str | None,
        trigger: str, refused: Refused, request_id: str | None,
    ) -> None:  # fmt: skip
        """Log one refusal."""
        row = {"at": now, "actor": actor[:255], "kind": kind, "case_id": case_id and case_id[:255], "trigger": trigger[:64],
               "status": refused.status, "code": refused.code, "detail": refused.detail, "request_id": request_id}  # fmt: skip
        connection.execute(insert(self.table), row)

    def page(self, connection: Connection, after: int, limit: int, case_id: str | None = None) -> list[dict[str, Any]]:
        """Return refusals after a number, oldest first, of one case or of all."""
        c = self.table.c
        rows = select(self.table).where(c.id > after).order_by(c.id).limit(limit)
        if case_id:
            rows = rows.where(c.case_id == case_id)
        return [{"number": row.id, "at": row.at, "actor": row.actor, "kind": row.kind, "case": row.case_id, "trigger": row.trigger,
                 "status": row.status, "code": row.code, "detail": row.detail, "request_id": row.request_id}
                for row in connection.execute(rows)]  # fmt: skip
