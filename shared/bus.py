"""The bus carries the news fast: it rings at those who follow a feed, and the feed stays the truth.

On RabbitMQ: topic exchange `{prefix}.events`, whose alternate `{prefix}.unrouted` gets what no queue asks for (bind one
there to keep it); a quorum queue per subscriber; exchange and queue `{prefix}.dead` with what could not be taken.
On `memory://`, in one process: plain queues that live as long as their subscriber, and nothing keeps the dead.
"""

import logging
import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from time import monotonic
from typing import Any

import orjson
from kombu.connection import Connection
from kombu.exceptions import ChannelError, ConnectionError

log = logging.getLogger(__name__)

CONTENT_TYPE = "application/cloudevents+json"
TIMEOUT = 5.0  # seconds for any one answer of the broker: to a connection, a declaration, the messages in flight
HEARTBEAT = 20  # seconds; a subscriber gives a silent broker up after two, a publisher a line that was idle for one
WINDOW = 100  # messages in flight without a confirmation, or delivered without an acknowledgement
TICK = 0.2  # seconds between looks at the stop event; in memory, an empty queue is looked at every tenth of it
PAUSES = (0.2, 5.0)  # seconds between attempts to reach a broker that is away: the first, and what doubling leads to
DELIVERIES = 20  # times that a message comes back from a process that died over it: as RabbitMQ 4 has it, on 3 too
AWAY = (OSError, ConnectionError, ChannelError)  # what kombu raises where the broker is away, slow, or of another mind


@dataclass(frozen=True, slots=True)
class Message:
    """An event on its way: routing key (`complaint.assigned`), id, and structured JSON."""

    routing_key: str
    event_id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Published:
    """What became of messages, as ascending indexes. What is not in `confirmed` must be sent again.

    `returned` are those that no queue asks for; they are in `confirmed` too, being in the feed and no error.
    """

    confirmed: list[int] = field(default_factory=list)
    returned: list[int] = field(default_factory=list)


class BusAway(Exception):
    """The broker did not answer in time; `published` tells what it had confirmed before."""

    def __init__(self, reason: str, published: Published) -> None:
        super().__init__(reason)
        self.published = published


@dataclass(frozen=True, slots=True)
class Bus:
    """Where the bus is and how its names begin. ValueError for other URLs: in files and tables kombu loses messages."""

    url: str
    prefix: str = "casewright"

    def __post_init__(self) -> None:
        if not self.url.startswith(("memory://", "amqp://", "amqps://")) or ";" in self.url:
            raise ValueError("the bus needs one URL, which begins with memory://, amqp:// or amqps://")

    @property
    def in_memory(self) -> bool:
        return self.url.startswith("memory://")


class Line:
    """A connection and its one channel, opened and thrown away together; raises what `AWAY` lists. Not for two threads.

    Every read and write of its socket ends within the time-out, in the middle of a frame too.
    """

    def __init__(self, bus: Bus, timeout: float = TIMEOUT) -> None:
        options = {"polling_interval": TICK / 10, "body_encoding": None} if bus.in_memory else {}
        ssl = bus.url.startswith("amqps") and {"server_hostname": None}  # None: compare it with the name in the URL
        client = Connection(  # type: ignore[no-untyped-call]  # kombu says that it is typed, but this is not
            bus.url, connect_timeout=timeout, heartbeat=HEARTBEAT, ssl=ssl, transport_options=options
        )
        self.bus, self.timeout, self.transport = bus, timeout, client.transport
        self.connection = self.transport.establish_connection()
        try:
            if not bus.in_memory:
                self.connection.sock.settimeout(timeout)
                # Else py-amqp reads before each publish with a time-out of 0, and spins for ever on half a frame.
                self.connection.client_properties.get("capabilities", {}).pop("connection.blocked", None)
            self.channel = self.transport.create_channel(self.connection)
            self._prepare()
        except BaseException:
            self.close(politely=False)
            raise

    def _prepare(self) -> None:
        """Declare what publishers and subscribers share; memory ignores the arguments."""
        alternate = {"alternate-exchange": f"{self.bus.prefix}.unrouted"}
        for name, kind, arguments in ("unrouted", "fanout", {}), ("dead", "fanout", {}), ("events", "topic", alternate):
            exchange = f"{self.bus.prefix}.{name}"
            self.channel.exchange_declare(exchange, kind, durable=True, auto_delete=False, arguments=arguments)
        self.queue("dead", "dead", [""], {})

    def queue(self, name: str, exchange: str, keys: Sequence[str], arguments: dict[str, Any]) -> None:
        """Declare a replicated queue and what it asks for."""
        queue, arguments = f"{self.bus.prefix}.{name}", {"x-queue-type": "quorum", **arguments}
        self.channel.queue_declare(queue, durable=True, auto_delete=False, arguments=arguments)
        for key in keys:
            self.channel.queue_bind(queue, f"{self.bus.prefix}.{exchange}", key)

    def close(self, politely: bool = True) -> None:
        """Hang up, and take leave of a broker that is thought to listen; raises nothing, and may be called twice."""
        if self.bus.in_memory:
            self.transport.close_connection(self.connection)
            return
        with suppress(*AWAY):
            if self.connection.connected:
                self.connection.sock.settimeout(TICK)
                if politely:
                    self.connection.close()
        self.connection.collect()


