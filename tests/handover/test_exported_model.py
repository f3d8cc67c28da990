"""A file of a model: read back as it was written, and refused with a sentence where it is anything else."""

import json
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from handover import write_model
from safetensors.torch import save_file
from small import blobs

import kogen
from kogen.common.tensors import load_tensors, save_tensors
from kogen.data.images import from_array
from kogen.handover import exported_model
from kogen.handover.exported_model import load_model


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("model"), "model.safetensors") / "model.safetensors"


def rewritten(source: Path, out: Path, **changes: object) -> Path:
    """The model with other tensors or facts, sealed anew as anybody can."""
    tensors, facts = load_tensors(source, "")
    for name, value in changes.items():
        if isinstance(value, torch.Tensor):
            tensors[name.replace("_", ".")] = value
        else:
            facts[name] = str(value)
    save_tensors(out, tensors, facts)
    return out


def test_a_class_that_was_never_shown_has_no_share(model: Path, tmp_path: Path):
    read = load_model(model)
    bias = torch.from_numpy(read.head.bias.copy())
    bias[1] = -torch.inf
    without = load_model(rewritten(model, tmp_path / "m.safetensors", head_bias=bias))
    assert (without.probability(blobs(channels=1))[:, 1] == 0).all()


def test_other_channels_get_a_sentence(model: Path):
    with pytest.raises(ValueError, match="has 3 channels, wanted 1"):
        load_model(model).probability(blobs(channels=3))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "cannot read .*; export the run again"),
        (pickle.dumps({"a": 1}), "cannot read .*; export the run again"),
        (b"PK\x03\x04" + bytes(100), "cannot read .*; export the run again"),
        ((1 << 40).to_bytes(8, "little") + b"{}", "cannot read .*; export the run again"),
    ],
)
def test_what_is_no_model_is_refused(content: bytes, message: str, tmp_path: Path):
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match=message):
        load_model(tmp_path / "m.safetensors")


def test_damage_and_size_are_noticed(model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    content = bytearray(model.read_bytes())
    content[-5] ^= 1
    (tmp_path / "m.safetensors").write_bytes(content)
    with pytest.raises(ValueError, match="is damaged"):
        load_model(tmp_path / "m.safetensors")
    monkeypatch.setattr(exported_model, "MAX_BYTES", 1000)
    with pytest.raises(ValueError, match="at most 1,000 are read"):
        load_model(model)


def test_weights_without_a_head_are_no_model(model: Path, tmp_path: Path):
    kogen.export(model.parent / "run", out=tmp_path / "weights.safetensors")
    with pytest.raises(ValueError, match="holds a network without a head: write one with kogen export"):
        load_model(tmp_path / "weights.safetensors")
    save_file({"a": torch.zeros(2)}, tmp_path / "theirs.safetensors")
    with pytest.raises(ValueError, match="holds no model of kogen"):
        load_model(tmp_path / "theirs.safetensors")


def test_hostile_values_are_refused(model: Path, tmp_path: Path):
    _, facts = load_tensors(model, "")
    place = tmp_path / "m.safetensors"
    origin = json.loads(facts["model"])
    network = json.loads(facts["network"])
    cases = [
        ({"head_bias": torch.full((4,), torch.nan, dtype=torch.float64)}, "the head's bias holds values that are no"),
        ({"head_mean": torch.zeros(3, dtype=torch.float64)}, r"the head's mean is torch.float64 \(3,\), wanted"),
        ({"head_mean": torch.zeros(64)}, "the head's mean is torch.float32"),
        ({"evil": torch.zeros(3)}, "is no model that kogen writes .its tensor 'evil'"),
        ({"model": "{"}, "describes itself in a way that kogen does not write"),
        ({"model": "[" * 100_000}, "describes itself in a way that kogen does not write"),
        ({"model": json.dumps(origin | {"stored_side": 10**9})}, "kogen does not write .odd values"),
        ({"model": json.dumps(origin | {"bits": "x"})}, "does not hold what is wanted, at 'bits'"),
        ({"network": json.dumps(network | {"classes": ["a", "a", "b", "c"]})}, "kogen does not write .odd values"),
        ({"network": json.dumps(network | {"input_size": 10**9})}, "odd values of input_size"),
        (
            {"network": json.dumps(network | {"architecture": "hf-hub:evil/evil"})},
            "unknown backbone 'hf-hub:evil/evil'",
        ),
    ]
    for changes, message in cases:
        with pytest.raises(ValueError, match=message):
            load_model(rewritten(model, place, **changes))


def test_read_back_it_is_the_same(model: Path):
    first, again = load_model(model), load_model(model)
    images = from_array(np.full((2, 1, 90, 70), 9, np.uint8))
    np.testing.assert_array_equal(first.probability(images), again.probability(images))
    assert first.origin == again.origin
