"""Foreign rows become complaints through the procedure, once, and what cannot be read is named."""

import csv
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from services.complaints import imports
from shared.caller import Caller
from shared.identity import Actor
from shared.importing import Counts, FileRefused, Mapped, bring, rows
from tests.house import System

ROOT = Path(__file__).resolve().parent.parent.parent
GOOD = {
    "date_received": "8/30/2013", "product": "Mortgage", "sub_product": "Other mortgage", "issue": "Late fee", "sub_issue": "",
    "company": "Some Bank", "submitted_via": "Referral", "date_sent_to_company": "9/3/2013",
    "company_response_to_consumer": "Closed with monetary relief", "timely_response": "Yes", "consumer_disputed?": "No",
    "complaint_id": "511074",
}  # fmt: skip


AUDITOR = Caller(Actor("audrey", "Audrey Blanc", frozenset({"auditor"})))


def written(folder: Path, *changed: dict[str, str], mark: str = "") -> Path:
    path = folder / "complaints.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(mark)
        out = csv.DictWriter(file, list(GOOD))
        out.writeheader()
        out.writerows({**GOOD, **row} for row in changed)
    return path


def brought(system: System, path: Path, mapped: Mapped = imports.CFPB) -> Counts:
    counts = Counts()
    for counts in bring(system.complaints.work, path.name, rows(path, mapped), mapped):  # noqa: B007  # the last is wanted
        pass
    return counts


def complaint_of(system: System, number: str, source: str = "cfpb") -> Any:
    auditor = system.desk("auditor")
    [item] = [item for item in auditor.get(f"/complaints?q={number}").body["items"] if item["source"] == source]
    history = auditor.get(f"{item['href']}/history").body["entries"]
    return {**item, "entries": history}


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("date_received", "30/8/2013", "a date month/day/year is expected"),
        ("date_received", "", "a value is needed"),
        ("date_sent_to_company", "soon", "a date month/day/year is expected"),
        ("submitted_via", "Pigeon", "allowed: Referral, Postal mail, Web, Phone, Fax, Email"),
        ("timely_response", "Maybe", "allowed: Yes, No"),
        ("consumer_disputed?", "", "a value is needed"),
        ("complaint_id", " ", "a value is needed"),
        ("product", "", "a value is needed"),
    ],
)
def test_a_value_that_cannot_be_read_refuses_its_row_by_line_field_and_reason(
    shared_system: System, tmp_path: Path, column: str, value: str, reason: str
) -> None:
    counts = brought(shared_system, written(tmp_path, {"complaint_id": f"x{column}{len(value)}", column: value}))
    [reject] = counts.rejects
    assert (reject.line, reject.field, reject.value, reject.reason) == (2, column, value, reason)
    assert counts.summary() == {"read": 1, "created": 0, "unchanged": 0, "refused": 1, "kept_as_text": 0}


def test_a_refused_row_does_not_keep_its_neighbours_out(system: System, tmp_path: Path) -> None:
    path = written(tmp_path, {"complaint_id": "1"}, {"complaint_id": "2", "timely_response": "?"}, {"complaint_id": "3"})
    counts = brought(system, path)
    assert (counts.created, counts.refused, counts.rejects[0].line) == (2, 1, 3)


def test_the_whole_way_is_taken_at_its_historical_times_by_the_import(system: System, tmp_path: Path) -> None:
    brought(system, written(tmp_path, {}))
    case = complaint_of(system, "511074")
    entries = case["entries"]
    assert [entry["trigger"] for entry in entries] == [
        "record", "validate", "assign", "start", "analyse", "propose", "accept", "resolve", "evaluate",
    ]  # fmt: skip
    assert {entry["actor"]["id"] for entry in entries} == {"import"}
    assert [entries[n]["at"][:10] for n in (0, 2, 5)] == ["2013-08-30", "2013-09-03", "2013-09-13"]
    assert all(entry["recorded_at"].startswith("2026-11-23") for entry in entries)
    assert all(entry["imported"]["file"] == "complaints.csv" and entry["imported"]["line"] == 2 for entry in entries)
    assert [entry["seq"] for entry in entries if entry["imported"].get("estimated")] == [6, 7, 8, 9]
    assert case["offers"][0]["remedies"] == [{"kind": "refund"}]
    assert case["evaluation"]["follow_up"] == {"reaction": "The consumer did not dispute the answer."}


