"""What every service answers about itself, and the gateway over all: feed, worklist, procedures, audit, health."""

from shared.lists import LIMIT, MOST
from shared.openapi_parts import JSON, OPEN_TO_ALL, Part, answer, operation, query, whole
from shared.shapes import COUNT, OBJECT, TEXT, YES, Schema, many, or_null, record, ref

TAGS = [
    {"name": "work", "description": "What waits for whom."},
    {"name": "feed", "description": "What has happened, as CloudEvents."},
    {"name": "procedures", "description": "The declared procedures, and the documents made from them."},
    {"name": "audit", "description": "Whether the record holds together, and what was refused."},
    {"name": "operation", "description": "For machines that watch machines."},
]
WORDS: Schema = {"type": "string", "minLength": 1}
PROBE = record({"ready": YES, "parts": {"type": "object", "additionalProperties": YES}})


def paths() -> dict[str, Part]:
    """Return the paths of a service beside those of its cases."""
    after = whole("after", 0, 999_999_999, "The position reached so far.", least=0)
    feed = record({"source": TEXT, "events": many(ref("Event")), "position": COUNT, "more": YES})
    return {
        "/worklist": {"get": worklist()},
        "/events": {"get": events(after, feed)},
        "/audit/verify": {"get": verify(query("kind", TEXT, "The kind of case."))},
        **common_paths(),
    }


def common_paths() -> dict[str, Part]:
    """Return the paths that every door answers in the same way."""
    return {
        "/procedures": {"get": _procedures()},
        "/procedures/{kind}": {"get": _procedure()},
        "/audit/refusals": {"get": _refusals()},
        "/openapi.json": {"get": _document("openapi", "OpenAPI 3.1")},
        "/asyncapi.json": {"get": _document("asyncapi", "AsyncAPI 3.0")},
        "/healthz": {"get": _healthz()},
        "/readyz": {"get": _readyz()},
        "/metrics": {"get": _metrics()},
    }


def page(item: Schema) -> Schema:
    """Describe a page of items and where the next one begins."""
    return record({"items": many(item), "next": or_null(TEXT)})


def worklist() -> Part:
    """Describe the worklist."""
    shown = answer("The most urgent first.", page(ref("WorklistItem")))
    return operation("worklist", "work", "What waits for me", {"200": shown}, 422, parameters=_paging())


def events(after: Part, feed: Schema) -> Part:
    """Describe the feed; a service counts positions, the gateway gives out opaque cursors."""
    types = query("types", TEXT, "Event types without prefix and version, such as `complaint.*,return.closed`.")
    parameters = [after, types, whole("limit", 500, 500, "Events on a page.")]
    return operation(
        "events",
        "feed",
        "What has happened since",
        {"200": answer("Events in order.", feed)},
        422,
        parameters=parameters,
    )


def verify(kind: Part) -> Part:
    """Describe the check of one case."""
    parameters = [kind, query("id", WORDS, "The id of the case.", required=True)]
    shown = answer("What was found.", ref("Verified"))
    return operation("audit.verify", "audit", "Check the record of a case", {"200": shown}, 404, 422, parameters=parameters)


def _paging() -> list[Part]:
    return [whole("limit", LIMIT, MOST, "Items on a page."), query("cursor", WORDS, "The `next` of the page before.")]


def _procedures() -> Part:
    shown = answer("Those in force.", record({"items": many(ref("Procedure"))}))
    return operation("procedures.list", "procedures", "All procedures", {"200": shown})


def _procedure() -> Part:
    kind: Part = {"name": "kind", "in": "path", "required": True, "schema": WORDS, "description": "Such as complaint."}
    form = query("format", {"enum": ["json", "mermaid"], "default": "json"}, "As data, or as a picture.")
    version: Schema = {"type": "integer", "minimum": 1, "maximum": 9999}
    parameters = [kind, form, query("version", version, "The one in force where it is left out.")]
    shown = answer("The procedure.", ref("Procedure"))
    shown["content"]["text/plain"] = {"schema": TEXT}
    return operation("procedures.get", "procedures", "One procedure", {"200": shown}, 404, 422, parameters=parameters)


def _refusals() -> Part:
    parameters = [query("kind", TEXT, "The kind of case."), query("id", TEXT, "The id of a case."), *_paging()]
    shown = answer("The oldest first.", page(ref("Refusal")))
    return operation("audit.refusals", "audit", "What was refused", {"200": shown}, 422, parameters=parameters)


def _document(name: str, title: str) -> Part:
    return operation(
        f"documents.{name}",
        "procedures",
        f"This API as {title}",
        {"200": answer("The document.", OBJECT)},
        **OPEN_TO_ALL,
    )


def _healthz() -> Part:
    shown = answer("It answers.", record({"status": {"const": "ok"}}))
    return operation("healthz", "operation", "Is it alive", {"200": shown}, **OPEN_TO_ALL)


def _readyz() -> Part:
    described = operation("readyz", "operation", "Does every part work", {"200": answer("Every part works.", PROBE)}, **OPEN_TO_ALL)
    described["responses"]["503"] = answer("Some part does not.", PROBE, JSON)
    return described


def _metrics() -> Part:
    shown = answer("Counters and histograms.", TEXT, "text/plain")
    return operation("metrics", "operation", "Measurements for Prometheus", {"200": shown}, **OPEN_TO_ALL)
