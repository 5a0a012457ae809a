"""The documents of a service and of the house: valid, whole, and true of what the code answers."""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from flask import Blueprint
from jsonschema import Draft202012Validator
from openapi_spec_validator import OpenAPIV31SpecValidator, validate

from services.gateway import routes as gateway
from shared import diagram, errors, events, fields, openapi, web, web_cases
from shared.case import Case
from shared.casework import Caller
from shared.clocks import DEFAULT
from shared.entries import Entry
from shared.examples import example
from shared.identity import Actor
from shared.openapi_parts import problems
from shared.procedure import Procedures
from shared.views import Views, entry_view
from tests.shared.small_procedure import ERRAND, FILTERS, PROCEDURES

CHORES = Procedures(replace(ERRAND, name="chore"))
NOW = datetime(2026, 11, 20, 10, tzinfo=UTC)
STEPS = [step.trigger for step in ERRAND.steps if not step.opens]


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return openapi.document(PROCEDURES, "errands", FILTERS)


@pytest.fixture(scope="module")
def house(document: dict[str, Any]) -> dict[str, Any]:
    return openapi.merge([document, openapi.document(CHORES, "chores", FILTERS)], openapi.gateway_paths())


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        yield from ((path, method, described) for method, described in item.items() if method != "parameters")


def parts(value: Any) -> Iterator[dict[str, Any]]:
    if isinstance(value, dict):
        yield value
        for inner in value.values():
            yield from parts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from parts(inner)


def found(document: dict[str, Any], ref: str) -> Any:
    part: Any = document
    for name in ref.removeprefix("#/").split("/"):
        part = part[name.replace("~1", "/").replace("~0", "~")]
    return part


def wrong(document: dict[str, Any], name: str, value: Any) -> list[str]:
    """What is wrong with a value by a schema of the document."""
    schema = {"$ref": f"#/components/schemas/{name}", "components": document["components"]}
    validator = Draft202012Validator(schema, format_checker=Draft202012Validator.FORMAT_CHECKER)
    return [f"{error.json_path}: {error.message}" for error in validator.iter_errors(json.loads(json.dumps(value)))]


# The document is valid and whole -------------------------------------------------------------------------------------


@pytest.mark.parametrize("which", ["document", "house"])
def test_it_is_valid_openapi(which: str, request: pytest.FixtureRequest) -> None:
    validate(request.getfixturevalue(which), cls=OpenAPIV31SpecValidator)


@pytest.mark.parametrize("which", ["document", "house"])
def test_every_reference_leads_somewhere_and_nothing_is_left_over(which: str, request: pytest.FixtureRequest) -> None:
    document = request.getfixturevalue(which)
    refs = {part["$ref"] for part in parts(document) if "$ref" in part}
    assert all(found(document, ref) for ref in refs)
    components = {f"#/components/{section}/{name}" for section, named in document["components"].items() for name in named}
    assert components - refs == {"#/components/securitySchemes/bearer"}


@pytest.mark.parametrize("which", ["document", "house"])
def test_every_schema_is_json_schema_2020_12(which: str, request: pytest.FixtureRequest) -> None:
    for schema in request.getfixturevalue(which)["components"]["schemas"].values():
        Draft202012Validator.check_schema(schema)


@pytest.mark.parametrize("which", ["document", "house"])
def test_every_operation_has_its_own_name_a_known_tag_and_a_summary(which: str, request: pytest.FixtureRequest) -> None:
    document = request.getfixturevalue(which)
    described = [operation for _, _, operation in operations(document)]
    names = [operation["operationId"] for operation in described]
    assert len(names) == len(set(names))
    tags = {tag["name"] for tag in document["tags"]}
    assert all(operation["summary"] and set(operation["tags"]) <= tags for operation in described)


def test_every_step_but_the_opening_one_has_a_path(document: dict[str, Any]) -> None:
    assert {f"/errands/{{id}}/{trigger}" for trigger in STEPS} <= set(document["paths"])
    assert "/errands/{id}/ask" not in document["paths"]
    assert document["paths"]["/errands"]["post"]["operationId"] == "errand.ask"


