"""The story of one complaint, told by everybody who has a hand in it: the data that `casewright demo` plays.

Each act says who does what, why, and what is to come of it; where the system is to refuse, the code it refuses with.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

Facts = dict[str, Any]


@dataclass
class Scene:
    """What the story knows while it is played: the case, the offers as they were made, the customer's link."""

    case: Facts = field(default_factory=dict)
    offers: list[Facts] = field(default_factory=list)
    link: str = ""
    now: datetime = field(default_factory=lambda: datetime.now(UTC))

    def offer(self, number: int) -> Facts:
        """Number and hash of an offer, as an answer names it."""
        return {"number": number, "hash": self.offers[number - 1]["hash"]}


@dataclass(frozen=True)
class Act:
    """One act: `who` is a role, with a department or a number behind it (`handler/quality`, `agent/1`), or `link`.

    `path` follows the case's address, unless it begins with `//`, then it stands for itself behind the second slash.
    """

    who: str
    does: str
    method: str
    path: str
    body: Callable[[Scene], Facts] | None = None
    status: int = 200
    stage: str | None = None
    code: str | None = None
    stale: bool = False
    shows: str = "stage"


def _notice(text: str, channel: str = "email") -> Facts:
    return {"channel": channel, "text": text}


def _record(scene: Scene) -> Facts:
    return {
        "customer": {"ref": "17850", "name": "Arthur Dent", "contact": {"email": "arthur@example.org"}},
        "received_at": (scene.now - timedelta(hours=3)).isoformat(), "channel": "phone",
        "subject": {"kind": "order", "ref": "536365", "line": "85123A"}, "category": "product_quality",
        "description": "Two of six lanterns arrived cracked.", "demand": "refund", "priority": "normal",
    }  # fmt: skip


def _offer(amount: str, text: str) -> Callable[[Scene], Facts]:
    return lambda scene: {
        "remedies": [{"kind": "refund", "money": {"amount": amount, "currency": "EUR"}}, {"kind": "apology"}],
        "text": text, "notice": _notice(text), "valid_until": (scene.now + timedelta(days=14)).isoformat(timespec="seconds"),
    }  # fmt: skip


def _accept(number: int) -> Callable[[Scene], Facts]:
    return lambda scene: {"offer": scene.offer(number)}


def _evaluation(scene: Scene) -> Facts:
    due = (scene.now + timedelta(days=60)).date().isoformat()
    return {
        "summary": "Settled within the day, after a hasty rejection.",
        "follow_up": {"reaction": "Content now.", "satisfaction": 4},
        "prevention": {"actions": [{"action": "Thicker padding for lanterns", "owner": "hana", "due": due}]},
        "accountability": {"unit": "quality", "measure": "Packing instruction changed"},
    }


def _fixed(**facts: Any) -> Callable[[Scene], Facts]:
    return lambda scene: facts


REJECTED = _fixed(reason="No photos were sent.", notice=_notice("We see no damage. You may appeal within ten business days."))
OPINION = _fixed(opinion="A good customer: agreed.")

STORY = (
    Act("agent", "writes down what the customer said on the telephone; the customer has a reference at once",
        "POST", "//complaints", _record, 201, "recorded"),
    Act("agent", "gives the customer a link of his own, which opens this one case and nothing else",
        "POST", "/links", _fixed(days=30), 201, shows="link"),
    Act("supervisor", "finds the complaint not justified, perhaps too fast; the customer has to be told why and how to appeal",
        "POST", "/reject", REJECTED, stage="rejected"),
    Act("link", "appeals by the link", "POST", "/appeal", _fixed(reason="The photos are attached to my letter."), stage="recorded"),
    Act("supervisor", "tries to reject it again: whoever rejected a complaint does not decide about its appeal",
        "POST", "/reject", REJECTED, 403, code="four_eyes"),
    Act("agent/1", "looks at the photos and finds the complaint justified", "POST", "/validate",
        _fixed(verdict="justified", grounds="The photos show the cracks.", notice=_notice("You are right; we look into it.")),
        stage="validated"),
    Act("agent/1", "sees a grey button and asks why", "GET", "/why", shows="why"),
    Act("supervisor/1", "gives it to logistics: cracked goods look like transport", "POST", "/assign",
        _fixed(department="logistics"), stage="assigned"),
    Act("handler/logistics", "disputes that", "POST", "/dispute", _fixed(reason="The parcel was not damaged, the padding was."),
        stage="disputed"),
    Act("arbiter", "decides, once and for this complaint: quality", "POST", "/arbitrate",
        _fixed(department="quality", reason="Packing is quality's."), stage="assigned"),
    Act("handler/logistics", "tries to start all the same: it lies with another department now", "POST", "/start", _fixed(), 403,
        code="not_your_case"),
    Act("handler/quality", "starts", "POST", "/start", _fixed(), stage="analysing"),
    Act("handler/quality", "finds the cause", "POST", "/analyse",
        _fixed(cause="packing", certainty="confirmed", findings="One layer of padding instead of two."), stage="analysed"),
    Act("handler/quality", "offers 40 EUR, well within a handler's limit of 500", "POST", "/propose",
        _offer("40.00", "We refund the two lanterns."), stage="proposed"),
    Act("handler/quality", "hears that a whole party was spoilt and makes a better offer: 750 EUR is above the limit",
        "POST", "/propose", _offer("750.00", "We refund the lanterns and pay for your party."), stage="pending_approval"),
    Act("handler/quality", "tries to approve the own offer", "POST", "/approve", OPINION, 403, code="role_not_allowed"),
    Act("manager", "approves it; only now the customer is told", "POST", "/approve", OPINION, stage="proposed"),
    Act("link", "answers the first offer, which the second has superseded: refused, and the current one is shown",
        "POST", "/accept", _accept(1), 409, code="guard_refused"),
    Act("link", "accepts the second", "POST", "/accept", _accept(2), stage="agreed"),
    Act("handler/quality", "wants to close it from a screen that is out of date: somebody has moved the case meanwhile",
        "POST", "/resolve", _fixed(done="Paid 750 EUR.", notice=_notice("The money is on its way.")), 412,
        code="stale_version", stale=True),
    Act("handler/quality", "reads it again and carries the promise out", "POST", "/resolve",
        _fixed(done="Paid 750 EUR.", notice=_notice("The money is on its way.")), stage="resolved"),
    Act("supervisor/1", "asks the customer how it was, and writes down what keeps it from happening again", "POST", "/evaluate",
        _evaluation, stage="evaluated"),
    Act("auditor", "reads everything and may change nothing, not even a comment", "POST", "/comment",
        _fixed(text="Well done."), 403, code="role_not_allowed"),
    Act("auditor", "reads the history", "GET", "/history", shows="history"),
    Act("auditor", "finds the refused acts in a log of their own", "GET", "//audit/refusals?id={id}",
        shows="refusals"),
    Act("auditor", "has the chain recomputed from the stored bytes", "GET", "//audit/verify?kind=complaint&id={id}",
        shows="verified"),
)  # fmt: skip
