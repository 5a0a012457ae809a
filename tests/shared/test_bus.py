"""The contract of the bus runs in memory and on RabbitMQ; what can go wrong on a wire runs on RabbitMQ behind a proxy.

RabbitMQ is at CASEWRIGHT_TEST_BROKER_URL, or on this machine; without it these tests are skipped, unless
CASEWRIGHT_TEST_REQUIRE is set.
"""

import logging
import os
import secrets
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from typing import Any
from urllib.parse import urlsplit

import pytest

from shared.bus import AWAY, CONTENT_TYPE, DELIVERIES, Bus, BusAway, Line, Message, Publisher, Subscriber

PATIENCE = 10.0
"""Seconds after which something that should happen has not."""
SHORT = 0.5
"""The time-out of a publisher that is to run into it."""
LEEWAY = 1.0
"""What a busy machine may add to a time-out."""
HEARTBEAT_FRAME = bytes.fromhex("08 0000 00000000 ce")
ACK, NACK = 80, 120


# --- what the tests stand on ------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def broker_url() -> str:
    given = os.environ.get("CASEWRIGHT_TEST_BROKER_URL")
    url = given or "amqp://guest:guest@127.0.0.1:5672//"
    try:
        socket.create_connection(_address(url), timeout=2).close()
    except OSError as error:
        reason = f"no RabbitMQ at {(given and 'CASEWRIGHT_TEST_BROKER_URL') or '127.0.0.1:5672'}: {error}"
        pytest.fail(reason) if os.environ.get("CASEWRIGHT_TEST_REQUIRE") else pytest.skip(reason)
    return url


@pytest.fixture
def rabbit(broker_url: str) -> Iterator[Bus]:
    bus = Bus(broker_url, f"test-{secrets.token_hex(4)}")
    Line(bus).close()  # makes what is shared, so that no short time-out meets a broker that is slow to make it
    yield bus
    with closing(Line(bus)) as line:
        for queue in ("dead", "ear", "eye", "full"):
            line.channel.queue_delete(f"{bus.prefix}.{queue}")
        for exchange in ("events", "unrouted", "dead"):
            line.channel.exchange_delete(f"{bus.prefix}.{exchange}")


@pytest.fixture(params=["memory", pytest.param("rabbit", marks=pytest.mark.rabbitmq)])
def bus(request: pytest.FixtureRequest) -> Bus:
    if request.param == "memory":
        return Bus("memory://", f"test-{secrets.token_hex(4)}")
    rabbit: Bus = request.getfixturevalue("rabbit")
    return rabbit


@pytest.fixture
def proxy(rabbit: Bus) -> Iterator["Proxy"]:
    proxy = Proxy(rabbit)
    yield proxy
    proxy.close()


