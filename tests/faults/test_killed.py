"""The embedded system is killed, or told to stop, in the middle of its work: what it acknowledged stands, exactly once.

CASEWRIGHT_FAULT_ROUNDS says how often it is killed, CASEWRIGHT_SEED repeats a run as far as chance allows it.
"""

import http.client
import json
import os
import random
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import uuid
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from deploy.client import Client, demo_people
from deploy.temporary import Temporary, running
from tests.house import VALIDATE, a_complaint

ROUNDS = int(os.environ.get("CASEWRIGHT_FAULT_ROUNDS", "20"))
SEED = os.environ.get("CASEWRIGHT_SEED") or secrets.token_hex(4)
CLIENTS = 4
STOPS_WITHIN = 12.0
PATIENCE = 10.0
"""Seconds after which the relay should have numbered whatever was committed."""
GENESIS = "sha256:" + 64 * "0"

Staff = dict[str, dict[str, Any]]


@dataclass
class Case:
    """A complaint as its only client knows it: which trigger was acknowledged at which seq."""

    id: str
    steps: dict[int, str] = field(default_factory=dict)
    stage: str = ""
    held: bool = False

    @property
    def version(self) -> int:
        return max(self.steps)


@dataclass(frozen=True)
class Request:
    """A step on its way; its key and its If-Match stay the same however often it is sent."""

    role: str
    trigger: str
    facts: dict[str, Any]
    case: Case | None = None
    key: str = field(default_factory=lambda: str(uuid.uuid4()))


class Worker:
    """Somebody who opens complaints and moves them until the system is gone; asks again later about what is in doubt."""

    def __init__(self, number: int, tokens: dict[str, str], hand: str) -> None:
        self.random = random.Random(f"{SEED}-{number}")
        self.tokens, self.hand = tokens, hand
        self.cases: list[Case] = []
        self.doubt: Request | None = None
        self.asked_again = self.replayed = 0
        self.wrong: list[str] = []

    def work(self, url: str) -> None:
        """First what is in doubt, then step after step; ends with the connection, or at an answer that should not be."""
        with self._line(url) as line:
            self._settle(line)
            while not self.wrong:
                self._send(line, self._next())

    def settle(self, url: str) -> None:
        """Only what is in doubt."""
        with self._line(url) as line:
            self._settle(line)

    @contextmanager
    def _line(self, url: str) -> Iterator[http.client.HTTPConnection]:
        gone = suppress(OSError, http.client.HTTPException)  # what was on its way is in doubt
        with closing(http.client.HTTPConnection(url.removeprefix("http://"), timeout=40)) as line, gone:
            yield line

    def _settle(self, line: http.client.HTTPConnection) -> None:
        if self.doubt:
            self.asked_again += 1
            self._send(line, self.doubt)

    def _next(self) -> Request:
        chance = self.random
        if not self.cases or chance.random() < 0.2:
            return Request("agent", "record", a_complaint(customer={"ref": secrets.token_hex(6), "name": "Arthur Dent"}))
        case = chance.choice(self.cases[-5:])
        possible = [
            Request("agent", "comment", {"text": f"Note {chance.random()}"}, case),
            Request("agent", "resume", {}, case) if case.held else Request("agent", "hold", {"reason": "Waits."}, case),
        ]
        if case.stage == "recorded":
            possible.append(Request("agent", "validate", VALIDATE, case))
        else:
            possible.append(Request("supervisor", "assign", {"department": "quality", "assignee": self.hand}, case))
        return chance.choice(possible)

    def _send(self, line: http.client.HTTPConnection, asked: Request) -> None:
        self.doubt = asked
        headers = {"Authorization": f"Bearer {self.tokens[asked.role]}", "Idempotency-Key": asked.key}
        headers["Content-Type"] = "application/json"
        path = "/complaints"
        if asked.case:
            path += f"/{asked.case.id}/{asked.trigger}"
            headers["If-Match"] = f'"{asked.case.version}"'
        line.request("POST", path, json.dumps(asked.facts), headers)
        answer = line.getresponse()
        said = answer.read()
        self.replayed += answer.getheader("Idempotency-Replayed") == "true"
        if answer.status != (200 if asked.case else 201):
            self.wrong.append(f"{path} {headers.get('If-Match')}: {answer.status} {said[:500]!r}")
            return
        self._note(asked, json.loads(said), answer.getheader("ETag") or "")
        self.doubt = None

    def _note(self, asked: Request, document: dict[str, Any], etag: str) -> None:
        case = asked.case or Case(document["id"])
        seq = int(etag.strip('"'))
        if not asked.case:
            self.cases.append(case)
        if seq != len(case.steps) + 1 or document["version"] != seq or document["id"] != case.id:
            self.wrong.append(f"{case.id} {asked.trigger}: version {seq} follows {len(case.steps)}")
        case.steps[seq], case.stage, case.held = asked.trigger, document["stage"], document["on_hold"]


