"""What must be true of a procedure before it may run: a mistake in the data stops the start, not a customer.

Each check answers the sentences it has to complain about (domain.md, rules 1 and 3; style.md, habit 3).
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from shared import identity

if TYPE_CHECKING:
    from shared.procedure import Procedure, Step


class ProcedureError(ValueError):
    """The procedure contradicts itself; the message lists every sentence found."""


def check(procedure: "Procedure") -> None:
    """Raise ProcedureError with all that is wrong with a procedure."""
    wrong = [sentence for ask in CHECKS for sentence in ask(procedure)]
    if wrong:
        raise ProcedureError(f"procedure {procedure.name} version {procedure.version}: " + "; ".join(wrong))


def _names_are_unique(procedure: "Procedure") -> Iterator[str]:
    yield from _twice("stage", (stage.name for stage in procedure.stages))
    yield from _twice("step", (step.trigger for step in procedure.steps))
    yield from _twice("event", (step.event for step in procedure.steps))


def _twice(what: str, names: Iterable[str]) -> Iterator[str]:
    yield from (f"two {what}s are named '{name}'" for name, times in Counter(names).items() if times > 1)


def _stages_exist(procedure: "Procedure") -> Iterator[str]:
    known = {stage.name for stage in procedure.stages}
    for step in procedure.steps:
        for name in step.source:
            if name not in known | {"open", "closed"}:
                yield f"step '{step.trigger}' leaves from the unknown stage '{name}'"
        for branch in step.branches:
            if branch.to not in known | {"="}:
                yield f"step '{step.trigger}' leads to the unknown stage '{branch.to}'"


def _one_step_opens(procedure: "Procedure") -> Iterator[str]:
    opening = [step.trigger for step in procedure.steps if step.opens]
    if len(opening) != 1:
        yield f"exactly one step opens a case, not {opening}"


def _open_stages_are_owned_and_timed(procedure: "Procedure") -> Iterator[str]:
    for stage in procedure.stages:
        if stage.open and (stage.owner is None or stage.owner.role not in identity.ROLES):
            yield f"open stage '{stage.name}' has no owner"
        if stage.open and stage.clock is None:
            yield f"open stage '{stage.name}' has no clock"


def _clocks_fire_steps(procedure: "Procedure") -> Iterator[str]:
    limits = {f"stage '{stage.name}'": stage.clock for stage in procedure.stages if stage.clock}
    if any(step.trigger == "hold" for step in procedure.steps):
        limits["a hold"] = procedure.on_hold
    of_the_system = {step.trigger for step in procedure.steps if "system" in step.roles}
    for whose, limit in limits.items():
        if not limit.fires:
            yield f"the clock of {whose} fires nothing"
        yield from (
            f"the clock of {whose} fires '{trigger}', which is no step of the system"
            for trigger in limit.fires
            if trigger not in of_the_system
        )


def _targets(procedure: "Procedure", stage: str) -> set[str]:
    steps = (step for step in procedure.steps if stage in procedure.sources(step))
    return {branch.to for step in steps for branch in step.branches} - {"="}


def _stages_are_reachable(procedure: "Procedure") -> Iterator[str]:
    seen: set[str] = set()
    ahead = {branch.to for step in procedure.steps if step.opens for branch in step.branches}
    while ahead:
        stage = ahead.pop()
        seen.add(stage)
        ahead |= _targets(procedure, stage) - seen
    yield from (f"stage '{stage.name}' cannot be reached" for stage in procedure.stages if stage.name not in seen)


def _open_stages_lead_to_an_end(procedure: "Procedure") -> Iterator[str]:
    ends = {stage.name for stage in procedure.stages if not stage.open}
    while True:
        more = {s.name for s in procedure.stages if s.name not in ends and _targets(procedure, s.name) & ends}
        if not more:
            break
        ends |= more
    yield from (f"no path leads from stage '{s.name}' to an end" for s in procedure.stages if s.name not in ends)


def _steps_are_whole(procedure: "Procedure") -> Iterator[str]:
    for step in procedure.steps:
        if not step.roles:
            yield f"step '{step.trigger}' has no role"
        yield from (f"step '{step.trigger}' is for the unknown role '{r}'" for r in step.roles if r not in identity.ROLES)
        yield from (f"guard '{guard.name}' has no docstring to give as its reason" for guard in step.guards if not guard.reason)
        yield from _needs_have_fields(procedure, step)
        if not step.branches:
            yield f"step '{step.trigger}' leads nowhere"
        elif any(branch.when is None for branch in step.branches[:-1]) or step.branches[-1].when is not None:
            yield f"step '{step.trigger}' needs a condition on each branch but the last, and none there"


def _needs_have_fields(procedure: "Procedure", step: "Step") -> Iterator[str]:
    names = [need.removesuffix("?") for need in step.needs]
    yield from (f"step '{step.trigger}' needs '{name}', which has no field" for name in names if name not in procedure.fields)
    if step.witnessed and "evidence" not in names:
        yield f"step '{step.trigger}' is witnessed but takes no evidence"


CHECKS = (
    _names_are_unique,
    _stages_exist,
    _one_step_opens,
    _open_stages_are_owned_and_timed,
    _clocks_fire_steps,
    _stages_are_reachable,
    _open_stages_lead_to_an_end,
    _steps_are_whole,
)
"""The order in which a reader wants to hear of mistakes; all are told at once."""
