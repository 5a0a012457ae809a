"""`casewright migrate`: the databases at the version of the code."""

import json

import click

from deploy.installation import NAMES, CouldNot, settings
from shared.config import Config
from shared.migrate import Unusable, upgrade
from shared.uow import Database


@click.command("migrate")
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
def command(as_json: bool) -> None:
    """Bring all databases up to date, and say what was done; what is up to date is left alone.

    `casewright up` does this by itself. In production run it once before the new version starts.

    \b
    Examples:
      casewright migrate
      CASEWRIGHT_DATABASE_URL=postgresql://casewright@db.example.org casewright migrate

    Exit code: 0 done, 2 a database does not answer or belongs to another version.
    """
    config = settings()
    try:
        config.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise CouldNot(f"{config.data}: {error.strerror}") from None
    done = {}
    for name in NAMES:
        done[name] = _bring(config, name)
        if not as_json:
            click.echo(f"{name}: " + (f"brought to {', '.join(done[name])}" if done[name] else "up to date"))
    if as_json:
        click.echo(json.dumps(done))


def _bring(config: Config, name: str) -> list[str]:
    database = Database(config.database(name))
    try:
        return upgrade(database, name)
    except Unusable as error:
        raise CouldNot(str(error)) from None
    finally:
        database.close()
