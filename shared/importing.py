"""Bringing foreign files in: each row in one transaction, through the same door as everybody else (wire.md, Imports).

A row is one case. A known (source, external_id) is never touched again: the same row is unchanged, another is refused.
So a file may be brought in twice, and an import that was killed completes when it is run again.
"""

import csv
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Generic, Literal

from sqlalchemy.exc import IntegrityError

from shared import fields
from shared.caller import Caller
from shared.canonical import canonical, digest
from shared.casework import SKEW, Casework
from shared.entries import split
from shared.errors import Conflict, Refused
from shared.identity import IMPORT
from shared.procedure import Step
from shared.store import C
from shared.uow import Work

ROW_TAG = "casewright/import/v1"
IMPORTER = Caller(IMPORT)
FIRST_YEAR = 1900
"""A date before that is a slip of the pen."""

BREATH = 0.003
"""Seconds between two rows: whoever waits for SQLite's one writer looks again after some milliseconds, and gets their turn."""

Facts = dict[str, Any]
Row = Mapping[str, str]
"""The cells of a row by the names of their columns."""
Verdict = Literal["created", "unchanged"]


class FileRefused(ValueError):
    """The file or its mapping cannot be read at all; nothing was brought in."""


class RowRefused(ValueError):
    """A row cannot be brought in: which field, what stands there, and why."""

    def __init__(self, field: str, value: str, reason: str) -> None:
        super().__init__(reason)
        self.field, self.value, self.reason = field, value, reason


@dataclass(frozen=True, slots=True)
class Move:
    """One step to take: `facts` as they stand, or a function of the case as it then is (an answer names its offer).

    `estimated` says that the file gives no time for it; the entry says so too.
    """

    trigger: str
    facts: Facts | Callable[[Any], Facts]
    at: datetime
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Story:
    """What a row becomes: the facts that open a case, when, and the steps after it in the order of their times.

    `kept` counts cells that could not be parsed and are kept as text.
    """

    opening: Facts
    at: datetime
    moves: tuple[Move, ...] = ()
    kept: int = 0


@dataclass(frozen=True)
class Mapped:
    """How a kind of file is written: the columns it must have, and what a row of it becomes (or RowRefused).

    By a hash over the columns `compared` a row that comes again is known. Words about persons stay out of it, for the hash
    would outlive their erasure; they are compared as they stand, as long as they are kept.
    """

    columns: frozenset[str]
    tell: Callable[[Row], Story]
    compared: frozenset[str]
    delimiter: str = ","
    encoding: str = "utf-8-sig"


@dataclass(frozen=True, slots=True)
class Reject:
    """A refused row; the header is line 1."""

    line: int
    field: str
    value: str
    reason: str


@dataclass
class Counts:
    """How an import comes out so far; `kept_as_text` counts cells, the others rows."""

    read: int = 0
    created: int = 0
    unchanged: int = 0
    refused: int = 0
    kept_as_text: int = 0
    rejects: list[Reject] = field(default_factory=list)

    def summary(self) -> dict[str, int]:
        """The five counts."""
        return {name: value for name, value in asdict(self).items() if name != "rejects"}


# Reading ------------------------------------------------------------------------------------------------------------

Line = tuple[int, Row | RowRefused]


def rows(path: Path, mapped: Mapped) -> list[Line]:
    """Read the whole file, before anything is written; a row has the number of its first line. Raises FileRefused."""
    try:
        with path.open(encoding=mapped.encoding, newline="") as file:
            return list(_rows(path, csv.reader(file, delimiter=mapped.delimiter, strict=True), mapped))
    except (OSError, UnicodeError, LookupError, TypeError, csv.Error) as error:
        said = error.strerror if isinstance(error, OSError) else error
        raise FileRefused(f"{path} cannot be read: {said}") from None


def _rows(path: Path, reader: Any, mapped: Mapped) -> Iterator[Line]:
    header = [cell.strip() for cell in next(reader, [])]
    missing = sorted(mapped.columns - set(header))
    if missing:
        raise FileRefused(f"{path} lacks the columns: {', '.join(missing)}; it has: {', '.join(header) or 'none'}")
    double = sorted({column for column in header if column and header.count(column) > 1})
    if double:
        raise FileRefused(f"{path} has two columns of the name {', '.join(double)}")
    line = reader.line_num + 1
    for cells in reader:
        if len(cells) == len(header):
            yield line, dict(zip(header, cells, strict=True))
        elif cells:
            yield line, RowRefused("", "", f"the row has {len(cells)} cells, the header {len(header)}")
        line = reader.line_num + 1  # a cell may hold several lines


# Bringing in --------------------------------------------------------------------------------------------------------


