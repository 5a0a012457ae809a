"""The rules of the house as tests: who may import whom, which rooms there are, and that prose and data are in step."""

import ast
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import click
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from click.testing import CliRunner
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from deploy.cli import VERBS, main
from deploy.services import MAKERS, all_services
from deploy.temporary import running
from services.complaints import policy
from services.gateway.app import gateway
from shared.assembly import GATEWAY, Service
from shared.clocks import Calendar
from shared.config import Config
from shared.identity import ROLES
from shared.migrate import upgrade
from shared.outbox import routing_key
from shared.procedure import Procedure

HOME = Path(__file__).resolve().parent.parent
CODE = ("shared", "services", "deploy")
CASE_SERVICES = sorted(MAKERS)
HAN = re.compile("[一-鿿]")

ROOMS = {
    "__init__.py", "README.md", "procedure.py", "policy.py", "model.py", "store.py", "schemas.py", "service.py",
    "handlers.py", "routes.py", "app.py", "migrations",
}  # fmt: skip
"""What every case service has."""
SIDE_ROOMS = {"imports.py"}
"""What a case service may have besides: where there is something to import."""

LOOKS_AT = {
    "policy": set(),
    "model": set(),
    "schemas": set(),
    "procedure": {"policy", "model", "schemas"},
    "store": {"model"},
    "service": {"procedure", "policy", "model", "schemas", "store"},
    "handlers": {"service"},
    "imports": {"procedure", "policy", "model", "schemas"},
    "routes": {"service"},
    "app": {"policy", "store", "service", "handlers", "routes", "imports"},
}
"""Which rooms of its own service a room may look at; arrows never turn back."""

TABLES = {
    "shared/columns.py": "the column types that both databases need",
    "shared/deadlines.py": "the table of clocks",
    "shared/history.py": "the table of entries",
    "shared/idempotency.py": "the table of keys",
    "shared/inbox.py": "the table of marks",
    "shared/ledger.py": "all tables of the kernel side by side",
    "shared/links.py": "the table of customers' links",
    "shared/lists.py": "keyset pages over a store's table",
    "shared/migrate.py": "brings tables up to date",
    "shared/outbox.py": "the table of events",
    "shared/reading.py": "hands a connection to stores",
    "shared/refusals.py": "the table of refused acts",
    "shared/store.py": "the table of cases",
    "shared/uow.py": "transactions",
    "shared/words.py": "the full-text index",
}
"""The modules besides each store.py that may know SQLAlchemy, each with its reason."""
ONLY_ITS_ERRORS = {
    "shared/casework.py": "two who open the same case at once: the database decides who was first",
    "shared/importing.py": "an import and a person, likewise",
    "shared/web_cases.py": "two requests of one key for a link, likewise",
    "services/gateway/directory.py": "two who take the same username at once, likewise",
    "deploy/installation.py": "a database that cannot be read is told in one line",
    "deploy/cli/export_.py": "likewise",
    "deploy/cli/verify_.py": "likewise",
}
"""The modules that may know what SQLAlchemy raises, and nothing else of it."""
READS_AT_IMPORT = {"deploy.gunicorn_settings": "a settings file of gunicorn's, which runs it and nobody imports it"}


# Reading the code ---------------------------------------------------------------------------------------------------


@cache
def files(*folders: str) -> tuple[Path, ...]:
    """All Python files of these folders, by their path from the checkout."""
    found = (path.relative_to(HOME) for folder in folders for path in (HOME / folder).rglob("*.py"))
    return tuple(sorted(path for path in found if "__pycache__" not in path.parts))


@cache
def tree(path: Path) -> ast.Module:
    """A file as Python reads it."""
    return ast.parse((HOME / path).read_text(encoding="utf-8"))


@cache
def imports(path: Path) -> frozenset[str]:
    """Every name that a file imports, wherever in it: `from a.b import c` gives a.b and a.b.c."""
    names: set[str] = set()
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            above = path.parent.parts[: len(path.parent.parts) - node.level + 1] if node.level else ()
            module = ".".join((*above, *([node.module] if node.module else [])))
            names |= {module, *(f"{module}.{alias.name}" for alias in node.names)}
    return frozenset(names)


