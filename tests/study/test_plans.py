"""Candidates: published networks beside the trained ones, under their own names, sizes and preprocessing."""

import shutil
import sys

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from PIL import Image
from safetensors.torch import save_file
from small import blobs

import kogen
from kogen.cli import main, parse_options
from kogen.common.files import json_digest
from kogen.config.plan import Plan
from kogen.config.study import Study, make_study, read_study, study_to_toml
from kogen.options.study import PilotOptions
from kogen.study.plans import plans_of, read_candidate
from kogen.study.splits import Splits
from kogen.training import run as running
from kogen.training.build import build_method
from kogen.training.run import load_run, record_of

QUICK = {"epochs": 1, "seeds": 2, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 32, "precision": "32"}


def networks(root) -> dict[str, str]:
    """Two published files: a ResNet as SwAV writes it and a ViT of another size as MAE does."""
    torch.manual_seed(0)
    resnet = timm.create_model("resnet18", num_classes=0, layers=(1, 1, 1, 1), channels=(8, 16, 32, 64))
    vit = timm.create_model(
        "vit_tiny_patch16_224", img_size=32, patch_size=8, embed_dim=192, depth=1, num_heads=3, num_classes=0
    )
    swav = {"module." + key: value for key, value in resnet.state_dict().items()}
    torch.save(swav | {"module.prototypes.weight": torch.zeros(3, 3)}, root / "swav.pth.tar")
    torch.save({"model": vit.state_dict() | {"decoder_embed.weight": torch.zeros(2, 2)}}, root / "mae.pth")
    return {"swav": f"{root / 'swav.pth.tar'}?image_size=48", "mae large": str(root / "mae.pth")}


