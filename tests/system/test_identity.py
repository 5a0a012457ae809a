"""Who are you: only a token that was issued here, for this, and is not over, says so; nothing else does (faults.md, S2, S4)."""

import base64
import hashlib
import hmac
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key

from services.gateway.directory import TOKEN_LASTS
from shared.identity import STAFF, Issuer
from shared.keys import signing_key
from tests.house import NOTICE, VALIDATE, Answer, Desk, Person, System, a_complaint

PASSWORD = "Correct horse, battery!"


def b64(data: bytes | dict[str, Any]) -> str:
    raw = data if isinstance(data, bytes) else json.dumps(data).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


class Forge:
    """Makes tokens that are almost right."""

    def __init__(self, system: System) -> None:
        self.system, self.data = system, system.house.config.data
        self.key, self.links_key = signing_key(self.data, "gateway"), signing_key(self.data, "complaints")
        now = int(system.watch().timestamp())
        self.claims: dict[str, Any] = {
            "iss": "gateway", "aud": "casewright", "sub": "anna", "iat": now, "exp": now + 600, "name": "Anna", "roles": ["agent"],
        }  # fmt: skip
        self.head: dict[str, Any] = {"kid": "gateway", "typ": "at+jwt"}

    def token(self, key: Any = None, head: dict[str, Any] | None = None, without: str = "", **claims: Any) -> str:
        body = {name: value for name, value in {**self.claims, **claims}.items() if name != without}
        return jwt.encode(body, key or self.key, algorithm="EdDSA", headers={**self.head, **(head or {})})

    def raw(self, head: dict[str, Any], sign: bytes | None = None) -> str:
        signed = f"{b64({**self.head, **head})}.{b64(self.claims)}"
        mark = hmac.new(sign, signed.encode(), hashlib.sha256).digest() if sign else b""
        return f"{signed}.{b64(mark)}"

    def public(self, form: str) -> bytes:
        key = self.key.public_key()
        if form == "raw":
            return key.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return key.public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)

    def link(self, **claims: Any) -> str:
        body = {"iss": "complaints", "sub": "customer:1", "roles": ["customer"], "case": "complaint/1", "jti": "1", **claims}
        return self.token(self.links_key, {"kid": "complaints"}, **body)


FORGED: dict[str, Any] = {
    "no signature, alg none": lambda f: f.raw({"alg": "none"}),
    "alg None with a capital": lambda f: f.raw({"alg": "None"}),
    "alg missing": lambda f: f.raw({}),
    "HS256 with the public key in PEM": lambda f: f.raw({"alg": "HS256"}, f.public("pem")),
    "HS256 with the public key in bytes": lambda f: f.raw({"alg": "HS256"}, f.public("raw")),
    "HS256 with nothing": lambda f: f.raw({"alg": "HS256"}, b"\0"),
    "EdDSA without a signature": lambda f: f.raw({"alg": "EdDSA"}),
    "another key": lambda f: f.token(Ed25519PrivateKey.generate()),
    "RS256 with a key of its own": lambda f: jwt.encode(f.claims, generate_private_key(65537, 2048), "RS256", f.head),
    "its own key in the header (jwk)": lambda f: f.token(Ed25519PrivateKey.generate(), {"jwk": {"kty": "OKP", "crv": "Ed25519",
    "x": "AA"}}),
    "its own key at an address (jku)": lambda f: f.token(Ed25519PrivateKey.generate(), {"jku": "http://127.0.0.1:9/keys"}),
    "an unknown kid": lambda f: f.token(head={"kid": "stranger"}),
    "a kid that is a path": lambda f: f.token(head={"kid": "../gateway"}),
    "no kid": lambda f: jwt.encode(f.claims, f.key, algorithm="EdDSA", headers={"typ": "at+jwt"}),
    "an id token": lambda f: f.token(head={"typ": "JWT"}),
    "no typ": lambda f: f.token(head={"typ": None}),
    "an unknown crit": lambda f: f.token(head={"crit": ["exp"]}),
    "another audience": lambda f: f.token(aud="elsewhere"),
    "no audience": lambda f: f.token(without="aud"),
    "another issuer": lambda f: f.token(iss="complaints"),
    "over": lambda f: f.token(exp=f.claims["iat"], iat=f.claims["iat"] - 600),
    "no end": lambda f: f.token(without="exp"),
    "from the future": lambda f: f.token(iat=f.claims["iat"] + 3600, exp=f.claims["iat"] + 7200),
    "no subject": lambda f: f.token(without="sub"),
    "no roles": lambda f: f.token(roles=[]),
    "an unknown role": lambda f: f.token(roles=["agent", "root"]),
    "the gateway's name on the service's key": lambda f: f.token(f.links_key),
    "a link signed by the service that claims a staff role": lambda f: f.link(roles=["agent"]),
    "a link signed by the service that claims a staff role besides": lambda f: f.link(roles=["customer", "supervisor"]),
    "a link signed by the service that claims to be the system": lambda f: f.link(roles=["system"]),
    "a link signed by the gateway": lambda f: f.token(roles=["customer"], case="complaint/1"),
    "a link for no case": lambda f: f.link(case=None),
    "a link that was never given out": lambda f: f.link(),
    "cut short": lambda f: f.token()[:-4],
    "one letter changed": lambda f: f.token().replace("A", "B", 1),
    "no token at all": lambda f: "..",
    "four parts": lambda f: f.token() + ".AAAA",
    "no ASCII": lambda f: "é" + f.token(),
    "very long": lambda f: "A" * 100_000,
}  # fmt: skip
CLAIMS_TO_BE = {
    "X-Actor": "anna", "X-User": "anna", "X-Roles": "agent,system", "X-Forwarded-User": "anna", "Remote-User": "anna",
    "X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "127.0.0.1", "X-Forwarded-Proto": "https", "Forwarded": "for=127.0.0.1",
    "X-Original-Url": "/healthz", "X-Rewrite-Url": "/healthz", "X-Http-Method-Override": "GET", "Cookie": "token=anna",
}  # fmt: skip


