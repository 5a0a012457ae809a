"""What a caller can send: refused with a problem, or kept letter for letter; never a failure, never half stored (faults.md, S4)."""

import json
import string
from typing import Any
from urllib.parse import quote

import orjson
import pytest

from services.complaints.procedure import VERSION_1 as PROCEDURE
from shared.lists import encode
from shared.web import DEEPEST, LARGEST
from tests.house import ANALYSE, NOTICE, VALIDATE, Answer, Desk, Person, System, a_complaint, an_offer

HOSTILE = (
    "'; DROP TABLE complaint; --", '" OR 1=1 --', "Robert'); DELETE FROM history;--", "1; SELECT pg_sleep(10)",
    "%' AND 1=0 UNION SELECT 1",
    "{{7*7}}", "{% for x in y %}", "${jndi:ldap://127.0.0.1/a}", "#{7*7}", "<%= 7*7 %>", "%(name)s", "%s%n", "{0.__class__}",
    "$(id)", "`id`",
    "<script>alert(1)</script>", "<!--", "]]>", "\\", "\\u0000", "a\\'b", "../../etc/passwd", "file:///etc/passwd",
    "\r\nX-Evil: 1", "a\tb\nc",
    "=cmd|'/c calc'!A1", "null", "true", "NaN", "-1", "1e999", "🔥" * 3, "中文投诉", "\u202egnirts", "e\u0301", "ﬁ", "İ",
    "\ufeffBOM",
    "a\u2028b", "\ud7ff\ue000", "\U0010ffff", " leading and trailing ", "'", '"', "*", "AND", "NEAR(", "^", "a" * 2000,
)  # fmt: skip
"""Text that is something else to somebody else; to us it is text."""
NO_TEXT = ("", " ", "\n\t", "\x00", "a\x00b", "\x07", "\x1b[31m", "\x7f", "a" * 20_001)
NO_TEXT_VALUES: tuple[Any, ...] = (None, 1, 1.5, True, [], ["a"], {}, {"$gt": ""})


@pytest.fixture(scope="module")
def agent(shared_system: System) -> Person:
    return shared_system.desk("agent")


@pytest.fixture(scope="module")
def hand(shared_system: System) -> Person:
    return shared_system.desk("handler", 0, "quality")


@pytest.fixture(scope="module")
def desk(shared_system: System) -> Desk:
    """The desk of the system that all of these share: nothing here may break it for the next."""
    return Desk(shared_system)


@pytest.fixture(scope="module")
def resting(desk: Desk) -> str:
    """A complaint that stays at its first version."""
    return desk.open()


@pytest.fixture(scope="module")
def analysed(desk: Desk) -> str:
    """A complaint whose cause is known, and for which no offer is good enough."""
    return desk.at("analysed")


def code(answer: Answer) -> tuple[int, str]:
    assert answer.headers["Content-Type"] == "application/problem+json", answer
    return answer.status, answer.body["code"]


def raw(person: Person, body: bytes, path: str = "/complaints", **headers: str) -> Answer:
    return person.post(path, body, **headers)


def with_value(written: str, field: str = "description") -> bytes:
    """A good complaint in which one field is written in JSON as given."""
    return json.dumps(a_complaint(**{field: "@@"})).replace('"@@"', written).encode()


# Bodies -------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [LARGEST + 1, 2 << 20, 10 << 20])
@pytest.mark.parametrize("path", ["/complaints", "/complaints/batch", "/auth/token", "/complaints/none/validate"])
def test_a_body_above_a_mebibyte_is_413(agent: Person, path: str, size: int) -> None:
    assert code(raw(agent, b'{"a":"' + b"a" * size, path)) == (413, "too_large")


@pytest.mark.parametrize("body", [
    b"[" * (DEEPEST + 1), b"[" * 100 + b"]" * 100, b'{"a":' * 100 + b"1" + b"}" * 100, b"[" * 10_000,
    b'{"a":[' * 10_000 + b"]}" * 10_000,
    b"[" * 1_000_000, b'{"a":"\\\\",' + b'"b":[' * 100 + b"]" * 100 + b"}",
])  # fmt: skip
def test_json_nested_too_deeply_is_400(agent: Person, body: bytes) -> None:
    answer = raw(agent, body)
    assert code(answer) == (400, "malformed")
    assert "nested" in answer.body["detail"]


