"""The gateway: what it passes on stays as it was, what it merges is whole, and a service that is away is said plainly."""

import base64
import io
import json
import re
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import urllib3
from werkzeug.serving import WSGIRequestHandler, make_server
from werkzeug.test import Client as Wsgi

from deploy.services import MAKERS
from services.gateway.app import SECURITY, Gateway, gateway
from services.gateway.upstream import HttpUpstream
from shared.assembly import Service
from shared.migrate import upgrade
from shared.web import LARGEST
from tests.house import NOTICE, VALIDATE, Answer, Desk, Person, System, a_complaint

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
TRACEPARENT = f"00-{TRACE}-00f067aa0ba902b7-01"
SHORT = urllib3.Timeout(connect=0.3, read=0.3)
KINDS = {"complaint": "complaints"}


class Quiet(WSGIRequestHandler):
    """Serves without a line on standard error for each request."""

    def log(self, type: str, message: str, *args: Any) -> None:
        """Say nothing."""


@contextmanager
def served(app: Any) -> Iterator[str]:
    """A WSGI application behind a real HTTP server in a thread; yields its URL."""
    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@contextmanager
def standing_before(system: System, *urls: str, timeout: urllib3.Timeout = SHORT) -> Iterator[Gateway]:
    """Another gateway on the same house, which reaches its services over HTTP: complaints at the first URL, and so on."""
    names = ("complaints", "branch")[: len(urls)]
    upstreams = {name: HttpUpstream(url, timeout) for name, url in zip(names, urls, strict=True)}
    built = gateway(system.house.config, upstreams, KINDS)
    try:
        yield built
    finally:
        built.service.database.close()
        for upstream in upstreams.values():
            upstream.close()


@contextmanager
def listening(backlog: int | None) -> Iterator[str]:
    """A port that is held by a socket: with a backlog it accepts and never answers, without one nobody is there."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        if backlog is not None:
            held.listen(backlog)
        yield f"http://127.0.0.1:{held.getsockname()[1]}"


@pytest.fixture(scope="module")
def far(shared_system: System) -> Iterator[Gateway]:
    """The gateway with the complaints service in another place, over HTTP."""
    with (
        served(shared_system.complaints.app) as url,
        standing_before(shared_system, url, timeout=urllib3.Timeout(connect=5, read=30)) as built,
    ):
        yield built


@pytest.fixture(params=["in this process", "over HTTP"])
def door(request: pytest.FixtureRequest, shared_system: System) -> Gateway:
    """The gateway before a service in its own process, and before one over HTTP."""
    built: Gateway = request.getfixturevalue("far") if request.param == "over HTTP" else shared_system.house.app
    return built


@pytest.fixture
def agent(door: Gateway, shared_system: System) -> Person:
    """An agent at that gateway."""
    return Person(door, shared_system.desk("agent").token)


def without_traces(answer: Answer) -> tuple[int, Any, dict[str, str]]:
    """What two answers have in common where they are the same: all but dates, ids of requests and the server's name."""
    headers = {name.lower(): value for name, value in answer.headers.items()}
    for name in ("date", "server", "connection", *(name.lower() for name, _ in SECURITY)):
        headers.pop(name, None)
    body = (
        {name: value for name, value in answer.body.items() if name != "trace_id"} if isinstance(answer.body, dict) else answer.body
    )
    if isinstance(body, dict) and "trace_id" in answer.body:
        headers.pop("content-length", None)
    return answer.status, body, headers


# Passing on --------------------------------------------------------------------------------------------------------


def test_the_first_segment_of_the_path_says_whose_it_is(shared_system: System, agent: Person) -> None:
    href = Desk(shared_system).open()
    assert agent.get(href).body["kind"] == "complaint"
    assert agent.get("/complaints").status == 200
    assert agent.get("/me").body["username"] == shared_system.desk("agent").name


@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/at/all", "/complaintsx", "/Complaints", "/returns/preview"])
def test_an_unknown_first_segment_is_404_as_a_problem(agent: Person, path: str) -> None:
    answer = agent.get(path)
    assert (answer.status, answer.headers["Content-Type"]) == (404, "application/problem+json")
    assert (answer.body["code"], answer.body["type"], answer.body["status"]) == ("not_found", "/problems/not-found", 404)