class Proxy:
    """A wire to the broker that can be held in either direction, cut, and put together again; `bus` goes through it."""

    def __init__(self, bus: Bus) -> None:
        self._broker = _address(bus.url)
        self._server = socket.create_server(("127.0.0.1", 0))
        self._server.settimeout(0.05)
        login = urlsplit(bus.url).netloc.rpartition("@")[0]
        address = f"{login}@127.0.0.1:{self._server.getsockname()[1]}"
        self.bus = Bus(f"amqp://{address}/{urlsplit(bus.url).path.removeprefix('/')}", bus.prefix)
        self.to_client, self.to_broker = threading.Event(), threading.Event()
        self.release()
        self.passes = sys.maxsize  # bytes to the client, before this side freezes
        self._ends: list[socket.socket] = []
        self._open = True
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    def hold(self) -> None:
        self.to_client.clear()
        self.to_broker.clear()

    def release(self) -> None:
        self.to_client.set()
        self.to_broker.set()

    def cut(self) -> None:
        for end in self._ends:
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)

    def inject(self, frame: bytes) -> None:
        for client in self._ends[::2]:
            with suppress(OSError):
                client.sendall(frame)

    def close(self) -> None:
        self._open = False
        self._threads[0].join()
        self.cut()
        self.release()
        for thread in self._threads:
            thread.join()
        for end in (self._server, *self._ends):
            end.close()

    def _accept(self) -> None:
        while self._open:
            with suppress(TimeoutError):
                client, broker = self._server.accept()[0], socket.create_connection(self._broker)
                self._ends += [client, broker]
                for ends in (client, broker, self.to_broker), (broker, client, self.to_client):
                    self._threads.append(threading.Thread(target=self._pump, args=ends))
                    self._threads[-1].start()

    def _pump(self, source: socket.socket, sink: socket.socket, gate: threading.Event) -> None:
        with suppress(OSError):
            while data := source.recv(65536):
                if gate is self.to_client:
                    last, self.passes = data[: self.passes], self.passes - len(data)
                    if self.passes < 0:
                        gate.clear()
                        sink.sendall(last)
                        data = data[len(last) :]
                gate.wait()
                sink.sendall(data)
        for end in (source, sink):
            with suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class Ear:
    """What a subscriber has heard, in order; `take` may be told to raise."""

    def __init__(self, bus: Bus, queue: str, *keys: str, refuse: bytes = b"never") -> None:
        self.got: list[tuple[str, bytes]] = []
        self.stop, self._ready, self._refuse = threading.Event(), threading.Event(), refuse
        self._probe = Message(f"probe.{queue}", "probe", b"{}")
        self.subscriber = Subscriber(bus, queue, [*keys, self._probe.routing_key], self._take)
        self.thread = threading.Thread(target=self.subscriber.run, args=[self.stop])

    def _take(self, body: bytes, key: str) -> None:
        if key == self._probe.routing_key:
            self._ready.set()
            return
        self.got.append((key, body))
        if self._refuse in body:
            raise LookupError("this one is refused")

    def listen(self, bus: Bus) -> None:
        """Wait until what is published on this bus is heard."""
        self._ready.clear()
        with closing(Publisher(bus)) as publisher:
            until = time.monotonic() + PATIENCE
            while not self._ready.wait(0.02):
                assert time.monotonic() < until, "nothing is heard"
                publisher.publish([self._probe])

    def hears(self, count: int) -> None:
        eventually(lambda: len(self.got) >= count)


@contextmanager
def hearing(bus: Bus, queue: str, *keys: str, via: Bus | None = None, refuse: bytes = b"never") -> Iterator[Ear]:
    ear = Ear(via or bus, queue, *keys, refuse=refuse)
    ear.thread.start()
    try:
        ear.listen(bus)
        yield ear
    finally:
        ear.stop.set()
        ear.thread.join(PATIENCE)
        assert not ear.thread.is_alive()


@contextmanager
def takes(most: float, least: float = 0.0) -> Iterator[None]:
    began = time.monotonic()
    yield
    assert least <= time.monotonic() - began <= most


