"""`casewright verify`: does the record hold together, in a data folder or in an export, without asking the running system."""

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click
from sqlalchemy.exc import DatabaseError

from deploy.export import NoExport, chains
from deploy.installation import CouldNot, behind_glass, existing, settings
from shared.assembly import GATEWAY, Service
from shared.errors import Unavailable
from shared.outbox import Outbox
from shared.reading import Reading
from shared.uow import Database
from shared.verify import Finding

STRIDE = 200
"""Cases between two looks at the progress bar."""


@dataclass
class Report:
    """What was counted, and the first bad entry with its kind of case."""

    entries: int = 0
    cases: int = 0
    bad: int = 0
    partial: int = 0
    faults: list[dict[str, str]] = field(default_factory=list)
    first: dict[str, Any] | None = None

    def take(self, kind: str, entries: int, finding: Finding | None) -> None:
        """Count one case."""
        self.entries, self.cases = self.entries + entries, self.cases + 1
        if finding is not None:
            self.bad += 1
            self.first = self.first or {"kind": kind, "case": finding.case, "seq": finding.seq, "why": finding.why}

    def fault(self, service: str, why: str) -> None:
        """Keep what is wrong with a database as a whole."""
        self.faults.append({"database": service, "why": why})

    @property
    def ok(self) -> bool:
        """Whether nothing is wrong."""
        return not self.bad and not self.faults

    def document(self) -> dict[str, Any]:
        """The report for machines."""
        counts = {"ok": self.ok, "entries": self.entries, "cases": self.cases, "bad": self.bad, "partial": self.partial}
        return {**counts, "first_bad": self.first, "faults": self.faults}

    def lines(self) -> Iterator[str]:
        """The report for people."""
        if self.first:
            yield "{kind} {case} entry {seq}: {why}".format(**self.first)
        for fault in self.faults:
            yield "database {database}: {why}".format(**fault)
        if self.partial:
            yield f"{self.partial:,} cases begin before this export; their earlier entries are not in it and were not checked"
        verdict = "all good" if self.ok else f"NOT GOOD: {self.bad:,} bad cases, {len(self.faults)} faults of a database"
        yield f"{self.entries:,} entries of {self.cases:,} cases checked: {verdict}"


@click.command("verify")
@click.option("--data", type=click.Path(path_type=Path), help="A data folder, instead of the one in CASEWRIGHT_DATA.")
@click.option(
    "--export",
    "export",
    type=click.Path(path_type=Path),
    help="A file that 'casewright export jsonl' wrote, instead of a data folder.",
)
@click.option("--json", "as_json", is_flag=True, help="One JSON object, for machines.")
def command(data: Path | None, export: Path | None, as_json: bool) -> None:
    """Check that nothing in the record was changed, taken out or put in.

    Recomputes every chain from the stored bytes, folds every case anew and compares it with what is stored,
    and compares entries with events. Changes nothing, needs nobody's leave, and works beside a running system.

    \b
    Examples:
      casewright verify
      casewright verify --data /backup/casewright --json
      casewright verify --export november.jsonl

    Exit code: 0 all good, 1 something was changed (the first bad entry is named), 2 it could not be checked.
    """
    if data is not None and export is not None:
        raise click.UsageError("Either --data or --export.")
    report = _of_export(export) if export is not None else _of_folder(data)
    click.echo(json.dumps(report.document()) if as_json else "\n".join(report.lines()))
    sys.exit(0 if report.ok else 1)


def _of_folder(data: Path | None) -> Report:
    report = Report()
    with behind_glass(existing(settings(data))) as installation:
        _database(report, GATEWAY, installation.gateway, installation.gateway_outbox)
        for service in installation.services:
            _database(report, service.name, service.database, service.ledger.outbox)
            _cases(report, service)
    return report


def _database(report: Report, name: str, database: Database, outbox: Outbox) -> None:
    """The file as a whole, and the positions of its feed."""
    try:
        with database.reading() as connection:
            if database.is_sqlite:
                said = connection.exec_driver_sql("PRAGMA integrity_check").scalars().all()
                if said != ["ok"]:
                    report.fault(name, f"the file is damaged: {said[0]}")
            gap = outbox.gap(connection)
            if gap is not None:
                report.fault(name, f"its feed has no event, or two, at position {gap}")
    except (DatabaseError, Unavailable) as error:
        report.fault(name, _in_a_line(error))


def _cases(report: Report, service: Service) -> None:
    assert service.desk is not None
    reading: Reading[Any] = service.desk.reading
    try:
        with service.database.reading(as_is=True) as connection:
            length = service.ledger.history.count(connection)
            with _bar(length, service.name) as bar:
                for n, (record, finding) in enumerate(reading.examine_all(connection), 1):
                    report.take(service.kind, len(record.entries), finding)
                    bar.update(len(record.entries))
                    if n % STRIDE == 0:
                        bar.render_progress()
    except (DatabaseError, Unavailable, ValueError, TypeError) as error:
        report.fault(service.name, f"its rows cannot be read: {_in_a_line(error)}")


def _of_export(path: Path) -> Report:
    report = Report()
    try:
        with path.open("rb") as file, _bar(path.stat().st_size, path.name) as bar:
            for kind, entries, partial, finding in chains(_read(file, bar)):
                report.take(kind, entries, finding)
                report.partial += partial
    except OSError as error:
        raise CouldNot(f"{path}: {error.strerror}") from None
    except NoExport as error:
        raise CouldNot(f"{path}: {error}") from None
    return report


def _read(file: Iterable[bytes], bar: Any) -> Iterator[bytes]:
    for line in file:
        bar.update(len(line))
        yield line


def _bar(length: int, label: str) -> Any:
    return click.progressbar(length=length, label=label, file=sys.stderr, hidden=not sys.stderr.isatty())


def _in_a_line(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error.__cause__ or error).split("\n", 1)[0]
