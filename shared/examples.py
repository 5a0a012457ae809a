"""Examples of request bodies, made from their JSON Schemas: just what is needed, with plausible values."""

import re
from typing import Any

from shared.shapes import Schema

SAMPLES = ("text", "12.50", "EUR", "sha256:" + "0" * 64)
"""Text of which the first that a field's pattern allows is its example."""
BY_FORMAT = {"date-time": "2026-01-15T09:30:00+00:00", "date": "2026-12-31"}
BY_TYPE: dict[str, Any] = {"boolean": True, "object": {}, "number": 1}


def example(schema: Schema) -> Any:
    """Return a value that the schema allows; raise LookupError where none can be guessed."""
    if "example" in schema or schema.get("examples"):
        return schema.get("example", (schema.get("examples") or [None])[0])
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type")
    if kind == "object" and "properties" in schema:
        return {name: example(schema["properties"][name]) for name in _needed(schema)}
    if kind == "array":
        return [example(schema["items"])] * schema.get("minItems", 0)
    if kind == "integer":
        return schema.get("minimum", 1)
    return _text(schema) if kind == "string" else BY_TYPE[str(kind)]


def _needed(schema: Schema) -> list[str]:
    """The members that must be there, those of the first alternative included, in declared order."""
    alternatives = schema.get("oneOf") or schema.get("anyOf") or [{}]
    needed = {*schema.get("required", ()), *alternatives[0].get("required", ())}
    return [name for name in schema["properties"] if name in needed]


def _text(schema: Schema) -> str:
    if schema.get("format") in BY_FORMAT:
        return BY_FORMAT[schema["format"]]
    for sample in SAMPLES:
        if re.search(schema.get("pattern", ""), sample) and len(sample) <= schema.get("maxLength", len(sample)):
            return sample
    raise LookupError(f"no example matches {schema}")