class Load:
    """Workers on threads of their own, and the staff's tokens, which outlive every restart."""

    def __init__(self, system: Temporary) -> None:
        self.staff: Staff = {role: person for person in reversed(demo_people(system.data)) for role in person["roles"]}
        client = Client(system.url)
        roles = ("agent", "supervisor", "auditor")
        self.tokens = {r: client.login(self.staff[r]["username"], self.staff[r]["password"]) for r in roles}
        self.workers = [Worker(n, self.tokens, self.staff["handler"]["username"]) for n in range(CLIENTS)]

    @contextmanager
    def on(self, url: str) -> Iterator[None]:
        """Let all work; whoever leaves the block has taken the system away."""
        threads = [threading.Thread(target=worker.work, args=(url,), daemon=True) for worker in self.workers]
        for thread in threads:
            thread.start()
        yield
        for thread in threads:
            thread.join(45)
        assert not any(thread.is_alive() for thread in threads)
        assert self.wrong == []

    def settle(self, url: str) -> None:
        """Ask again about everything in doubt, until nothing is."""
        for worker in self.workers:
            worker.settle(url)
        assert self.wrong == []
        assert not any(worker.doubt for worker in self.workers)

    @property
    def wrong(self) -> list[str]:
        return [line for worker in self.workers for line in worker.wrong]

    @property
    def cases(self) -> list[Case]:
        return [case for worker in self.workers for case in worker.cases]

    def story(self) -> str:
        steps = sum(len(case.steps) for case in self.cases)
        asked, replayed = (sum(getattr(worker, name) for worker in self.workers) for name in ("asked_again", "replayed"))
        return f"{steps} steps of {len(self.cases)} cases; {asked} asked again, of which {replayed} had been done"


def everything_stands(load: Load, url: str) -> None:
    """The oracle, as far as the running system can be asked."""
    client, token = Client(url), load.tokens["auditor"]
    events = all_events(client, token, sum(len(case.steps) for case in load.cases))
    for case in load.cases:
        entries = client.call("GET", f"/complaints/{case.id}/history", token=token).body["entries"]
        assert [entry["seq"] for entry in entries] == [*range(1, len(entries) + 1)], case.id
        assert {entry["seq"]: entry["trigger"] for entry in entries} == case.steps, case.id
        assert [entry["prev"] for entry in entries] == [GENESIS, *(entry["hash"] for entry in entries[:-1])], case.id
        assert [event["id"] for event in events.pop(case.id)] == [entry["event"]["id"] for entry in entries], case.id
        assert client.call("GET", f"/complaints/{case.id}", token=token).body["version"] == len(entries)
        assert client.call("GET", f"/audit/verify?kind=complaint&id={case.id}", token=token).body["ok"], case.id
    assert not events, "events of cases that nobody was told of"