def test_a_step_is_named_in_both_languages_and_says_who_may_take_it_and_why_not(document: dict[str, Any]) -> None:
    take = document["paths"]["/errands/{id}/take"]["post"]
    assert take["summary"] == "Take on 受理"
    assert take["description"].splitlines() == [
        "From asked to doing. For handler, supervisor. Announces `errand.taken`.",
        "- Refused with: Whoever asked for an errand does not take it on.",
        "- Refused with: The errand was taken on already.",
    ]


# It is true of the code ----------------------------------------------------------------------------------------------


def served(*blueprints: Blueprint) -> set[tuple[str, str]]:
    nobody: Any = None
    app = web.make_app("routes", nobody, {})
    for blueprint in blueprints:
        app.register_blueprint(blueprint)
    found = ((re.sub(r"<(?:.*?:)?(\w+)>", r"{\1}", rule.rule), rule.methods or set()) for rule in app.url_map.iter_rules())
    return {(path.replace("{case_id}", "{id}"), method) for path, methods in found for method in methods - {"HEAD", "OPTIONS"}}


def described(document: dict[str, Any]) -> set[tuple[str, str]]:
    return {(path, method.upper()) for path, method, _ in operations(document)}


def test_it_describes_just_the_routes_that_are_served(document: dict[str, Any]) -> None:
    work = SimpleNamespace(plural="errands", procedures=PROCEDURES)
    desk: Any = SimpleNamespace(work=work, reading=SimpleNamespace(lists=SimpleNamespace(filters=FILTERS)))
    routes = {route for route in served(web_cases.case_routes(desk), web_cases.service_routes(desk)) if "trigger}" not in route[0]}
    steps = {(f"/errands/{{id}}/{trigger}", "POST") for trigger in STEPS}
    assert described(document) == routes | steps


def test_it_describes_just_the_routes_of_the_gateway() -> None:
    door: Any = SimpleNamespace(directory=None, merge=None, kinds={})
    routes = served(gateway.staff_routes(door), gateway.merged_routes(door), gateway.document_routes(door))
    pages = {route for route in routes if route[0] == "/" or route[0].startswith("/docs/")}
    assert described(openapi.gateway_paths()) == routes - pages


def plain(schema: dict[str, Any]) -> Any:
    """A schema without what is written differently but means the same."""
    if isinstance(schema, dict):
        kept = {name: plain(value) for name, value in schema.items() if name != "description" and (name, value) != ("minItems", 0)}
        if "required" in kept:
            kept["required"] = sorted(kept["required"])
        return {**kept, "pattern": kept["pattern"].removeprefix("^")} if isinstance(kept.get("pattern"), str) else kept
    return [plain(item) for item in schema] if isinstance(schema, list) else schema


