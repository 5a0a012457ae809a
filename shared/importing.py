"""Bringing foreign files in: each row in one transaction, through the same door as everybody else (wire.md, Imports).

A row is one case. A known (source, external_id) is never touched again: the same row is unchanged, another is refused.
So a file may be brought in twice, and an import that was killed completes when it is run again.
"""

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal

from sqlalchemy.exc import IntegrityError

from shared import fields
from shared.caller import Caller
from shared.canonical import canonical, digest
from shared.casework import SKEW, Casework
from shared.entries import read, split
from shared.errors import Conflict, Invalid, Refused
from shared.foreign import Facts, Form, Plan, Planned, Problem, Row, Unreadable
from shared.identity import IMPORT
from shared.procedure import Step
from shared.relay import Relay
from shared.store import C
from shared.uow import Work

ROW_TAG = "casewright/import/v1"
IMPORTER = Caller(IMPORT)

Verdict = Literal["created", "unchanged", "refused"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one line (the header is line 1), why it was refused, and what of it was kept as text."""

    line: int
    verdict: Verdict
    problems: Sequence[Problem] = ()
    kept: Sequence[Problem] = ()


@dataclass
class Counts:
    """How an import came out; `kept_as_text` counts cells, the others rows."""

    read: int = 0
    created: int = 0
    unchanged: int = 0
    refused: int = 0
    kept_as_text: int = 0

    def add(self, outcome: Outcome) -> None:
        """Count one row."""
        self.read += 1
        setattr(self, outcome.verdict, getattr(self, outcome.verdict) + 1)
        self.kept_as_text += len(outcome.kept)


# Reading ------------------------------------------------------------------------------------------------------------


def rows(path: Path, form: Form) -> Iterator[tuple[int, Row | Problem]]:
    """Yield (line, row), or a problem for a row with too many or too few cells; raise Unreadable, without a header too."""
    try:
        with path.open(encoding=form.encoding, newline="") as file:
            reader = csv.reader(file, delimiter=form.delimiter, strict=True)
            header = _header(path, next(reader, []), form)
            line = reader.line_num + 1
            for cells in reader:
                if cells:
                    yield line, _row(header, cells)
                line = reader.line_num + 1  # a cell may hold several lines: a row begins after the one before
    except (OSError, UnicodeError, LookupError, csv.Error) as error:
        said = error.strerror if isinstance(error, OSError) else str(error)
        raise Unreadable(f"{path}: {said}") from None


def count(path: Path, form: Form) -> int:
    """How many rows a file has; reads all of it, so that one that cannot be read is refused before anything is written."""
    return sum(1 for _ in rows(path, form))


def _header(path: Path, cells: list[str], form: Form) -> list[str]:
    header = [cell.strip() for cell in cells]
    missing = [column for column in form.columns if column not in header]
    if missing:
        raise Unreadable(f"{path}: the header lacks {', '.join(missing)}; it has {', '.join(header) or 'nothing'}")
    double = sorted({column for column in form.columns if header.count(column) > 1})
    if double:
        raise Unreadable(f"{path}: the header has {', '.join(double)} twice")
    return header


def _row(header: list[str], cells: list[str]) -> Row | Problem:
    if len(cells) != len(header):
        return Problem("", "", f"The row has {len(cells)} cells, the header {len(header)}.")
    return {name: cell.strip() for name, cell in zip(header, cells, strict=True)}


# Bringing in --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Importing(Generic[C]):
    """Brings the rows of files of one form into the cases of one kind; `file` is how the entries name the file."""

    work: Casework[C]
    form: Form
    file: str
    _steps: dict[str, Step] = field(default_factory=dict)

    def bring(self, line: int, row: Row | Problem) -> Outcome:
        """Bring in one row, or leave everything as it is."""
        plan = [row] if isinstance(row, Problem) else self.form.plan(row)
        if isinstance(plan, list) or isinstance(row, Problem):
            return Outcome(line, "refused", plan if isinstance(plan, list) else ())
        try:
            with self.work.logged(IMPORTER, None, plan.steps[0].trigger):
                verdict = self._bring(line, plan, self._prepared(plan))
        except Refused as refused:
            if refused.status >= 500:
                raise
            return Outcome(line, "refused", list(_problems(refused, plan, row)))
        return Outcome(line, verdict, kept=plan.kept if verdict == "created" else ())

    def _bring(self, line: int, plan: Plan, facts: list[Facts | None], again: bool = True) -> Verdict:
        opening = facts[0] or {}
        try:
            with self.work.parts.database.writing() as work:
                known = self.work.store.known(work.connection, opening.get("source"), opening["external_id"])
                if known is not None:
                    self._same_or_refuse(work, known, plan, opening)
                    return "unchanged"
                self._take(work, line, plan, facts)
                work.commit()
                return "created"
        except IntegrityError:  # another import was faster with this very case
            if not again:
                raise
            return self._bring(line, plan, facts, again=False)

    def _take(self, work: Work, line: int, plan: Plan, facts: list[Facts | None]) -> None:
        traces: Facts = {"file": self.file, "line": line}
        first, *others = plan.steps
        case = self.work.begin(work, IMPORTER, facts[0] or {}, first.at, imported={**traces, "row": _digest(plan)})
        for planned, ready in zip(others, facts[1:], strict=True):
            brought = self._load(planned, planned.facts(case)) if callable(planned.facts) else ready or {}
            imported = {**traces, "estimated": True} if planned.estimated else traces
            self.work.take(work, IMPORTER, case, self._step(planned), brought, planned.at, imported=imported)

    def _prepared(self, plan: Plan) -> list[Facts | None]:
        """The facts that do not depend on the case, checked before the database is asked for its lock."""
        end = self.work.parts.now() + SKEW
        ahead = next((planned for planned in plan.steps if planned.at > end), None)
        if ahead is not None:
            raise Conflict(f"'{ahead.trigger}' would lie in the future ({ahead.at:%Y-%m-%d}).")
        return [None if callable(planned.facts) else self._load(planned, planned.facts) for planned in plan.steps]

    def _load(self, planned: Planned, body: Facts) -> Facts:
        step = self._step(planned)
        facts = fields.load(self.work.procedures.current.schemas[step.trigger, "system"], body)
        self.work.examine(step, facts, planned.at, free=True)
        return facts

    def _step(self, planned: Planned) -> Step:
        return self.work.procedures.current.step(planned.trigger)

    def _same_or_refuse(self, work: Work, case_id: str, plan: Plan, opening: Facts) -> None:
        """Compare with the entry that opened the case: the hash of its cells, and the words kept beside it."""
        written = self.work.ledger.history.of(work.connection, case_id)[0]
        entry = read(written)
        procedure = self.work.procedures[entry.procedure_version]
        words = canonical(split(opening, procedure.personal(procedure.opening))[1])
        if entry.imported is None:
            raise Conflict(f"The {self.work.kind} of this id did not come from a file; it is left as it is.")
        if entry.imported.get("row") != _digest(plan) or written.personal not in (None, words):  # None: they were erased
            before = f"{entry.imported['file']}, line {entry.imported['line']}"
            raise Conflict(f"It came in before with other content ({before}); it is left as it is.")


def bring_in(work: Casework[Any], relay: Relay, form: Form, path: Path) -> Iterator[Outcome]:
    """Bring in a file, row by row; at the end, however it comes, the events are numbered, so that the feed has them at once.

    Raises Unreadable, and Unavailable where the database goes away; what was brought in until then stays.
    """
    importing = Importing(work, form, path.name)
    try:
        for line, row in rows(path, form):
            yield importing.bring(line, row)
    finally:
        while relay.number():
            pass


def _digest(plan: Plan) -> str:
    return digest(ROW_TAG, canonical(dict(plan.content)))


def _problems(refused: Refused, plan: Plan, row: Row) -> Iterator[Problem]:
    """A refusal in the words of the file: pointers become columns."""
    if not isinstance(refused, Invalid) or not refused.errors:
        column = plan.columns.get("/external_id", "")
        reason = f"conflict: {refused.detail}" if isinstance(refused, Conflict) else refused.detail
        yield Problem(column, row.get(column, ""), reason)
        return
    for error in refused.errors:
        pointer = error["pointer"]
        near = [known for known in plan.columns if pointer == known or pointer.startswith(f"{known}/")]
        column = plan.columns[max(near, key=len)] if near else pointer.strip("/").replace("/", ".")
        yield Problem(column, row.get(column, ""), error["detail"])


def timed(steps: Sequence[Planned]) -> tuple[Planned, ...]:
    """Check that steps stand in the order of their times; raise ValueError for a map that lays them otherwise."""
    moments: list[datetime] = [planned.at for planned in steps]
    if moments != sorted(moments):
        raise ValueError(f"steps out of order: {[planned.trigger for planned in steps]}")
    return tuple(steps)
