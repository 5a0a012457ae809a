"""The work that is measured: one case = create + six steps with a comment each + the history, by keep-alive clients.

Clients are processes of their own, so that their own work is not counted as the server's.
"""

import http.client
import json
import time
import uuid
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from typing import Any

from tests.house import ANALYSE, NOTICE, VALIDATE, a_complaint


@dataclass
class Figures:
    """What a run gave: steps a second, and the times of single steps in milliseconds."""

    rate: float
    times: list[float]
    seconds: float
    count: int

    def percentile(self, share: float) -> float:
        """The time under which this share of the steps stayed."""
        ordered = sorted(self.times)
        return ordered[min(int(len(ordered) * share), len(ordered) - 1)]


class Worker:
    """One client with the tokens of those who work on a case."""

    def __init__(self, url: str, staff: list[dict[str, Any]]) -> None:
        self.connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
        self.times: list[float] = []
        self.tokens = {}
        for role in ("agent", "supervisor", "handler"):
            person = next(p for p in staff if role in p["roles"])
            asked = {name: person[name] for name in ("username", "password")}
            self.tokens[role] = json.loads(self.send("POST", "/auth/token", asked)[2])["access_token"]
            self.hand = person["username"]

    def send(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
        """Send one request over the kept connection."""
        data = None if body is None else json.dumps(body)
        self.connection.request(method, path, data, {"Content-Type": "application/json", **headers})
        answer = self.connection.getresponse()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read()

    def step(self, role: str, path: str, body: Any, version: str | None = None) -> dict[str, Any]:
        """Take one step with If-Match and Idempotency-Key, and time it."""
        headers = {"Authorization": f"Bearer {self.tokens[role]}", "Idempotency-Key": str(uuid.uuid4())}
        if version:
            headers["If-Match"] = version
        began = time.perf_counter()
        status, said, data = self.send("POST", path, body, **headers)
        self.times.append(1000 * (time.perf_counter() - began))
        if status not in (200, 201):
            raise RuntimeError(f"{path}: {status} {data[:300]!r}")
        return {"etag": said["etag"], **json.loads(data)}

    def case(self) -> None:
        """Work through one case."""
        case = self.step("agent", "/complaints", a_complaint(customer={"ref": uuid.uuid4().hex[:12], "name": "Arthur Dent"}))
        href, etag = f"/complaints/{case['id']}", case["etag"]
        offer = {"remedies": [{"kind": "apology"}], "text": "Sorry.", "notice": NOTICE, "valid_until": "2099-01-01T00:00:00+00:00"}
        for role, trigger, facts in (
            ("agent", "validate", VALIDATE),
            ("supervisor", "assign", {"department": "quality", "assignee": self.hand}),
            ("handler", "start", {}),
            ("handler", "analyse", ANALYSE),
            ("handler", "propose", offer),
            ("agent", "accept", None),
        ):
            stated = facts if facts is not None else {"offer": self.offer(case), "evidence": "Call 4711"}
            case = self.step(role, f"{href}/{trigger}", stated, etag)
            case = self.step(role, f"{href}/comment", {"text": "Noted."}, case["etag"])
            etag = case["etag"]
        self.send("GET", f"{href}/history", Authorization=f"Bearer {self.tokens['agent']}")

    @staticmethod
    def offer(case: dict[str, Any]) -> dict[str, Any]:
        """The reference of the latest offer."""
        return {name: case["offers"][-1][name] for name in ("number", "hash")}


def _client(url: str, staff: list[dict[str, Any]], seconds: float) -> tuple[list[float], float]:
    worker = Worker(url, staff)
    worker.times.clear()
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        worker.case()
    return worker.times, time.perf_counter() - began


def steps(url: str, staff: list[dict[str, Any]], clients: int, seconds: float) -> Figures:
    """Let clients work side by side for some seconds; a comment counts as a step, for it is one."""
    with ProcessPoolExecutor(clients) as pool:
        runs = list(pool.map(_client, [url] * clients, [staff] * clients, [seconds] * clients))
    times = [t for run, _ in runs for t in run]
    return Figures(sum(len(run) / took for run, took in runs), times, max(took for _, took in runs), len(times))


def _hello(url: str, seconds: float) -> tuple[list[float], float]:
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=60)
    times: list[float] = []
    began = time.perf_counter()
    while time.perf_counter() - began < seconds:
        start = time.perf_counter()
        connection.request("GET", "/")
        connection.getresponse().read()
        times.append(1000 * (time.perf_counter() - start))
    return times, time.perf_counter() - began


def hellos(url: str, clients: int, seconds: float) -> Figures:
    """The same number of clients on the bare hello."""
    with ProcessPoolExecutor(clients) as pool:
        runs = list(pool.map(_hello, [url] * clients, [seconds] * clients))
    times = [t for run, _ in runs for t in run]
    return Figures(sum(len(run) / took for run, took in runs), times, max(took for _, took in runs), len(times))