def test_a_batch_is_described_as_it_is_read(document: dict[str, Any]) -> None:
    body = document["paths"]["/errands/batch"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    read = plain(fields.json_schema(web_cases.BatchSchema))
    read["properties"]["commands"]["items"]["properties"]["facts"].pop("additionalProperties", None)  # any, said aloud
    command = plain(document["components"]["schemas"]["Command"])
    assert plain({**body, "properties": {"commands": {**body["properties"]["commands"], "items": command}}}) == read


def test_a_link_is_described_as_it_is_read(document: dict[str, Any]) -> None:
    body = document["paths"]["/errands/{id}/links"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert plain(body) == plain(fields.json_schema(web_cases.LinkSchema))


@pytest.mark.parametrize(
    ("path", "schema"),
    [
        ("/auth/token", gateway.TokenSchema),
        ("/staff", gateway.StaffSchema),
        ("/staff/{username}/disable", gateway.ReasonSchema),
        ("/staff/{username}/enable", fields.Strict),
        ("/staff/{username}/password", gateway.PasswordSchema),
        ("/me/presence", gateway.PresenceSchema),
    ],
)
def test_the_gateways_requests_are_described_as_they_are_read(path: str, schema: type[fields.Strict]) -> None:
    own = openapi.gateway_paths()
    body = own["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert plain(found(own, body["$ref"]) if "$ref" in body else body) == plain(fields.json_schema(schema))


def test_a_steps_request_is_the_schema_that_reads_it(document: dict[str, Any]) -> None:
    assert all(document["components"]["schemas"][f"errand.{step.trigger}"] == ERRAND.needs(step) for step in ERRAND.steps)


def test_the_examples_are_what_they_are_examples_of(document: dict[str, Any]) -> None:
    shown = 0
    for step in ERRAND.steps:
        path = "/errands" if step.opens else f"/errands/{{id}}/{step.trigger}"
        content = document["paths"][path]["post"]["requestBody"]["content"]["application/json"]
        fields.load(ERRAND.schemas[step.trigger, step.roles[0]], content["example"])
        shown += bool(content["example"])
    assert shown > 5


def test_a_body_may_be_left_out_where_nothing_is_needed(document: dict[str, Any]) -> None:
    needed = {trigger: document["paths"][f"/errands/{{id}}/{trigger}"]["post"]["requestBody"]["required"] for trigger in STEPS}
    assert (needed["take"], needed["resume"], needed["finish"]) == (False, False, True)


# Answers -------------------------------------------------------------------------------------------------------------


def a_case(**changes: Any) -> Case:
    at = "2026-11-20T09:00:00.000000+00:00"
    usual: dict[str, Any] = {"stage": "asked", "opened_at": at, "updated_at": at, "stage_since": at}
    return Case(id="1", kind="errand", reference="ER-1", procedure_version=1, version=1, **{**usual, **changes})


VIEWS: Views[Case] = Views(
    PROCEDURES,
    "errands",
    facts=lambda case: {"customer": {"ref": "7"}, "wish": "tea"},
    data=lambda case: {},
    title=lambda case: "tea",
)
ANNA = Actor("anna", "Anna", frozenset({"agent", "handler"}))
CONTEXT = (None, DEFAULT, NOW)
ENTRY = Entry(
    case="1", kind="errand", seq=1, at="2026-11-20T09:00:00.000000+00:00", recorded_at="2026-11-20T09:00:00.000000+00:00",
    trigger="ask", from_stage=None, to_stage="asked", actor={"id": "anna", "name": "Anna"}, role="agent", facts={}, effects={},
    event={"id": "e", "type": "casewright.errand.asked.v1"}, procedure_version=1,
)  # fmt: skip


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"stage": "doing", "assignee": "bert", "department": "quality"},
        {"stage": "asked", "held_since": "2026-11-20T09:30:00.000000+00:00"},
        {"stage": "done", "open": False, "closed_at": "2026-11-20T09:30:00.000000+00:00"},
        {"told": {"told": True, "at": "2026-11-20T09:30:00.000000+00:00", "channel": "email"}, "source": "a", "external_id": "b"},
    ],
)
def test_a_case_is_answered_as_described(document: dict[str, Any], changes: dict[str, Any]) -> None:
    case = a_case(**changes)
    assert wrong(document, "errand", json.loads(VIEWS.body(case, ANNA, CONTEXT))) == []
    assert wrong(document, "errand.listed", VIEWS.case(case, CONTEXT)) == []
    assert wrong(document, "WorklistItem", VIEWS.item(case, ANNA, CONTEXT)) == []


def test_a_case_of_another_kind_or_in_an_unknown_stage_is_not(document: dict[str, Any]) -> None:
    shown = VIEWS.case(a_case(), CONTEXT)
    assert wrong(document, "errand.listed", {**shown, "kind": "chore"})
    assert wrong(document, "errand.listed", {**shown, "stage": "elsewhere"})
    assert wrong(document, "errand", shown), "a case in full has actions"


def test_entries_events_procedures_and_problems_are_answered_as_described(document: dict[str, Any]) -> None:
    event = events.announce(ENTRY, "/services/errands", VIEWS.public(a_case(), ENTRY), Caller(ANNA))
    refused = errors.Invalid("No.", errors=[{"pointer": "/wish", "detail": "Needed."}], allowed=["take"])
    assert wrong(document, "Entry", entry_view(ENTRY, "", "sha256:" + "0" * 64)) == []
    assert wrong(document, "Event", {**event, "position": 1}) == []
    assert wrong(document, "Procedure", diagram.document(ERRAND)) == []
    assert wrong(document, "Problem", web.problem(refused, "/errands/1", "f" * 32)) == []


def test_an_explanation_is_answered_as_described(document: dict[str, Any]) -> None:
    content = document["paths"]["/errands/{id}/why"]["get"]["responses"]["200"]["content"]["application/json"]
    validator = Draft202012Validator({**content["schema"], "components": document["components"]})
    assert not list(validator.iter_errors(VIEWS.why(a_case(), ANNA, CONTEXT)))


