"""A complaint as a plain value, and what each entry changes in it. No I/O."""

from dataclasses import dataclass, field
from typing import Any

from shared.case import Case, Fold
from shared.entries import Entry

Fact = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Complaint(Case):
    """What a complaint holds besides what every case holds: the facts as last stated, the offers, the promises."""

    customer: Fact = field(default_factory=dict)
    received_at: str = ""
    channel: str = ""
    subject: Fact = field(default_factory=dict)
    category: str = ""
    description: str = ""
    demand: str = ""
    safety: bool = False
    duplicates: list[Fact] = field(default_factory=list)
    verdict: str | None = None
    grounds: str | None = None
    rejection: str | None = None
    appealed: bool = False
    arbitrated: bool = False
    merged_into: str | None = None
    absorbed: list[str] = field(default_factory=list)
    analysis: Fact | None = None
    offers: list[Fact] = field(default_factory=list)
    declines: int = 0
    fulfilments: list[Fact] = field(default_factory=list)
    referred_to: str | None = None
    done: str | None = None
    evaluation: Fact | None = None
    alerts: list[Fact] = field(default_factory=list)
    attachments: list[Fact] = field(default_factory=list)

    @property
    def customer_ref(self) -> str:
        """The reference of the customer, which names nobody."""
        return str(self.customer["ref"])

    @property
    def offer(self) -> Fact | None:
        """The latest offer."""
        return self.offers[-1] if self.offers else None

    def timers(self) -> dict[str, tuple[str, str]]:
        """The open offer ends by the clock."""
        if self.stage == "proposed" and self.offer and self.offer["state"] == "open":
            return {"offer": (self.offer["valid_until"], "expire")}
        return {}


def _on_record(case: Complaint, entry: Entry) -> None:
    facts = entry.facts
    case.customer, case.subject = facts["customer"], facts["subject"]
    case.received_at, case.channel, case.category = facts["received_at"], facts["channel"], facts["category"]
    case.description, case.demand = facts.get("description", ""), facts["demand"]
    case.safety = facts.get("safety", False)
    case.priority = entry.effects["priority"]["value"]
    case.duplicates = entry.effects.get("duplicates", [])
    case.contact = entry.actor["id"] if entry.role == "agent" else None


def _on_validate(case: Complaint, entry: Entry) -> None:
    case.verdict, case.grounds = entry.facts["verdict"], entry.facts["grounds"]


def _on_reject(case: Complaint, entry: Entry) -> None:
    case.verdict, case.rejection = "not_justified", entry.facts["reason"]


def _on_appeal(case: Complaint, entry: Entry) -> None:
    case.appealed, case.verdict = True, None


def _on_merge(case: Complaint, entry: Entry) -> None:
    case.merged_into = entry.facts["into"]


def _on_absorb(case: Complaint, entry: Entry) -> None:
    case.absorbed.append(entry.facts["complaint"])


def _on_assign(case: Complaint, entry: Entry) -> None:
    case.department = entry.facts["department"]
    case.assignee = entry.effects.get("assignee")


def _on_arbitrate(case: Complaint, entry: Entry) -> None:
    _on_assign(case, entry)
    case.arbitrated = True


def _on_start(case: Complaint, entry: Entry) -> None:
    if entry.role == "handler":
        case.assignee = case.contact = entry.actor["id"]


def _on_analyse(case: Complaint, entry: Entry) -> None:
    case.analysis = dict(entry.facts)


def _on_propose(case: Complaint, entry: Entry) -> None:
    for earlier in case.offers:
        if earlier["state"] == "open":
            earlier["state"] = "superseded"
    made, facts = entry.effects["offer"], entry.facts
    case.offers.append(
        {
            "number": made["number"], "hash": made["hash"], "remedies": facts["remedies"], "text": facts.get("text", ""),
            "valid_until": facts["valid_until"], "state": made["state"], "proposed_by": entry.actor["id"],
            "proposed_at": entry.at, "channel": facts["notice"]["channel"],
        }
    )  # fmt: skip


def _offer_becomes(state: str) -> Fold:
    def change(case: Complaint, entry: Entry) -> None:
        case.offers[-1]["state"] = state

    return change


def _on_accept(case: Complaint, entry: Entry) -> None:
    case.offers[-1]["state"] = "accepted"
    case.fulfilments += entry.effects["fulfilments"]


def _on_decline(case: Complaint, entry: Entry) -> None:
    case.offers[-1]["state"] = "declined"
    case.declines += 1


def _on_resolve(case: Complaint, entry: Entry) -> None:
    case.done = entry.facts["done"]
    for promise in case.fulfilments:
        if promise["state"] == "pending":
            promise["state"] = "done"


def _on_fail_remedy(case: Complaint, entry: Entry) -> None:
    wanted = (entry.facts["remedy"], "pending")
    latest = next(promise for promise in reversed(case.fulfilments) if (promise["remedy"], promise["state"]) == wanted)
    latest.update(state="failed", case=entry.facts["case"])


def _on_refer(case: Complaint, entry: Entry) -> None:
    case.referred_to = entry.facts["body"]


def _on_evaluate(case: Complaint, entry: Entry) -> None:
    case.evaluation = dict(entry.facts)


def _on_withdraw(case: Complaint, entry: Entry) -> None:
    if case.offer and case.offer["state"] in ("open", "pending_approval"):
        case.offer["state"] = "superseded"


def _on_alert(case: Complaint, entry: Entry) -> None:
    case.alerts.append({**entry.facts, "at": entry.at, "by": entry.actor["id"]})
    case.priority, case.watched_by = "urgent", "manager"


def _on_attach(case: Complaint, entry: Entry) -> None:
    case.attachments.append({**entry.facts, "at": entry.at, "by": entry.actor["id"]})


FOLDS: dict[str, Fold] = {
    "record": _on_record,
    "validate": _on_validate,
    "reject": _on_reject,
    "appeal": _on_appeal,
    "merge": _on_merge,
    "absorb": _on_absorb,
    "assign": _on_assign,
    "arbitrate": _on_arbitrate,
    "start": _on_start,
    "analyse": _on_analyse,
    "propose": _on_propose,
    "approve": _offer_becomes("open"),
    "send_back": _offer_becomes("superseded"),
    "accept": _on_accept,
    "decline": _on_decline,
    "expire": _offer_becomes("expired"),
    "fail_remedy": _on_fail_remedy,
    "refer": _on_refer,
    "resolve": _on_resolve,
    "evaluate": _on_evaluate,
    "withdraw": _on_withdraw,
    "alert": _on_alert,
    "attach": _on_attach,
}
"""What an entry of each trigger changes in a complaint."""
