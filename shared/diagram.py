"""A procedure as a document, a picture and tables: what the API, the services' README and `make docs` show.

Pure functions of the declared data; nothing here is written by hand, so nothing here can be out of date.
"""

from collections.abc import Iterable, Sequence
from typing import Any

from shared.procedure import ANY, ANY_OPEN, SAME, Branch, Limit, Procedure, Stage, Step

PLACES = {ANY_OPEN: "any open stage", ANY: "any stage"}
"""Sources too many to draw: such steps stand in a note of the picture and in these words in the table."""


def document(procedure: Procedure) -> dict[str, Any]:
    """Return the procedure as `GET /procedures/{kind}` shows it (wire.md)."""
    return {
        "name": procedure.name,
        "version": procedure.version,
        "title": procedure.title._asdict(),
        "stages": [_stage(stage) for stage in procedure.stages],
        "steps": [_step(procedure, step) for step in procedure.steps],
    }


def targets(procedure: Procedure, step: Step) -> list[str]:
    """Return the stages in which a step may end; a step that stays ends where it was taken."""
    if step.stays:
        return procedure.sources(step)
    return list(dict.fromkeys(branch.to for branch in step.branches))


def mermaid(procedure: Procedure) -> str:
    """Return the procedure as a Mermaid state diagram; what is possible everywhere stands in one note."""
    lines = ["stateDiagram-v2"]
    lines += [f'    state "{_quoted(stage)}" as {stage.name}' for stage in procedure.stages]
    lines += [f"    {start} --> {end}: {', '.join(triggers)}" for (start, end), triggers in _edges(procedure).items()]
    lines += [f"    {stage.name} --> [*]" for stage in procedure.stages if not stage.open]
    return "\n".join([*lines, *_note(procedure)]) + "\n"


def steps_table(procedure: Procedure) -> str:
    """Return the steps as a Markdown table."""
    head = ("trigger", "from → to", "who", "needs", "guards", "event")
    return _table(head, (_step_row(procedure, step) for step in procedure.steps))


def stages_table(procedure: Procedure) -> str:
    """Return the stages as a Markdown table."""
    return _table(("stage", "title", "open", "owner", "clock"), map(_stage_row, procedure.stages))


def _stage(stage: Stage) -> dict[str, Any]:
    clock, owner = stage.clock, stage.owner
    return {
        "name": stage.name, "title": stage.title._asdict(), "open": stage.open,
        "owner": {"role": owner.role, "personal": owner.personal} if owner else None,
        "clock": {"name": clock.name, "span": str(clock.span), "fires": list(clock.fires)} if clock else None,
    }  # fmt: skip


def _step(procedure: Procedure, step: Step) -> dict[str, Any]:
    return {
        "trigger": step.trigger, "title": step.title._asdict(), "from": procedure.sources(step),
        "to": targets(procedure, step), "roles": list(step.roles), "needs": procedure.needs(step),
        "guards": [{"name": guard.name, "reason": guard.reason} for guard in step.guards],
        "event": step.event, "note": step.note,
    }  # fmt: skip


def _step_row(procedure: Procedure, step: Step) -> tuple[str, ...]:
    guards = "; ".join(guard.name.replace("_", " ") for guard in step.guards) or "–"
    way, needs = f"{_from(step)} → {_to(step)}", ", ".join(step.needs) or "–"
    return f"`{step.trigger}` {step.title.zh}", way, _who(step), needs, guards, f"`{procedure.name}.{step.event}`"


def _stage_row(stage: Stage) -> tuple[str, ...]:
    state = "open" if stage.open else "closed"
    return f"`{stage.name}` {stage.title.zh}", stage.title.en, state, _owner(stage), _clock(stage.clock)


def _edges(procedure: Procedure) -> dict[tuple[str, str], list[str]]:
    """The arrows of the picture with their triggers, in declared order."""
    edges: dict[tuple[str, str], list[str]] = {}
    for step in procedure.steps:
        if step.source not in PLACES:
            for start in procedure.sources(step) or ["[*]"]:
                for end in [start] if step.stays else targets(procedure, step):
                    edges.setdefault((start, end), []).append(step.trigger)
    return edges


def _note(procedure: Procedure) -> list[str]:
    """The note for steps that leave from everywhere, beside the stage in which a case begins."""
    lines = []
    for place, words in PLACES.items():
        shown = [_noted(step) for step in procedure.steps if step.source == place]
        lines += [f"        {words}: {', '.join(shown)}"] if shown else []
    begin = targets(procedure, procedure.opening)[0]
    return [f"    note right of {begin}", *lines, "    end note"] if lines else []


def _noted(step: Step) -> str:
    return step.trigger if step.stays else f"{step.trigger} → {' or '.join(branch.to for branch in step.branches)}"


def _quoted(stage: Stage) -> str:
    return f"{stage.title.en} {stage.title.zh}".replace('"', "'")


def _from(step: Step) -> str:
    return "–" if step.opens else PLACES.get(step.source) or ", ".join(step.source)


def _to(step: Step) -> str:
    return ", else ".join(_branch(branch) for branch in step.branches)


def _branch(branch: Branch) -> str:
    to = "the same" if branch.to == SAME else branch.to
    return to if branch.when is None else f"{to} when {branch.when.__name__.replace('_', ' ')}"


def _who(step: Step) -> str:
    return ", ".join(f"{role} with evidence" if role in step.witnessed else role for role in step.roles)


def _owner(stage: Stage) -> str:
    if stage.owner is None:
        return "–"
    return f"{stage.owner.role} (the assignee, else the department)" if stage.owner.personal else stage.owner.role


def _clock(clock: Limit | None) -> str:
    return "–" if clock is None else f"{clock.name}: {clock.span}, then {', '.join(clock.fires)}"


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines) + "\n"
