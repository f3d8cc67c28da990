"""The kind of a source: what suits series, and sizes, views and networks of the other kind refused; every method."""

from pathlib import Path

import numpy as np
import pytest
import torch

from kogen.api import embed, pilot, pretrain
from kogen.common import registry
from kogen.common.objects import hold
from kogen.common.plugins import open_spec
from kogen.config.plan import Plan
from kogen.data.open import kind_of_source, open_images
from kogen.options.study import PilotOptions
from kogen.study.plans import with_data
from kogen.study.request import study_from_request
from kogen.study.set_sources import sources_of_tests
from kogen.study.source_kind import check_views
from kogen.study.study_splits import open_study_splits
from kogen.study.transfers import open_transfers
from kogen.training.batches import Batches
from kogen.training.build import build_method

SERIES = "machines?n=100"


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("KOGEN_CACHE", str(tmp_path / "cache"))


def test_kind_of_a_source() -> None:
    assert kind_of_source(SERIES) == "series"
    assert kind_of_source("surfaces") == "image"


def test_objects_and_own_sources_are_looked_at(tmp_path: Path) -> None:
    series = np.random.default_rng(0).normal(size=(12, 2, 64)).astype(np.float32)
    with hold({"series": series}) as (text,):
        assert kind_of_source(text) == "series"
        with pytest.raises(ValueError, match="of images, and the source has series"):
            study_from_request(text, PilotOptions(methods=("random",), views="natural"))
    own = tmp_path / "mine.py"
    own.write_text(
        "import numpy as np\nfrom kogen.extend import from_series\n"
        "def waves():\n    return from_series(np.random.default_rng(0).normal(size=(12, 2, 64)).astype(np.float32))\n",
        encoding="utf-8",
    )
    assert kind_of_source(open_spec("datasets", f"{own}:waves", [])) == "series"


def test_drawn_machines_bring_similar_ones() -> None:
    study = study_from_request(SERIES, PilotOptions(methods=("random",)))
    assert sources_of_tests(study) == {
        "reference": "machines?n=100&split=test",
        "heavy load": "machines:heavy?n=100&split=test",
        "fast": "machines:fast?n=100&split=test",
    }


