"""A changed calendar moves what is still ahead, and nothing that was recorded."""

from pathlib import Path

from tests.house import Desk, System

LATE = 'name = "late"\nzone = "UTC"\n[week]\nmon = ["12:00-20:00"]\ntue = ["12:00-20:00"]\n'


def test_open_cases_are_due_by_the_new_calendar_after_a_restart_and_closed_ones_stay(tmp_path: Path) -> None:
    first = System(tmp_path)
    desk = Desk(first)
    recorded, closed = desk.open(), desk.at("evaluated")
    before = {href: first.desk("auditor").get(href).body["due_at"] for href in (recorded, closed)}
    first.close()
    (tmp_path / "calendar.toml").write_text(LATE)
    second = System(tmp_path, watch=first.watch)
    sweep = second.complaints.sweep()
    assert sweep.follow_calendar() == 1
    assert sweep.follow_calendar() == 0
    auditor = second.desk("auditor")
    assert before[recorded] == "2026-11-23T17:00:00.000000+00:00"
    assert auditor.get(recorded).body["due_at"] == "2026-11-23T20:00:00.000000+00:00"
    assert auditor.get(closed).body["due_at"] is before[closed] is None
    assert auditor.get(f"/audit/verify?kind=complaint&id={recorded.rsplit('/', 1)[1]}").body["ok"]
    second.close()
