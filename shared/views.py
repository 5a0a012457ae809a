"""How a case looks to the one who asks: its facts, its clocks, and what this very person may do now."""

from collections.abc import Callable, Collection, Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, Generic

import orjson

from shared import deadlines, owners
from shared.clock import instant
from shared.clocks import Calendar
from shared.entries import Entry
from shared.errors import Refused
from shared.identity import Actor
from shared.procedure import Act, Procedure, Procedures, Step
from shared.store import C

Context = tuple[Any, Calendar, datetime]
"""Policy, calendar and the present moment."""


class Views(Generic[C]):
    """Shows the cases of one kind; `facts` gives a service's own members, `data` what its events carry, `title` a line.

    `internal` members are for the staff: a customer's link does not see them.
    """

    def __init__(
        self, procedures: Procedures, plural: str, facts: Callable[[C], dict[str, Any]],
        data: Callable[[C], dict[str, Any]], title: Callable[[C], str], internal: Collection[str] = (),
    ) -> None:  # fmt: skip
        self.internal = frozenset(internal)
        self.procedures, self.plural, self.facts, self.data, self.title = procedures, plural, facts, data, title
        self._needs = lru_cache(maxsize=1024)(self._needs_of)

    def body(self, case: C, actor: Actor, context: Context) -> bytes:
        """The whole case with `actions` and `notes`, as JSON."""
        actions, notes = self._open_to(case, actor, context)
        shown = self.case(case, context)
        if actor.is_customer:
            shown = self.for_customer(shown)
        return orjson.dumps({**shown, "actions": actions, "notes": notes})

    def for_customer(self, shown: dict[str, Any]) -> dict[str, Any]:
        """A case without its internal members; `owner.person` names a member of a member, or of each in a list."""
        kept = {name: value for name, value in shown.items() if name not in self.internal}
        for holder, _, name in (path.partition(".") for path in self.internal if "." in path):
            inner = kept.get(holder)
            if isinstance(inner, dict):
                kept[holder] = {**inner, name: None}
            elif isinstance(inner, list):
                kept[holder] = [{**item, name: None} for item in inner]
        return kept

    def case(self, case: C, context: Context) -> dict[str, Any]:
        """The case without what depends on who asks."""
        procedure = self.procedures[case.procedure_version]
        dues = deadlines.clocks(case, procedure, context[1])
        due_at = deadlines.due_at(dues) if case.open else None
        return {
            "id": case.id, "kind": case.kind, "reference": case.reference,
            "procedure": {"name": procedure.name, "version": procedure.version}, "version": case.version,
            "stage": case.stage, "open": case.open, "owner": owners.owner(case, procedure),
            "due_at": instant(due_at) if due_at else None, "overdue": bool(due_at and due_at < context[2]),
            "clocks": [clock_view(due, context[2]) for due in dues],
            "on_hold": case.held_since is not None, "escalation": case.level, "told": case.told, "contact_person": case.contact,
            "opened_at": case.opened_at, "updated_at": case.updated_at, "closed_at": case.closed_at, "priority": case.priority,
            "department": case.department, "assignee": case.assignee, "external_id": case.external_id, "source": case.source,
            "href": f"/{self.plural}/{case.id}", **self.facts(case),
        }  # fmt: skip

    def item(self, case: C, actor: Actor, context: Context) -> dict[str, Any]:
        """One line of a worklist."""
        shown = self.case(case, context)
        members = ("kind", "id", "reference", "stage", "owner", "due_at", "overdue", "priority", "told", "href")
        return {
            **{name: shown[name] for name in members},
            "title": self.title(case),
            "triggers": self.triggers(case, actor, context),
        }

    def triggers(self, case: C, actor: Actor, context: Context) -> list[str]:
        """What this person may do with the case now, notes left out."""
        return [step.trigger for step, _ in self._possible(case, actor, context) if not step.note]

    def why(self, case: C, actor: Actor, context: Context) -> dict[str, Any]:
        """Every step with the answer whether this person may take it now, and why not."""
        procedure = self.procedures[case.procedure_version]
        steps = []
        for step in procedure.steps:
            if not step.opens:
                refusal = procedure.possible(case, self._act(step, actor, context))
                steps.append({"trigger": step.trigger, "title": step.title._asdict(), "possible": refusal is None,
                              "because": [_because(step, refusal)]})  # fmt: skip
        return {"stage": case.stage, "version": case.version, "steps": steps}

    def public(self, case: C, entry: Entry) -> dict[str, Any]:
        """The data of an event: where the case stands, without words about persons."""
        held = owners.owner(case, self.procedures[case.procedure_version])
        return {"id": case.id, "kind": case.kind, "reference": case.reference, "version": case.version, "stage": case.stage,
                "open": case.open, "owner": held, "priority": case.priority, **self.data(case)}  # fmt: skip

    def _open_to(self, case: C, actor: Actor, context: Context) -> tuple[list[Any], list[Any]]:
        actions: list[Any] = []
        notes: list[Any] = []
        for step, role in self._possible(case, actor, context):
            shown = {"trigger": step.trigger, "title": step.title._asdict(), "href": f"/{self.plural}/{case.id}/{step.trigger}",
                     "needs": self._needs(case.procedure_version, step.trigger, role)}  # fmt: skip
            (notes if step.note else actions).append(shown)
        return actions, notes

    def _possible(self, case: C, actor: Actor, context: Context) -> Iterator[tuple[Step, str]]:
        procedure = self.procedures[case.procedure_version]
        if actor.is_customer and actor.case != f"{case.kind}/{case.id}":
            return
        for step in procedure.leaving[case.stage]:
            role = step.role_of(actor)
            if role is not None:
                act = self._act(step, actor, context)
                if procedure.possible(case, act) is None:
                    yield step, role

    @staticmethod
    def _act(step: Step, actor: Actor, context: Context) -> Act:
        return Act(step.trigger, actor, context[2], {}, {}, context[0], context[1])

    def _needs_of(self, version: int, trigger: str, role: str) -> orjson.Fragment:
        procedure: Procedure = self.procedures[version]
        return orjson.Fragment(orjson.dumps(procedure.needs(procedure.step(trigger), role)))


