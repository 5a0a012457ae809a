"""A whole system for tests, in this process, and clients who work at it as its users do: over HTTP, with a token."""

import json
import secrets
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from argon2 import PasswordHasher
from werkzeug.test import Client as Wsgi

from deploy import demo_staff
from deploy.one import House, house
from shared.config import Config

CHEAP = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
NOTICE = {"channel": "email", "text": "Dear customer, this is what we decided and why."}


class Watch:
    """The time of a test: stands where it was put, and moves when told."""

    def __init__(self, at: datetime | None = None) -> None:
        self.at = at or datetime(2026, 11, 23, 9, 0, tzinfo=UTC)  # a Monday, when the desk opens

    def __call__(self) -> datetime:
        return self.at

    def move(self, **span: float) -> None:
        """Let time pass."""
        self.at += timedelta(**span)


class Answer:
    """What came back: status, headers, and the body as JSON where it is that."""

    def __init__(self, response: Any) -> None:
        self.status: int = response.status_code
        self.headers = response.headers
        self.raw: bytes = response.get_data()
        self.body: Any = json.loads(self.raw) if "json" in response.content_type else self.raw.decode()

    def __repr__(self) -> str:
        return f"{self.status} {str(self.body)[:500]}"


class Person:
    """Somebody who works at the system; `step` reads the version first, unless it is told one."""

    def __init__(self, app: Any, token: str | None = None, name: str = "") -> None:
        self.app, self.token, self.name = app, token, name

    def call(self, method: str, path: str, body: Any = None, **headers: str) -> Answer:
        """Send one request; header names with underscores for dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if self.token:
            sent.setdefault("Authorization", f"Bearer {self.token}")
        data: Any = {"data": body} if isinstance(body, bytes) else {"json": body} if body is not None else {}
        if isinstance(body, bytes):
            sent.setdefault("Content-Type", "application/json")
        return Answer(Wsgi(self.app).open(path, method=method, headers=sent, **data))

    def get(self, path: str, **headers: str) -> Answer:
        """Read."""
        return self.call("GET", path, **headers)

    def post(self, path: str, body: Any = None, **headers: str) -> Answer:
        """Write."""
        return self.call("POST", path, body, **headers)

    def step(self, href: str, trigger: str, facts: Any = None, version: int | None = None, **headers: str) -> Answer:
        """Take a step of a case."""
        seen = f'"{version}"' if version else self.get(href).headers["ETag"]
        return self.post(f"{href}/{trigger}", facts or {}, If_Match=seen, **headers)


class System:
    """A house with demo staff and a watch; `desk("handler", 0, "quality")` is a person at work."""

    def __init__(self, data: Path, url: str | None = None, watch: Watch | None = None) -> None:
        self.watch = watch or Watch()
        config = Config(data=data, database_url=url, prefix=f"t{secrets.token_hex(4)}", now=self.watch)
        self.house: House = house(config)
        self.house.app.directory.hasher = CHEAP
        demo_staff.make(self.house.app.directory, data)
        self.staff = json.loads((data / demo_staff.FILE).read_text())
        self.settle()
        self.complaints = next(service for service in self.house.services if service.name == "complaints")

    def settle(self) -> None:
        """Let relays and followers do what they would do by themselves in a moment."""
        self.house.settle()

    def sweep(self) -> int:
        """Fire the clocks that are due."""
        return sum(part.sweep().once() for part in self.house.services)

    def desk(self, role: str, n: int = 0, department: str | None = None) -> Person:
        """A member of the demo staff, logged in."""
        people = [p for p in self.staff if role in p["roles"] and department in (None, p["department"])]
        return self.login(people[n]["username"])

    def login(self, username: str) -> Person:
        """A person of the directory with a fresh token."""
        person = self.house.app.directory.find(username)
        claims = {"name": person["name"], "roles": person["roles"], "department": person["department"]}
        token = self.house.app.directory.issuer.token(username, claims, self.watch(), timedelta(days=400))
        return Person(self.house.app, token, username)

    def stranger(self, token: str | None = None) -> Person:
        """Somebody without a token, or with one of their own making."""
        return Person(self.house.app, token)

    def close(self) -> None:
        """Stop it."""
        self.house.stop()


def a_complaint(**changes: Any) -> dict[str, Any]:
    """The body that opens a complaint."""
    return {
        "customer": {"ref": "17850", "name": "Arthur Dent", "contact": {"email": "arthur@example.org"}},
        "received_at": "2026-11-20T09:30:00+00:00",
        "channel": "phone",
        "subject": {"kind": "order", "ref": "536365", "line": "85123A"},
        "category": "product_quality",
        "description": "Two of six arrived cracked.",
        "demand": "replacement",
        "priority": "normal",
        **changes,
    }


VALIDATE = {"verdict": "justified", "grounds": "Photos show the cracks.", "notice": NOTICE}
ANALYSE = {"cause": "packing", "certainty": "confirmed", "findings": "Too little padding."}
EVALUATE = {
    "summary": "In time.",
    "follow_up": {"reaction": "Content.", "satisfaction": 4},
    "prevention": {"actions": [{"action": "Thicker padding", "owner": "hana", "due": "2027-01-31"}]},
    "accountability": {"unit": "quality", "measure": "Instruction changed"},
}


def an_offer(*remedies: dict[str, Any], until: str = "2026-12-20T00:00:00+00:00") -> dict[str, Any]:
    """The facts of `propose`."""
    return {
        "remedies": list(remedies) or [{"kind": "apology"}],
        "text": "We make it good.",
        "notice": NOTICE,
        "valid_until": until,
    }


class Desk:
    """Takes complaints to a stage, each step by the right person."""

    WAY = ("validate", "assign", "start", "analyse", "propose", "accept", "resolve", "evaluate")
    STAGES = ("validated", "assigned", "analysing", "analysed", "proposed", "agreed", "resolved", "evaluated")

    def __init__(self, system: System) -> None:
        self.system = system

    def open(self, **changes: Any) -> str:
        """Open a complaint and return its address."""
        answer = self.system.desk("agent").post("/complaints", a_complaint(**changes))
        assert answer.status == 201, answer
        return str(answer.headers["Location"])

    def at(self, stage: str, remedies: tuple[dict[str, Any], ...] = (), **changes: Any) -> str:
        """Open a complaint and bring it to a stage of the straight way."""
        href = self.open(**changes)
        if stage != "recorded":
            for trigger in self.WAY[: self.STAGES.index(stage) + 1]:
                answer = self.take(href, trigger, remedies)
                assert answer.status == 200, (trigger, answer)
        return href

    def take(self, href: str, trigger: str, remedies: tuple[dict[str, Any], ...] = ()) -> Answer:
        """Take one step of the straight way."""
        desk = self.system.desk
        hand = desk("handler", 0, "quality")
        who, facts = {
            "validate": (desk("agent"), lambda: VALIDATE),
            "assign": (desk("supervisor"), lambda: {"department": "quality", "assignee": hand.name}),
            "start": (hand, dict),
            "analyse": (hand, lambda: ANALYSE),
            "propose": (hand, lambda: an_offer(*remedies)),
            "accept": (desk("agent"), lambda: {"offer": self.offer(href), "evidence": "Call 4711"}),
            "resolve": (hand, lambda: {"done": "Done.", "notice": NOTICE}),
            "evaluate": (desk("supervisor", 1), lambda: EVALUATE),
        }[trigger]
        return who.step(href, trigger, facts())

    def offer(self, href: str) -> dict[str, Any]:
        """Number and hash of the latest offer."""
        last = self.system.desk("auditor").get(href).body["offers"][-1]
        return {"number": last["number"], "hash": last["hash"]}
