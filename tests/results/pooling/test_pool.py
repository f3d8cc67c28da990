"""Pools: a hand computation, studies of one study and of the same data, and the honest "cannot tell"."""

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t as student
from site_bundles import write_bundle
from studies import make_study

import kogen
from kogen.results.sharing.bundle_format import PREDICTIONS
from kogen.results.sharing.read_bundle import read_bundle
from kogen.results.sharing.share import share_study

FAR = {"byol": 0.85, "simclr": 0.60, "random": 0.45}
NEAR = {"byol": 0.70, "simclr": 0.70, "random": 0.69}


def sites(folder: Path, models: dict[str, float], count: int, **known) -> list[Path]:
    return [write_bundle(folder / f"site{i}.zip", models, seed=i, n=180 + 20 * i, **known) for i in range(count)]


def test_a_pool_is_what_a_hand_computes(tmp_path: Path):
    bundles = sites(tmp_path, {"byol": 0.7, "simclr": 0.62}, 4, spread=0.08)
    found = kogen.pool(bundles, out=tmp_path / "pool")
    effects, variances = [], []
    for path in bundles:
        rows = read_bundle(path).tables[PREDICTIONS].to_pandas()
        wide = rows.pivot(index="item", columns="model", values="correct")
        b, c = ((wide["byol"] > wide["simclr"]).sum(), (wide["byol"] < wide["simclr"]).sum())
        n = len(wide)
        effects.append(100 * (b - c) / n)
        middle = (b - c) / (n + 2)  # Bonett and Price, equation 4
        variances.append(1e4 * ((b + c + 2) / (n + 2) - middle**2) / (n + 2))
    effects, variances = np.array(effects), np.array(variances)
    grid = np.linspace(0, 400, 400_001)
    weight = 1 / (variances[:, None] + grid)
    mean = (weight * effects[:, None]).sum(0) / weight.sum(0)
    q = (weight * (effects[:, None] - mean) ** 2).sum(0)
    at = int(np.argmax(q <= 3))
    (pair,) = found["pairs"]
    sign = 1 if mean[at] > 0 else -1
    assert pair["mean"] == pytest.approx(sign * mean[at], abs=1e-3)
    assert pair["tau"] ** 2 == pytest.approx(grid[at], abs=2e-3)
    error = np.sqrt(max(1, q[at] / 3) / weight[:, at].sum())
    assert pair["hi"] - pair["mean"] == pytest.approx(student.isf(0.025, 3) * error, rel=1e-4)
    assert pair["next_lo"] < pair["lo"] < pair["hi"] < pair["next_hi"]
    assert pair["ahead_at"] == int((sign * effects > 0).sum())
    assert json.loads((tmp_path / "pool" / "pool.json").read_text())["pairs"] == found["pairs"]


def test_a_lead_that_is_there_everywhere_is_found(tmp_path: Path):
    found = kogen.pool(sites(tmp_path, FAR, 5, seeds=2, luck=0.01), out=tmp_path / "pool")
    assert found["leader"] == "byol"
    assert found["proven"]
    assert "Over 5 sites, byol is better than each other method." in found["words"]
    assert found["lottery"]["held"] == 1
    assert found["bets"][0]["model"] == found["bets"][-1]["model"] == "byol"
    assert all(pair["next_lo"] > 0 for pair in found["pairs"] if pair["first"] == "byol")
    page = (tmp_path / "pool" / "report.html").read_text(encoding="utf-8")
    assert "byol is better than each other method" in page
    assert found.figure("forest")
    assert set(found.to_pandas()["site"]) == {f"site{i}" for i in range(5)}


def test_methods_that_do_not_differ_are_not_told_apart(tmp_path: Path):
    found = kogen.pool(sites(tmp_path, NEAR, 4, seeds=2, luck=0.02, spread=0.02), out=tmp_path / "pool")
    assert not found["proven"]
    assert found["generalises"]
    assert "nothing tells it from" in found["words"][0]
    assert {pair["verdict"] for pair in found["pairs"]} == {"undecided"}


@pytest.mark.parametrize(
    ("count", "said"), [(1, "One site says nothing of others"), (2, "2 sites say nothing of others")]
)
def test_few_sites_say_nothing_of_others(count: int, said: str, tmp_path: Path):
    found = kogen.pool(sites(tmp_path, FAR, count), out=tmp_path / "pool")
    assert not found["generalises"]
    assert not found["pairs"]
    assert found["words"][0].startswith(said)


def test_two_bundles_of_one_study_are_refused(tmp_path: Path):
    study = make_study(tmp_path / "s", {"byol": 0.8, "random": -0.6}, {"a": "reference"}, n=60, seeds=1, epochs=2)
    for run in study.glob("runs/*"):
        rows = pd.read_parquet(run / PREDICTIONS)
        rows["score"] = np.random.default_rng(len(rows)).uniform(size=len(rows)).astype(np.float32)
        from kogen.common.tables import write_table

        write_table(run / PREDICTIONS, rows, "predictions")
    from kogen.results.gather import gather_predictions

    gather_predictions(study)
    for name in ("a", "b"):
        share_study(study, tmp_path / f"{name}.zip")
    with pytest.raises(ValueError, match=r"hold the same trained runs .* they are of one study, or share its runs"):
        kogen.pool([tmp_path / "a.zip", tmp_path / "b.zip"], out=tmp_path / "pool")
    (tmp_path / "c.zip").write_bytes((tmp_path / "a.zip").read_bytes())
    with pytest.raises(ValueError, match=r"a.zip and .*c.zip are the same bundle: give each once"):
        kogen.pool([tmp_path / "a.zip", tmp_path / "c.zip"], out=tmp_path / "pool")


