"""The first question: a refused one makes way for the corrected one; what somebody wrote by hand, or ran, stays."""

import json
from pathlib import Path
from typing import Any

import pytest
from pictures import write_set

import kogen
from kogen.common.files import read_toml
from kogen.config.study import make_study, read_study, study_to_toml
from kogen.results.asked import may_be_replaced, read_asked
from kogen.study import study_runs
from kogen.study.first_question import write_question

ASKED: dict[str, Any] = {
    "epochs": 1, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 16, "precision": "32", "seeds": 1,
    "methods": ("random",), "probes": ("knn",), "costs": "none",
}  # fmt: skip


@pytest.fixture(scope="module")
def sets(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    root = tmp_path_factory.mktemp("sets")
    return {name: write_set(root / name, n, seed) for seed, (name, n) in enumerate((("a", 12), ("b", 6)))}


@pytest.mark.parametrize(
    ("wrong", "right", "message"),
    [
        ({"budgets": ("1%",)}, {"budgets": ("50%",)}, "ask for .*% or more, or for --shots"),
        ({"test": "nowhere.csv"}, {}, "nowhere.csv|do not exist"),
        (
            {"methods": ("byol", "random"), "pools": ("50%",)},
            {"methods": ("byol", "random"), "pools": ("50%",), "batch_size": 8},
            "ask for .*% or more, or for --batch-size 8",
        ),
    ],
)
def test_a_corrected_command_runs_where_the_first_was_refused(
    sets: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    wrong: dict[str, Any], right: dict[str, Any], message: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    Path("nowhere.csv").write_text("path,label\nx/1.png,ok\nx/2.png,bad\n")
    asked: dict[str, Any] = ASKED | {"test": sets["b"]}
    with pytest.raises(ValueError, match=message):
        kogen.pilot(sets["a"], out=tmp_path / "study", **asked | wrong)
    assert may_be_replaced(tmp_path / "study")
    kogen.estimate(sets["a"], out=tmp_path / "study", **asked | right)  # counts the question that is asked now
    kogen.pilot(sets["a"], out=tmp_path / "study", **asked | right)
    assert "nothing was prepared for the question of" in capsys.readouterr().err
    found = read_asked(tmp_path / "study")
    assert not found.extensions
    assert make_study(found.first, "") == make_study({"source": sets["a"], **asked, **right}, "")
    assert not may_be_replaced(tmp_path / "study")


def test_a_corrected_file_takes_the_place_of_the_copy_of_the_refused_one(sets: dict[str, str], tmp_path: Path) -> None:
    mine = tmp_path / "mine.toml"
    study = make_study({"source": sets["a"], "test": sets["b"], **ASKED, "budgets": ("1%",)}, "")
    mine.write_text(study_to_toml(study))
    with pytest.raises(ValueError, match="or for --shots"):
        kogen.pilot(mine, out=tmp_path / "study")
    mine.write_text("# corrected\n" + study_to_toml(study.model_copy(update={"budgets": ("50%",)})))
    kogen.pilot(mine, out=tmp_path / "study")
    assert (tmp_path / "study" / "study.toml").read_text() == mine.read_text()


def test_a_question_that_somebody_wrote_in_the_folder_stays(sets: dict[str, str], tmp_path: Path) -> None:
    out = tmp_path / "study"
    asked: dict[str, Any] = {"test": sets["b"], **ASKED}
    wrong = make_study({"source": sets["a"], **asked, "budgets": ("1%",)}, "")
    out.mkdir()
    (out / "study.toml").write_text(text := "# pre-registered\n" + study_to_toml(wrong))
    with pytest.raises(ValueError, match="or for --shots"):
        kogen.pilot(out / "study.toml", out=out)
    changes: list[dict[str, Any]] = [{"epochs": 2}, {"budgets": ("50%",)}]
    for more in changes:
        with pytest.raises(ValueError, match=r"asks another question than this command|or for --shots"):
            kogen.pilot(sets["a"], out=out, **asked | more)
    assert (out / "study.toml").read_text() == text


def test_one_that_was_edited_or_prepared_or_is_not_known_as_kogens_own_stays(tmp_path: Path) -> None:
    study = make_study({"source": "imgs", **ASKED}, "")
    other, place = study.model_copy(update={"epochs": 2}), tmp_path / "study.toml"
    write_question(tmp_path, study, "imgs")
    write_question(tmp_path, other, "imgs")
    assert read_study(place) == other
    record = json.loads((tmp_path / "asked.json").read_text())
    assert record["written"] is True
    text = place.read_text()
    place.write_text(f"# mine\n{text}")
    write_question(tmp_path, study, "imgs")
    assert read_study(place) == other
    place.write_text(text)
    write_question(tmp_path, study, "imgs")  # by now it is known as one that was edited
    assert read_study(place) == other
    (tmp_path / "asked.json").unlink()
    place.unlink()
    write_question(tmp_path, study, "imgs")
    (tmp_path / "data.json").write_text("{}")
    write_question(tmp_path, other, "imgs")
    assert read_study(place) == study
    (tmp_path / "data.json").unlink()
    (tmp_path / "runs" / "x").mkdir(parents=True)
    write_question(tmp_path, other, "imgs")
    assert read_study(place) == study


def test_a_job_that_opened_a_question_which_was_replaced_reads_it_again(
    sets: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "study"
    asked: dict[str, Any] = {"test": sets["b"], **ASKED}
    open_sets, calls = study_runs.open_study_splits, []

    def replace_first(*given: Any) -> Any:
        calls.append(given)
        if len(calls) == 1:  # another job asks for more before this one has prepared anything
            write_question(out, make_study({"source": sets["a"], **asked, "seeds": 2}, ""), sets["a"])
        return open_sets(*given)

    monkeypatch.setattr(study_runs, "open_study_splits", replace_first)
    kogen.pilot(sets["a"], out=out, **asked)
    assert len(calls) == 2
    assert read_toml(out / "study.toml")["seeds"] == len(list(out.glob("runs/*/predictions.parquet"))) == 2
