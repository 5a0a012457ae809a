"""The least service there can be: what a second one costs besides the kernel is what stands here.

A favour is asked for and granted; in the second version of its procedure it is weighed first, and nobody shelves it.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from services.complaints.routes import blueprints
from shared import standing, words
from shared.assembly import Service, assemble
from shared.caller import Parts
from shared.case import Case, Fold
from shared.casework import Casework
from shared.clocks import business_days
from shared.config import Config
from shared.entries import Entry
from shared.fields import Text, Whole
from shared.ledger import ledger
from shared.lists import Lists
from shared.procedure import ANY_OPEN, Limit, Owner, Procedure, Procedures, Stage, Step, Title
from shared.reading import Reading
from shared.store import Store
from shared.views import Views

NAME, SOURCE = "favours", "/services/favours"


@dataclass(slots=True, kw_only=True)
class Favour(Case):
    wish: str = ""
    weight: int | None = None


def _on_ask(case: Favour, entry: Entry) -> None:
    case.wish = entry.facts["wish"]


def _on_weigh(case: Favour, entry: Entry) -> None:
    case.weight = entry.facts["weight"]


class Favours(Casework[Favour]):
    folds: dict[str, Fold] = {"ask": _on_ask, "weigh": _on_weigh}


ASKED = Stage("asked", Title("Asked", "已提出"), Owner("agent"), Limit("grant", business_days(1)))
WEIGHED = Stage("weighed", Title("Weighed", "已权衡"), Owner("manager"), Limit("grant", business_days(2)))
GRANTED = Stage("granted", Title("Granted", "已同意"))
SHELVED = Stage("shelved", Title("Shelved", "已搁置"))
FIELDS = {**standing.FIELDS, "wish": Text(), "weight": Whole(1, 9)}
ASK = Step("ask", Title("Ask", "提出"), (), "asked", ("agent",), "asked", needs=("wish", "source?", "external_id?"))

VERSION_1 = Procedure("favour", 1, Title("Favour", "人情"), (ASKED, GRANTED, SHELVED), (
    ASK,
    Step("grant", Title("Grant", "同意"), ("asked",), "granted", ("agent",), "granted"),
    Step("shelve", Title("Shelve", "搁置"), ANY_OPEN, "shelved", ("agent",), "shelved", needs=("reason",)),
    *standing.STEPS,
), FIELDS)  # fmt: skip

VERSION_2 = Procedure("favour", 2, Title("Favour", "人情"), (ASKED, WEIGHED, GRANTED), (
    ASK,
    Step("weigh", Title("Weigh", "权衡"), ("asked",), "weighed", ("agent",), "weighed", needs=("weight",)),
    Step("grant", Title("Grant", "同意"), ("weighed",), "granted", ("manager",), "granted", needs=("reason",)),
    *standing.STEPS,
), FIELDS)  # fmt: skip


def favours(config: Config, *versions: Procedure) -> Service:
    """Put the service together on these versions of its procedure; the tables are made where they are not there."""
    kernel, procedures = ledger(SOURCE), Procedures(*versions)
    store = Store(kernel.metadata, "favour", Favour, {}, searched=lambda case: f"{case.wish} {case.reference}")

    def make(parts: Parts) -> tuple[Favours, Reading[Favour]]:
        shown: dict[str, Any] = {"facts": lambda case: {"wish": case.wish, "weight": case.weight}, "data": lambda case: {}}
        work = Favours(parts, procedures, store, NAME, Views(procedures, NAME, title=lambda case: case.wish, **shown))
        return work, Reading(work, Lists(store, procedures, {}))

    built = assemble(NAME, SOURCE, config, kernel, policy=None, make=make, routes=blueprints, handlers={})
    with built.database.engine.begin() as connection:
        if not connection.dialect.has_table(connection, "favour"):
            kernel.metadata.create_all(connection)
            for statement in words.CREATE[connection.dialect.name]:
                connection.execute(text(statement.format(name="favour")))
    return built
