"""--init and --starts end to end: what may be gone on from, what is refused, and what a study makes of it."""

import os
import pickle
import shutil
import subprocess
import sys
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from checkpoints import real_checkpoint
from PIL import Image
from safetensors.torch import load_file, save_file

import kogen
from kogen.cli import main
from kogen.common.records import read_plan_record
from kogen.results.asked import read_asked
from kogen.study.study_start import read_start
from kogen.training.start_weights import KEPT, load_start

QUICK = {"epochs": 2, "batch_size": 16, "image_size": 32, "precision": "32"}
NARROW = {"byol.hidden": 64, "byol.dim": 32}


def write_images(folder: Path, count: int = 48, channels: int = 3, seed: int = 0) -> Path:
    """Pictures of two classes, noise with rows or columns, in a folder a class."""
    rng = np.random.default_rng(seed)
    for number in range(count):
        pixels = rng.integers(0, 120, (40, 40, 3)).astype(np.uint8)
        stripes = (np.arange(40) // 4 % 2 * 120).astype(np.uint8)
        pixels += (stripes[:, None, None] if number % 2 else stripes[None, :, None]).astype(np.uint8)
        place = folder / ("rows" if number % 2 else "columns")
        place.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels if channels == 3 else pixels[..., 0]).save(place / f"{number}.png")
    return folder


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """Images of two sets, gray ones too, and the weights of a small ResNet as timm saves them."""
    home = tmp_path_factory.mktemp("starts")
    write_images(home / "train")
    write_images(home / "test", 40, seed=1)
    write_images(home / "gray", channels=1)
    torch.manual_seed(3)
    network = timm.create_model("resnet18", channels=(8, 16, 32, 64), layers=(1, 1, 1, 1), num_classes=0)
    save_file({key: value.contiguous() for key, value in network.state_dict().items()}, home / "small.safetensors")
    return home


def small(home: Path) -> str:
    return f"{home / 'small.safetensors'}?mean=0.1,0.2,0.3&std=0.4,0.5,0.6"


def weights(run: Path) -> dict[str, torch.Tensor]:
    return load_file(run / "weights.safetensors")


def test_a_run_goes_on_from_a_file_with_its_network_and_its_pixels(home, tmp_path, capsys):
    kogen.pretrain(home / "train", init=small(home), freeze="stages:1", settings=NARROW, out=tmp_path / "run", **QUICK)
    record = read_plan_record(tmp_path / "run")
    assert record["backbone"].startswith("resnet18?")
    assert "layers=1,1,1,1" in record["backbone"]
    assert (record["mean"], record["std"]) == ([0.1, 0.2, 0.3], [0.4, 0.5, 0.6])
    assert (record["model"], record["freeze"]) == ("byol-continued", "stages:1")
    assert record["init"] == load_start(tmp_path / "run" / KEPT).digest == read_start(small(home)).digest
    assert record["recipe"]["rate"] == pytest.approx(0.012)
    assert record["recipe"]["warmup"] == 0.1
    before, after = load_file(home / "small.safetensors"), weights(tmp_path / "run")
    assert all(torch.equal(before[key], after[key]) for key in before if key.startswith(("conv1", "bn1", "layer1")))
    assert not torch.equal(before["layer4.0.conv1.weight"], after["layer4.0.conv1.weight"])
    assert "goes on from" in " ".join(capsys.readouterr().err.split())


def test_a_killed_run_resumes_bit_by_bit_when_the_file_is_gone(home, tmp_path, monkeypatch, capsys):
    mine = shutil.copy(home / "small.safetensors", tmp_path / "mine.safetensors")
    asked = {"init": str(mine), "settings": NARROW, **QUICK}
    kogen.pretrain(home / "train", out=tmp_path / "calm", **asked)
    steps = []

    @contextmanager
    def stop_at_the_fourth():
        yield lambda: steps.append(1) is None and len(steps) == 4

    with monkeypatch.context() as patch:
        patch.setattr("kogen.training.run.interruptible", stop_at_the_fourth)
        with pytest.raises(kogen.api.Stopped, match="stopped at step 4 of 6"):
            kogen.pretrain(home / "train", out=tmp_path / "killed", **asked)
    Path(mine).unlink()
    kogen.pretrain(home / "train", out=tmp_path / "killed", **asked)
    assert "as they were kept in" in " ".join(capsys.readouterr().err.split())
    calm, again = weights(tmp_path / "calm"), weights(tmp_path / "killed")
    assert all(torch.equal(calm[key], again[key]) for key in calm)
    state = [load_file(tmp_path / name / "checkpoint" / "state.safetensors") for name in ("calm", "killed")]
    assert all(torch.equal(state[0][key], state[1][key]) for key in state[0])
    other = load_file(home / "small.safetensors")
    save_file(other | {"bn1.bias": other["bn1.bias"] + 1}, mine)
    with pytest.raises(ValueError, match=r"was begun with other weights than .*mine.safetensors holds now"):
        kogen.pretrain(home / "train", out=tmp_path / "killed", **asked)


