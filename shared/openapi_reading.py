"""What may be read of the cases of one kind, as OpenAPI operations: list, case, history, and why a step is possible."""

from collections.abc import Mapping

from shared.lists import LIMIT, MOST, SORTS
from shared.openapi_parts import Part, answer, operation, query, whole
from shared.shapes import NUMBER, TEXT, TIME, URL, YES, Schema, many, or_null, record, ref

Filters = Mapping[str, tuple[str, ...] | None]
"""The filters of a list with the words that each allows, None where any word will do."""


def cases(kind: str, plural: str, filters: Filters) -> Part:
    """Describe the list of cases."""
    sorts = [*SORTS, *(f"-{name}" for name in SORTS)]
    parameters = [
        *(_filter(name, words) for name, words in filters.items()),
        query("q", TEXT, "Words of description, reference or external id; Chinese ones too."),
        query("sort", {"enum": sorts, "default": "-opened_at"}, "With - the greatest comes first."),
        whole("limit", LIMIT, MOST, "Cases on a page."),
        query("cursor", {"type": "string", "minLength": 1}, "Out of the `next` of the page before; no client makes one."),
    ]
    page = answer("One page, and where the next one is.", record({"items": many(ref(f"{kind}.listed")), "next": or_null(URL)}))
    return operation(f"{plural}.list", plural, f"List {plural}", {"200": page}, 422, parameters=parameters)


def case(kind: str, plural: str) -> Part:
    """Describe one case."""
    shown = answer("The case, and what you may do with it.", ref(kind), headers={"ETag": "ETag"})
    return operation(f"{plural}.get", plural, "Read a case", {"200": shown}, 404, 405)  # 405: `batch` is no id


def history(kind: str, plural: str) -> Part:
    """Describe the entries of a case."""
    entries = record({"case": TEXT, "kind": {"const": kind}, "entries": many(ref("Entry"))}, {"state": ref(kind)})
    done = {"200": answer("The entries, the first one first; with `as_of` the case as it was, too.", entries)}
    at = query("as_of", TIME, "The entries up to this moment, inclusive.")
    return operation(f"{plural}.history", plural, "Read a case's history", done, 404, 422, parameters=[at])


def why(plural: str) -> Part:
    """Describe the explanation of every step."""
    reason = record({"code": TEXT, "detail": TEXT})
    step = record({"trigger": TEXT, "title": ref("Title"), "possible": YES, "because": many(reason)})
    done = {"200": answer("Every step.", record({"stage": TEXT, "version": NUMBER, "steps": many(step)}))}
    return operation(f"{plural}.why", plural, "Ask which steps are possible, and why not", done, 404)


def _filter(name: str, words: tuple[str, ...] | None) -> Part:
    schema: Schema = {"enum": list(words)} if words else {"type": "string", "minLength": 1, "pattern": "^[^\\x00]+$"}
    return query(name, schema, f"Only those with this {name}.")