def importers(package: str, *folders: str) -> set[str]:
    """The files that import a package or anything in it."""
    return {
        str(path)
        for path in files(*folders)
        if any(name.split(".")[: package.count(".") + 1] == package.split(".") for name in imports(path))
    }


def service_of(path: Path) -> str:
    """The service in whose folder a file lies."""
    return path.parts[1] if len(path.parts) > 2 else ""


# Who may import whom ------------------------------------------------------------------------------------------------


def test_a_service_imports_no_other_service() -> None:
    names = {path.name for path in (HOME / "services").iterdir() if path.is_dir()}
    for path in files("services"):
        others = {f"services.{name}" for name in names - {service_of(path)}}
        assert not {name for name in imports(path) if ".".join(name.split(".")[:2]) in others}, path


@pytest.mark.parametrize(
    ("folder", "strangers"),
    [("shared", ("services", "deploy", "tests")), ("services", ("deploy", "tests")), ("deploy", ("tests",))],
)
def test_arrows_between_the_parts_never_turn_back(folder: str, strangers: tuple[str, ...]) -> None:
    for path in files(folder):
        assert not {name for name in imports(path) if name.split(".")[0] in strangers}, path


@pytest.mark.parametrize("service", CASE_SERVICES)
def test_arrows_between_the_rooms_of_a_service_never_turn_back(service: str) -> None:
    for room, seen in LOOKS_AT.items():
        path = Path("services", service, f"{room}.py")
        if (HOME / path).exists():
            rooms = {name.split(".")[2] for name in imports(path) if name.startswith(f"services.{service}.")}
            assert rooms <= seen, path


def test_nobody_but_deploy_and_tests_imports_an_app() -> None:
    for path in files("services", "shared"):
        apps = {name for name in imports(path) if re.fullmatch(r"services\.\w+\.app(\..*)?", name)}
        assert not apps, path


def test_flask_is_known_only_at_the_doors() -> None:
    doors = re.compile(r"services/\w+/(routes|app)\.py|services/gateway/\w+\.py|shared/web\w*\.py|shared/assembly\.py")
    for package in ("flask", "werkzeug"):
        assert {path for path in importers(package, *CODE) if not doors.fullmatch(path)} == set()


def test_sqlalchemy_is_known_only_in_stores_tables_and_migrations() -> None:
    stores = re.compile(r"services/\w+/store\.py|.*/migrations/.*")
    knowing = {path for path in importers("sqlalchemy", *CODE) if not stores.fullmatch(path)}
    assert knowing - set(TABLES) - set(ONLY_ITS_ERRORS) == set()


@pytest.mark.parametrize("path", ONLY_ITS_ERRORS)
def test_who_knows_the_errors_of_sqlalchemy_knows_nothing_else_of_it(path: str) -> None:
    known = {name for name in imports(Path(path)) if name.split(".")[0] == "sqlalchemy"}
    assert all(name.startswith("sqlalchemy.exc") for name in known)


def test_the_lists_of_exceptions_name_nobody_who_needs_none() -> None:
    assert (set(TABLES) | set(ONLY_ITS_ERRORS)) - importers("sqlalchemy", *CODE) == set()


@pytest.mark.parametrize(
    ("package", "homes"),
    [
        ("kombu", {"shared/bus.py"}),
        ("amqp", {"shared/bus.py"}),
        ("transitions", {"shared/procedure.py"}),
        ("alembic", {"shared/migrate.py"}),
        ("jwt", {"shared/identity.py"}),
        ("argon2", {"services/gateway/directory.py"}),
        ("holidays", {"shared/clocks.py"}),
        ("gunicorn", set()),
    ],
)
def test_a_package_has_one_home(package: str, homes: set[str]) -> None:
    assert {path for path in importers(package, *CODE) if "/migrations/" not in path} <= homes


# The one door -------------------------------------------------------------------------------------------------------


def assigned(node: ast.AST) -> Iterator[ast.expr]:
    """What a statement assigns to, tuples taken apart."""
    targets: list[ast.expr] = []
    if isinstance(node, ast.Assign | ast.Delete):
        targets = list(node.targets)
    elif isinstance(node, ast.AugAssign | ast.AnnAssign):
        targets = [node.target]
    for target in targets:
        yield from (inner for inner in ast.walk(target) if isinstance(inner, ast.expr))


