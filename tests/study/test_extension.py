"""A study that grows: seeds, methods, sets, probes are added, nothing is done twice, what was asked first stays."""

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import timm
import torch
from pictures import write_set
from PIL import Image

import kogen
from kogen.config.study import make_study
from kogen.data.images import from_array
from kogen.results.asked import Asked, Extension, extension_lines, read_asked
from kogen.study import extension, predictions, study_runs
from kogen.study.extension import extend_study, merge_studies, study_of
from kogen.study.splits import Splits
from kogen.training import run

QUICK: dict[str, Any] = {"epochs": 1, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 16, "precision": "32"}
FEW: dict[str, Any] = QUICK | {"methods": ("random", "supervised"), "probes": ("knn",)}
KEY = ["run", "dataset", "protocol", "item"]


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("sets")
    return {
        name: write_set(root / name, n, seed) for seed, (name, n) in enumerate(zip("abcd", (12, 6, 6, 6), strict=True))
    }


def rows_of(study: Path) -> pd.DataFrame:
    return pd.read_parquet(study / "predictions.parquet").set_index(KEY).sort_index()


def files_of(study: Path, ending: str) -> dict[str, bytes]:
    return {str(file.relative_to(study)): file.read_bytes() for file in study.glob(f"runs/*/{ending}")}


def test_added_seeds_are_the_runs_that_all_seeds_at_once_give(sets: dict[str, str], tmp_path: Path) -> None:
    kogen.pilot(sets["a"], test=sets["b"], seeds=1, out=tmp_path / "grown", **FEW)
    first = (tmp_path / "grown" / "study.toml").read_bytes()
    kept = files_of(tmp_path / "grown", "*.*")
    kogen.pilot(sets["a"], test=sets["b"], seeds=2, out=tmp_path / "grown", **FEW)
    kogen.pilot(sets["a"], test=sets["b"], seeds=2, out=tmp_path / "once", **FEW)
    for ending in ("weights.safetensors", "predictions.parquet", "plan.json", "images.npy"):
        assert files_of(tmp_path / "grown", ending) == files_of(tmp_path / "once", ending)
    pd.testing.assert_frame_equal(rows_of(tmp_path / "grown"), rows_of(tmp_path / "once"))
    assert kept.items() <= files_of(tmp_path / "grown", "*.*").items()  # nothing that was there was written again
    assert (tmp_path / "grown" / "study.toml").read_bytes() == first


