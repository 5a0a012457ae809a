"""The use cases of the complaints desk: the kernel's, with what this procedure looks up before and does after a step."""

from datetime import datetime, timedelta
from typing import Any

from services.complaints import policy
from services.complaints.model import FOLDS, Complaint
from services.complaints.procedure import PROCEDURES
from services.complaints.schemas import CATEGORIES, WITH_MONEY
from services.complaints.store import ComplaintStore
from shared.casework import Caller, Casework, Parts
from shared.clock import moment
from shared.entries import Entry
from shared.errors import Invalid, NotYourCase
from shared.identity import SYSTEM
from shared.lists import Lists
from shared.procedure import Act, Step
from shared.reading import Reading
from shared.store import PRIORITIES
from shared.uow import Work
from shared.views import Views

FACTS = (
    "customer", "received_at", "channel", "subject", "category", "description", "demand", "safety", "duplicates", "verdict",
    "grounds", "rejection", "appealed", "arbitrated", "merged_into", "absorbed", "analysis", "offers", "declines", "fulfilments",
    "referred_to", "done", "evaluation", "alerts", "attachments",
)  # fmt: skip
ANNOUNCED = (
    "category",
    "channel",
    "subject",
    "department",
    "assignee",
    "verdict",
    "declines",
    "fulfilments",
    "received_at",
)
INTERNAL = (
    "owner.person",
    "contact_person",
    "offers.proposed_by",
    "duplicates",
    "analysis",
    "evaluation",
    "alerts",
    "assignee",
    "absorbed",
    "attachments",
)


class Complaints(Casework[Complaint]):
    """Opens and advances complaints."""

    folds = FOLDS
    import_may_omit = ("follow_up.satisfaction",)  # no public file has it, and none is invented
    store: ComplaintStore

    def examine(self, step: Step, facts: dict[str, Any], at: datetime, free: bool = False) -> None:
        """Money with the remedies that pay, and only there; an offer that is still valid; a profile that exists."""
        wrong = []
        for n, remedy in enumerate(facts.get("remedies", ())):
            if remedy["kind"] in WITH_MONEY and "money" not in remedy and not free:
                wrong.append((f"/remedies/{n}/money", f"A {remedy['kind']} names its sum."))
            if remedy["kind"] not in WITH_MONEY and "money" in remedy:
                wrong.append(
                    (
                        f"/remedies/{n}/money",
                        f"A {remedy['kind']} pays nothing; with money: {', '.join(sorted(WITH_MONEY))}.",
                    )
                )
            if remedy["kind"] == "contract_amendment" and not {"contract", "change"} <= set(remedy):
                wrong.append((f"/remedies/{n}/contract", "A contract amendment names the contract and the change."))
        if "valid_until" in facts and moment(facts["valid_until"]) <= at:
            wrong.append(("/valid_until", "This lies in the past."))
        if sum(part["share"] for part in facts.get("contributions", ())) > 100:
            wrong.append(("/contributions", "The shares are more than 100 percent."))
        if facts.get("statutory_profile", "none") not in policy.STATUTES:
            wrong.append(("/statutory_profile", f"Allowed: {', '.join(policy.STATUTES)}."))
        if wrong:
            raise Invalid("Please correct the fields named here.", errors=[{"pointer": p, "detail": d} for p, d in wrong])

    def known(self, work: Work, case: Complaint | None, act: Act) -> dict[str, Any]:
        """Look up a customer's other complaints, the complaint to merge into, or who could be assigned."""
        connection = work.connection
        if act.trigger == "record":
            since = act.at - timedelta(days=self.parts.policy.duplicate_days)
            return {"others": self.store.others_of(connection, act.facts["customer"]["ref"], since)}
        if act.trigger == "merge":
            return {"into": self.store.get(connection, act.facts["into"])}
        if act.trigger in ("assign", "arbitrate"):
            staff = self.store.handlers(connection, with_load="assignee" not in act.facts)
            return {"staff": staff, "departments": sorted({p["department"] for p in staff if p["department"]})}
        return {}

    def also(self, work: Work, case: Complaint, entry: Entry, caller: Caller) -> None:
        """Give the complaint that takes in another its own entry; a customer's link opens no complaint of somebody else."""
        if entry.trigger == "record" and caller.actor.is_customer and caller.actor.id != f"customer:{case.customer_ref}":
            raise NotYourCase("This link belongs to another customer.")
        if entry.trigger == "merge":
            other = self._must(work, entry.facts["into"])
            step = self.procedures[other.procedure_version].step("absorb")
            traces = Caller(SYSTEM, caller.request_id, caller.traceparent, entry.event["id"])
            self.take(work, traces, other, step, {"complaint": case.id}, self.parts.now(), on_behalf_of=entry.actor["id"])


def complaints(parts: Parts, store: ComplaintStore) -> tuple[Complaints, Reading[Complaint]]:
    """Put the use cases and the reading side together."""
    views = Views[Complaint](
        PROCEDURES,
        "complaints",
        facts=lambda case: {name: getattr(case, name) for name in FACTS},
        data=lambda case: {"customer": {"ref": case.customer_ref}, **{name: getattr(case, name) for name in ANNOUNCED}},
        title=lambda case: case.description.strip().split("\n", 1)[0][:100] or case.category,
        internal=INTERNAL,
    )
    work = Complaints(parts, PROCEDURES, store, "complaints", views)
    lists = Lists(store, PROCEDURES, {"category": CATEGORIES, "customer": None, "priority": PRIORITIES})
    return work, Reading(work, lists)