class Publisher:
    """Publishes, and says what the broker has taken; connects at the first message."""

    def __init__(self, bus: Bus, timeout: float = TIMEOUT) -> None:
        self.bus, self.timeout = bus, timeout
        self._lock = threading.RLock()
        self._line: _Confirmed | None = None
        self._unheard: set[str] = set()

    def publish(self, messages: Sequence[Message]) -> Published:
        """Publish in order, and wait for the broker's word on each; log once which keys no queue asks for.

        Raises BusAway where nothing is confirmed for the time-out, or the line breaks. The line is then thrown away,
        so that a late confirmation finds nobody who could take it for that of another message.
        """
        published = Published()
        with self._lock:
            try:
                if self._line and (self._line.pending or monotonic() - self._line.used > HEARTBEAT):
                    self.close(politely=False)
                self._line = self._line or _Confirmed(self.bus, self.timeout)
                self._line.send(messages, published)
            except AWAY as error:
                self.close(politely=False)
                count = f"{len(published.confirmed)} of {len(messages)} messages confirmed"
                raise BusAway(f"{count}: {error or type(error).__name__}", published) from error
            finally:
                published.confirmed.sort()
            unheard = {messages[index].routing_key for index in published.returned}
            for key in unheard - self._unheard:
                log.warning("no queue asks for these events", extra={"routing_key": key})
            self._unheard = self._unheard - {message.routing_key for message in messages} | unheard
        return published

    def close(self, politely: bool = True) -> None:
        """Hang up; the next message opens a new line."""
        with self._lock:
            line, self._line = self._line, None
            if line:
                line.close(politely)


class _Confirmed(Line):
    """A line that counts what it has under way itself: the library takes any confirmation for the one it awaits."""

    def _prepare(self) -> None:
        super()._prepare()
        self.used, self._tag = monotonic(), 0
        self.pending: dict[int, int] = {}  # delivery tag: index, the oldest first
        if not self.bus.in_memory:
            on = self.channel.events
            on["basic_ack"], on["basic_nack"] = {self._settle}, {partial(self._settle, taken=False)}
            on["basic_return"] = {self._on_return}
            self.channel.confirm_select()

    def send(self, messages: Sequence[Message], published: Published) -> None:
        """Send all with at most `WINDOW` in flight, and fill `published` as the broker answers."""
        self._messages, self._published = messages, published
        for index, message in enumerate(messages):
            self._wait(WINDOW - 1)
            self._tag += 1
            self.pending[self._tag] = index
            properties = {"message_id": message.event_id, "delivery_mode": 2}
            wire = self.channel.prepare_message(message.body, content_type=CONTENT_TYPE, properties=properties)
            self.channel.basic_publish(wire, f"{self.bus.prefix}.events", message.routing_key, mandatory=True)
            if self.bus.in_memory:
                self._settle(self._tag, False)
        self._wait(0)
        self.used = monotonic()

    def _wait(self, most: int) -> None:
        """Read until no more than `most` messages are unanswered; a heartbeat is no answer."""
        before, deadline = len(self.pending), monotonic() + self.timeout
        while len(self.pending) > most:
            left = deadline - monotonic()
            if left <= 0:
                raise TimeoutError(f"no confirmation within {self.timeout} s")
            self.connection.blocking_read(left)
            if len(self.pending) < before:
                before, deadline = len(self.pending), monotonic() + self.timeout

    def _settle(self, tag: int, multiple: bool, taken: bool = True) -> None:
        """Hear the broker's word on messages under way; a tag that is not pending speaks for none."""
        for each in [each for each in self.pending if each == tag or (multiple and each < tag)]:
            index = self.pending.pop(each)
            if taken:
                self._published.confirmed.append(index)

    def _on_return(self, _reason: Exception, _exchange: str, _key: str, wire: Any) -> None:
        """Find the message that comes back: returns arrive in the order of sending, each before its confirmation."""
        last = (self._published.returned or [-1])[-1]
        for index in self.pending.values():
            if index > last and self._messages[index].event_id == wire.properties.get("message_id"):
                self._published.returned.append(index)
                break


