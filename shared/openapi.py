"""OpenAPI 3.1 of a service and of the whole house, as pure functions of the procedures.

What is said here is what a client may rely on: no answer has a status, a media type or a member that is not described.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from shared import openapi_cases, openapi_parts, openapi_service
from shared.openapi_gateway import gateway_paths as gateway_paths
from shared.openapi_parts import Part
from shared.openapi_reading import Filters
from shared.procedure import Procedures
from shared.shapes import SHARED

HEAD: Part = {
    "openapi": "3.1.0",
    "jsonSchemaDialect": "https://json-schema.org/draft/2020-12/schema",
    "servers": [{"url": "/"}],
    "security": [{"bearer": []}],
}
ABOUT = {
    "title": "Casewright",
    "version": "1.0.0",
    "description": "Complaints, contracts and returns as procedures that are declared once. "
    "Every error is a problem document (RFC 9457); every write to a case names the version that was seen.",
}


def document(procedures: Procedures, plural: str, filters: Filters) -> Part:
    """Return the document of the service that serves one kind of case under its plural; `filters` are those of its list."""
    title = procedures.current.title
    components: Part = {
        **_common(),
        "schemas": {**SHARED, "Command": openapi_cases.COMMAND, **openapi_cases.schemas(procedures)},
        "links": openapi_cases.links(procedures, plural),
    }
    made = {
        **HEAD,
        "info": {**ABOUT, "title": f"Casewright: {plural}", "version": f"{procedures.current.version}.0.0"},
        "tags": [{"name": plural, "description": f"{title.en} {title.zh}"}, *openapi_service.TAGS],
        "paths": {**openapi_cases.paths(procedures, plural, filters), **openapi_service.paths()},
        "components": components,
    }
    return _pruned(made)


def merge(documents: Sequence[Part], own: Part, info: Mapping[str, str] | None = None) -> Part:
    """Return one document of `own` and the services': where both have a path, it is `own` that answers.

    Raises ValueError for a path, or a component of one name, that two of them describe in different words.
    """
    merged: Part = {**HEAD, "info": {**ABOUT, **(info or {})}, "tags": [], "paths": {}, "components": _common()}
    merged["components"]["schemas"] = dict(SHARED)
    for given in (own, *documents):
        mine = given is own
        paths = {path: item for path, item in given["paths"].items() if mine or path not in own["paths"]}
        _add(merged["paths"], paths, "path")
        for section, parts in given.get("components", {}).items():
            _add(merged["components"].setdefault(section, {}), parts, f"component in {section}")
        merged["tags"] += [tag for tag in given.get("tags", ()) if tag not in merged["tags"]]
    return _pruned(merged)


def _common() -> Part:
    return {
        "responses": openapi_parts.problems(),
        "parameters": dict(openapi_parts.PARAMETERS),
        "headers": dict(openapi_parts.HEADERS),
        "securitySchemes": {"bearer": openapi_parts.BEARER},
    }


def _add(there: Part, more: Part, what: str) -> None:
    for name, part in more.items():
        if there.setdefault(name, part) != part:
            raise ValueError(f"the {what} '{name}' is described in two ways")


def _pruned(made: Part) -> Part:
    """Leave out the components that nothing refers to."""
    wanted: set[tuple[str, str]] = set()
    ahead = set(_refs(made["paths"]))
    while ahead:
        section, name = part = ahead.pop()
        wanted.add(part)
        ahead |= set(_refs(made["components"][section][name])) - wanted
    kept = {
        section: {name: part for name, part in parts.items() if section == "securitySchemes" or (section, name) in wanted}
        for section, parts in made["components"].items()
    }
    return {**made, "components": {section: parts for section, parts in kept.items() if parts}}


def _refs(part: Any) -> Iterator[tuple[str, str]]:
    """The components that a part of a document refers to, as (section, name)."""
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            _, _, section, name = part["$ref"].split("/")
            yield section, name
        for inner in part.values():
            yield from _refs(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from _refs(inner)
