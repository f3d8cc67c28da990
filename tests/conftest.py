"""What every test runs under: one thread a process, a cache of its own, no network."""

import os

import pytest
import torch


@pytest.fixture(autouse=True, scope="session")
def _quiet(tmp_path_factory):
    os.environ["KOGEN_CACHE"] = str(tmp_path_factory.mktemp("cache"))
    os.environ["HF_HUB_OFFLINE"] = "1"
    torch.set_num_threads(1)