def test_added_sets_methods_and_probes_give_what_asking_at_once_gives(
    sets: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = {"seeds": 1, "shifts": {"line2": sets["c"]}}
    kogen.pilot(sets["a"], test=sets["b"], out=tmp_path / "grown", **more, **FEW)
    trained: list[str] = []
    monkeypatch.setattr(run, "train_run", recorder(run.train_run, trained))
    everything = FEW | {"methods": ("random", "byol"), "probes": ("knn", "linear"), "corrupt": "defocus:2"}
    everything |= {"seeds": 1, "shifts": {"line3": sets["d"]}}  # line2 and supervised are not asked for: they stay
    kogen.pilot(sets["a"], test=sets["b"], out=tmp_path / "grown", **everything)
    assert trained == ["random", "supervised", "byol"]  # the first two are found done
    at_once = everything | {"methods": ("random", "supervised", "byol")}
    at_once |= {"shifts": {"line2": sets["c"], "line3": sets["d"]}}
    kogen.pilot(sets["a"], test=sets["b"], out=tmp_path / "once", **at_once)
    grown, once = rows_of(tmp_path / "grown"), rows_of(tmp_path / "once")
    assert set(once.reset_index().dataset) == {"reference", "line2", "line3", "reference~defocus2"}
    pd.testing.assert_frame_equal(grown, once, check_exact=False, atol=1e-6)
    assert (grown.predicted == once.predicted).all()
    first = [pd.read_parquet(file)[KEY] for file in sorted((tmp_path / "grown").glob("runs/*/predictions.parquet"))]
    again = [pd.read_parquet(file)[KEY] for file in sorted((tmp_path / "once").glob("runs/*/predictions.parquet"))]
    for mine, other in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(mine, other)  # in the same order too
    assert extension_lines(read_asked(tmp_path / "grown")) == [
        f"--corrupt defocus:2, --probe linear, --shift line3={sets['d']}, --methods byol"
    ]


def test_label_budgets_and_draws_are_added_to_a_judged_study(sets: dict[str, str], tmp_path: Path) -> None:
    known = FEW | {"seeds": 1, "methods": ("random", "supervised")}
    kogen.pilot(sets["a"], test=sets["b"], out=tmp_path / "grown", draws=1, **known)
    kogen.pilot(sets["a"], test=sets["b"], out=tmp_path / "grown", draws=2, budgets=("50%",), **known)
    kogen.pilot(sets["a"], test=sets["b"], out=tmp_path / "once", draws=2, budgets=("50%",), **known)
    grown, once = (pd.read_parquet(tmp_path / name / "predictions.parquet") for name in ("grown", "once"))
    pd.testing.assert_frame_equal(grown, once, check_exact=False, atol=1e-6)
    parts = grown.dropna(subset=["budget"]).groupby(["model", "protocol", "budget", "draw"]).size()
    images = grown[grown.budget.isna() & (grown.model == "random")].groupby("protocol").size()
    assert parts.to_dict() == {("random", FEW["probes"][0], "50%", draw): images.iloc[0] for draw in range(2)}
    assert extension_lines(read_asked(tmp_path / "grown")) == ["--budgets 50%, --draws 2 (1 before)"]
    verdict = json.loads((tmp_path / "grown" / "verdict.json").read_text())
    assert {(row["model"], row["budget"]) for row in verdict["labels"]} == {("random", "50%"), ("random", "")}
    assert {row["model"] for row in verdict["values"]} == {"random", "supervised"}
    assert kogen.audit(tmp_path / "grown")["passed"]
    assert "What do a few labels buy?" in (tmp_path / "grown" / "report.html").read_text()


def recorder(work: Any, trained: list[str]) -> Any:
    """A training that also notes the method's name."""

    def train(plan: Any, *rest: Any, **more: Any) -> Any:
        trained.append(plan.method)
        return work(plan, *rest, **more)

    return train


def test_the_record_keeps_what_was_asked_first_and_whether_a_verdict_was_read(
    sets: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {"test": sets["b"], "out": tmp_path / "study", **FEW, "methods": ("random",)}
    kogen.pilot(sets["a"], seeds=1, **asked)
    before = read_asked(tmp_path / "study")
    assert (before.extensions, before.after_verdict, before.runs) == ((), (), 1)
    capsys.readouterr()
    told = kogen.pilot(sets["a"], seeds=2, margin=2.0, **asked)
    assert "--seeds 2 (1 before), --margin 2.0 (1.0 before)" in capsys.readouterr().err
    found = read_asked(tmp_path / "study")
    assert found.first == before.first
    assert found.first["seeds"] == 1
    assert [(one.added, one.changed, one.before) for one in found.extensions] == [
        ({"seeds": 2}, {"margin": 2.0}, {"margin": 1.0, "seeds": 1})
    ]
    assert (len(found.after_verdict), found.runs) == (1, 2)
    assert found.sha256 != before.sha256
    assert told["margin"] == 2.0
    kogen.pilot(sets["a"], seeds=1, margin=2.0, **asked)  # fewer than there are: nothing is new, nothing is lost
    assert "has more than is asked for here, and keeps it: --seeds 2" in " ".join(capsys.readouterr().err.split())
    assert read_asked(tmp_path / "study") == found
    assert len(list((tmp_path / "study").glob("runs/*/summary.json"))) == 2


def test_a_toml_file_extends_a_study_as_options_do(sets: dict[str, str], tmp_path: Path) -> None:
    kogen.pilot(sets["a"], test=sets["b"], seeds=1, out=tmp_path / "study", **FEW, max_bad=0.2)
    text = (tmp_path / "study" / "study.toml").read_text().replace("seeds = 1", "seeds = 2")
    (tmp_path / "more.toml").write_text(text)
    kogen.pilot(tmp_path / "more.toml", out=tmp_path / "study")
    assert read_asked(tmp_path / "study").extensions[0].added == {"seeds": 2}
    place = tmp_path / "study" / "study.toml"
    place.write_text(text)
    with pytest.raises(ValueError, match="was edited since it was asked first: put its own back"):
        kogen.pilot(place, out=tmp_path / "study")
    with pytest.raises(ValueError, match="is not the question that was asked first"):
        kogen.report(tmp_path / "study")


def test_a_question_edited_in_its_folder_is_refused_once_there_are_runs(sets: dict[str, str], tmp_path: Path) -> None:
    asked = {"test": sets["b"], "out": tmp_path / "study", **FEW, "methods": ("random",)}
    kogen.pilot(sets["a"], seeds=1, **asked)
    place = tmp_path / "study" / "study.toml"
    place.write_text(place.read_text().replace("seeds = 1", "seeds = 2"))
    with pytest.raises(
        ValueError, match=r"was edited since it was asked first: put its own back.*ask for more by options"
    ):
        kogen.pilot(place, out=tmp_path / "study")


def test_estimate_counts_what_is_left(sets: dict[str, str], tmp_path: Path) -> None:
    asked = {"test": sets["b"], **FEW}
    kogen.pilot(sets["a"], seeds=1, out=tmp_path / "study", **asked)
    whole = kogen.estimate(sets["a"], seeds=2, **asked)
    nothing = kogen.estimate(sets["a"], seeds=1, out=tmp_path / "study", **asked)
    more = kogen.estimate(sets["a"], seeds=2, out=tmp_path / "study", **asked)
    judged = kogen.estimate(sets["a"], seeds=1, shifts={"c": sets["c"]}, out=tmp_path / "study", **asked)
    assert (nothing.minutes, nothing.disk_gb, nothing.seconds_per_step) == (0, 0, {})
    assert more.disk_gb == pytest.approx(whole.disk_gb / 2)  # one of two seeds
    assert set(more.seconds_per_step) == {"random", "supervised"}
    assert judged.minutes > 0
    assert (judged.disk_gb, judged.seconds_per_step) == (0, {})
    assert not read_asked(tmp_path / "study").extensions  # an estimate adds nothing


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 2}, "--epochs is 1 there and 2 here"),
        (
            {"image_size": 24, "views": "gentle"},
            "--image-size is 16 there and 24 here; --views is natural there and gentle",
        ),
        ({"test": "x"}, "--test is b there and x here"),
        ({"keep": 1}, "--keep is 0 there and 1 here"),
        ({"hold_out_seed": 1}, "--hold-out-seed is 0 there and 1 here"),
        ({"twins": "drop"}, "--twins is together there and drop here"),
        ({"shifts": {"line2": "e"}}, "--shift line2= is c there and e here"),
        ({"candidates": {"own": "w2.pth"}}, "--candidates own= is w.pth there and w2.pth here"),
        ({"settings": {"byol": {"rate": 0.2}}}, r"--set byol.rate= is 0.1 there and 0.2 here"),
        ({"settings": {}}, r"--set byol.rate= is 0.1 there and its default here"),
        ({"probes": ("knn", "linear")}, "the first --probe, which decides, is linear there and knn here"),
        ({"labels": "t.csv"}, "--labels is not given there and t.csv here"),
        ({"source": "z"}, "--source is a there and z here"),
        ({"batch_size": None}, "--batch-size is 16 there and not given here"),
    ],
)
def test_what_runs_are_made_of_stays(change: dict[str, Any], message: str, tmp_path: Path) -> None:
    known = {"source": "a", "test": "b", "shifts": {"line2": "c"}, "candidates": {"own": "w.pth"}, **QUICK}
    known |= {"methods": ("byol", "random"), "settings": {"byol": {"rate": 0.1}}, "probes": ("linear", "knn")}
    wanted = make_study(known | change, "test")
    whole = f"study.toml asks another question than this command: {message}.* Choose another --out, or ask as before"
    with pytest.raises(ValueError, match=whole):
        merge_studies(make_study(known, "test"), wanted, tmp_path)