class Subscriber:
    """Hears the events of some keys (`*` and `#` as in AMQP) and hands over each: `take(body, routing_key)`.

    It is acknowledged afterwards; one over which `take` raises, or that is no CloudEvent in JSON, goes to the dead.
    """

    def __init__(self, bus: Bus, queue: str, keys: Sequence[str], take: Callable[[bytes, str], None]) -> None:
        self.bus, self.queue, self.keys, self.take = bus, queue, keys, take
        self._closed = False

    def run(self, stop: threading.Event) -> None:
        """Hear until told to stop, then return within a second (the time-out, if a line is just being opened)."""
        pause = PAUSES[0]
        while not self._over(stop):
            try:
                with closing(Line(self.bus)) as line:
                    self._listen(line, stop)
                    pause = PAUSES[0]
                    while not self._over(stop):
                        with suppress(TimeoutError):
                            line.transport.drain_events(line.connection, timeout=TICK)
                        line.transport.heartbeat_check(line.connection)
                    self._leave(line)
            except AWAY as error:
                log.warning("no bus: %s", error or type(error).__name__, extra={"queue": self.queue, "pause": pause})
                stop.wait(pause)
                pause = min(pause * 2, PAUSES[1])

    def close(self) -> None:
        """Make `run` return at its next look, as if it were told to stop."""
        self._closed = True

    def _over(self, stop: threading.Event) -> bool:
        return self._closed or stop.is_set()

    def _listen(self, line: Line, stop: threading.Event) -> None:
        dead, name = f"{self.bus.prefix}.dead", f"{self.bus.prefix}.{self.queue}"
        line.queue(self.queue, "events", self.keys, {"x-dead-letter-exchange": dead, "x-delivery-limit": DELIVERIES})
        line.channel.basic_qos(0, WINDOW, False)  # False: for this consumer; quorum queues refuse one for the channel
        receive = partial(self._receive, line, stop)
        line.channel.basic_consume(queue=name, no_ack=False, callback=receive, consumer_tag=name)

    def _leave(self, line: Line) -> None:
        """Take a queue in memory away, which nobody would ever empty."""
        if self.bus.in_memory:
            name = f"{self.bus.prefix}.{self.queue}"
            line.channel.queue_delete(name)  # only a bound queue is deleted, and then it stays in the exchange's table
            for key in self.keys:
                line.channel.queue_unbind(name, f"{self.bus.prefix}.events", key)

    def _receive(self, line: Line, stop: threading.Event, raw: Any) -> None:
        if self._over(stop):  # it stays unacknowledged, and the broker gives it to the next
            return
        wire = line.channel.message_to_python(raw)
        try:
            self.take(_content(wire), wire.delivery_info["routing_key"])
        except Exception as error:  # whatever is wrong with one message, those behind it go on
            known = {"queue": self.queue, "event": wire.properties.get("message_id")}
            log.warning("message not taken", extra=known, exc_info=error)
            wire.reject(requeue=False)
        else:
            wire.ack()


def _content(wire: Any) -> bytes:
    """Return the event; raise ValueError (or what unpacking it raised) for what is no CloudEvent in structured JSON."""
    for _, error, _ in wire.errors:
        raise error
    kind, body = str(wire.content_type).partition(";")[0].strip(), wire.body
    text: bytes = body.encode() if isinstance(body, str) else body
    if kind != CONTENT_TYPE or not isinstance(orjson.loads(text), dict):
        raise ValueError(f"content of type {kind}, which is not an event")
    return text
