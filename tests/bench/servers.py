"""Starting and stopping what is measured: the whole system, and a bare hello as the limit of the machine."""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CLOCK_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Server:
    """A server under measurement."""

    url: str
    process: subprocess.Popen[bytes]
    data: Path

    @property
    def pids(self) -> list[int]:
        """The process and all below it."""
        found, ahead = [], [self.process.pid]
        while ahead:
            pid = ahead.pop()
            found.append(pid)
            children = Path(f"/proc/{pid}/task/{pid}/children")
            ahead += [int(child) for child in children.read_text().split()] if children.exists() else []
        return found

    def cpu_seconds(self) -> float:
        """Processor time used so far."""
        return sum(sum(int(n) for n in _stat(pid)[11:13]) for pid in self.pids) / CLOCK_TICKS

    def rss_megabytes(self) -> float:
        """Resident memory, shared pages counted once a process (as the operating system tells it)."""
        return sum(int(_stat(pid)[21]) for pid in self.pids) * os.sysconf("SC_PAGE_SIZE") / 1e6

    def staff(self) -> list[dict[str, Any]]:
        """The demo staff."""
        people: list[dict[str, Any]] = json.loads((self.data / "demo-staff.json").read_text())
        return people


def _stat(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def started(command: list[str], port: int, path: str, data: Path, **environment: str) -> Iterator[Server]:
    """Run a server until the block ends."""
    process = subprocess.Popen(
        command, env={**os.environ, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    server = Server(f"http://127.0.0.1:{port}", process, data)
    try:
        _wait(server.url + path)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _wait(url: str, seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while True:
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except (urllib.error.URLError, ConnectionError, TimeoutError):
            if time.monotonic() > end:
                raise
            time.sleep(0.05)  # waiting for another process to listen


@contextmanager
def system(data: Path | None = None) -> Iterator[Server]:
    """The embedded default on a data folder (a new one unless given)."""
    with tempfile.TemporaryDirectory() as folder:
        port, where = free_port(), data or Path(folder)
        command = [str(Path(sys.executable).parent / "casewright"), "up"]
        with started(command, port, "/readyz", where, CASEWRIGHT_PORT=str(port), CASEWRIGHT_DATA=str(where)) as server:
            yield server


@contextmanager
def hello() -> Iterator[Server]:
    """A bare gunicorn with one threaded worker and Flask's smallest application: what this machine can give."""
    port = free_port()
    command = [
        sys.executable, "-m", "gunicorn", "--worker-class", "gthread", "--threads", "16", "--bind", f"127.0.0.1:{port}",
        "--no-control-socket", "tests.bench.hello:app",
    ]  # fmt: skip
    with started(command, port, "/", Path()) as server:
        yield server
