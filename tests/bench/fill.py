"""Fills a data folder with many cases through the ordinary door, many to a transaction: truthful histories, and fast."""

import random
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from deploy import demo_staff
from deploy.one import house
from shared.caller import Caller
from shared.config import Config
from shared.identity import IMPORT
from shared.relay import Relay
from tests.house import ANALYSE, VALIDATE, a_complaint

TOGETHER = 500
WORDS = (
    "cracked", "late", "wrong", "colour", "missing", "invoice", "label", "handle", "box", "cup", "plate", "lid", "scratch",
    "price", "service", "order", "lamp", "cable",
)  # fmt: skip
HAN = ("收到的茶杯有裂纹", "发货太晚", "颜色不对", "包装破损", "价格与报价不符", "服务态度差")
CATEGORIES = ("product_quality", "late_delivery", "wrong_specification", "packaging", "service", "price", "other")
WAY: tuple[tuple[str, dict[str, Any]], ...] = (
    ("validate", VALIDATE),
    ("assign", {"department": "quality", "assignee": "hana"}),
    ("start", {}),
    ("analyse", ANALYSE),
)


def fill(data: Path, cases: int, seed: int = 1) -> None:
    """Make `cases` complaints of the last 300 days, four in five closed; progress goes to standard error."""
    chance, built = random.Random(seed), house(Config(data=data))
    demo_staff.make(built.app.directory, data)
    built.settle()
    work = next(service for service in built.services if service.name == "complaints").work
    caller, end = Caller(IMPORT), datetime.now(UTC) - timedelta(hours=1)
    for first in range(0, cases, TOGETHER):
        with work.parts.database.writing() as unit:
            for number in range(first, min(first + TOGETHER, cases)):
                at = end - timedelta(days=300) * (1 - number / cases) - timedelta(days=2)
                case = work.begin(unit, caller, _facts(chance, number, at), at, {"file": "bench", "line": number})
                steps = WAY[: chance.randrange(5)]
                if chance.random() < 0.8:
                    steps = (*steps[:1], ("withdraw", {"reason": "Settled.", "evidence": "Call"}))
                for hours, (trigger, facts) in enumerate(steps, 1):
                    step = work.procedures.current.step(trigger)
                    work.take(
                        unit, caller, case, step, facts, at + timedelta(hours=hours), imported={"file": "bench", "line": number}
                    )
            unit.commit()
        if first % 5000 == 0:
            print(f"\r{first} of {cases} cases", end="", file=sys.stderr)
    _number(built.services[0].relay)
    with work.parts.database.writing() as unit:
        unit.connection.exec_driver_sql("ANALYZE")
        unit.commit()
    built.stop()
    print(f"\r{cases} cases written", file=sys.stderr)


def _number(relay: Relay) -> None:
    while relay.number():
        pass


def _facts(chance: random.Random, number: int, at: datetime) -> dict[str, Any]:
    words = " ".join(chance.choices(WORDS, k=8))
    return a_complaint(
        customer={"ref": f"c{chance.randrange(20_000)}", "name": "Arthur Dent"},
        received_at=at.isoformat(),
        category=chance.choice(CATEGORIES),
        subject={"kind": "order", "ref": str(500_000 + number)},
        description=f"{words}. {chance.choice(HAN)}" if number % 3 == 0 else words,
        external_id=f"X{number}",
        source="bench",
    )
