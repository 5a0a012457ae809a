"""`casewright events`: the feed of a running system, as it grows."""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from deploy.client import Answer, Away, Client, Said, demo_people
from deploy.installation import CouldNot, settings
from shared.outbox import routing_key

QUIET = 1.0
"""Seconds between looks when there is no news."""
LONGEST = 30.0
"""The longest pause, in seconds, between attempts while nobody answers."""
ATTEMPTS = 3
"""How often `--once` asks before it gives up."""


@click.group("events")
def command() -> None:
    """Follow what happens, as departments do.

    \b
    Examples:
      casewright events tail
      casewright events tail --types 'complaint.*' --cursor-file last --json
    """


@dataclass
class Feed:
    """One feed being read: how to log in (again, when a token is over), and how far it was read."""

    client: Client
    login: Callable[[], str]
    types: tuple[str, ...]
    cursor: str
    token: str = ""

    def page(self) -> dict[str, Any]:
        """The next page; raise Away for what may pass, Said for what will not."""
        self.token = self.token or self.login()
        answer = self.client.events(self.token, self.cursor, self.types)
        if answer.status == 401:
            self.token = self.login()
            answer = self.client.events(self.token, self.cursor, self.types)
        return _page(answer)


@command.command("tail")
@click.option("--types", help="Only these, with commas; 'complaint.*' for all of a kind.")
@click.option("--after", "after", metavar="CURSOR", help="Where to go on: the 'next' of a page. Default: the beginning.")
@click.option("--cursor-file", type=click.Path(path_type=Path), help="Go on where this file says, and keep it up to date.")
@click.option("--follow/--once", default=True, help="Wait for more (default), or end with the last event there is.")
@click.option("--url", help="The system; default http://127.0.0.1 on CASEWRIGHT_PORT (8080).")
@click.option("--token-file", type=click.Path(path_type=Path), help="A file that holds a bearer token.")
@click.option("--username", help="Log in; the password comes from CASEWRIGHT_PASSWORD or is asked for.")
@click.option("--json", "as_json", is_flag=True, help="One CloudEvent a line, for machines.")
def tail(
    types: str | None, after: str | None, cursor_file: Path | None, follow: bool, url: str | None,
    token_file: Path | None, username: str | None, as_json: bool,
) -> None:  # fmt: skip
    """Print one line an event: position, time, type, reference, stage.

    Without credentials the demo auditor of the data folder is taken, where there is one.
    A system that is away is asked again until it answers; no event is left out or, with --cursor-file, printed again
    (but for the page under way when it was killed).

    \b
    Examples:
      casewright events tail
      casewright events tail --types 'complaint.*,return.closed' --once
      CASEWRIGHT_PASSWORD=secret casewright events tail --username audrey --cursor-file last --json
    """
    if after and cursor_file and cursor_file.exists():
        raise click.UsageError("Either --after, or a --cursor-file that is there already.")
    config = settings()
    client = Client(url or f"http://{config.host}:{config.port}")
    wanted = tuple(name.strip() for name in (types or "").split(",") if name.strip())
    login = _login(client, config.data, token_file, username)
    feed = Feed(client, login, wanted, after or _kept(cursor_file))
    try:
        for page in _pages(feed, follow):
            for event in page["events"]:
                click.echo(json.dumps(event, ensure_ascii=False) if as_json else _line(event))
            feed.cursor = page["next"]
            _keep(cursor_file, feed.cursor)
    except Said as said:
        raise click.ClickException(str(said)) from None
    except Away as away:
        raise CouldNot(str(away)) from None
    except KeyboardInterrupt:
        sys.exit(130)


def _pages(feed: Feed, follow: bool) -> Iterator[dict[str, Any]]:
    """Page after page; pauses double, up to half a minute, while nobody answers."""
    failed = 0
    while True:
        try:
            page = feed.page()
        except Away as away:
            failed += 1
            if not follow and failed >= ATTEMPTS:
                raise
            if failed == 1:
                click.echo(f"{away}; trying again", err=True)
            time.sleep(min(0.5 * 2 ** (failed - 1), LONGEST))
            continue
        failed = 0
        yield page
        if not page["more"]:
            if not follow:
                return
            time.sleep(0 if page["events"] else QUIET)


def _page(answer: Answer) -> dict[str, Any]:
    if answer.status >= 500 or answer.status == 429:
        raise Away(answer.words)
    if answer.status != 200:
        raise Said(answer.words)
    if not isinstance(answer.body, dict) or not {"events", "next", "more"} <= set(answer.body):
        raise Said("what answers there is not Casewright")
    return answer.body


def _line(event: dict[str, Any]) -> str:
    data, kind = event.get("data", {}), routing_key(event["type"])
    reference = data.get("reference", event["subject"])
    return f"{event['position']:>6}  {event['time']}  {kind:<24}  {reference}  {data.get('stage', '')}".rstrip()


def _login(client: Client, data: Path, token_file: Path | None, username: str | None) -> Callable[[], str]:
    """How to get a token: from a file, with a password, or as the demo auditor. Raises CouldNot."""
    if token_file is not None:
        return lambda: _token(token_file)
    if username is None:
        try:
            auditor = next(person for person in demo_people(data) if "auditor" in person["roles"])
        except (Said, StopIteration):
            raise CouldNot("say who you are: --username or --token-file (there is no demo auditor in the data folder)") from None
        return lambda: client.login(auditor["username"], auditor["password"])
    password = os.environ.get("CASEWRIGHT_PASSWORD") or click.prompt("Password", hide_input=True, err=True)
    return lambda: client.login(username, password)


def _token(path: Path) -> str:
    """Read anew each time: whoever renews tokens writes the file."""
    try:
        return path.read_text(encoding="ascii").strip()
    except (OSError, ValueError) as error:
        raise Said(f"{path}: {getattr(error, 'strerror', None) or 'no token'}") from None


def _kept(path: Path | None) -> str:
    try:
        return path.read_text(encoding="ascii").strip() if path is not None and path.exists() else ""
    except (OSError, ValueError):
        raise CouldNot(f"{path} holds no cursor that can be read") from None


def _keep(path: Path | None, cursor: str) -> None:
    """Write the cursor beside its place and put it there whole."""
    if path is None:
        return
    try:
        draft = path.with_name(f"{path.name}.{os.getpid()}.part")
        draft.write_text(cursor + "\n", encoding="ascii")
        draft.replace(path)
    except OSError as error:
        raise CouldNot(f"{path}: {error.strerror}") from None