def test_every_option_that_differs_is_named(tmp_path: Path) -> None:
    """An option that is not known to be harmless is refused: so is one that is yet to be written."""
    harmless = {*extension.GROWING, *extension.FREE}
    fields = set(type(make_study({"source": "a"}, "test")).model_fields)
    assert harmless <= fields
    assert {"epochs", "batch_size", "accumulate", "precision", "test", "depth", "labels"} <= fields - harmless


def test_merging_only_adds(tmp_path: Path) -> None:
    known = make_study({"source": "digits", "seeds": 3, "methods": ("byol",), "corrupt": "defocus:2"}, "test")
    merge = merge_studies(
        known, make_study({"source": "digits", "seeds": 2, "methods": ("simclr",), "lang": "ja"}, "t"), tmp_path
    )
    assert (merge.study.seeds, merge.study.methods, merge.study.corrupt) == (3, ("byol", "simclr"), "defocus:2")
    assert merge.extension == Extension({"methods": ["simclr"]}, {"lang": "ja"}, {"lang": "en"})
    assert merge.kept == ["--seeds 3", "--methods byol", "--corrupt defocus:2"]
    assert merge.is_new
    again = merge_studies(merge.study, merge.study, tmp_path)
    assert (again.is_new, again.kept, again.study) == (False, [], merge.study)
    more = merge_studies(known, known.model_copy(update={"corrupt": "jpeg:1-2,defocus:2"}), tmp_path)
    assert (more.extension.added, more.kept) == ({"corrupt": "jpeg:1-2,defocus:2"}, [])
    assert extension.corruptions_of(more.study) == ["defocus:2", "jpeg:1", "jpeg:2"]
    longer = merge_studies(known, make_study(known.model_dump() | {"seeds": 4}, "t"), tmp_path)
    assert longer.extension == Extension({"seeds": 4}, {}, {"seeds": 3})
    assert study_of(Asked({"source": "digits"}, (longer.extension,)), tmp_path).seeds == 4


