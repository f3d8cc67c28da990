"""Requests: a study of anybody, as options, a toml file or a plan, is refused before anything is opened or run."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from kogen.common.files import write_json
from kogen.common.records import record_id
from kogen.common.tensors import save_tensors
from kogen.config.plan import Plan
from kogen.options.study import StudyOptions
from kogen.study.plans import read_candidate
from kogen.study.request import study_from_request
from kogen.training.build import build_method
from kogen.training.export import export_run
from kogen.training.run import record_of

EVIL = 'resnet18?layers=1,1,1,1&**(__import__("os").system("touch PWNED") or {}), act_layer=None'
HOSTILE = {
    EVIL: "there is no setting",
    "resnet18?checkpoint_path=evil.pth": "has no setting 'checkpoint_path'",
    "resnet18?pretrained=true": "has no setting 'pretrained'",
    "resnet18?pretrained_cfg_overlay=a": "has no setting 'pretrained_cfg_overlay'",
    "resnet18?cache_dir=a": "has no setting 'cache_dir'",
    "hf-hub:timm/resnet18.a1_in1k": "unknown backbone",
    "local-dir:.": "unknown backbone",
    "wide?name=local-dir:.": "unknown backbone",
    "__import__('os')": "unknown backbone",
    "resnet18\nimport os": "unknown backbone",
    "resnet18?layers=999999999,1,1,1": "layers = .*: wanted numbers from",
    "vit_tiny_patch16_224?num_heads=0": "num_heads=0",
}


def by_option(backbone: str, folder: Path) -> None:
    study_from_request("nowhere", StudyOptions(backbone=backbone))


def by_study_file(backbone: str, folder: Path) -> None:
    import tomli_w

    (folder / "study.toml").write_text(tomli_w.dumps({"source": "nowhere", "backbone": backbone}))
    study_from_request(str(folder / "study.toml"), StudyOptions())


def by_candidate(backbone: str, folder: Path) -> None:
    torch.save({"layer1.0.conv1.weight": torch.zeros(1)}, folder / "weights.pth")
    read_candidate("a", f"{folder / 'weights.pth'}?backbone={backbone}")


def by_plan(backbone: str, folder: Path) -> None:
    """A plan.json that is whole, written by somebody who knows how, for `export`; other verbs open it the same way."""
    record = record_of(Plan(method="random")) | {"backbone": backbone}
    record["id"] = record_id({key: value for key, value in record.items() if key not in ("id", "model")})
    write_json(folder / "run" / "plan.json", record)
    save_tensors(folder / "run" / "weights.safetensors", {"conv1.weight": torch.zeros(1)}, {"run": record["id"]})
    export_run(folder / "run", folder / "out.safetensors")


@pytest.mark.parametrize("backbone", HOSTILE)
@pytest.mark.parametrize("way", [by_option, by_study_file, by_candidate, by_plan])
def test_a_hostile_backbone_is_refused_wherever_it_stands(
    way: Callable[[str, Path], None], backbone: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    message = HOSTILE[backbone]
    if way is by_candidate and "?" in backbone:  # the rest belongs to the candidate, or to the backbone behind it
        message = f"{message}|unknown setting|there is no setting|has no setting"
    with pytest.raises(ValueError, match=message):
        way(backbone, tmp_path)
    assert not (tmp_path / "PWNED").exists()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("probes = []", "no probes: name one or more"),
        ("probes = 3", "probes = 3: Input should be a valid tuple"),
        ("methods = 3", "methods = 3: Input should be a valid tuple"),
        ("settings = [1]", r"settings = \[1\]: Input should be a valid dictionary"),
        ("seeds = true", "seeds = True: wanted a number"),
        ("margin = nan", "margin = nan: no number: wanted one"),
        ("keep = 1_000_000_000_000", "keep = 1000000000000: wanted 1,000 or less"),
        ("[settings.byol]\nrate = inf", "settings.byol.rate = inf: infinite: wanted a number"),
        ("views = 'nothing'", "unknown set of views 'nothing'"),
        ("backbone = 'resnet19'", "unknown backbone 'resnet19'"),
        ('test = "a\\u0000b"', "no name of a file has a NUL in it"),
        ("a = " + "[" * 10**5, r"cannot read .*study.toml: nested too deep"),
        ("a = = 3", r"cannot read .*study.toml: Invalid value"),
        ("[candidates]\na = 'nowhere.pth'", "cannot read nowhere.pth: No such file"),
    ],
)
def test_a_study_file_is_refused_before_anything_is_opened(text: str, message: str, tmp_path: Path):
    (tmp_path / "study.toml").write_text(f"source = 'nowhere'\n{text}\n")
    with pytest.raises(ValueError, match=message):
        study_from_request(str(tmp_path / "study.toml"), StudyOptions())


def test_a_study_file_is_a_file_of_a_study(tmp_path: Path):
    start = time.perf_counter()
    os.mkfifo(tmp_path / "pipe.toml")
    (tmp_path / "folder.toml").mkdir()
    with (tmp_path / "large.toml").open("wb") as file:
        file.truncate(2 * 10**9)
    for name, message in (
        ("pipe", "is a pipe or a device, wanted a file"),
        ("folder", "is a folder, wanted a file"),
        ("large", "has 2,000,000,000 bytes, at most"),
        ("nowhere", "No such file"),
    ):
        with pytest.raises(ValueError, match=f"{name}.toml.*{message}"):
            study_from_request(str(tmp_path / f"{name}.toml"), StudyOptions())
    assert time.perf_counter() - start < 5


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"hidden": 10**9}, "byol: hidden = 1000000000, wanted a number from 1 to 1,000,000"),
        ({"source": "x"}, "byol has no setting 'source'"),
        ({"momentum": "high"}, "byol: momentum = 'high', wanted a number"),
    ],
)
def test_settings_of_a_plan_of_anybody_are_checked(settings: dict[str, object], message: str):
    with pytest.raises(ValueError, match=message):
        build_method(Plan(method="byol", backbone="tiny?width=8", image_size=16, settings=settings))  # type: ignore[arg-type]
