"""The lottery's verb: a pilot's table and scores alone in, tables and summary out, the same whatever the order."""

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import norm
from small import SHARED

from kogen import cli
from kogen.common.contracts import to_plain
from kogen.options import forms
from kogen.options.lottery import LotteryOptions
from kogen.options.model import validate
from kogen.reporting.lottery import page
from kogen.results.judge import (
    add_reported_ends,
    count_steps,
    judge_results,
    judge_tables,
    refuse_bad_counterpart,
    rows_of,
    tables_from_items,
    values_as_scores,
    without_shift,
)
from kogen.results.results import read_results

TABLES = ("values", "pairs", "ranks", "transfer", "agreement", "unified", "robustness", "left_out", "cochran")
WANTED = {
    "values": "model dataset n value lo hi seed_sd",
    "pairs": "dataset first second n b c difference lo hi p verdict lottery minimum_detectable",
    "ranks": "dataset model p_best expected_rank rank_lo rank_hi top",
    "transfer": "source target gap pairs win tie flip transfer lo hi noise_floor excess_flip mean_regret",
    "agreement": "source target subset n tau lo hi",
    "unified": "model metric value rank",
    "robustness": "model source target expected observed effective",
    "left_out": "rule left_out model equals regret worst lo hi share_best",
    "cochran": "dataset models n q df p method refused",
}
TIMM = SHARED / "timm"


def lottery(table: Any, out: Path | None = None, **asked: Any) -> dict[str, Any]:
    """The table judged with these options, as plain data."""
    return to_plain(judge_results(table, validate(LotteryOptions, asked, "lottery"), out)[0])


def images(k: int = 3, sets: tuple[str, ...] = ("val", "shift"), n: int = 60, seeds: int = 1) -> pd.DataFrame:
    rng = np.random.default_rng([k, n, seeds])
    frames = []
    for place, name in enumerate(sets):
        hard = rng.normal(size=n)
        for model in range(k):
            for seed in range(seeds):
                right = norm.ppf(0.85 - 0.06 * model - 0.1 * place) * 1.5 > hard + rng.normal(size=n) * 0.7
                frame = {"model": f"m{model}", "dataset": name, "seed": seed, "item": [f"{name}{i}" for i in range(n)]}
                frames.append(pd.DataFrame(frame | {"correct": right.astype(int)}))
    return pd.concat(frames, ignore_index=True)


def published(k: int = 12, sets: int = 3) -> pd.DataFrame:
    rng = np.random.default_rng([k, sets])
    level = rng.normal(75, 4, k)
    columns = {"val": np.round(level, 2)}
    columns |= {f"t{i}": np.round(level - 8 + rng.normal(0, 2, k), 2) for i in range(1, sets)}
    return pd.DataFrame({"model": [f"m{i:02d}" for i in range(k)], **columns})


def test_rows_of_images_give_every_table(tmp_path: Path) -> None:
    found = lottery(images(seeds=2), reference="val", margin=2.0, out=tmp_path, csv=True, draws=200)
    for name in TABLES:
        table = pd.read_parquet(tmp_path / f"{name}.parquet")
        assert set(WANTED[name].split()) <= set(table.columns)
        assert len(table) == len(pd.read_csv(tmp_path / f"{name}.csv"))
        assert len(table) or name == "left_out"  # of two sets none is left out
    spreadsheet = pd.read_csv(tmp_path / "pairs.csv")  # whose reader has no docstring: p asks about these networks
    assert "p_same_networks" in spreadsheet
    assert "p" not in spreadsheet
    assert "p" in pd.read_parquet(tmp_path / "pairs.parquet")
    assert json.loads((tmp_path / "verdict.json").read_text())["lottery"] == found
    assert found["kind"] == "predictions"
    assert found["lead"]["model"] == found["leaders"]["val"]
    assert found["real"]["first"] == found["lead"]["model"]
    assert found["unified"]["combined"][0]["first"] == found["unified"]["winners"]["weighted_difference"][0]
    assert found["transfer"]["shift"]["at_margin"]["gap"] == 2.0
    assert {pick["pick"] for pick in found["bet"]["picks"]} == {"expected", "regret", "near"}
    assert set(found["refused"]) == {"friedman", "wilcoxon", "left_out"}
    assert "leaving a set out wants 3 sets or more with a weight, there are 2" in found["refused"]["left_out"]