def test_shifts_that_the_surfaces_bring_stay_beside_those_that_are_named(tmp_path: Path) -> None:
    known = make_study({"source": "surfaces"}, "test")
    merge = merge_studies(known, make_study({"source": "surfaces", "shifts": {"line 9": "c"}}, "test"), tmp_path)
    assert list(merge.study.shifts) == ["line 2", "night shift", "line 9"]
    assert merge.extension.added == {"shifts": [["line 9", "c"]]}
    assert merge.kept == ["--shift line 2, night shift"]
    assert merge_studies(merge.study, known, tmp_path).is_new is False
    assert extend_study(known, merge.extension) == merge.study


SCRIPT = """
import os, signal, sys
import kogen
from kogen.study import study_runs
if sys.argv[2] == "die":
    judge, left = study_runs.judge_run, [2]
    def die(*given):
        if not left[0]:
            os.kill(os.getpid(), signal.SIGKILL)
        left[0] -= 1
        judge(*given)
    study_runs.judge_run = die
kogen.pilot(**eval(sys.argv[1]))
"""


def start(asked: dict[str, Any], how: str = "live") -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-c", SCRIPT, repr(asked), how], stderr=subprocess.PIPE)


def test_a_kill_in_between_leaves_a_study_that_goes_on(sets: dict[str, str], tmp_path: Path) -> None:
    asked = {
        "source": sets["a"],
        "test": sets["b"],
        "seeds": 2,
        **FEW,
        "methods": ("random",),
        "out": str(tmp_path / "s"),
    }
    kogen.pilot(**asked)
    more = asked | {"shifts": {"line2": sets["c"]}, "seeds": 3}
    killed = start(more, "die")  # two of three runs have the rows of the new set
    assert killed.wait() == -signal.SIGKILL
    assert read_asked(tmp_path / "s").extensions[0].added == {"seeds": 3, "shifts": [["line2", sets["c"]]]}
    told = kogen.report(tmp_path / "s")  # the third run is trained and not judged
    assert told["sets"] == ["reference", "line2"]
    kogen.pilot(**more)
    kogen.pilot(**(more | {"out": str(tmp_path / "once")}))
    pd.testing.assert_frame_equal(rows_of(tmp_path / "s"), rows_of(tmp_path / "once"), check_exact=False, atol=1e-6)


