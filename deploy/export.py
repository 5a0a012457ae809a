"""The record as lines of JSON: one entry a line, in its exact bytes, so that others can check it without Casewright.

A line is {kind, case, seq, at, body, prev, hash, personal, salt}: `body` and `personal` are the hashed text itself, `salt` is
hexadecimal. With personal data left out, `personal` and `salt` are null, and the commitment in `body` stands for it.
Where an export of a period begins in the middle of a case, the case's first line says `"partial": true`.
"""

from collections.abc import Iterable, Iterator
from itertools import groupby
from typing import Any

import orjson

from shared.canonical import ZERO
from shared.entries import Written
from shared.verify import Finding, check_chain

MEMBERS = ("kind", "case", "seq", "at", "body", "prev", "hash")


class NoExport(ValueError):
    """The file holds no line of an export."""


def lines(kind: str, entries: Iterable[Written], personal: bool = True) -> Iterator[bytes]:
    """Write entries, case by case in order, as lines."""
    last = None
    for written in entries:
        line = {
            "kind": kind, "case": written.case, "seq": written.seq, "at": written.at, "body": _text(written.body),
            "prev": written.prev, "hash": written.hash,
            "personal": _text(written.personal) if personal and written.personal is not None else None,
            "salt": written.salt.hex() if personal and written.salt is not None else None,
        }  # fmt: skip
        if written.case != last and written.prev != ZERO:
            line["partial"] = True
        last = written.case
        yield orjson.dumps(line) + b"\n"


def chains(file: Iterable[bytes]) -> Iterator[tuple[str, int, bool, Finding | None]]:
    """Check the cases of an export one after another: (kind, entries, begins in the middle, first thing wrong).

    Raises NoExport where no line can be read; one that cannot be read among others was damaged.
    """
    read = damaged = 0
    places: dict[str, str] = {}
    for (kind, case_id), group in groupby(map(_line, file), key=lambda line: (line["kind"], line["case"]) if line else ("?", "?")):
        found = [line for line in group if line]
        if not found:
            damaged += 1
            continue
        read += 1
        yield _chain(kind, case_id, found, places.get(kind, ""))
        places[kind] = max(case_id, places.get(kind, ""))
    if not read:
        raise NoExport("this is no export of Casewright (one JSON object a line, with kind, case, seq, body, hash)")
    for _ in range(damaged):
        yield "unknown", 0, False, Finding("unknown", 0, "a line cannot be read")


def _chain(kind: str, case_id: str, found: list[dict[str, Any]], before: str) -> tuple[str, int, bool, Finding | None]:
    first, partial = found[0], found[0].get("partial") is True and found[0]["seq"] > 1
    if case_id <= before:
        return kind, len(found), False, Finding(case_id, first["seq"], "its entries do not stand together, in the order of cases")
    start = (first["seq"], first["prev"]) if partial else (1, ZERO)
    finding = check_chain(case_id, [line["written"] for line in found], *start)
    if finding is None:
        foreign = next((line["seq"] for line in found if orjson.loads(line["written"].body).get("kind") != kind), None)
        finding = None if foreign is None else Finding(case_id, foreign, "its bytes name another kind of case")
    return kind, len(found), partial, finding


def _line(text: bytes) -> dict[str, Any] | None:
    """One line with its entry as `written`; None where it cannot be read."""
    try:
        line = orjson.loads(text)
        if (
            not isinstance(line, dict)
            or not isinstance(line["seq"], int)
            or not all(isinstance(line[m], str) for m in MEMBERS if m != "seq")
        ):
            return None
        personal, salt = line.get("personal"), line.get("salt")
        line["written"] = Written(
            line["case"], line["seq"], line["at"], line["body"].encode(), line["prev"], line["hash"],
            personal.encode() if personal is not None else None, bytes.fromhex(salt) if salt is not None else None,
        )  # fmt: skip
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return line


def _text(stored: bytes) -> str:
    """Stored bytes as text; damaged ones show a mark, and no longer give their hash."""
    return stored.decode(errors="replace")
