"""What every test runs under: one thread a process, a cache of its own, no network."""

import gc
import os

# Before numpy and torch are imported: two workers with two spinning threads each lame one another on two cores.
for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(name, "1")

import pytest  # noqa: E402
import torch  # noqa: E402
from hypothesis import settings  # noqa: E402

from kogen.common.speech.console import show_events  # noqa: E402

# A busy machine is not a failure, and a gate says the same of the same code twice; `make slow` draws new cases.
settings.register_profile("gate", deadline=None, derandomize=True)
settings.register_profile("explore", deadline=None)
settings.load_profile("gate")


@pytest.fixture(autouse=True, scope="session")
def _quiet(tmp_path_factory):
    os.environ["KOGEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)


@pytest.fixture(autouse=True)
def _screen():
    """Tests read what the command line shows; used from Python the package is silent (tests/common/test_console.py)."""
    with show_events():
        yield


def pytest_collection_finish():
    """Torch and thousands of tests are no garbage: a search among them costs a second, and there are many searches."""
    gc.collect()
    gc.freeze()
