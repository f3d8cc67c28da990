"""Facts in a file's metadata: written whole, read back the same, and refused where kogen did not write them so."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from checkpoints import at, resnet

from kogen.backbones._network_facts import NetworkFacts, read_network_facts
from kogen.backbones.published import describe_checkpoint
from kogen.common.tensors import save_tensors

FACTS = NetworkFacts("resnet18?stem=original", 64, 3, (0.5,), (0.2, 0.2, 0.3), "byol", ("a", "b"))


def test_facts_come_back():
    assert read_network_facts(FACTS.to_metadata(), Path("a")) == FACTS
    assert read_network_facts({"format": "pt"}, Path("a")) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": [0.5, 0.5]}, r"does not write \(odd values of mean\): export the run again"),
        ({"std": [0.0]}, r"odd values of std"),
        ({"std": [float("inf")]}, r"odd values of std"),
        ({"mean": ["0.5"]}, r"odd values of mean"),
        ({"classes": [1]}, r"odd values of classes"),
        ({"input_size": 10**9}, r"odd values of input_size"),
        ({"input_size": 64.0}, r"odd values of input_size"),
        ({"channels": 0}, r"odd values of std, channels"),
        ({"architecture": ["resnet18"]}, r"odd values of architecture"),
        ({"architecture": "resnet18?stem"}, r"'stem' is not key=value"),
        ({"framework": "nobody"}, r"an unknown framework, 'nobody'"),
        ({"more": 1}, r"unexpected keyword argument 'more'"),
        (
            {"resize": "the centre"},
            r"wants its images resized as 'the centre', and this version of kogen resizes",
        ),
    ],
)
def test_facts_that_kogen_does_not_write_are_refused(change: dict[str, Any], message: str):
    facts = json.loads(FACTS.to_metadata()["network"]) | change
    with pytest.raises(ValueError, match=message):
        read_network_facts({"network": json.dumps(facts)}, Path("a.safetensors"))


@pytest.mark.parametrize("text", ["", "[]", "3", "{}", "[" * 10**5])
def test_metadata_that_is_no_facts_is_refused(text: str):
    with pytest.raises(ValueError, match="describes its network in a way that this version of kogen does not write"):
        read_network_facts({"network": text}, Path("a.safetensors"))


@pytest.mark.parametrize(
    ("architecture", "message"),
    [
        ("resnet19", "unknown backbone 'resnet19'"),
        ("resnet18?checkpoint_path=evil.pth", "has no setting 'checkpoint_path'"),
        ("published?file=a.pth", "published weights are judged with --candidates"),
        ("hf-hub:a/b", "unknown backbone 'hf-hub:a/b'"),
        ("resnet34", "does not fit the backbone resnet34.stem=half: it lacks"),
    ],
)
def test_an_architecture_of_a_stranger_is_checked_as_any_other(architecture: str, message: str, tmp_path: Path):
    from kogen.study.plans import read_candidate
    from kogen.training.build import build_method

    facts = NetworkFacts(architecture, 64, 3, (0.5,), (0.2,), "byol", ())
    tensors = {key: value.contiguous() for key, value in at("", resnet()).items()}
    save_tensors(tmp_path / "a.safetensors", tensors, facts.to_metadata())
    with pytest.raises(ValueError, match=message):
        build_method(read_candidate("a", str(tmp_path / "a.safetensors")))


def test_facts_and_tensors_are_sealed_together(tmp_path: Path):
    """Facts that were edited no longer fit the sum."""
    tensors = {"a": torch.ones(3)}
    save_tensors(tmp_path / "a.safetensors", tensors, FACTS.to_metadata())
    content = (tmp_path / "a.safetensors").read_bytes()
    assert content.count(b"stem=original") == 1
    (tmp_path / "a.safetensors").write_bytes(content.replace(b"stem=original", b"stem=originaL"))
    with pytest.raises(ValueError, match="damaged"):
        describe_checkpoint(str(tmp_path / "a.safetensors"))
