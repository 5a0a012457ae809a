"""Types of facts: each loads what a caller wrote into plain JSON values in their one canonical form.

A schema refuses what it does not know, so that a misspelt field is never silently lost.
A field marked `personal` is kept beside the entry, not in it (architecture.md, Hash), and can be erased.
"""

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from decimal import Decimal
from typing import Any

from apispec import APISpec
from apispec.ext.marshmallow import MarshmallowPlugin
from marshmallow import RAISE, Schema, ValidationError, fields, validate

from shared import clock
from shared.errors import Invalid

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_AMOUNT = re.compile(r"[0-9]{1,15}(\.[0-9]{1,4})?")
_WORDS = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*[^\s\x00-\x1f\x7f][^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
_END = r"$(?!\n)"
"""The end of a text in the dialects of Python and of JSON Schema: Python's `$` alone lets a last line feed through."""
_MISSING = "This field is needed."

Field = fields.Field[Any]
Messages = dict[str, str | list[Any] | dict[Any, Any]]


class Strict(Schema):
    """The base of every schema: an unknown field is an error."""

    class Meta:
        unknown = RAISE

    error_messages = {"unknown": "This field is not known here.", "type": "A JSON object is expected."}


class Text(fields.String):
    """Words of a person: not empty, no control characters, at most `most` characters; kept letter for letter."""

    default_error_messages = {
        "required": _MISSING,
        "null": "Text is expected, not null.",
        "invalid": "Text is expected.",
    }

    def __init__(self, most: int = 10_000, personal: bool = False, **options: Any) -> None:
        metadata = {"personal": personal, "pattern": _WORDS, **options.pop("metadata", {})}
        super().__init__(validate=validate.Length(1, most), metadata=metadata, **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **options)
        if not text.strip():
            raise ValidationError("Please write something.")
        if _CONTROL.search(text):
            raise ValidationError("Control characters are not allowed.")
        return text


class Choice(fields.String):
    """One of a fixed list of words."""

    default_error_messages = {
        "required": _MISSING,
        "null": "A word is expected, not null.",
        "invalid": "A word is expected.",
    }

    def __init__(self, words: Sequence[str], **options: Any) -> None:
        super().__init__(validate=validate.OneOf(words, error="Allowed: " + ", ".join(words) + "."), **options)


class Whole(fields.Integer):
    """A whole number within bounds; a number with a fraction or in quotes is none."""

    default_error_messages = {
        "required": _MISSING,
        "null": "A number is expected, not null.",
        "invalid": "A whole number is expected.",
    }

    def __init__(self, least: int, most: int, **options: Any) -> None:
        super().__init__(strict=True, validate=validate.Range(least, most), **options)

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> int:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # JSON knows one kind of number: 5.0 is the whole number 5
        if isinstance(value, bool | str):
            raise self.make_error("invalid", input=value)
        number: int | None = super()._deserialize(value, attr, data, **options)
        return number or 0


class Yes(fields.Boolean):
    """True or false, and nothing that merely looks like it."""

    default_error_messages = {
        "required": _MISSING,
        "null": "true or false is expected.",
        "invalid": "true or false is expected.",
    }

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> bool:
        if not isinstance(value, bool):
            raise self.make_error("invalid", input=value)
        return value


class _Written(fields.String):
    """A value with one written form: `read` parses what came and answers the form to keep."""

    read: Callable[[str], str]
    expected: str
    form: str

    def __init__(self, **options: Any) -> None:
        super().__init__(metadata={"format": self.form, **options.pop("metadata", {})}, **options)

    default_error_messages = {"required": _MISSING}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> str:
        try:
            return type(self).read(value)
        except (ValueError, TypeError, OverflowError, AttributeError):
            raise ValidationError(self.expected) from None


class Instant(_Written):
    """A time with offset, kept in UTC."""

    form = "date-time"
    expected = "A time with offset is expected, such as 2026-11-20T09:30:00+00:00."

    @staticmethod
    def read(text: str) -> str:
        """Return the time in its kept form."""
        return clock.instant(clock.moment(text))


class Day(_Written):
    """A calendar date."""

    form = "date"
    expected = "A date is expected, such as 2026-12-31."

    @staticmethod
    def read(text: str) -> str:
        """Return the date in its kept form."""
        return clock.day(text).isoformat()


class Amount(fields.String):
    """A sum of money as text with at most four decimals, above zero (domain.md, rule 8)."""

    def __init__(self, **options: Any) -> None:
        pattern = validate.Regexp(f"^{_AMOUNT.pattern}{_END}", error='An amount is expected, such as "12.50".')
        super().__init__(required=True, validate=pattern, **options)

    default_error_messages = {"required": _MISSING, "invalid": 'An amount is text, such as "12.50".'}

    def _deserialize(self, value: Any, attr: str | None, data: Mapping[str, Any] | None, **options: Any) -> str:
        text: str = super()._deserialize(value, attr, data, **options)
        if _AMOUNT.fullmatch(text) and Decimal(text) <= 0:
            raise ValidationError("The amount must be above zero.")
        return text


class Sha256(fields.String):
    """A hash written `sha256:` and 64 hexadecimal digits."""

    default_error_messages = {"required": _MISSING, "invalid": "A hash is text."}

    def __init__(self, **options: Any) -> None:
        pattern = validate.Regexp(f"^sha256:[0-9a-f]{{64}}{_END}", error="A hash is expected: sha256: and 64 hexadecimal digits.")
        super().__init__(validate=pattern, **options)


def record(name: str, members: Mapping[str, Field], base: type[Strict] = Strict) -> type[Strict]:
    """Make a schema class from its fields."""
    return base.from_dict(dict(members), name=name)  # type: ignore[return-value]  # from_dict is typed as Schema


def nested(name: str, members: Mapping[str, Field], **options: Any) -> fields.Nested:
    """A JSON object inside another."""
    messages: Messages = {"required": _MISSING, "null": "An object is expected, not null.", "type": "An object is expected."}
    return fields.Nested(record(name, members), error_messages=messages, **options)


def many(inner: Field, least: int = 0, most: int = 100, **options: Any) -> fields.List[Any]:
    """A list of `least` to `most` items."""
    messages: Messages = {"required": _MISSING, "null": "A list is expected, not null.", "invalid": "A list is expected."}
    return fields.List(inner, validate=validate.Length(least, most), error_messages=messages, **options)


def money(**options: Any) -> fields.Nested:
    """A sum with its currency (ISO 4217)."""
    currency = fields.String(
        required=True,
        validate=validate.Regexp(f"^[A-Z]{{3}}{_END}", error="A currency is three capital letters, such as EUR."),
        error_messages={"required": _MISSING, "invalid": "A currency is text."},
    )
    return nested("Money", {"amount": Amount(), "currency": currency}, **options)


def load(schema: Strict, body: Any, partial: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the facts in canonical form; raise Invalid with a pointer (RFC 6901) to each wrong field.

    `partial` names fields that may be missing although they are needed (`follow_up.satisfaction`).
    """
    try:
        loaded: dict[str, Any] = schema.load(body, partial=partial or None)
    except ValidationError as error:
        raise Invalid("Please correct the fields named here.", errors=list(_pointers(error.messages))) from None
    return loaded


def _pointers(messages: Any, path: str = "") -> Iterable[dict[str, str]]:
    if isinstance(messages, dict):
        for key, inner in messages.items():
            name = str(key).replace("~", "~0").replace("/", "~1")
            yield from _pointers(inner, path if key == "_schema" else f"{path}/{name}")
    else:
        for detail in messages if isinstance(messages, list) else [messages]:
            yield {"pointer": path, "detail": str(detail)}


def json_schema(schema: type[Strict]) -> dict[str, Any]:
    """Return the JSON Schema 2020-12 of a schema, nested ones in place."""
    plugin = MarshmallowPlugin(schema_name_resolver=lambda _: "")
    spec = APISpec("-", "-", "3.1.0", plugins=[plugin])
    assert plugin.converter is not None, spec
    convert: Callable[[Schema], dict[str, Any]] = plugin.converter.schema2jsonschema
    made: dict[str, Any] = _without_marks(convert(schema()))
    return made


def _without_marks(made: Any) -> Any:
    """Drop what only the house reads (`personal`) from a JSON Schema."""
    if isinstance(made, dict):
        return {key: _without_marks(value) for key, value in made.items() if key != "personal"}
    return [_without_marks(item) for item in made] if isinstance(made, list) else made


def personal_paths(schema: type[Strict]) -> tuple[tuple[str, ...], ...]:
    """Return the paths of the personal fields of a schema; raise TypeError where one stands inside a list."""
    return tuple(_personal(schema()))


def _personal(schema: Schema) -> Iterable[tuple[str, ...]]:
    for name, field in schema.fields.items():
        if field.metadata.get("personal"):
            yield (name,)
        elif isinstance(field, fields.Nested):
            yield from ((name, *rest) for rest in _personal(field.schema))
        elif isinstance(field, fields.List) and isinstance(field.inner, fields.Nested) and any(_personal(field.inner.schema)):
            raise TypeError(f"{name}: personal data inside a list cannot be kept apart: mark the list")