def test_two_studies_of_the_same_data_are_one_site_unless_said_otherwise(tmp_path: Path):
    bundles = sites(tmp_path, FAR, 3)
    bundles.append(write_bundle(tmp_path / "again.zip", FAR, seed=50, data=2, n=220))  # the numbers of site2
    found = kogen.pool(bundles, out=tmp_path / "pool")
    assert [site["name"] for site in found["sites"]] == ["site0", "site1", "site2 + again"]
    assert any("count as one site" in words for words in found["words"])
    apart = kogen.pool(bundles, out=tmp_path / "apart", apart=True)
    assert len(apart["sites"]) == 4
    one = pd.read_parquet(tmp_path / "pool" / "effects.parquet")
    two = pd.read_parquet(tmp_path / "apart" / "effects.parquet")
    joined = one[one["site"] == "site2 + again"].reset_index(drop=True)
    each = [two[two["site"] == name].reset_index(drop=True) for name in ("site2", "again")]
    np.testing.assert_allclose(joined["difference"], (each[0]["difference"] + each[1]["difference"]) / 2)
    np.testing.assert_allclose(joined["error"], np.maximum(each[0]["error"], each[1]["error"]))


def test_what_is_not_comparable_is_refused_or_said(tmp_path: Path):
    one, two = sites(tmp_path, FAR, 2)
    other = write_bundle(tmp_path / "knn.zip", FAR, seed=7, probes=("knn",))
    with pytest.raises(ValueError, match=r"no probe judges all studies \(site0: linear; knn: knn\)"):
        kogen.pool([one, other], out=tmp_path / "pool")
    with pytest.raises(ValueError, match=r"site0.zip was not judged by knn: all have linear"):
        kogen.pool([one, two], protocol="knn", out=tmp_path / "pool")
    both = write_bundle(tmp_path / "both.zip", FAR, seed=8, probes=("knn", "linear"), epochs=20)
    found = kogen.pool([one, two, both], out=tmp_path / "pool")
    assert found["protocol"] == "linear"
    assert any("Not every team decides by the same probe" in words for words in found["words"])
    assert any(words.startswith("Not the same at all sites:") and "epochs" in words for words in found["words"])
    balanced = write_bundle(tmp_path / "balanced.zip", FAR, seed=9, metric="balanced_accuracy")
    with pytest.raises(ValueError, match=r"different metrics: accuracy \(site0\), balanced_accuracy \(balanced\)"):
        kogen.pool([one, balanced], out=tmp_path / "pool")
    assert kogen.pool([one, balanced], metric="accuracy", out=tmp_path / "pool")["metric"]["name"] == "accuracy"
    own = write_bundle(tmp_path / "own.zip", FAR, seed=10, metric="own")
    with pytest.raises(ValueError, match=r"own.zip decides by a metric of its own"):
        kogen.pool([one, own], out=tmp_path / "pool")
    anomaly = write_bundle(tmp_path / "anomaly.zip", FAR, seed=11, task="anomaly")
    with pytest.raises(ValueError, match=r"is of the task classify, .*anomaly.zip of anomaly"):
        kogen.pool([one, anomaly], out=tmp_path / "pool")


def test_a_coded_model_is_no_method_of_others(tmp_path: Path):
    bundles = [write_bundle(tmp_path / f"s{i}.zip", FAR | {"model A": 0.95}, seed=i, n=180 + i) for i in range(3)]
    bundles = [with_own_method(path) for path in bundles]
    found = kogen.pool(bundles, out=tmp_path / "pool")
    assert found["leader"] == "byol"
    assert all("model A" not in (pair["first"], pair["second"]) for pair in found["pairs"])
    assert any("s0: 1 models that only this team knows are not pooled." in words for words in found["words"])


def with_own_method(path: Path) -> Path:
    """The bundle as it is: its method is called as its model is, which a real one calls `own`."""
    from zipfile import ZipFile

    import pyarrow as pa
    import pyarrow.parquet as pq

    from kogen.results.sharing.bundle_file import table_bytes, zip_bytes
    from kogen.results.sharing.bundle_format import RUNS

    with ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    for name in (PREDICTIONS, RUNS):
        table = pq.read_table(pa.BufferReader(files[name]))
        methods = ["own" if one == "model A" else one for one in table["method"].to_pylist()]
        files[name] = table_bytes(table.set_column(table.column_names.index("method"), "method", [methods]))
    path.write_bytes(zip_bytes(files))
    return path


def test_the_page_of_a_hostile_name_shows_it_and_runs_nothing(tmp_path: Path):
    bundles = sites(tmp_path, FAR, 3)
    evil = bundles[0].rename(tmp_path / "<img src=x onerror=alert(1)>.zip")
    kogen.pool([evil, *bundles[1:]], out=tmp_path / "pool", lang="ja")
    page = (tmp_path / "pool" / "report.html").read_text(encoding="utf-8")
    assert "<img src=x" not in page