@pytest.mark.parametrize("text", ["[" * 1000, "{" * 1000, '\\"[' * 500, "\\\\" * 99 + "[" * 500, ']"}' * 200])
def test_brackets_inside_a_text_are_no_depth(agent: Person, text: str) -> None:
    answer = raw(agent, orjson.dumps(a_complaint(description=text)))
    assert (answer.status, answer.body.get("description")) == (201, text)


def test_the_deepest_nesting_that_is_taken_is_refused_for_what_it_says(agent: Person) -> None:
    assert code(raw(agent, b"[" * DEEPEST + b"]" * DEEPEST)) == (422, "invalid")


@pytest.mark.parametrize("written", [
    "NaN", "Infinity", "-Infinity", "nan", "+1", "01", ".5", "1.", "0x10", "'a'", "undefined", '"\\ud800"', '"\\udfff\\ud800"',
    '"\\x41"', '"a\nb"', "1e", "tru", '"a', "", "[1,]", "/* */1",
])  # fmt: skip
@pytest.mark.parametrize("field", ["description", "received_at"])
def test_what_is_no_json_is_400(agent: Person, written: str, field: str) -> None:
    assert code(raw(agent, with_value(written, field))) == (400, "malformed")


@pytest.mark.parametrize(
    "body",
    [
        b"\xff\xfe{}",
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        b"\xef\xbb\xbf{}",
        b"{}{}",
        b"{",
        b"\0",
        b"a=b",
        "{}".encode("utf-16"),
    ],
)
def test_bytes_that_are_no_utf_8_json_are_400(agent: Person, body: bytes) -> None:
    assert code(raw(agent, body)) == (400, "malformed")


@pytest.mark.parametrize("body", [b"[]", b'"text"', b"1", b"true", b"null", b"[{}]", b"1e400", b"123456789012345678901234567890"])
def test_json_that_is_no_object_is_a_refusal(agent: Person, body: bytes) -> None:
    answer = raw(agent, body)
    assert code(answer) in ((422, "invalid"), (400, "malformed"))


@pytest.mark.parametrize("kind", [
    "text/plain", "application/xml", "application/x-www-form-urlencoded", "multipart/form-data; boundary=a", "",
    "application/jsonp", "text/json", "application/merge-patch+json", "application/json-patch+json",
])  # fmt: skip
def test_another_content_type_is_415(agent: Person, kind: str) -> None:
    assert code(raw(agent, orjson.dumps(a_complaint()), Content_Type=kind)) == (415, "unsupported_media_type")


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_by_any_writing_of_its_name_is_read(agent: Person, kind: str) -> None:
    assert raw(agent, orjson.dumps(a_complaint()), Content_Type=kind).status == 201


# Text ---------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_free_text_comes_back_letter_for_letter_and_is_found(desk: Desk, agent: Person, hand: Person, text: str) -> None:
    href = desk.open(description=text, customer={"ref": "17850", "name": text[:255]})
    case = agent.get(href).body
    assert (case["description"], case["customer"]["name"]) == (text, text[:255])
    said = agent.step(href, "comment", {"text": text})
    assert said.status == 200
    entries = agent.get(f"{href}/history").body["entries"]
    assert (entries[0]["facts"]["description"], entries[1]["facts"]["text"]) == (text, text)
    found = agent.get(f"/complaints?limit=500&q={quote(text)}")
    assert found.status == 200, found
    words = [word for word in text.split() if word.isalnum() and word.isascii()]
    if words:
        assert href in [item["href"] for item in found.body["items"]]
    assert desk.system.desk("auditor").get(f"/audit/verify?kind=complaint&id={case['id']}").body["ok"]
    assert next(item for item in agent.get("/worklist?limit=500").body["items"] if item["href"] == href)["title"] is not None


EVIL = "'; DROP TABLE complaint;-- {{7*7}} <b>"