@pytest.fixture(scope="module")
def forge(shared_system: System) -> Forge:
    return Forge(shared_system)


@pytest.fixture(scope="module")
def href(shared_system: System) -> str:
    return Desk(shared_system).open()


@pytest.fixture(params=["the gateway", "the service itself"])
def door(request: pytest.FixtureRequest, shared_system: System) -> Any:
    return shared_system.house.app if request.param == "the gateway" else shared_system.house.services[0].app


def link(system: System, href: str, days: int = 30) -> Person:
    answer = system.desk("agent").post(f"{href}/links", {"days": days})
    assert answer.status == 201, answer
    return Person(system.house.app, answer.body["token"])


def code(answer: Answer) -> tuple[int, str]:
    return answer.status, answer.body["code"]


# Tokens -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("forgery", list(FORGED))
def test_a_forged_token_opens_no_door(door: Any, forge: Forge, href: str, forgery: str) -> None:
    thief = Person(door, FORGED[forgery](forge))
    for answer in (
        thief.get(href, **CLAIMS_TO_BE), thief.get("/complaints"), thief.get("/events"), thief.get("/worklist"),
        thief.post("/complaints", a_complaint()), thief.post(f"{href}/validate", VALIDATE, If_Match='"1"', **CLAIMS_TO_BE),
    ):  # fmt: skip
        assert code(answer) == (401, "unauthenticated")
        assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_the_token_from_which_the_forgeries_differ_opens_both_doors(door: Any, forge: Forge, href: str) -> None:
    assert Person(door, forge.token()).get(href).status == 200


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic YW5uYTphbm5h", "Token x", "Bearer a b c", "\xff", "Bearer " * 9]
)
def test_another_authorization_or_none_is_401_whatever_other_headers_say(door: Any, href: str, authorization: str) -> None:
    headers = {**CLAIMS_TO_BE, **({"Authorization": authorization} if authorization else {})}
    stranger = Person(door)
    assert stranger.get(href, **headers).status == 401
    assert stranger.post(f"{href}/validate", VALIDATE, If_Match='"1"', **headers).status == 401


def test_headers_beside_a_good_token_make_nobody_somebody_else(door: Any, shared_system: System, href: str) -> None:
    sales = Person(door, shared_system.desk("sales").token, shared_system.desk("sales").name)
    answer = sales.post(f"{href}/validate", VALIDATE, If_Match='"1"', **CLAIMS_TO_BE)
    assert code(answer) == (403, "role_not_allowed")
    noted = sales.step(href, "comment", {"text": "By whom?"}, version=None, **CLAIMS_TO_BE)
    assert noted.status == 200
    last = shared_system.desk("auditor").get(f"{href}/history").body["entries"][-1]
    assert last["actor"]["id"] == sales.name


