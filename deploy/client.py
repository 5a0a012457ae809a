"""A small client of a running system over HTTP, for the verbs that speak to one."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import urllib3

from deploy import demo_staff

SECONDS = urllib3.Timeout(connect=5, read=60)


class Away(Exception):
    """Nobody answers at the address, or not now."""


class Said(Exception):
    """The system refused; the words are its own."""


@dataclass(frozen=True)
class Answer:
    """Status, headers, and the body as JSON where it is that."""

    status: int
    headers: Any
    body: Any

    @property
    def words(self) -> str:
        """What a refusal says, in a line."""
        problem = self.body if isinstance(self.body, dict) else {}
        wrong = "; ".join(f"{error['pointer']}: {error['detail']}" for error in problem.get("errors", ()))
        return " ".join(part for part in (problem.get("detail", f"status {self.status}"), wrong) if part)


class Client:
    """Sends requests to one system."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._pool = urllib3.PoolManager(timeout=SECONDS, retries=False)

    def call(self, method: str, path: str, body: Any = None, token: str | None = None, **headers: str) -> Answer:
        """Send one request; raise Away where nobody answers. Header names are written with underscores for dashes."""
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        if token:
            sent["Authorization"] = f"Bearer {token}"
        try:
            answer = self._pool.request(method, self.url + path, headers=sent, **({"json": body} if body is not None else {}))
        except (urllib3.exceptions.HTTPError, ValueError) as error:
            raise Away(f"nobody answers at {self.url} ({type(error).__name__})") from None
        is_json = "json" in answer.headers.get("Content-Type", "")
        try:
            return Answer(
                answer.status, answer.headers, json.loads(answer.data) if is_json else answer.data.decode(errors="replace")
            )
        except ValueError:
            raise Away(f"what answers at {self.url} does not speak as Casewright does") from None

    def ready(self) -> bool:
        """Whether a system is there and all its parts work."""
        try:
            return self.call("GET", "/readyz").status == 200
        except Away:
            return False

    def login(self, username: str, password: str) -> str:
        """Return a token; raise Said where the password is not right."""
        answer = self.call("POST", "/auth/token", {"username": username, "password": password})
        if answer.status != 200:
            raise Said(answer.words)
        return str(answer.body["access_token"])

    def events(self, token: str, after: str, types: Iterable[str]) -> Answer:
        """Return one page of the feed."""
        asked = {"after": after, "types": ",".join(types), "limit": 500}
        return self.call("GET", "/events?" + urlencode({name: value for name, value in asked.items() if value}), token=token)


def demo_people(path: Path) -> list[dict[str, Any]]:
    """The people of a demo staff file (a folder stands for the file in it); raise Said where there is none that can be read."""
    path = path / demo_staff.FILE if path.is_dir() else path
    try:
        people: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
        if not all({"username", "password", "name", "roles", "department"} <= set(person) for person in people):
            raise ValueError
    except (OSError, ValueError, TypeError):
        raise Said(f"{path} holds no demo staff that can be read") from None
    return people