def test_series_have_options_that_suit_them() -> None:
    study = study_from_request(SERIES, PilotOptions(methods=("random",)))
    assert (study.backbone, study.views, study.image_size) == ("tiny1d", "process", 256)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"image_size": 64}, "--image-size 64: series are seen by windows of 256 samples: leave it out"),
        ({"views": "natural"}, "--views natural are of images, and the source has series: motion, process, vibration"),
        ({"backbone": "tiny"}, "backbone 'tiny' takes images, and these are series"),
    ],
)
def test_what_is_of_images_is_refused(options: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        study_from_request(SERIES, PilotOptions(methods=("byol",), **options))
    with pytest.raises(ValueError, match=message):
        pretrain(SERIES, method="byol", **options)


def test_what_is_of_series_is_refused_for_images() -> None:
    with pytest.raises(ValueError, match="--views motion are of series, and the source has images: gentle"):
        study_from_request("digits", PilotOptions(methods=("byol",), views="motion"))
    with pytest.raises(ValueError, match="'tiny1d' takes series, and these are images"):
        study_from_request("digits", PilotOptions(methods=("byol",), backbone="tiny1d"))
    with pytest.raises(ValueError, match="--image-size 4000: wanted a whole number from 8 to 1,024"):
        check_views("natural", 4000, "image")
    check_views("motion", 4000, "series")


def one_step(method: str, backbone: str) -> tuple[dict[str, float], torch.Tensor]:
    """The terms of a first step on series, and the features of a few windows."""
    images = open_images(SERIES)
    wanted = Plan(method=method, backbone=backbone, views="vibration", batch_size=8, epochs=1)
    plan = with_data(wanted, images)
    assert (plan.kind, plan.image_size, plan.input_shape) == ("series", 256, (3, 256))
    made, terms = build_method(plan), {}
    if plan.recipe.trains:
        torch.manual_seed(0)
        found = made.train()(Batches(plan, images, torch.device("cpu")).render_views(0, 0))
        torch.stack(list(found.values())).sum().backward()
        made.update(0.5)
        terms = {name: float(term.detach()) for name, term in found.items()}
        assert any(weight.grad is not None for weight in made.backbone.parameters())
    with torch.no_grad():
        features = made.evaluation_backbone().eval()(torch.as_tensor(np.asarray(images.pixels[:2])))
    return terms, features


@pytest.mark.parametrize("method", [name for name in registry.own_names("methods") if name != "published"])
def test_every_method_learns_from_series(method: str) -> None:
    cls = registry.load("methods", method)
    backbone = "patch1d?width=24&depth=2" if cls.needs == "vit" else "tiny1d?width=4"
    terms, features = one_step(method, backbone)
    assert all(np.isfinite(value) for value in terms.values())
    assert torch.isfinite(features).all()
    assert len(features) == 2


@pytest.mark.parametrize("method", ["mae", "rc_mae"])
def test_what_hides_patches_needs_patches_of_time(method: str) -> None:
    with pytest.raises(ValueError, match="of series patch1d"):
        one_step(method, "tiny1d?width=4")


def test_a_pilot_of_series_speaks_of_windows(tmp_path: Path, capsys) -> None:
    small = {"epochs": 1, "seeds": 1, "backbone": "patch1d?width=24&depth=2", "batch_size": 16}
    found = pilot(SERIES, methods=("mae", "random"), out=tmp_path / "study", **small)
    assert any("windows" in words for words in found["words"])
    assert not any("image" in words for words in found["words"])
    assert "test windows" in (tmp_path / "study" / "report.html").read_text(encoding="utf-8")


def test_a_study_file_of_series_may_leave_out_what_suits_them(tmp_path: Path) -> None:
    file = tmp_path / "study.toml"
    file.write_text(f'source = "{SERIES}"\nmethods = ["random"]\n', encoding="utf-8")
    study = study_from_request(str(file), PilotOptions())
    assert (study.backbone, study.views, study.image_size) == ("tiny1d", "process", 256)
    file.write_text(f'source = "{SERIES}"\nmethods = ["random"]\nimage_size = 64\n', encoding="utf-8")
    with pytest.raises(ValueError, match="image-size 64: series are seen by windows of 256 samples"):
        study_from_request(str(file), PilotOptions())
    file.write_text(f'source = "{SERIES}"\nmethods = ["random"]\nmax_bad = "many"\n', encoding="utf-8")
    with pytest.raises(ValueError, match="max_bad"):
        study_from_request(str(file), PilotOptions())


@pytest.mark.parametrize(
    ("header", "query", "message"),
    [
        ("x,y", "window=32", "the set 'other' has windows of 32 samples, and the images to train on windows of 64"),
        ("y,x", "window=64", "the set 'other' has the channels y, x, and the images to train on the channels x, y"),
    ],
)
def test_sets_that_are_not_cut_and_named_alike_are_refused(
    tmp_path: Path, header: str, query: str, message: str
) -> None:
    rng = np.random.default_rng(0)
    for folder, names in (("train", "x,y"), ("other", header)):
        for label in "ab":
            (tmp_path / folder / label).mkdir(parents=True)
            for number in range(4):
                values = rng.normal(size=(200, 2))
                place = tmp_path / folder / label / f"{number}.csv"
                np.savetxt(place, values, delimiter=",", header=names, comments="")
    study = study_from_request(f"series:{tmp_path}/train?window=64", PilotOptions(methods=("random",)))
    for asked in ({"shifts": {"other": ""}}, {"transfers": {"other": ""}}):
        key = next(iter(asked))
        wanted = study.model_copy(update={key: {"other": f"series:{tmp_path}/other?{query}"}})
        with pytest.raises(ValueError, match=message):
            open_transfers(wanted, wanted, open_study_splits(wanted))


def test_a_run_sees_no_windows_of_another_length(tmp_path: Path) -> None:
    pretrain(SERIES, method="random", out=tmp_path / "run")
    values = np.zeros((4, 3, 128), np.float32) + np.arange(128, dtype=np.float32)
    with pytest.raises(ValueError, match="windows of 128 samples, and the network learnt from windows of 256"):
        embed({"series": values}, model=tmp_path / "run", out=tmp_path / "e.parquet")
