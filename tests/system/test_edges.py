"""Edges of the doors: slow bodies, odd claims, equal keys at once, extreme cursors and times."""

import base64
import json
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from shared.keys import signing_key
from shared.lists import encode
from tests.house import Desk, Person, System, a_complaint

INSTANT = "2026-11-23T09:00:00+00:00"
EDGES = ("9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00+23:59")
SLOW = {
    "escaped quotes": b"[" * 65 + b'"' + b'\\"' * 500_000,
    "quotes": b"[" * 65 + b'"' * 1_000_000,
    "backslashes": b"[" * 65 + b'"' + b"\\" * 1_000_001,
    "escaped line feeds": b"[" * 65 + b'"\\\n' * 300_000,
}


@pytest.mark.parametrize("path", ["/complaints", "/auth/token"])
@pytest.mark.parametrize("body", SLOW.values(), ids=SLOW.keys())
def test_a_body_made_to_be_slow_to_read_is_refused_quickly(shared_system: System, path: str, body: bytes) -> None:
    began = time.monotonic()
    answer = shared_system.desk("agent").post(path, body)
    assert (answer.status, answer.body["code"]) == (400, "malformed")
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("text", ["[" * 500, "{[" * 300 + '"', '\\"' * 40 + "[" * 200, "\\" * 99 + "[" * 200])
def test_brackets_inside_strings_are_no_depth(shared_system: System, text: str) -> None:
    answer = shared_system.desk("agent").post("/complaints", a_complaint(description=text))
    assert (answer.status, answer.body["description"]) == (201, text)


SHAPES = [
    ("roles", 5), ("roles", "agent"), ("roles", {"agent": True}), ("roles", None), ("roles", [["agent"]]), ("roles", []),
    ("exp", "never"), ("exp", float("nan")), ("exp", float("inf")), ("exp", 10**400), ("exp", None), ("exp", []),
    ("iat", "now"), ("iat", float("nan")), ("iat", 10**400), ("iat", {}), ("sub", 5), ("sub", None), ("aud", 5), ("iss", []),
]  # fmt: skip


@pytest.mark.parametrize("door", ["gateway", "service"])
@pytest.mark.parametrize(("claim", "value"), SHAPES, ids=lambda value: str(value)[:20])
def test_a_token_whose_claims_have_another_shape_is_401(shared_system: System, claim: str, value: Any, door: str) -> None:
    app = shared_system.house.app if door == "gateway" else shared_system.complaints.app
    now = int(shared_system.watch().timestamp())
    claims = {"iss": "gateway", "aud": "casewright", "sub": "anna", "iat": now, "exp": now + 900, "roles": ["agent"]}
    parts = [{"alg": "EdDSA", "kid": "gateway", "typ": "at+jwt"}, {**claims, claim: value}]
    signed = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts)
    mark = signing_key(shared_system.house.config.data, "gateway").sign(signed.encode())
    answer = Person(app, f"{signed}.{base64.urlsafe_b64encode(mark).decode().rstrip('=')}").get("/complaints")
    assert (answer.status, answer.body["code"]) == (401, "unauthenticated")


@pytest.mark.parametrize("rank", [4, -1, 2**63, 2**64 - 1, -(2**63), True, 1.5, "3", None, []])
def test_a_rank_that_is_no_priority_is_no_cursor(shared_system: System, rank: Any) -> None:
    cursor = encode(["priority", INSTANT, rank, "x"])
    answer = shared_system.desk("agent").get(f"/complaints?sort=priority&cursor={cursor}")
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/cursor")


@pytest.mark.parametrize(
    ("path", "name", "cursor"),
    [
        *(("/complaints", "cursor", encode(["-opened_at", edge, INSTANT, "x"])) for edge in EDGES),
        *(("/complaints", "cursor", encode(["-opened_at", INSTANT, edge, "x"])) for edge in EDGES),
        ("/complaints", "cursor", encode(["-opened_at", INSTANT, INSTANT, "a\0b"])),
        *(("/worklist", "cursor", encode({"complaints": encode([edge, "x"])})) for edge in EDGES),
        ("/worklist", "cursor", encode({"complaints": encode([INSTANT, "a\0b"])})),
        ("/events", "after", encode({"complaints": 2**63})),
    ],
)
def test_a_cursor_beyond_what_a_database_holds_is_422(any_system: System, path: str, name: str, cursor: str) -> None:
    answer = any_system.desk("agent").get(f"{path}?{name}={cursor}")
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, f"/{name}")


@pytest.mark.parametrize("edge", EDGES)
def test_a_time_beyond_the_years_is_422(shared_system: System, edge: str) -> None:
    href = Desk(shared_system).open()
    answer = shared_system.desk("agent").get(f"{href}/history?as_of={edge.replace('+', '%2B')}")
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/as_of")


def test_wrong_passwords_at_the_same_time_break_nothing(any_system: System) -> None:
    def attempt(n: int) -> int:
        return any_system.stranger().post("/auth/token", {"username": "anna", "password": f"wrong {n}"}).status

    with ThreadPoolExecutor(8) as pool:
        assert set(pool.map(attempt, range(40))) <= {401, 429}


