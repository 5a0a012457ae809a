"""The tables of the complaints service and what it asks of them."""

from datetime import datetime
from typing import Any

from sqlalchemy import Boolean, Column, Connection, MetaData, String, Table, delete, insert, select

from services.complaints.model import Complaint
from shared.ledger import Ledger, ledger
from shared.store import Store

SOURCE = "/services/complaints"


class ComplaintStore(Store[Complaint]):
    """Complaints, with the columns by which they are listed, and the copy of the staff kept from the directory's events."""

    def __init__(self, metadata: MetaData) -> None:
        super().__init__(
            metadata,
            "complaint",
            Complaint,
            {
                "customer_ref": (Column("customer_ref", String(64), nullable=False), lambda case: case.customer_ref),
                "category": (Column("category", String(32), nullable=False), lambda case: case.category),
            },
            searched=lambda case: " ".join((case.description, case.reference, case.external_id or "", case.subject["ref"])),
        )
        self.staff = Table(
            "colleague",
            metadata,
            Column("username", String(64), primary_key=True),
            Column("department", String(64)),
            Column("handler", Boolean, nullable=False),
            Column("present", Boolean, nullable=False),
            Column("competences", String(1000), nullable=False),
        )

    def others_of(self, connection: Connection, customer: str, since: datetime) -> list[dict[str, Any]]:
        """Open or recent complaints of a customer, the latest first."""
        c = self.table.c
        rows = select(c.state).where(c.customer_ref == customer, c.opened_at >= since).order_by(c.opened_at.desc()).limit(20)
        cases = [self.load(row.state) for row in connection.execute(rows)]
        return [{name: getattr(case, name) for name in ("id", "reference", "subject", "category", "description")} for case in cases]

    def handlers(self, connection: Connection, with_load: bool) -> list[dict[str, Any]]:
        """Every active handler with department, presence, competences and, where asked, the number of open complaints."""
        rows = connection.execute(select(self.staff).where(self.staff.c.handler.is_(True))).all()
        load = self.load_of(connection, [row.username for row in rows]) if with_load else {}
        return [
            {"username": row.username, "department": row.department, "present": row.present,
             "competences": [word for word in row.competences.split(",") if word], "load": load.get(row.username, 0)}
            for row in rows
        ]  # fmt: skip

    def keep_colleague(self, connection: Connection, person: dict[str, Any]) -> None:
        """Replace the copy of one person of the staff."""
        connection.execute(delete(self.staff).where(self.staff.c.username == person["username"]))
        connection.execute(insert(self.staff), {
            "username": person["username"], "department": person["department"], "present": person["present"],
            "handler": person["active"] and "handler" in person["roles"], "competences": ",".join(person["competences"]),
        })  # fmt: skip


def tables() -> tuple[Ledger, ComplaintStore]:
    """Describe the service's database: the kernel's tables and its own."""
    kernel = ledger(SOURCE)
    return kernel, ComplaintStore(kernel.metadata)
