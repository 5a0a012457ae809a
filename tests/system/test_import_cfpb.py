"""500 published complaints through the procedure: what comes out equals what can be counted in the file."""

import csv
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from deploy.cli import main
from tests.house import System

FILE = Path(__file__).resolve().parents[3] / "shared" / "data" / "complaints_cfpb.csv"
pytestmark = pytest.mark.skipif(
    not FILE.exists(), reason="the published complaints lie beside the checkout only where it is developed"
)
REMEDIES = {"Closed with monetary relief": "refund", "Closed with non-monetary relief": "correction"}


def run(data: Path, *more: str) -> Result:
    return CliRunner().invoke(main, ["import", "complaints", str(FILE), *more], env={"CASEWRIGHT_DATA": str(data)})


@pytest.fixture(scope="module")
def imported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    data = tmp_path_factory.mktemp("imported")
    done = run(data, "--map", "cfpb", "--json")
    assert (done.exit_code, json.loads(done.stdout)) == (
        0, {"read": 500, "created": 500, "unchanged": 0, "refused": 0, "kept_as_text": 0},
    )  # fmt: skip
    return data


@pytest.fixture(scope="module")
def cases(imported: Path) -> list[dict[str, Any]]:
    system = System(imported)
    auditor, found, path = system.desk("auditor"), [], "/complaints?limit=500"
    while path:
        page = auditor.get(path).body
        found += page["items"]
        path = page["next"]
    system.close()
    return found


def test_declines_missed_clocks_and_remedies_are_those_of_the_file(cases: list[dict[str, Any]]) -> None:
    with FILE.open(encoding="utf-8-sig", newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(cases) == len(rows)
    assert {case["stage"] for case in cases} == {"evaluated"}
    assert sum(case["declines"] for case in cases) == sum(row["consumer_disputed?"] == "Yes" for row in rows)
    missed = {case["external_id"] for case in cases for c in case["clocks"] if (c["name"], c["state"]) == ("response", "missed")}
    assert missed == {row["complaint_id"] for row in rows if row["timely_response"] == "No"}
    promised = Counter(promise["kind"] for case in cases for promise in case["fulfilments"])
    assert promised == Counter(REMEDIES.get(row["company_response_to_consumer"], "explanation") for row in rows)
    channels = Counter("letter" if row["submitted_via"] == "Postal mail" else row["submitted_via"].lower() for row in rows)
    assert Counter(case["channel"] for case in cases) == channels


def test_every_customer_was_told_and_every_promise_kept(cases: list[dict[str, Any]]) -> None:
    assert all(case["told"]["told"] for case in cases)
    assert {promise["state"] for case in cases for promise in case["fulfilments"]} == {"done"}


def test_the_second_time_creates_none_and_the_record_verifies(imported: Path) -> None:
    again = run(imported, "--json")
    assert json.loads(again.stdout) == {"read": 500, "created": 0, "unchanged": 500, "refused": 0, "kept_as_text": 0}
    verified = CliRunner().invoke(main, ["verify", "--data", str(imported), "--json"])
    assert (verified.exit_code, json.loads(verified.stdout)["cases"]) == (0, 500)


def test_all_its_events_are_in_the_feed_without_a_gap(imported: Path, cases: list[dict[str, Any]]) -> None:
    system = System(imported)
    auditor, events, after = system.desk("auditor"), [], ""
    while True:
        page = auditor.get(f"/events?limit=500&after={after}").body
        events += page["events"]
        after = page["next"]
        if not page["more"]:
            break
    system.close()
    assert [event["position"] for event in events] == list(range(1, sum(case["version"] for case in cases) + 1))