def test_scores_alone_say_what_can_be_said_and_refuse_the_rest_by_name(tmp_path: Path) -> None:
    found = lottery(published(), reference="val", out=tmp_path)
    assert set(found["refused"]) >= {"pairs", "ranks", "combined", "noise_floor", "near_best"}
    assert found["real"] is None
    assert found["unified"]["combined"] is None
    for name in TABLES:
        table = pd.read_parquet(tmp_path / f"{name}.parquet")
        assert set(WANTED[name].split()) <= set(table.columns)
        assert (len(table) == 0) == (name in ("pairs", "ranks", "cochran"))
    known = lottery(published(), reference="val", n={"val": 5000, "t1": 5000, "t2": 5000})
    assert "noise_floor" not in known["refused"]
    assert known["transfer"]["t1"]["all"]["noise_floor"] is not None
    assert known["bet"]["decides"]["images"] > 0


def test_tables_that_are_ready_are_not_made_again(monkeypatch: pytest.MonkeyPatch) -> None:
    table, options = images(), LotteryOptions(reference="val", draws=60)
    results = read_results(table, options)
    assert results.predictions is not None
    made = tables_from_items(results.predictions, options)
    whole = judge_results(table, options)
    monkeypatch.setattr(sys.modules["kogen.results.judge"], "tables_from_items", lambda *_: pytest.fail("made again"))
    assert judge_tables(results, made, options) == whole
    assert set(made) == {"values", "pairs", "ranks", "needed"}  # the caller's tables stay as they were


@pytest.mark.parametrize("old", ["[]", "{", '{"bet": "byol"}', "\0\0\0"])
def test_an_old_verdict_never_blocks_and_is_written_anew(tmp_path: Path, old: str) -> None:
    (tmp_path / "verdict.json").write_text(old)
    summary, judgement = judge_results(published(), LotteryOptions(reference="val"), tmp_path)
    written = json.loads((tmp_path / "verdict.json").read_text())
    assert written == {"lottery": to_plain(summary), "judgement": to_plain(judgement)}


def test_one_model_and_one_set_are_judged_as_far_as_they_go() -> None:
    alone = lottery(images(k=1), reference="val", draws=50)
    assert alone["lead"] == {"model": "m0", "runner_up": None, "gap": None}
    assert alone["real"] is None
    assert alone["transfer"]["shift"]["all"]["pairs"] == 0
    assert alone["bet"]["model"] == "m0"
    assert alone["bet"]["decides"] is None
    single = lottery(images(sets=("val",)), draws=50)
    assert single["targets"] == []
    assert "second data set" in single["refused"]["transfer"]
    assert lottery(published(k=1, sets=2), reference="val")["models"] == 1


def test_all_ties_bet_on_nobody_falsely() -> None:
    table = images(k=2)
    same = table[table.model == "m0"]
    found = lottery(pd.concat([same, same.assign(model="m1")]), reference="val", draws=100)
    assert found["real"]["verdict"] in ("undecided", "equivalent")
    assert found["transfer"]["shift"]["all"]["transfer"] is None
    assert not found["unified"]["winner_changes"]
    assert found["bet"]["decides"]["images"] is None


def test_missing_cells_are_null_and_counted() -> None:
    table = published()
    table.loc[0, "t1"] = np.nan
    found = lottery(table, reference="val")
    assert found["missing"] == {"cells": 1, "models": 1, "examples": ["m00"]}
    rows = {row["subset"]: row["n"] for row in found["agreement"]["t1"]}
    assert rows == {"all": 11}