def test_every_free_text_of_every_step_is_kept_as_it_came(desk: Desk, agent: Person, hand: Person) -> None:
    href, notice = desk.open(demand=EVIL, subject={"kind": "other", "ref": EVIL}), {**NOTICE, "text": EVIL}
    boss = desk.system.desk("supervisor", 1)
    way: tuple[tuple[Person, str, Any], ...] = (
        (agent, "validate", {**VALIDATE, "grounds": EVIL, "notice": notice}),
        (boss, "assign", {"department": "quality", "assignee": hand.name}),
        (hand, "start", {}), (agent, "hold", {"reason": EVIL}),
        (agent, "attach", {"name": EVIL, "media_type": EVIL, "size": 1, "sha256": "sha256:" + "0" * 64}),
        (agent, "contact", {"direction": "out", "channel": "phone", "text": EVIL}),
        (agent, "alert", {"occurred_at": "2026-11-20T09:30:00+00:00", "place": EVIL, "phenomenon": EVIL, "plan": EVIL}),
        (hand, "analyse", {**ANALYSE, "findings": EVIL, "contributions": [{"department": EVIL, "share": 1}]}),
        (hand, "propose", {**an_offer({"kind": "apology", "note": EVIL}), "text": EVIL, "notice": notice}),
        (agent, "decline", lambda: {"offer": desk.offer(href), "reason": EVIL, "counter_demand": EVIL, "evidence": EVIL}),
        (hand, "propose", {**an_offer(), "text": EVIL, "notice": notice}),
        (agent, "accept", lambda: {"offer": desk.offer(href), "evidence": EVIL}),
        (hand, "resolve", {"done": EVIL, "notice": notice}),
        (boss, "evaluate", {"summary": EVIL, "follow_up": {"reaction": EVIL, "satisfaction": 1}, "prevention": {"waiver": EVIL},
                            "accountability": {"unit": EVIL, "person": EVIL, "measure": EVIL}}),
        (boss, "reopen", {"reason": EVIL}),
        (boss, "escalate", {"reason": EVIL}),
    )  # fmt: skip
    for who, trigger, facts in way:
        brought = facts() if callable(facts) else facts
        answer = who.step(href, trigger, brought)
        assert answer.status == 200, (trigger, answer)
        kept = agent.get(f"{href}/history").body["entries"][-1]["facts"]
        times = {"valid_until", "occurred_at"}  # kept in UTC
        assert {name: kept[name] for name in brought if name not in times} == {n: v for n, v in brought.items() if n not in times}
    assert desk.system.desk("auditor").get(f"/audit/verify?kind=complaint&id={href.rsplit('/', 1)[1]}").body["ok"]


@pytest.mark.parametrize("text", [*NO_TEXT, *NO_TEXT_VALUES], ids=lambda text: ascii(text)[:12])
@pytest.mark.parametrize("place", ["/description", "/customer/name", "/customer/ref", "/subject/ref", "/demand", "/external_id"])
def test_what_is_no_text_is_422_at_its_place(agent: Person, place: str, text: Any) -> None:
    names = place[1:].split("/")
    body = a_complaint()
    if len(names) == 1:
        body[names[0]] = text
    else:
        body[names[0]] = {**body[names[0]], names[1]: text}
    answer = agent.post("/complaints", body)
    assert code(answer) == (422, "invalid")
    assert [error["pointer"] for error in answer.body["errors"]] == [place]


@pytest.mark.parametrize(
    "key", ["__proto__", "constructor", "$where", "a/b", "~", "", " ", "id", "stage", "owner", "version", "actor", "at", "中"]
)
def test_an_unknown_field_is_422_and_pointed_at(agent: Person, key: str) -> None:
    answer = agent.post("/complaints", a_complaint(**{key: 1}))
    assert code(answer) == (422, "invalid")
    assert [e["pointer"] for e in answer.body["errors"]] == ["/" + key.replace("~", "~0").replace("/", "~1")]


# Numbers, times -----------------------------------------------------------------------------------------------------------

NO_SIZES = (
    '"1"',
    "-1",
    "1.5",
    "true",
    "null",
    "[]",
    "1e300",
    "1e18",
    "9223372036854775808",
    "18446744073709551615",
    "1" * 400,
    "-1e400",
    '""',
)


