"""`casewright staff`: who works here, kept directly in the directory's database."""

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import click

from deploy.installation import directory, settings
from services.gateway.routes import PasswordSchema, ReasonSchema, StaffSchema
from shared import fields
from shared.errors import Refused
from shared.identity import STAFF


@click.group("staff")
def command() -> None:
    """Add people, list them, take their access away and give it back.

    Works on the data folder (CASEWRIGHT_DATA), beside a running system or without one;
    a running system notices within a second.

    \b
    Examples:
      casewright staff add carla --name "Carla Diaz" --role agent
      casewright staff add otto --name "Otto Lang" --role handler --department quality --competence packaging
      casewright staff list
      casewright staff disable carla --reason "Left the company"
      casewright staff passwd otto
    """


def _password_options(act: Callable[..., None]) -> Callable[..., None]:
    """Let a verb take the password from standard input, or ask for it twice without showing it."""
    return click.option("--password-stdin", is_flag=True, help="Read the password from the first line of standard input.")(act)


@command.command("add")
@click.argument("username")
@click.option("--name", required=True, help="The name that people see.")
@click.option(
    "--role", "roles", multiple=True, required=True, metavar="ROLE", help=f"May be given again. One of: {', '.join(STAFF)}."
)
@click.option("--department", help="A handler's department, such as quality.")
@click.option(
    "--competence", "competences", multiple=True, help="A category this person handles; may be given again. None means all."
)
@_password_options
def add(
    username: str, name: str, roles: Sequence[str], department: str | None, competences: Sequence[str], password_stdin: bool
) -> None:
    """Add a person, who can log in at once.

    \b
    Examples:
      casewright staff add carla --name "Carla Diaz" --role agent
      pwgen 20 1 | casewright staff add otto --name "Otto Lang" --role handler --department quality --password-stdin
    """
    with directory(settings()) as staff, _in_words():
        asked = {"username": username, "name": name, "roles": list(roles), "competences": list(competences)}
        person = {**asked, **({"department": department} if department else {})}
        fields.load(StaffSchema(only=set(person)), person)  # before anybody types a password
        staff.add(**fields.load(StaffSchema(), {**person, "password": _password(password_stdin)}))
    click.echo(f"{username} can log in now.")


@command.command("list")
@click.option("--json", "as_json", is_flag=True, help="One JSON array, for machines.")
def everybody(as_json: bool) -> None:
    """Show who works here, in which roles.

    \b
    Examples:
      casewright staff list
      casewright staff list --json
    """
    with directory(settings()) as staff, _in_words():
        people = staff.everybody()
    if as_json:
        click.echo(json.dumps(people, ensure_ascii=False))
        return
    rows = [("USERNAME", "NAME", "ROLES", "DEPARTMENT", "STATE")]
    rows += [(p["username"], p["name"], ", ".join(p["roles"]), p["department"] or "", _state(p)) for p in people]
    widths = [max(len(row[n]) for row in rows) for n in range(5)]
    for row in rows:
        click.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


@command.command("disable")
@click.argument("username")
@click.option("--reason", required=True, help="Why; it is kept with the person.")
def disable(username: str, reason: str) -> None:
    """Take a person's access away, tokens given out before included.

    \b
    Example:
      casewright staff disable carla --reason "Left the company"
    """
    with directory(settings()) as staff, _in_words():
        staff.change(username, active=False, **fields.load(ReasonSchema(), {"reason": reason}))
    click.echo(f"{username} can do nothing any more.")


@command.command("enable")
@click.argument("username")
def enable(username: str) -> None:
    """Give a person's access back.

    \b
    Example:
      casewright staff enable carla
    """
    with directory(settings()) as staff, _in_words():
        staff.change(username, active=True, reason=None)
    click.echo(f"{username} can log in again.")


@command.command("passwd")
@click.argument("username")
@_password_options
def passwd(username: str, password_stdin: bool) -> None:
    """Set a new password.

    \b
    Examples:
      casewright staff passwd otto
      pwgen 20 1 | casewright staff passwd otto --password-stdin
    """
    with directory(settings()) as staff, _in_words():
        staff.find(username)  # before anybody types a password
        staff.change(username, **fields.load(PasswordSchema(), {"password": _password(password_stdin)}))
    click.echo(f"{username} has a new password.")


def _password(from_stdin: bool) -> str:
    if from_stdin:
        return sys.stdin.readline().rstrip("\r\n")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True))


def _state(person: dict[str, Any]) -> str:
    return "disabled" if not person["active"] else "here" if person["present"] else "away"


@contextmanager
def _in_words() -> Iterator[None]:
    """Turn a refusal into one line: the field and what is wrong with it."""
    try:
        yield
    except Refused as refused:
        wrong = "; ".join(f"{e['pointer'].strip('/').replace('/', ' ')}: {e['detail']}" for e in refused.errors)
        raise click.ClickException(wrong or refused.detail) from None
