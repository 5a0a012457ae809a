"""`casewright export`: the record in a file, for auditors and for other programs."""

import os
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, time
from pathlib import Path
from typing import IO, Any

import click
from sqlalchemy.exc import DatabaseError

from deploy.export import lines
from deploy.installation import CouldNot, behind_glass, existing, settings
from shared import clock
from shared.assembly import Service
from shared.errors import Unavailable


class Moment(click.ParamType):
    """A time with offset, or a date: the beginning of that day (UTC) or, as an end, its last moment."""

    name = "time"

    def __init__(self, end: bool) -> None:
        self.end = end

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the time as entries write it."""
        try:
            if len(value) == 10:
                return clock.instant(datetime.combine(clock.day(value), time.max if self.end else time.min, UTC))
            return clock.instant(clock.moment(value))
        except ValueError:
            self.fail(f"'{value}' is no time: write 2026-11-20 or 2026-11-20T09:30:00+00:00.", param, ctx)


@click.group("export")
def command() -> None:
    """Write the record into a file, beside a running system or without one.

    \b
    Examples:
      casewright export jsonl --out record.jsonl
      casewright verify --export record.jsonl
    """


@command.command("jsonl")
@click.option("--out", required=True, type=click.Path(path_type=Path), help="The file to write; '-' for standard output.")
@click.option("--kind", help="Only one kind of case, such as complaint.")
@click.option("--since", type=Moment(end=False), help="Only entries from then on: a date or a time with offset.")
@click.option("--until", type=Moment(end=True), help="Only entries up to then, or to the end of that day.")
@click.option("--without-personal", is_flag=True, help="Leave out what was said about persons; the file can still be verified.")
def jsonl(out: Path, kind: str | None, since: str | None, until: str | None, without_personal: bool) -> None:
    """Write every entry as one line of JSON: kind, case, seq, at, body, prev, hash, personal, salt.

    `body` is the exact text that was hashed: hash = SHA-256("casewright/entry/v1", zero byte, prev, body).

    \b
    Examples:
      casewright export jsonl --out record.jsonl
      casewright export jsonl --out november.jsonl --kind complaint --since 2026-11-01 --until 2026-11-30
      casewright export jsonl --out - --without-personal | gzip > record.jsonl.gz
    """
    with behind_glass(existing(settings())) as installation:
        services = [service for service in installation.services if kind in (None, service.kind)]
        if not services:
            known = ", ".join(service.kind for service in installation.services)
            raise click.BadParameter(f"there are no cases of the kind '{kind}'; known: {known}.", param_hint="--kind")
        try:
            count = _write(out, services, since, until, personal=not without_personal)
        except OSError as error:
            raise CouldNot(f"{out}: {error.strerror}") from None
        except (DatabaseError, Unavailable) as error:
            raise CouldNot(f"the record cannot be read: {error.__cause__ or error}") from None
    click.echo(f"{count:,} entries", err=True)


def _write(out: Path, services: list[Service], since: str | None, until: str | None, personal: bool) -> int:
    """Write the file beside its place and put it there when it is whole."""
    if str(out) == "-":
        return _pour(sys.stdout.buffer, services, since, until, personal)
    draft = out.with_name(f"{out.name}.{os.getpid()}.part")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            count = _pour(file, services, since, until, personal)
        draft.replace(out)
    finally:
        draft.unlink(missing_ok=True)
    return count


def _pour(file: IO[bytes], services: list[Service], since: str | None, until: str | None, personal: bool) -> int:
    count = 0
    for service in services:
        with service.database.reading(as_is=True) as connection:
            length = service.ledger.history.count(connection)
            entries = service.ledger.history.all(connection, since, until)
            for line in _shown(lines(service.kind, entries, personal), length, service.name):
                file.write(line)
                count += 1
    return count


def _shown(made: Iterator[bytes], length: int, label: str) -> Iterator[bytes]:
    with click.progressbar(made, length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty()) as bar:
        yield from bar