@pytest.mark.parametrize("method", ["byol", "dino"])
def test_a_run_goes_on_from_a_run_with_its_head(home, tmp_path, method, capsys):
    narrow = NARROW if method == "byol" else {"hidden": 64, "bottleneck": 32, "outputs": 64}
    asked = {"method": method, **QUICK}
    kogen.pretrain(home / "train", backbone="tiny?width=8", settings=narrow, out=tmp_path / "first", **asked)
    capsys.readouterr()
    kogen.pretrain(home / "train", init=tmp_path / "first", out=tmp_path / "second", **asked | {"epochs": 0})
    assert ("projector, predictor" if method == "byol" else "projector, prototypes") in " ".join(
        capsys.readouterr().err.split()
    )
    record = read_plan_record(tmp_path / "second")
    assert record["settings"]["hidden"] == 64
    first, second = weights(tmp_path / "first"), weights(tmp_path / "second")
    assert all(torch.equal(first[key], second[key]) for key in first)
    state = load_file(tmp_path / "first" / "checkpoint" / "state.safetensors")
    source = "target.1." if method == "dino" else "projector."  # DINO evaluates the teacher
    start = load_start(tmp_path / "second" / KEPT)
    assert torch.equal(start.heads.tensors["projector.0.weight"], state[f"method.{source}0.weight"])
    kogen.pretrain(
        home / "train",
        init=tmp_path / "first",
        settings={"hidden": 32},
        out=tmp_path / "third",
        **asked | {"epochs": 0},
    )
    assert "anew" in " ".join(capsys.readouterr().err.split())


class Code:
    def __reduce__(self):
        return print, ("run",)


def test_what_cannot_be_gone_on_from_is_refused(home, tmp_path):
    asked = {"out": tmp_path / "run", **QUICK}
    with pytest.raises(ValueError, match=r"--init .*nowhere.pth: "):
        kogen.pretrain(home / "train", init=str(tmp_path / "nowhere.pth"), **asked)
    with (tmp_path / "code.pth").open("wb") as file:
        pickle.dump({"a": Code()}, file, protocol=2)
    with pytest.raises(ValueError, match=r"--init .*code.pth: .*code.pth is (a pickle that wants|no checkpoint)"):
        kogen.pretrain(home / "train", init=str(tmp_path / "code.pth"), **asked)
    with pytest.raises(ValueError, match=r"small.safetensors does not fit the backbone resnet34.*: it lacks 120 of"):
        kogen.pretrain(home / "train", init=small(home), backbone="resnet34", **asked)
    with pytest.raises(ValueError, match=r"mae hides patches of an image and needs a plain Vision Transformer"):
        kogen.pretrain(home / "train", init=small(home), method="mae", **asked)
    with pytest.raises(ValueError, match=r"random trains nothing, so it cannot go on from --init .*small"):
        kogen.pretrain(home / "train", init=small(home), method="random", **asked)
    with pytest.raises(ValueError, match=r"stages:9: this ResNet has 4 stages"):
        kogen.pretrain(home / "train", init=small(home), freeze="stages:9", **asked)
    with pytest.raises(ValueError, match=r"--freeze stages:1 keeps layers of published weights, and none are named"):
        kogen.pretrain(home / "train", freeze="stages:1", **asked)
    gray = timm.create_model("resnet18", channels=(8, 16, 32, 64), layers=(1, 1, 1, 1), num_classes=0, in_chans=2)
    save_file({key: value.contiguous() for key, value in gray.state_dict().items()}, tmp_path / "two.safetensors")
    with pytest.raises(ValueError, match=r"two.safetensors holds resnet18.* of 2 channels, and train has 3"):
        kogen.pretrain(home / "train", init=str(tmp_path / "two.safetensors"), **asked)
    assert not (tmp_path / "run" / "plan.json").exists()


