"""A procedure that contradicts itself does not start, and a case moves through one door only, asked in one order."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from shared import standing
from shared.case import Case
from shared.checks import ProcedureError
from shared.clocks import DEFAULT, business_days
from shared.errors import FourEyes, GuardRefused, NotFound, NotYourCase, RoleNotAllowed, WrongStage
from shared.identity import IMPORT, Actor
from shared.procedure import Act, Branch, Limit, Owner, Procedure, Stage, Step, Title, case_guard, facts_guard, own_case
from tests.shared.small_procedure import ERRAND, STAGES, STEPS

NOBODY_KNOWS = Title("?", "?")
BY_NAME = {stage.name: stage for stage in STAGES}
BY_TRIGGER = {step.trigger: step for step in STEPS}


def rebuilt(*steps: Step, stages: tuple[Stage, ...] = (), without: tuple[str, ...] = (), **changes: Any) -> Procedure:
    """Build the errand again with some steps and stages replaced or added."""
    changed = {**BY_TRIGGER, **{step.trigger: step for step in steps}}
    kept = tuple(step for trigger, step in changed.items() if trigger not in without)
    return replace(ERRAND, steps=kept, stages=tuple({**BY_NAME, **{s.name: s for s in stages}}.values()), **changes)


def step(trigger: str, **changes: Any) -> Step:
    return replace(BY_TRIGGER[trigger], **changes)


def stage(name: str, **changes: Any) -> Stage:
    return replace(BY_NAME[name], **changes)


@case_guard
def it_has_no_words(case: Case, act: Act) -> bool:
    return True


def never(case: Case, act: Act) -> bool:
    return False


REFUSED: dict[str, tuple[Callable[[], Procedure], str]] = {
    "a step from nowhere known": (
        lambda: rebuilt(step("take", source=("somewhere",))), "step 'take' leaves from the unknown stage 'somewhere'"),
    "a step to nowhere known": (
        lambda: rebuilt(step("take", to="somewhere")), "step 'take' leads to the unknown stage 'somewhere'"),
    "a branch to nowhere known": (
        lambda: rebuilt(step("finish", to=(Branch("somewhere", never), Branch("done")))),
        "step 'finish' leads to the unknown stage 'somewhere'"),
    "a stage nobody reaches": (
        lambda: rebuilt(stages=(Stage("lost", NOBODY_KNOWS),)), "stage 'lost' cannot be reached"),
    "a stage that only itself leads to": (
        lambda: rebuilt(step("drop", source=("asked",)), replace(step("take"), trigger="turn", event="turned", source=("lost",),
        to="lost"),
                        stages=(Stage("lost", NOBODY_KNOWS),)), "stage 'lost' cannot be reached"),
    "an open stage without an owner": (
        lambda: rebuilt(stages=(stage("asked", owner=None),)), "open stage 'asked' has no owner"),
    "an owner in a role nobody has": (
        lambda: rebuilt(stages=(stage("asked", owner=Owner("wizard")),)), "open stage 'asked' has no owner"),
    "an open stage without a clock": (
        lambda: rebuilt(stages=(stage("doing", clock=None),)), "open stage 'doing' has no clock"),
    "an open stage without a way to an end": (
        lambda: rebuilt(step("finish", to="asked"), step("drop", source=("asked",)), step("take", source=("asked",)),
                        stages=(stage("asked"), stage("done")), without=("finish",)), "no path leads from stage 'doing' to an end"),
    "a step that nobody may take": (
        lambda: rebuilt(step("take", roles=())), "step 'take' has no role"),
    "a step in a role nobody has": (
        lambda: rebuilt(step("take", roles=("handler", "wizard"))), "step 'take' is for the unknown role 'wizard'"),
    "a guard without a reason": (
        lambda: rebuilt(step("take", guards=(it_has_no_words,))), "guard 'it_has_no_words' has no docstring to give as its reason"),
    "a fact without a field": (
        lambda: rebuilt(step("take", needs=("colour?",))), "step 'take' needs 'colour', which has no field"),
    "two events of one name": (
        lambda: rebuilt(step("take", event="dropped")), "two events are named 'dropped'"),
    "two steps of one name": (
        lambda: replace(ERRAND, steps=(*STEPS, step("take", event="taken_again"))), "two steps are named 'take'"),
    "two stages of one name": (
        lambda: replace(ERRAND, stages=(*STAGES, stage("done"))), "two stages are named 'done'"),
    "a witness without evidence": (
        lambda: rebuilt(step("take", witnessed=frozenset({"handler"}))), "step 'take' is witnessed but takes no evidence"),
    "branches without a last resort": (
        lambda: rebuilt(step("finish", to=(Branch("asked", never), Branch("done", never)))),
        "step 'finish' needs a condition on each branch but the last, and none there"),
    "a branch that hides those behind it": (
        lambda: rebuilt(step("finish", to=(Branch("asked"), Branch("done")))),
        "step 'finish' needs a condition on each branch but the last, and none there"),
    "a step that leads nowhere": (
        lambda: rebuilt(step("finish", to=())), "step 'finish' leads nowhere"),
    "a clock that fires what is no step": (
        lambda: rebuilt(stages=(stage("asked", clock=Limit("take", business_days(1), ("ring",))),)),
        "the clock of stage 'asked' fires 'ring', which is no step of the system"),
    "a clock that fires what the system may not do": (
        lambda: rebuilt(stages=(stage("asked", clock=Limit("take", business_days(1), ("drop",))),)),
        "the clock of stage 'asked' fires 'drop', which is no step of the system"),
    "a clock that fires nothing": (
        lambda: rebuilt(stages=(stage("asked", clock=Limit("take", business_days(1), ())),)),
        "the clock of stage 'asked' fires nothing"),
    "a hold whose clock fires what is no step": (
        lambda: rebuilt(on_hold=Limit("on_hold", business_days(1), ("ring",))),
        "the clock of a hold fires 'ring', which is no step of the system"),
    "no step that opens a case": (
        lambda: rebuilt(step("ask", source=("asked",))), "exactly one step opens a case, not []"),
    "two steps that open a case": (
        lambda: rebuilt(step("check", source=(), to="asked")), "exactly one step opens a case, not ['ask', 'check']"),
}  # fmt: skip


@pytest.mark.parametrize("case", list(REFUSED))
def test_a_procedure_is_not_built_with(case: str) -> None:
    build, said = REFUSED[case]
    with pytest.raises(ProcedureError) as refused:
        build()
    assert said in str(refused.value)


def test_all_mistakes_are_told_at_once_with_name_and_version() -> None:
    with pytest.raises(ProcedureError) as refused:
        rebuilt(step("take", roles=(), needs=("colour",)), step("drop", event="taken"))
    told = str(refused.value)
    assert told.startswith("procedure errand version 1: ")
    assert told.count("; ") == 2


def test_the_same_procedure_without_the_mistakes_is_built() -> None:
    assert rebuilt().by_trigger == ERRAND.by_trigger


# The door ---------------------------------------------------------------------------------------------------------------


@facts_guard
def the_facts_are_right(case: Case, act: Act) -> bool:
    """The facts are wrong."""
    return bool(act.facts.get("facts"))


@case_guard
def the_case_is_right(case: Case, act: Act) -> bool:
    """The case is wrong."""
    return bool(act.facts.get("case"))


@own_case
def the_person_is_right(case: Case, act: Act) -> bool:
    """The person is wrong."""
    return bool(act.facts.get("person"))


ORDERED = rebuilt(step("take", guards=(the_facts_are_right, the_case_is_right, the_person_is_right)))
"""Its guards are declared in the order in which they must not be asked."""
HANDLER = Actor("hana", "Hana", frozenset({"handler"}), "quality")
AGENT = Actor("anna", "Anna", frozenset({"agent"}))
NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)


def a_case(stage: str = "asked", **members: Any) -> Case:
    return Case(id="1", kind="errand", reference="ER-1", procedure_version=1, opened_at="", version=1, stage=stage, **members)


def an_act(trigger: str, actor: Actor = HANDLER, **facts: Any) -> Act:
    return Act(trigger, actor, NOW, facts, {}, None, DEFAULT, role="handler")


def test_a_wrong_role_is_told_before_a_wrong_stage() -> None:
    with pytest.raises(RoleNotAllowed):
        ORDERED.advance(a_case("doing"), an_act("take", AGENT))


def test_a_wrong_stage_is_told_before_a_wrong_person() -> None:
    with pytest.raises(WrongStage):
        ORDERED.advance(a_case("doing"), an_act("take"))


def test_a_wrong_person_is_told_before_a_guard_on_the_case() -> None:
    with pytest.raises(NotYourCase):
        ORDERED.advance(a_case(), an_act("take"))


def test_a_guard_on_the_case_is_told_before_one_on_the_facts() -> None:
    with pytest.raises(GuardRefused, match=r"The case is wrong\."):
        ORDERED.advance(a_case(), an_act("take", person=True))


def test_a_guard_on_the_facts_is_told_last() -> None:
    with pytest.raises(GuardRefused, match=r"The facts are wrong\."):
        ORDERED.advance(a_case(), an_act("take", person=True, case=True))


def test_who_is_right_in_all_passes_and_the_case_itself_is_not_touched() -> None:
    case = a_case()
    assert ORDERED.advance(case, an_act("take", person=True, case=True, facts=True)) == "doing"
    assert case == a_case()


def test_what_is_possible_is_asked_in_the_same_order_and_of_no_facts() -> None:
    found = [ORDERED.possible(case, act) for case, act in (
        (a_case("doing"), an_act("take", AGENT)), (a_case("doing"), an_act("take")), (a_case(), an_act("take")),
        (a_case(), an_act("take", person=True)), (a_case(), an_act("take", person=True, case=True)),
    )]  # fmt: skip
    assert [type(refusal) for refusal in found] == [RoleNotAllowed, WrongStage, NotYourCase, GuardRefused, type(None)]


def test_two_pairs_of_eyes_are_a_matter_of_the_person() -> None:
    asked_by_hana = a_case(acted={"ask": {"by": "hana", "at": ""}})
    with pytest.raises(FourEyes, match="Whoever asked"):
        ERRAND.advance(asked_by_hana, an_act("take"))
    assert ERRAND.advance(a_case(acted={"ask": {"by": "anna", "at": ""}}), an_act("take")) == "doing"


def test_the_import_is_free_of_role_and_person_and_of_nothing_else() -> None:
    with pytest.raises(WrongStage):
        ORDERED.advance(a_case("done", open=False), an_act("take", IMPORT))
    with pytest.raises(GuardRefused, match=r"The case is wrong\."):
        ORDERED.advance(a_case(), an_act("take", IMPORT))
    with pytest.raises(GuardRefused, match=r"The facts are wrong\."):
        ORDERED.advance(a_case(), an_act("take", IMPORT, case=True))


@pytest.mark.parametrize("trigger", ["to_done", "to_dropped", "is_done", "state", "trigger", "may_take", "", "=", "unopened"])
def test_there_is_no_way_to_a_stage_but_the_declared_steps(trigger: str) -> None:
    with pytest.raises(NotFound):
        ERRAND.advance(a_case(), an_act(trigger))
    assert set(ERRAND._machine.events) == set(BY_TRIGGER)


def test_no_case_is_opened_twice() -> None:
    with pytest.raises(WrongStage):
        ERRAND.advance(a_case(), an_act("ask", AGENT))
    assert ERRAND.advance(None, an_act("ask", AGENT)) == "asked"


@pytest.mark.parametrize(("hours", "to"), [(51, "asked"), (50, "done")])
def test_the_first_branch_whose_condition_holds_is_taken_else_the_last(hours: int, to: str) -> None:
    assert ERRAND.advance(a_case("doing"), an_act("finish", hours=hours)) == to


def test_a_step_that_stays_leads_to_where_the_case_is() -> None:
    assert [ERRAND.advance(a_case(stage), an_act("check", AGENT)) for stage in ("asked", "doing")] == ["asked", "doing"]


def test_a_note_is_taken_on_a_closed_case_and_a_hold_is_not() -> None:
    assert ERRAND.advance(a_case("done", open=False), an_act("comment")) == "done"
    with pytest.raises(WrongStage):
        ERRAND.advance(a_case("done", open=False), an_act("hold"))


def test_a_condition_may_break_only_loudly() -> None:
    with pytest.raises(KeyError):
        ERRAND.advance(a_case("doing"), an_act("finish"))


def test_the_standing_steps_belong_to_every_procedure() -> None:
    assert {step.trigger for step in standing.STEPS} <= set(ERRAND.by_trigger)