def test_opening_and_stepping_pass_version_address_and_key_unchanged(agent: Person) -> None:
    key = secrets.token_hex(8)
    opened, again = (agent.post("/complaints", a_complaint(), Idempotency_Key=key) for _ in range(2))
    href = opened.headers["Location"]
    assert (opened.status, opened.headers["ETag"], href) == (201, '"1"', f"/complaints/{opened.body['id']}")
    assert (again.status, again.raw, again.headers["Idempotency-Replayed"]) == (201, opened.raw, "true")
    assert "Idempotency-Replayed" not in opened.headers
    assert agent.post(f"{href}/validate", VALIDATE).body["code"] == "version_required"
    stepped = agent.post(f"{href}/validate", VALIDATE, If_Match='"1"')
    assert (stepped.status, stepped.headers["ETag"]) == (200, '"2"')
    stale = agent.post(f"{href}/comment", {"text": "Late."}, If_Match='"1"')
    assert (stale.status, stale.body["code"]) == (412, "stale_version")


def test_a_customers_link_opens_its_case_at_the_gateway(shared_system: System, agent: Person, door: Gateway) -> None:
    href = Desk(shared_system).open()
    link = agent.post(f"{href}/links", {"days": 1}).body
    assert Person(door, link["token"]).get(href).status == 200
    assert Person(door, link["token"]).get(Desk(shared_system).open()).status in (403, 404)


def test_the_address_in_a_customers_link_is_that_of_the_gateway(shared_system: System, agent: Person) -> None:
    href = Desk(shared_system).open()
    link = agent.post(f"{href}/links", {"days": 1}, Host="complaints.example.org").body
    assert link["url"].startswith(f"http://complaints.example.org{href}#access_token=")


REQUESTS: list[tuple[str, str, Any, dict[str, str]]] = [
    ("GET", "{href}", None, {}),
    ("GET", "{href}/history", None, {}),
    ("GET", "{href}/history?as_of=2026-11-23T09:00:00%2B00:00", None, {}),
    ("GET", "{href}/history?as_of=2001-01-01T00:00:00Z", None, {}),
    ("GET", "{href}/why", None, {}),
    ("GET", "{href}/nothing", None, {}),
    ("GET", "/complaints?limit=2&q=%E4%B8%AD%E6%96%87", None, {}),
    ("GET", "/complaints?stage=nonsense", None, {}),
    ("GET", "/complaints/%E6%B2%A1%E6%9C%89", None, {}),
    ("DELETE", "{href}", None, {}),
    ("PATCH", "/complaints", {}, {}),
    ("POST", "{href}/validate", VALIDATE, {}),
    ("POST", "{href}/validate", VALIDATE, {"If_Match": '"9"'}),
    ("POST", "{href}/validate", {"notice": {"text": 7}}, {"If_Match": '"1"'}),
    ("POST", "{href}/assign", {"department": "quality"}, {"If_Match": '"1"'}),
    ("POST", "{href}/start", {}, {"If_Match": '"1"'}),
    ("POST", "{href}/approve", {}, {"If_Match": '"1"'}),
    ("POST", "{href}/validate", b"{", {"If_Match": '"1"'}),
    ("POST", "{href}/validate", b"x=1", {"If_Match": '"1"', "Content_Type": "application/x-www-form-urlencoded"}),
    ("POST", "/complaints", {"customer": {}}, {}),
    ("POST", "/complaints/batch", {"commands": []}, {}),
    ("POST", "/complaints/batch", {"commands": [{"id": "none", "trigger": "validate", "if_match": "1"}]}, {}),
    ("GET", "/complaints", None, {"Authorization": "Bearer nonsense"}),
    ("GET", "/complaints", None, {"Authorization": "Basic YW5uYQ=="}),
]


@pytest.mark.parametrize(("method", "path", "body", "headers"), REQUESTS)
def test_a_service_over_http_answers_letter_for_letter_as_in_process(
    shared_system: System, far: Gateway, method: str, path: str, body: Any, headers: dict[str, str]
) -> None:
    href, token = Desk(shared_system).open(), shared_system.desk("agent").token
    near_one, far_one = (
        Person(app, token).call(method, path.format(href=href), body, traceparent=TRACEPARENT, **headers)
        for app in (shared_system.house.app, far)
    )
    if "/batch" in path:
        near_one.headers.pop("Content-Length"), far_one.headers.pop("Content-Length")
    assert without_traces(far_one) == without_traces(near_one)


