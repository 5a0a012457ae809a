"""Checking a record against itself, from the stored bytes: chain, fold, events, and the words kept apart.

A chain alone does not see a whole case deleted, or rewritten from its first entry; a checkpoint held elsewhere will.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import orjson

from shared.canonical import ZERO
from shared.entries import Written, chain, commitment
from shared.outbox import by_seq


@dataclass(frozen=True, slots=True)
class Finding:
    """The first bad entry of a case, and what is wrong there."""

    case: str
    seq: int
    why: str


@dataclass(frozen=True, slots=True)
class Record:
    """All that is stored of one case: its entries in order, its events by seq, and its row (None where there is none)."""

    case: str
    entries: Sequence[Written]
    events: Mapping[Any, bytes]
    row: Mapping[Any, Any] | None


def records(
    entries: Iterable[Written], events: Iterable[tuple[str, Any, Any]], rows: Iterable[tuple[str, Mapping[Any, Any]]]
) -> Iterator[Record]:
    """Put three streams, each in the order of case ids, together case by case; one case at a time is held in memory."""
    streams = (
        groupby(entries, key=lambda written: written.case),
        groupby(events, key=lambda event: event[0]),
        groupby(rows, key=lambda row: row[0]),
    )
    heads = [_head(stream) for stream in streams]
    while any(heads):
        case_id = min(head[0] for head in heads if head)
        parts = [head[1] if head and head[0] == case_id else [] for head in heads]
        row = parts[2][0][1] if parts[2] else None
        yield Record(case_id, parts[0], by_seq(event[1:] for event in parts[1]), row)
        heads = [_head(stream) if head and head[0] == case_id else head for head, stream in zip(heads, streams, strict=True)]


def _head(stream: Iterator[tuple[str, Iterator[Any]]]) -> tuple[str, list[Any]] | None:
    following = next(stream, None)
    return None if following is None else (str(following[0]), list(following[1]))


def check_case(record: Record, differences: Callable[[Sequence[Written], Mapping[Any, Any]], list[str]]) -> Finding | None:
    """Return the first thing wrong with one case: its chain, its events, or the stored row against the fold.

    `differences` folds entries and names what the row has otherwise.
    """
    broken = check_chain(record.case, record.entries)
    if broken is None:
        wrong = ((w.seq, why) for w in record.entries if (why := _event_fault(w, record.events.get(w.seq))))
        broken = next((Finding(record.case, seq, why) for seq, why in wrong), None)
    return broken or _row_fault(record, differences)


def check_chain(case_id: str, stored: Sequence[Written], first: int = 1, prev: str = ZERO) -> Finding | None:
    """Return the first thing wrong with the entries alone, as an export holds them; they begin with `first` after `prev`."""
    for place, written in enumerate(stored, first):
        why = _entry_fault(written, place, prev)
        if why:
            return Finding(case_id, min(place, written.seq) if isinstance(written.seq, int) else place, why)
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


def _row_fault(record: Record, differences: Callable[[Sequence[Written], Mapping[Any, Any]], list[str]]) -> Finding | None:
    case_id, row, last = record.case, record.row, len(record.entries)
    if row is None:
        return Finding(case_id, last, "the case itself is missing")
    version = row["version"]
    if version != last:
        seq = min(version, last) + 1 if isinstance(version, int) else last
        return Finding(case_id, seq, f"the case is at version {version}, its history at {last}")
    if set(record.events) != set(range(1, last + 1)):
        return Finding(case_id, last, "there are events without an entry")
    try:
        changed = differences(record.entries, row)
    except (ValueError, KeyError, TypeError, AttributeError, LookupError) as error:
        return Finding(case_id, last, f"case and entries cannot be compared: {type(error).__name__}")
    return Finding(case_id, last, f"the case differs from the fold of its entries in: {', '.join(changed)}") if changed else None