def eventually(holds: Callable[[], Any]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until, "it did not come true"
        time.sleep(0.005)


def cut_after(proxy: Proxy, ear: Ear, count: int) -> None:
    ear.hears(count)
    proxy.cut()


def events(count: int, key: str = "complaint.assigned", start: int = 0) -> list[Message]:
    return [Message(key, f"id-{n}", b'{"specversion":"1.0","n":%d}' % n) for n in range(start, start + count)]


def bodies(messages: list[Message]) -> list[tuple[str, bytes]]:
    return [(message.routing_key, message.body) for message in messages]


def word(method: int, tag: int, multiple: bool) -> bytes:
    """The frame in which a broker confirms or refuses what came over its first channel."""
    return struct.pack(">BHIHHQBB", 1, 1, 13, 60, method, tag, multiple, 0xCE)


def waiting(bus: Bus, queue: str) -> list[Any]:
    """Take what waits in a queue of the broker out of it."""
    with closing(Line(bus)) as line:
        found = []
        while wire := line.channel.basic_get(f"{bus.prefix}.{queue}", no_ack=True):
            found.append(wire)
        return found


def depth(bus: Bus, queue: str) -> int:
    with closing(Line(bus)) as line:
        return int(line.channel.queue_declare(f"{bus.prefix}.{queue}", passive=True).message_count)


def _address(url: str) -> tuple[str, int]:
    return urlsplit(url).hostname or "127.0.0.1", urlsplit(url).port or 5672


# --- the contract, in memory and on RabbitMQ --------------------------------------------------------------------------


@pytest.mark.parametrize("url", ["filesystem://", "sqla+sqlite://", "redis://here", "amqp://a;amqp://b", "", "memory"])
def test_a_transport_that_loses_messages_is_refused_at_once(url: str) -> None:
    with pytest.raises(ValueError, match="memory://, amqp:// or amqps://"):
        Bus(url)


def test_nothing_connects_until_there_is_something_to_publish() -> None:
    nowhere = Bus("amqp://guest:guest@127.0.0.1:1//")
    Subscriber(nowhere, "ear", ["#"], lambda body, key: None).close()
    publisher = Publisher(nowhere)
    with pytest.raises(BusAway, match="0 of 1 messages confirmed") as away:
        publisher.publish(events(1))
    assert away.value.published.confirmed == []
    publisher.close()


def test_an_event_reaches_each_who_asks_for_its_key_and_nobody_else(bus: Bus) -> None:
    assigned, moved, signed = events(1), events(1, "complaint.moved.far"), events(1, "contract.signed")
    with hearing(bus, "ear", "complaint.*") as ear, hearing(bus, "eye", "#.signed", "complaint.#") as eye:
        with closing(Publisher(bus)) as publisher:
            assert publisher.publish([*assigned, *moved, *signed]).confirmed == [0, 1, 2]
        eye.hears(3)
        assert eye.got == bodies([*assigned, *moved, *signed])
        eventually(lambda: ear.got)
        assert ear.got == bodies(assigned)


def test_a_thousand_messages_are_confirmed_and_arrive_once_in_order(bus: Bus) -> None:
    sent = events(1000)
    with hearing(bus, "ear", "complaint.*") as ear, closing(Publisher(bus)) as publisher:
        published = publisher.publish(sent)
        assert (published.confirmed, published.returned) == (list(range(1000)), [])
        ear.hears(1000)
        assert publisher.publish(events(1, start=1000)).confirmed == [0]
        ear.hears(1001)
        assert ear.got == bodies(events(1001))


def test_a_message_over_which_take_raises_does_not_stop_the_next(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    with hearing(bus, "ear", "complaint.*", refuse=b'"n":1}') as ear, closing(Publisher(bus)) as publisher:
        publisher.publish(events(3))
        ear.hears(3)
    assert ear.got == bodies(events(3)), "and it does not come again"
    (record,) = [record for record in caplog.records if record.message == "message not taken"]
    assert record.__dict__["event"] == "id-1"
    if not bus.in_memory:
        (dead,) = waiting(bus, "dead")
        assert dead.body == events(3)[1].body
        assert dead.headers["x-death"][0]["queue"] == f"{bus.prefix}.ear"


POISON = {
    "not JSON": (b"\xff\x00", CONTENT_TYPE, {}),
    "no object": (b"[1]", CONTENT_TYPE, {}),
    "nothing": (b"", CONTENT_TYPE, {}),
    "another type": (b"{}", "application/x-python-serialize", {}),
    "no type": (b"{}", None, {}),
    "packed badly": (b"{}", CONTENT_TYPE, {"compression": "application/x-gzip"}),
    "packed strangely": (b"{}", CONTENT_TYPE, {"compression": "application/x-rot13"}),
}


def test_what_is_no_event_is_never_handed_over_nor_acknowledged(bus: Bus, caplog: pytest.LogCaptureFixture) -> None:
    with hearing(bus, "ear", "complaint.*") as ear, closing(Line(bus)) as line, closing(Publisher(bus)) as publisher:
        for body, kind, headers in POISON.values():
            wire = line.channel.prepare_message(body, content_type=kind, headers=headers, properties={})
            line.channel.basic_publish(wire, f"{bus.prefix}.events", "complaint.assigned")
        publisher.publish(events(1))
        eventually(lambda: sum(record.message == "message not taken" for record in caplog.records) == len(POISON))
        eventually(lambda: ear.got)
    assert ear.got == bodies(events(1))
    if not bus.in_memory:
        assert len(waiting(bus, "dead")) == len(POISON)


def test_a_body_with_a_named_character_set_is_handed_over_as_bytes(bus: Bus) -> None:
    with hearing(bus, "ear", "complaint.*") as ear, closing(Line(bus)) as line:
        body, kind = '{"name":"李雷"}'.encode(), f"{CONTENT_TYPE}; charset=utf-8"
        wire = line.channel.prepare_message(body, content_type=kind, content_encoding="utf-8", properties={})
        line.channel.basic_publish(wire, f"{bus.prefix}.events", "complaint.assigned")
        eventually(lambda: ear.got)
    assert ear.got == [("complaint.assigned", body)]


def test_stop_and_close_end_a_subscriber_within_a_second(bus: Bus) -> None:
    for end in (lambda ear: ear.stop.set(), lambda ear: ear.subscriber.close()):
        with hearing(bus, "ear", "complaint.*") as ear, takes(1.0):
            end(ear)
            ear.thread.join(PATIENCE)
        Ear(bus, "ear").subscriber.run(ear.stop)  # told to stop before it began


def test_a_queue_in_memory_goes_with_its_subscriber() -> None:
    bus = Bus("memory://", f"test-{secrets.token_hex(4)}")
    with hearing(bus, "ear", "complaint.*"):
        pass
    with closing(Line(bus)) as line, closing(Publisher(bus)) as publisher:
        publisher.publish(events(3))
        with pytest.raises(AWAY, match="no queue"):
            line.channel.queue_declare(f"{bus.prefix}.ear", passive=True)


def test_a_publisher_that_was_closed_opens_a_new_line(bus: Bus) -> None:
    publisher = Publisher(bus)
    for _ in range(2):
        assert publisher.publish(events(2)).confirmed == [0, 1]
        publisher.close()
        publisher.close()
    assert publisher.publish([]).confirmed == []
    publisher.close()


# --- on RabbitMQ ------------------------------------------------------------------------------------------------------

on_rabbitmq = pytest.mark.rabbitmq


@on_rabbitmq
def test_a_message_is_kept_on_disk_and_carries_type_and_id(rabbit: Bus) -> None:
    with hearing(rabbit, "ear", "complaint.*"):
        pass
    with closing(Publisher(rabbit)) as publisher:
        publisher.publish(events(1))
    (wire,) = waiting(rabbit, "ear")
    assert (wire.content_type, wire.properties["message_id"]) == ("application/cloudevents+json", "id-0")
    assert (wire.properties["delivery_mode"], wire.body) == (2, events(1)[0].body)


@on_rabbitmq
def test_what_no_queue_asks_for_is_confirmed_and_reported_once(rabbit: Bus, caplog: pytest.LogCaptureFixture) -> None:
    def reports() -> list[str]:
        return [record.__dict__["routing_key"] for record in caplog.records if "no queue asks" in record.message]

    signed = [Message("contract.signed", "same", b"{}")] * 2
    with closing(Publisher(rabbit)) as publisher, hearing(rabbit, "ear", "complaint.*"):
        caplog.clear()
        for _ in range(2):
            published = publisher.publish([*events(1), *signed, *events(300)])
            assert (published.confirmed, published.returned) == (list(range(303)), [1, 2])
            assert reports() == ["contract.signed"]
        with closing(Line(rabbit)) as line:
            line.channel.queue_unbind(f"{rabbit.prefix}.ear", f"{rabbit.prefix}.events", "complaint.*")
            assert publisher.publish(events(150)).returned == list(range(150))
            line.channel.queue_bind(f"{rabbit.prefix}.ear", f"{rabbit.prefix}.events", "complaint.*")
            assert publisher.publish(events(150)).returned == []
        assert reports() == ["contract.signed", "complaint.assigned"], "a binding that went away is seen"
    with closing(Line(rabbit)) as line:
        line.channel.queue_delete(f"{rabbit.prefix}.ear")
    assert publisher.publish(events(1)).returned == [0]
    publisher.close()
    assert reports() == ["contract.signed", "complaint.assigned", "complaint.assigned"], "each time that it goes"


@on_rabbitmq
def test_a_queue_at_the_alternate_exchange_keeps_what_no_other_asks_for(rabbit: Bus) -> None:
    with closing(Line(rabbit)) as line, closing(Publisher(rabbit)) as publisher:
        line.queue("eye", "unrouted", [""], {})
        published = publisher.publish(events(3))
    assert (published.confirmed, published.returned) == ([0, 1, 2], [])
    assert len(waiting(rabbit, "eye")) == 3


@on_rabbitmq
def test_what_the_broker_refuses_is_not_confirmed(rabbit: Bus) -> None:
    with closing(Line(rabbit)) as line, closing(Publisher(rabbit)) as publisher:
        full, limits = f"{rabbit.prefix}.full", {"x-max-length": 5, "x-overflow": "reject-publish"}
        line.channel.queue_declare(full, durable=True, auto_delete=False, arguments=limits)
        line.channel.queue_bind(full, f"{rabbit.prefix}.events", "complaint.*")
        published = publisher.publish(events(200))
        kept = [wire.properties["message_id"] for wire in waiting(rabbit, "full")]
        assert kept == [f"id-{index}" for index in published.confirmed]
        assert 5 <= len(kept) < 200
        assert publisher.publish(events(3)).confirmed == [0, 1, 2], "and the next ones are confirmed on the same line"


@on_rabbitmq
@pytest.mark.parametrize(
    ("words", "confirmed"),
    [
        ([], []),
        ([(ACK, 2, False)], [1]),
        ([(ACK, 3, True)], [0, 1, 2]),
        ([(ACK, 4, False), (ACK, 1, False), (ACK, 1, False)], [0, 3]),
        ([(NACK, 2, False), (ACK, 3, True)], [0, 2]),
        ([(NACK, 3, True), (ACK, 4, True)], [3]),
        ([(ACK, 9, False)], []),
    ],
)
def test_a_confirmation_speaks_for_what_it_names(
    rabbit: Bus, proxy: Proxy, words: list[tuple[int, int, bool]], confirmed: list[int]
) -> None:
    with closing(Publisher(proxy.bus, SHORT)) as publisher:
        publisher.publish([])
        proxy.hold()
        proxy.inject(b"".join(word(*each) for each in words))
        with pytest.raises(BusAway) as away:
            publisher.publish(events(5))
        assert away.value.published.confirmed == confirmed


@on_rabbitmq
def test_a_late_confirmation_of_one_message_is_never_that_of_the_next(rabbit: Bus, proxy: Proxy) -> None:
    first, second = events(1), events(1, start=1)
    with hearing(rabbit, "ear", "complaint.*") as ear, closing(Publisher(proxy.bus, SHORT)) as publisher:
        publisher.publish([])
        proxy.to_client.clear()
        with pytest.raises(BusAway) as away, takes(SHORT + LEEWAY, least=SHORT):
            publisher.publish(first)
        assert away.value.published.confirmed == []
        eventually(lambda: ear.got == bodies(first))  # the broker has it; its confirmation is under way
        proxy.to_broker.clear()
        proxy.to_client.set()
        with pytest.raises(BusAway) as away:
            publisher.publish(second)  # never reaches the broker
        assert away.value.published.confirmed == []
        assert ear.got == bodies(first)
        proxy.to_broker.set()
        assert publisher.publish(second).confirmed == [0]
        eventually(lambda: ear.got == bodies(first + second))


@on_rabbitmq
def test_a_connection_cut_in_the_middle_is_told_and_the_next_one_works(rabbit: Bus, proxy: Proxy) -> None:
    with hearing(rabbit, "ear", "complaint.*") as ear, closing(Publisher(proxy.bus)) as publisher:
        sent = events(100_000)
        cutter = threading.Thread(target=cut_after, args=[proxy, ear, 300])
        cutter.start()
        with pytest.raises(BusAway) as away:
            publisher.publish(sent)
        cutter.join()
        confirmed = away.value.published.confirmed
        assert confirmed == list(range(len(confirmed)))
        assert 0 < len(confirmed) < len(sent)
        last = [Message("complaint.assigned", "last", b'{"last":true}')]
        assert publisher.publish(last).confirmed == [0]
        eventually(lambda: ear.got[-1] == bodies(last)[0])
        heard = {body for _, body in ear.got}
        assert all(sent[index].body in heard for index in confirmed), "what was confirmed has arrived"


@on_rabbitmq
@pytest.mark.parametrize("connected", [True, False])
def test_a_frozen_broker_blocks_no_longer_than_the_time_out(rabbit: Bus, proxy: Proxy, connected: bool) -> None:
    with closing(Publisher(proxy.bus, SHORT)) as publisher:
        if connected:
            publisher.publish(events(1))
        proxy.hold()
        for _ in range(2):
            with pytest.raises(BusAway), takes(SHORT + LEEWAY, least=SHORT):
                publisher.publish(events(5000))
        proxy.release()
        assert publisher.publish(events(10)).confirmed == list(range(10))


@on_rabbitmq
def test_a_broker_that_takes_no_bytes_blocks_no_longer_than_the_time_out(rabbit: Bus, proxy: Proxy) -> None:
    large = [Message("complaint.assigned", "large", b'{"x":"%s"}' % (b"x" * 30_000_000))]
    with closing(Publisher(proxy.bus, SHORT)) as publisher:
        publisher.publish([])
        proxy.hold()
        with pytest.raises(BusAway), takes(SHORT + LEEWAY, least=SHORT):
            publisher.publish(large)


@on_rabbitmq
@pytest.mark.parametrize("passed", [3, 300, 535, 570, 640, 700])
def test_a_broker_frozen_at_any_byte_blocks_no_longer_than_the_time_out(rabbit: Bus, proxy: Proxy, passed: int) -> None:
    proxy.passes = passed
    with closing(Publisher(proxy.bus, SHORT)) as publisher, pytest.raises(BusAway), takes(SHORT + LEEWAY, least=SHORT):
        publisher.publish(events(2000))


@on_rabbitmq
def test_half_a_frame_blocks_no_longer_than_the_time_out(rabbit: Bus, proxy: Proxy) -> None:
    with closing(Publisher(proxy.bus, SHORT)) as publisher:
        publisher.publish([])
        proxy.hold()
        proxy.inject(word(ACK, 1, False)[:9])
        with pytest.raises(BusAway), takes(SHORT + LEEWAY, least=SHORT):
            publisher.publish(events(5))


@on_rabbitmq
def test_heartbeats_alone_are_no_answer(rabbit: Bus, proxy: Proxy) -> None:
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(0.05):
            proxy.inject(HEARTBEAT_FRAME)

    heart = threading.Thread(target=beat)
    with closing(Publisher(proxy.bus, SHORT)) as publisher:
        publisher.publish([])
        proxy.hold()
        heart.start()
        try:
            with pytest.raises(BusAway), takes(SHORT + LEEWAY, least=SHORT):
                publisher.publish(events(1))
        finally:
            ended.set()
            heart.join()


@on_rabbitmq
def test_a_subscriber_hears_again_after_its_line_was_cut(rabbit: Bus, proxy: Proxy) -> None:
    with hearing(rabbit, "ear", "complaint.*", via=proxy.bus) as ear, closing(Publisher(rabbit)) as publisher:
        for start in (0, 5):
            proxy.cut()
            publisher.publish(events(5, start=start))
            ear.hears(start + 5)
        assert sorted(set(ear.got)) == sorted(bodies(events(10)))


@on_rabbitmq
def test_a_subscriber_whose_queue_was_deleted_makes_it_anew(rabbit: Bus) -> None:
    with hearing(rabbit, "ear", "complaint.*") as ear, closing(Publisher(rabbit)) as publisher:
        with closing(Line(rabbit)) as line:
            line.channel.queue_delete(f"{rabbit.prefix}.ear")
        ear.listen(rabbit)
        publisher.publish(events(1))
        eventually(lambda: ear.got == bodies(events(1)))


@on_rabbitmq
def test_a_subscriber_of_a_frozen_broker_stops_within_a_second(rabbit: Bus, proxy: Proxy) -> None:
    with hearing(rabbit, "ear", "complaint.*", via=proxy.bus) as ear:
        proxy.hold()
        with takes(1.0):
            ear.stop.set()
            ear.thread.join(PATIENCE)


@on_rabbitmq
def test_what_a_stopped_subscriber_has_not_taken_waits_for_the_next(rabbit: Bus) -> None:
    with hearing(rabbit, "ear", "complaint.*"):
        pass
    with closing(Publisher(rabbit)) as publisher:
        publisher.publish(events(10))
    stop, taken = threading.Event(), []

    def take_one(body: bytes, _key: str) -> None:
        taken.append(body)
        stop.set()

    Subscriber(rabbit, "ear", ["complaint.*"], take_one).run(stop)
    assert taken == [events(1)[0].body]
    with hearing(rabbit, "ear", "complaint.*") as ear:
        ear.hears(9)
    assert ear.got == bodies(events(9, start=1))


@on_rabbitmq
def test_a_message_over_which_processes_die_ends_with_the_dead(rabbit: Bus) -> None:
    def die(_body: bytes, _key: str) -> None:
        raise SystemExit

    with hearing(rabbit, "ear", "complaint.*"):
        pass
    with closing(Publisher(rabbit)) as publisher:
        publisher.publish(events(1))
    for _ in range(DELIVERIES):
        with pytest.raises(SystemExit):
            Subscriber(rabbit, "ear", ["complaint.*"], die).run(threading.Event())
    stop = threading.Event()
    threading.Timer(SHORT, stop.set).start()
    with suppress(SystemExit):  # RabbitMQ 3 brings it once more than 4
        Subscriber(rabbit, "ear", ["complaint.*"], die).run(stop)
    eventually(lambda: depth(rabbit, "dead"))
    (wire,) = waiting(rabbit, "dead")
    assert wire.headers["x-death"][0]["reason"] == "delivery_limit"


@on_rabbitmq
def test_wrong_credentials_are_the_bus_being_away(rabbit: Bus, caplog: pytest.LogCaptureFixture) -> None:
    host, port = _address(rabbit.url)
    stranger = Bus(f"amqp://nobody:nothing@{host}:{port}//", rabbit.prefix)
    with pytest.raises(AWAY):
        Line(stranger)
    with pytest.raises(BusAway) as away:
        Publisher(stranger).publish(events(1))
    assert "nothing" not in str(away.value)
    stop = threading.Event()
    thread = threading.Thread(target=Subscriber(stranger, "ear", ["#"], lambda body, key: None).run, args=[stop])
    thread.start()
    eventually(lambda: any(r.levelno == logging.WARNING and "no bus" in r.message for r in caplog.records))
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()
