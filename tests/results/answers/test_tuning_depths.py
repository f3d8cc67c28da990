"""Which layers to update: values by protocol and labels, what is compared, who stands for few labels."""

import numpy as np
import pandas as pd
import pytest
from budgets import SIZES, predictions

from kogen.common.metric_facts import ACCURACY
from kogen.results.answers.tuning_depths import DEPTH_COLUMNS, tuning_depths, with_scratch_rows


def by_protocol(shares: dict[str, dict[str, dict[str, float]]]) -> pd.DataFrame:
    """Predictions of each protocol."""
    parts = [predictions(models).astype({"model": str}).assign(protocol=name) for name, models in shares.items()]
    found = pd.concat(parts, ignore_index=True)
    return found.assign(method=found["model"], model=found["model"].astype("category"))


def test_gains_over_the_protocol_with_the_fewest_layers() -> None:
    rows = by_protocol(
        {
            "tune:all": {"x": {"10%": 0.55, "50%": 0.75, "": 0.9}},
            "linear": {"x": {"10%": 0.6, "50%": 0.7, "": 0.8}},
            "knn": {"x": {"10%": 0.1, "": 0.1}},
            "tune:last2": {"x": {"10%": 0.6, "50%": 0.72, "": 0.85}},
        }
    )
    found = tuning_depths(rows, ACCURACY, SIZES)
    assert list(found.columns) == DEPTH_COLUMNS
    assert found["protocol"].unique().tolist() == ["linear", "tune:last2", "tune:all"]
    known = found.set_index(["protocol", "budget"])
    assert known["value"].loc[("linear", "50%")] == pytest.approx(70)
    assert known.loc["linear", "more"].isna().all()
    gains = {key: known["more"].loc[key] for key in known.index if key[0] != "linear"}
    assert gains == {
        ("tune:last2", "10%"): pytest.approx(0),
        ("tune:last2", "50%"): pytest.approx(2),
        ("tune:last2", ""): pytest.approx(5),
        ("tune:all", "10%"): pytest.approx(-5),
        ("tune:all", "50%"): pytest.approx(5),
        ("tune:all", ""): pytest.approx(10),
    }
    assert known["labels"].loc[("tune:all", "10%")] == 20
    clear = known.loc[[("tune:all", "")]].iloc[0]
    assert 0 < clear["more_lo"] < 10 < clear["more_hi"]


@pytest.mark.parametrize("missing", ["draw", "seed"])
def test_what_is_not_judged_with_every_seed_and_draw_has_no_row(missing: str) -> None:
    shares = {"x": {"10%": 0.6, "50%": 0.7, "": 0.8}, "y": {"10%": 0.5, "50%": 0.6, "": 0.7}}
    rows = by_protocol({"linear": shares, "tune:all": shares})
    gone = (rows["protocol"] == "tune:all") & (rows["model"] == "x") & (rows["budget"] == "50%") & (rows[missing] == 1)
    found = tuning_depths(rows[~gone], ACCURACY, SIZES).set_index(["protocol", "model", "budget"])
    assert len(found) == 12 - 1
    assert ("tune:all", "x", "50%") not in found.index
    left = rows[~((rows["protocol"] == "tune:all") & (rows["budget"] == "50%") & (rows[missing] == 1))]
    found = tuning_depths(left, ACCURACY, SIZES).set_index(["protocol", "model", "budget"])
    assert found["more"].loc[[("tune:all", "x", "10%")]].notna().all()
    assert ("tune:all", "y", "50%") not in found.index  # of nobody, while the shallow protocol has them all


def test_without_fine_tuning_or_with_one_protocol_there_is_no_table() -> None:
    shares = {"x": {"10%": 0.6, "": 0.8}}
    assert tuning_depths(by_protocol({"linear": shares, "knn": shares}), ACCURACY, SIZES).empty
    assert tuning_depths(by_protocol({"tune:all": shares}), ACCURACY, SIZES).empty


def test_no_interval_ends_beyond_what_the_metric_can_be() -> None:
    rows = by_protocol({"linear": {"x": {"10%": 0.02, "": 0.5}}, "tune:all": {"x": {"10%": 0.97, "": 0.99}}})
    found = tuning_depths(rows, ACCURACY, SIZES)
    assert (found["lo"].min(), found["hi"].max()) == (0, 100)


def test_a_model_without_the_shallow_protocol_has_values_and_no_gain() -> None:
    rows = by_protocol({"linear": {"x": {"": 0.8}}, "tune:all": {"x": {"": 0.9}, "y": {"": 0.7}}})
    found = tuning_depths(rows, ACCURACY, SIZES).set_index(["model", "protocol"])
    assert found["value"].loc[("y", "tune:all")] == pytest.approx(70)
    assert np.isnan(found["more"].loc[("y", "tune:all")])


def test_the_untrained_network_with_all_layers_stands_for_supervised_training_from_few_labels() -> None:
    rows = by_protocol(
        {
            "linear": {"x": {"": 0.8}, "random": {"": 0.5}, "supervised": {"": 0.9}},
            "tune:all": {"x": {"": 0.9}, "random": {"10%": 0.6, "": 0.7}},
        }
    )
    found = with_scratch_rows(rows, "linear")
    counts = found.groupby([found["model"].astype(str), "protocol"], observed=True).size()
    assert counts.index.tolist() == [("random", "linear"), ("random tune:all", "tune:all"), ("x", "linear")]
    assert counts.loc[("random tune:all", "tune:all")] == 2 * 200 * (3 + 1)
    plain = with_scratch_rows(rows[rows["protocol"] == "linear"], "linear")
    assert sorted(plain["model"].astype(str).unique()) == ["random", "x"]
    deep = with_scratch_rows(rows, "tune:all")  # random is that training itself, and stands there once
    assert sorted(deep["model"].astype(str).unique()) == ["random", "x"]
