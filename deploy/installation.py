"""An installation that is there already: found, checked and opened for the verbs that work on its data."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from urllib.parse import quote

import click
from sqlalchemy.exc import DatabaseError

from deploy.services import MAKERS, all_services
from services.gateway.app import gateway
from services.gateway.directory import Directory
from services.gateway.store import SOURCE
from shared.assembly import GATEWAY, Service
from shared.config import Config, from_environment
from shared.ledger import ledger
from shared.migrate import is_current
from shared.outbox import Outbox
from shared.uow import Database

NAMES = (GATEWAY, *MAKERS)
"""The databases of an installation."""


class CouldNot(click.ClickException):
    """What was asked could not even be tried: exit code 2 and one line."""

    exit_code = 2


@dataclass(frozen=True)
class Glass(Config):
    """An installation behind glass: its databases open for reading only, and nothing is made in its folder.

    Services are put together as ever; the keys they make for themselves lie in a passing folder (`data`) and open nothing.
    """

    shown: Path = Path()

    def database(self, name: str) -> str:
        """The database as an address that cannot write; on a medium that cannot be written, one that needs no lock either."""
        if self.database_url is not None:
            return super().database(name)
        still = "" if os.access(self.shown, os.W_OK) else "&immutable=1"
        path = quote(quote(str(self.shown / f"{name}.sqlite")))  # SQLAlchemy reads it, and then SQLite
        return f"sqlite:///file:{path}?mode=ro{still}&uri=true"

    def file(self, name: str) -> Path:
        """A settings file of the installation shown."""
        return self.shown / name


@dataclass(frozen=True)
class Installation:
    """The services of an installation, and the feed of its gateway."""

    services: list[Service]
    gateway: Database
    gateway_outbox: Outbox


def settings(data: Path | None = None) -> Config:
    """The settings of the environment; a folder named by hand is a SQLite installation of its own. Raises CouldNot."""
    try:
        config = from_environment(os.environ)
    except ValueError as error:
        raise CouldNot(str(error)) from None
    return config if data is None else replace(config, data=data.absolute(), database_url=None)


def existing(config: Config) -> Config:
    """The same settings where an installation is there; raise CouldNot in one line where none is."""
    if config.database_url is None:
        if not config.data.is_dir():
            raise _no_folder(config.data)
        missing = [name for name in NAMES if not config.data.joinpath(f"{name}.sqlite").is_file()]
        if missing:
            raise CouldNot(
                f"{config.data} lacks {missing[0]}.sqlite: it is no data folder of Casewright, or 'casewright migrate' is due"
            )
    return config


def _no_folder(folder: Path) -> CouldNot:
    return CouldNot(f"there is no data folder {folder} (CASEWRIGHT_DATA names another)")


@contextmanager
def directory(config: Config) -> Iterator[Directory]:
    """The directory of staff, beside a running system or without one. Raises CouldNot."""
    if not config.data.is_dir():
        raise _no_folder(config.data)
    door = gateway(existing(config), {}, {})
    _current(door.service.database, GATEWAY)
    try:
        yield door.directory
    finally:
        door.service.database.close()


@contextmanager
def behind_glass(config: Config) -> Iterator[Installation]:
    """All services of an installation, for reading only. Raises CouldNot."""
    existing(config)
    with tempfile.TemporaryDirectory(prefix="casewright-") as passing:
        members = {part.name: getattr(config, part.name) for part in fields(Config)}
        glass = Glass(**{**members, "data": Path(passing)}, shown=config.data)
        services = _put_together(glass)
        door = Database(glass.database(GATEWAY))
        for database, name in [(door, GATEWAY), *((service.database, service.name) for service in services)]:
            _current(database, name)
        try:
            yield Installation(services, door, ledger(SOURCE).outbox)
        finally:
            for database in (door, *(service.database for service in services)):
                database.close()


def _put_together(config: Config) -> list[Service]:
    try:
        return all_services(config)
    except (ValueError, OSError) as error:
        raise CouldNot(str(error)) from None


def _current(database: Database, name: str) -> None:
    try:
        current = is_current(database, name)
    except DatabaseError as error:
        raise CouldNot(f"the database of '{name}' cannot be read: {error.orig}") from None
    if not current:
        raise CouldNot(
            f"the database of '{name}' does not answer, or was made by another version ('casewright migrate' brings it up to date)"
        )
