"""Code of a user's own in options: opened where a person names it, and replaced by its name."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from own_code import RIGHT, STATISTIC

import kogen
from kogen.cli import main
from kogen.common import plugins
from kogen.common.records import read_plan_record
from kogen.common.tables import read_table
from kogen.data.cache_settings import CacheSettings
from kogen.data.levels import whole_levels
from kogen.data.objects.array import hold_array
from kogen.data.open import open_images
from kogen.options.landscape import LandscapeOptions
from kogen.options.own_code import open_plugins
from kogen.options.runs import PretrainOptions
from kogen.options.study import PilotOptions


@pytest.fixture(autouse=True)
def mine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(plugins, "OPENED", {})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.py").write_text(RIGHT)
    return tmp_path / "mine.py"


@pytest.mark.parametrize(
    ("kind", "name", "value", "wanted", "listed"),
    [
        (PilotOptions, "methods", ("byol", "mine.py:MyByol"), ("byol", "MyByol"), "methods=mine.py:MyByol"),
        (PretrainOptions, "method", "mine.py:MyByol", "MyByol", "methods=mine.py:MyByol"),
        (PilotOptions, "backbone", "mine.py:Net?width=16", "Net?width=16", "backbones=mine.py:Net"),
        (PilotOptions, "views", "mine.py:plain", "plain", "views=mine.py:plain"),
        (PilotOptions, "probes", ["mine.py:nearest_mean"], ("nearest_mean",), "probes=mine.py:nearest_mean"),
        (PilotOptions, "metric", "mine.py:right", "right", "metrics=mine.py:right"),
        (PilotOptions, "corrupt", "blur:5, mine.py:fog:3,all", "blur:5,fog:3,all", "corruptions=mine.py:fog"),
        (PilotOptions, "test", "line=mine.py:dots?n=9", "line=dots?n=9", "datasets=mine.py:dots"),
        (PilotOptions, "shifts", {"a": "mine.py:dots?split=test"}, {"a": "dots?split=test"}, "datasets=mine.py:dots"),
        (LandscapeOptions, "directions", "mine.py:straight", "straight", "directions=mine.py:straight"),
    ],
)  # fmt: skip
def test_what_an_option_names_is_opened(kind: Any, name: str, value: Any, wanted: Any, listed: str):
    _, found = open_plugins(kind, "source", "imgs", {name: value})
    assert found == {name: wanted, "plugins": (f"{listed} sha256:{plugins.digest_of(RIGHT.encode())}",)}


def test_a_source_of_ones_own_and_code_that_is_listed():
    subject, found = open_plugins(PilotOptions, "source", "mine.py:dots?n=30", {"plugins": ["views=mine.py:plain"]})
    assert subject == "dots?n=30"
    digest = plugins.digest_of(RIGHT.encode())
    assert found["plugins"] == (f"views=mine.py:plain sha256:{digest}", f"datasets=mine.py:dots sha256:{digest}")
    assert open_plugins(PilotOptions, "source", "imgs", dict(found))[1] == found  # what a study.toml says of it


def test_what_names_no_code_stays_as_it_is(tmp_path: Path):
    (tmp_path / "odd.py:dots").mkdir()
    given = {"probes": ("tune:all", "linear"), "test": "odd.py:dots", "corrupt": "blur:5", "backbone": "resnet18"}
    assert open_plugins(PilotOptions, "source", "torchvision:CIFAR10", given) == ("torchvision:CIFAR10", given)


@pytest.mark.parametrize(
    ("code", "match"),
    [
        ("def odd(a, b, c): pass", "the data source 'odd' cannot be called"),
        ("odd = 5", "the data source 'odd' cannot be called"),
        ("import numpy as np\ndef odd(): return np.zeros((0, 3, 8, 8), 'uint8'), []", "'odd' returned no images"),
        ("import numpy as np\ndef odd(): return np.zeros((2, 3, 8, 8), 'uint8'), [0, 2], 'ab'", "labels from 0 to 2:"),
        (
            "import numpy as np\ndef odd(): return np.zeros((2, 3, 8, 8), 'uint8'), [0, 1], 'aa'",
            "the class names of the data source 'odd' are not distinct: a stands twice",
        ),
        ("def odd(): return 3", "the data source 'odd' returned a int: wanted"),
        ("import numpy as np\ndef odd(): return np.zeros((2, 8, 8, 3), 'uint8'), [0, 1]", r"pixels \(2, 8, 8, 3\)"),
    ],
)
def test_what_is_no_source_is_a_sentence(code: str, match: str, mine: Path, tmp_path: Path):
    mine.write_text(code)
    with pytest.raises(ValueError, match=match):
        kogen.pretrain("mine.py:odd", method="byol", out=tmp_path / "run")


TWELVE_BITS = """
import numpy as np
def parts():
    pixels = np.random.default_rng(0).integers(4096, size=(6, 3, 12, 12), dtype=np.uint16)
    pixels[0, 0, 0, 0] = 4095
    return pixels, [0, 1] * 3, ("a", "b")
