"""An entry as the others hear of it: CloudEvents 1.0, with a declared public projection and never the row."""

from typing import TYPE_CHECKING, Any

from shared.entries import Entry

if TYPE_CHECKING:
    from shared.caller import Caller


def announce(entry: Entry, source: str, data: dict[str, Any], caller: "Caller") -> dict[str, Any]:
    """Return the event of an entry; `position` is added when it is served or sent."""
    event = {
        "specversion": "1.0", "id": entry.event["id"], "source": source, "type": entry.event["type"], "subject": entry.case,
        "time": entry.at, "datacontenttype": "application/json", "dataschema": f"/asyncapi.json#/components/schemas/{entry.kind}",
        "sequence": entry.seq, "recordedat": entry.recorded_at,
        "data": {"trigger": entry.trigger, "from": entry.from_stage, "to": entry.to_stage,
                 "actor": {"id": entry.actor["id"], "role": entry.role}, **data},
    }  # fmt: skip
    if entry.traceparent:
        event["traceparent"] = entry.traceparent
    if caller.causation:
        event["causationid"] = caller.causation
    return event
