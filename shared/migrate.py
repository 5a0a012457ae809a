"""Bringing a service's database to the version of the code (Alembic): the kernel's tables and the service's own.

Both are branches of their own in one database, so that a new service writes only its own migrations.
"""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.config import Config as Settings
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy.exc import OperationalError

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
    """Bring a database up to date and return the versions it lacked; raise UnknownVersion for one from newer code."""
    with database.engine.connect() as connection:
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


class UnknownVersion(RuntimeError):
    """The database belongs to other code; starting on it could lose what that code wrote."""