@pytest.mark.parametrize("tail", ["%3Flimit=1", "%23part", "%2525", "/..", "/../../metrics", "/./why"])
def test_an_escaped_or_dotted_path_reaches_the_service_as_it_was_written(shared_system: System, far: Gateway, tail: str) -> None:
    href, token = Desk(shared_system).open(), shared_system.desk("agent").token
    near_one, far_one = (Person(app, token).get(href + tail) for app in (shared_system.house.app, far))
    assert without_traces(far_one) == without_traces(near_one)


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("DELETE", "/worklist", "GET, HEAD, OPTIONS"),
        ("GET", "/auth/token", "OPTIONS, POST"),
        ("PUT", "/complaints", "GET, HEAD, OPTIONS, POST"),
    ],
)
def test_another_method_is_405_with_those_that_are_served(agent: Person, method: str, path: str, allowed: str) -> None:
    answer = agent.call(method, path)
    assert (answer.status, answer.body["code"], answer.headers["Allow"]) == (405, "method_not_allowed", allowed)


@pytest.mark.parametrize("path", ["*", "", "complaints"])
def test_a_request_for_no_path_is_answered_and_breaks_nothing(door: Gateway, path: str) -> None:
    answer = Wsgi(door).open("/", method="OPTIONS", environ_overrides={"PATH_INFO": path})
    assert answer.status_code < 500


def test_a_person_disabled_since_is_shut_out_of_every_service_at_once(
    shared_system: System, door: Gateway, request: pytest.FixtureRequest
) -> None:
    name = "leaver-" + re.sub(r"\W", "", request.node.callspec.id.lower())
    person = {"username": name, "password": "a long one", "name": "Leaver", "roles": ["agent"]}
    admin = Person(door, shared_system.desk("admin").token)
    assert admin.post("/staff", person).status == 201
    leaver = Person(door, shared_system.login(name).token)
    assert leaver.get("/complaints").status == 200
    assert admin.post(f"/staff/{name}/disable", {"reason": "Left."}).status == 200
    refused = [leaver.get("/complaints"), leaver.get("/me"), leaver.post("/complaints", a_complaint())]
    assert [(answer.status, answer.body["code"]) for answer in refused] == [(401, "unauthenticated")] * 3


def test_headers_that_claim_an_identity_are_worth_nothing(door: Gateway) -> None:
    forged = {"X_Actor": "audrey", "X_Forwarded_User": "audrey", "X_Roles": "admin", "Remote_User": "audrey"}
    for path in ("/complaints", "/worklist", "/staff", "/me"):
        assert Person(door).get(path, **forged).status == 401


# What every answer has ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/healthz", 200),
        ("/docs", 200),
        ("/me", 200),
        ("/complaints", 200),
        ("/complaints/none", 404),
        ("/none", 404),
        ("/worklist?x=1", 422),
    ],
)
def test_every_answer_has_the_security_headers_once(agent: Person, path: str, status: int) -> None:
    answer = agent.get(path)
    assert answer.status == status
    assert [(name, answer.headers.getlist(name)) for name, _ in SECURITY] == [(name, [value]) for name, value in SECURITY]


def test_a_refusal_by_the_gateway_itself_has_the_security_headers_too(shared_system: System) -> None:
    with listening(None) as nobody, standing_before(shared_system, nobody) as before:
        answer = Person(before, shared_system.desk("agent").token).get("/complaints")
    assert answer.status == 503
    assert {name: answer.headers[name] for name, _ in SECURITY} == dict(SECURITY)


def test_the_trace_of_a_request_goes_into_entry_event_and_problem(shared_system: System, agent: Person) -> None:
    href = agent.post("/complaints", a_complaint(), traceparent=TRACEPARENT).headers["Location"]
    shared_system.settle()
    entry = agent.get(f"{href}/history").body["entries"][0]
    assert entry["request_id"] == TRACE
    events = walk_events(agent, limit=500)
    assert next(e["traceparent"] for e in events if e["subject"] == href.rsplit("/", 1)[1]) == TRACEPARENT
    for path in ("/complaints/none", "/none", "/worklist?limit=0", "/events?after=x", "/procedures/none", "/complaints?sort=x"):
        assert agent.get(path, traceparent=TRACEPARENT).body["trace_id"] == TRACE, path


