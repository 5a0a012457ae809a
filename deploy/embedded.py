"""The WSGI entry of the embedded default, as gunicorn loads it."""

import os
from collections.abc import Iterable
from typing import Any

from deploy.one import house
from shared.config import from_environment
from shared.logs import configure


class Embedded:
    """The house as gunicorn sees it: an application that can be started and stopped."""

    def __init__(self) -> None:
        configure()
        self.house = house(from_environment(os.environ))

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request."""
        return self.house.app(environ, start_response)

    def start(self) -> None:
        """Start relays, clocks and followers."""
        self.house.start()

    def stop(self) -> None:
        """Stop them in order."""
        self.house.stop()


def create() -> Embedded:
    """Return the application."""
    return Embedded()
