"""Box values: numbers with intervals from images drawn anew, whole clusters at a time, and paired differences."""

from dataclasses import replace

import numpy as np
import pytest
from found_boxes import draw_run

from kogen.results.boxes.box_values import (
    bootstrap_numbers,
    box_pairs,
    box_values,
    contributions,
    draw_weights,
    false_alarm_curve,
    measure_run,
)


def test_contributions_are_those_of_leaving_out_each_image():
    run = draw_run(1, images=15)
    measured = measure_run(run)
    for number in ("ap", "ap50", "ap:a"):
        each = contributions(measured, number)
        assert each.mean() == pytest.approx(measured.numbers[number])
        for image in (0, 7):
            rest = measure_run(run.subset(np.arange(15) != image)).numbers[number]
            assert measured.without[number][image] == pytest.approx(rest, abs=1e-12)


def test_the_jackknife_and_the_bootstrap_agree_on_the_error():
    run = draw_run(5, images=150, classes=2)
    measured, sample = measure_run(run), bootstrap_numbers(run, 400)
    for number in ("ap", "ap50", "ap:a"):
        each = contributions(measured, number)
        assert each.std(ddof=1) / 150**0.5 == pytest.approx(sample[number].std(), rel=0.15)


def test_draws_keep_clusters_whole_and_are_the_same_for_every_run():
    clusters = np.repeat(["x", "y", "z"], [2, 3, 1])
    weights = draw_weights(clusters, 50, 3)
    assert (weights[:, 0] == weights[:, 1]).all()
    assert (weights[:, 2] == weights[:, 4]).all()
    np.testing.assert_array_equal(weights[:, [0, 2, 5]].sum(axis=1), 3)
    np.testing.assert_array_equal(weights, draw_weights(clusters, 50, 3))
    assert not np.array_equal(weights, draw_weights(clusters, 50, 4))


def test_tables_have_a_row_a_model_and_a_pair_and_number():
    first = draw_run(1, images=60, skill=0.9)
    second = draw_run(2, images=60, skill=0.3, model="b", truth=first)
    measured = [measure_run(run) for run in (first, second)]
    table = box_values(measured).set_index(["number", "model"])
    assert table.loc[("ap", "a"), "value"] == pytest.approx(100 * measured[0].numbers["ap"])
    known = table.dropna(subset=["lo"])
    assert len(known) > 12
    assert (known["lo"] <= known["value"]).all()
    assert (known["value"] <= known["hi"]).all()
    pairs = box_pairs(measured).set_index("number")
    assert set(pairs.index) == {"ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ap:a", "ap:b", "ap:c"}
    assert pairs.loc["ap50", "first"] == "a"
    assert pairs.loc["ap50", "verdict"] == "better"
    gap = 100 * (measured[0].numbers["ap50"] - measured[1].numbers["ap50"])
    assert pairs.loc["ap50", "difference"] == pytest.approx(gap)


def test_clusters_make_intervals_wider_where_images_of_one_are_alike():
    run = draw_run(4, images=60)
    lots = replace(run, clusters=np.repeat([f"lot {n}" for n in range(10)], 6))
    copies = np.repeat(np.arange(10), 6)
    same = replace(
        lots,
        true=tuple(run.true[n] for n in copies),
        found=tuple(run.found[n] for n in copies),
    )
    alone = replace(same, clusters=run.items)
    width = {}
    for name, one in {"clusters": same, "alone": alone}.items():
        row = box_values([measure_run(one)]).set_index("number").loc["ap50"]
        width[name] = row["hi"] - row["lo"]
    assert width["clusters"] > 1.5 * width["alone"]


def test_too_few_images_have_no_interval():
    run = draw_run(1, images=4)
    table = box_values([measure_run(run)])
    assert table["lo"].isna().all()
    assert table["value"].notna().all()


def test_the_curve_of_false_alarms_has_intervals():
    curve = false_alarm_curve(draw_run(1, images=40), draws=200)
    assert curve["false_alarms"].tolist() == [0.125, 0.25, 0.5, 1, 2, 4, 8]
    assert (curve["lo"] <= curve["value"]).all()
    assert (curve["value"] <= curve["hi"]).all()
    assert (np.diff(curve["value"]) >= 0).all()