def test_a_disputed_answer_is_declined_and_a_second_offer_accepted(system: System, tmp_path: Path) -> None:
    brought(system, written(tmp_path, {"consumer_disputed?": "Yes"}))
    case = complaint_of(system, "511074")
    assert [offer["state"] for offer in case["offers"]] == ["declined", "accepted"]
    assert case["declines"] == 1


@pytest.mark.parametrize(("timely", "state"), [("Yes", "met"), ("No", "missed")])
def test_the_statutory_answer_is_missed_just_where_the_file_says_so(
    system: System, tmp_path: Path, timely: str, state: str
) -> None:
    brought(system, written(tmp_path, {"timely_response": timely}))
    clocks = {clock["name"]: clock["state"] for clock in complaint_of(system, "511074")["clocks"]}
    assert (clocks["response"], clocks["final"]) == (state, "met")


def test_an_answer_sent_before_it_was_received_counts_from_the_later_day(system: System, tmp_path: Path) -> None:
    brought(system, written(tmp_path, {"date_sent_to_company": "8/1/2013"}))
    assert complaint_of(system, "511074")["entries"][2]["at"].startswith("2013-08-30")


def test_the_same_file_again_creates_nothing_and_changes_nothing(any_system: System, tmp_path: Path) -> None:
    path = written(tmp_path, {}, {"complaint_id": "2"})
    brought(any_system, path)
    head = complaint_of(any_system, "511074")["entries"][-1]["hash"]
    assert brought(any_system, path).summary() == {"read": 2, "created": 0, "unchanged": 2, "refused": 0, "kept_as_text": 0}
    assert complaint_of(any_system, "511074")["entries"][-1]["hash"] == head


def test_a_known_number_with_other_content_is_refused_as_a_conflict(system: System, tmp_path: Path) -> None:
    brought(system, written(tmp_path, {}))
    counts = brought(system, written(tmp_path, {"product": "Credit card"}))
    assert (counts.created, counts.refused) == (0, 1)
    assert counts.rejects[0].reason.startswith("conflict")


@pytest.mark.parametrize("column", ["consumer_complaint_narrative", "zipcode", "consumer_disputed?"])
def test_a_change_in_any_column_is_other_content_also_where_its_words_stay_out_of_the_hash(
    system: System, tmp_path: Path, column: str
) -> None:
    first, second = tmp_path / "first.csv", tmp_path / "second.csv"
    for path, value in ((first, "No"), (second, "Yes")):
        row = {**GOOD, "consumer_complaint_narrative": "", "zipcode": "", column: value}
        path.write_text("\n".join(",".join(f'"{cell}"' for cell in cells) for cells in (row, row.values())))
    assert brought(system, first).created == 1
    [reject] = brought(system, second).rejects
    assert reject.reason == "conflict: this id came in before with other content (first.csv, line 2)"


def test_the_same_row_twice_in_a_file_is_unchanged_and_another_of_its_number_refused(system: System, tmp_path: Path) -> None:
    counts = brought(system, written(tmp_path, {}, {}, {"product": "Credit card"}))
    assert (counts.created, counts.unchanged, [reject.line for reject in counts.rejects]) == (1, 1, [4])


def test_a_refused_row_is_in_the_log_of_refused_acts(system: System, tmp_path: Path) -> None:
    brought(system, written(tmp_path, {}, {"product": "Credit card"}))
    [refused] = system.complaints.desk.reading.refusals(AUDITOR, 0, 10, None)["items"]  # type: ignore[union-attr]  # it has a desk
    assert (refused["actor"], refused["trigger"], refused["status"]) == ("import", "record", 409)


