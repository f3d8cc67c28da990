"""The main road, end to end: a folder of images to a verdict, found done the second time; export, evaluate, report."""

import hashlib
import json
import shutil
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kogen
from kogen import api
from kogen.cli import main, parse_options
from kogen.options.study import PilotOptions
from kogen.study import predictions
from kogen.training.run import load_run

SMALL = {"epochs": 1, "image_size": 16, "backbone": "tiny?width=8", "precision": "32"}
QUICK = {"epochs": 1, "seeds": 2, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 32, "precision": "32"}


def write_set(root, count: int, seed: int, dark: float = 1.0):
    """Class folders of striped (bad) and plain (ok) images of mixed sizes, and files that are no images."""
    rng = np.random.default_rng(seed)
    for name in ("ok", "bad"):
        (root / name).mkdir(parents=True)
        for i in range(count):
            pixels = rng.integers(60, 160, (20 + i % 3, 18, 3)).astype(np.float32)
            if name == "bad":
                pixels[::4] += 90
            Image.fromarray((pixels * dark).clip(0, 255).astype(np.uint8)).save(root / name / f"{i}.png")
    return root


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A finished pilot and the folders it was asked about."""
    root = tmp_path_factory.mktemp("pilot")
    train, val, line2 = (
        write_set(root / name, n, seed) for seed, (name, n) in enumerate([("a", 40), ("b", 15), ("c", 15)])
    )
    (train / "ok" / "broken.png").write_bytes(b"\x89PNG nothing")
    told = kogen.pilot(train, test=str(val), shifts={"line2": str(line2)}, out=root / "study", max_bad=0.1, **QUICK)
    return root, told


def test_a_verdict_and_its_page(study):
    root, told = study
    assert set(told["judgement"]["methods"]) == {"byol", "simclr", "supervised", "random"}
    assert set(told["judgement"]["models"]) <= set(told["judgement"]["methods"])
    assert told["judgement"]["leaders"][0] == told["order"]["reference"][0]
    assert told["words"][0]
    page = (root / "study" / "report.html").read_text(encoding="utf-8")
    assert told["words"][0][:20] in page
    assert json.loads((root / "study" / "verdict.json").read_text())["judgement"] == told["judgement"]


def test_one_row_per_run_set_probe_and_image(study):
    root, _ = study
    rows = pd.read_parquet(root / "study" / "predictions.parquet")
    assert len(rows) == 8 * 2 * 2 * 30  # runs, sets, probes, images
    assert not rows.duplicated(["run", "dataset", "protocol", "item"]).any()
    assert set(rows.role) == {"reference", "shift"}
    assert rows.score.between(0, 1).all()
    assert (rows.correct == (rows.label == rows.predicted)).all()


def test_the_broken_file_is_in_the_box(study):
    root, _ = study
    box = json.loads((root / "study" / "data.json").read_text())
    assert box["sets"][0]["bad_count"] == 1
    assert "broken.png" in box["sets"][0]["bad"][0]["source"]


def test_asked_twice_nothing_is_computed_again(study, monkeypatch):
    root, told = study
    monkeypatch.setattr(predictions, "evaluate_backbone", lambda *_: pytest.fail("judged again"))
    monkeypatch.setattr("kogen.training.loop.pretrain", lambda *_, **__: pytest.fail("trained again"))
    again = kogen.pilot(
        root / "a", test=str(root / "b"), shifts={"line2": str(root / "c")}, out=root / "study", max_bad=0.1, **QUICK
    )
    assert again["judgement"] == told["judgement"]


def test_another_question_needs_another_folder(study):
    root, _ = study
    asked = {"test": str(root / "b"), "max_bad": 0.1, **QUICK, "epochs": 2, "batch_size": 16}
    match = (
        "asks another question than this command: --epochs is 1 there and 2 here; --batch-size is 32 there and 16 here"
    )
    with pytest.raises(ValueError, match=match):
        kogen.pilot(root / "a", out=root / "study", **asked)
    assert not (root / "study" / "asked.json").read_text().count("added")


def test_the_pre_registered_study_gives_the_same_verdict(study, tmp_path):
    root, told = study
    place = tmp_path / "study.toml"
    place.write_text((root / "study" / "study.toml").read_text())
    assert kogen.pilot(place, out=root / "study")["judgement"] == told["judgement"]
    with pytest.raises(ValueError, match="says all that is asked; leave out epochs"):
        kogen.pilot(place, out=root / "study", epochs=3)


def test_export_loads_into_timm_by_its_line(study, tmp_path):
    root, _ = study
    run = next((root / "study" / "runs").glob("*"))
    line = kogen.export(run, out=tmp_path / "weights.safetensors")
    code = f"{line}; import torch; torch.manual_seed(0); print(m(torch.ones(1, 3, 16, 16)).sum().item())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    import torch

    with torch.inference_mode():
        ours = load_run(run)[2](torch.ones(1, 3, 16, 16)).sum().item()
    assert float(done.stdout) == pytest.approx(ours, rel=1e-4)


def test_evaluate_gives_the_pilots_rows(study, tmp_path):
    root, _ = study
    runs = sorted((root / "study" / "runs").glob("*"))[:2]
    told = kogen.evaluate(
        runs, train=root / "a", tests={"reference": root / "b", "line2": root / "c"}, out=tmp_path / "study"
    )
    keys = ["run", "dataset", "protocol", "item"]
    pilot = pd.read_parquet(root / "study" / "predictions.parquet").set_index(keys).sort_index()
    alone = pd.read_parquet(tmp_path / "study" / "predictions.parquet").set_index(keys).sort_index()
    pd.testing.assert_frame_equal(alone, pilot.loc[alone.index])
    assert told["words"]
    assert (tmp_path / "study" / "report.html").exists()


def test_two_settings_of_one_method_compete_under_their_folders_names(study, tmp_path):
    root, _ = study
    for name, momentum in (("slow", 0.99), ("fast", 0.5)):
        kogen.pretrain(root / "b", out=tmp_path / name, settings={"momentum": momentum}, batch_size=16, **SMALL)
    runs = [tmp_path / "slow", tmp_path / "fast"]
    kogen.evaluate(runs, train=root / "b", tests={"reference": root / "c"}, out=tmp_path / "study")
    assert set(pd.read_parquet(tmp_path / "study" / "predictions.parquet").model) == {"slow", "fast"}


def test_a_method_that_breaks_off_does_not_end_the_study(study, tmp_path):
    root, _ = study
    asked = {"methods": ("simclr", "random"), "settings": {"simclr": {"rate": 1e6, "warmup": 0.0}}, "seeds": 1}
    told = kogen.pilot(
        root / "a", test=str(root / "b"), out=tmp_path / "study", max_bad=0.1, **(QUICK | asked | {"epochs": 9})
    )
    assert (told["judgement"]["action"], told["judgement"]["models"]) == ("one", ["random"])
    assert [alarm["kind"] for alarm in told["alarms"]] == ["broken"]
    assert set(pd.read_parquet(tmp_path / "study" / "predictions.parquet").model) == {"random"}


def test_the_report_is_drawn_again_in_japanese(study):
    root, _ = study
    kogen.report(root / "study", lang="ja")
    assert '<html lang="ja"' in (root / "study" / "report.html").read_text(encoding="utf-8")
    kogen.report(root / "study", lang="en")


def test_estimate_says_what_a_study_costs(study):
    root, _ = study
    cost = kogen.estimate(root / "a", test=str(root / "b"), max_bad=0.1, **QUICK)
    assert set(cost.seconds_per_step) == {"byol", "simclr", "supervised", "random"}
    assert cost.minutes > 0
    assert "GB of memory" in str(cost)


def test_views_writes_a_picture(study, tmp_path):
    root, _ = study
    with Image.open(api.views(root / "a", out=tmp_path / "views.png", image_size=16)) as picture:
        assert picture.width > 100


def test_a_folder_without_a_study(tmp_path):
    with pytest.raises(ValueError, match="holds no study"):
        kogen.report(tmp_path)


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["pretrain", "boyl", "digits"], "unknown name 'boyl' among the methods: did you mean 'byol'"),
        (
            ["pretrain", "byol", "digits", "--set", "momentun=1"],
            "byol has no setting 'momentun': did you mean 'momentum'",
        ),
        (["pretrain", "byol", "digits", "--set", "momentum"], "--set momentum: write --set NAME=VALUE"),
        (["pilot", "nowhere"], "no such path and no such data source: 'nowhere'"),
        (["pilot", "digits", "--shift", "line2"], "--shift line2: write NAME=VALUE, for instance line2=imgs/line2"),
        (["pilot", "digits", "--set", "momentum=1"], "several methods train, so write --set METHOD.NAME=VALUE"),
        (["pilot", "digits", "--max-bad", "few"], "write a share such as 5% or 0.05"),
        (["pilot", "digits", "--backbone", "resnet19"], "unknown backbone 'resnet19': did you mean 'resnet18"),
        (["pilot", "digits", "--views", "naturals"], "unknown set of views 'naturals': did you mean 'natural'"),
        (["pilot", "digits", "--margin", "-1"], "margin = -1.0"),
        (["report", "nowhere"], "holds no study"),
        (["pilot", "digits", "--lang", "fr"], "unknown language 'fr'"),
        (["pilot", "digits", "--methods", ""], "no methods: name one or more"),
        (["pilot", "digits", "--shift", "reference=x"], "the name 'reference' is taken by another set"),
        (
            ["pilot", "digits", "--shift", "a=x", "--shift", "a=y"],
            "two --shift are named 'a', x and y: give each its own name",
        ),
        (["pilot", "digits", "--out", "file/study"], "Not a directory; choose a place"),
        (["pilot", "."], "study lies inside "),
        (["views", ".", "--image-size", "2"], "image_size = 2"),
        (["pretrain", "stock", "digits"], "'stock' is published weights, nothing to train"),
        (["pretrain", "byol", "digits", "--set", "momentum=high"], "momentum = 'high', wanted a number"),
        (["pilot", "digits", "--backbone", "swin_tiny_patch4_window7_224"], "cannot take images of 32 pixels"),
        (["evaluate", "r", "--train", "a", "--test", "b=c", "--probe", "knn", "--probe", "knn"], "one is named twice"),
        (
            ["pretrain", "byol", "digits", "--set", "simclr.rate=1"],
            "byol has no setting 'simclr.rate': did you mean 'rate'",
        ),
        (["pretrain", "byol", "digits", "--set", "rate=1", "--set", "rate=2"], "--set rate was given twice"),
        (["export", "nowhere"], "nowhere holds no run (no plan.json)"),
        (["pretrain", "mae", "digits"], "mae hides patches of an image and needs a plain Vision Transformer"),
        (["pilot", "digits", "--methods", "rc_mae"], "rc_mae hides patches of an image and needs"),
        (["pilot", "digits", "--corrupt", "blr"], "no corruption 'blr': did you mean 'blur'"),
        (["list", "method"], "nothing to list is called 'method': did you mean 'methods'"),
    ],
)
def test_wrong_words_get_one_sentence(command, message, monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("not a folder")
    monkeypatch.setattr(sys, "argv", ["kogen", *command])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert message in str(stopped.value)
    assert str(stopped.value).startswith("kogen: ")


def test_words_of_the_command_line():
    given = {"methods": "byol, random", "settings": ["byol.momentum=0.9", "mae.optimiser=lars"], "max_bad": "5%"}
    assert parse_options(PilotOptions, given | {"shifts": ["line 2=a=b"], "seeds": None, "probes": []}) == {
        "methods": ("byol", "random"),
        "settings": {"byol": {"momentum": 0.9}, "mae": {"optimiser": "lars"}},
        "max_bad": pytest.approx(0.05),
        "shifts": {"line 2": "a=b"},
    }


def test_a_study_never_mixes_runs_of_other_images(study, tmp_path):
    root, _ = study
    shutil.copytree(root / "a", tmp_path / "a")
    asked = {"test": str(root / "b"), "methods": ("random",), "max_bad": 0.1, **(QUICK | {"seeds": 1})}
    kogen.pilot(tmp_path / "a", out=tmp_path / "study", **asked)
    Image.new("RGB", (18, 20), (9, 9, 9)).save(tmp_path / "a" / "ok" / "new.png")
    with pytest.raises(ValueError, match=r"run of random \(seed 0\) that differs in .*images.*choose another --out"):
        kogen.pilot(tmp_path / "a", out=tmp_path / "study", **asked)


def test_a_pre_registered_study_is_kept_as_it_was_written(study, tmp_path):
    root, _ = study
    place = tmp_path / "mine.toml"
    text = f"# why we ask\n{(root / 'study' / 'study.toml').read_text()}".replace("seeds = 2", "seeds = 1")
    place.write_text(text)
    told = kogen.pilot(place, out=tmp_path / "study")
    assert (tmp_path / "study" / "study.toml").read_text() == text
    assert told["study"]["sha256"] == hashlib.sha256(place.read_bytes()).hexdigest()


def test_evaluate_leaves_a_pilots_question_alone(study):
    root, _ = study
    run = next((root / "study" / "runs").glob("*"))
    with pytest.raises(ValueError, match="holds the study of a pilot, whose question stays as it is"):
        kogen.evaluate(run, train=root / "a", tests={"reference": root / "b"}, out=root / "study")


def swap_labels(folder):
    """Exchange the two classes of class folders."""
    (folder / "ok").rename(folder / "x")
    (folder / "bad").rename(folder / "ok")
    (folder / "x").rename(folder / "bad")


def test_predictions_are_of_the_images_and_labels_that_are_there(study, tmp_path):
    root, _ = study
    for name in ("a", "b"):
        shutil.copytree(root / name, tmp_path / name)
    run = next(plan.parent for plan in (root / "study").glob("runs/*/plan.json") if '"random"' in plan.read_text())
    asked = {"train": tmp_path / "a", "tests": {"val": tmp_path / "b"}, "max_bad": 0.1, "probes": ("knn",)}
    kogen.evaluate(run, out=tmp_path / "e", **asked)
    before = {file.name: file.read_bytes() for file in (tmp_path / "e").iterdir() if file.is_file()}
    for changed, what in (("b", "val"), ("a", "train")):
        swap_labels(tmp_path / changed)
        with pytest.raises(ValueError, match=rf"was judged on other images or labels of .*{what}.* than are there now"):
            kogen.evaluate(run, out=tmp_path / "e", **asked)
        swap_labels(tmp_path / changed)
    with pytest.raises(ValueError, match="holds other sets or probes of this run"):
        kogen.evaluate(run, out=tmp_path / "e", **(asked | {"tests": {"other": tmp_path / "b"}}))
    assert {file.name: file.read_bytes() for file in (tmp_path / "e").iterdir() if file.is_file()} == before


def test_a_pilot_asked_again_after_its_test_set_changed_is_refused(study, tmp_path):
    root, _ = study
    shutil.copytree(root / "b", tmp_path / "b")
    asked = {"test": str(tmp_path / "b"), "methods": ("random",), "max_bad": 0.1, **(QUICK | {"seeds": 1})}
    kogen.pilot(root / "a", out=tmp_path / "study", **asked)
    swap_labels(tmp_path / "b")
    with pytest.raises(ValueError, match="was judged on other images or labels of reference than are there now"):
        kogen.pilot(root / "a", out=tmp_path / "study", **asked)


def test_a_run_whose_plan_is_gone_is_done_again(study, tmp_path):
    root, _ = study
    asked = {"test": str(root / "b"), "methods": ("random",), "max_bad": 0.1, **(QUICK | {"seeds": 1})}
    kogen.pilot(root / "a", out=tmp_path / "study", **asked)
    next((tmp_path / "study").glob("runs/*/plan.json")).unlink()
    assert kogen.pilot(root / "a", out=tmp_path / "study", **asked)["judgement"]["models"] == ["random"]


@pytest.mark.parametrize(
    ("name", "match"),
    [
        ("predictions.parquet", r"predictions\.parquet has .* of the run .*, not .* of its folder.*; delete it"),
        ("weights.safetensors", r"weights\.safetensors is of the run .*, and lies in the folder of .*put its own back"),
        (
            "checkpoint/state.safetensors",
            r"state\.safetensors is the checkpoint of another run; put the run's own back",
        ),
    ],
)
def test_files_that_changed_places_between_runs_are_noticed(study, tmp_path, name, match):
    root, _ = study
    shutil.copytree(root / "study", tmp_path / "study")
    plans = (tmp_path / "study").glob("runs/*/plan.json")
    one, two = (plan.parent for plan in plans if '"method": "simclr"' in plan.read_text())  # two seeds
    (one / name).rename(tmp_path / "kept")
    (two / name).rename(one / name)
    (tmp_path / "kept").rename(two / name)
    verbs = {
        "predictions.parquet": lambda: kogen.report(tmp_path / "study"),
        "weights.safetensors": lambda: kogen.export(one, out=tmp_path / "w.safetensors"),
        "checkpoint/state.safetensors": lambda: kogen.landscape(one, data=root / "b", images=16, out=tmp_path / "l"),
    }
    with pytest.raises(ValueError, match=match):
        verbs[name]()


def test_pretrain_and_evaluate_train_on_the_rows_of_train_only(tmp_path, capsys):
    write_set(tmp_path / "imgs", 30, seed=5)
    names = sorted(path.relative_to(tmp_path) for path in (tmp_path / "imgs").rglob("*.png"))
    rows = [f"{name},{name.parent.name},{'train' if place % 3 else 'test'}" for place, name in enumerate(names)]
    (tmp_path / "T.CSV").write_text("\n".join(["path,label,split", *rows]))
    held = sum(row.endswith("test") for row in rows)
    asked = {"epochs": 1, "image_size": 16, "backbone": "tiny?width=8", "out": tmp_path / "run"}
    kogen.pretrain(tmp_path / "T.CSV", method="supervised", **asked)
    assert json.loads((tmp_path / "run" / "plan.json").read_text())["images"] == len(rows) - held
    assert f"train: never trained on: {held} of test" in capsys.readouterr().err
    table = str(tmp_path / "T.CSV")
    kogen.evaluate(tmp_path / "run", train=table, tests={"reference": table}, probes=("knn",), out=tmp_path / "study")
    sets = json.loads((tmp_path / "study" / "data.json").read_text())["sets"]
    assert [(one["images"], one["twins_in_train"]) for one in sets] == [(len(rows) - held, None), (held, 0)]
    with pytest.raises(ValueError, match=r"T\.CSV has the splits test, train: choose one, .*T\.CSV\?split=test"):
        kogen.landscape(tmp_path / "run", data=table, out=tmp_path / "land")


def test_evaluate_knows_what_its_runs_were_trained_on(tmp_path):
    for number, name in enumerate("abc"):
        write_set(tmp_path / name, 12, seed=20 + number)
    kogen.pretrain(tmp_path / "b", method="byol", out=tmp_path / "run", **SMALL)
    asked = {"train": str(tmp_path / "a"), "probes": ("knn",)}
    with pytest.raises(
        ValueError, match="the runs were trained on 24 of 24 images of the set 'reference': it would judge"
    ):
        kogen.evaluate(tmp_path / "run", tests={"reference": str(tmp_path / "b")}, out=tmp_path / "e", **asked)
    shutil.copy(tmp_path / "b" / "ok" / "0.png", tmp_path / "c" / "ok" / "again.png")
    told = kogen.evaluate(tmp_path / "run", tests={"reference": str(tmp_path / "c")}, out=tmp_path / "f", **asked)
    assert json.loads((tmp_path / "f" / "data.json").read_text())["sets"][1]["twins_in_train"] == 1
    assert sum("equal or nearly so: 1 (at most " in text for text in told["words"]) == 1


@pytest.mark.parametrize("given", ["candidates", "weights", "init"])
def test_a_pilot_knows_what_the_runs_it_is_given_were_trained_on(tmp_path, given):
    for number, name in enumerate("ab"):
        write_set(tmp_path / name, 12, seed=20 + number)
    kogen.pretrain(tmp_path / "b", method="supervised", out=tmp_path / "run", **SMALL)
    run = str(tmp_path / "run")
    asked = {"candidates": {"mine": run}, "weights": {"mine": f"{run}/weights.safetensors"}}.get(given)
    asked = {"candidates": asked} if asked else {"init": f"seen={run}"}
    asked |= {"methods": ("random",), "probes": ("knn",), **(QUICK | {"seeds": 1})}
    with pytest.raises(ValueError, match="the runs were trained on 24 of 24 images of the set 'reference'"):
        kogen.pilot(tmp_path / "a", test=str(tmp_path / "b"), out=tmp_path / "s", **asked)
    told = kogen.pilot(tmp_path / "a", test=str(tmp_path / "b"), out=tmp_path / "t", twins="keep", **asked)
    assert json.loads((tmp_path / "t" / "data.json").read_text())["sets"][1]["twins_in_train"] == 24
    assert any("equal or nearly so: 24, 100.0" in text for text in told["words"])


def test_a_test_set_in_train_is_judged_if_asked_and_the_page_says_so_first(tmp_path):
    write_set(tmp_path / "a", 12, seed=30)
    asked = {"methods": ("random",), "probes": ("knn",), **(QUICK | {"seeds": 1})}
    told = kogen.pilot(tmp_path / "a", test=str(tmp_path / "a"), twins="keep", out=tmp_path / "study", **asked)
    assert told["words"][0].startswith("Test images that are also in the training set, equal or nearly so: 24, 100.0")
    assert (told["judgement"]["action"], told["judgement"]["models"]) == ("one", ["random"])