def test_a_problem_without_a_trace_gets_one_of_its_own(agent: Person) -> None:
    traces = {agent.get(path).body["trace_id"] for path in ("/complaints/none", "/none", "/complaints/none")}
    assert len(traces) == 3
    assert all(re.fullmatch("[0-9a-f]{32}", trace) for trace in traces)


@pytest.mark.parametrize("token", ["expired", "forged"])
def test_a_refusal_before_the_service_names_the_trace_too(door: Gateway, token: str) -> None:
    answer = Person(door, token).get("/complaints", traceparent=TRACEPARENT)
    assert (answer.status, answer.body["trace_id"]) == (401, TRACE)


def test_a_service_that_is_away_is_told_with_the_trace(shared_system: System) -> None:
    with listening(None) as nobody, standing_before(shared_system, nobody) as before:
        answer = Person(before, shared_system.desk("agent").token).get("/complaints", traceparent=TRACEPARENT)
    assert (answer.status, answer.body["trace_id"]) == (503, TRACE)


# Bodies ------------------------------------------------------------------------------------------------------------


def chunked(door: Gateway, token: str | None, data: bytes) -> Answer:
    """Send a body without saying how long it is, as gunicorn hands over a chunked one."""
    headers = {"Authorization": f"Bearer {token}", "Transfer-Encoding": "chunked", "Content-Type": "application/json"}
    response = Wsgi(door).open(
        "/complaints", method="POST", headers=headers, input_stream=io.BytesIO(data),
        environ_overrides={"wsgi.input_terminated": True},
    )  # fmt: skip
    return Answer(response)


def test_a_body_of_a_mebibyte_is_read_and_one_byte_more_is_413(agent: Person) -> None:
    padded = json.dumps(a_complaint()).encode().ljust(LARGEST)
    assert agent.post("/complaints", padded).status == 201
    answer = agent.post("/complaints", padded + b" ")
    assert (answer.status, answer.body["code"], answer.headers["Content-Type"]) == (413, "too_large", "application/problem+json")
    assert agent.post("/complaints/batch", b"[" * (10 * LARGEST)).status == 413


def test_a_chunked_body_is_read_and_a_large_one_is_413(door: Gateway, agent: Person) -> None:
    body = json.dumps(a_complaint()).encode()
    assert chunked(door, agent.token, body).status == 201
    assert chunked(door, agent.token, body.ljust(LARGEST)).status == 201
    answer = chunked(door, agent.token, body.ljust(LARGEST + 1))
    assert (answer.status, answer.body["code"]) == (413, "too_large")


def test_the_gateways_own_bodies_have_the_same_limit(door: Gateway) -> None:
    assert Person(door).post("/auth/token", b" " * (LARGEST + 1)).body["code"] == "too_large"


def test_who_sends_no_token_hears_of_that_before_the_size_of_the_body(door: Gateway) -> None:
    assert Person(door).post("/complaints", b" " * (LARGEST + 1)).status == 401


# A service that is away --------------------------------------------------------------------------------------------

AWAY = ["/complaints", "/complaints/some", "/worklist", "/events", "/procedures", "/openapi.json", "/procedures/complaint"]


@pytest.mark.parametrize("path", AWAY)
@pytest.mark.parametrize("backlog", [None, 16], ids=["dead", "frozen"])
def test_a_dead_or_frozen_service_is_503_within_the_time_out(shared_system: System, backlog: int | None, path: str) -> None:
    with listening(backlog) as url, standing_before(shared_system, url) as before:
        began = time.monotonic()
        answer = Person(before, shared_system.desk("agent").token).get(path)
        took = time.monotonic() - began
    assert (answer.status, answer.body["code"], answer.headers["Content-Type"]) == (503, "unavailable", "application/problem+json")
    assert 1 <= int(answer.headers["Retry-After"]) <= 60
    assert took < 3


def test_what_needs_no_service_goes_on_while_one_is_away(shared_system: System) -> None:
    with listening(None) as nobody, standing_before(shared_system, nobody) as before:
        agent = Person(before, shared_system.desk("agent").token)
        assert [agent.get(path).status for path in ("/me", "/docs", "/healthz", "/metrics", "/problems/invalid")] == [200] * 5


