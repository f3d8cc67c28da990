"""Fine-tunings of a study: judged once, resumed, added to; test labels change nothing but scores."""

import json
import shutil

import numpy as np
import pandas as pd
import pytest
from small import blobs, plan_for

import kogen
from kogen.common.protocols import layers_tuned, split_protocol
from kogen.study import tunings
from kogen.study.tunings import check_tunings, folder_of, tell_choice
from kogen.training import tune

QUICK = {"methods": ("random",), "seeds": 1, "image_size": 16, "backbone": "tiny?width=8", "precision": "32"}
ASKED = {"probes": ("linear", "tune:head", "tune:last1"), "shots": (3,), "draws": 2, "tune_steps": (2, 4)}


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Batches and passes of a test's size."""
    monkeypatch.setattr(tune, "BATCH", 16)
    monkeypatch.setattr(tune, "PASS_STEPS", 2)


def write_sets(root, flip: bool = False):
    """Arrays to train on and to judge on; `flip`: the labels of the second are wrong."""
    root.mkdir(parents=True, exist_ok=True)
    for name, count, seed in (("train", 60, 0), ("test", 40, 1)):
        images = blobs(count, seed=seed)
        labels = (images.labels + (flip and name == "test")) % 4
        pixels = np.asarray(images.pixels[np.arange(count)]).transpose(0, 2, 3, 1)
        np.savez(root / f"{name}.npz", images=pixels, labels=np.array(images.classes)[labels])
    return root


def ask(root, **more):
    """A pilot on the arrays below `root`, and its predictions."""
    out = more.pop("out", root / "study")
    test = str(root / "test.npz")
    told = kogen.pilot(str(root / "train.npz"), test=test, out=out, twins="keep", **(QUICK | ASKED | more))
    return told, pd.read_parquet(out / "predictions.parquet")


@pytest.fixture(scope="module")
def calm(tmp_path_factory):
    """A finished study."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tune, "BATCH", 16)
        patch.setattr(tune, "PASS_STEPS", 2)
        root = write_sets(tmp_path_factory.mktemp("calm"))
        return root, *ask(root)


def test_each_protocol_budget_and_draw_has_rows_and_says_what_it_chose(calm):
    root, told, rows = calm
    counts = rows.fillna({"budget": "", "draw": -1}).groupby(["protocol", "budget", "draw"]).size()
    parts = [("", -1), ("3 shots", 0), ("3 shots", 1)]
    assert counts.index.tolist() == [(name, *part) for name in ASKED["probes"] for part in parts]
    assert set(counts) == {40}
    assert {row["protocol"] for row in told["depths"]} == set(ASKED["probes"])
    (run,) = (root / "study" / "runs").iterdir()
    for name in ("tune:head", "tune:last1@3 shots#1"):
        place = folder_of(run, split_protocol(name))
        found = json.loads((place / "chosen.json").read_text())
        assert found["protocol"] == name
        assert found["labels"] == (60 if "@" not in name else 12)
        assert found["validation_images"] > 0
        assert not (place / "final").exists()  # the weights are not kept
    page = (root / "study" / "report.html").read_text(encoding="utf-8")
    assert "Which layers should learn?" in page


def test_the_audit_lists_what_was_chosen_and_by_what(calm):
    root, _, _ = calm
    found = kogen.audit(root / "study")
    assert found["passed"], found["problems"]
    chosen = [one for one in found["choices"] if one["name"] == "choice_tuning"]
    assert [one["value"].partition(":")[2].partition(":")[0] for one in chosen] == ["head", "last1"]
    assert all(one["by"] == "by_tuning" and "3 of 3" in one["value"] for one in chosen)
    assert sum("tuned/" in one["path"] for one in found["files"]) == 2 * 3 * (6 + 1)  # six tries and the choice


def test_what_is_answered_is_not_trained_again_and_a_set_may_be_added(calm, monkeypatch, tmp_path):
    root, _, before = calm
    shutil.copytree(root / "study", tmp_path / "copy")
    fits = []
    real = tune.fit
    monkeypatch.setattr(tune, "fit", lambda *given: fits.append(given[2].name) or real(*given))
    ask(root, out=tmp_path / "copy")
    assert fits == []
    _, rows = ask(root, out=tmp_path / "copy", shifts={"other": str(root / "train.npz")})
    assert fits == ["final"] * 6  # what was chosen stays; weights are made once more
    same = rows[rows["dataset"] != "other"].reset_index(drop=True)
    pd.testing.assert_frame_equal(same[before.columns], before)


def test_an_interrupted_study_ends_with_the_same_rows(calm, tmp_path, monkeypatch):
    _, _, before = calm
    root, real, left = write_sets(tmp_path), tune.fit, [5]

    def fit(*given):
        left[0] -= 1
        if not left[0]:
            raise KeyboardInterrupt
        return real(*given)

    monkeypatch.setattr(tune, "fit", fit)
    with pytest.raises(KeyboardInterrupt):
        ask(root)
    left[0] = 10**6
    _, rows = ask(root)
    pd.testing.assert_frame_equal(rows, before)


def test_test_labels_never_reach_a_choice(calm, tmp_path):
    calm_root, _, before = calm
    root = write_sets(tmp_path, flip=True)
    _, rows = ask(root)
    choices = [
        {file.relative_to(one / "study" / "runs").as_posix(): file.read_text() for file in one.rglob("tuned/*/*.json")}
        for one in (calm_root, root)
    ]
    assert choices[0] == choices[1]
    assert rows["predicted"].tolist() == before["predicted"].tolist()
    assert rows["correct"].tolist() != before["correct"].tolist()


def test_lengths_may_change_until_something_was_fine_tuned(calm, tmp_path):
    root, _, _ = calm
    with pytest.raises(ValueError, match=r"--tune-steps is .*2.*4.* there and .*2.*8.* here"):
        ask(root, tune_steps=(2, 8))
    plain = write_sets(tmp_path)
    ask(plain, probes=("linear",), shots=())
    ask(plain, probes=("linear", "tune:head"), shots=(), tune_steps=(3,))


def test_layers_that_a_network_lacks_are_told_before_anything_is_trained(tmp_path):
    plan = plan_for(blobs(64), "byol")
    with pytest.raises(ValueError, match="tune:last4: this ResNet has 4 stages or blocks"):
        check_tunings([plan], ["linear", "tune:last4@10%#0"])
    check_tunings([plan], ["linear", "tune:last3"])
    root = write_sets(tmp_path)
    with pytest.raises(ValueError, match="tune:last7"):
        ask(root, probes=("linear", "tune:last7"))
    with pytest.raises(ValueError, match="'tune:some' says no layers to fine-tune: write tune:head, tune:norm"):
        ask(root, probes=("tune:some",))
    assert not list(tmp_path.glob("study/runs/*/weights.safetensors"))


def test_choices_in_words():
    found = {"rate": 0.1, "steps": 400.0, "validation_images": 12.0}
    tuned = tune.Tuned(None, None, found, None)  # type: ignore[arg-type]
    assert tell_choice(tuned) == "rate 0.1, 400 steps, by the log loss of 12 training images that were held out"
    none = tune.Tuned(None, None, found | {"validation_images": 0.0}, None)  # type: ignore[arg-type]
    assert tell_choice(none) == "rate 0.1, 400 steps, the recipe's own: too few labels to choose by"
    assert layers_tuned("tune:last12") == "last12"
    assert tunings.CHOSEN == "chosen.json"
