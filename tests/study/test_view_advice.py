"""Advice on views end to end on small images: what is trained, that it goes on, what it writes, what it refuses."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from pictures import write_set
from PIL import Image

import kogen
from kogen.augmentation.view_sets import operations_of, view_set
from kogen.augmentation.views import render
from kogen.augmentation.waves import render_waves
from kogen.common.files import read_json, read_toml
from kogen.common.rng import StepRng
from kogen.data.datasets.surfaces import surfaces
from kogen.data.images import Images
from kogen.options.view_options import ViewsOptions
from kogen.results.answers.view_effects import Advice, read_asked_views, read_effects
from kogen.study.splits import Splits
from kogen.study.view_advice import advice_options, draw_operations, happening, waves_before_and_after

QUICK: dict[str, Any] = {
    "advise": True,
    "methods": ("simclr",),
    "seeds": 1,
    "epochs": 1,
    "batch_size": 8,
    "image_size": 16,
}
QUICK |= {"views": "gentle", "backbone": "tiny?width=8", "jobs": 1}


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_set(tmp_path_factory.mktemp("images"), 30, 0)


@pytest.fixture(scope="module")
def advice(images: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("advice") / "out"
    assert kogen.views(images, out=folder, **QUICK) == folder / "report.html"
    return folder


def test_every_operation_is_left_out_and_alone_on_held_out_images(advice: Path) -> None:
    runs = [read_json(place) for place in sorted(advice.glob("runs/*/plan.json"))]
    operations = ["crop", "flip", "tone"]
    wanted = {"gentle", "gentle?only=nothing"}
    wanted |= {f"gentle?{choice}={one}" for choice in ("without", "only") for one in operations}
    assert {run["views"] for run in runs} == wanted
    assert {run["model"] for run in runs} >= {"simclr", "simclr without flip", "simclr only flip", "simclr nothing"}
    assert len({run["data"] for run in runs}) == 1
    roles = {one["name"]: one["role"] for one in read_json(advice / "data.json")["sets"]}
    assert roles == {"train": "train", "validation": "reference"}


def test_effects_readings_pictures_and_a_proposal_are_written(advice: Path) -> None:
    effects, asked = read_effects(advice), read_asked_views(advice)
    assert effects is not None
    assert asked is not None
    assert [one.name for one in effects.operations] == asked.operations == ["crop", "flip", "tone"]
    for one in effects.operations:
        assert one.reading is not None
        assert 0 <= one.reading.changed <= one.reading.images == effects.images
        assert (advice / "operations" / f"{one.name}.png").stat().st_size > 500
    proposed = read_toml(advice / "proposed.toml")
    assert proposed["views"] == "gentle"
    assert proposed.get("without", []) == effects.proposed
    page = (advice / "report.html").read_text("utf-8")
    assert "Which augmentations fit these images?" in page
    assert page.count("Images before and after") == 3


def test_what_is_not_asked_is_as_the_help_says() -> None:
    asked = advice_options(ViewsOptions(advise=True))
    help_says = {name: ViewsOptions.model_fields[name].default for name in ("epochs", "seeds", "methods")}
    assert {name: getattr(asked, name) for name in help_says} == help_says
    assert {"epochs", "seeds"} <= asked.model_fields_set  # nothing else may put its own in their place


def test_it_goes_on_where_it_stopped(images: str, advice: Path) -> None:
    before = {place: place.stat().st_mtime_ns for place in advice.glob("**/weights.safetensors")}
    kogen.views(images, out=advice, **QUICK)
    assert {place: place.stat().st_mtime_ns for place in advice.glob("**/weights.safetensors")} == before


def test_a_private_study_keeps_no_picture(images: str, tmp_path: Path) -> None:
    kogen.views(images, out=tmp_path / "out", private=True, **QUICK)
    assert not (tmp_path / "out" / "operations").exists()
    assert "Images before and after" not in (tmp_path / "out" / "report.html").read_text("utf-8")


def test_an_operation_happens_to_every_image_and_nothing_else_does() -> None:
    pair = view_set("natural", 224)
    pixels = (np.random.default_rng(0).random((8, 3, 224, 224)) * 255).astype(np.uint8)
    there = torch.from_numpy(pixels)
    plain = there.float() / 255
    for operation in operations_of(pair):
        view = happening(pair, operation)
        assert operations_of((view, view)) == (operation,)
        after = render(there, view, StepRng(0, 0, 8), tag="0")
        changed = [not torch.allclose(one, other, atol=1e-3) for one, other in zip(after, plain, strict=True)]
        assert sum(changed) >= 7  # a blur of a sigma of .1 changes nothing


def test_an_operation_happens_to_every_window_of_a_series() -> None:
    pair = view_set("motion?flip_sign=0.2&drift=0.5&mask_frequency=0.3", 64)
    values = torch.randn(8, 3, 64, generator=torch.Generator().manual_seed(0))
    for operation in operations_of(pair):
        view = happening(pair, operation)
        assert operations_of((view, view)) == (operation,)
        (after,) = render_waves(values, [view], StepRng(0, 0, 8), tags=["0"])
        changed = [not torch.allclose(one, other, atol=1e-3) for one, other in zip(after, values, strict=True)]
        assert sum(changed) >= (3 if operation == "permute" else 7)  # an order that is there already may be drawn


def test_pictures_of_operations_show_lines(tmp_path: Path) -> None:
    values = np.random.default_rng(0).normal(7, 3, (6, 2, 50)).astype(np.float32)
    names = np.array([f"run {number}" for number in range(6)])
    test = Images(values, names, names, np.arange(6) % 3, ("a", "b", "c"), names, np.ones(6, np.float32))
    sets = Splits(pool=test, train=test, tests={"test": test}, sources={}, note="")
    draw_operations(sets, view_set("process", 50), tmp_path)
    assert sorted(place.stem for place in tmp_path.iterdir()) == sorted(operations_of(view_set("process", 50)))
    before = waves_before_and_after(test, np.arange(6), view_set("process", 50)[0])[0]
    assert before.mean().abs() < 0.1
    with Image.open(tmp_path / "drift.png") as opened:
        assert opened.size == (5 * 100 + 8, 3 * 100 - 4)


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"views": "gentle?only=nothing"}, "nothing happens to these images, so there is no advice"),
        ({"methods": ("random",)}, "--methods random is not trained, so views change nothing"),
        ({"methods": ("byol", "simclr")}, "advice is on the views of one method"),
        ({"methods": ("byoll",)}, "did you mean 'byol'"),
        ({"metric": "log_loss"}, "log_loss.*wanted one in points"),
        ({"views": "gentle?without=noise"}, "no operation 'noise' to leave out"),
    ],
)
def test_what_gives_no_advice_is_refused(images: str, tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kogen.views(images, out=tmp_path / "out", **QUICK | more)
    assert not list(tmp_path.glob("out/runs/*"))


def test_the_classifier_takes_the_batch_that_was_asked_for(advice: Path) -> None:
    assert read_json(advice / "reading" / "plan.json")["batch_size"] == QUICK["batch_size"]


def test_options_of_the_picture_are_refused_for_advice(images: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"--force, --seed: of the picture alone; --advise has --seeds"):
        kogen.views(images, out=tmp_path / "out", **QUICK, seed=5, force=True)
    assert not (tmp_path / "out").exists()


def test_options_of_advice_are_refused_for_a_picture(images: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="--epochs, --seeds: only with --advise"):
        kogen.views(images, out=tmp_path / "views.png", seeds=2, epochs=3)


def print_turned(pixels: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clean surfaces whose print is upright or turned, which is their class; scratched ones, which lie in any way."""
    rng, kept = np.random.default_rng(0), np.isin(names, ("clean", "scratch"))
    pixels, names = pixels[kept].copy(), names[kept].astype("<U8")
    for number, name in enumerate(names):
        turns = int(rng.integers(4)) if name == "scratch" else number % 2
        pixels[number] = np.rot90(pixels[number], turns)
        names[number] = name if name == "scratch" else ("upright", "turned")[turns]
    return pixels, names