def test_the_gateway_is_not_ready_while_a_service_is_away(shared_system: System, far: Gateway) -> None:
    assert Person(far).get("/readyz").body == {"ready": True, "parts": {"directory": True, "complaints": True}}
    for backlog in (None, 16):
        with listening(backlog) as url, standing_before(shared_system, url) as before:
            answer = Person(before).get("/readyz")
            assert (answer.status, answer.body) == (503, {"ready": False, "parts": {"directory": True, "complaints": False}})
            assert Person(before).get("/healthz").status == 200


class Drops(BaseHTTPRequestHandler):
    """Promises to keep the connection and drops it, at once (`/complaints/half`: in the middle of the body)."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "99" if "half" in self.path else "2")
        self.end_headers()
        self.wfile.write(b"{}")
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


class Dropping(ThreadingHTTPServer):
    """Says when it has dropped a connection."""

    dropped = threading.Event()

    def shutdown_request(self, request: Any) -> None:
        """Drop it."""
        super().shutdown_request(request)
        self.dropped.set()


@pytest.fixture
def dropping() -> Iterator[tuple[str, threading.Event]]:
    """The URL of a server that drops connections, and the event that it has."""
    server = Dropping(("127.0.0.1", 0), Drops)
    server.dropped.clear()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", server.dropped
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_kept_connection_that_was_dropped_meanwhile_is_opened_anew(
    shared_system: System, dropping: tuple[str, threading.Event]
) -> None:
    url, dropped = dropping
    with standing_before(shared_system, url) as before:
        for _ in range(5):
            assert Person(before, shared_system.desk("agent").token).get("/complaints").status == 200
            assert dropped.wait(5)
            dropped.clear()


def test_an_answer_that_breaks_off_is_503_and_never_half_an_answer(
    shared_system: System, dropping: tuple[str, threading.Event]
) -> None:
    with standing_before(shared_system, dropping[0]) as before:
        answer = Person(before, shared_system.desk("agent").token).get("/complaints/half")
    assert (answer.status, answer.body["code"]) == (503, "unavailable")


# Merging -----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[System, Gateway, Service]]:
    """A gateway over two complaints services, with thirteen complaints: some at the same moment, some between the others'."""
    folder = tmp_path_factory.mktemp("two")
    system = System(folder / "one")
    shutil.copytree(folder / "one" / "keys", folder / "other" / "keys")
    other = MAKERS["complaints"](replace(system.house.config, data=folder / "other"))
    upgrade(other.database, other.name)
    both = gateway(system.house.config, {"complaints": system.complaints.app, "branch": other.app}, KINDS)
    token = system.desk("agent").token
    for turn in "onnobooobbnbb":  # o: one, b: the other, n: each at the same moment
        for app in {"o": [system.complaints.app], "b": [other.app], "n": [system.complaints.app, other.app]}[turn]:
            assert Person(app, token).post("/complaints", a_complaint()).status == 201
        system.watch.move(minutes=7)
    system.settle()
    other.relay.drain()
    yield system, both, other
    for database in (both.service.database, other.database):
        database.close()
    system.close()


def walk_worklist(person: Person, limit: int) -> list[dict[str, Any]]:
    """All items of a worklist, page by page."""
    items, path = [], f"/worklist?limit={limit}"
    while path:
        page = person.get(path)
        assert page.status == 200, page
        assert len(page.body["items"]) <= limit
        items += page.body["items"]
        path = page.body["next"]
    return items


def walk_events(person: Person, limit: int, types: str = "") -> list[dict[str, Any]]:
    """All events of a feed, page by page, and the same cursor at its end."""
    events: list[dict[str, Any]] = []
    after, more = "", True
    while more:
        page = person.get(f"/events?limit={limit}&after={after}&types={types}")
        assert page.status == 200, page
        assert len(page.body["events"]) <= limit
        events += page.body["events"]
        after, more = page.body["next"], page.body["more"]
    last = person.get(f"/events?limit={limit}&after={after}&types={types}").body
    assert (last["events"], last["more"]) == ([], False)
    return events