def moves(node: ast.AST) -> bool:
    """Whether a node sets the stage of something: by assignment, `setattr` or `replace`."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        if name in ("setattr", "__setattr__"):
            return any(isinstance(argument, ast.Constant) and argument.value == "stage" for argument in node.args)
        return name == "replace" and any(keyword.arg == "stage" for keyword in node.keywords)
    return any(isinstance(target, ast.Attribute) and target.attr == "stage" for target in assigned(node))


def test_the_stage_of_a_case_is_set_in_one_place() -> None:
    found = {str(path) for path in files(*CODE) for node in ast.walk(tree(path)) if moves(node)}
    assert found == {"shared/case.py"}


@pytest.mark.parametrize(
    "code",
    ["case.stage = 'x'", "a, case.stage = 1, 2", "case.stage += 'x'", "setattr(case, 'stage', 'x')", "replace(case, stage='x')"],
)
def test_this_file_sees_each_way_to_set_a_stage(code: str) -> None:
    assert any(moves(node) for node in ast.walk(ast.parse(code)))


# Rooms --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("service", CASE_SERVICES)
def test_every_case_service_has_the_same_rooms_and_none_besides(service: str) -> None:
    rooms = {path.name for path in (HOME / "services" / service).iterdir() if path.name != "__pycache__"}
    assert rooms >= ROOMS
    assert rooms - ROOMS - SIDE_ROOMS == set()


def test_every_service_with_a_procedure_is_put_together_by_deploy() -> None:
    assert sorted(path.parent.name for path in (HOME / "services").glob("*/procedure.py")) == CASE_SERVICES


def test_every_module_says_what_it_is() -> None:
    for path in files(*CODE):
        if path.name != "__init__.py" or "migrations" not in path.parts:  # those two are empty: Alembic loads by path
            assert ast.get_docstring(tree(path)), path


def test_no_module_is_called_what_says_nothing() -> None:
    nothing = {"utils", "util", "common", "helpers", "helper", "base", "manager", "misc", "core"}
    assert {str(path) for path in files(*CODE) if path.stem.strip("_") in nothing} == set()


# Importing ----------------------------------------------------------------------------------------------------------

WATCH = """
import importlib, json, os, sys, time

MODULES, HOUSE, seen = sys.argv[1].split(), sys.argv[2].split(), []

def ours():  # the module whose body runs now is one of ours, not a package that it imports
    frame = sys._getframe(2)
    while frame.f_code.co_name != "<module>":
        frame = frame.f_back
    return frame.f_globals["__name__"].split(".")[0] in HOUSE

class Environment(type(os.environ)):
    def __getitem__(self, key):
        if key.startswith("CASEWRIGHT_") and ours():
            seen.append(f"{module} reads {key}")
        return super().__getitem__(key)

OUTWARD = {"socket.connect", "socket.bind", "socket.getaddrinfo", "sqlite3.connect", "subprocess.Popen", "os.mkdir"}

def audit(event, arguments):
    if event in OUTWARD and ours():
        seen.append(f"{module}: {event}")

CLOCKS = {"time", "monotonic", "perf_counter", "time_ns", "monotonic_ns", "now", "utcnow", "today"}

def calls(frame, event, called):
    if event == "c_call" and called.__name__ in CLOCKS and frame.f_globals.get("__name__", "").split(".")[0] in HOUSE:
        if getattr(called, "__module__", None) == "time" or called.__qualname__.split(".")[0] in ("datetime", "date"):
            seen.append(f"{module} reads the clock: {frame.f_globals['__name__']}, line {frame.f_lineno}")

os.environ.__class__ = Environment
module = "none"
sys.addaudithook(audit)
sys.setprofile(calls)
for module in MODULES:
    importlib.import_module(module)
