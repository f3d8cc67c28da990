"""A user's own method is tried in one step before anything is trained; what is wrong with it is a sentence."""

from pathlib import Path
from typing import Any

import pytest
import torch
from own_code import MORE_WRONG, RIGHT, WRONG

import kogen
from kogen.cli import main
from kogen.common import plugins

SMALL: dict[str, Any] = {"backbone": "tiny?width=8", "image_size": 16, "batch_size": 32, "precision": "32"}


@pytest.fixture(autouse=True)
def _mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(plugins, "OPENED", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(RIGHT + WRONG + MORE_WRONG)


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("Plain", "'Plain' is the class Plain: wanted a class that inherits kogen.extend.Method"),
        ("compute", "'compute' is a function: wanted a class"),
        ("nothing", "'nothing' is a function: wanted a class"),
        ("Raises", "broke off in a trial step: mine.py, line [0-9]+, in forward: KeyError: 'oh'"),
        ("Nan", "the term 'loss' is nan in a trial step"),
        ("Positional", r"takes dim: wanted Positional\(backbone, \*, classes=0, images=0"),
        ("NoClasses", "does not take classes and images"),
        ("NoRecipe", r"has no recipe: write recipe = kogen.extend.Recipe\(source"),
        ("Abstract", "does not define forward: write it"),
        ("Number", "forward returned a Tensor, wanted named terms of a loss"),
        ("Wide", r"the term 'loss' has the shape \(4, 3, 16, 16\), wanted a scalar"),
        ("Still", "no gradient reaches its backbone"),
        ("PerImage", r"the term 'loss' has the shape \(4,\), wanted a scalar, such as its mean"),
        ("NoBackbone", "keeps no backbone: its constructor has to set self.backbone = backbone"),
        ("Empty", "forward returned no term, wanted named terms of a loss"),
        ("Unseeded", "the term 'loss' is another one in the same step again"),
        ("Judged", r"evaluation_backbone\(\) gives no features \(B, D\)"),
    ],
)
def test_what_is_wrong_with_a_method_is_a_sentence(name: str, match: str, tmp_path: Path):
    with pytest.raises(ValueError, match=match):
        kogen.pretrain("surfaces?n=64&size=16", method=f"mine.py:{name}", **SMALL, out=tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_what_breaks_later_names_the_line_of_the_users_code():
    words = "pretrain mine.py:Late surfaces?n=64&size=16 --image-size 16 --batch-size 32 --epochs 4 --out run"
    with pytest.raises(SystemExit, match=r"your own code: mine.py, line \d+, in forward: RuntimeError: late"):
        main([*words.split(), "--backbone", "tiny?width=8"])


def test_a_method_is_tried_in_the_precision_that_it_trains_in(tmp_path: Path):
    first = "        first, second = ("
    code = RIGHT.replace(first, "        torch.pdist(self.head(self.backbone(views.crops[0])))\n" + first)
    (tmp_path / "mine.py").write_text(code)
    with pytest.raises(ValueError, match=r"broke off in a trial step: .*NotImplementedError.*pdist.*BFloat16"):
        kogen.pretrain("surfaces?n=64&size=16", method="mine.py:MyByol", **SMALL | {"precision": "bf16"}, out="run")


def test_a_class_trains_as_its_file_does(tmp_path: Path):
    few: dict[str, Any] = SMALL | {"epochs": 1}
    one = kogen.pretrain("surfaces?n=64&size=16", method="mine.py:MyByol", **few, out=tmp_path / "one")
    made = plugins.find_plugin("methods", "MyByol")
    assert made is not None
    other = kogen.pretrain("surfaces?n=64&size=16", method=made.thing, **few, out=tmp_path / "other")
    assert (tmp_path / "one" / "weights.safetensors").read_bytes() == (
        tmp_path / "other" / "weights.safetensors"
    ).read_bytes()
    assert one["alarms"] == other["alarms"]


def test_what_a_method_draws_from_torch_is_that_of_seed_and_step(tmp_path: Path):
    few: dict[str, Any] = SMALL | {"epochs": 2}
    for name in ("one", "other"):
        torch.rand(3)  # wherever the global generator stands
        kogen.pretrain("surfaces?n=64&size=16", method="mine.py:Dropped", **few, out=tmp_path / name)
    files = [tmp_path / name / "weights.safetensors" for name in ("one", "other")]
    assert files[0].read_bytes() == files[1].read_bytes()
    state = torch.get_rng_state()
    kogen.pretrain("surfaces?n=64&size=16", method="mine.py:Dropped", **few, out=tmp_path / "third")
    assert torch.equal(torch.get_rng_state(), state)