@pytest.mark.parametrize("written", NO_SIZES, ids=lambda written: written[:20])
def test_a_number_that_is_none_or_too_large_is_refused(resting: str, agent: Person, written: str) -> None:
    body = json.dumps({"name": "n", "media_type": "m", "size": "@@", "sha256": "sha256:" + "0" * 64}).replace('"@@"', written)
    answer = raw(agent, body.encode(), f"{resting}/attach", If_Match='"1"')
    assert code(answer) in ((422, "invalid"), (400, "malformed"))
    if answer.status == 422:
        assert [error["pointer"] for error in answer.body["errors"]] == ["/size"]


@pytest.mark.parametrize("written", ["5.0", "5", "5e0"])
def test_json_has_one_kind_of_number(desk: Desk, agent: Person, written: str) -> None:
    body = json.dumps({"name": "n", "media_type": "m", "size": "@@", "sha256": "sha256:" + "0" * 64}).replace('"@@"', written)
    answer = raw(agent, body.encode(), f"{desk.open()}/attach", If_Match='"1"')
    assert answer.body["attachments"][0]["size"] == 5


@pytest.mark.parametrize(
    "amount",
    [5, 5.5, "5,50", "-5", "0", "0.0", "1e3", "+5", " 5", "5\n", "5.00001", "1" * 16, "", None, "NaN", "Infinity", "٥", True],
)
def test_an_amount_that_is_none_is_422(analysed: str, hand: Person, amount: Any) -> None:
    answer = hand.step(analysed, "propose", an_offer({"kind": "refund", "money": {"amount": amount, "currency": "EUR"}}))
    assert code(answer) == (422, "invalid")
    assert [error["pointer"] for error in answer.body["errors"]] == ["/remedies/0/money/amount"]


@pytest.mark.parametrize("when", [
    "2026-11-20", "2026-11-20T09:30:00", "yesterday", "20261120T093000Z ", 1763631000, None, "", "2026-13-01T00:00:00Z",
    "2026-02-30T00:00:00Z", "0000-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "2026-11-20T25:00:00Z",
    "2026-11-20T09:30:00+99:00", "2026-11-20T09:30:00Z; DROP",
])  # fmt: skip
def test_a_time_that_is_none_is_422(agent: Person, when: Any) -> None:
    answer = agent.post("/complaints", a_complaint(received_at=when))
    assert code(answer) == (422, "invalid")
    assert [error["pointer"] for error in answer.body["errors"]] == ["/received_at"]


@pytest.mark.parametrize("when", ["0001-01-01T00:00:00+00:00", "1900-01-01T00:00:00Z", "2026-11-20T09:30:00.123456+05:30"])
@pytest.mark.parametrize("profile", ["none", "rg271", "fca"])
def test_an_odd_but_real_time_is_taken_and_the_case_can_be_read(agent: Person, when: str, profile: str) -> None:
    opened = agent.post("/complaints", a_complaint(received_at=when, statutory_profile=profile))
    assert opened.status == 201, opened
    for path in ("", "/history", "/why"):
        assert agent.get(opened.headers["Location"] + path).status == 200


def test_an_offer_until_the_end_of_time_is_taken(desk: Desk, hand: Person) -> None:
    href = desk.at("analysed")
    assert hand.step(href, "propose", an_offer(until="9999-12-31T23:59:59+00:00")).status == 200


# Addresses, headers -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", [
    "limit=1&limit=2", "sort=due_at&sort=-due_at", "stage=recorded&stage=assigned", "q=a&q=b", "limit=0", "limit=501",
    "limit=-1", "limit=1e2", "limit=٥", "limit=", "limit=1.0", "limit=99999999999999999999", "sort=id", "sort=--due_at",
    "sort=due_at,id", "stage=", "stage=dreamt", "open=yes", "overdue=1", "priority=9", "category=x", "colour=blue", "q=%00",
    "owner=%00", "customer=a%00b", "offset=10", "id=1", "q[]=a", "%00=1", "cursor=",
])  # fmt: skip
def test_a_query_that_is_not_understood_is_422_and_the_parameter_is_named(agent: Person, query: str) -> None:
    answer = agent.get(f"/complaints?{query}")
    assert code(answer) == (422, "invalid")
    assert len(answer.body["errors"]) == 1