def all_events(client: Client, token: str, at_least: int) -> dict[str, list[dict[str, Any]]]:
    """The whole feed by case in the order of positions, which count from 1 without a gap; waits for the relay."""
    end = time.monotonic() + PATIENCE
    while True:
        events: list[dict[str, Any]] = []
        after, more = "", True
        while more:
            page = client.events(token, after, ()).body
            events, after, more = events + page["events"], page["next"], page["more"]
        if len(events) >= at_least or time.monotonic() > end:
            break
        time.sleep(0.1)
    by_source, by_case = defaultdict(list), defaultdict(list)
    for event in events:
        by_source[event["source"]].append(event["position"])
        by_case[event["subject"]].append(event)
    for source, positions in by_source.items():
        assert positions == [*range(1, len(positions) + 1)], source
    for case, found in by_case.items():
        assert [event["sequence"] for event in found] == [*range(1, len(found) + 1)], case
    return by_case


def the_files_are_whole(data: Path) -> None:
    """What can be seen without the system: `casewright verify`, and SQLite's own check."""
    command = [sys.executable, "-c", "from deploy.cli import main; main()", "verify", "--data", str(data)]
    verified = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert verified.returncode == 0, verified.stdout + verified.stderr
    files = sorted(data.glob("*.sqlite"))
    assert files
    for file in files:
        with closing(sqlite3.connect(file)) as connection:
            assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)], file


def nothing_went_wrong(data: Path) -> None:
    """What the system wrote while it ran."""
    log = data.with_name(f"{data.name}.log").read_text(errors="replace")
    assert "Traceback" not in log, log
    assert "database is locked" not in log, log


def kill(system: Temporary) -> None:
    """All processes of this system at once, and none else."""
    os.killpg(system.process.pid, signal.SIGKILL)
    system.process.wait()


def stopped(system: Temporary) -> int:
    """Tell it to stop; how it ended."""
    system.process.send_signal(signal.SIGTERM)
    return system.process.wait(STOPS_WITHIN)


@pytest.mark.faults
@pytest.mark.slow
@pytest.mark.timeout(170)
def test_killed_at_random_moments_it_keeps_each_acknowledged_step_exactly_once(tmp_path: Path) -> None:
    print(f"CASEWRIGHT_SEED={SEED}")
    chance, data, load = random.Random(SEED), tmp_path / "data", None
    for _ in range(ROUNDS):
        with running(data) as system:
            load = load or Load(system)
            with load.on(system.url):
                time.sleep(chance.uniform(0.3, 1.5))
                kill(system)
        nothing_went_wrong(data)
    assert load
    with running(data) as system:
        load.settle(system.url)
        print(load.story())
        everything_stands(load, system.url)
        assert stopped(system) == 0
    nothing_went_wrong(data)
    the_files_are_whole(data)


@pytest.mark.faults
@pytest.mark.slow
def test_told_to_stop_under_load_it_ends_in_order_and_loses_nothing(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as system:
        load = Load(system)
        with load.on(system.url):
            time.sleep(1.5)
            assert stopped(system) == 0
    nothing_went_wrong(data)
    the_files_are_whole(data)
    with running(data) as system:
        load.settle(system.url)
        print(load.story())
        everything_stands(load, system.url)


@pytest.mark.faults
@pytest.mark.slow
def test_a_restart_keeps_the_logins_and_a_token_from_before(tmp_path: Path) -> None:
    data = tmp_path / "data"
    with running(data) as system:
        people = demo_people(data)
        tokens = [Client(system.url).login(person["username"], person["password"]) for person in people[:3]]
        kill(system)
    with running(data) as system:
        client = Client(system.url)
        assert demo_people(data) == people
        for person, token in zip(people, tokens, strict=False):
            assert client.call("GET", "/worklist", token=token).status == 200
            assert client.call("GET", "/worklist", token=client.login(person["username"], person["password"])).status == 200
    assert system.ended == 0
