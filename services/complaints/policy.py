"""Decisions of the complaints desk as pure functions: facts in, verdict with reasons out.

The figures are a `Policy`, read from a TOML file where the company has one; `version` is the hash of what is in force
and is recorded with each decision that used it.
"""

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from decimal import Decimal
from functools import cached_property
from pathlib import Path
from typing import Any

from shared.canonical import canonical, digest
from shared.clocks import calendar_days, calendar_hours
from shared.procedure import Statute

Fact = dict[str, Any]

STATUTES: dict[str, tuple[Statute, ...]] = {
    "none": (),
    "cfpb": (
        Statute("response", calendar_days(15), "assign", ("propose",), warn=calendar_days(10)),
        Statute("final", calendar_days(60), "assign", ("resolve",), warn=calendar_days(45)),
    ),
    "fca": (Statute("final", calendar_days(56), "received_at", ("propose", "reject", "resolve"), warn=calendar_days(42)),),
    "rg271": (
        Statute("acknowledgement", calendar_hours(24), "received_at", ("record",)),
        Statute("final", calendar_days(30), "received_at", ("propose", "reject", "resolve"), warn=calendar_days(21)),
    ),
}
"""Statutory clocks by profile: US CFPB (12 CFR 1034 practice, 15 and 60 days from sending to the company), UK FCA
(DISP 1.6.2R, final response within 8 weeks of receipt), Australia ASIC RG 271 (acknowledgement within 24 hours,
response within 30 calendar days); `none` has none. They never pause."""

ELSEWHERE = {
    "return": "returns", "exchange": "returns", "repair": "returns", "repackaging": "returns", "contract_amendment": "contracts",
}  # fmt: skip
"""Which service carries out a remedy by a case of its own; the others are the handler's own work."""


BASE = "EUR"


@dataclass(frozen=True)
class Policy:
    """The figures that a company may set.

    `limits` are in `base_currency` by role: an offer above the limit of its proposer needs the manager's decision, and a
    limit of 0 means that every offer does. `rates` give the worth of one unit of a currency in base currency at `rates_as_of`.
    `served` names the services that carry out remedies here; without them the handler confirms those by hand.
    """

    base_currency: str = BASE
    limits: Mapping[str, str] = field(default_factory=lambda: {"handler": "500", "supervisor": "5000"})
    rates: Mapping[str, str] = field(
        default_factory=lambda: {"GBP": "1.15", "USD": "0.92", "CHF": "1.06", "CNY": "0.13", "JPY": "0.006"}
    )
    rates_as_of: date = date(2026, 11, 2)
    statutory_profile: str = "none"
    safety_words: tuple[str, ...] = (
        "injur", "burn", "fire", "smoke", "electric shock", "explod", "choking", "poison", "hospital",
        "受伤", "烧伤", "起火", "冒烟", "触电", "爆炸", "中毒", "住院",
    )  # fmt: skip
    appeal_days: int = 10
    contest_days: int = 10
    reopen_days: int = 90
    declines_before_referral: int = 3
    duplicate_days: int = 90
    served: tuple[str, ...] = ()

    @cached_property
    def version(self) -> str:
        """The hash of all figures, shortened for people."""
        plain = {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(self).items()}
        return digest("casewright/policy/v1", canonical({**plain, "rates_as_of": self.rates_as_of.isoformat()}))[7:19]


def load(path: Path | None) -> Policy:
    """Read a policy file; raise ValueError naming what is wrong with it. No file means the defaults."""
    if path is None or not path.exists():
        return Policy()
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path.name}: {error}") from None
    unknown = set(read) - set(Policy.__dataclass_fields__)
    if unknown:
        raise ValueError(f"{path.name}: unknown keys {sorted(unknown)}; known: {sorted(Policy.__dataclass_fields__)}")
    given: dict[str, Any] = {}
    standard = Policy() if read.get("base_currency", BASE) == BASE else Policy(rates={})  # ours are in our base currency
    for name, value in read.items():
        default = getattr(standard, name)
        expected: type = list if isinstance(default, tuple) else type(default)
        if type(value) is not expected:
            raise ValueError(f"{path.name}: {name} must be {EXPECTED[expected]}")
        given[name] = {**default, **_amounts(path, name, value)} if expected is dict else value
    if given.get("statutory_profile", "none") not in STATUTES:
        raise ValueError(f"{path.name}: statutory_profile must be one of {sorted(STATUTES)}")
    changes: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}
    return replace(standard, **changes)


EXPECTED = {list: "a list of words", dict: "a table of amounts", int: "a whole number", str: "a word", date: "a date"}


