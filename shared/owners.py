"""Who is responsible for a case now, and on whose desk it lies (domain.md, rule 1)."""

from typing import Any

from shared.case import Case
from shared.procedure import Procedure


def levels(case: Case, procedure: Procedure) -> tuple[str, ...]:
    """The roles above the stage's own owner, nearest first: person, then supervisor, then manager."""
    owner = procedure.stage[case.stage].owner
    if owner is None:
        return ()
    chain = procedure.chain
    return chain[chain.index(owner.role) + 1 :] if owner.role in chain else chain


def owner(case: Case, procedure: Procedure) -> dict[str, Any] | None:
    """The role (and person or department) that must act; None for a closed case."""
    own = procedure.stage[case.stage].owner
    if own is None:
        return None
    department = case.department if own.personal else None
    if case.level:
        return {"role": levels(case, procedure)[case.level - 1], "person": None, "department": department}
    return {"role": own.role, "person": case.assignee if own.personal else None, "department": department}


def desk(held: dict[str, Any] | None) -> str | None:
    """The one desk of an owner: a person's, else a department's, else that of all who hold the role."""
    if held is None:
        return None
    if held["person"]:
        return f"person:{held['person']}"
    if held["role"] == "handler" and held["department"]:
        return f"role:{held['role']}/{held['department']}"
    return f"role:{held['role']}"


def desks(case: Case, procedure: Procedure) -> tuple[str | None, str | None]:
    """The desk that answers for the case, and the one of the stage's own owner where the case was escalated past it."""
    answering = owner(case, procedure)
    own = procedure.stage[case.stage].owner
    if own is None or not case.level:
        return desk(answering), None
    person = case.assignee if own.personal else None
    return desk(answering), desk({"role": own.role, "person": person, "department": case.department if own.personal else None})
