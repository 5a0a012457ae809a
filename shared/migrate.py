"""Bringing a service's database to the version of the code (Alembic): the kernel's tables and the service's own.

Both are branches of their own in one database, so that a new service writes only its own migrations.
"""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config as Settings
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from shared.uow import Database

ROOT = Path(__file__).resolve().parent.parent


@cache
def _settings(name: str) -> Settings:
    settings = Settings()
    settings.set_main_option("script_location", str(ROOT / "shared" / "migrations"))
    settings.set_main_option("path_separator", "newline")
    places = [ROOT / "shared" / "migrations" / "versions", ROOT / "services" / name / "migrations"]
    settings.set_main_option("version_locations", "\n".join(str(place) for place in places))
    return settings


@cache
def _heads(name: str) -> frozenset[str]:
    scripts = ScriptDirectory.from_config(_settings(name)).get_revisions("heads")
    return frozenset(script.revision for script in scripts if script is not None)


def upgrade(database: Database, name: str) -> list[str]:
    """Bring a database up to date and return the versions it lacked.

    Raises UnknownVersion for one from newer code, and Unusable for one that is none or does not answer.
    """
    try:
        with database.engine.connect() as connection:
            return _upgrade(connection, name)
    except SQLAlchemyError as error:
        why = str(getattr(error, "orig", error)).splitlines()[0]
        raise Unusable(f"the database of '{name}' cannot be used: {why}") from error


def _upgrade(connection: Connection, name: str) -> list[str]:
    there = set(MigrationContext.configure(connection).get_current_heads())
    known = {script.revision for script in ScriptDirectory.from_config(_settings(name)).walk_revisions()}
    if not there <= known:
        raise UnknownVersion(f"the database of '{name}' was made by another version of Casewright ({', '.join(there - known)})")
    if there != _heads(name):
        settings = Settings()
        for option in ("script_location", "path_separator", "version_locations"):
            settings.set_main_option(option, _settings(name).get_main_option(option) or "")
        settings.attributes["connection"] = connection
        command.upgrade(settings, "heads")
        connection.commit()
    return sorted(_heads(name) - there)


def is_current(database: Database, name: str) -> bool:
    """Whether the database answers and is at the version of the code."""
    try:
        with database.engine.connect() as connection:
            return set(MigrationContext.configure(connection).get_current_heads()) == _heads(name)
    except OperationalError:
        return False


class Unusable(RuntimeError):
    """The database is none, is damaged, or does not answer."""


class UnknownVersion(Unusable):
    """The database belongs to other code; starting on it could lose what that code wrote."""
