"""What the tests of jobs and of Ray share: a small study, and what one process leaves of it."""

from pathlib import Path

import pytest
from shared_work import small_sets, study_alone


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return small_sets(tmp_path_factory.mktemp("sets"))


@pytest.fixture(scope="module")
def alone(sets: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> Path:
    return study_alone(sets, tmp_path_factory.mktemp("alone") / "study")