def test_a_token_ends_to_the_second(system: System) -> None:
    system.house.app.directory.add("tim", PASSWORD, "Tim", ["agent"])
    logged_in = system.stranger().post("/auth/token", {"username": "tim", "password": PASSWORD})
    assert (logged_in.body["token_type"], logged_in.body["expires_in"]) == ("Bearer", int(TOKEN_LASTS.total_seconds()))
    tim = Person(system.house.app, logged_in.body["access_token"])
    system.watch.move(seconds=899)
    assert tim.get("/complaints").status == 200
    system.watch.move(seconds=1)
    assert tim.get("/complaints").status == 401


def test_the_keys_of_the_house_are_for_their_owner_alone(shared_system: System) -> None:
    keys = list((shared_system.house.config.data / "keys").iterdir())
    assert {key.name for key in keys} == {"gateway.pem", "complaints.pem"}
    assert {key.stat().st_mode & 0o777 for key in keys} == {0o600}


def test_the_token_of_another_house_opens_nothing_here(shared_system: System, tmp_path: Path) -> None:
    foreign = Issuer("gateway", signing_key(tmp_path, "gateway"))
    token = foreign.token("anna", {"roles": list(STAFF)}, shared_system.watch(), timedelta(days=1))
    assert shared_system.stranger(token).get("/me").status == 401


# The customer's own link ----------------------------------------------------------------------------------------------------


def test_only_an_agent_gives_out_and_takes_back_links(shared_system: System, href: str) -> None:
    for role in STAFF:
        if role != "agent":
            assert code(shared_system.desk(role).post(f"{href}/links", {})) == (403, "role_not_allowed")
            assert code(shared_system.desk(role).call("DELETE", f"{href}/links")) == (403, "role_not_allowed")
    assert link(shared_system, href).post(f"{href}/links", {}).status == 403
    assert shared_system.desk("agent").post("/complaints/none/links", {}).status == 404


@pytest.mark.parametrize("days", [0, 366, "30", 1.5, None])
def test_a_link_holds_from_a_day_to_a_year(shared_system: System, href: str, days: Any) -> None:
    assert shared_system.desk("agent").post(f"{href}/links", {"days": days}).status == 422


def test_a_link_opens_its_own_case_and_no_other(door: Any, shared_system: System, href: str) -> None:
    other = Desk(shared_system).open()
    customer = Person(door, link(shared_system, href).token)
    assert customer.get(href).status == 200
    for path in (other, f"{other}/history", f"{other}/why"):
        assert code(customer.get(path)) == (403, "not_your_case")
    for trigger, facts in (
        ("withdraw", {"reason": "r"}),
        ("escalate", {"reason": "r"}),
        ("appeal", {"reason": "r"}),
        ("validate", VALIDATE),
    ):
        assert code(customer.post(f"{other}/{trigger}", facts, If_Match='"1"')) == (403, "not_your_case")
    assert customer.get("/complaints/none").status == 404


@pytest.mark.parametrize("path", ["/complaints", "/worklist", "/events", "/audit/refusals", "/staff", "/complaints?q=a"])
def test_a_link_lists_nothing(shared_system: System, href: str, path: str) -> None:
    assert code(link(shared_system, href).get(path)) == (403, "role_not_allowed")


def test_a_link_verifies_nothing(shared_system: System, href: str) -> None:
    answer = link(shared_system, href).get(f"/audit/verify?kind=complaint&id={href.rsplit('/', 1)[1]}")
    assert code(answer) == (403, "role_not_allowed")


def test_a_link_takes_the_customers_steps_alone(door: Any, shared_system: System) -> None:
    href = Desk(shared_system).open()
    customer = Person(door, link(shared_system, href).token)
    case = customer.get(href).body
    assert ([a["trigger"] for a in case["actions"]], case["notes"]) == (["withdraw", "escalate"], [])
    for trigger in ("validate", "reject", "merge", "comment", "contact", "attach", "hold", "alert", "absorb", "remind", "expire"):
        assert code(customer.post(f"{href}/{trigger}", {}, If_Match='"1"')) == (403, "role_not_allowed")
    done = customer.post(f"{href}/withdraw", {"reason": "Settled."}, If_Match='"1"')
    assert done.status == 200
    assert "actions" in done.body