def write_set(root, count: int, seed: int):
    """Class folders of gray images: striped (bad) and plain (ok)."""
    rng = np.random.default_rng(seed)
    for name in ("ok", "bad"):
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(60, 160, (20, 18))
            pixels[:: 4 if name == "bad" else 99] += 90
            Image.fromarray(pixels.astype(np.uint8), "L").save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished pilot of an untrained network and two candidates on gray images."""
    root = tmp_path_factory.mktemp("candidates")
    train, test = write_set(root / "a", 20, 0), write_set(root / "b", 10, 1)
    asked = {"test": str(test), "methods": ("random",), "candidates": networks(root), **QUICK}
    return root, kogen.pilot(train, out=root / "study", **asked), asked


def test_candidates_are_judged_under_their_names(study):
    root, told, _ = study
    rows = pd.read_parquet(root / "study" / "predictions.parquet")
    assert rows.groupby("model").method.first().to_dict() == {"random": "random", "swav": "swav", "mae large": "mae"}
    assert rows.groupby("model").seed.nunique().to_dict() == {"random": 2, "swav": 1, "mae large": 1}
    assert rows.groupby("model").size().to_dict() == {"random": 2 * 2 * 20, "swav": 2 * 20, "mae large": 2 * 20}
    assert told["methods"] == {"random": "random", "swav": "stock", "mae large": "stock"}  # weights that were given


def test_a_candidate_is_seen_at_its_own_size_with_its_own_preprocessing(study):
    root, _, _ = study
    records = {}
    for folder in (root / "study" / "runs").glob("*"):
        record, plan, backbone = load_run(folder)
        records[record["model"]] = record
        assert (backbone.channels, backbone.image_size) == (plan.channels, plan.image_size)
        if plan.name:
            original = build_method(read_candidate(plan.name, networks(root)[plan.name])).backbone.network.state_dict()
            again = backbone.network.state_dict()
            assert all(torch.equal(value, again[key]) for key, value in original.items())
    assert {name: r["image_size"] for name, r in records.items()} == {"random": 16, "swav": 48, "mae large": 32}
    assert {name: r["channels"] for name, r in records.items()} == {"random": 1, "swav": 3, "mae large": 3}
    assert records["swav"]["mean"] == [0.485, 0.456, 0.406]
    assert {name: r["method"] for name, r in records.items()} == {
        "random": "random",
        "swav": "stock",
        "mae large": "stock",
    }


def test_asked_twice_nothing_is_computed_again(study, monkeypatch):
    root, told, asked = study
    monkeypatch.setattr("kogen.study.predictions.evaluate_backbone", lambda *_: pytest.fail("judged again"))
    assert kogen.pilot(root / "a", out=root / "study", **asked)["judgement"] == told["judgement"]


def test_the_study_file_gives_the_same_question(study, tmp_path):
    root, _, asked = study
    again = read_study(root / "study" / "study.toml")
    assert again.candidates == asked["candidates"]
    place = tmp_path / "study.toml"
    place.write_text(study_to_toml(again), encoding="utf-8")
    assert read_study(place) == again


def test_the_folder_of_a_finished_run_is_a_candidate(study, tmp_path):
    run = next(folder for folder in (study[0] / "study" / "runs").iterdir() if load_run(folder)[1].method == "random")
    plan, was = read_candidate("mine", str(run)), load_run(run)[1]
    assert (plan.name, plan.weights) == ("mine", str(run / "weights.safetensors"))
    assert (plan.image_size, plan.channels) == (16, was.channels)
    assert plan.mean + plan.std == pytest.approx(was.mean + was.std)
    unfinished = tmp_path / "run"
    shutil.copytree(run, unfinished)
    (unfinished / "weights.safetensors").unlink()
    with pytest.raises(ValueError, match="run has no weights yet: its training is not finished"):
        read_candidate("mine", str(unfinished))


def test_candidates_alone_and_what_they_cost(study):
    root, _, asked = study
    cost = kogen.estimate(root / "a", **(asked | {"methods": ()}))
    assert cost.seconds_per_step == {"stock": 0.0}
    assert cost.minutes > 0
    one = kogen.estimate(
        root / "a", **(asked | {"methods": (), "candidates": {"mae": asked["candidates"]["mae large"]}})
    )
    assert cost.disk_gb > one.disk_gb > 0
    told = kogen.pilot(root / "a", out=root / "alone", **(asked | {"methods": ()}))
    assert set(told["methods"]) == {"swav", "mae large"}
    found = told["judgement"]  # published weights alone: no network before training, no supervision to compare with
    assert set(found["models"]) <= {"swav", "mae large"}
    assert [found[name] for name in ("untrained", "worth", "published")] == [None] * 3


def plans(study: Study) -> list[Plan]:
    images = blobs()
    return plans_of(study, Splits(images, images, {}, {}, ""))


def test_a_run_is_known_by_the_content_of_its_weights(tmp_path):
    weights = {"stock": tmp_path / "one.safetensors", "moved": tmp_path / "elsewhere" / "two.safetensors"}
    plan = Plan(method="random", backbone="tiny?width=8", image_size=16)
    tensors = {key: value.contiguous() for key, value in build_method(plan).backbone.network.state_dict().items()}
    save_file(tensors, weights["stock"])
    weights["moved"].parent.mkdir()
    shutil.copy(weights["stock"], weights["moved"])

    def ids() -> list[str]:
        return [record_of(Plan(method="stock", weights=str(place)))["id"] for place in weights.values()]

    first = ids()
    assert first[0] == first[1]
    save_file({key: value + 1 for key, value in tensors.items()}, weights["stock"])
    assert ids()[0] != first[0]
    assert ids()[1] == first[1]
    weights["stock"].unlink()
    with pytest.raises(ValueError, match=r"cannot read weights from .*one.safetensors: No such file"):
        ids()


def test_the_id_of_a_plan_without_candidates_stays_what_it_was(monkeypatch):
    monkeypatch.setattr(running.version, "VERSION", "1")
    monkeypatch.setattr(running.torch, "__version__", "2")
    monkeypatch.setattr(running.timm, "__version__", "3")
    monkeypatch.setattr(running.devices, "default_device", lambda: "cpu")
    record = record_of(Plan(method="random", seed=3, images=5, data="abc", precision="32"))
    assert record["id"] == "e698fa9c6d4b"  # as it was before there were candidates: finished studies find their runs
    assert json_digest({key: value for key, value in record.items() if key not in ("id", "model")})[:12] == record["id"]
    assert not {"name", "framework"} & set(record)


def test_training_options_do_not_touch_a_candidates_run(tmp_path):
    asked = {"source": "x", "methods": (), "candidates": networks(tmp_path), "image_size": 16, "precision": "32"}
    short, long = (plans(make_study({**asked, "epochs": epochs}, "pilot")) for epochs in (1, 9))
    assert [record_of(plan)["id"] for plan in short] == [record_of(plan)["id"] for plan in long]
    assert len({record_of(plan)["id"] for plan in short}) == 2


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["--candidates", "dino"], "--candidates dino: write NAME=VALUE"),
        (["--candidates", "a=x.pth", "--candidates", "a=y.pth"], "two --candidates are named 'a', x.pth and y.pth"),
        (["--candidates", "random=swav.pth.tar"], "a candidate has the name of a method, 'random'"),
        (["--candidates", "a=nowhere.pth"], "cannot read nowhere.pth: No such file or directory"),
        (["--candidates", "a=swav.pth.tar?size=3"], "unknown setting 'size': did you mean 'image_size'"),
        (
            ["--candidates", "a=swav.pth.tar?image_size=4000"],
            "swav.pth.tar: image_size = 4000: wanted a whole number from 8 to 1024",
        ),
        (["--candidates", "a=swav.pth.tar?backbone=resnet50"], "swav.pth.tar does not fit the backbone"),
        (["--methods", ""], "no methods: name one or more"),
    ],
)
def test_wrong_words_get_one_sentence_before_anything_is_opened(command, message, monkeypatch, tmp_path):
    networks(tmp_path)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["kogen", "pilot", "nowhere", "--methods", "random", *command])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert message in str(stopped.value)


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("conv1.weight", torch.zeros(3), r"shapes of none \(not enough values to unpack"),
        ("layer1.0.conv2.weight", torch.full((8, 8, 3, 3), torch.nan), "holds values that are no finite numbers"),
        ("layer1.0.conv2.weight", torch.ones(8, 8, 3, 3, dtype=torch.int32), r"no finite numbers \(torch.int32\)"),
    ],
)
def test_weights_that_cannot_be_right_are_refused(key, value, message, tmp_path):
    torch.manual_seed(0)
    resnet = timm.create_model("resnet18", num_classes=0, layers=(1, 1, 1, 1), channels=(8, 16, 32, 64))
    torch.save(resnet.state_dict() | {key: value}, tmp_path / "odd.pth")
    with pytest.raises(ValueError, match=message):
        build_method(read_candidate("a", str(tmp_path / "odd.pth")))


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ("backbone=5", "unknown backbone '5'"),
        ("framework=5", "unknown framework '5'"),
        (
            "backbone=resnet18?layers=a",
            r"backbone 'resnet18' with layers='a' cannot be built \(TypeError: unsupported operand",
        ),
    ],
)
def test_words_that_are_no_names_are_refused(said, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        read_candidate("a", f"{networks(tmp_path)['mae large']}?{said}")


def test_candidates_on_the_command_line():
    given = {"candidates": ["dino=a.pth?backbone=vit_base_patch16_224&image_size=96", "mae=b.pth"], "settings": None}
    told = {"dino": "a.pth?backbone=vit_base_patch16_224&image_size=96", "mae": "b.pth"}
    assert parse_options(PilotOptions, given) == {"candidates": told}


def test_images_with_other_channels_are_refused_before_training(tmp_path):
    images = blobs(channels=4)
    study = make_study({"source": "x", "methods": ("random",), "candidates": networks(tmp_path)}, "pilot")
    with pytest.raises(ValueError, match="has 4 channels, wanted 3"):
        plans_of(study, Splits(images, images, {}, {}, ""))