"""


def test_pixels_of_12_bits_from_a_source_are_those_of_an_array(mine: Path):
    mine.write_text(TWELVE_BITS)
    open_plugins(PilotOptions, "source", "mine.py:parts", {})
    images, pixels = open_images("parts"), plugins.find_plugin("datasets", "parts").thing()[0]
    assert images.read(np.arange(6)).numpy().max() == 65535
    assert images.classes == ("a", "b")
    assert images.sources[1] == "parts[1]"
    held = hold_array(pixels, "x", "NCHW").open(CacheSettings(), "x", None, None)
    assert (images.read(np.arange(6)).numpy() == held.read(np.arange(6)).numpy()).all()
    assert images.levels == held.levels is not None
    whole = open_images("parts", CacheSettings(levels=whole_levels(16)))
    assert (whole.read(np.arange(6)).numpy() == pixels).all()


@pytest.mark.parametrize(
    ("text", "match"),
    [
        ("mine.py:MyByol", "--plugins mine.py:MyByol: write SHELF=FILE.py:NAME"),
        ("method=mine.py:MyByol", "did you mean 'methods'?"),
        ("methods=mine.py", "'mine.py' is no plug-in"),
        (
            "methods=mine.py:MyByol sha256:0123456789abcdef",
            r"mine.py holds other code \(SHA-256 \w{16}\) than --plugins has",
        ),
    ],
)
def test_wrong_listings_are_sentences(text: str, match: str):
    with pytest.raises(ValueError, match=match):
        open_plugins(PilotOptions, "source", "imgs", {"plugins": [text]})


OPTIONS = {
    "test": "mine.py:dots?split=test",
    "methods": "mine.py:MyByol,random",
    "views": "mine.py:plain",
    "backbone": "mine.py:Net?width=16",
    "probe": "mine.py:nearest_mean",
    "metric": "mine.py:right",
    "corrupt": "mine.py:fog:2",
    "set": "MyByol.dim=8",
    **{"image-size": "16", "epochs": "1", "batch-size": "32", "seeds": "2", "costs": "none", "out": "study"},
}
WORDS = ["pilot", "mine.py:dots", *(word for name, value in OPTIONS.items() for word in (f"--{name}", value))]


def succeed(*words: str) -> None:
    """A command that ends well."""
    with pytest.raises(SystemExit) as end:
        main(words)
    assert end.value.code == 0


def test_a_study_of_ones_own_code_is_trained_judged_resumed_and_guarded(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    succeed(*WORDS)
    verdict = capsys.readouterr().out
    study = tmp_path / "study"
    plans = [read_plan_record(run) for run in sorted((study / "runs").iterdir())]
    assert {plan["method"] for plan in plans} == {"MyByol", "random"}
    code = f"methods=mine.py:MyByol sha256:{plugins.digest_of(mine.read_bytes())}"
    assert all((code in plan["code"]) == (plan["method"] == "MyByol") for plan in plans)
    assert code.partition(" ")[0] in (study / "report.html").read_text()
    rows = read_table(study / "predictions.parquet")
    assert set(rows["protocol"].unique()) == {"nearest_mean"}
    assert set(rows["dataset"].unique()) == {"reference", "reference~fog2"}
    weights = {run: (run / "weights.safetensors").stat().st_mtime_ns for run in (study / "runs").iterdir()}

    succeed(*WORDS)  # nothing is left to do, and the page is the same
    assert capsys.readouterr().out == verdict
    assert {run: (run / "weights.safetensors").stat().st_mtime_ns for run in weights} == weights

    plugins.OPENED.clear()
    with pytest.raises(SystemExit, match=r"add --plugins metrics=mine.py:right$"):
        main(["report", "study"])
    succeed("report", "study", "--plugins", "metrics=mine.py:right")
    plugins.OPENED.clear()
    with pytest.raises(SystemExit, match=r"add --plugins views=mine.py:plain --plugins backbones=mine.py:Net"):
        main(["pilot", "study/study.toml", "--out", "study"])
    run = next(run for run, plan in zip(sorted(weights), plans, strict=True) if plan["method"] == "MyByol")
    with pytest.raises(SystemExit, match=r"--plugins methods=mine.py:MyByol .*is wanted"):
        main(["export", str(run), "--out", "weights.safetensors"])
    named = [f"{shelf}=mine.py:{name}" for shelf, name in
             (("methods", "MyByol"), ("backbones", "Net"), ("views", "plain"))]  # fmt: skip
    line = kogen.export(run, plugins=named, out=tmp_path / "weights.safetensors")
    assert line.startswith("import torch; from mine import Net; m = Net(in_chans=3, width=16)")

    mine.write_text(RIGHT.replace("np.exp(far", "np.exp(0.5 * far"))
    with pytest.raises(SystemExit, match=r"differs in code"):
        main(WORDS)


def test_a_probe_that_changed_is_not_mixed_with_its_older_answers(mine: Path, tmp_path: Path):
    asked: dict[str, Any] = {"probes": ["mine.py:nearest_mean"], "train": "digits?split=train", "out": tmp_path / "e"}
    few: dict[str, Any] = {"backbone": "tiny?width=8", "image_size": 8, "epochs": 1}
    kogen.pretrain("digits?split=train", method="random", **few, out=tmp_path / "run")
    kogen.evaluate(tmp_path / "run", tests={"test": "digits?split=test"}, costs="none", **asked)
    plugins.OPENED.clear()
    assert kogen.audit(tmp_path / "e")["passed"]  # without the code of the probe
    mine.write_text(RIGHT.replace("np.exp(far", "np.exp(0.5 * far"))
    with pytest.raises(ValueError, match="answers of the probe nearest_mean, whose code was another one then"):
        kogen.evaluate(tmp_path / "run", tests={"test": "digits?split=test"}, costs="none", **asked)


def test_a_statistic_of_ones_own_is_written_and_shown(mine: Path, tmp_path: Path):
    mine.write_text(RIGHT + STATISTIC)
    few: dict[str, Any] = {"backbone": "tiny?width=8", "image_size": 8, "epochs": 1}
    kogen.pretrain("digits?split=train", method="random", **few, out=tmp_path / "run")
    asked: dict[str, Any] = {"train": "digits?split=train", "tests": {"test": "digits?split=test"}, "costs": "none"}
    kogen.evaluate(tmp_path / "run", **asked, statistics=["mine.py:by_model"], out=tmp_path / "e")
    table = read_table(tmp_path / "e" / "own_by_model.parquet")
    rows = read_table(tmp_path / "e" / "predictions.parquet")
    assert table["correct"].iloc[0] == pytest.approx(rows["correct"].mean())
    page = (tmp_path / "e" / "report.html").read_text()
    assert "Your own statistic: by_model" in page
    assert f"<td>{table['correct'].iloc[0]:.4g}</td>" in page
    plugins.OPENED.clear()
    with pytest.raises(ValueError, match=r"add --plugins statistics=mine.py:by_model$"):
        kogen.report(tmp_path / "e")
    for name, match in (("no_frame", "'no_frame' returned a int: wanted"), ("no_rows", "cannot be called so")):
        with pytest.raises(ValueError, match=match):
            kogen.report(tmp_path / "e", statistics=[f"mine.py:{name}"], plugins=["statistics=mine.py:by_model"])
    with pytest.raises(ValueError, match=r"unknown name 'values' .*kogen's own are always computed"):
        kogen.report(tmp_path / "e", statistics=["values"], plugins=["statistics=mine.py:by_model"])


def test_a_metric_that_changed_decides_nothing_before_the_whole_command_says_so(mine: Path, tmp_path: Path):
    asked: dict[str, Any] = {"seeds": 2, "image_size": 8, "epochs": 1, "backbone": "tiny?width=8", "costs": "none"}
    asked |= {
        "methods": ["random"],
        "metric": "mine.py:right",
        "statistics": ["mine.py:by_model"],
        "test": "digits?split=test",
    }
    mine.write_text(RIGHT + STATISTIC)
    first = kogen.pilot("digits?split=train", **asked, out=tmp_path / "study")["values"]
    mine.write_text((RIGHT + STATISTIC).replace("answers.correct.astype(float)", "1.0 - answers.correct"))
    plugins.OPENED.clear()
    named = ["metrics=mine.py:right", "statistics=mine.py:by_model"]
    match = r"mine.py holds other code \(SHA-256 \w+\) than .*study.toml has of metrics=mine.py:right .*ask the whole"
    with pytest.raises(ValueError, match=match):
        kogen.report(tmp_path / "study", plugins=named)
    plugins.OPENED.clear()
    again = kogen.pilot("digits?split=train", **asked, out=tmp_path / "study")["values"]
    assert again[0]["value"] == pytest.approx(100 - first[0]["value"])
    assert "by_model" in (tmp_path / "study" / "report.html").read_text()
    plugins.OPENED.clear()
    kogen.report(tmp_path / "study", plugins=named)


def test_directions_of_ones_own_are_drawn(tmp_path: Path):
    few: dict[str, Any] = {"backbone": "tiny?width=8", "image_size": 8, "epochs": 1}
    kogen.pretrain("digits?split=train", method="simclr", **few, batch_size=32, out=tmp_path / "run")
    small: dict[str, Any] = {"images": 32, "batch_size": 16, "few": 16, "planes": 2, "steps": 3, "sharp": 0}
    asked: dict[str, Any] = small | {"data": "digits?split=test", "out": tmp_path / "l"}
    kogen.landscape(tmp_path / "run", directions="mine.py:straight", **asked)
    rows = read_table(tmp_path / "l" / "surface.parquet")
    assert set(rows["direction"]) == {"straight"}
    assert set(rows["plane"]) == {0, 1}
    page = (tmp_path / "l" / "landscape.html").read_text()
    assert "along directions of your own code" in page
    assert "Directions: straight;" in page


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("views", "mine.py:natural", "def natural(size): return 1"),
        ("corrupt", "mine.py:blur:3", "blur = 1"),
        ("corrupt", "mine.py:gaussian", "gaussian = 1"),
        ("probes", ["mine.py:knn"], "def knn(train, test): return 1"),
        ("metric", "mine.py:accuracy", "accuracy = 1"),
    ],
)
def test_a_name_of_kogens_own_is_not_taken(name: str, value: Any, code: str, mine: Path, tmp_path: Path):
    mine.write_text(code)
    with pytest.raises(ValueError, match=r"kogen's own .* have one of this name: rename it"):
        kogen.pilot("digits", **{name: value}, image_size=8, epochs=1, backbone="tiny?width=8", out=tmp_path / "study")


def test_two_things_of_one_name_and_a_source_that_a_path_hides_are_refused(mine: Path, tmp_path: Path):
    other = tmp_path / "other.py"
    other.write_text(RIGHT)
    with pytest.raises(ValueError, match=r"mine.py and other.py both have a 'MyByol' for the methods: rename one"):
        open_plugins(
            PilotOptions, "source", "x", {"plugins": ["methods=mine.py:MyByol"], "methods": ["other.py:MyByol"]}
        )
    open_plugins(PilotOptions, "source", "x", {"plugins": ["methods=mine.py:MyByol"], "methods": ["./mine.py:MyByol"]})
    (tmp_path / "dots").mkdir()
    with pytest.raises(ValueError, match=r"mine.py:dots: 'dots' is a path here too, which would be read in its place"):
        open_plugins(PilotOptions, "source", "mine.py:dots", {})