@pytest.mark.parametrize("query", [
    "owner='%20OR%201=1--", "customer=%27;--", "department=%25", "q=%22*", "q=AND%20OR%20NOT", "q=a%20NEAR%20b",
    "q=%F0%9F%94%A5", "q=%ff%fe", "q=()", "q=-", "q=%5C", "q=%27", "q=a:*", "q=%26%7C!", "q=%3C->", "q=" + "a" * 3000,
    "q=" + "b%20" * 900,
])  # fmt: skip
def test_a_strange_but_harmless_query_is_answered(agent: Person, query: str) -> None:
    answer = agent.get(f"/complaints?{query}")
    assert answer.status == 200, answer


GARBLED = [
    "x", "=", "%00", "e30", "bnVsbA", "W10", encode([]), encode({}), encode(["-opened_at"]), encode(["-opened_at", "x", "y", "z"]),
    encode(["-opened_at", "2026-11-20T09:30:00+00:00", 5, "z"]), encode(["-opened_at", "2026-11-20T09:30:00+00:00", None, None]),
    encode(["-opened_at", "2026-11-20T09:30:00+00:00", "2026-11-20T09:30:00+00:00", 5]),
    encode(["due_at", "2026-11-20T09:30:00+00:00", "2026-11-20T09:30:00+00:00", "z"]),
    encode(["priority", "2026-11-20T09:30:00+00:00", 1, "z"]), encode([[[]]]), encode("text"), encode(7), "A" * 5000, "é", "😀",
]  # fmt: skip


@pytest.mark.parametrize("cursor", GARBLED, ids=range(len(GARBLED)))
@pytest.mark.parametrize("path", ["/complaints?cursor=", "/worklist?cursor=", "/events?after=", "/audit/refusals?cursor="])
def test_a_garbled_cursor_is_422_and_named(shared_system: System, path: str, cursor: str) -> None:
    if cursor in (encode({}), "e30") and not path.startswith("/complaints"):
        return  # a walk over all services that has not begun anywhere: as good as none
    answer = shared_system.desk("auditor").get(path + quote(cursor, safe="%"))
    assert code(answer) == (422, "invalid")
    assert [error["pointer"] for error in answer.body["errors"]] == ["/after" if "after" in path else "/cursor"]


MADE_UP = (
    ["priority", "2026-11-20T09:30:00+00:00", 2**64 - 1, "z"], ["priority", "2026-11-20T09:30:00+00:00", -(2**63), "z"],
    ["priority", "2026-11-20T09:30:00+00:00", True, "z"], ["priority", "2026-11-20T09:30:00+00:00", 2, "z" * 5000],
    ["opened_at", "2026-11-20T09:30:00+00:00", "2026-11-20T09:30:00+00:00", "a\0b"],
    ["opened_at", "9999-12-31T23:59:59+00:00", "0001-01-01T00:00:00+00:00", "z"],
    ["opened_at", "0001-01-01T00:00:00+23:00", "0001-01-01T00:00:00+00:00", "z"],
    ["-due_at", "2026-11-20T09:30:00+00:00", "9999-12-31T23:59:59-23:00", "z"],
)  # fmt: skip


def test_a_cursor_that_somebody_made_breaks_no_database(any_system: System) -> None:
    Desk(any_system).open()
    agent = any_system.desk("agent")
    for made in MADE_UP:
        assert agent.get(f"/complaints?sort={made[0]}&cursor={encode(made)}").status in (200, 422), made
    for place in (["2026-11-20T09:30:00+00:00", "a\0b"], ["9999-12-31T23:59:59-23:00", "z"], ["0001-01-01T00:00:00+23:00", "z"]):
        assert agent.get(f"/worklist?cursor={encode({'complaints': encode(place)})}").status in (200, 422), place


@pytest.mark.parametrize("key", ["", "a" * 256])
def test_an_idempotency_key_has_1_to_255_characters(desk: Desk, agent: Person, key: str) -> None:
    for path, body, more in (("/complaints", a_complaint(), {}), (f"{desk.open()}/validate", VALIDATE, {"If_Match": '"1"'})):
        assert code(agent.post(path, body, Idempotency_Key=key, **more)) == (422, "invalid")