def ids_of(service: Service, person: Person) -> set[str]:
    """The ids of all cases of a service."""
    return {case["id"] for case in Person(service.app, person.token).get("/complaints?limit=500").body["items"]}


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 16, 500])
def test_a_walk_through_the_merged_worklist_meets_each_case_once_most_urgent_first(
    two: tuple[System, Gateway, Service], limit: int
) -> None:
    system, both, other = two
    agent = Person(both, system.desk("agent").token)
    items = walk_worklist(agent, limit)
    assert len(items) == 16
    assert {item["id"] for item in items} == ids_of(system.complaints, agent) | ids_of(other, agent)
    assert [item["due_at"] for item in items] == sorted(item["due_at"] for item in items)
    assert all("cursor" not in item for item in items)


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 16, 500])
def test_a_walk_through_the_merged_feed_meets_each_event_once_and_each_source_in_order(
    two: tuple[System, Gateway, Service], limit: int
) -> None:
    system, both, other = two
    agent = Person(both, system.desk("agent").token)
    events = walk_events(agent, limit)
    assert len({event["id"] for event in events}) == len(events) == 16
    for service in (system.complaints, other):
        own = ids_of(service, agent)
        positions = [event["position"] for event in events if event["subject"] in own]
        assert positions == list(range(1, len(own) + 1))


@pytest.mark.parametrize("limit", [1, 3, 500])
def test_a_filtered_walk_comes_to_its_end_too(two: tuple[System, Gateway, Service], limit: int) -> None:
    agent = Person(two[1], two[0].desk("agent").token)
    assert len(walk_events(agent, limit, "complaint.*")) == 16
    assert len(walk_events(agent, limit, "complaint.recorded,contract.signed")) == 16
    assert walk_events(agent, limit, "contract.*") == []


def test_a_walk_of_the_refused_acts_meets_each_once(two: tuple[System, Gateway, Service]) -> None:
    system, both, other = two
    arbiter, auditor = system.desk("arbiter"), Person(both, system.desk("auditor").token)
    for app, times in ((system.complaints.app, 3), (other.app, 4)):
        for _ in range(times):
            assert Person(app, arbiter.token).post("/complaints", a_complaint()).status == 403
            system.watch.move(seconds=1)
    met, cursor = [], ""
    while cursor is not None:
        page = auditor.get("/audit/refusals?limit=2" + (f"&cursor={cursor}" if cursor else "")).body
        met += [item for item in page["items"] if item["actor"] == arbiter.name]
        cursor = page["next"]
    assert len(met) == 7
    assert [item["at"] for item in met] == sorted({item["at"] for item in met})


def test_the_merged_worklist_and_feed_are_503_while_one_of_two_is_away(two: tuple[System, Gateway, Service]) -> None:
    system, _, other = two
    with served(other.app) as there, listening(None) as nobody, standing_before(system, there, nobody) as before:
        agent = Person(before, system.desk("agent").token)
        answers = [agent.get(path) for path in ("/worklist", "/events", "/complaints")]
    assert [answer.status for answer in answers] == [503, 503, 200]


def garbled(value: Any) -> str:
    """A cursor that looks like one given out."""
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


GARBLED = [
    "x", "%00", "%E4%BD%A0", "!!!!", garbled([]), garbled(7), garbled(None), garbled("complaints"), garbled({"nowhere": 1}),
    garbled({"complaints": None}), garbled({"complaints": True}), garbled({"complaints": ""}), garbled({"complaints": [1]}),
    garbled({"complaints": {"a": 1}}), garbled({"complaints": 1.5}), garbled({"complaints": "%"}), garbled({"complaints": -1}),
    garbled({"complaints": 10**12}), garbled({"complaints": 10**40}),
]  # fmt: skip


@pytest.mark.parametrize("cursor", GARBLED)
@pytest.mark.parametrize(("path", "parameter"), [("/worklist", "cursor"), ("/events", "after"), ("/audit/refusals", "cursor")])
def test_a_garbled_cursor_is_422_and_named(shared_system: System, path: str, parameter: str, cursor: str) -> None:
    answer = shared_system.desk("auditor").get(f"{path}?{parameter}={cursor}")
    assert (answer.status, answer.body["code"]) == (422, "invalid")
    assert [error["pointer"] for error in answer.body["errors"]] == [f"/{parameter}"]


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "limit=1&limit=2", "colour=red"])
@pytest.mark.parametrize("path", ["/worklist", "/events"])
def test_an_unknown_or_doubled_parameter_is_422_and_named(agent: Person, path: str, query: str) -> None:
    answer = agent.get(f"{path}?{query}")
    assert (answer.status, answer.body["errors"][0]["pointer"]) == (422, "/" + query.split("=")[0])


