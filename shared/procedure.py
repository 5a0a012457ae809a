"""A procedure as data, and the one door through which a case moves.

Stages and steps are values. Whoever needs to know what may happen (routes, schemas, permissions, documents, diagrams,
clocks, `actions`, `/why`) asks them here. This is the only module that imports `transitions`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from transitions import EventData, Machine, MachineError

from shared import fields
from shared.case import Case
from shared.checks import check
from shared.clocks import business_days
from shared.errors import NotFound, Refused, RoleNotAllowed, WrongStage
from shared.fields import Strict
from shared.steps import (
    ANY,
    ANY_OPEN,
    SAME,
    UNOPENED,
    Act,
    Branch,
    Guard,
    Limit,
    Owner,
    Stage,
    Statute,
    Step,
    Test,
    Title,
    case_guard,
    facts_guard,
    four_eyes,
    own_case,
)

__all__ = [  # a procedure.py needs one import: the values and what holds them together
    "ANY", "ANY_OPEN", "SAME", "UNOPENED", "Act", "Branch", "Guard", "Limit", "Owner", "Procedure", "Procedures", "Stage",
    "Statute", "Step", "Test", "Title", "case_guard", "facts_guard", "four_eyes", "own_case",
]  # fmt: skip


ON_HOLD = Limit("on_hold", business_days(5), ("remind", "escalate"))
"""A case that waits for its customer has a clock too: nobody waits for ever."""


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
    on_hold: Limit = ON_HOLD
    chain: tuple[str, ...] = ("supervisor", "manager")
    statutes: Mapping[str, tuple[Statute, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
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