def test_the_same_key_at_the_same_time_gives_one_link_and_one_person(any_system: System) -> None:
    href, agent, admin = Desk(any_system).open(), any_system.desk("agent"), any_system.desk("admin")
    person = {"username": "once", "password": "x", "name": "Once", "roles": ["agent"]}

    def both(n: int) -> tuple[int, str, int]:
        link = agent.post(f"{href}/links", {}, Idempotency_Key="once")
        return link.status, link.raw.decode(), admin.post("/staff", person, Idempotency_Key="once").status

    with ThreadPoolExecutor(8) as pool:
        answers = set(pool.map(both, range(8)))
    assert [(link, staff) for link, _, staff in answers] == [(201, 201)]


# The rest of the brief that the two files do not try --------------------------------------------------------------

MEMBERS = {"type", "title", "status", "detail", "instance", "code", "trace_id"}
INSIDE = ("Traceback", "sqlalchemy", "/work/", 'File "', "sqlite3", "psycopg")


def refused(answer: Any, status: int, code: str) -> None:
    """A refusal is the right one, a whole problem document, and shows nothing of the inside."""
    assert (answer.status, answer.headers["Content-Type"], answer.body.get("code")) == (status, "application/problem+json", code)
    assert set(answer.body) >= MEMBERS
    assert not [word for word in INSIDE if word in answer.raw.decode()], answer


def somebody(username: str, **changes: Any) -> dict[str, Any]:
    return {"username": username, "password": f"pass of {username}", "name": "Somebody", "roles": ["agent"], **changes}


def test_a_person_added_by_an_admin_logs_in_at_once_and_the_name_is_taken(shared_system: System) -> None:
    admin, door = shared_system.desk("admin"), shared_system.stranger()
    assert admin.post("/staff", somebody("newcomer")).status == 201
    refused(admin.post("/staff", somebody("newcomer", password="another", roles=["admin"])), 409, "guard_refused")
    assert door.post("/auth/token", {"username": "newcomer", "password": "another"}).status == 401
    given = door.post("/auth/token", {"username": "newcomer", "password": "pass of newcomer"})
    assert shared_system.stranger(given.body["access_token"]).get("/me").body["roles"] == ["agent"]


def test_presence_is_each_ones_own_to_say(shared_system: System) -> None:
    shared_system.desk("admin").post("/staff", somebody("present"))
    person = shared_system.login("present")
    for present in (False, True):
        assert person.post("/me/presence", {"present": present}).body["present"] is present
        assert shared_system.desk("admin").get("/staff/present").body["present"] is present
    wrong: list[Any] = [{"present": "false"}, {"present": 0}, {"present": None}, {"present": True, "roles": ["admin"]}, [], {}]
    for body in wrong:
        refused(person.post("/me/presence", body), 422, "invalid")
    refused(shared_system.stranger().post("/me/presence", {"present": True}), 401, "unauthenticated")


def test_the_same_key_gives_the_same_link(shared_system: System) -> None:
    href, agent = Desk(shared_system).open(), shared_system.desk("agent")
    first, again = (agent.post(f"{href}/links", {"days": 2}, Idempotency_Key=href) for _ in range(2))
    assert (first.status, again.raw, again.headers["Idempotency-Replayed"]) == (201, first.raw, "true")
    refused(agent.post(f"{href}/links", {"days": 3}, Idempotency_Key=href), 422, "key_reused")
    assert agent.call("DELETE", f"{href}/links").body == {"revoked": 1}


@pytest.mark.parametrize("text", ["4711", "'; DROP TABLE complaint; --", "{{7*7}} %s", "\U0001f494 六个杯子"])
def test_an_external_id_that_comes_twice_is_409(shared_system: System, text: str) -> None:
    agent, body = shared_system.desk("agent"), a_complaint(source="twice", external_id=text)
    assert agent.post("/complaints", body).status == 201
    for again in (body, {**body, "description": "Another."}):
        refused(agent.post("/complaints", again), 409, "guard_refused")
    assert agent.post("/complaints", {**body, "source": "other"}).status == 201


@pytest.mark.parametrize("door", ["gateway", "service"])
@pytest.mark.parametrize(
    ("method", "tail", "allowed"),
    [("PUT", "", "GET, HEAD, OPTIONS"), ("POST", "/history", "GET, HEAD, OPTIONS"), ("PUT", "/validate", "OPTIONS, POST"),
     ("GET", "/links", "DELETE, OPTIONS, POST"), ("TRACE", "", "GET, HEAD, OPTIONS")],
)  # fmt: skip
def test_a_method_that_is_not_served_is_405(shared_system: System, door: str, method: str, tail: str, allowed: str) -> None:
    app = shared_system.house.app if door == "gateway" else shared_system.complaints.app
    answer = Person(app, shared_system.desk("agent").token).call(method, Desk(shared_system).open() + tail)
    refused(answer, 405, "method_not_allowed")
    assert answer.headers["Allow"] == allowed