def test_a_link_sees_what_was_said_to_the_customer_and_not_what_was_said_inside(shared_system: System) -> None:
    desk = Desk(shared_system)
    href = desk.at("proposed")
    inside = "The forwarder is always late."
    shared_system.desk("warehouse").step(href, "comment", {"text": inside})
    customer = link(shared_system, href)
    case = customer.get(href)
    assert {"analysis", "duplicates", "evaluation", "assignee", "alerts", "absorbed", "attachments"} & set(case.body) == set()
    assert case.body["offers"][-1]["text"] == "We make it good."
    history = customer.get(f"{href}/history")
    for answer in (case, history, customer.get(f"{href}/why"), customer.get(f"{href}/history?as_of=2027-01-01T00:00:00Z")):
        assert answer.status == 200
        for word in (inside, "Too little padding", "Anna Berg", "Sofia Rossi"):
            assert word.encode() not in answer.raw
    told = [entry["facts"] for entry in history.body["entries"] if entry["trigger"] in ("validate", "propose")]
    assert [facts["notice"] for facts in told] == [NOTICE, NOTICE]


def test_a_history_without_a_moment_has_no_state_for_a_link_either(shared_system: System, href: str) -> None:
    assert set(link(shared_system, href).get(f"{href}/history").body) == {"case", "kind", "entries"}


def test_a_link_opens_a_complaint_of_its_own_customer_and_of_nobody_else(shared_system: System, href: str) -> None:
    customer = link(shared_system, href)
    before = len(shared_system.desk("agent").get("/complaints?limit=500").body["items"])
    answer = customer.post("/complaints", a_complaint(customer={"ref": "somebody else", "name": "N"}))
    assert code(answer) == (403, "not_your_case")
    assert len(shared_system.desk("agent").get("/complaints?limit=500").body["items"]) == before
    assert customer.post("/complaints", a_complaint()).status == 201


def test_a_revoked_link_opens_nothing_any_more_and_a_new_one_does(door: Any, shared_system: System) -> None:
    href = Desk(shared_system).open()
    first, second = (Person(door, link(shared_system, href).token) for _ in range(2))
    assert [first.get(href).status, second.get(href).status] == [200, 200]
    assert shared_system.desk("agent").call("DELETE", f"{href}/links").body == {"revoked": 2}
    for customer in (first, second):
        assert customer.get(href).status == 401
        assert customer.post(f"{href}/withdraw", {"reason": "r"}, If_Match='"1"').status == 401
    assert Person(door, link(shared_system, href).token).get(href).status == 200


def test_a_link_ends_with_its_days(system: System) -> None:
    href = Desk(system).open()
    customer = link(system, href, days=1)
    system.watch.move(hours=23, minutes=59)
    assert customer.get(href).status == 200
    system.watch.move(minutes=1)
    assert customer.get(href).status == 401


# People come and go ---------------------------------------------------------------------------------------------------------


def test_who_is_disabled_is_out_at_once_and_back_when_enabled(shared_system: System, href: str) -> None:
    admin = shared_system.desk("admin")
    hired = admin.post("/staff", {"username": "otto", "password": PASSWORD, "name": "Otto", "roles": ["agent"]})
    assert hired.status == 201
    login = {"username": "otto", "password": PASSWORD}
    otto = shared_system.stranger(shared_system.stranger().post("/auth/token", login).body["access_token"])
    assert otto.get(href).status == 200
    assert shared_system.desk("agent").post("/staff/otto/disable", {"reason": "Left."}).status == 403
    assert admin.post("/staff/otto/disable", {}).status == 422
    assert admin.post("/staff/otto/disable", {"reason": "Left."}).status == 200
    for answer in (
        otto.get(href),
        otto.get("/me"),
        otto.get("/worklist"),
        otto.post(f"{href}/comment", {"text": "t"}, If_Match='"1"'),
    ):
        assert code(answer) == (401, "unauthenticated")
    assert code(shared_system.stranger().post("/auth/token", login)) == (401, "unauthenticated")
    assert admin.post("/staff/otto/enable", {}).status == 200
    assert otto.get(href).status == 200


def test_nobody_but_the_admin_hires_and_nobody_is_hired_as_customer_or_system(shared_system: System) -> None:
    person = {"username": "x", "password": PASSWORD, "name": "X", "roles": ["agent"]}
    for role in STAFF:
        if role != "admin":
            assert code(shared_system.desk(role).post("/staff", person)) == (403, "role_not_allowed")
    for roles in (["customer"], ["system"], ["root"], [], ["agent", "system"]):
        assert shared_system.desk("admin").post("/staff", {**person, "roles": roles}).status == 422
    assert code(shared_system.desk("admin").post("/staff", {**person, "username": "anna"})) == (409, "guard_refused")


