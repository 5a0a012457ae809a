"""Every field of a complaint, typed once (wire.md, A case, its steps, its history)."""

from typing import Any

from marshmallow import ValidationError, validates_schema
from marshmallow.fields import Nested

from shared import fields, standing
from shared.fields import Choice, Day, Instant, Sha256, Strict, Text, Whole, Yes, many, money, nested
from shared.store import PRIORITIES

CATEGORIES = ("product_quality", "late_delivery", "wrong_specification", "packaging", "service", "price", "other")
SUBJECTS = ("order", "product", "contract", "service", "other")
CAUSES = (
    "design", "material", "workmanship", "packing", "transport", "storage", "delivery_planning", "documentation", "promise",
    "pricing", "conduct", "customer_use", "unknown", "other",
)  # fmt: skip
REMEDIES = (
    "apology", "explanation", "refund", "price_reduction", "exchange", "return", "repair", "repackaging", "redelivery",
    "contract_amendment", "compensation", "correction",
)  # fmt: skip
WITH_MONEY = frozenset({"refund", "price_reduction", "compensation"})

customer = nested(
    "Customer",
    {
        "ref": Text(64, required=True),
        "name": Text(255, personal=True, required=True),
        "contact": nested(
            "Contact",
            {"email": Text(320), "phone": Text(64), "address": Text(1000), "language": Choice(("en", "zh"))},
            metadata={"personal": True},
        ),
        "class": Choice(("A", "B", "C")),
        "key_account": Yes(),
    },
)
line = nested(
    "Line",
    {"order": Text(64, required=True), "line": Text(64, required=True), "quantity": Whole(1, 10**9, required=True)},
)
remedy = nested(
    "Remedy",
    {
        "kind": Choice(REMEDIES, required=True),
        "money": money(),
        "lines": many(line, 1, 500),
        "contract": Text(64),
        "change": Text(),
        "note": Text(2000),
    },
)


class Prevention(Strict):
    """What keeps the cause from coming back: actions with owner and due date, or a reason why none is needed."""

    actions = many(
        nested(
            "PreventiveAction",
            {"action": Text(2000, required=True), "owner": Text(64, required=True), "due": Day(required=True)},
        ),
        1,
    )
    waiver = Text(2000)

    @validates_schema
    def one_of_both(self, data: dict[str, Any], **_: Any) -> None:
        """Refuse neither and both."""
        if ("actions" in data) == ("waiver" in data):
            raise ValidationError("Either actions or a waiver with its reason is needed.")


FIELDS: dict[str, fields.Field] = {
    **standing.FIELDS,
    "customer": customer,
    "received_at": Instant(),
    "subject": nested("Subject", {"kind": Choice(SUBJECTS, required=True), "ref": Text(120, required=True), "line": Text(64)}),
    "category": Choice(CATEGORIES),
    "description": Text(20_000, personal=True),
    "demand": Text(2000),
    "priority": Choice(PRIORITIES),
    "safety": Yes(),
    "statutory_profile": Text(32),
    "verdict": Choice(("justified", "partly")),
    "grounds": Text(),
    "into": Text(64),
    "department": Text(64),
    "assignee": Text(64),
    "cause": Choice(CAUSES),
    "certainty": Choice(("suspected", "confirmed")),
    "findings": Text(),
    "contributions": many(
        nested("Contribution", {"department": Text(64, required=True), "share": Whole(1, 100, required=True)}), 0, 20
    ),
    "remedies": many(remedy, 1, 20),
    "valid_until": Instant(),
    "opinion": Text(),
    "offer": nested("OfferReference", {"number": Whole(1, 10**6, required=True), "hash": Sha256(required=True)}),
    "counter_demand": Text(personal=True),
    "body": Text(255),
    "done": Text(),
    "remedy": Whole(0, 19),
    "case": Text(255),
    "summary": Text(),
    "follow_up": nested("FollowUp", {"reaction": Text(personal=True, required=True), "satisfaction": Whole(1, 5, required=True)}),
    "prevention": Nested(
        Prevention,
        metadata={"oneOf": [{"required": ["actions"]}, {"required": ["waiver"]}]},
        error_messages={
            "required": "This field is needed.",
            "null": "An object is expected.",
            "type": "An object is expected.",
        },
    ),
    "accountability": nested("Accountability", {"unit": Text(64), "person": Text(64), "measure": Text(2000, required=True)}),
    "occurred_at": Instant(),
    "place": Text(255),
    "phenomenon": Text(),
    "plan": Text(),
    "complaint": Text(64),
}