def clock_view(due: deadlines.Due, now: datetime) -> dict[str, Any]:
    """One clock as wire.md shows it."""
    at = instant(due.due_at) if due.due_at else None
    return {"name": due.name, "kind": due.kind, "due_at": at, "state": due.state(now)}


def entry_view(entry: Entry, prev: str, head: str) -> dict[str, Any]:
    """One entry as wire.md shows it."""
    return {
        "seq": entry.seq, "at": entry.at, "recorded_at": entry.recorded_at, "trigger": entry.trigger, "from": entry.from_stage,
        "to": entry.to_stage, "actor": entry.actor, "on_behalf_of": entry.on_behalf_of, "role": entry.role,
        "facts": entry.facts, "effects": entry.effects, "event": entry.event, "procedure_version": entry.procedure_version,
        "request_id": entry.request_id, "imported": entry.imported, "prev": prev, "hash": head,
    }  # fmt: skip


TOLD_TO_CUSTOMER = frozenset({"notice", "remedies", "valid_until", "offer", "done", "direction", "channel"})
"""The facts of an entry that were meant for the customer."""


def customers_entry(shown: dict[str, Any], actor: Actor) -> dict[str, Any]:
    """An entry as the customer's link sees it: what was said to the customer or by it, and by which role."""
    if shown["actor"]["id"] == actor.id:
        return shown
    facts = {name: value for name, value in shown["facts"].items() if name in TOLD_TO_CUSTOMER}
    if shown["trigger"] in ("propose", "contact"):
        facts["text"] = shown["facts"].get("text")
    return {
        **shown,
        "facts": facts,
        "effects": {},
        "actor": {"id": shown["role"], "name": shown["role"]},
        "on_behalf_of": None,
    }


def _because(step: Step, refusal: Refused | None) -> dict[str, str]:
    if refusal is None:
        asked = [guard.reason for guard in step.guards if guard.about == "facts"]
        return {"code": "possible", "detail": " ".join(["You may do this now.", *asked])}
    return {"code": refusal.code, "detail": refusal.detail}
