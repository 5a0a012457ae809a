"""What a procedure is made of: stages, clocks, owners, guards and steps, as plain values.

`procedure.py` puts them together and lets cases through; nothing here moves anything.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from shared.case import Case
from shared.clocks import Calendar, Span
from shared.errors import FourEyes, GuardRefused, NotYourCase, Refused
from shared.identity import Actor

if TYPE_CHECKING:
    from shared.procedure import Procedure

SAME = "="
"""The target of a step that leaves the case in its stage: nothing restarts, the clock runs on."""
ANY_OPEN = ("open",)
ANY = ("open", "closed")
UNOPENED = "unopened"


class Title(NamedTuple):
    """A name in the two languages of the house."""

    en: str
    zh: str


@dataclass(frozen=True)
class Owner:
    """Who is responsible in a stage: a role, or where `personal` the case's assignee, else its department."""

    role: str
    personal: bool = False


@dataclass(frozen=True)
class Limit:
    """A clock: when its span has passed it fires, and again after each further span; the last of `fires` repeats."""

    name: str
    span: Span
    fires: tuple[str, ...] = ("escalate",)


@dataclass(frozen=True)
class Statute:
    """A clock set by law: it starts at `received_at` or at a trigger, never pauses, and is met by any of `met_by`."""

    name: str
    span: Span
    starts: str
    met_by: tuple[str, ...]
    warn: Span | None = None


@dataclass(frozen=True)
class Stage:
    """Where a case rests; an open one has an owner and a clock, a closed one neither."""

    name: str
    title: Title
    owner: Owner | None = None
    clock: Limit | None = None

    @property
    def open(self) -> bool:
        """Whether somebody still has to act; a stage with neither owner nor clock is an end."""
        return self.owner is not None or self.clock is not None


@dataclass(slots=True)
class Act:
    """One attempt at a step: who, as what, when, with which facts, and what the service looked up before (`known`)."""

    trigger: str
    actor: Actor
    at: datetime
    facts: dict[str, Any]
    known: dict[str, Any]
    policy: Any
    calendar: Calendar
    role: str = "system"
    on_behalf_of: str | None = None
    imported: dict[str, Any] | None = None
    procedure: "Procedure | None" = None


Test = Callable[[Any, Act], bool]


@dataclass(frozen=True)
class Guard:
    """A predicate named as a sentence; its docstring is the reason given when it refuses."""

    test: Test
    about: Literal["person", "case", "facts"]
    refusal: type[Refused]

    @property
    def name(self) -> str:
        """The sentence."""
        return self.test.__name__

    @property
    def reason(self) -> str:
        """The docstring, on one line."""
        return " ".join((self.test.__doc__ or "").split())

    def check(self, case: Case, act: Act) -> None:
        """Raise the guard's refusal where its test fails; a test may raise `GuardRefused` itself to be more exact."""
        if self.about == "person" and act.actor.free:
            return
        if not self.test(case, act):
            raise self.refusal(self.reason)


def four_eyes(test: Test) -> Guard:
    """Make a guard that keeps one person from both sides of a control: 403 `four_eyes`."""
    return Guard(test, "person", FourEyes)


def own_case(test: Test) -> Guard:
    """Make a guard that asks whether the case is this person's or department's: 403 `not_your_case`."""
    return Guard(test, "person", NotYourCase)


def case_guard(test: Test) -> Guard:
    """Make a guard on the case as it stands, known before any facts: 409 `guard_refused`."""
    return Guard(test, "case", GuardRefused)


def facts_guard(test: Test) -> Guard:
    """Make a guard on what the caller brings: 409 `guard_refused`; `actions` cannot ask it beforehand."""
    return Guard(test, "facts", GuardRefused)


@dataclass(frozen=True)
class Branch:
    """One of several targets of a step, taken where `when` holds; the last branch has no `when`."""

    to: str
    when: Test | None = None


@dataclass(frozen=True)
class Step:
    """One transition: trigger, from, to, who may, what it needs, guards, what it announces (domain.md, Words).

    `needs` names fields of the procedure, with a question mark where they may be left out.
    `witnessed` roles record what a customer said and must bring `evidence`.
    `effects` computes what the step decides by itself (numbers, hashes, who was chosen and why); it is recorded.
    """

    trigger: str
    title: Title
    source: tuple[str, ...]
    to: str | tuple[Branch, ...]
    roles: tuple[str, ...]
    event: str
    needs: tuple[str, ...] = ()
    guards: tuple[Guard, ...] = ()
    effects: Callable[[Any, Act, str], dict[str, Any]] | None = None
    note: bool = False
    witnessed: frozenset[str] = frozenset()

    @property
    def branches(self) -> tuple[Branch, ...]:
        """The targets, one or several."""
        return (Branch(self.to),) if isinstance(self.to, str) else self.to

    @property
    def stays(self) -> bool:
        """Whether the case keeps its stage and the clock runs on."""
        return self.to == SAME

    @property
    def opens(self) -> bool:
        """Whether this step makes the case."""
        return not self.source

    def role_of(self, actor: Actor) -> str | None:
        """The role in which the actor may take this step, the first of the step's order; None where there is none."""
        if actor.free:
            return "system"
        return next((role for role in self.roles if role in actor.roles), None)