def test_a_refusal_of_a_service_is_passed_on_by_a_merged_answer(agent: Person, shared_system: System, door: Gateway) -> None:
    href = Desk(shared_system).open()
    customer = Person(door, agent.post(f"{href}/links", {}).body["token"])
    for path in ("/worklist", "/events", "/audit/refusals"):
        answer = customer.get(path)
        assert (answer.status, answer.body["code"]) == (403, "role_not_allowed")
        assert answer.headers["Content-Type"] == "application/problem+json"


# Documents and figures ---------------------------------------------------------------------------------------------


def test_the_page_of_the_documents_needs_no_network(door: Gateway) -> None:
    page = Person(door).get("/docs")
    assert (page.status, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    assert not re.search(r"(https?:)?//", page.body)
    assets = re.findall(r'(?:src|href)="([^"]+)"', page.body)
    assert len(assets) >= 3
    for path in assets:
        asset = Person(door).get(path)
        assert asset.status == 200
        assert len(asset.raw) > 50
        assert asset.headers["Content-Type"].partition(";")[0] in ("text/css", "text/javascript")


def test_the_documents_are_those_of_the_gateway_and_of_every_service(agent: Person) -> None:
    paths = agent.get("/openapi.json").body["paths"]
    assert {"/auth/token", "/worklist", "/events", "/complaints", "/complaints/{id}/validate"} <= set(paths)
    assert agent.get("/asyncapi.json").status == 200
    assert [item["name"] for item in agent.get("/procedures").body["items"]] == ["complaint"]
    assert agent.get("/procedures/complaint?format=mermaid").body.startswith("stateDiagram")


def test_every_problem_type_has_a_page(agent: Person) -> None:
    problem = agent.get("/complaints/none").body
    page = agent.get(problem["type"]).body
    assert (page["title"], page["status"]) == (problem["title"], 404)
    assert agent.get("/problems/none").status == 404


def test_the_metrics_count_requests_by_service_method_route_and_status(shared_system: System, agent: Person) -> None:
    href = Desk(shared_system).open()
    agent.get(href)
    agent.get("/me")
    figures = agent.get("/metrics")
    assert figures.headers["Content-Type"].startswith("text/plain")
    for route, service in (("/complaints/<[^>]*>", "complaints"), ("/me", "gateway")):
        labels = f'method="GET",route="{route}",service="{service}",status="200"'
        assert re.search(rf"casewright_request_seconds_count\{{{labels}\}} [1-9]", figures.body)
        assert re.search(rf'casewright_request_seconds_bucket\{{le="[^"]+",{labels}\}} ', figures.body)
    assert href.rsplit("/", 1)[1] not in figures.body


def test_a_token_of_one_gateway_holds_at_another_of_the_same_house(shared_system: System, far: Gateway) -> None:
    person = shared_system.staff[0]
    answer = Person(far).post("/auth/token", {name: person[name] for name in ("username", "password")})
    there = Person(shared_system.house.app, answer.body["access_token"]).get("/me")
    assert (answer.status, there.status, there.body["username"]) == (200, 200, person["username"])


def test_notices_in_chinese_pass_letter_for_letter(agent: Person) -> None:
    text = "尊敬的客户：“我们道歉” 🙏 — <b>&amp;</b>"
    href = agent.post("/complaints", a_complaint(description=text)).headers["Location"]
    answer = agent.step(href, "validate", {**VALIDATE, "notice": {**NOTICE, "text": text}})
    assert answer.status == 200
    assert agent.get(href).body["description"] == text
    assert agent.get(f"{href}/history").body["entries"][1]["facts"]["notice"]["text"] == text


def test_the_data_folder_of_another_gateway_gives_other_keys(tmp_path: Path, shared_system: System) -> None:
    stranger = System(tmp_path / "elsewhere")
    try:
        assert shared_system.stranger(stranger.desk("agent").token).get("/complaints").status == 401
    finally:
        stranger.close()
