"""The gallery: small pictures, within a limit, none of a private study, and no file of the user is touched."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

import kogen
from kogen.common.files import write_json
from kogen.common.registry import names
from kogen.results.answers.hard_images import picture_name
from kogen.study import gallery
from kogen.study.gallery import read_thumbnail, write_gallery


def study(folder: Path, count: int = 3) -> list[dict[str, Any]]:
    """A study whose set `val` has so many images below folder/images, and the rows of its hard images."""
    (folder / "images").mkdir()
    rng, rows = np.random.default_rng(0), []
    for n in range(count):
        Image.fromarray(rng.integers(0, 255, (300, 200, 3), dtype=np.uint8)).save(folder / "images" / f"{n}.png")
        rows.append({"dataset": "val", "item": f"id{n}", "path": f"{n}.png", "kind": "nobody"})
    (folder / "study").mkdir()
    sets = [{"name": "train", "root": ""}, {"name": "val", "root": str(folder / "images")}]
    write_json(folder / "study" / "data.json", {"sets": sets})
    return rows


def pictures(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "study" / "gallery").glob("*"))


def test_pictures_are_small_and_lost_ones_are_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = study(tmp_path)
    write_gallery(tmp_path / "study", rows, private=False)
    assert pictures(tmp_path) == ["id0.jpg", "id1.jpg", "id2.jpg"]
    with Image.open(tmp_path / "study" / "gallery" / "id0.jpg") as picture:
        assert picture.format == "JPEG"
        assert max(picture.size) == 112
    (tmp_path / "images" / "1.png").unlink()
    write_gallery(tmp_path / "study", rows[1:], private=False)  # it is there already, and id0 is not hard any more
    assert pictures(tmp_path) == ["id1.jpg", "id2.jpg"]
    assert "cannot be read" not in capsys.readouterr().err
    (tmp_path / "study" / "gallery" / "id1.jpg").unlink()
    write_gallery(tmp_path / "study", rows, private=False)
    assert pictures(tmp_path) == ["id0.jpg", "id2.jpg"]
    said = capsys.readouterr()
    assert "1 of 3 hard images cannot be read" in " ".join((said.out + said.err).split())


def test_a_private_study_has_none(tmp_path: Path) -> None:
    rows = study(tmp_path)
    write_gallery(tmp_path / "study", rows, private=True)
    assert not (tmp_path / "study" / "gallery").exists()
    write_gallery(tmp_path / "study", rows, private=False)
    write_gallery(tmp_path / "study", rows, private=True)
    assert pictures(tmp_path) == []


def test_all_together_stay_below_the_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = study(tmp_path)
    size = len(read_thumbnail(tmp_path / "images" / "0.png") or b"")
    assert 1_000 < size < 12_000
    monkeypatch.setattr(gallery, "MAX_BYTES", 2 * size + 1000)
    write_gallery(tmp_path / "study", rows, private=False)
    assert len(pictures(tmp_path)) == 2
    assert gallery.MAX_PIXELS >= 10**8


def test_images_without_a_path_or_a_root_have_none(tmp_path: Path) -> None:
    rows = study(tmp_path, 1)
    write_gallery(tmp_path / "study", [rows[0] | {"path": None}, rows[0] | {"dataset": "train"}], private=False)
    assert not (tmp_path / "study" / "gallery").exists()


def test_deep_and_gray_images_are_pictures_too(tmp_path: Path) -> None:
    deep = np.linspace(0, 65535, 64 * 48).reshape(64, 48).astype(np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    found = read_thumbnail(tmp_path / "deep.png")
    assert found is not None
    with Image.open(io.BytesIO(found)) as picture:
        assert np.asarray(picture).min() < 8
        assert np.asarray(picture).max() > 247
    (tmp_path / "text.png").write_text("no image")
    assert read_thumbnail(tmp_path / "text.png") is None
    assert read_thumbnail(tmp_path / "absent.png") is None
    assert picture_name("ab#2") == "ab-2.jpg"
    assert gallery.MAX_BYTES == 300_000


def test_a_study_knows_paths_groups_and_probabilities_and_a_private_one_tells_no_path(tmp_path: Path) -> None:
    rng, lines = np.random.default_rng(0), ["path,label,group,split"]
    (tmp_path / "imgs").mkdir()
    for n in range(96):
        bad = n % 3 == 0
        pixels = rng.integers(0, 255, (16, 16, 3), dtype=np.uint8) // (1 if bad else 2)
        Image.fromarray(pixels).save(tmp_path / "imgs" / f"{n}.png")
        split = "train" if n < 48 else "test"
        lines.append(f"imgs/{n}.png,{'bad' if bad else 'good'},line {n % 2},{split}")
    (tmp_path / "imgs" / "0.png").write_bytes(b"no image")
    (tmp_path / "imgs" / "96.png").write_bytes((tmp_path / "imgs" / "2.png").read_bytes())
    lines.append("imgs/96.png,bad,line 0,train")  # the same image with two labels, which a note says by name
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    source = str(tmp_path / "labels.csv")
    asked: dict[str, Any] = {"methods": ("random",), "seeds": 1, "epochs": 1, "image_size": 16}
    asked |= {"probes": ("knn",), "metric": "auroc"}
    found = kogen.pilot(source, out=tmp_path / "open", **asked)
    rows = pd.read_parquet(tmp_path / "open" / "predictions.parquet")
    assert set(rows["path"]) == {f"imgs/{n}.png" for n in range(48, 96)}
    assert set(rows["group"]) == {"line 0", "line 1"}
    chance = np.stack(rows["probabilities"])
    assert chance.sum(axis=1) == pytest.approx(1, abs=1e-5)
    column = (rows["label"] == "good").astype(int).to_numpy()
    assert chance[np.arange(48), column] == pytest.approx(rows["score"].to_numpy(), abs=1e-6)
    assert np.stack(rows["false_alarm"]).shape == (48, 2)
    assert found["metric"]["name"] == "auroc"
    assert found["metric"]["positive"] == "bad"
    every = pd.read_parquet(tmp_path / "open" / "metrics.parquet")
    assert set(every["metric"]) == set(names("metrics"))
    assert every.set_index("metric").loc["recall_at_false_alarm", "value"] >= 0
    by_group = [row["name"] for row in found["recall"] if row["by"] == "group"]
    assert by_group == ["line 0", "line 1"]
    assert len(pictures_in(tmp_path / "open")) == len({row["item"] for row in found["hard"]}) > 0
    kogen.pilot(source, out=tmp_path / "private", private=True, **asked)
    assert str(tmp_path) in (tmp_path / "open" / "report.html").read_text()
    assert str(tmp_path) not in (tmp_path / "private" / "report.html").read_text()
    rows = pd.read_parquet(tmp_path / "private" / "predictions.parquet")
    assert rows["path"].isna().all()
    assert not (tmp_path / "private" / "gallery").exists()
    assert (tmp_path / "open" / "views.png").exists()
    assert not (tmp_path / "private" / "views.png").exists()
    for name, told in (("open", True), ("private", False)):
        for file in ("data.json", "report.html", "verdict.json"):
            assert ("imgs/" in (tmp_path / name / file).read_text()) == told
        assert (
            "images that stand there more than once with different labels: 1,"
            in (tmp_path / name / "data.json").read_text()
        )
        assert json.loads((tmp_path / name / "data.json").read_text())["sets"][0]["bad_count"] == 1
    assert (tmp_path / "open" / "runs").iterdir().__next__().name in {
        place.name for place in (tmp_path / "private" / "runs").iterdir()
    }  # neither the metric nor privacy changes a run
    again = kogen.report(tmp_path / "open", metric="balanced_accuracy")
    assert (again["metric"]["name"], again["metric"]["reason"]) == ("balanced_accuracy", "asked")


def pictures_in(folder: Path) -> list[str]:
    return sorted(path.name for path in (folder / "gallery").glob("*.jpg"))


def test_a_judged_folder_neither_becomes_private_nor_stops_being_so(tmp_path: Path) -> None:
    source = "surfaces?n=40&size=16"
    kogen.pretrain(source, method="random", image_size=16, backbone="tiny?width=8", out=tmp_path / "run")
    asked: dict[str, Any] = {"train": source, "tests": {"val": f"{source}&split=test"}, "probes": ("knn",)}
    for private, message in (
        (False, "was judged with the paths of images, and is asked with --private here: choose another --out"),
        (True, r"was judged without the paths of images \(--private\), and is asked without --private here"),
    ):
        out = tmp_path / f"judged-{private}"
        kogen.evaluate(tmp_path / "run", out=out, private=private, **asked)
        with pytest.raises(ValueError, match=message):
            kogen.evaluate(tmp_path / "run", out=out, private=not private, **asked)
        kogen.evaluate(tmp_path / "run", out=out, private=private, **asked)