def test_a_row_with_too_few_cells_is_refused_and_a_cell_of_two_lines_counts_as_two(system: System, tmp_path: Path) -> None:
    path = written(tmp_path, {"issue": "Late\nfee"}, {"complaint_id": "2"})
    with path.open("a", encoding="utf-8") as file:
        file.write("one,two\n")
    counts = brought(system, path)
    assert (counts.created, [(reject.line, reject.reason) for reject in counts.rejects]) == (
        2, [(5, "the row has 2 cells, the header 12")],
    )  # fmt: skip


def test_a_date_of_another_age_is_refused(shared_system: System, tmp_path: Path) -> None:
    [reject] = brought(shared_system, written(tmp_path, {"complaint_id": "old", "date_received": "1/1/0013"})).rejects
    assert reject.reason == "the time of 'record' lies before 1900"


def test_an_import_that_was_cut_off_is_completed_by_the_next(system: System, tmp_path: Path) -> None:
    path = written(tmp_path, *({"complaint_id": str(n)} for n in range(8)))
    half: Iterator[Counts] = bring(system.complaints.work, path.name, rows(path, imports.CFPB), imports.CFPB)
    assert [counts.created for counts in islice(half, 3)] == [1, 2, 3]
    counts = brought(system, path)
    assert (counts.created, counts.unchanged) == (5, 3)


def test_a_story_that_breaks_in_the_middle_leaves_nothing(system: System, tmp_path: Path) -> None:
    path = written(tmp_path, {"date_received": "11/22/2026", "date_sent_to_company": "11/22/2026"})
    counts = brought(system, path)
    assert (counts.created, counts.rejects[0].field) == (0, "/propose")  # ten days ahead: not yet history
    assert system.desk("auditor").get("/complaints").body["items"] == []


def test_a_byte_order_mark_is_no_part_of_the_first_column(system: System, tmp_path: Path) -> None:
    assert brought(system, written(tmp_path, {}, mark="\ufeff")).created == 1


def test_a_file_without_a_needed_column_or_that_is_no_text_is_refused_whole(tmp_path: Path) -> None:
    short = tmp_path / "short.csv"
    short.write_text("complaint_id,product\n1,Mortgage\n")
    with pytest.raises(FileRefused, match="lacks the columns: company"):
        rows(short, imports.CFPB)
    short.write_bytes(b"\xff\xfe\x00garbage\x81")
    with pytest.raises(FileRefused, match="cannot be read"):
        rows(short, imports.CFPB)
    with pytest.raises(FileRefused, match="cannot be read"):
        rows(tmp_path / "absent.csv", imports.CFPB)


def test_the_example_of_a_mapping_brings_in_its_file_in_both_languages(system: System) -> None:
    mapped = imports.mapped(str(ROOT / "examples" / "complaints.toml"))
    counts = brought(system, ROOT / "examples" / "complaints.csv", mapped)
    assert counts.summary() == {"read": 4, "created": 4, "unchanged": 0, "refused": 0, "kept_as_text": 0}
    found = system.desk("agent").get("/complaints?q=裂纹").body["items"]
    assert [item["external_id"] for item in found] == ["A-1003"]
    first = complaint_of(system, "A-1001", "old-desk")
    assert (first["stage"], first["received_at"], first["channel"]) == ("recorded", "2026-11-03T08:15:00.000000+00:00", "phone")
    assert first["customer"]["contact"] == {"email": "erika@example.org"}
    assert complaint_of(system, "A-1002", "old-desk")["demand"] == "an answer"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[record", "cannot be read"),
        ("[other]\na = 1", r"known are \[file\]"),
        ("[record]\ncolour = { column = 'C' }", "no field colour"),
        ("[record]\ndemand = 'x'", "must be a table"),
        ("[record]\ndemand = { column = 'C', guess = true }", "knows column"),
        ("[record]\nreceived_at = { column = 'C', zone = 'Mars' }", "unknown zone 'Mars'"),
    ],
)
def test_a_mapping_that_contradicts_itself_is_refused_with_the_place(tmp_path: Path, text: str, reason: str) -> None:
    path = tmp_path / "map.toml"
    path.write_text(text)
    with pytest.raises(FileRefused, match=reason):
        imports.mapped(str(path))
