"""A live system for the tests that need one: the real command in a process of its own."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.temporary import running


@pytest.fixture(scope="session")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """(URL, data folder) of `casewright up` on a free port; it ends with 0 when told to stop."""
    with running(tmp_path_factory.mktemp("live") / "data") as system:
        yield system.url, system.data
    assert system.ended == 0
