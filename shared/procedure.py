"""A procedure as data, and the one door through which a case moves.

Stages and steps are values. Whoever needs to know what may happen (routes, schemas, permissions, documents, diagrams,
clocks, `actions`, `/why`) asks them here. This is the only module that imports `transitions`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, NamedTuple

from transitions import EventData, Machine, MachineError

from shared import fields
from shared.case import Case
from shared.clocks import Calendar, Span, business_days
from shared.errors import FourEyes, GuardRefused, NotFound, NotYourCase, Refused, RoleNotAllowed, WrongStage
from shared.fields import Strict
from shared.identity import Actor

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


class _Position:
    """What `transitions` moves: only the name of a stage; the case itself is folded from entries."""

    __slots__ = ("state",)

    def __init__(self, stage: str) -> None:
        self.state = stage


@dataclass(frozen=True)
class Procedure:
    """The declared stages and steps of one kind of case, in one version; checked when built.

    Raises `checks.ProcedureError`, which names the stage or step and what is wrong with it.
    """

    name: str
    version: int
    title: Title
    stages: Sequence[Stage]
    steps: Sequence[Step]
    fields: Mapping[str, fields.Field]
    on_hold: Limit = Limit("on_hold", business_days(5), ("remind", "escalate"))
    chain: tuple[str, ...] = ("supervisor", "manager")
    statutes: Mapping[str, tuple[Statute, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        from shared.checks import check  # the checks read procedures: importing them above is a circle

        check(self)
        _ = self._machine

    @cached_property
    def stage(self) -> dict[str, Stage]:
        """The stages by name."""
        return {stage.name: stage for stage in self.stages}

    @cached_property
    def by_trigger(self) -> dict[str, Step]:
        """The steps by trigger."""
        return {step.trigger: step for step in self.steps}

    @cached_property
    def opening(self) -> Step:
        """The step that makes a case."""
        return next(step for step in self.steps if step.opens)

    @cached_property
    def leaving(self) -> dict[str, tuple[Step, ...]]:
        """The steps that leave from (or are noted in) each stage, in declared order."""
        return {stage: tuple(s for s in self.steps if stage in self.sources(s)) for stage in self.stage}

    @cached_property
    def _personal(self) -> dict[str, tuple[tuple[str, ...], ...]]:
        return {step.trigger: fields.personal_paths(type(self.schemas[step.trigger, "system"])) for step in self.steps}

    @cached_property
    def schemas(self) -> dict[tuple[str, str], Strict]:
        """The request schema of each step by trigger and role, every field as declared once."""
        return {(step.trigger, role): self._schema(step, role)() for step in self.steps for role in (*step.roles, "system")}

    def step(self, trigger: str) -> Step:
        """Return the step of this trigger; raise NotFound."""
        if trigger not in self.by_trigger:
            raise NotFound(f"A {self.name} has no step '{trigger}'.")
        return self.by_trigger[trigger]

    def sources(self, step: Step) -> list[str]:
        """The stages from which a step leaves, `open` and `closed` spelt out."""
        wanted = {"open": True, "closed": False}
        groups = {wanted[name] for name in step.source if name in wanted}
        return [s.name for s in self.stages if s.name in step.source or s.open in groups]

    def needs(self, step: Step, role: str | None = None) -> dict[str, Any]:
        """The JSON Schema of what a step needs from a caller in this role."""
        return fields.json_schema(type(self.schemas[step.trigger, role or step.roles[0]]))

    def personal(self, step: Step) -> tuple[tuple[str, ...], ...]:
        """The paths of the personal data among a step's facts."""
        return self._personal[step.trigger]

    def advance(self, case: Case | None, act: Act) -> str:
        """Let one step through the door and return the stage it leads to; the case itself is not touched.

        Raises RoleNotAllowed, WrongStage, then the refusals of the guards: person, case, facts (wire.md, Fine print).
        """
        step = self.step(act.trigger)
        act.procedure = self
        if step.role_of(act.actor) is None:
            raise RoleNotAllowed(f"'{step.trigger}' is for {', '.join(step.roles)}.")
        position = _Position(case.stage if case else UNOPENED)
        try:
            moved = self._machine.events[act.trigger].trigger(position, case, act)
        except MachineError:
            raise WrongStage(
                f"'{act.trigger}' leaves from {', '.join(self.sources(step)) or 'nothing'}; the case is {position.state}."
            ) from None
        assert moved, (act.trigger, position.state)  # checks.py: the last branch of a step has no condition
        return position.state

    def possible(self, case: Case, act: Act) -> Refused | None:
        """Why this step is closed to this actor before any facts, or None where it is open."""
        step = self.step(act.trigger)
        role = step.role_of(act.actor)
        if role is None:
            return RoleNotAllowed(f"'{step.trigger}' is for {', '.join(step.roles)}.")
        if step not in self.leaving[case.stage]:
            return WrongStage(f"'{step.trigger}' leaves from {', '.join(self.sources(step)) or 'nothing'}.")
        act.role, act.procedure = role, self
        try:
            for guard in self._ordered(step, ("person", "case")):
                guard.check(case, act)
        except Refused as refusal:
            return refusal
        return None

    @cached_property
    def _machine(self) -> Machine:
        machine = Machine(
            model=None, states=[UNOPENED, *self.stage], initial=UNOPENED, auto_transitions=False,
            send_event=True, prepare_event=[self._ask_guards],
        )  # fmt: skip
        for step in self.steps:
            for source in self.sources(step) or [UNOPENED]:
                for branch in step.branches:
                    to = None if branch.to == SAME else branch.to
                    machine.add_transition(step.trigger, source, to, conditions=_condition(branch.when))
        return machine

    def _ask_guards(self, event: EventData) -> None:
        case, act = event.args
        for guard in self._ordered(self.by_trigger[act.trigger], ("person", "case", "facts")):
            guard.check(case, act)

    @staticmethod
    def _ordered(step: Step, about: Iterable[str]) -> Iterable[Guard]:
        return (guard for kind in about for guard in step.guards if guard.about == kind)

    def _schema(self, step: Step, role: str) -> type[Strict]:
        members = {}
        for need in step.needs:
            name = need.removesuffix("?")
            members[name] = deepcopy(self.fields[name])
            members[name].required = not need.endswith("?") or (name == "evidence" and role in step.witnessed)
        return fields.record("".join(part.title() for part in step.trigger.split("_")), members)


def _condition(when: Test | None) -> list[str | Callable[..., bool | None]]:
    return [] if when is None else [lambda event: when(*event.args)]


class Procedures:
    """All versions of one kind's procedure: a case finishes on the version it began with (domain.md, rule 6)."""

    def __init__(self, *versions: Procedure) -> None:
        self.versions = {procedure.version: procedure for procedure in versions}
        self.current = self.versions[max(self.versions)]
        self.name = self.current.name

    def __getitem__(self, version: int) -> Procedure:
        return self.versions[version]
