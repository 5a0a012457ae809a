"""`casewright demo`: one complaint played through the HTTP API by everybody who has a hand in it."""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from deploy import demo_staff
from deploy.client import Answer, Away, Client, Said, demo_people
from deploy.demo_story import STORY, Act, Scene
from deploy.installation import CouldNot, settings
from deploy.temporary import NotStarted, running
from shared.config import Config

PAUSE = 1.2
"""Seconds between acts, for reading along."""
WIDE = 100
"""How many characters of a body are shown."""


class Departed(Exception):
    """Something came out otherwise than the story has it."""


@dataclass
class Play:
    """The story on one system: who plays whom, and what is known so far."""

    client: Client
    people: list[dict[str, Any]]
    scene: Scene = field(default_factory=Scene)
    _tokens: dict[str, str] = field(default_factory=dict)

    def act(self, act: Act) -> Answer:
        """Send an act's request and check what comes of it. Raises Departed."""
        seen = self.version(act)
        body = act.body(self.scene) if act.body else None
        answer = self.client.call(act.method, self.path(act), body, self._token(act.who), **({"If_Match": seen} if seen else {}))
        self._check(act, answer)
        self._learn(act, answer)
        return answer

    def path(self, act: Act) -> str:
        """The address of an act."""
        if act.path.startswith("//"):
            return act.path[1:].replace("{id}", self.scene.case.get("id", ""))
        return f"/complaints/{self.scene.case['id']}{act.path}"

    def version(self, act: Act) -> str | None:
        """The If-Match of an act that moves the case: the version last seen, or an older one."""
        moves = act.method == "POST" and act.path not in ("//complaints", "/links")
        return f'"{self.scene.case["version"] - act.stale}"' if moves else None

    def who(self, act: Act) -> tuple[str, str]:
        """Name and role of the person who acts."""
        if act.who == "link":
            return "Arthur Dent", "the customer"
        return self._person(act.who)["name"], act.who.partition("/")[0]

    def _person(self, who: str) -> dict[str, Any]:
        role, _, which = who.partition("/")
        number, department = (int(which), "") if which.isdigit() else (0, which)
        fit = [person for person in self.people if role in person["roles"] and department in ("", person["department"])]
        try:
            return fit[number]
        except IndexError:
            raise Said(f"the story needs somebody for '{who}' among the demo staff") from None

    def _token(self, who: str) -> str:
        if who == "link":
            return self.scene.link
        if who not in self._tokens:
            person = self._person(who)
            self._tokens[who] = self.client.login(person["username"], person["password"])
        return self._tokens[who]

    def _check(self, act: Act, answer: Answer) -> None:
        if answer.status != act.status:
            raise Departed(f"expected {act.status}, and {answer.status} came: {answer.words}")
        if act.stage is not None and answer.body["stage"] != act.stage:
            raise Departed(f"expected the stage {act.stage}, and it is {answer.body['stage']}")
        if act.code is not None and answer.body["code"] != act.code:
            raise Departed(f"expected to be refused as {act.code}, and it was {answer.body['code']}")
        if act.shows == "verified" and not answer.body["ok"]:
            raise Departed(f"the chain does not verify: {answer.body}")

    def _learn(self, act: Act, answer: Answer) -> None:
        if act.stage is not None:
            self.scene.case = answer.body
            self.scene.offers = answer.body["offers"] or self.scene.offers
        if act.shows == "link":
            self.scene.link = answer.body["token"]


@click.command("demo")
@click.option("--url", help="A running system; default the one on CASEWRIGHT_PORT, else one made for the occasion.")
@click.option("--staff", type=click.Path(path_type=Path), help="Its demo-staff.json; default the one in CASEWRIGHT_DATA.")
@click.option("--fast", is_flag=True, help="Without pauses for reading along.")
def command(url: str | None, staff: Path | None, fast: bool) -> None:
    """Play one complaint from the telephone call to the audit, and say at each step who does what and why.

    Shows each request and what came back, refusals included. Where no system runs, one is started
    in a folder of its own and removed afterwards.

    \b
    Examples:
      casewright demo
      casewright demo --fast
      casewright demo --url http://127.0.0.1:9000 --staff /srv/casewright/demo-staff.json

    Exit code: 0 the story went as told, 1 something departed from it, 2 it could not begin.
    """
    try:
        with _system(settings(), url, staff) as (client, people):
            _play(Play(client, people), 0 if fast else PAUSE)
    except Departed as departed:
        raise click.ClickException(f"this is not how the story goes: {departed}") from None
    except (Said, Away, NotStarted) as error:
        raise CouldNot(str(error)) from None
    except KeyboardInterrupt:
        sys.exit(130)