def _amounts(path: Path, table: str, values: Any) -> dict[str, str]:
    """The amounts of a table as text; those not named keep their defaults."""
    for name, value in values.items():
        try:
            fits = Decimal(str(value)) >= 0
        except ArithmeticError:
            fits = False
        if not fits or isinstance(value, bool):
            raise ValueError(f"{path.name}: {table}.{name} must be an amount of 0 or more, not {value!r}")
    return {name: str(value) for name, value in values.items()}


def priority(policy: Policy, facts: Fact) -> Fact:
    """The priority of a new complaint: as asked, one level up for a key account, urgent where safety is in question."""
    levels = ("low", "normal", "high", "urgent")
    value, because = facts.get("priority", "normal"), []
    customer = facts["customer"]
    if customer.get("class") == "A" or customer.get("key_account"):
        value = levels[min(levels.index(value) + 1, 3)]
        because.append("key account")
    words = [word for word in policy.safety_words if word in facts["description"].casefold()]
    if facts.get("safety") or words:
        value = "urgent"
        because.append("safety" + (f" ({', '.join(words)})" if words else ""))
    return {"value": value, "because": because}


def duplicates(facts: Fact, others: Sequence[Fact]) -> list[Fact]:
    """Which other complaints of this customer look like the same: same order, product or contract, or much the same words.

    `others` are {id, reference, subject, category, description}.
    """
    found = []
    for other in others:
        alike = _alike(facts["description"], other["description"])
        if other["subject"]["kind"] == facts["subject"]["kind"] and other["subject"]["ref"] == facts["subject"]["ref"]:
            found.append({"id": other["id"], "reference": other["reference"], "because": "the same subject"})
        elif other["category"] == facts["category"] and alike >= 50:
            found.append({"id": other["id"], "reference": other["reference"], "because": f"{alike} % of the words are the same"})
    return found[:10]


def _alike(one: str, other: str) -> int:
    left, right = set(one.casefold().split()), set(other.casefold().split())
    return 100 * len(left & right) // max(len(left | right), 1)


def assignment(department: str, category: str, staff: Sequence[Fact], wanted: str | None = None) -> Fact:
    """Who gets the complaint: the one asked for, else the least loaded, present and competent person, with the reason.

    `staff` are {username, department, present, competences, load}. No competences named means competent in all.
    """
    if wanted:
        return {"assignee": wanted, "because": "named by the one who assigned"}
    fit = [
        person
        for person in staff
        if (person["department"], person["present"]) == (department, True) and category in (person["competences"] or [category])
    ]
    if not fit:
        return {
            "assignee": None,
            "because": f"nobody competent is present in {department}: it lies on the department's desk",
        }
    chosen = min(fit, key=lambda person: (person["load"], person["username"]))
    loads = ", ".join(f"{person['username']} {person['load']}" for person in sorted(fit, key=lambda p: p["username"]))
    return {
        "assignee": chosen["username"],
        "because": f"least loaded of those present and competent in {department} ({loads})",
    }


def worth(policy: Policy, remedies: Sequence[Fact]) -> Decimal | None:
    """The sum of the money in an offer in base currency; None where a currency has no rate."""
    total = Decimal(0)
    for remedy in remedies:
        if "money" in remedy:
            currency = remedy["money"]["currency"]
            rate = "1" if currency == policy.base_currency else policy.rates.get(currency)
            if rate is None:
                return None
            total += Decimal(remedy["money"]["amount"]) * Decimal(rate)
    return total


def authority(policy: Policy, roles: frozenset[str], remedies: Sequence[Fact]) -> Fact:
    """Whether an offer needs the manager's decision, and why: strictly above the highest limit among the roles."""
    limit = max((Decimal(policy.limits[role]) for role in roles if role in policy.limits), default=Decimal(0))
    total = worth(policy, remedies)
    if total is None:
        needed, because = True, "a currency has no rate in the policy"
    elif limit == 0:
        needed, because = True, "every offer needs the manager's decision"
    else:
        needed = total > limit
        because = f"{total} {policy.base_currency} is {'above' if needed else 'within'} the limit of {limit}"
    return {"needs_approval": needed, "because": because, "policy": policy.version}


def offer_hash(complaint: str, number: int, facts: Fact) -> str:
    """The content hash of an offer: what is promised, in which words, until when."""
    content = {
        "complaint": complaint,
        "number": number,
        "remedies": facts["remedies"],
        "text": facts["text"],
        "valid_until": facts["valid_until"],
    }
    return digest("casewright/offer/v1", canonical(content))


def promises(policy: Policy, offer: Fact) -> list[Fact]:
    """What an accepted offer obliges us to, each with who carries it out."""
    return [
        {
            "offer": offer["number"], "remedy": n, "kind": remedy["kind"], "case": None, "state": "pending",
            "by": ELSEWHERE.get(remedy["kind"]) if ELSEWHERE.get(remedy["kind"]) in policy.served else "handler",
        }
        for n, remedy in enumerate(offer["remedies"])
    ]  # fmt: skip
