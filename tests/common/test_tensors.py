"""Tensors on disk: damage is noticed."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from kogen.common.tensors import load_tensors, save_tensors


def some() -> dict[str, torch.Tensor]:
    rng = torch.Generator().manual_seed(0)
    found = {"a": torch.randn(3, 4, generator=rng), "b.c": torch.arange(5), "one": torch.tensor(2.5)}
    return found | {
        "half": torch.randn(6, generator=rng).to(torch.bfloat16),
        "none": torch.zeros(0),
        "yes": torch.ones(2) > 0,
    }


def test_tensors_and_facts_come_back_and_plain_readers_read_them(tmp_path: Path):
    save_tensors(tmp_path / "a.safetensors", some(), {"facts": "{}"})
    first = (tmp_path / "a.safetensors").read_bytes()
    save_tensors(tmp_path / "a.safetensors", some(), {"facts": "{}", "more": "1"})
    save_tensors(tmp_path / "a.safetensors", some(), {"facts": "{}"})
    assert (tmp_path / "a.safetensors").read_bytes() == first
    tensors, facts = load_tensors(tmp_path / "a.safetensors", "")
    plain = load_file(tmp_path / "a.safetensors")
    assert facts == {"facts": "{}"}
    assert set(tensors) == set(plain) == set(some())
    assert all(torch.equal(tensors[name], value) and torch.equal(plain[name], value) for name, value in some().items())


def try_loading(place: Path) -> dict[str, torch.Tensor] | None:
    """The tensors, None where they are refused by a sentence with the file's name and the cure."""
    try:
        tensors = load_tensors(place, "train it again")[0]
    except ValueError as error:
        return None if place.name in str(error) and str(error).endswith("; train it again") else {}
    return tensors if set(tensors) == set(some()) else {}


def test_no_changed_bit_is_read_as_something_else(tmp_path: Path):
    place = tmp_path / "a.safetensors"
    save_tensors(place, some(), {"facts": "{}"})
    content = place.read_bytes()
    rng = np.random.default_rng(1)
    for position in range(len(content)):
        changed = bytearray(content)
        changed[position] ^= 1 << int(rng.integers(8))
        place.write_bytes(changed)
        tensors = try_loading(place)
        assert tensors is None or all(torch.equal(tensors[name], value) for name, value in some().items())


def test_a_file_without_a_sum_is_read_and_a_full_disk_is_an_oserror(tmp_path: Path):
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors")
    assert load_tensors(tmp_path / "a.safetensors", "")[0].keys() == {"a"}
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors", {"network": "of another program"})
    assert load_tensors(tmp_path / "a.safetensors", "")[1] == {}
    full = Path("/dev/full")
    if full.exists():
        with pytest.raises(OSError):
            save_tensors(tmp_path / "absent" / ("x" * 300), some())


def test_metadata_that_has_lost_its_sum_is_refused(tmp_path: Path):
    save_file({"a": torch.ones(2)}, tmp_path / "a.safetensors", {"kogen": '{"network": "{}"}'})
    with pytest.raises(ValueError, match=r"was edited: its metadata of kogen has lost its checksum; get it again"):
        load_tensors(tmp_path / "a.safetensors", "get it again")
