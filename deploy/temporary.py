"""A system of its own for a while: a process on a free port with a data folder of its own, stopped by its id."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deploy.client import Client

READY_WITHIN = 60.0
STOPS_WITHIN = 20.0


class NotStarted(RuntimeError):
    """The system did not become ready; the words are the last it wrote."""


@dataclass
class Temporary:
    """A system that runs: where it answers, where its data lies, and how it ended once it has."""

    url: str
    data: Path
    process: subprocess.Popen[bytes]
    ended: int | None = None


@contextmanager
def running(data: Path) -> Iterator[Temporary]:
    """Start `casewright up` as a process of its own, wait until it is ready, and stop it by SIGTERM. Raises NotStarted."""
    port = _free_port()
    log = data.with_name(f"{data.name}.log")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CASEWRIGHT_")}
    environment |= {"CASEWRIGHT_PORT": str(port), "CASEWRIGHT_DATA": str(data)}
    command = [sys.executable, "-c", "from deploy.cli import main; main()", "up"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            command, env=environment, stdout=out, stderr=out, stdin=subprocess.DEVNULL, start_new_session=True
        )
    system = Temporary(f"http://127.0.0.1:{port}", data, process)
    try:
        _wait(system, log)
        yield system
    finally:
        system.ended = _stop(process)


def _wait(system: Temporary, log: Path) -> None:
    client, end = Client(system.url), time.monotonic() + READY_WITHIN
    while not client.ready():
        if system.process.poll() is not None or time.monotonic() > end:
            raise NotStarted("the system did not start: " + " ".join(log.read_text(errors="replace").split("\n")[-3:]).strip())
        time.sleep(0.1)


def _stop(process: subprocess.Popen[bytes]) -> int:
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
    try:
        return process.wait(STOPS_WITHIN)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
