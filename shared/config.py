"""How an installation is set: `CASEWRIGHT_*` variables and files in its data folder. Read once, by whoever composes."""

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

from shared import clock
from shared.clocks import DEFAULT, Calendar


@dataclass(frozen=True)
class Config:
    """Where things are: the data folder, the port of the gateway, database and broker by URL."""

    data: Path
    port: int = 8080
    host: str = "127.0.0.1"
    database_url: str | None = None
    broker_url: str = "memory://"
    prefix: str = "casewright"
    now: clock.Now = clock.now

    def database(self, name: str) -> str:
        """The URL of a service's own database: a SQLite file in the data folder, or a database on the server.

        A server URL that ends with `/prefix_` gives databases named `prefix_service`.
        """
        if self.database_url is None:
            return f"sqlite:///{self.data / f'{name}.sqlite'}"
        server = urlsplit(self.database_url)
        prefix = server.path if server.path.endswith("_") else "/"
        return urlunsplit(server._replace(scheme="postgresql+psycopg", path=f"{prefix}{name}"))

    def file(self, name: str) -> Path:
        """A settings file in the data folder; it need not exist."""
        return self.data / name

    def calendar(self) -> Calendar:
        """The business calendar: `calendar.toml` in the data folder, else Monday to Friday 09:00-17:00 UTC.

        Raises ValueError naming what is wrong in the file.
        """
        path = self.file("calendar.toml")
        if not path.exists():
            return DEFAULT
        try:
            return Calendar.from_mapping(tomllib.loads(path.read_text(encoding="utf-8")))
        except ValueError as error:
            raise ValueError(f"{path.name}: {error}") from None


def from_environment(environment: Mapping[str, str]) -> Config:
    """Read the settings; raise ValueError naming the variable that is wrong."""
    home = Path(environment.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    port = environment.get("CASEWRIGHT_PORT", "8080")
    if not port.isdigit() or not 0 < int(port) < 65536:
        raise ValueError(f"CASEWRIGHT_PORT must be a port number, not '{port}'")
    return Config(
        data=Path(environment.get("CASEWRIGHT_DATA") or home / "casewright").absolute(),
        port=int(port),
        host=environment.get("CASEWRIGHT_HOST", "127.0.0.1"),
        database_url=environment.get("CASEWRIGHT_DATABASE_URL") or None,
        broker_url=environment.get("CASEWRIGHT_BROKER_URL", "memory://"),
    )