@contextmanager
def _system(config: Config, url: str | None, staff: Path | None) -> Iterator[tuple[Client, list[dict[str, Any]]]]:
    """The system named, the one that runs here, or one of our own for as long as it is needed."""
    file = staff or config.data / demo_staff.FILE
    client = Client(url or f"http://{config.host}:{config.port}")
    if url is not None and not client.ready():
        raise CouldNot(f"no Casewright is ready at {url}")
    if url is not None or staff is not None or (file.exists() and client.ready()):
        yield client, demo_people(file)
        return
    with tempfile.TemporaryDirectory(prefix="casewright-demo-") as folder:
        click.echo("No system runs here: one is started for the occasion.")
        with running(Path(folder) / "data") as system:
            yield Client(system.url), demo_people(system.data)


def _play(play: Play, pause: float) -> None:
    click.echo(f"The system is at {play.client.url}, its documents at {play.client.url}/docs.")
    for number, act in enumerate(STORY, 1):
        name, role = play.who(act)
        click.echo(f"\n{number}. {click.style(name, bold=True)} ({role}) {act.does}.")
        click.echo(click.style(f"   {_request(play, act)}", fg="cyan"))
        for line in _shown(act, play.act(act)):
            click.echo(f"   {line}")
        time.sleep(pause)
    click.echo(
        f"\nDone: {len(STORY)} acts, {sum(act.code is not None for act in STORY)} of them refused with a reason, as they should be."
    )


def _request(play: Play, act: Act) -> str:
    seen, body = play.version(act), act.body(play.scene) if act.body else None
    parts = (f"{act.method} {play.path(act)}", seen and f"If-Match: {seen}", _short(body))
    return "  ".join(part for part in parts if part)


def _shown(act: Act, answer: Answer) -> list[str]:
    if act.code is not None:
        lines = [click.style(f"refused: {answer.status} {answer.body['code']}", fg="yellow") + f" {answer.body['detail']}"]
        current = answer.body.get("current_offer")
        return [*lines, f"the current offer is number {current['number']}: {current['text']}"] if current else lines
    return SHOWN[act.shows](answer)


def _stage(answer: Answer) -> list[str]:
    case = answer.body
    owner = case["owner"] or {}
    whose = " ".join(filter(None, (owner.get("role"), owner.get("department"), owner.get("person"))))
    waits = f"lies with: {whose}, due {case['due_at'][:16]}" if case["open"] else "closed"
    told = f"customer told: {'yes' if case['told']['told'] else 'not yet'}"
    return [
        f"{answer.status} {case['reference']} version {case['version']}: {click.style(case['stage'], bold=True)}, {waits}, {told}"
    ]


def _link(answer: Answer) -> list[str]:
    return [f"{answer.status} {answer.body['url'][: WIDE - 20]}…  until {answer.body['expires_at'][:10]}"]


def _why(answer: Answer) -> list[str]:
    steps = {step["trigger"]: step for step in answer.body["steps"]}
    wanted = [steps[trigger] for trigger in ("assign", "propose", "withdraw")]
    return [f"{s['trigger']}: {'possible' if s['possible'] else 'grey'}. {s['because'][0]['detail']}" for s in wanted]


def _history(answer: Answer) -> list[str]:
    return [
        f"{e['seq']:>3}  {e['at'][:19]}  {e['trigger']:<10} {e['from'] or '–':<16} → {e['to']:<16} "
        f"{e['actor']['name']:<16} {e['hash'][7:15]}…"
        for e in answer.body["entries"]
    ]


def _refusals(answer: Answer) -> list[str]:
    return [f"{item['at'][:19]}  {item['actor']} tried {item['trigger']}: {item['code']}" for item in answer.body["items"]]


def _verified(answer: Answer) -> list[str]:
    return [f"{answer.status} {answer.body['entries']} entries, chain, events and fold: all good; head {answer.body['head'][:23]}…"]


SHOWN = {"stage": _stage, "link": _link, "why": _why, "history": _history, "refusals": _refusals, "verified": _verified}
"""How each kind of answer is told in a line or a few."""


def _short(body: Any) -> str:
    if body is None:
        return ""
    text = json.dumps(body, ensure_ascii=False)
    return text if len(text) <= WIDE else text[: WIDE - 1] + "…"