def test_a_set_on_which_not_every_run_was_judged_is_left_out_and_it_is_said(
    sets: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked = {
        "source": sets["a"],
        "test": sets["b"],
        "seeds": 2,
        **FEW,
        "methods": ("random",),
        "out": str(tmp_path / "s"),
    }
    kogen.pilot(**asked)
    judge, calls = predictions.judge_run, []

    def broken(*given: Any) -> None:
        calls.append(given)
        if len(calls) == 2:
            raise KeyboardInterrupt
        judge(*given)

    monkeypatch.setattr(study_runs, "judge_run", broken)
    with pytest.raises(KeyboardInterrupt):
        kogen.pilot(**asked, shifts={"line2": sets["c"]})
    capsys.readouterr()
    assert kogen.report(tmp_path / "s")["sets"] == ["reference"]
    said = " ".join(capsys.readouterr().err.split())
    assert "line2 (knn) is left out; runs judged on it so far: 1 of 2; `kogen pilot` with the same options" in said
    monkeypatch.undo()
    assert kogen.pilot(**asked, shifts={"line2": sets["c"]})["sets"] == ["reference", "line2"]


def test_two_processes_extend_one_study_in_two_ways(sets: dict[str, str], tmp_path: Path) -> None:
    asked = {"source": sets["a"], "test": sets["b"], "seeds": 1, **FEW, "out": str(tmp_path / "s")}
    kogen.pilot(**asked)
    jobs = [start(asked | {"seeds": 2}), start(asked | {"shifts": {"line2": sets["c"]}})]
    said = [job.communicate()[1].decode() for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], said
    merged = asked | {"seeds": 2, "shifts": {"line2": sets["c"]}}
    told = kogen.pilot(**merged)
    found = read_asked(tmp_path / "s")
    assert sorted(extension_lines(found)) == ["--seeds 2 (1 before)", f"--shift line2={sets['c']}"]
    assert told["sets"] == ["reference", "line2"]
    kogen.pilot(**(merged | {"out": str(tmp_path / "once")}))
    pd.testing.assert_frame_equal(rows_of(tmp_path / "s"), rows_of(tmp_path / "once"), check_exact=False, atol=1e-6)


def test_a_study_that_was_extended_meanwhile_is_prepared_anew(
    sets: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = {"source": sets["a"], "test": sets["b"], "seeds": 1, **FEW, "methods": ("random",), "out": tmp_path / "s"}
    kogen.pilot(**asked)
    open_sets, calls = study_runs.open_study_splits, []

    def extend_first(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 1:
            study_runs.append_extension(tmp_path / "s", Extension({"seeds": 3}, {}, {"seeds": 1}))
        return open_sets(*given)

    monkeypatch.setattr(study_runs, "open_study_splits", extend_first)
    kogen.pilot(**asked | {"shifts": {"line2": sets["c"]}})
    assert len(calls) == 2
    assert len(list((tmp_path / "s").glob("runs/*/predictions.parquet"))) == 3
    assert [one.added for one in read_asked(tmp_path / "s").extensions] == [
        {"seeds": 3},
        {"shifts": [["line2", sets["c"]]]},
    ]


def test_a_set_that_changes_what_is_trained_on_is_refused_and_not_written_down(
    sets: dict[str, str], tmp_path: Path
) -> None:
    write_set(tmp_path / "new", 6, seed=9)
    (tmp_path / "new" / "ok" / "copy.png").write_bytes((Path(sets["a"]) / "ok" / "0.png").read_bytes())
    asked = {"source": sets["a"], "test": sets["b"], "seeds": 1, "twins": "drop", **FEW, "out": tmp_path / "s"}
    kogen.pilot(**asked)
    before = {file: file.read_bytes() for file in (tmp_path / "s").rglob("*") if file.is_file()}
    with pytest.raises(ValueError, match=r"with what is added, .* would train on other images than its runs of .* did"):
        kogen.pilot(**asked, shifts={"new": str(tmp_path / "new")})
    assert {file: file.read_bytes() for file in (tmp_path / "s").rglob("*") if file.is_file()} == before


def test_a_candidate_that_sees_larger_images_joins_runs_that_stay_as_they_were(
    sets: dict[str, str], tmp_path: Path
) -> None:
    torch.manual_seed(0)
    network = timm.create_model("resnet18", num_classes=0, layers=(1, 1, 1, 1), channels=(8, 8, 8, 8))
    torch.save(network.state_dict(), tmp_path / "w.pth")
    source = write_mixed_set(tmp_path / "train")
    asked = {"source": source, "test": sets["b"], **FEW, "methods": ("supervised",), "out": tmp_path / "s"}
    kogen.pilot(**asked, seeds=1)
    candidates = {"own": f"{tmp_path / 'w.pth'}?image_size=160"}
    kogen.pilot(**asked, seeds=1, candidates=candidates)
    assert set(rows_of(tmp_path / "s").model) == {"supervised", "own"}
    kogen.pilot(**asked, seeds=2, candidates=candidates)
    kogen.pilot(**(asked | {"out": tmp_path / "alone"}), seeds=2)  # as if no candidate had ever been asked for
    alone = files_of(tmp_path / "alone", "weights.safetensors")
    assert len(alone) == 2
    assert alone.items() <= files_of(tmp_path / "s", "weights.safetensors").items()


def write_mixed_set(root: Path) -> str:
    """Class folders of images of two large sizes: they are stored as squares of the side that networks need."""
    rng = np.random.default_rng(3)
    for name in ("ok", "bad"):
        (root / name).mkdir(parents=True)
        for i in range(8):
            pixels = rng.integers(0, 255, (9 + i % 2, 9, 3)).astype(np.uint8).repeat(24, 0).repeat(24, 1)
            Image.fromarray(pixels).save(root / name / f"{i}.png")
    return str(root)


def test_rows_of_a_run_take_the_clusters_that_its_sets_have_by_now() -> None:
    images = from_array(
        np.zeros((3, 3, 8, 8), np.uint8) + np.arange(3, dtype=np.uint8)[:, None, None, None], [0, 1, 0], ("a", "b")
    )
    joined = replace(images, clusters=np.array(["x", "x", "y"]))
    rows = pd.DataFrame(
        {"dataset": ["t"] * 6 + ["other"], "protocol": [*"kkklll", "k"], "item": [*images.ids, *images.ids, "i"]}
    )
    rows["cluster"] = rows["item"]
    found = predictions.with_present_clusters(rows, Splits(images, images, {"t": joined}, {}, ""))
    assert found.cluster.tolist() == ["x", "x", "y", "x", "x", "y", "i"]
    assert rows.cluster.tolist() == rows["item"].tolist()  # what was given stays


def test_missing_answers_are_judged_together_where_they_can_be() -> None:
    missing = [("a", "knn"), ("b", "knn"), ("b", "linear"), ("c", "tree"), ("b", "forest")]
    found = predictions.group_probes(missing)
    assert found == [(["a", "b"], ["knn"]), (["b"], ["linear", "forest"]), (["c"], ["tree"])]


def test_prices_are_changed_by_others_and_kept_where_none_are_named(tmp_path: Path) -> None:
    asked: dict[str, Any] = {"source": "surfaces", "prices": {"currency": "EUR", "label": 2.0}}
    known, plain = make_study(asked, "test"), make_study({"source": "surfaces", "seeds": 4}, "test")
    merge = merge_studies(known, plain, tmp_path)
    assert merge.extension == Extension({"seeds": 4}, {}, {"seeds": 3})
    assert merge.kept == ["--prices currency, label"]
    assert merge.study.prices == known.prices
    other = merge_studies(known, make_study(asked | {"prices": {"label_minutes": 1}}, "test"), tmp_path)
    assert other.study.prices == {"label_minutes": 1.0}
    assert extension_lines(Asked({}, (other.extension,))) == [
        "--prices label_minutes=1.0 (currency=EUR label=2.0 before)"
    ]
    assert merge_studies(other.study, other.study, tmp_path).is_new is False
