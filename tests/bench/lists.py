"""How long worklist, lists and searches take over HTTP."""

import time
from urllib.parse import quote

from tests.bench.load import Worker

ASKED = {
    "worklist": "/worklist",
    "list": "/complaints",
    "by stage": "/complaints?stage=validated",
    "by customer": "/complaints?customer=c77",
    "by category": "/complaints?category=price&open=true",
    "by department": "/complaints?department=quality",
    "overdue": "/complaints?overdue=true",
    "open": "/complaints?open=true",
    "by due time": "/complaints?sort=due_at",
    "by change": "/complaints?sort=-updated_at",
    "by priority": "/complaints?sort=-priority",
    "search, common word": "/complaints?q=cracked",
    "search, two words": "/complaints?q=cracked%20invoice",
    "search, Chinese": "/complaints?q=" + quote("裂纹"),
    "search, one order": "/complaints?q=512345",
    "search in a stage": "/complaints?q=lamp&stage=validated",
}


def measure(worker: Worker, times: int = 25) -> dict[str, tuple[float, float]]:
    """Ask for each list several times; return (median, 95th percentile) in milliseconds by name."""
    found = {}
    for name, path in ASKED.items():
        took = []
        for _ in range(times):
            began = time.perf_counter()
            status, _, data = worker.send("GET", path, Authorization=f"Bearer {worker.tokens['supervisor']}")
            took.append(1000 * (time.perf_counter() - began))
            if status != 200:
                raise RuntimeError(f"{path}: {status} {data[:200]!r}")
        took.sort()
        found[name] = (took[len(took) // 2], took[int(len(took) * 0.95)])
    return found