def test_gray_images_are_read_as_colour_for_weights_of_colour(home, tmp_path):
    kogen.pretrain(home / "gray", init=small(home), settings=NARROW, out=tmp_path / "run", **QUICK)
    assert read_plan_record(tmp_path / "run")["channels"] == 3


def test_two_processes_go_on_as_one(home, tmp_path):
    """The first keeps the weights, both begin with them; batch norm of what is frozen stays as it is in both."""
    asked = ["pretrain", "byol", str(home / "train"), "--init", small(home), "--freeze", "stages:1"]
    asked += ["--epochs", "2", "--batch-size", "16", "--image-size", "32", "--precision", "32"]
    asked += [part for name, value in NARROW.items() for part in ("--set", f"{name}={value}")]
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node=2", "-m", "kogen"]
    env = {**os.environ, "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run([*launch, *asked, "--out", str(tmp_path / "two")], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-3000:]
    with pytest.raises(SystemExit, match="0"):
        main([*asked, "--out", str(tmp_path / "one")])
    one, two = weights(tmp_path / "one"), weights(tmp_path / "two")
    before = load_file(home / "small.safetensors")
    assert one.keys() == two.keys()
    for key, value in one.items():
        if key.startswith(("conv1", "bn1", "layer1")):
            assert torch.equal(two[key], before[key]), key
        scale = max(value.abs().max().item(), 1e-3)
        assert torch.allclose(value.float(), two[key].float(), rtol=5e-3, atol=5e-3 * scale), key
    assert read_plan_record(tmp_path / "one")["id"] == read_plan_record(tmp_path / "two")["id"]


def test_weights_that_were_kept_for_a_refused_question_make_way_for_others(home, tmp_path):
    asked = {"test": str(home / "test"), "methods": ("random",), "probes": ("knn",), "costs": "none", "seeds": 1}
    asked |= {"out": tmp_path / "study", "starts": ("init",), **QUICK}
    other = tmp_path / "other.safetensors"
    save_file({key: value + 1 for key, value in load_file(home / "small.safetensors").items()}, other)
    with pytest.raises(ValueError, match="or for --shots"):
        kogen.pilot(home / "train", init=small(home), budgets=("1%",), **asked)
    assert load_start(tmp_path / "study" / KEPT).digest == read_start(small(home)).digest
    kogen.pilot(home / "train", init=str(other), **asked)
    assert load_start(tmp_path / "study" / KEPT).digest == read_start(str(other)).digest
    with pytest.raises(ValueError, match="was begun with other weights than"):
        kogen.pilot(home / "train", init=small(home), **asked)


@pytest.fixture(scope="module")
def study(home) -> tuple[Path, dict]:
    """A pilot in which BYOL competes in three ways, from the real ImageNet weights."""
    asked = {"test": str(home / "test"), "methods": ("byol", "random"), "seeds": 1, "probes": ("knn",)}
    asked |= QUICK | {"epochs": 1, "settings": {"byol": {"hidden": 64, "dim": 32}}}
    asked |= {"init": f"lite0={real_checkpoint()}", "freeze": "stages:2", "out": home / "study"}
    kogen.pilot(home / "train", **asked)
    return home, asked


def test_a_method_competes_in_three_ways(study):
    home, asked = study
    rows = pd.read_parquet(home / "study" / "predictions.parquet")
    methods = {"byol": "byol", "byol-continued": "byol", "lite0": "published", "random": "random"}
    assert rows.groupby("model").method.first().to_dict() == methods
    records = {record["model"]: record for record in map(read_plan_record, (home / "study" / "runs").iterdir())}
    assert {record["backbone"] for record in records.values()} == {"tf_efficientnet_lite0"}
    assert {record["image_size"] for record in records.values()} == {32}
    begun = {model for model, record in records.items() if record.get("init")}
    assert begun == {"byol-continued", "lite0"}
    assert records["byol-continued"]["mean"] == records["lite0"]["mean"] == [0.5, 0.5, 0.5]
    assert records["byol"]["recipe"]["rate"] == pytest.approx(10 * records["byol-continued"]["recipe"]["rate"])
    runs = {read_plan_record(run)["model"]: run for run in (home / "study" / "runs").iterdir()}
    real, original = read_start(asked["init"]).tensors, weights(runs["lite0"])
    assert all(torch.equal(real[key], original[key]) for key in original)
    moved = weights(runs["byol-continued"])
    still = [key for key in moved if key.startswith(("conv_stem", "bn1", "blocks.0.", "blocks.1."))]
    assert all(torch.equal(real[key], moved[key]) for key in still)
    assert any(not torch.equal(real[key], moved[key]) for key in moved)
    assert read_asked(home / "study").runs == len(records) == 4


def test_the_verdict_says_whether_going_on_helped(study):
    home, _ = study
    told = kogen.report(home / "study")
    found = told["judgement"]["continued"]
    assert found["model"] == "byol-continued"
    assert {found["pair"]["first"], found["pair"]["second"]} == {"byol-continued", "lite0"}
    keys = [one["key"] for one in told["sentences"]]
    assert [key for key in keys if key.startswith("continued_")]
    words = next(text for text in told["words"] if "our own pre-training" in text)
    assert "lite0" in words
    assert " to " in words
    assert words.split("(")[0].strip()[:40] in (home / "study" / "report.html").read_text()


def test_a_study_with_starts_may_grow_and_the_file_may_be_gone(study, tmp_path, monkeypatch):
    home, asked = study
    shutil.copytree(home / "study", tmp_path / "study")
    more = asked | {"out": tmp_path / "study", "seeds": 2, "corrupt": "blur:5"}
    cost = kogen.estimate(home / "train", **more)
    assert cost.minutes > 0
    kogen.pilot(home / "train", **more)
    rows = pd.read_parquet(tmp_path / "study" / "predictions.parquet")
    seeds = rows.groupby("model").seed.nunique().to_dict()
    assert seeds == {"byol": 2, "byol-continued": 2, "random": 2, "lite0": 1}
    assert read_asked(tmp_path / "study").runs == 7
    with pytest.raises(ValueError, match=r"--freeze is stages:2 there and not given here"):
        kogen.pilot(home / "train", **more | {"freeze": None})


def test_starts_that_do_not_fit_together_are_refused(home, tmp_path):
    asked = {"test": str(home / "test"), "methods": ("byol",), "out": tmp_path / "study", **QUICK}
    for more, message in (
        ({"starts": ("init",)}, "--starts init goes on from weights, and none are named: add --init FILE"),
        ({"starts": ("scratch",), "init": small(home)}, "--starts scratch does not use it: add init"),
        ({"starts": ("zero",)}, "unknown start 'zero'"),
        ({"starts": ("init", "init"), "init": small(home)}, "starts init, init: one is named twice"),
        ({"init": f"byol={small(home)}"}, "the name 'byol' is taken: call the weights something else"),
        (
            {"init": small(home), "candidates": {"byol-continued": "x"}},
            "has the name of a method that goes",
        ),
        ({"settings": {"byol-continued": {"rate": 0.1}}}, "and nothing goes on from weights here: add --init FILE"),
        ({"freeze": "stages:1"}, "--freeze stages:1 keeps layers of published weights, and none are named"),
    ):
        with pytest.raises(ValueError, match=message):
            kogen.pilot(home / "train", **asked | more)


def test_a_study_file_may_leave_the_network_to_the_weights(home, tmp_path):
    place = tmp_path / "study.toml"
    place.write_text(
        f'source = "{home / "train"}"\ntest = "{home / "test"}"\ninit = "{small(home)}"\nstarts = ["init"]\n'
        'methods = ["byol"]\nseeds = 1\nepochs = 1\nbatch_size = 16\nimage_size = 32\nprobes = ["knn"]\n'
        "[settings.byol]\nhidden = 64\ndim = 32\n[settings.byol-continued]\nrate = 0.5\n"
    )
    for _ in range(2):
        told = kogen.pilot(place, out=tmp_path / "study")
        assert told["methods"] == {"byol-continued": "byol", "original": "stock"}
    records = {record["model"]: record for record in map(read_plan_record, (tmp_path / "study" / "runs").iterdir())}
    assert records["byol-continued"]["recipe"]["rate"] == 0.5
    assert records["original"]["backbone"] == read_start(small(home)).backbone
