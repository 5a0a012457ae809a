from typing import Any

import pytest

from shared import diagram
from tests.shared.small_procedure import ERRAND


def step(trigger: str) -> dict[str, Any]:
    return next(step for step in diagram.document(ERRAND)["steps"] if step["trigger"] == trigger)


def stage(name: str) -> dict[str, Any]:
    return next(stage for stage in diagram.document(ERRAND)["stages"] if stage["name"] == name)


def lines() -> list[str]:
    return [line.strip() for line in diagram.mermaid(ERRAND).splitlines()]


def row(table: str, name: str) -> list[str]:
    line = next(line for line in table.splitlines() if line.startswith(f"| `{name}`"))
    return [cell.strip() for cell in line.strip("|").split(" | ")]


def test_the_document_has_the_members_of_the_wire() -> None:
    document = diagram.document(ERRAND)
    assert (document["name"], document["version"], document["title"]) == ("errand", 1, {"en": "Errand", "zh": "委托"})
    assert all({"name", "title", "open", "owner", "clock"} <= set(stage) for stage in document["stages"])
    members = {"trigger", "title", "from", "to", "roles", "needs", "guards", "event", "note"}
    assert all(set(step) == members for step in document["steps"])


def test_the_document_keeps_the_declared_order() -> None:
    document = diagram.document(ERRAND)
    assert [stage["name"] for stage in document["stages"]] == ["asked", "doing", "done", "dropped"]
    assert [step["trigger"] for step in document["steps"]] == [step.trigger for step in ERRAND.steps]


def test_an_open_stage_shows_its_owner_and_its_clock() -> None:
    assert stage("doing")["owner"] == {"role": "handler", "personal": True}
    assert stage("doing")["clock"] == {"name": "finish", "span": "2 business days", "fires": ["escalate"]}


def test_a_closed_stage_has_neither() -> None:
    assert (stage("done")["open"], stage("done")["owner"], stage("done")["clock"]) == (False, None, None)


def test_the_opening_step_comes_from_nowhere() -> None:
    assert (step("ask")["from"], step("ask")["to"]) == ([], ["asked"])


def test_a_step_with_branches_leads_to_all_of_them() -> None:
    assert step("finish")["to"] == ["asked", "done"]


def test_any_open_stage_is_spelt_out() -> None:
    assert (step("drop")["from"], step("drop")["to"]) == (["asked", "doing"], ["dropped"])


def test_a_step_that_stays_leads_to_where_it_came_from() -> None:
    assert step("check")["to"] == step("check")["from"] == ["asked", "doing"]
    assert step("comment")["to"] == ["asked", "doing", "done", "dropped"]


def test_a_step_names_its_guards_with_their_reasons() -> None:
    guards = step("take")["guards"]
    assert guards[1] == {"name": "nobody_has_taken_it", "reason": "The errand was taken on already."}


def test_a_step_shows_what_it_needs_as_a_schema() -> None:
    needs = step("finish")["needs"]
    assert (needs["required"], needs["additionalProperties"]) == (["hours", "notice"], False)


def test_notes_are_told_from_steps() -> None:
    assert [s["trigger"] for s in diagram.document(ERRAND)["steps"] if s["note"]] == [
        "hold",
        "resume",
        "comment",
        "contact",
        "attach",
    ]


@pytest.mark.parametrize("name", [stage.name for stage in ERRAND.stages])
def test_the_picture_shows_every_stage_in_both_languages(name: str) -> None:
    title = ERRAND.stage[name].title
    shown = title.en.replace('"', "'")
    assert f'state "{shown} {title.zh}" as {name}' in lines()


@pytest.mark.parametrize("trigger", [step.trigger for step in ERRAND.steps])
def test_the_picture_shows_every_step(trigger: str) -> None:
    drawn = [line.split(": ", 1)[1] for line in lines() if ": " in line]
    assert any(trigger in label.replace(",", "").split() for label in drawn)


def test_steps_between_the_same_stages_share_an_arrow() -> None:
    arrows = [line.split(":")[0] for line in lines() if "-->" in line]
    assert len(arrows) == len(set(arrows))


def test_the_picture_begins_with_the_opening_step_and_ends_in_the_closed_stages() -> None:
    drawn = lines()
    assert drawn[0] == "stateDiagram-v2"
    assert {"[*] --> asked: ask", "done --> [*]", "dropped --> [*]"} <= set(drawn)
    assert "asked --> [*]" not in drawn


def test_what_is_possible_everywhere_is_drawn_once() -> None:
    drawn = lines()
    assert "any open stage: drop → dropped, escalate, remind, hold, resume" in drawn
    assert "any stage: comment, contact, attach" in drawn
    assert not [line for line in drawn if "-->" in line and line.endswith((": drop", ": comment", ": escalate"))]


def test_the_note_stands_beside_the_stage_where_a_case_begins() -> None:
    drawn = lines()
    assert drawn.index("note right of asked") < drawn.index("end note") == len(drawn) - 1


def test_the_table_of_steps_says_who_needs_what_and_why_not() -> None:
    assert row(diagram.steps_table(ERRAND), "finish") == [
        "`finish` 办结", "doing → asked when more is needed, else done", "handler", "hours, price?, notice", "it took some time",
        "`errand.finished`",
    ]  # fmt: skip


def test_the_table_of_steps_names_what_is_special() -> None:
    table = diagram.steps_table(ERRAND)
    assert row(table, "ask")[1] == "– → asked"
    assert row(table, "check")[1] == "asked, doing → the same"
    assert row(table, "drop")[1:3] == ["any open stage → dropped", "customer, agent with evidence"]
    assert row(table, "take")[3] == "–"


def test_the_table_of_stages_names_owner_and_clock() -> None:
    table = diagram.stages_table(ERRAND)
    assert row(table, "asked") == ["`asked` 已提出", "Asked for", "open", "agent", "take: 4 business hours, then escalate"]
    assert row(table, "doing")[3] == "handler (the assignee, else the department)"
    assert row(table, "done")[2:] == ["closed", "–", "–"]


def test_the_tables_are_whole() -> None:
    for table, rows in ((diagram.steps_table(ERRAND), len(ERRAND.steps)), (diagram.stages_table(ERRAND), len(ERRAND.stages))):
        head, rule, *body = table.splitlines()
        assert len(body) == rows
        assert {line.count("|") for line in (head, rule, *body)} == {head.count("|")}