@pytest.mark.parametrize("key", ["a" * 255, " ", "'; DROP TABLE idempotency;--", string.punctuation, "é\xff"])
def test_a_strange_idempotency_key_is_a_key(agent: Person, key: str) -> None:
    first, second = (agent.post("/complaints", a_complaint(), Idempotency_Key=key) for _ in range(2))
    assert (first.status, second.status, second.headers["Location"]) == (201, 201, first.headers["Location"])


@pytest.mark.parametrize("seen", ["1", '"01"', 'W/"1"', "*", '"1", "2"', '""', '"-1"', "é", '"1"x', '" 1"'])
def test_an_if_match_that_names_another_version_is_412(desk: Desk, agent: Person, seen: str) -> None:
    assert code(agent.post(f"{desk.open()}/validate", VALIDATE, If_Match=seen)) == (412, "stale_version")


@pytest.mark.parametrize(
    "case_id", ["%00", "..%2f..%2fetc", "'%20OR%201=1--", "a" * 5000, "%F0%9F%94%A5", "%ff", "null", "0", "{{7*7}}", "%0d%0aX:1"]
)
def test_an_id_that_is_none_is_404(agent: Person, case_id: str) -> None:
    for path in (f"/complaints/{case_id}", f"/complaints/{case_id}/history", f"/complaints/{case_id}/why"):
        assert code(agent.get(path)) == (404, "not_found")
    assert code(agent.post(f"/complaints/{case_id}/validate", VALIDATE, If_Match='"1"')) == (404, "not_found")


@pytest.mark.parametrize(
    "trigger", ["record", "to_validated", "__init__", "Validate", "validate%20", "va%00lidate", "'--", "a" * 3000]
)
def test_a_trigger_that_is_none_is_404(desk: Desk, agent: Person, trigger: str) -> None:
    assert code(agent.post(f"{desk.open()}/{trigger}", {}, If_Match='"1"')) == (404, "not_found")


@pytest.mark.parametrize("command", [
    {}, {"id": "x"}, {"id": "x", "trigger": "validate"}, {"id": "x", "trigger": "validate", "if_match": 1}, {"id": 1,
    "trigger": "v", "if_match": "1"},
    {"id": "x", "trigger": "validate", "if_match": "1", "colour": 1}, {"id": "x", "trigger": "validate", "if_match": "1",
    "facts": []}, None, "x", 7,
])  # fmt: skip
def test_a_command_of_a_batch_that_is_none_is_422_and_none_is_taken(desk: Desk, agent: Person, command: Any) -> None:
    href = desk.open()
    good = {"id": href.rsplit("/", 1)[1], "trigger": "validate", "if_match": "1", "facts": VALIDATE}
    answer = agent.post("/complaints/batch", {"commands": [good, command]})
    assert code(answer) == (422, "invalid")
    assert answer.body["errors"][0]["pointer"].startswith("/commands/1")
    assert agent.get(href).body["version"] == 1


def test_a_batch_has_one_to_five_hundred_commands(agent: Person) -> None:
    command = {"id": "none", "trigger": "validate", "if_match": "1"}
    for commands in ([], [command] * 501):
        assert code(agent.post("/complaints/batch", {"commands": commands})) == (422, "invalid")
    done = agent.post("/complaints/batch", {"commands": [command] * 500})
    assert (done.status, {result["status"] for result in done.body["results"]}) == (200, {404})


# Afterwards ---------------------------------------------------------------------------------------------------------------


def test_after_all_that_every_case_verifies_and_nothing_was_half_stored(shared_system: System) -> None:
    shared_system.settle()
    service = shared_system.complaints
    assert service.desk is not None
    with service.database.reading() as connection:
        found = list(service.desk.reading.examine_all(connection))
        assert connection.exec_driver_sql("PRAGMA integrity_check").scalar() == "ok"
    assert [(record, bad) for record, bad in found if bad] == []
    assert set(PROCEDURE.by_trigger) > {"record"}
