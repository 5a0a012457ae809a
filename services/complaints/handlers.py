"""What the complaints desk does when others announce something."""

from typing import Any

from services.complaints.service import Complaints
from shared.inbox import Handler
from shared.uow import Work


def keep_colleague(complaints: Complaints, work: Work, event: dict[str, Any]) -> None:
    """Keep a copy of who is on the staff, so that assigning never waits for another service."""
    complaints.store.keep_colleague(work.connection, event["data"])


HANDLERS: dict[str, Handler] = {"staff.recorded": keep_colleague}
