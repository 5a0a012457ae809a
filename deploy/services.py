"""The list of services. A new one is added here and nowhere else."""

from services.complaints import app as complaints
from shared.assembly import Service
from shared.config import Config

MAKERS = {complaints.NAME: complaints.service}
"""Each service's root by name, which is also the first segment of its addresses."""


def all_services(config: Config) -> list[Service]:
    """Put every service together; nothing is connected yet."""
    return [make(config) for make in MAKERS.values()]
