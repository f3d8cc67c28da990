"""What economics rest on: trainings from summaries, points from tables, and a whole study from images to its prices."""

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pictures import write_set
from studies import make_study

import kogen
from kogen.common.metric_facts import ACCURACY, MetricFacts
from kogen.reporting.study import page, verdict
from kogen.reporting.study.economics_evidence import busy_units, describe_training, list_points, mean_and_range
from kogen.reporting.study.runs import RunRecord, RunSummary, read_runs
from kogen.results.answers.amounts import Amount


def run(model: str, seed: int, plan: dict[str, Any] | None = None, **summary: Any) -> RunRecord:
    known = RunSummary(**({"status": "done", "kwh_assumes": "10 W x 2 threads"} | summary))
    return RunRecord(f"{model}{seed}", model, model, seed, Path(), {"device": "cpu"} | (plan or {}), known)


def test_a_training_is_the_mean_of_its_finished_runs() -> None:
    runs = [run("byol", 0, minutes=30.0, kwh=0.1), run("byol", 1, minutes=60.0, kwh=0.3)]
    runs.append(run("byol", 2, status="failed", minutes=0.0, kwh=0.0))
    found = describe_training("byol", runs)
    assert found.minutes == Amount(45, 30, 60)
    assert found.hours == Amount(1.5, 1.0, 2.0)  # of two threads
    assert found.kwh == Amount(pytest.approx(0.2), 0.1, 0.3)
    assert (found.trained, found.labelled, found.device) == (True, False, "cpu")
    assert not describe_training("random", [run("random", 0, minutes=0.0)]).trained
    assert describe_training("supervised", [run("supervised", 0, minutes=1.0)]).labelled


def test_what_a_run_does_not_say_is_not_known() -> None:
    older = describe_training("byol", [run("byol", 0, minutes=30.0, kwh_assumes=None)])
    assert (older.hours, older.minutes, older.kwh) == (None, Amount(30, 30, 30), None)
    assert busy_units("400 W x 4 GPUs") == 4
    assert busy_units("about 3 threads") is None
    assert mean_and_range([]) is None


def test_points_have_the_values_that_people_know() -> None:
    rows = [
        {"model": "x", "value": -0.2, "lo": -0.3, "hi": -0.1},
        {"model": "y", "value": -0.4, "lo": None, "hi": None},
    ]
    curves = [{"model": "x", "budget": "", "labels": 90.0, "value": 0.2, "gain": -0.2, "lo": 0.1, "hi": 0.3}]
    curves.append(curves[0] | {"budget": "10%", "labels": 9.0, "value": 0.5, "gain": -0.5, "lo": 0.4, "hi": 0.6})
    curves.append(curves[1] | {"model": "random tune:all"})  # of few labels: what its training took is not known
    loss = MetricFacts("log_loss", unit="nats", higher_is_better=False)
    found = list(list_points({"values": pd.DataFrame(rows), "labels": pd.DataFrame(curves)}, loss, 90.0))
    assert [(one.model, one.budget, one.labels) for one in found] == [("x", "", 90), ("y", "", 90), ("x", "10%", 9)]
    assert found[0].quality == Amount(0.2, 0.1, 0.3)
    assert found[1].quality == Amount(0.4, None, None)
    assert found[2].quality == Amount(0.5, 0.4, 0.6)
    assert found[0].gain > found[2].gain > -1
    assert ACCURACY.sign == 1


def test_a_study_of_an_older_version_is_judged_and_its_page_says_what_is_absent(tmp_path: Path) -> None:
    study = make_study(tmp_path / "study", n=60, seeds=1)
    judged = verdict.build(study, margin=1.0)
    assert judged.running == {}
    assert judged.economics is not None
    assert judged.economics.axes == ["labels", "minutes"]
    assert judged.break_even is not None
    assert judged.break_even.reason == "no_budgets"
    page.write(study)
    text = (study / "report.html").read_text()
    assert "What models cost to run is not shown: nothing was measured" in text
    assert 'id="ask-costs"' not in text
    (study / "data.json").unlink()
    assert verdict.build(study, margin=1.0).economics is None  # nobody says how many labels there are
    assert page.write(study, lang="ja").exists()


QUICK: dict[str, Any] = {"epochs": 1, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 16, "precision": "32"}


