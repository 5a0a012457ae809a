"""A case: the fold of its entries. What every kind of case has stands here; each service adds its own facts.

All values are plain JSON (times as `clock.instant` writes them), so that a case is stored, compared and shown as it is.
Nothing here reads a calendar or the time: a stored case follows from its entries alone.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from shared.canonical import ZERO
from shared.entries import Entry

if TYPE_CHECKING:
    from shared.procedure import Procedure, Stage

Told = dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Case:
    """What all kinds of cases share.

    `head` is the hash of the last entry, which ties the stored case to its chain,
    `level` counts escalations in this stage (0 = its own owner), `fired` when each clock has fired,
    `pauses` the holds since the stage began as [from, to], `acted` who last took each step (for two pairs of eyes),
    `past` the outcome of the clocks of stages that were left, `contact` who answers to the customer (首问责任制),
    `watched_by` the role that was alerted and has the case on its desk too.
    """

    id: str
    kind: str
    reference: str
    procedure_version: int
    opened_at: str
    version: int = 0
    head: str = ZERO
    stage: str = ""
    open: bool = True
    updated_at: str = ""
    closed_at: str | None = None
    stage_since: str = ""
    priority: str = "normal"
    department: str | None = None
    assignee: str | None = None
    contact: str | None = None
    level: int = 0
    watched_by: str | None = None
    held_since: str | None = None
    pauses: list[list[str]] = field(default_factory=list)
    fired: dict[str, list[str]] = field(default_factory=dict)
    told: Told = field(default_factory=lambda: {"told": False, "at": None, "channel": None})
    acted: dict[str, dict[str, str]] = field(default_factory=dict)
    past: dict[str, dict[str, str]] = field(default_factory=dict)
    statutes: dict[str, dict[str, str | None]] = field(default_factory=dict)
    profile: str = "none"
    source: str | None = None
    external_id: str | None = None

    def timers(self) -> dict[str, tuple[str, str]]:
        """The case's own moments besides the clocks of stage and law: name to (when, trigger)."""
        return {}

    def actor_of(self, trigger: str) -> str | None:
        """Who last took this step, if anybody."""
        done = self.acted.get(trigger)
        return done["by"] if done else None


Fold = Callable[[Any, Entry], None]
"""What an entry of one trigger changes in a case, besides what it changes in every case."""


def fold(case: Case, entry: Entry, head: str, procedure: "Procedure", folds: Mapping[str, Fold]) -> None:
    """Apply one entry, stored under the hash `head`, to a case in place; `folds` are the service's own by trigger."""
    step = procedure.step(entry.trigger)
    case.version, case.head = entry.seq, head
    case.updated_at = entry.at
    case.acted[entry.trigger] = {"by": entry.on_behalf_of or entry.actor["id"], "at": entry.at}
    if step.opens:
        case.profile = entry.effects.get("profile", "none")
        case.source, case.external_id = entry.facts.get("source"), entry.facts.get("external_id")
    _follow_clocks(case, entry)
    if not step.stays:
        _enter(case, entry, procedure.stage[entry.to_stage])
    if "told" in entry.effects:
        case.told = entry.effects["told"]
    _follow_statutes(case, entry, procedure)
    change = folds.get(entry.trigger) or STANDING.get(entry.trigger)
    if change:
        change(case, entry)


def _enter(case: Case, entry: Entry, stage: "Stage") -> None:
    case.stage, case.open, case.stage_since = stage.name, stage.open, entry.at
    case.closed_at = None if stage.open else entry.at
    case.level, case.held_since, case.pauses = 0, None, []
    case.fired = {name: moments for name, moments in case.fired.items() if name in case.statutes}


def _follow_clocks(case: Case, entry: Entry) -> None:
    """Keep how the clock of the stage that is left came out (a missed one stays missed), and what has fired."""
    outcome = entry.effects.get("clock")
    if outcome and case.past.get(outcome["name"], {}).get("state") != "missed":
        case.past[outcome["name"]] = {"due_at": outcome["due_at"], "state": outcome["state"]}
    timer = entry.effects.get("timer")
    if timer:
        case.fired.setdefault(timer, []).append(entry.at)


def _follow_statutes(case: Case, entry: Entry, procedure: "Procedure") -> None:
    for statute in procedure.statutes.get(case.profile, ()):
        clock = case.statutes.get(statute.name)
        if clock is None and statute.starts == "received_at" and entry.from_stage is None:
            clock = case.statutes[statute.name] = {"since": entry.facts.get("received_at", entry.at), "met_at": None}
        elif clock is None and statute.starts == entry.trigger:
            clock = case.statutes[statute.name] = {"since": entry.at, "met_at": None}
        if clock and clock["met_at"] is None and (entry.trigger in statute.met_by or not case.open):
            clock["met_at"] = entry.at


def _on_escalate(case: Case, entry: Entry) -> None:
    case.level = entry.effects["level"]


def _on_hold(case: Case, entry: Entry) -> None:
    case.held_since = entry.at
    case.fired.pop("on_hold", None)


def _on_resume(case: Case, entry: Entry) -> None:
    if case.held_since is not None:
        case.pauses.append([case.held_since, entry.at])
        case.held_since = None


STANDING: dict[str, Fold] = {"escalate": _on_escalate, "hold": _on_hold, "resume": _on_resume}
"""The folds of the steps that every procedure has."""