def as_drawn(pixels: np.ndarray, names: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Clean and scratched surfaces that lie in any way, so that no direction says anything."""
    kept = np.isin(names, ("clean", "scratch"))
    turns = np.random.default_rng(0).integers(4, size=kept.sum())
    turned = [np.rot90(one, count) for one, count in zip(pixels[kept], turns, strict=True)]
    return np.stack(turned), names[kept]


@pytest.mark.slow
@pytest.mark.parametrize(("make", "erased"), [(print_turned, {"turned", "upright"}), (as_drawn, set())])
def test_advice_finds_the_direction_that_was_drawn(make: Any, erased: set[str], tmp_path: Path) -> None:
    """By construction: prints have a direction and scratches have none."""
    made = surfaces(n=2000, visible=3.0)
    pixels, names = make(np.asarray(made.pixels)[:, 0], np.array(made.classes)[made.labels])
    np.savez(tmp_path / "set.npz", images=pixels, labels=names)
    asked = {"methods": ("supervised",), "seeds": 1, "epochs": 15, "batch_size": 32, "image_size": 32}
    asked |= {"views": "gentle?quarter_turns=true&without=flip", "backbone": "tiny?stem=half", "jobs": 1}
    kogen.views(str(tmp_path / "set.npz"), advise=True, out=tmp_path / "out", **asked)
    found = read_effects(tmp_path / "out")
    assert found is not None
    told = {one.name: one for one in found.operations}
    reading = told["quarter_turns"].reading
    assert reading is not None
    assert set(reading.fallen) == erased
    assert (told["quarter_turns"].advice == Advice.SUSPECT) == bool(erased)
    assert all(told[name].advice not in (Advice.ERASES, Advice.SUSPECT) for name in ("crop", "tone"))