@pytest.fixture(scope="module")
def priced(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole study of two methods and two budgets, from images, with prices."""
    root = tmp_path_factory.mktemp("priced")
    train, test = (write_set(root / name, n, seed) for seed, (name, n) in enumerate((("a", 24), ("b", 16))))
    prices = {"currency": "EUR", "label": 0.5, "cpu_hour": 2.0, "images_a_day": 100, "months": 6}
    asked: dict[str, Any] = {"methods": ("byol", "random"), "probes": ("linear",), "shots": (2,), "draws": 2}
    kogen.pilot(train, test=test, out=root / "study", seeds=2, prices=prices, **asked, **QUICK)
    return root / "study"


def test_from_images_to_a_bill(priced: Path) -> None:
    found = json.loads((priced / "verdict.json").read_text())
    assert set(found["running"]) == {"byol", "random"}
    assert found["running"]["byol"] == found["running"]["random"]
    economics = found["economics"]
    assert economics["counted"] == ["labels", "training", "running"]
    bills = {(one["model"], one["budget"]): one for one in economics["bills"]}
    assert set(bills) == {(model, budget) for model in ("byol", "random") for budget in ("", "2 shots")}
    labels = json.loads((priced / "data.json").read_text())["sets"][0]["labelled"]
    bill = bills["byol", ""]
    assert bill["parts"]["labels"]["value"] == labels / 2
    minutes = [one.summary.minutes or 0.0 for one in read_runs(priced) if one.model == "byol"]
    threads = found["running"]["byol"]["threads"]
    assert bill["parts"]["training"]["value"] == pytest.approx(sum(minutes) / 2 / 60 * threads * 2.0)
    assert bill["parts"]["training"]["hi"] == pytest.approx(max(minutes) / 60 * threads * 2.0)
    one = found["running"]["byol"]["timings"][0]
    assert bill["parts"]["running"]["value"] == pytest.approx(one["ms"] / 3.6e6 * threads * 2.0 * 100 * 30.4 * 6)
    assert bill["total"]["value"] == pytest.approx(sum(bill["parts"][name]["value"] for name in economics["counted"]))
    text = (priced / "report.html").read_text()
    assert "What does it cost, and what does it return?" in text
    assert "What running a network costs" in text


def test_other_prices_are_tried_at_the_report_and_the_audit_knows_them(priced: Path) -> None:
    assert kogen.audit(priced)["passed"]
    other = {"currency": "USD", "label": 2, "miss": 1, "false_alarm": 1, "images_a_day": 0}
    found = kogen.report(priced, prices=other, lang="ja")
    assert found["economics"]["currency"] == "USD"
    assert found["economics"]["counted"] == ["labels", "running", "errors"]  # no images a day cost nothing
    assert "費用と効果" in (priced / "report.html").read_text()
    audited = kogen.audit(priced)
    assert audited["passed"]
    assert [one["key"] for one in audited["notes"]] == ["audit_prices"]
    assert any("--prices currency=USD" in line and "--prices label=2.0" in line for line in audited["commands"])
    assert kogen.report(priced)["economics"]["currency"] == "EUR"  # the study's own again
    with pytest.raises(ValueError, match=r"report: prices\.label = -1: wanted 0 or more"):
        kogen.report(priced, prices={"label": -1})


def test_prices_added_to_a_finished_study_train_nothing(priced: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from kogen.training import loop

    monkeypatch.setattr(loop, "pretrain", None)  # would fail
    root = priced.parent
    asked: dict[str, Any] = {"methods": ("byol", "random"), "probes": ("linear",), "shots": (2,), "draws": 2}
    known = {"currency": "EUR", "label": 3}
    found = kogen.pilot(root / "a", test=root / "b", out=priced, seeds=2, prices=known, costs="none", **asked, **QUICK)
    assert found["economics"]["prices"] == known
    said = json.loads((priced / "asked.json").read_text())["extensions"][-1]
    assert said["changed"] == {"costs": "none", "prices": known}
    assert kogen.report(priced)["economics"]["prices"] == known


def test_runs_that_are_judged_elsewhere_are_measured_and_priced_there(priced: Path, tmp_path: Path) -> None:
    runs = sorted(priced.glob("runs/*"))
    root, out = priced.parent, tmp_path / "elsewhere"
    asked: dict[str, Any] = {"train": root / "a", "tests": {"test": root / "b"}, "probes": ("linear",)}
    found = kogen.evaluate(runs, out=out, prices={"currency": "EUR", "label": 2}, **asked)
    assert set(found["running"]) == {"byol", "random"}
    assert found["break_even"]["reason"] == "no_budgets"
    assert kogen.report(out)["economics"]["prices"] == {"currency": "EUR", "label": 2.0}
    assert kogen.audit(out)["passed"]
    with pytest.raises(ValueError, match=r"\[prices\]: currency is missing"):
        kogen.evaluate(runs, out=tmp_path / "other", prices={"label": 2}, **asked)
    assert not (tmp_path / "other").exists()