def bring(work: Casework[Any], file: str, lines: Iterable[Line], mapped: Mapped) -> Iterator[Counts]:
    """Bring in row after row and yield the counts after each; raise Unavailable, with all rows until then brought in.

    `file` is how the entries name the file. The events wait for the relay, as those of everybody else.
    """
    counts = Counts()
    for line, row in lines:
        counts.read += 1
        try:
            if isinstance(row, RowRefused):
                raise row
            story = mapped.tell(row)
            verdict = _Row(work, story, {"file": file, "line": line}, _digest(row, mapped)).bring()
            setattr(counts, verdict, getattr(counts, verdict) + 1)
            counts.kept_as_text += story.kept if verdict == "created" else 0
        except RowRefused as refused:
            counts.refused += 1
            counts.rejects.append(Reject(line, refused.field, refused.value, refused.reason))
        except Refused as refused:
            if refused.status >= 500:
                raise
            counts.refused += 1
            counts.rejects += _rejects(line, refused)
        yield counts


@dataclass(frozen=True)
class _Row(Generic[C]):
    """One row on its way through the door."""

    work: Casework[C]
    story: Story
    origin: Facts
    digest: str

    def bring(self) -> Verdict:
        """Take all steps in one transaction, or none."""
        story, opening = self.story, self.work.procedures.current.opening
        with self.work.logged(IMPORTER, None, opening.trigger):
            self._is_history()
            facts = self._load(opening, story.opening, story.at)
            ready = [None if callable(m.facts) else self._load(self._step(m), m.facts, m.at) for m in story.moves]
            try:
                return self._written(facts, ready)
            except IntegrityError:  # somebody else was faster with this very case: now it is known
                return self._written(facts, ready)

    def _written(self, facts: Facts, ready: list[Facts | None]) -> Verdict:
        with self.work.parts.database.writing() as work:
            known = self.work.store.by_external(work.connection, facts.get("source", ""), facts["external_id"])
            if known is not None:
                self._compare(work, known, facts)
                return "unchanged"
            case = self.work.begin(work, IMPORTER, facts, self.story.at, imported={**self.origin, "row": self.digest})
            for move, loaded in zip(self.story.moves, ready, strict=True):
                step = self._step(move)
                brought = self._load(step, move.facts(case), move.at) if callable(move.facts) else loaded or {}
                imported = {**self.origin, "estimated": True} if move.estimated else self.origin
                self.work.take(work, IMPORTER, case, step, brought, move.at, imported=imported)
            work.commit()
        time.sleep(BREATH)
        return "created"

    def _is_history(self) -> None:
        """Refuse times that lie ahead, also estimated ones, and slips of the pen."""
        end = self.work.parts.now() + SKEW
        opening = self.work.procedures.current.opening.trigger
        for trigger, at in ((opening, self.story.at), *((move.trigger, move.at) for move in self.story.moves)):
            if at > end or at.year < FIRST_YEAR:
                where = "lies in the future" if at > end else f"lies before {FIRST_YEAR}"
                raise RowRefused(f"/{trigger}", f"{at:%Y-%m-%d}", f"the time of '{trigger}' {where}")

    def _load(self, step: Step, body: Facts, at: datetime) -> Facts:
        schema = self.work.procedures.current.schemas[step.trigger, "system"]
        facts = fields.load(schema, body, self.work.import_may_omit)
        self.work.examine(step, facts, at, free=True)
        return facts

    def _step(self, move: Move) -> Step:
        return self.work.procedures.current.step(move.trigger)

    def _compare(self, work: Work, case_id: str, facts: Facts) -> None:
        """Refuse other content than that by which the case was opened."""
        entry = self.work.ledger.history.opening(work.connection, case_id)
        procedure = self.work.procedures[entry.procedure_version]
        personal = procedure.personal(procedure.opening)
        before, now = split(entry.facts, personal)[1], split(facts, personal)[1]
        if entry.imported is None:
            raise Conflict(f"conflict: a {self.work.kind} of this id is there that came from no file")
        if entry.imported.get("row") != self.digest or before not in ({}, now):  # {}: the words were erased
            came = f"{entry.imported['file']}, line {entry.imported['line']}"
            raise Conflict(f"conflict: this id came in before with other content ({came})")


def _digest(row: Row, mapped: Mapped) -> str:
    return digest(ROW_TAG, canonical({column: row.get(column, "").strip() for column in mapped.compared}))


def _rejects(line: int, refused: Refused) -> list[Reject]:
    if not refused.errors:
        return [Reject(line, "/external_id" if isinstance(refused, Conflict) else "", "", refused.detail)]
    return [Reject(line, error["pointer"], "", error["detail"]) for error in refused.errors]