def test_hostile_names_reach_no_path_and_stay_names(tmp_path: Path) -> None:
    names = ["<script>alert(1)</script>", "../../up", "two\nlines", "n" * 10_000]
    table = published(k=4).assign(model=names).rename(columns={"t1": "../t1"})
    found = lottery(table, reference="val", out=tmp_path / "out", csv=True)
    assert found["lead"]["model"] in names
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]
    assert len(list((tmp_path / "out").iterdir())) == 2 * len(TABLES) + 1
    assert set(pd.read_parquet(tmp_path / "out" / "values.parquet")["model"]) == set(names)


def test_a_counterpart_is_no_set_of_its_own() -> None:
    found = lottery(published(sets=4), reference="val", counterpart={"t2": "t3"})
    assert found["targets"] == ["t1", "t2"]
    with pytest.raises(ValueError, match="counterpart names 't9', which is no data set"):
        lottery(published(), reference="val", counterpart={"t1": "t9"})


def test_margins_out_of_range_are_refused() -> None:
    with pytest.raises(ValueError, match="margin = 101: wanted 100 or less"):
        lottery(published(), reference="val", margin=101)


def test_a_counterpart_is_another_set_and_not_of_the_reference() -> None:
    for pair in ({"t1": "t1"}, {"val": "t1"}):
        with pytest.raises(ValueError, match="can have no counterpart 't1': name a set that"):
            lottery(published(), reference="val", counterpart=pair)


@pytest.mark.parametrize("asked", [{"draws": 1}, {"draws": 0}, {"seed": -1}])
def test_draws_and_seeds_out_of_range_are_refused(asked: dict) -> None:
    with pytest.raises(ValueError, match=r"(draws|seed) = -?\d: wanted . or more"):
        lottery(images(), reference="val", **asked)


def test_a_list_that_names_nothing_is_refused() -> None:
    assert forms.parse_names("a, b,", "sets") == ("a", "b")
    with pytest.raises(ValueError, match="--sets  ,: write one name or more, with commas between"):
        forms.parse_names(" ,", "sets")


