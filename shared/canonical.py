"""One way to write a fact as bytes, and to hash it (RFC 8785 JSON without floats, SHA-256)."""

import hashlib
from typing import Any

import rfc8785

ZERO = "sha256:" + "0" * 64
"""The hash before the first entry of a case."""


def canonical(value: Any) -> bytes:
    """Return the canonical JSON of a value; raise ValueError for a float, a lone surrogate or a huge integer."""
    _no_floats(value)
    try:
        return rfc8785.dumps(value)
    except (rfc8785.CanonicalizationError, UnicodeEncodeError) as error:
        raise ValueError(f"this cannot be written as canonical JSON: {error}") from None


def digest(tag: str, *parts: bytes) -> str:
    """Hash parts under a domain tag, so that no hash of one kind can pass for one of another."""
    sha = hashlib.sha256(tag.encode() + b"\x00")
    for part in parts:
        sha.update(part)
    return "sha256:" + sha.hexdigest()


def _no_floats(value: Any) -> None:
    if isinstance(value, float):
        raise ValueError("a float has no one way to be written: use text")
    if isinstance(value, dict):
        for item in value.values():
            _no_floats(item)
    elif isinstance(value, list | tuple):
        for item in value:
            _no_floats(item)