sys.setprofile(None)
print(json.dumps(seen))
"""


def watched(modules: list[str], house: tuple[str, ...], folder: Path) -> list[str]:
    """Import modules in a process of their own, and return what they did besides; `house` are the packages that are ours."""
    done = subprocess.run(
        [sys.executable, "-c", WATCH, " ".join(modules), " ".join(house)],
        cwd=folder,
        env={"PYTHONPATH": f"{HOME}:{folder}", "PYTHONDONTWRITEBYTECODE": "1", "CASEWRIGHT_PORT": "none"},
        capture_output=True,
        text=True,
        check=True,
    )
    seen: list[str] = json.loads(done.stdout)
    return seen


def test_nothing_connects_or_reads_environment_or_clock_at_import(tmp_path: Path) -> None:
    paths = [path for path in files(*CODE) if "migrations" not in path.parts]
    modules = [".".join(path.with_suffix("").parts).removesuffix(".__init__") for path in paths]
    assert len(modules) > 60
    assert watched([module for module in modules if module not in READS_AT_IMPORT], CODE, tmp_path) == []


@pytest.mark.parametrize(
    ("code", "said"),
    [
        ("import os; os.environ.get('CASEWRIGHT_PORT')", "reads CASEWRIGHT_PORT"),
        ("import os; os.getenv('CASEWRIGHT_DATA')", "reads CASEWRIGHT_DATA"),
        ("import sqlite3; sqlite3.connect(':memory:').close()", "sqlite3.connect"),
        ("import socket; socket.socket().bind(('127.0.0.1', 0))", "socket.bind"),
        ("from datetime import UTC, datetime\nat = datetime.now(UTC)", "reads the clock"),
        ("import time\nclass A:\n    at = time.monotonic()", "reads the clock"),
    ],
)
def test_the_watch_at_import_sees_what_it_is_there_for(tmp_path: Path, code: str, said: str) -> None:
    (tmp_path / "probe.py").write_text(code)
    assert any(said in line for line in watched(["probe"], ("probe",), tmp_path))


# Data ---------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def services(tmp_path_factory: pytest.TempPathFactory) -> list[Service]:
    """Every case service, put together and connected to nothing."""
    return all_services(Config(data=tmp_path_factory.mktemp("data")))


@pytest.fixture(scope="module")
def procedures(services: list[Service]) -> list[Procedure]:
    """Every version of every procedure."""
    found = [service.desk.work.procedures for service in services if service.desk]
    return [procedure for versions in found for procedure in versions.versions.values()]


def announced(procedures: list[Procedure]) -> set[str]:
    """Every event that a step or the directory of staff announces, by its routing key."""
    steps = {f"{procedure.name}.{step.event}" for procedure in procedures for step in procedure.steps}
    texts = (node.value for node in ast.walk(tree(Path("services/gateway/directory.py"))) if isinstance(node, ast.Constant))
    return steps | {routing_key(text) for text in texts if isinstance(text, str) and text.startswith("casewright.")}


def test_every_event_that_is_listened_for_is_announced_by_somebody(services: list[Service], procedures: list[Procedure]) -> None:
    assert "staff.recorded" in announced(procedures)
    for service in services:
        assert set(service.handlers) <= announced(procedures), service.name


def test_every_guard_gives_its_reason_in_a_sentence(procedures: list[Procedure]) -> None:
    for procedure in procedures:
        for step in procedure.steps:
            for guard in step.guards:
                assert re.fullmatch(r"[A-Z].*\.", guard.reason), (step.trigger, guard.name)


def test_stages_steps_procedures_and_roles_have_titles_in_english_and_chinese(procedures: list[Procedure]) -> None:
    for procedure in procedures:
        for title in (procedure.title, *(stage.title for stage in procedure.stages), *(step.title for step in procedure.steps)):
            assert title.en.strip(), title
            assert not HAN.search(title.en), title
            assert HAN.search(title.zh), title
    for english, chinese in ROLES.values():
        assert english.strip()
        assert HAN.search(chinese)


def test_every_trigger_is_an_imperative_and_no_event_is_its_trigger(procedures: list[Procedure]) -> None:
    for procedure in procedures:
        for step in procedure.steps:
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", step.trigger)
            assert re.fullmatch(r"[a-z]+(_[a-z]+)*", step.event)
            assert step.event != step.trigger


@pytest.mark.parametrize("name", [GATEWAY, *CASE_SERVICES])
def test_the_migrations_make_exactly_the_declared_tables(name: str, tmp_path: Path) -> None:
    config = Config(data=tmp_path)
    service = gateway(config, {}, {}).service if name == GATEWAY else MAKERS[name](config)
    upgrade(service.database, name)

    def is_ours(_: Any, table: str | None, kind: str, *__: Any) -> bool:
        return kind != "table" or "_words" not in str(table)  # full-text indexes are made by hand (shared/words.py)

    with service.database.engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "include_object": is_ours}
        differences = compare_metadata(MigrationContext.configure(connection, opts=options), service.ledger.metadata)
    service.database.close()
    assert differences == []


# Prose --------------------------------------------------------------------------------------------------------------

PROSE = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")
GUIDES = ("README.md", "CONTRIBUTING.md", *(f"services/{name}/README.md" for name in (GATEWAY, *CASE_SERVICES)))


@cache
def prose(path: str) -> str:
    """A page of the house."""
    return (HOME / path).read_text(encoding="utf-8")


FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.DOTALL | re.MULTILINE)


def written_code(path: str) -> list[str]:
    """The lines of all code in a page: fenced blocks but for diagrams, and spans between backticks."""
    fenced = [block for language, block in FENCED.findall(prose(path)) if language != "mermaid"]
    spans = re.findall(r"`([^`\n]+)`", FENCED.sub("", prose(path)))
    return [line.strip() for block in fenced for line in block.replace("\\\n", " ").splitlines()] + spans


def makes(path: str) -> set[str]:
    """The verbs of `make` that a page names."""
    return {verb for line in written_code(path) for verb in re.findall(r"(?:^|[;&] )make ([a-z][a-z-]*)", line)}


def commands(path: str) -> list[list[str]]:
    """The `casewright` commands that a page names, word by word; up to a pipe, a redirection or a remark."""
    found = [re.search(r"(?:^|[ /(])casewright( [a-z][^|>#&;)]*)", line) for line in written_code(path)]
    return [match[1].split() for match in found if match]


@pytest.mark.parametrize("path", GUIDES)
def test_every_make_verb_that_a_page_names_is_a_target(path: str) -> None:
    targets = set(re.findall(r"^([a-z][a-z-]*):", prose("Makefile"), re.MULTILINE))
    assert makes(path) <= targets


@pytest.mark.parametrize("path", GUIDES)
def test_every_command_that_a_page_names_exists_with_its_options(path: str) -> None:
    for words in commands(path):
        command: click.Command = main
        context = click.Context(main)
        while isinstance(command, click.Group) and words and not words[0].startswith("-"):
            inner = command.get_command(context, words.pop(0))
            assert inner, (path, words)
            command = inner
        known = {option for parameter in command.params for option in parameter.opts + parameter.secondary_opts} | {
            "--help",
            "--version",
        }
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= known, (path, command.name, words)


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_stands_in_the_readme(verb: str) -> None:
    shown = CliRunner().invoke(main, [verb, "--help"])
    assert (shown.exit_code, shown.exception) == (0, None)
    assert f"casewright {verb}" in prose("README.md")


def test_the_readme_shows_the_two_commands_first() -> None:
    assert {"run", "test"} <= makes("README.md")
    text = prose("README.md")
    assert text.index("make run") < text.index("make test") < text.index("casewright demo")


@pytest.mark.parametrize("path", [*PROSE, *GUIDES[2:]])
def test_every_link_of_a_page_leads_somewhere(path: str) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose(path)):
        assert target.startswith("https://") or (HOME / path).parent.joinpath(target).exists(), target


def test_every_setting_that_the_readme_names_is_read_somewhere() -> None:
    read = "".join((HOME / path).read_text(encoding="utf-8") for path in files("deploy", "shared", "tests"))
    named = set(re.findall(r"CASEWRIGHT_[A-Z_]+[A-Z]", prose("README.md")))
    assert {"CASEWRIGHT_PORT", "CASEWRIGHT_DATA", "CASEWRIGHT_HOST"} <= named
    assert {name for name in named if f'"{name}"' not in read and f"'{name}'" not in read} == set()


def blocks(path: str, language: str) -> list[str]:
    """The fenced blocks of a language in a page."""
    return [block for found, block in FENCED.findall(prose(path)) if found == language]


@pytest.mark.skipif(not (shutil.which("bash") and shutil.which("curl")), reason="the examples are for a shell with curl")
def test_the_examples_of_the_readme_run_one_after_another_as_they_stand(tmp_path: Path) -> None:
    strict = 'set -euo pipefail\ncurl() { command curl --fail-with-body "$@"; }\n'
    with running(tmp_path / "data") as system:
        environment = {
            **os.environ,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "CASEWRIGHT_DATA": str(system.data),
            "CASEWRIGHT_PORT": system.url.rsplit(":", 1)[1],
            "TMPDIR": str(tmp_path),
        }
        script = strict + "\n".join(blocks("README.md", "sh"))
        done = subprocess.run(["bash", "-c", script], check=False, env=environment, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    assert "all good" in done.stdout
    assert "complaint.assigned" in done.stdout
    assert "created 2" in done.stdout
    assert "unchanged 2" in done.stdout


def test_the_settings_files_in_the_readme_are_taken(tmp_path: Path) -> None:
    figures, calendar = blocks("README.md", "toml")
    (tmp_path / "complaints.toml").write_text(figures, encoding="utf-8")
    assert policy.load(tmp_path / "complaints.toml").base_currency == "CNY"
    day = Calendar.from_mapping(tomllib.loads(calendar))
    lunch = datetime(2026, 11, 23, 12, 15, tzinfo=ZoneInfo(day.zone))
    assert day.elapsed(lunch, lunch + timedelta(hours=1)) == timedelta()
    assert day.elapsed(lunch, lunch + timedelta(hours=2)) == timedelta(minutes=45)


def test_the_readme_names_every_figure_of_the_policy() -> None:
    assert {name for name in policy.Policy.__dataclass_fields__ if f"`{name}`" not in prose("README.md")} == set()


def test_the_readme_says_why_each_dependency_is_there() -> None:
    text = prose("README.md")
    assert {need.name for need in needs("run") + needs("dev") if f"| `{need.name}` |" not in text} == set()


def test_the_readmes_of_the_services_are_in_step_with_their_procedures() -> None:
    result = CliRunner().invoke(main, ["docs", "--check"])
    assert result.exit_code == 0, result.output


def test_the_changelog_begins_with_the_version_that_this_is() -> None:
    versions = re.findall(r"^## \[?(\d+\.\d+\.\d+)\]?", prose("CHANGELOG.md"), re.MULTILINE)
    assert versions[0] == project()["version"]


# Locks --------------------------------------------------------------------------------------------------------------


@cache
def pyproject() -> dict[str, Any]:
    """The declaration of the project."""
    return tomllib.loads(prose("pyproject.toml"))


def project() -> dict[str, Any]:
    """Its table [project]."""
    table: dict[str, Any] = pyproject()["project"]
    return table


def needs(which: str) -> list[Requirement]:
    """What is asked for to run, to develop, or to build."""
    asked = {
        "run": project()["dependencies"],
        "dev": project()["optional-dependencies"]["dev"],
        "build": pyproject()["dependency-groups"]["build"],
    }[which]
    return [Requirement(text) for text in asked]


def locked(which: str) -> dict[str, str]:
    """What a lock installs, by name."""
    pairs = re.findall(r"^([A-Za-z0-9._-]+)(?:\[[^\]]*\])?==([^\s;]+)", prose(f"requirements/{which}.lock"), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in pairs}


@pytest.mark.parametrize(("lock", "asked"), [("run", ("run", "build")), ("dev", ("run", "build", "dev"))])
def test_the_lock_holds_every_dependency_in_a_version_that_was_asked_for(lock: str, asked: tuple[str, ...]) -> None:
    have = locked(lock)
    for need in [need for which in asked for need in needs(which)]:
        assert need.specifier.contains(have[canonicalize_name(need.name)]), need


def test_the_tools_are_locked_on_top_of_what_runs() -> None:
    assert locked("run").items() <= locked("dev").items()


@pytest.mark.parametrize("lock", ["run", "dev"])
def test_a_lock_has_hashes_and_names_no_host_or_path(lock: str) -> None:
    text = prose(f"requirements/{lock}.lock")
    for block in re.split(r"\n(?=\S)", text.strip()):
        assert "--hash=sha256:" in block, block[:60]
    assert not re.search(r"://|@ |--index|--find|^-|/\w+/", text, re.MULTILINE)
