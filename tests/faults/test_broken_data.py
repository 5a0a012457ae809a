"""A data folder that cannot be used: `casewright up` says so in a line, changes nothing, and ends."""

import os
import socket
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.house import System

SOON = 15
"""Seconds within which it must have given up."""


def up(data: Path) -> subprocess.CompletedProcess[str]:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = str(probe.getsockname()[1])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CASEWRIGHT_")}
    environment |= {"CASEWRIGHT_DATA": str(data), "CASEWRIGHT_PORT": port}
    command = [sys.executable, "-c", "from deploy.cli import main; main()", "up"]
    return subprocess.run(
        command, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=SOON, check=False
    )


def refuses(data: Path, *words: str) -> None:
    ended = up(data)
    assert ended.returncode > 0, ended
    assert "Traceback" not in ended.stderr, ended.stderr
    assert len(ended.stderr.splitlines()) == 1, ended.stderr
    assert "is starting" not in ended.stdout
    for word in words:
        assert word in ended.stderr, ended.stderr


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder that was in use."""
    System(tmp_path / "data").close()
    return tmp_path / "data"


@pytest.mark.faults
def test_a_database_of_another_version_is_refused_and_left_as_it_is(data: Path) -> None:
    with closing(sqlite3.connect(data / "complaints.sqlite")) as connection:
        connection.execute("INSERT INTO alembic_version VALUES ('9999_from_the_future')")
        connection.commit()
        before = list(connection.iterdump())
    refuses(data, "complaints", "9999_from_the_future")
    with closing(sqlite3.connect(data / "complaints.sqlite")) as connection:
        assert list(connection.iterdump()) == before


@pytest.mark.faults
def test_a_file_that_is_no_database_is_refused_and_left_as_it_is(data: Path) -> None:
    for rest in data.glob("complaints.sqlite*"):
        rest.unlink()
    (data / "complaints.sqlite").write_bytes(b"This is a letter to my aunt, and no database. " * 100)
    refuses(data, "complaints", "not a database")
    assert (data / "complaints.sqlite").read_bytes().startswith(b"This is a letter to my aunt")


@pytest.mark.faults
def test_a_data_folder_that_is_a_file_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_text("a file")
    refuses(file, str(file))
    assert file.read_text() == "a file"
