"""The served document against the served system: no failure, no undocumented answer, nothing accepted that it forbids."""

import json
import os
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

SETTINGS = """
[checks.positive_data_acceptance]  # a right body may meet the wrong stage, person or version
expected-statuses = ["2xx", "401", "403", "404", "409", "412", "422", "429"]
[checks.missing_required_header]  # a missing If-Match is 428 (RFC 6585), which this check does not know of itself
expected-statuses = ["400", "401", "403", "404", "422", "428"]
"""


@pytest.mark.parametrize("role", ["agent", "admin"])
def test_the_system_answers_as_its_own_document_says(live: tuple[str, Path], tmp_path: Path, role: str) -> None:
    url, data = live
    (tmp_path / "settings.toml").write_text(SETTINGS)
    examples = os.environ.get("CASEWRIGHT_SCHEMATHESIS_EXAMPLES", "3")
    command = [
        str(Path(sys.executable).parent / "schemathesis"), "--config-file", str(tmp_path / "settings.toml"),
        "run", f"{url}/openapi.json",
        "-H", f"Authorization: Bearer {_token(url, data, role)}", "--max-examples", examples, "--seed", "7",
        "--no-color",
    ]  # fmt: skip
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=170, check=False)
    assert done.returncode == 0, done.stdout[-6000:]


def _token(url: str, data: Path, role: str) -> str:
    person = next(p for p in json.loads((data / "demo-staff.json").read_text()) if p["roles"] == [role])
    body = json.dumps({name: person[name] for name in ("username", "password")}).encode()
    asked = urllib.request.Request(f"{url}/auth/token", body, {"Content-Type": "application/json"})
    with urllib.request.urlopen(asked, timeout=10) as answer:
        return str(json.load(answer)["access_token"])