# Statuses and headers ------------------------------------------------------------------------------------------------

BODY = {"400", "413", "415", "422"}
LOGIN = {"401", "403", "500", "503"}


@pytest.mark.parametrize(
    ("path", "method", "statuses"),
    [
        ("/errands", "get", {"200", "422"} | LOGIN),
        ("/errands", "post", {"201", "409"} | LOGIN | BODY),
        ("/errands/batch", "post", {"200"} | LOGIN | BODY),
        ("/errands/{id}", "get", {"200", "404", "405"} | LOGIN),
        ("/errands/{id}/take", "post", {"200", "404", "409", "412", "428"} | LOGIN | BODY),
        ("/errands/{id}/comment", "post", {"200", "404", "409", "412", "428"} | LOGIN | BODY),
        ("/errands/{id}/links", "delete", {"200", "404"} | LOGIN),
        ("/events", "get", {"200", "422"} | LOGIN),
        ("/healthz", "get", {"200", "500", "503"}),
        ("/auth/token", "post", {"200", "401", "429", "500", "503"} | BODY),
    ],
)
def test_a_call_names_every_status_it_may_answer(house: dict[str, Any], path: str, method: str, statuses: set[str]) -> None:
    assert set(house["paths"][path][method]["responses"]) == statuses


def test_every_refusal_is_a_problem_document_with_the_codes_of_its_status(house: dict[str, Any]) -> None:
    for _, _, operation in operations(house):
        for status, answer in operation["responses"].items():
            if status >= "400" and operation["operationId"] != "readyz":
                problem = found(house, answer["$ref"])["content"]
                assert list(problem) == ["application/problem+json"]
                assert problem["application/problem+json"]["schema"]["allOf"][1]["properties"]["status"] == {"const": int(status)}


def test_every_refusal_of_the_house_is_described() -> None:
    codes = {
        code
        for problem in problems().values()
        for code in problem["content"]["application/problem+json"]["schema"]["allOf"][1]["properties"]["code"]["enum"]
    }
    declared = {kind.code for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.Refused)}
    assert codes == declared | {"failed"}


def test_every_write_to_a_case_needs_a_version_and_takes_a_key(document: dict[str, Any]) -> None:
    for trigger in STEPS:
        parameters = [found(document, p["$ref"]) for p in document["paths"][f"/errands/{{id}}/{trigger}"]["post"]["parameters"]]
        match, key = parameters
        assert (match["name"], match["in"], match["required"]) == ("If-Match", "header", True)
        assert (key["name"], key.get("required", False), key["schema"]["maxLength"]) == ("Idempotency-Key", False, 255)


def test_an_answer_names_its_version_and_a_new_case_its_address(document: dict[str, Any]) -> None:
    made = document["paths"]["/errands"]["post"]["responses"]["201"]["headers"]
    done = document["paths"]["/errands/{id}/take"]["post"]["responses"]["200"]["headers"]
    assert set(made) == {"ETag", "Location", "Idempotency-Replayed"}
    assert set(done) == {"ETag", "Idempotency-Replayed"}
    assert [found(document, made[name]["$ref"]).get("required", False) for name in made] == [True, True, False]


def test_a_list_offers_its_filters_with_their_words(document: dict[str, Any]) -> None:
    parameters = {p["name"]: p["schema"] for p in document["paths"]["/errands"]["get"]["parameters"]}
    assert set(parameters) == {*FILTERS, "q", "sort", "limit", "cursor"}
    assert parameters["stage"]["enum"] == ["asked", "doing", "done", "dropped"]
    assert parameters["customer"]["type"] == "string"
    assert parameters["limit"] == {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}
    assert {"-due_at", "priority"} <= set(parameters["sort"]["enum"])


def test_all_but_documents_and_probes_want_a_token(document: dict[str, Any]) -> None:
    free = {path for path, _, operation in operations(document) if operation.get("security") == []}
    assert document["security"] == [{"bearer": []}]
    assert free == {"/openapi.json", "/asyncapi.json", "/healthz", "/readyz", "/metrics"}


# Links ---------------------------------------------------------------------------------------------------------------


