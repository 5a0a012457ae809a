"""An entry: one step as it was taken, in the exact bytes that are hashed onto the entry before.

What a caller said about a person is kept beside the entry under a salt, and the entry holds only a commitment to it:
the words can be erased one day, and the chain still verifies (architecture.md, Hash).
"""

import os
from dataclasses import dataclass, field
from typing import Any

import orjson

from shared.canonical import canonical, digest

ENTRY_TAG = "casewright/entry/v1"
PERSONAL_TAG = "casewright/personal/v1"

Paths = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of a case's history: who did which step when, with which facts and effects.

    `facts` are what the caller brought; `effects` what the step decided by itself (numbers, choices, reasons).
    `from_stage` is None for the entry that opens the case.
    """

    case: str
    kind: str
    seq: int
    at: str
    recorded_at: str
    trigger: str
    from_stage: str | None
    to_stage: str
    actor: dict[str, str]
    role: str
    facts: dict[str, Any]
    effects: dict[str, Any]
    event: dict[str, str]
    procedure_version: int
    on_behalf_of: str | None = None
    request_id: str | None = None
    traceparent: str | None = None
    imported: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """An entry as stored: `body` in canonical bytes, what was kept apart, and its place in the chain."""

    case: str
    seq: int
    at: str
    body: bytes
    prev: str
    hash: str
    personal: bytes | None = None
    salt: bytes | None = field(default=None, repr=False)


def write(entry: Entry, prev: str, personal: Paths) -> Written:
    """Turn an entry into its stored bytes, linked to the hash before it."""
    public, apart = split(entry.facts, personal)
    salt = os.urandom(16) if apart else None
    kept = canonical(apart) if apart else None
    body = canonical(
        {
            "case": entry.case, "kind": entry.kind, "seq": entry.seq, "at": entry.at, "recorded_at": entry.recorded_at,
            "trigger": entry.trigger, "from": entry.from_stage, "to": entry.to_stage, "actor": entry.actor,
            "on_behalf_of": entry.on_behalf_of, "role": entry.role, "facts": public, "effects": entry.effects,
            "event": entry.event, "procedure_version": entry.procedure_version, "request_id": entry.request_id,
            "traceparent": entry.traceparent, "imported": entry.imported,
            "personal": digest(PERSONAL_TAG, salt, kept) if salt and kept else None,
        }
    )  # fmt: skip
    return Written(entry.case, entry.seq, entry.at, body, prev, chain(prev, body), kept, salt)


def chain(prev: str, body: bytes) -> str:
    """Hash stored bytes onto the hash before them."""
    return digest(ENTRY_TAG, prev.encode(), body)


def read(stored: Written) -> Entry:
    """Turn stored bytes back into an entry; erased words are simply not there. Raises ValueError for damaged bytes."""
    body = orjson.loads(stored.body)
    try:
        facts = body["facts"] if stored.personal is None else join(body["facts"], orjson.loads(stored.personal))
        return Entry(
            body["case"], body["kind"], body["seq"], body["at"], body["recorded_at"], body["trigger"], body["from"], body["to"],
            body["actor"], body["role"], facts, body["effects"], body["event"], body["procedure_version"],
            body["on_behalf_of"], body["request_id"], body["traceparent"], body["imported"],
        )  # fmt: skip
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"an entry without its members: {error}") from None


def commitment(stored: Written) -> str | None:
    """The commitment that the kept words give now, to be compared with the one in the body."""
    return digest(PERSONAL_TAG, stored.salt or b"", stored.personal) if stored.personal is not None else None


def split(facts: dict[str, Any], personal: Paths) -> tuple[dict[str, Any], dict[str, Any]]:
    """Part facts into what the entry holds and what is kept beside it, the latter by JSON pointer."""
    public, apart = facts, {}
    for path in personal:
        holder: Any = facts
        for name in path[:-1]:
            holder = holder.get(name) if isinstance(holder, dict) else None
        if isinstance(holder, dict) and path[-1] in holder:
            apart["/" + "/".join(path)] = holder[path[-1]]
            public = _without(public, path)
    return public, apart


def _without(facts: dict[str, Any], path: tuple[str, ...]) -> dict[str, Any]:
    if len(path) == 1:
        return {name: value for name, value in facts.items() if name != path[0]}
    return {**facts, path[0]: _without(facts[path[0]], path[1:])}


def join(public: dict[str, Any], apart: dict[str, Any]) -> dict[str, Any]:
    """Put what was kept apart back into its places."""
    facts: dict[str, Any] = orjson.loads(orjson.dumps(public))
    for pointer, value in apart.items():
        *way, last = pointer[1:].split("/")
        holder = facts
        for name in way:
            holder = holder.setdefault(name, {})
        holder[last] = value
    return facts
