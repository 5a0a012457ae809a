"""Rows of foreign files as stories of complaints: the published complaints of the CFPB, and any file by a mapping.

A mapping guesses nothing: what cannot be read is refused with line, field and reason.
"""

import re
import tomllib
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from services.complaints.model import Complaint
from services.complaints.procedure import PROCEDURES
from services.complaints.schemas import FIELDS
from shared import clock
from shared.importing import Facts, FileRefused, Mapped, Move, Row, RowRefused, Story

CHANNELS = {"Referral": "referral", "Postal mail": "letter", "Web": "web", "Phone": "phone", "Fax": "fax", "Email": "email"}
REMEDIES = {"Closed with monetary relief": "refund", "Closed with non-monetary relief": "correction"}
ANSWERED_AFTER = {"Yes": timedelta(days=10), "No": timedelta(days=20)}
"""The file has no date of the answer: days from `assign` by `timely_response`, an estimate on either side of the 15 allowed."""
CATEGORIES = {
    "price": (
        "APR or interest rate", "Late fee", "Other fee", "Settlement process and costs", "Billing disputes", "Billing statement",
        "Problems caused by my funds being low", "Wrong amount charged or received", "Balance transfer", "Payoff process",
    ),
    "late_delivery": (
        "Application processing delay", "Money was not available when promised", "Transaction issue", "Other transaction issues",
    ),
    "wrong_specification": (
        "Incorrect information on credit report", "Incorrect/missing disclosures or info", "Account terms and changes",
        "Disclosure verification of debt", "False statements or representation", "Advertising and marketing",
        "Unsolicited issuance of credit card", "Taking out the loan or lease",
    ),
    "product_quality": (
        "Identity theft / Fraud / Embezzlement", "Fraud or scam", "Using a debit or ATM card", "Convenience checks", "Rewards",
        "Credit card protection / Debt protection",
    ),
}  # fmt: skip
"""The category of an issue; where none fits it is `service`."""
CATEGORY_OF = {issue: category for category, issues in CATEGORIES.items() for issue in issues}
CFPB_COLUMNS = frozenset(
    {
        "date_received", "product", "sub_product", "issue", "sub_issue", "company", "submitted_via", "date_sent_to_company",
        "company_response_to_consumer", "timely_response", "consumer_disputed?", "complaint_id",
    }
)  # fmt: skip
CFPB_BESIDES = frozenset({"company_public_response", "state", "zipcode", "tags", "consumer_consent_provided"})
"""What no fact is made of, but a row that comes again is compared by."""


def cfpb(row: Row) -> Story:
    """The story of one row of the CFPB's Consumer Complaint Database."""
    number = _needed(row, "complaint_id")
    received = _day(row, "date_received")
    assigned = max(received, _day(row, "date_sent_to_company")) + timedelta(hours=2)
    product, issue = _needed(row, "product"), _needed(row, "issue")
    described = [product, row["sub_product"], issue, row["sub_issue"], row.get("consumer_complaint_narrative", "")]
    opening = {
        "customer": {"ref": f"cfpb-{number}", "name": f"Consumer {number}"},
        "received_at": clock.instant(received),
        "channel": _one_of(row, "submitted_via", CHANNELS),
        "subject": {"kind": "product", "ref": product},
        "category": CATEGORY_OF.get(issue, "service"),
        "description": " / ".join(part for part in described if part),
        "demand": f"an answer from {_needed(row, 'company')}",
        "statutory_profile": "cfpb",
        "source": "cfpb",
        "external_id": number,
    }
    return Story(opening, received, tuple(_way(row, received, assigned, product)))


