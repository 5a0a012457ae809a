"""Many steps in one request, each under the rules of a single one."""

from collections.abc import Mapping, Sequence
from typing import Any

from shared.caller import Caller
from shared.canonical import digest
from shared.casework import Casework
from shared.errors import Refused
from shared.idempotency import Answer


def commands(
    work: Casework[Any], caller: Caller, wanted: Sequence[Mapping[str, Any]], key: str | None = None
) -> list[tuple[str, Answer | Refused]]:
    """Take each command of a batch in a transaction of its own, under the rules of a single step.

    A key of the whole batch stands for one of each command that brings none.
    """
    done: list[tuple[str, Answer | Refused]] = []
    for place, command in enumerate(wanted):
        own = command.get("key") or (f"{digest('casewright/batch-key/v1', key.encode())}#{place}" if key else None)
        try:
            seen = f'"{command["if_match"]}"'
            answer = work.advance(caller, command["id"], command["trigger"], command.get("facts", {}), seen, own)
        except Refused as refused:
            done.append((command["id"], refused))
        else:
            done.append((command["id"], answer))
    return done
