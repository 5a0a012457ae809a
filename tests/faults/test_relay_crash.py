"""The relay crashes between its steps, or runs twice: nothing is lost, and positions stay without a gap (R1).

CASEWRIGHT_SEED repeats a run.
"""

import os
import random
import secrets
import threading
from collections import Counter
from collections.abc import Callable, Sequence

import pytest

from shared.bus import BusAway, Message, Published
from shared.relay import Relay
from shared.uow import Database
from tests.house import System, a_complaint

CRASHES = 100
SEED = os.environ.get("CASEWRIGHT_SEED") or secrets.token_hex(4)


class Crash(Exception):
    """The process of the relay is gone."""


class Broker:
    """Stands in for a Publisher, and remembers what reached it; now and then it goes away after some of the messages."""

    def __init__(self, chance: random.Random | None = None) -> None:
        self.chance = chance
        self.heard: list[str] = []
        self._lock = threading.Lock()

    def publish(self, messages: Sequence[Message]) -> Published:
        """Take all, or tell which were confirmed before the line broke; what came last may have arrived all the same."""
        with self._lock:
            if self.chance is None or self.chance.random() < 0.8:
                self.heard += [message.event_id for message in messages]
                return Published([*range(len(messages))])
            arrived = self.chance.randint(0, len(messages))
            self.heard += [message.event_id for message in messages[:arrived]]
            confirmed = sorted(self.chance.sample(range(arrived), self.chance.randint(0, arrived)))
            raise BusAway("the line broke", Published(confirmed))

    def close(self, politely: bool = True) -> None:
        """Nothing is open."""


def a_relay(system: System, broker: Broker, fault: Callable[[str], None] = lambda point: None) -> Relay:
    """A relay as a new process would make it."""
    service = system.complaints
    return Relay(service.database, service.ledger.outbox, broker, system.watch, fault)  # type: ignore[arg-type]


def the_feed(system: System) -> list[str]:
    """The ids of all events in the order of their positions, which count from 1 without a gap; all are marked as sent."""
    outbox = system.complaints.ledger.outbox
    with system.complaints.database.reading() as connection:
        assert not outbox.waiting(connection)
        assert outbox.unsent(connection) == []
        assert outbox.gap(connection) is None
        rows = connection.execute(outbox.table.select().order_by(outbox.table.c.position)).all()
    assert [row.position for row in rows] == [*range(1, len(rows) + 1)]
    assert all(row.sent_at for row in rows)
    return [row.event_id for row in rows]


def their_events(system: System, hrefs: Sequence[str]) -> list[str]:
    """The events that the histories of cases name."""
    auditor = system.desk("auditor")
    return [entry["event"]["id"] for href in hrefs for entry in auditor.get(f"{href}/history").body["entries"]]


def opened(system: System) -> str:
    answer = system.desk("agent").post("/complaints", a_complaint(customer={"ref": secrets.token_hex(6), "name": "Arthur Dent"}))
    assert answer.status == 201, answer
    return str(answer.headers["Location"])


@pytest.mark.faults
def test_a_relay_that_crashes_a_hundred_times_loses_nothing_and_leaves_no_gap(any_system: System) -> None:
    print(f"CASEWRIGHT_SEED={SEED}")
    chance = random.Random(SEED)
    broker = Broker(chance)
    hrefs: list[str] = []
    crashes: Counter[str] = Counter()
    numbered = 0

    def crash(point: str) -> None:
        if chance.random() < 0.5:
            crashes[point] += 1
            raise Crash(point)

    while crashes.total() < CRASHES:
        hrefs += [opened(any_system) for _ in range(chance.randint(0, 2))]
        relay = a_relay(any_system, broker, crash)
        try:
            if chance.random() < 0.3:
                numbered += relay.number()  # it numbered, and came no further
            else:
                relay.drain()
        except Crash:
            continue

    hrefs += [opened(any_system) for _ in range(3)]
    broker.chance = None
    assert a_relay(any_system, broker).drain() > 0
    assert set(crashes) == {"relay.before_publish", "relay.after_publish"}
    assert numbered
    feed = the_feed(any_system)
    assert sorted(feed) == sorted(their_events(any_system, hrefs))
    assert sorted(set(broker.heard)) == sorted(feed)
    assert list(dict.fromkeys(broker.heard)) == feed, "each event is first heard in the order of the feed"
    assert a_relay(any_system, broker).drain() == 0


@pytest.mark.faults
def test_two_relays_on_one_database_give_each_event_one_position_and_leave_no_gap(any_system: System) -> None:
    service = any_system.complaints
    service.relay.wake = threading.Event()
    brokers = Broker(), Broker()
    other = Database(any_system.house.config.database("complaints"))
    relays = [a_relay(any_system, broker) for broker in brokers]
    relays[1].database = other
    stop = threading.Event()
    hrefs: list[str] = []
    failures: list[BaseException] = []

    def guarded(act: Callable[[], None]) -> None:
        try:
            act()
        except BaseException as error:  # noqa: BLE001  # told by the test itself, below
            failures.append(error)

    def relaying(relay: Relay) -> None:
        while not stop.is_set():
            relay.drain()

    def opening() -> None:
        hrefs.extend([opened(any_system) for _ in range(40)])

    threads = [threading.Thread(target=guarded, args=(lambda relay=relay: relaying(relay),)) for relay in relays]
    openers = [threading.Thread(target=guarded, args=(opening,)) for _ in range(3)]
    for thread in (*threads, *openers):
        thread.start()
    for thread in openers:
        thread.join()
    stop.set()
    for thread in threads:
        thread.join()
    relays[0].drain()
    other.close()

    assert failures == []
    feed = the_feed(any_system)
    assert len(hrefs) == len(feed) == 120
    assert sorted(feed) == sorted(their_events(any_system, hrefs))
    assert set(brokers[0].heard) | set(brokers[1].heard) == set(feed)
    assert brokers[0].heard
    assert brokers[1].heard
