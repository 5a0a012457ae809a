"""`casewright up`: the whole system in one process, in the foreground."""

import json
import os
import sys

import click

from deploy import demo_staff
from deploy.one import house
from shared.config import Config, from_environment
from shared.migrate import Unusable

READY = """
Casewright is starting on {url} (stop it with Ctrl-C)

  API documents   {url}/docs
  data            {data}
  staff           {staff} (usernames and passwords; 'casewright staff list' shows who does what)

A first call to try, in another terminal, as {name} ({role}):

  TOKEN=$(curl -s {url}/auth/token -H 'Content-Type: application/json' \\
    -d '{login}' \\
    | python3 -c 'import json, sys; print(json.load(sys.stdin)["access_token"])')
  curl -s {url}/worklist -H "Authorization: Bearer $TOKEN"
"""


@click.command("up")
def command() -> None:
    """Start the whole system: gateway, services, relays and clocks, on SQLite, without any other server.

    \b
    Examples:
      casewright up
      CASEWRIGHT_PORT=9000 CASEWRIGHT_DATA=/srv/casewright casewright up

    The first start makes keys and demo staff in the data folder. Ctrl-C or SIGTERM stops it in order; nothing is lost.
    """
    config = _prepared()
    url = f"http://{config.host}:{config.port}"
    staff = config.data / demo_staff.FILE
    person = json.loads(staff.read_text())[0] if staff.exists() else {"name": "you", "roles": ["your role"]}
    login = json.dumps({name: person.get(name, "...") for name in ("username", "password")})
    click.echo(READY.format(url=url, data=config.data, staff=staff, name=person["name"], role=person["roles"][0], login=login))
    sys.stdout.flush()
    settings = {"CASEWRIGHT_PORT": str(config.port), "CASEWRIGHT_DATA": str(config.data), "CASEWRIGHT_HOST": config.host}
    os.environ.update({**settings, "MALLOC_ARENA_MAX": "2"})  # glibc would keep an arena of free memory for each thread
    os.execv(sys.executable, [  # gunicorn takes this process over, so that signals reach it at once
        sys.executable, "-m", "gunicorn", "--config", "python:deploy.gunicorn_settings", "deploy.embedded:create()",
    ])  # fmt: skip


def _prepared() -> Config:
    """Bring the databases up to date and make the demo staff at the first start; say plainly what is wrong."""
    try:
        config = from_environment(os.environ)
        built = house(config)
        demo_staff.make(built.app.directory, config.data)
        built.stop()
    except (ValueError, Unusable, OSError) as error:
        raise click.ClickException(str(error)) from None
    return config
