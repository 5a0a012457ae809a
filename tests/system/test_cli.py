"""The verbs of the `casewright` command, as people and scripts meet them."""

import json
import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import click
import psycopg
import pytest
from click.testing import CliRunner, Result

from deploy.cli import VERBS, main
from deploy.client import Client, demo_people
from services.complaints import policy
from tests.house import Desk, System, a_complaint

WRITTEN = tuple(verb for verb in VERBS if verb not in ("up", "import"))


def casewright(*arguments: Any, data: Path | None = None, stdin: str | None = None, **environment: str) -> Result:
    """Run the command in this process; whatever it raises besides an exit code fails the test."""
    settings = {"CASEWRIGHT_DATA": str(data), **environment} if data else environment
    result = CliRunner().invoke(main, [str(a) for a in arguments], input=stdin, env=settings)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with three complaints; tests copy it."""
    folder = tmp_path_factory.mktemp("kept") / "data"
    folder.mkdir()
    system = System(folder)
    desk = Desk(system)
    for stage in ("evaluated", "proposed", "recorded"):
        desk.at(stage)
    system.settle()
    system.close()
    return folder


@pytest.fixture
def data(kept: Path, tmp_path: Path) -> Path:
    return shutil.copytree(kept, tmp_path / "data")


# Help --------------------------------------------------------------------------------------------------------------


def _commands(name: str, command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield (*path, name)
    if isinstance(command, click.Group):
        for inner, verb in command.commands.items():
            yield from _commands(inner, verb, (*path, name))


def _every_command() -> list[tuple[str, ...]]:
    context = click.Context(main)
    found = ((verb, main.get_command(context, verb)) for verb in WRITTEN)
    return [path for verb, command in found if command for path in _commands(verb, command)]


@pytest.mark.parametrize("path", _every_command(), ids=" ".join)
def test_the_help_of_every_verb_has_an_example_of_it(path: tuple[str, ...]) -> None:
    shown = casewright(*path, "--help")
    assert shown.exit_code == 0
    lines = [line.strip() for line in shown.output.splitlines()]
    example = next(n for n, line in enumerate(lines) if line in ("Example:", "Examples:"))  # a line of its own, not wrapped
    assert f"casewright {' '.join(path)}" in lines[example + 1]


@pytest.mark.parametrize("arguments", [["staff", "list"], ["export", "jsonl", "--out", "-"], ["verify"]], ids=" ".join)
def test_a_missing_data_folder_is_said_in_one_line(arguments: list[str], tmp_path: Path) -> None:
    result = casewright(*arguments, data=tmp_path / "nowhere")
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert "there is no data folder" in result.output
    assert not (tmp_path / "nowhere").exists()


def test_a_wrong_setting_is_said_in_one_line(data: Path) -> None:
    result = casewright("verify", data=data, CASEWRIGHT_PORT="many")
    assert (result.exit_code, result.output) == (2, "Error: CASEWRIGHT_PORT must be a port number, not 'many'\n")


# Staff -------------------------------------------------------------------------------------------------------------


def _add(data: Path, *more: str, username: str = "carla", password: str = "a long password\n") -> Result:
    return casewright("staff", "add", username, "--name", "Carla Diaz", "--password-stdin", *more, data=data, stdin=password)


@pytest.mark.parametrize(
    ("more", "username", "word"),
    [
        (["--role", "boss"], "carla", "roles 0: Allowed: agent"),
        (["--role", "customer"], "carla", "Allowed"),
        (["--role", "agent"], "Carla!", "Small letters"),
        (["--role", "agent"], "anna", "taken"),
        (["--role", "agent", "--department", " "], "carla", "department"),
    ],
    ids=["unknown role", "customer", "bad username", "taken", "blank department"],
)
def test_staff_add_refuses_what_the_api_refuses(data: Path, more: list[str], username: str, word: str) -> None:
    result = _add(data, *more, username=username)
    assert result.exit_code == 1
    assert word in result.output
    assert result.output.count("\n") == 1


def test_staff_add_refuses_an_empty_password(data: Path) -> None:
    assert "password" in _add(data, "--role", "agent", password="").output


def test_who_was_added_beside_a_running_system_logs_in_and_who_was_disabled_does_not(live: tuple[str, Path]) -> None:
    url, folder = live
    client = Client(url)
    assert _add(folder, "--role", "handler", "--department", "quality", "--competence", "packaging").exit_code == 0
    token = client.login("carla", "a long password")
    assert client.call("GET", "/me", token=token).body["department"] == "quality"
    assert casewright("staff", "disable", "carla", "--reason", "Left", data=folder).exit_code == 0
    assert client.call("POST", "/auth/token", {"username": "carla", "password": "a long password"}).status == 401
    assert casewright("staff", "enable", "carla", data=folder).exit_code == 0
    assert casewright("staff", "passwd", "carla", "--password-stdin", data=folder, stdin="another one\n").exit_code == 0
    assert client.login("carla", "another one")
    people = json.loads(casewright("staff", "list", "--json", data=folder).output)
    carla = next(person for person in people if person["username"] == "carla")
    assert (carla["competences"], carla["active"], "password" in carla) == (["packaging"], True, False)


def test_a_password_that_is_typed_is_asked_for_twice_and_never_shown(data: Path) -> None:
    result = casewright("staff", "passwd", "anna", data=data, stdin="one\nother\nsame\nsame\n")
    assert result.exit_code == 0
    assert "same" not in result.output
    assert "do not match" in result.output


@pytest.mark.parametrize("verb", [["disable", "--reason", "x"], ["enable"], ["passwd", "--password-stdin"]], ids=lambda v: v[0])
def test_a_person_who_is_not_there_is_named(data: Path, verb: list[str]) -> None:
    result = casewright("staff", verb[0], "nobody", *verb[1:], data=data, stdin="x\n")
    assert (result.exit_code, result.output) == (1, "Error: Nobody on the staff is called 'nobody'.\n")


def test_the_list_shows_who_does_what(data: Path) -> None:
    lines = casewright("staff", "list", data=data).output.splitlines()
    assert any(line.split() == ["hana", "Hana", "Novak", "handler", "quality", "here"] for line in lines)


# Verify ------------------------------------------------------------------------------------------------------------


def _tamper(data: Path, *statements: str) -> str:
    """Change a database as somebody with all rights would; `:case` is the complaint with nine entries."""
    with sqlite3.connect(data / "complaints.sqlite") as database:
        case_id: str = database.execute("SELECT case_id FROM history WHERE seq = 9").fetchone()[0]
        for trigger in ("history_no_update", "history_no_delete"):
            database.execute(f"DROP TRIGGER {trigger}")
        for statement in statements:
            assert database.execute(statement, {"case": case_id}).rowcount > 0, statement
    database.close()
    return case_id


OF, AT = "WHERE case_id = :case", "WHERE case_id = :case AND seq ="
CHANGES = {
    "a changed byte of a body": (4, [f"UPDATE history SET body = replace(body, 'start', 'stert') {AT} 4"]),
    "a body that is no JSON": (4, [f"UPDATE history SET body = substr(body, 2) {AT} 4"]),
    "a body that is no text": (4, [f"UPDATE history SET body = CAST(x'7bff7d' AS TEXT) {AT} 4"]),
    "a changed hash": (3, [f"UPDATE history SET hash = replace(hash, substr(hash, 20, 1), 'x') {AT} 3"]),
    "a changed time": (5, [f"UPDATE history SET at = '2026-11-23T09:00:00.000001+00:00' {AT} 5"]),
    "a middle entry deleted": (5, [f"DELETE FROM history {AT} 5"]),
    "the last entry deleted": (9, [f"DELETE FROM history {AT} 9"]),
    "two entries swapped": (2, [f"UPDATE history SET seq = {to} {AT} {seq}" for seq, to in ((2, -2), (3, 2), (-2, 3))]),
    "a changed case": (9, ["UPDATE complaint SET state = replace(state, 'cracked', 'crooked') WHERE id = :case"]),
    "a case that is no JSON": (9, ["UPDATE complaint SET state = substr(state, 2) WHERE id = :case"]),
    "a changed column of a case": (9, ["UPDATE complaint SET stage = 'withdrawn' WHERE id = :case"]),
    "a changed time of a case": (9, ["UPDATE complaint SET opened_at = 'soon' WHERE id = :case"]),
    "a case set back": (5, ["UPDATE complaint SET version = 4 WHERE id = :case"]),
    "a deleted event": (6, [f"DELETE FROM outbox {AT} 6"]),
    "a changed event": (6, [f"UPDATE outbox SET body = replace(body, 'proposed', 'approved') {AT} 6"]),
    "an event without an entry": (9, ["UPDATE outbox SET case_id = :case, seq = 10 WHERE id = (SELECT max(id) FROM outbox)"]),
    "an event twice": (
        9,
        [f"INSERT INTO outbox (event_id, type, case_id, seq, body) SELECT 'again', type, case_id, seq, body FROM outbox {AT} 2"],
    ),
    "changed words about a person": (1, [f"UPDATE personal SET data = replace(data, 'Dent', 'Bent') {AT} 1"]),
    "a deleted case": (9, ["DELETE FROM complaint WHERE id = :case"]),
    "a case deleted with its entries": (0, ["DELETE FROM complaint WHERE id = :case", f"DELETE FROM history {OF}"]),
}
"""What was done to the record, and the entry at which it shows."""


@pytest.mark.parametrize("change", CHANGES)
def test_verify_names_kind_case_and_entry_of(change: str, data: Path) -> None:
    seq, statements = CHANGES[change]
    case_id = _tamper(data, *statements)
    result = casewright("verify", "--data", data)
    assert (result.exit_code, f"complaint {case_id} entry {seq}: " in result.output) == (1, True), result.output
    report = json.loads(casewright("verify", "--data", data, "--json").output)
    assert (report["ok"], report["first_bad"]["case"], report["first_bad"]["seq"]) == (False, case_id, seq)


def test_verify_finds_a_gap_in_the_feed(data: Path) -> None:
    _tamper(data, "UPDATE outbox SET position = position + 1000 WHERE position = 3")
    result = casewright("verify", "--data", data)
    assert (result.exit_code, "at position 3" in result.output) == (1, True)


def test_verify_finds_a_position_given_twice(data: Path) -> None:
    with sqlite3.connect(data / "complaints.sqlite") as database:
        database.execute("CREATE TABLE copy AS SELECT * FROM outbox")
        database.execute("DROP TABLE outbox")
        database.execute("ALTER TABLE copy RENAME TO outbox")
        database.execute("UPDATE outbox SET position = 2 WHERE position = 3")
    database.close()
    assert "at position 3" in casewright("verify", "--data", data).output


def test_verify_counts_every_bad_case(data: Path) -> None:
    _tamper(data, "UPDATE complaint SET category = 'price'")
    report = json.loads(casewright("verify", "--data", data, "--json").output)
    assert (report["cases"], report["bad"]) == (3, 3)


def test_verify_finds_all_good_and_changes_nothing(data: Path) -> None:
    before = {path.name: path.read_bytes() for path in data.glob("*.sqlite")}
    result = casewright("verify", data=data)
    assert (result.exit_code, result.output) == (0, "16 entries of 3 cases checked: all good\n")
    assert {path.name: path.read_bytes() for path in data.glob("*.sqlite")} == before
    shutil.rmtree(data / "keys")  # a copy given to an auditor has none
    assert casewright("verify", "--data", data).exit_code == 0
    assert not (data / "keys").exists()


def test_verify_reads_a_copy_that_was_vacuumed_into_a_folder_of_any_name(data: Path, tmp_path: Path) -> None:
    copy = tmp_path / "März 2026? 100%"
    copy.mkdir()
    for name in ("gateway", "complaints"):
        with sqlite3.connect(data / f"{name}.sqlite") as database:
            database.execute("VACUUM INTO ?", (str(copy / f"{name}.sqlite"),))
        database.close()
    result = casewright("verify", "--data", copy)
    assert (result.exit_code, result.output) == (0, "16 entries of 3 cases checked: all good\n")


def test_verify_reads_a_folder_that_cannot_be_written(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.access", lambda path, mode: mode != os.W_OK)  # as root everything can be written
    assert casewright("verify", "--data", data).exit_code == 0


@pytest.mark.postgres
def test_the_verbs_work_on_postgresql(databases: str, tmp_path: Path) -> None:
    system = System(tmp_path, databases)
    Desk(system).at("agreed")
    system.settle()
    system.close()
    settings = {"CASEWRIGHT_DATABASE_URL": databases}
    assert casewright("verify", data=tmp_path, **settings).output == "7 entries of 1 cases checked: all good\n"
    assert casewright("export", "jsonl", "--out", tmp_path / "record", data=tmp_path, **settings).exit_code == 0
    assert _verify(tmp_path / "record").exit_code == 0
    assert casewright("staff", "disable", "anna", "--reason", "Left", data=tmp_path, **settings).exit_code == 0
    assert "up to date" in casewright("migrate", data=tmp_path, **settings).output
    with psycopg.connect(f"{databases}complaints") as connection:
        connection.execute("ALTER TABLE history DISABLE TRIGGER USER")
        connection.execute("UPDATE history SET body = replace(body, 'start', 'stert') WHERE seq = 4")
    assert " entry 4: " in casewright("verify", data=tmp_path, **settings).output


def test_a_server_that_is_away_is_said_in_one_line(tmp_path: Path) -> None:
    settings = {"CASEWRIGHT_DATABASE_URL": "postgresql://nobody@127.0.0.1:9"}
    for verb in (("verify",), ("migrate",), ("staff", "list")):
        result = casewright(*verb, data=tmp_path, **settings)
        assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output


def test_the_api_too_verifies_a_case_whose_bytes_are_no_text(system: System, tmp_path: Path) -> None:
    desk = Desk(system)
    desk.at("evaluated")
    case_id = _tamper(tmp_path, f"UPDATE history SET body = CAST(x'7bff7d' AS TEXT) {AT} 4")
    said = system.desk("auditor").get(f"/audit/verify?kind=complaint&id={case_id}")
    assert (said.status, said.body["first_bad"]["seq"]) == (200, 4)


def test_verify_works_beside_a_running_system(live: tuple[str, Path]) -> None:
    assert casewright("verify", data=live[1]).exit_code == 0


def _garbage(data: Path) -> None:
    (data / "complaints.sqlite").write_bytes(b"This is no database. " * 100)


def _newer(data: Path) -> None:
    with sqlite3.connect(data / "complaints.sqlite") as database:
        database.execute("UPDATE alembic_version SET version_num = 'kernel_9999'")
    database.close()


def _gone(data: Path) -> None:
    (data / "complaints.sqlite").unlink()


@pytest.mark.parametrize("spoil", [_garbage, _newer, _gone, shutil.rmtree], ids=["garbage", "newer", "a file gone", "no folder"])
def test_verify_says_so_where_it_cannot_check(spoil: Callable[[Path], Any], data: Path) -> None:
    spoil(data)
    result = casewright("verify", "--data", data)
    assert (result.exit_code, result.output.count("\n")) == (2, 1), result.output


# Export ------------------------------------------------------------------------------------------------------------


def _exported(data: Path, *more: str) -> Path:
    file = data.parent / "record.jsonl"
    result = casewright("export", "jsonl", "--out", file, *more, data=data)
    assert result.exit_code == 0, result.output
    return file


def _verify(file: Path) -> Result:
    return casewright("verify", "--export", file)


def _lines(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_bytes().splitlines()]


def _rewrite(file: Path, lines: list[dict[str, Any]]) -> None:
    file.write_bytes(b"".join(json.dumps(line).encode() + b"\n" for line in lines))


def test_an_export_holds_every_entry_and_verifies(data: Path) -> None:
    file = _exported(data)
    assert len(_lines(file)) == 16
    assert set(_lines(file)[0]) >= {"kind", "case", "seq", "at", "body", "prev", "hash", "personal", "salt"}
    assert (_verify(file).exit_code, file.stat().st_mode & 0o777) == (0, 0o600)


def test_an_export_without_personal_data_verifies_and_names_nobody(data: Path) -> None:
    file = _exported(data, "--without-personal")
    assert b"Dent" not in file.read_bytes()
    assert _verify(file).exit_code == 0


def _changed(name: str, value: Any) -> Callable[[list[dict[str, Any]]], Any]:
    return lambda lines: lines[1].update({name: value})


SPOILT: dict[str, Callable[[list[dict[str, Any]]], Any]] = {
    "a changed body": lambda lines: lines[1].update(body=lines[1]["body"].replace("anna", "ann4")),
    "a changed kind": _changed("kind", "contract"),
    "a changed case": _changed("case", "another"),
    "changed words about a person": lambda lines: lines[0].update(personal=lines[0]["personal"].replace("Dent", "Bent")),
    "a first line gone": lambda lines: lines.pop(0),
    "a middle line gone": lambda lines: lines.pop(1),
    "two lines swapped": lambda lines: lines.insert(0, lines.pop(1)),
    "a case twice": lambda lines: lines.extend(lines[:9]),
    "a salt that is none": _changed("salt", "zz"),
}


@pytest.mark.parametrize("change", SPOILT)
def test_verify_finds_in_an_export(change: str, data: Path) -> None:
    file = _exported(data)
    lines = _lines(file)
    SPOILT[change](lines)
    _rewrite(file, lines)
    assert _verify(file).exit_code == 1


def test_a_line_of_an_export_that_cannot_be_read_is_tampered_with(data: Path) -> None:
    file = _exported(data)
    file.write_bytes(file.read_bytes().replace(b'"seq":2', b'"seq":', 1))
    assert _verify(file).exit_code == 1


@pytest.mark.parametrize(
    "content", [b"", b"garbage\n", b'{"a": 1}\n[]\n', b"\xff\xfe" * 100], ids=["empty", "text", "json", "bytes"]
)
def test_a_file_that_is_no_export_cannot_be_checked(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(content)
    result = _verify(tmp_path / "file")
    assert (result.exit_code, result.output.count("\n")) == (2, 1)
    assert _verify(tmp_path / "none").exit_code == 2
    assert _verify(tmp_path).exit_code == 2


def test_an_export_of_a_period_says_where_it_begins_in_the_middle(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    folder.mkdir()
    system = System(folder)
    desk = Desk(system)
    href = desk.at("assigned")
    system.watch.move(days=1)
    desk.take(href, "start")
    system.close()
    file = _exported(folder, "--since", "2026-11-24")
    assert [(line["seq"], line.get("partial")) for line in _lines(file)] == [(4, True)]
    assert (_verify(file).exit_code, "begin before this export" in _verify(file).output) == (0, True)
    assert [line["seq"] for line in _lines(_exported(folder, "--until", "2026-11-23"))] == [1, 2, 3]
    assert _lines(_exported(folder, "--since", "2027-01-01T00:00:00+00:00")) == []


@pytest.mark.parametrize(
    "arguments",
    [["--kind", "quarrel"], ["--since", "yesterday"], ["--until", "2026-13-01"], ["--out", "/no/such/folder/file"]],
    ids=lambda a: a[0],
)
def test_an_export_that_cannot_be_made_says_why(arguments: list[str], data: Path) -> None:
    result = casewright("export", "jsonl", "--out", data.parent / "x", *arguments, data=data)
    assert result.exit_code == 2
    assert "Error: " in result.output


# Migrate, docs -----------------------------------------------------------------------------------------------------


def test_migrate_says_what_it_did_and_then_has_nothing_to_do(tmp_path: Path) -> None:
    first = json.loads(casewright("migrate", "--json", data=tmp_path / "new").output)
    assert first["complaints"]
    assert casewright("migrate", data=tmp_path / "new").output == "gateway: up to date\ncomplaints: up to date\n"


def test_migrate_refuses_a_database_of_newer_code(data: Path) -> None:
    _newer(data)
    result = casewright("migrate", data=data)
    assert (result.exit_code, "another version" in result.output) == (2, True)


def test_every_readme_is_in_step_with_its_procedure() -> None:
    result = casewright("docs", "--check")
    assert result.exit_code == 0, result.output


def test_docs_writes_between_the_markers_and_check_sees_what_is_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.cli.docs_.FOLDER", tmp_path)
    assert casewright("docs", "--check").exit_code == 2
    (tmp_path / "complaints").mkdir()
    readme = tmp_path / "complaints" / "README.md"
    readme.write_text("before\n<!-- generated: procedure -->\nold\n<!-- end -->\nafter\n")
    assert (casewright("docs", "--check").exit_code, readme.read_text().count("old")) == (1, 1)
    assert casewright("docs").exit_code == 0
    assert casewright("docs", "--check").exit_code == 0
    assert readme.read_text().startswith("before\n<!-- generated")
    assert readme.read_text().endswith("<!-- end -->\nafter\n")
    assert "stateDiagram-v2" in readme.read_text()


def test_the_policy_file_in_the_readme_holds_every_default(tmp_path: Path) -> None:
    readme = (Path(policy.__file__).parent / "README.md").read_text()
    file = tmp_path / "complaints.toml"
    file.write_text(readme.split("```toml\n")[1].split("```")[0])
    assert policy.load(file) == policy.Policy()
    assert all(name in file.read_text() for name in policy.Policy.__dataclass_fields__)
    assert all(f"| `{profile}` |" in readme for profile in policy.STATUTES)


# A live system -----------------------------------------------------------------------------------------------------


def test_events_are_followed_from_where_one_stopped(live: tuple[str, Path], tmp_path: Path) -> None:
    url, folder = live
    client = Client(url)
    anna = next(person for person in demo_people(folder) if person["username"] == "anna")
    token = client.login("anna", anna["password"])
    tail = ("events", "tail", "--once", "--url", url, "--cursor-file", tmp_path / "cursor", "--types", "complaint.*")

    def told() -> list[Any]:
        result = casewright(*tail, "--json", data=folder)
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.output.splitlines()]

    told()
    opened = client.call("POST", "/complaints", a_complaint(), token).body
    news: list[Any] = []
    while not news:  # the relay numbers it in a moment; the test's own time limit ends a wait for nothing
        news = told()
    assert [(event["subject"], event["type"]) for event in news] == [(opened["id"], "casewright.complaint.recorded.v1")]
    assert told() == []
    (tmp_path / "token").write_text(token)
    all_of_them = casewright("events", "tail", "--once", "--url", url, "--token-file", tmp_path / "token", data=tmp_path)
    assert f"complaint.recorded        {opened['reference']}  recorded" in all_of_them.output


@pytest.mark.parametrize(
    ("arguments", "code", "word"),
    [
        (["--username", "anna"], 1, "not right"),
        (["--token-file", "/no/such/file"], 1, "No such file"),
        (["--after", "garbled"], 1, "cursor"),
    ],
    ids=["password", "token file", "cursor"],
)
def test_events_say_what_is_refused(live: tuple[str, Path], arguments: list[str], code: int, word: str) -> None:
    result = casewright("events", "tail", "--once", "--url", live[0], *arguments, data=live[1], CASEWRIGHT_PASSWORD="wrong")
    assert (result.exit_code, word in result.output, result.output.count("\n")) == (code, True, 1), result.output


def test_events_without_anybody_to_ask_end_after_some_attempts(data: Path, tmp_path: Path) -> None:
    nobody = casewright("events", "tail", "--once", "--url", "http://127.0.0.1:9", data=data)
    assert (nobody.exit_code, nobody.output.splitlines()[-1].startswith("Error: nobody answers")) == (2, True)
    assert "say who you are" in casewright("events", "tail", "--once", data=tmp_path).output


def test_the_demo_plays_to_its_end_on_a_running_system(live: tuple[str, Path]) -> None:
    url, folder = live
    result = casewright("demo", "--fast", "--url", url, "--staff", folder / "demo-staff.json")
    assert result.exit_code == 0, result.output
    assert "four_eyes" in result.output
    assert "15 entries, chain, events and fold: all good" in result.output


def test_the_demo_starts_a_system_where_none_runs_and_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    result = casewright("demo", "--fast", data=tmp_path / "none", CASEWRIGHT_PORT="9")
    assert result.exit_code == 0, result.output
    assert list(tmp_path.iterdir()) == []


def test_a_demo_that_departs_from_its_story_says_so(live: tuple[str, Path], tmp_path: Path) -> None:
    people = demo_people(live[1])
    for person in people:
        if "manager" in person["roles"]:
            person.update(next(p for p in people if "agent" in p["roles"]), roles=person["roles"])
    (tmp_path / "staff.json").write_text(json.dumps(people))
    result = casewright("demo", "--fast", "--url", live[0], "--staff", tmp_path / "staff.json")
    assert (result.exit_code, "this is not how the story goes: expected 200, and 403 came" in result.output) == (1, True)


def test_a_demo_that_cannot_begin_says_why(live: tuple[str, Path], tmp_path: Path) -> None:
    assert casewright("demo", "--url", "http://127.0.0.1:9").exit_code == 2
    result = casewright("demo", "--url", live[0], "--staff", tmp_path)
    assert (result.exit_code, "no demo staff" in result.output) == (2, True)