def test_an_admin_does_no_case_work(shared_system: System, href: str) -> None:
    admin = shared_system.desk("admin")
    assert (admin.get(href).body["actions"], admin.get(href).body["notes"]) == ([], [])
    assert code(admin.step(href, "comment", {"text": "t"})) == (403, "role_not_allowed")


# The login ------------------------------------------------------------------------------------------------------------------


def attempt(system: System, password: str, username: str = "tess") -> Answer:
    return system.stranger().post("/auth/token", {"username": username, "password": password})


def test_after_five_wrong_passwords_one_waits_and_then_the_right_one_works(system: System) -> None:
    system.house.app.directory.add("tess", PASSWORD, "Tess", ["agent"])
    assert [attempt(system, f"wrong {n}").status for n in range(5)] == [401] * 5
    for password in ("wrong", PASSWORD):
        throttled = attempt(system, password)
        assert code(throttled) == (429, "too_many_requests")
        assert 1 <= int(throttled.headers["Retry-After"]) <= 60
    assert system.desk("agent").get("/me").status == 200
    system.watch.move(seconds=int(throttled.headers["Retry-After"]))
    assert attempt(system, PASSWORD).status == 200
    assert attempt(system, "wrong").status == 401


def test_the_wait_grows_to_a_minute_and_no_further(system: System) -> None:
    system.house.app.directory.add("tess", PASSWORD, "Tess", ["agent"])
    waits = []
    for _ in range(16):
        answer = attempt(system, "wrong")
        if answer.status == 429:
            waits.append(int(answer.headers["Retry-After"]))
            system.watch.move(seconds=waits[-1])
    assert waits == sorted(waits)
    assert max(waits) <= 60
    for _ in range(8):
        system.watch.move(seconds=60)
        assert attempt(system, "wrong").status == 401
    system.watch.move(seconds=60)
    assert attempt(system, PASSWORD).status == 200


def test_a_throttled_person_keeps_nobody_else_out_and_a_stranger_is_throttled_alike(system: System) -> None:
    system.house.app.directory.add("tess", PASSWORD, "Tess", ["agent"])
    statuses = [attempt(system, "wrong", "nobody").status for _ in range(6)]
    assert statuses == [401] * 5 + [429]
    assert attempt(system, PASSWORD).status == 200


def test_an_answer_does_not_tell_whether_there_is_such_a_person(shared_system: System) -> None:
    known, unknown = attempt(shared_system, "wrong", "anna"), attempt(shared_system, "wrong", "nobody-at-all")
    assert known.status == unknown.status == 401
    same = ("type", "title", "status", "detail", "instance", "code")
    assert [known.body[name] for name in same] == [unknown.body[name] for name in same]


@pytest.mark.parametrize("body", [
    {}, {"username": "anna"}, {"username": "anna", "password": None}, {"username": ["anna"], "password": "x"},
    {"username": {"$ne": ""}, "password": {"$ne": ""}}, {"username": "anna", "password": ""},
    {"username": "anna", "password": "x" * 1025}, {"username": "anna", "password": "x", "roles": ["admin"]},
])  # fmt: skip
def test_a_login_that_is_none_is_422(shared_system: System, body: Any) -> None:
    assert shared_system.stranger().post("/auth/token", body).status == 422


def test_no_password_stands_in_any_answer_event_or_database(system: System) -> None:
    admin, secret = system.desk("admin"), "Perfectly-secret-4711"
    person = {"username": "sec", "password": secret, "name": "Sec", "roles": ["handler"], "department": "quality"}
    answers = [admin.post("/staff", person, Idempotency_Key="k"), admin.post("/staff", person, Idempotency_Key="k")]
    assert [answer.status for answer in answers] == [201, 201]
    answers += [admin.get("/staff"), admin.get("/staff/sec"), admin.post("/staff/sec/password", {"password": secret + "!"})]
    answers += [attempt(system, secret + "!", "sec"), attempt(system, secret, "sec"), admin.post("/staff", {**person, "colour": 1})]
    system.settle()
    answers.append(admin.get("/events"))
    for answer in answers:
        assert secret not in answer.raw.decode()
        assert "argon2" not in answer.raw.decode()
    gateway = system.house.app.service
    with gateway.database.reading() as connection:
        events = " ".join(str(row.body) for row in gateway.ledger.outbox.all(connection))
    assert '"sec"' in events
    assert secret not in events
    assert "argon2" not in events
    for file in system.house.config.data.iterdir():
        if file.is_file():
            assert secret.encode() not in file.read_bytes(), file.name
