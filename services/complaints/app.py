"""The composition root of the complaints service; nobody imports it but `deploy/`."""

from services.complaints import policy
from services.complaints.handlers import HANDLERS
from services.complaints.routes import blueprints
from services.complaints.service import complaints
from services.complaints.store import SOURCE, tables
from shared.assembly import Service, assemble
from shared.config import Config

NAME = "complaints"


def service(config: Config) -> Service:
    """Put the complaints service together; nothing is connected yet."""
    kernel, store = tables()
    return assemble(
        NAME, SOURCE, config, kernel,
        policy=policy.load(config.file(f"{NAME}.toml")),
        make=lambda parts: complaints(parts, store),
        routes=blueprints, handlers=HANDLERS,
    )  # fmt: skip
