"""Checking a record against itself, from the stored bytes: chain, fold, events, and the words kept apart.

A chain alone does not see a whole case deleted, or rewritten from its first entry; a checkpoint held elsewhere will.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from shared.canonical import ZERO
from shared.case import Case
from shared.entries import Written, chain, commitment


@dataclass(frozen=True, slots=True)
class Finding:
    """The first bad entry of a case, and what is wrong there."""

    case: str
    seq: int
    why: str


def check_case(
    case_id: str,
    stored: Sequence[Written],
    events: Mapping[int, bytes],
    case: Case | None,
    replay: Callable[[Sequence[Written]], Case],
) -> Finding | None:
    """Return the first thing wrong with one case: its chain, its events, or the stored row against the fold."""
    broken = check_chain(case_id, stored)
    if broken is None:
        wrong = ((w.seq, why) for w in stored if (why := _event_fault(w, events.get(w.seq))))
        broken = next((Finding(case_id, seq, why) for seq, why in wrong), None)
    return broken or _row_fault(case_id, stored, events, case, replay)


def check_chain(case_id: str, stored: Sequence[Written]) -> Finding | None:
    """Return the first thing wrong with the entries alone, as an export holds them."""
    prev = ZERO
    for place, written in enumerate(stored, 1):
        why = _entry_fault(written, place, prev)
        if why:
            return Finding(case_id, min(place, written.seq), why)
        prev = written.hash
    return None


def _entry_fault(written: Written, place: int, prev: str) -> str | None:
    if written.seq != place:
        return f"entry {place} is missing: the next one found is {written.seq}"
    if written.prev != prev:
        return "it does not continue the entry before it"
    if chain(prev, written.body) != written.hash:
        return "its bytes do not give its hash"
    try:
        body = orjson.loads(written.body)
        same = (body["case"], body["seq"], body["at"]) == (written.case, written.seq, written.at)
    except (ValueError, KeyError, TypeError):
        return "its bytes cannot be read"
    if not same:
        return "its columns say something else than its bytes"
    if written.personal is not None and commitment(written) != body.get("personal"):
        return "the words kept beside it are not those it commits to"
    return None


def _event_fault(written: Written, event: bytes | None) -> str | None:
    if event is None:
        return "it has no event"
    try:
        said, body = orjson.loads(event), orjson.loads(written.body)
        same = [said["id"], said["type"], said["subject"], said["sequence"], said["time"]] == [
            body["event"]["id"], body["event"]["type"], written.case, written.seq, body["at"],
        ]  # fmt: skip
    except (ValueError, KeyError, TypeError):
        return "its event cannot be read"
    return None if same else "its event says something else"


def _row_fault(
    case_id: str, stored: Sequence[Written], events: Mapping[int, bytes], case: Case | None, replay: Any
) -> Finding | None:
    last = len(stored)
    if case is None:
        return Finding(case_id, last, "the case itself is missing")
    if case.version != last:
        return Finding(case_id, min(case.version, last) + 1, f"the case is at version {case.version}, its history at {last}")
    if set(events) != set(range(1, last + 1)):
        return Finding(case_id, last, "there are events without an entry")
    try:
        folded = replay(stored)
    except (ValueError, KeyError, TypeError, AttributeError, LookupError) as error:
        return Finding(case_id, last, f"its entries cannot be folded: {type(error).__name__}")
    changed = [name for name, value in _members(folded).items() if _members(case).get(name) != value]
    return Finding(case_id, last, f"the case differs from the fold of its entries in: {', '.join(changed)}") if changed else None


def _members(case: Case) -> dict[str, Any]:
    members: dict[str, Any] = orjson.loads(orjson.dumps(case))
    return members