def test_a_message_stays_readable_however_long_a_name_is(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    table = images().assign(dataset=lambda frame: frame["dataset"].replace("shift", "s" * 10_000))
    table.iloc[:-1].to_csv(tmp_path / "t.csv", index=False)
    with pytest.raises(SystemExit, match="1"):
        cli.main(["lottery", str(tmp_path / "t.csv"), "--reference", "val", "--out", str(tmp_path / "out")])
    said = capsys.readouterr().err
    assert re.search(r"kogen: items do not match on 's+\.\.\.s+': some run lacks 1 of 60", said)
    assert len(said) < 400


def test_a_set_named_as_a_column_of_a_table_is_refused() -> None:
    with pytest.raises(ValueError, match="a data set cannot be named 'group'"):
        lottery(published().rename(columns={"t1": "group"}), reference="val")


def test_items_that_do_not_match_are_refused_with_examples() -> None:
    table = images()
    with pytest.raises(ValueError, match=r"items do not match on 'val': some run lacks 1 of 60, as val7"):
        lottery(table[~((table.model == "m1") & (table["item"] == "val7"))], reference="val")
    with pytest.raises(ValueError, match=r"rows that repeat \(model, dataset, seed, item\): 1"):
        lottery(pd.concat([table, table.head(1)]), reference="val")


@settings(max_examples=5, deadline=None)
@given(st.integers(0, 99))
def test_order_names_and_copied_seeds_do_not_move_the_lottery(seed: int) -> None:
    table = images(k=3, n=30, seeds=2)
    asked = {"reference": "val", "draws": 60}
    whole = lottery(table, **asked)
    assert lottery(table.sample(frac=1, random_state=seed), **asked) == whole
    renamed = lottery(table.assign(model=table["model"].map({"m0": "x2", "m1": "x1", "m2": "x0"})), **asked)
    assert renamed["transfer"]["shift"]["all"] == pytest.approx(whole["transfer"]["shift"]["all"])
    copied = lottery(pd.concat([table, table.assign(seed=table["seed"] + 5)]), **asked)
    for key in ("difference", "lo", "hi", "verdict"):
        assert copied["real"][key] == pytest.approx(whole["real"][key])


def test_no_torch_on_this_road() -> None:
    code = "import kogen.results.judge, sys; print('torch' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == "False"


@pytest.mark.skipif(not TIMM.exists(), reason="timm's published tables are not here (shared/data/timm)")
def test_timms_published_tables_are_a_lottery() -> None:
    frames = []
    for name, file, n in (("val", "imagenet", 50_000), ("v2", "imagenetv2-matched-frequency", 10_000)):
        table = pd.read_csv(TIMM / f"results-{file}.csv")
        model = table["model"] + "@" + table["img_size"].astype(str)
        frames.append(pd.DataFrame({"model": model, "dataset": name, "score": table["top1"], "n": n}))
    found = lottery(pd.concat(frames).drop_duplicates(["model", "dataset"]), reference="val")
    row = found["transfer"]["v2"]["at_margin"]
    assert 0.6 < row["lo"] < row["transfer"] < row["hi"] < 0.8
    assert abs(row["excess_flip"]) < 0.05  # V2 flips small leads about as often as its 10,000 images explain
    assert found["agreement"]["v2"][0]["tau"] > 0.9


@pytest.mark.parametrize(("table", "parts"), [(published(), 2), (images(), 3)], ids=["scores", "images"])
def test_the_progress_is_told_set_by_set(table: pd.DataFrame, parts: int) -> None:
    told: list[tuple[int, int]] = []
    judge_results(table, LotteryOptions(reference="val", draws=50), on_step=lambda *step: told.append(step))
    sets = 3 if parts == 2 else 2
    assert told == [(done, parts * sets) for done in range(1, parts * sets - 1)]  # the reference is no target


def test_of_very_many_sets_the_square_of_correlations_is_left_out(tmp_path: Path) -> None:
    few, many = (lottery(published(8, sets), reference="val", out=tmp_path / str(sets)) for sets in (20, 230))
    assert len(few["similarity"]["correlations"]) == 20
    assert many["similarity"]["correlations"] == {}
    assert many["similarity"]["n_eff"] > 1
    page.write(tmp_path / "230")
    assert (tmp_path / "230" / "report.html").stat().st_size < 8_000_000


def test_a_set_with_one_model_leaves_the_columns_of_pairs_as_they_are() -> None:
    table, options = images(3), LotteryOptions(draws=50)
    alone = images(1, ("alone",))
    one, two = (tables_from_items(rows, options) for rows in (table, pd.concat([alone, table])))
    assert set(two["values"]["dataset"]) == {"alone", "shift", "val"}
    pd.testing.assert_frame_equal(one["pairs"], two["pairs"])
    assert list(tables_from_items(alone, options)["pairs"]) == list(one["pairs"])


# each step by itself


def test_progress_counts_the_steps() -> None:
    told: list[tuple[int, int]] = []
    step = count_steps(lambda done, of: told.append((done, of)), 3)
    step()
    step()
    assert told == [(1, 3), (2, 3)]


def test_gains_that_were_lifted_are_put_back() -> None:
    unified = pd.DataFrame({"metric": ["mean_accuracy", "iqm", "group_accuracy", "mean_logit", "mean_rank"]})
    unified = unified.assign(value=10.0, rank=1.0)
    robust = pd.DataFrame({"observed": [5.0], "expected": [4.0], "effective": [1.0]})
    one, two = without_shift(unified, robust, 3.0)
    assert one["value"].tolist() == pytest.approx([7.0, 7.0, 7.0, np.nan, 10.0], nan_ok=True)
    assert one["rank"].isna().tolist() == [False, False, False, True, False]
    assert two["observed"].tolist() == [2.0]
    assert two[["expected", "effective"]].isna().all(axis=None)


def test_intervals_of_the_table_are_taken_where_there_is_nothing_better() -> None:
    values = pd.DataFrame({"model": list("abc"), "dataset": "s", "lo": [1.0, None, None], "hi": [2.0, None, None]})
    scores = pd.DataFrame(
        {"model": list("abcc"), "dataset": "s", "lo": [7.0, 8.0, 9.0, 9.0], "hi": [17.0, 18.0, 19.0, 19.0]}
    )
    found = add_reported_ends(values, scores)
    assert found["lo"].tolist() == pytest.approx([1.0, 8.0, np.nan], nan_ok=True)  # c was written twice
    assert found["hi"].tolist() == pytest.approx([2.0, 18.0, np.nan], nan_ok=True)
    assert add_reported_ends(values, scores.drop(columns="lo")) is values


def test_counterparts_are_sets_other_than_the_reference_and_themselves() -> None:
    refuse_bad_counterpart({"a": "c"}, ["s", "a", "c"], "s")
    for bad, words in (
        ({"q": "c"}, "names 'q'"),
        ({"a": "q"}, "names 'q'"),
        ({"s": "c"}, "'s' can have no counterpart"),
        ({"a": "a"}, "'a' can have no"),
    ):
        with pytest.raises(ValueError, match=words):
            refuse_bad_counterpart(bad, ["s", "a", "c"], "s")


def test_five_hundred_rows_of_a_table_are_repeated() -> None:
    many = pd.DataFrame({"n": range(501)})
    found = rows_of({"x": many, "none": many.head(0)}, "x")
    assert found is not None
    assert (len(found), rows_of({"none": many.head(0)}, "none"), rows_of({}, "x")) == (500, None, None)
    scores = values_as_scores(pd.DataFrame({"model": ["a"], "dataset": "s", "value": 1.0, "n": 5, "lo": 0}), {"a": "f"})
    assert (list(scores), scores["family"].tolist()) == (["model", "dataset", "score", "n", "family"], ["f"])
    assert list(values_as_scores(pd.DataFrame({"model": ["a"], "dataset": "s", "value": 1.0, "n": 5}), None)) == [
        *("model", "dataset", "score", "n"),
    ]


def test_gaps_are_the_usual_ones_the_margin_and_the_lead() -> None:
    table = pd.DataFrame({"model": ["a", "b"], "s": [100.0, 0.0], "t": [60.0, 50.0]})
    found = judge_results(table, LotteryOptions(reference="s", margin=0.7))[0].transfer["t"]
    assert found.at_lead is not None
    assert (found.at_lead["gap"], found.at_lead["pairs"]) == (100.0, 1)
    assert found.at_margin is not None
    assert (found.at_margin["gap"], found.at_margin["pairs"]) == (0.7, 0)
    none = judge_results(table, LotteryOptions(reference="s", margin=0))[0].transfer["t"]
    assert none.at_margin is None


def test_losses_have_no_rule_of_logits_among_those_that_leave_a_set_out() -> None:
    """Gains below 0 are lifted to be scores: logits of them would mean nothing."""
    rng, parts = np.random.default_rng(0), []
    for name in ("s", "t", "u"):
        label = np.where(np.arange(40) % 2, "bad", "good")
        for model, skill in (("a", 2.0), ("b", 0.5)):
            bad = 1 / (1 + np.exp(-skill * np.where(label == "bad", 1, -1) - rng.normal(size=40)))
            said = np.where(bad > 0.5, "bad", "good")
            rows = {"model": model, "dataset": name, "item": np.arange(40), "label": label, "predicted": said}
            parts.append(pd.DataFrame(rows | {"correct": (said == label) * 1, "prob_bad": bad, "prob_good": 1 - bad}))
    table = pd.concat(parts, ignore_index=True)
    options = {"reference": "s", "draws": 20}
    found = judge_results(table, LotteryOptions(**options, metric="log_loss", margin=0.02))[0].left_out  # type: ignore[arg-type]
    plain = judge_results(table, LotteryOptions(**options))[0].left_out  # type: ignore[arg-type]
    assert found is not None
    assert plain is not None
    assert "mean_logit" in {row["rule"] for row in plain.rules}
    assert {row["rule"] for row in found.rules} == {row["rule"] for row in plain.rules} - {"mean_logit"}
