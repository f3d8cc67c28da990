"""The hub by name: without the package, with an old one and without a name a sentence; see test_hugging_face too."""

import sys
import types

import pytest

from kogen.data.open import open_images


def test_without_the_package_a_sentence(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(ValueError, match=r"hf: wants the package datasets: pip install 'kogen\[hf\]'"):
        open_images("hf:owner/name")


def test_a_version_that_runs_code_of_data_sets_is_refused(monkeypatch: pytest.MonkeyPatch):
    old = types.ModuleType("datasets")
    old.__version__ = "3.6.0"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "datasets", old)
    with pytest.raises(ValueError, match=r"version 3.6.0, which may run code of a data set: pip install 'datasets>=4'"):
        open_images("hf:owner/name")


def test_a_name_is_wanted():
    pytest.importorskip("datasets")
    with pytest.raises(ValueError, match=r"hf needs the name of a set: write hf:OWNER/NAME"):
        open_images("hf")