def _way(row: Row, received: datetime, assigned: datetime, product: str) -> list[Move]:
    answered = assigned + ANSWERED_AFTER[_one_of(row, "timely_response", dict.fromkeys(ANSWERED_AFTER, ""), keep=True)]
    response = _needed(row, "company_response_to_consumer")
    disputed = _one_of(row, "consumer_disputed?", {"Yes": "yes", "No": "no"}) == "yes"
    department = re.sub(r"[^a-z0-9]+", "_", product.casefold()).strip("_")[:64]
    hour, day = timedelta(hours=1), timedelta(days=1)
    moves = [
        Move(
            "validate",
            {"verdict": "justified", "grounds": "Taken up by the bureau.", "notice": _notice("We look into it.")},
            received + hour,
        ),
        Move("assign", {"department": department}, assigned),
        Move("start", {}, assigned + hour),
        Move("analyse", {"cause": "unknown", "certainty": "suspected", "findings": "Not published."}, assigned + 2 * hour),
        Move("propose", _offer(response, answered), answered, estimated=True),
    ]
    if disputed:
        moves += [
            Move("decline", _decline, answered + day, estimated=True),
            Move("propose", _offer(response, answered + 2 * day), answered + 2 * day, estimated=True),
        ]
    agreed = answered + (3 if disputed else 1) * day
    reaction = "The consumer disputed the first answer." if disputed else "The consumer did not dispute the answer."
    return [
        *moves,
        Move("accept", _accept, agreed, estimated=True),
        Move("resolve", {"done": f"{response}.", "notice": _notice(f"{response}.")}, agreed + hour, estimated=True),
        Move("evaluate", _evaluation(row, department, reaction), agreed + day, estimated=True),
    ]


def _offer(response: str, at: datetime) -> Facts:
    remedy = REMEDIES.get(response, "explanation")
    until = clock.instant(at + timedelta(days=30))
    return {"remedies": [{"kind": remedy}], "text": f"{response}.", "notice": _notice(f"{response}."), "valid_until": until}


def _evaluation(row: Row, department: str, reaction: str) -> Facts:
    return {
        "summary": f"Imported: {row['company_response_to_consumer']}, in time: {row['timely_response']}.",
        "follow_up": {"reaction": reaction},
        "prevention": {"waiver": "The file says nothing of prevention."},
        "accountability": {"unit": department, "measure": "Not published."},
    }


def _notice(text: str) -> Facts:
    return {"channel": "other", "text": text}


def _named(case: Complaint) -> Facts:
    assert case.offer is not None, "an answer follows an offer"
    return {"number": case.offer["number"], "hash": case.offer["hash"]}


def _accept(case: Complaint) -> Facts:
    return {"offer": _named(case), "evidence": "consumer_disputed? in the file"}


def _decline(case: Complaint) -> Facts:
    return {"offer": _named(case), "reason": "The consumer disputed the answer.", "evidence": "consumer_disputed? in the file"}


def _needed(row: Row, column: str) -> str:
    value = row[column].strip()
    if not value:
        raise RowRefused(column, row[column], "a value is needed")
    return value


def _one_of(row: Row, column: str, words: Mapping[str, str], keep: bool = False) -> str:
    value = _needed(row, column)
    if value not in words:
        raise RowRefused(column, value, f"allowed: {', '.join(words)}")
    return value if keep else words[value]


def _day(row: Row, column: str) -> datetime:
    value = _needed(row, column)
    try:
        return datetime.strptime(value, "%m/%d/%Y").replace(hour=9, tzinfo=UTC)
    except ValueError:
        raise RowRefused(column, value, "a date month/day/year is expected") from None


CFPB = Mapped(CFPB_COLUMNS, cfpb, compared=CFPB_COLUMNS | CFPB_BESIDES)

# A mapping of one's own --------------------------------------------------------------------------------------------

RULE_KEYS = {"column", "constant", "words", "default", "format", "zone", "optional"}


