"""`casewright import`: rows of foreign files, through the same door as everything else."""

import csv
import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path

import click

from deploy.installation import CouldNot, settings
from deploy.one import House, house
from services.complaints import imports
from shared.errors import Unavailable
from shared.importing import Counts, FileRefused, bring, rows
from shared.migrate import Unusable

MOST_SHOWN = 20


@click.group("import")
def command() -> None:
    """Bring in data from files, beside a running system or without one.

    \b
    Examples:
      casewright import complaints complaints_cfpb.csv --map cfpb
      casewright import complaints examples/complaints.csv --map examples/complaints.toml

    A row that is there already is left alone, so a file can be imported again, and an import that was cut off goes on.
    """


@command.command("complaints")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--map", "name", default="cfpb", show_default=True, help="'cfpb', or a mapping file of your own (.toml).")
@click.option("--rejects", type=click.Path(path_type=Path), help="Write refused rows there: line, field, value, reason.")
@click.option("--json", "as_json", is_flag=True, help="End with one JSON object: read, created, unchanged, refused, kept_as_text.")
def complaints(file: Path, name: str, rejects: Path | None, as_json: bool) -> None:
    """Bring in complaints: each row runs through the procedure at its historical times.

    \b
    Examples:
      casewright import complaints old-desk.csv --map old-desk.toml --rejects refused.csv
      casewright import complaints complaints_cfpb.csv --json

    Exit code 0, 1 where rows were refused, 2 where the file or the mapping could not be read.
    """
    try:
        mapped = imports.mapped(name)
        read = rows(file, mapped)
        built = house(settings())
        desk = next(service for service in built.services if service.name == "complaints")
    except (FileRefused, Unusable, OSError, Unavailable) as error:
        raise CouldNot(str(error)) from None
    try:
        if rejects:
            _write(rejects, Counts())  # a place that cannot be written is said before anything is brought in
        counts = _brought(built, bring(desk.work, file.name, read, mapped), len(read), as_json)
        if rejects:
            _write(rejects, counts)
    except (OSError, Unavailable) as error:
        raise CouldNot(f"{error} (what was brought in stays; the same command goes on)") from None
    finally:
        built.stop()
    _tell(counts, as_json)
    sys.exit(1 if counts.refused else 0)


def _brought(built: House, steps: Iterator[Counts], total: int, quiet: bool) -> Counts:
    counts = Counts()
    hidden = quiet or not os.isatty(sys.stderr.fileno())
    with click.progressbar(steps, length=total, label="Importing", file=sys.stderr, hidden=hidden) as bar:
        for latest in bar:
            counts = latest
    for service in built.services:
        while service.relay.number():
            pass
    return counts


def _write(path: Path, counts: Counts) -> None:
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file)
        out.writerow(("line", "field", "value", "reason"))
        out.writerows((one.line, one.field, one.value, one.reason) for one in counts.rejects)


def _tell(counts: Counts, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(counts.summary()))
        return
    for one in counts.rejects[:MOST_SHOWN]:
        click.echo(f"line {one.line}: {one.field or 'row'}: {one.reason}" + (f" ('{one.value}')" if one.value else ""), err=True)
    if len(counts.rejects) > MOST_SHOWN:
        click.echo(f"... and {len(counts.rejects) - MOST_SHOWN} more; --rejects FILE writes them all.", err=True)
    click.echo(", ".join(f"{name.replace('_', ' ')} {value}" for name, value in counts.summary().items()))
