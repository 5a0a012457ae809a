"""What a row of a foreign file becomes: a plan of steps at their historical times, or the problems that forbid one.

Pure: nothing here reads files or knows a service. What cannot be read is named with its cell and never guessed.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

T = TypeVar("T")

Row = Mapping[str, str]
"""A row by the names of its columns, without the white space around its cells."""
Facts = dict[str, Any]
FIRST_YEAR = 1900
"""A date before that is a slip of a pen."""


class Unreadable(ValueError):
    """The file or its map cannot be read at all; nothing was brought in."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a row is refused, or what of it was kept as text: the column, what stands there, and the reason."""

    field: str
    value: str
    reason: str


@dataclass(frozen=True, slots=True)
class Planned:
    """One step to take: `facts` as they stand, or a function of the case as it then is (an answer names its offer).

    `estimated` says that the file gives no time for it; the entry will say so too.
    """

    trigger: str
    at: datetime
    facts: Facts | Callable[[Any], Facts] = field(default_factory=dict)
    estimated: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """The steps of one row, the opening first, in the order of their times.

    `content` are the cells by which a row that comes again is compared; cells with words about persons stay out of it,
    for their hash would outlive their erasure. `columns` names the column behind a fact, by JSON pointer.
    """

    steps: tuple[Planned, ...]
    content: Mapping[str, str]
    columns: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[Problem, ...] = ()


@dataclass(frozen=True)
class Form:
    """How a kind of file is written: the columns it must have, and what a row of it becomes."""

    columns: Collection[str]
    plan: Callable[[Row], Plan | list[Problem]]
    delimiter: str = ","
    encoding: str = "utf-8-sig"


class Cells:
    """Reads the cells of one row and gathers what is wrong with them; where something is, its answers mean nothing."""

    def __init__(self, row: Row) -> None:
        self.row = row
        self.problems: list[Problem] = []

    def refuse(self, column: str, reason: str) -> None:
        """Note what is wrong with a cell."""
        self.problems.append(Problem(column, self.row.get(column, ""), reason))

    def text(self, column: str) -> str:
        """What stands in a cell that must not be empty."""
        found = self.row.get(column, "")
        if not found:
            self.refuse(column, "A value is needed here.")
        return found

    def word(self, column: str, table: Mapping[str, T]) -> T | None:
        """What a word stands for; a word that the table does not know is refused."""
        found = self.text(column)
        if found and found not in table:
            self.refuse(column, f"Allowed: {', '.join(table)}.")
        return table.get(found)

    def time(self, column: str, *formats: str, hour: int = 9) -> datetime:
        """A time in one of the formats of `strptime`; a date alone stands for that hour of its day, UTC without offset."""
        found = self.text(column)
        for form in formats if found else ():
            try:
                read = datetime.strptime(found, form)  # noqa: DTZ007  # the offset follows below
            except ValueError:
                continue
            if read.year >= FIRST_YEAR:
                read += timedelta(hours=0 if "%H" in form or "%I" in form else hour)
                return read if read.tzinfo else read.replace(tzinfo=UTC)
        if found:
            self.refuse(column, f"No date of the form {' or '.join(formats)}.")
        return datetime.min.replace(tzinfo=UTC)