def mapping(path: Path) -> Mapped:
    """Read a mapping file; raise FileRefused naming what is wrong in it. examples/complaints.toml explains the form."""
    try:
        read = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise FileRefused(f"the mapping {path.name} cannot be read: {error}") from None
    file, record = read.pop("file", {}), read.pop("record", {})
    if read or set(file) - {"delimiter", "encoding", "source"}:
        raise FileRefused(
            f"{path.name}: known are [file] with delimiter, encoding, source, and [record]; not {sorted(read) or sorted(file)}"
        )
    rules = dict(_rules(path.name, record))
    unknown = {place[0] for place in rules} - set(FIELDS)
    if unknown:
        raise FileRefused(f"{path.name}: [record] has no field {', '.join(sorted(unknown))}")
    columns = frozenset(rule["column"] for rule in rules.values() if "column" in rule)
    source = str(file.get("source", path.stem))
    public = {rule["column"] for place, rule in rules.items() if "column" in rule and not _personal(place)}
    return Mapped(
        columns, lambda row: _told(row, rules, source), frozenset(public),
        str(file.get("delimiter", ",")), str(file.get("encoding", "utf-8-sig")),
    )  # fmt: skip


def _personal(place: tuple[str, ...]) -> bool:
    """Whether a fact of the opening is kept beside the entry, so that it can be erased."""
    procedure = PROCEDURES.current
    return any(place[: len(path)] == path for path in procedure.personal(procedure.opening))


def _rules(name: str, table: Mapping[str, Any], place: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    found = []
    for key, rule in table.items():
        here = (*place, key)
        if not isinstance(rule, dict):
            raise FileRefused(f'{name}: {".".join(here)} must be a table such as {{ column = "Name" }}')
        if "column" in rule or "constant" in rule:
            if set(rule) - RULE_KEYS:
                raise FileRefused(f"{name}: {'.'.join(here)} knows {', '.join(sorted(RULE_KEYS))}")
            found.append((here, _checked(name, here, rule)))
        else:
            found += _rules(name, rule, here)
    return found


def _checked(name: str, here: tuple[str, ...], rule: dict[str, Any]) -> dict[str, Any]:
    try:
        ZoneInfo(rule.get("zone", "UTC"))
    except (ZoneInfoNotFoundError, ValueError):
        raise FileRefused(f"{name}: {'.'.join(here)} names the unknown zone '{rule['zone']}'") from None
    return rule


def _told(row: Row, rules: Mapping[tuple[str, ...], dict[str, Any]], source: str) -> Story:
    facts: Facts = {"source": source}
    for place, rule in rules.items():
        value = _value(row, rule)
        if value is not None:
            holder = facts
            for name in place[:-1]:
                holder = holder.setdefault(name, {})
            holder[place[-1]] = value
    if not facts.get("external_id"):
        raise RowRefused("external_id", "", "a number of its own is needed, so that a second import knows the row again")
    try:
        at = clock.moment(facts["received_at"])
    except (KeyError, ValueError, TypeError):
        raise RowRefused("received_at", str(facts.get("received_at", "")), "a time with offset is needed, or a format") from None
    return Story(facts, at)


def _value(row: Row, rule: dict[str, Any]) -> Any:
    if "constant" in rule:
        return rule["constant"]
    column, value = rule["column"], row[rule["column"]].strip()
    if not value:
        if "default" in rule or rule.get("optional"):
            return rule.get("default")
        raise RowRefused(column, value, "a value is needed")
    if "words" in rule:
        if value not in rule["words"] and "default" not in rule:
            raise RowRefused(column, value, f"the mapping knows: {', '.join(rule['words'])}")
        return rule["words"].get(value, rule.get("default"))
    if "format" in rule:
        try:
            return clock.instant(datetime.strptime(value, rule["format"]).replace(tzinfo=ZoneInfo(rule.get("zone", "UTC"))))
        except ValueError:
            raise RowRefused(column, value, f"a time in the form {rule['format']} is expected") from None
    return value


MAPS = {"cfpb": CFPB}
"""The mappings that come with the service, by name."""


def mapped(name: str) -> Mapped:
    """Return a mapping by name, or read the file of that name. Raises FileRefused."""
    return MAPS[name] if name in MAPS else mapping(Path(name))
