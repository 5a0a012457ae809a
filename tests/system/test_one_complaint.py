"""One complaint from its record to its evaluation, on each kind of database, as its users see it."""

from itertools import pairwise

from tests.house import Desk, System


def test_a_complaint_goes_from_record_to_evaluation_and_its_chain_verifies(any_system: System) -> None:
    desk = Desk(any_system)
    href = desk.at("evaluated", ({"kind": "refund", "money": {"amount": "5.10", "currency": "EUR"}}, {"kind": "apology"}))
    auditor = any_system.desk("auditor")
    history = auditor.get(f"{href}/history").body["entries"]
    assert [entry["seq"] for entry in history] == list(range(1, 10))
    assert all(later["prev"] == earlier["hash"] for earlier, later in pairwise(history))
    case = auditor.get(href).body
    assert (case["stage"], case["open"], case["told"]["told"]) == ("evaluated", False, True)
    verified = auditor.get(f"/audit/verify?kind=complaint&id={case['id']}").body
    assert verified == {"ok": True, "entries": 9, "head": history[-1]["hash"]}


def test_the_feed_has_one_event_an_entry_and_no_gap(any_system: System) -> None:
    Desk(any_system).at("agreed")
    any_system.settle()
    events = any_system.desk("auditor").get("/events").body["events"]
    assert [event["position"] for event in events] == list(range(1, len(events) + 1))
    assert [event["sequence"] for event in events] == list(range(1, 8))