def test_a_new_case_links_to_itself_and_to_the_steps_that_leave_from_where_it_begins(document: dict[str, Any]) -> None:
    links = set(document["paths"]["/errands"]["post"]["responses"]["201"]["links"])
    assert {
        "errands.get",
        "errands.history",
        "errands.why",
        "errands.verify",
        "errand.take",
        "errand.drop",
        "errand.check",
    } <= links
    assert not {"errand.finish", "errand.ask"} & links


def test_a_step_links_to_what_is_possible_where_it_leads(document: dict[str, Any]) -> None:
    links = set(document["paths"]["/errands/{id}/finish"]["post"]["responses"]["200"]["links"])
    assert {"errand.take", "errand.comment"} <= links
    assert "errand.finish" not in links


def test_every_link_carries_the_id_and_to_a_step_the_version(document: dict[str, Any]) -> None:
    names = {operation["operationId"] for _, _, operation in operations(document)}
    for name, link in document["components"]["links"].items():
        assert link["operationId"] in names
        assert name in (link["operationId"], "errands.verify")
        assert link["parameters"]["id"] == "$response.body#/id"
        assert ("header.If-Match" in link["parameters"]) == name.startswith("errand.")


# Merging -------------------------------------------------------------------------------------------------------------


def test_the_house_has_the_paths_of_all_and_each_shared_one_once(house: dict[str, Any]) -> None:
    assert {"/errands/{id}/take", "/chores/{id}/take", "/staff", "/worklist", "/events"} <= set(house["paths"])
    assert {"errand", "chore", "Case", "Problem"} <= set(house["components"]["schemas"])


def test_where_the_gateway_answers_itself_it_is_its_words_that_stand(house: dict[str, Any], document: dict[str, Any]) -> None:
    own = openapi.gateway_paths()
    assert house["paths"]["/events"] == own["paths"]["/events"] != document["paths"]["/events"]


def test_a_component_described_in_two_ways_is_refused(document: dict[str, Any]) -> None:
    other = json.loads(json.dumps(document))
    other["components"]["schemas"]["Told"]["required"] = []
    with pytest.raises(ValueError, match="'Told' is described in two ways"):
        openapi.merge([document, other], openapi.gateway_paths())


def test_a_path_described_in_two_ways_is_refused(document: dict[str, Any]) -> None:
    other = json.loads(json.dumps(document))
    other["paths"]["/errands"]["get"]["summary"] = "Something else"
    with pytest.raises(ValueError, match="path '/errands' is described in two ways"):
        openapi.merge([document, other], openapi.gateway_paths())


def test_merging_changes_none_of_the_merged(document: dict[str, Any]) -> None:
    before = json.dumps([document, openapi.gateway_paths()])
    openapi.merge([document], openapi.gateway_paths())
    assert json.dumps([document, openapi.gateway_paths()]) == before


def test_the_house_may_be_given_a_name(document: dict[str, Any]) -> None:
    assert openapi.merge([document], openapi.gateway_paths(), {"title": "Ours"})["info"]["title"] == "Ours"


# Examples ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string", "minLength": 1}, "text"),
        ({"type": "string", "maxLength": 3}, "EUR"),
        ({"type": "string", "pattern": r"^\d+(\.\d+)?$"}, "12.50"),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"type": "integer", "minimum": 3}, 3),
        ({"type": "boolean"}, True),
        ({"type": "array", "items": {"type": "boolean"}, "minItems": 2}, [True, True]),
        ({"type": "string", "example": "mine"}, "mine"),
        ({"type": "string", "format": "date"}, "2026-12-31"),
        ({"type": "object"}, {}),
    ],
)
def test_an_example_follows_its_schema(schema: dict[str, Any], value: Any) -> None:
    assert example(schema) == value
    Draft202012Validator(schema).validate(value)


def test_an_example_takes_the_first_of_several_ways() -> None:
    either = [{"required": ["b"]}, {"required": ["a"]}]
    members = {"a": {"type": "boolean"}, "b": {"type": "boolean"}, "c": {"type": "boolean"}}
    assert example({"type": "object", "properties": members, "required": ["c"], "oneOf": either}) == {"b": True, "c": True}


def test_no_example_is_made_up_where_none_can_be_guessed() -> None:
    with pytest.raises(LookupError):
        example({"type": "string", "pattern": "^[0-9]{40}$"})
