"""Detection: good images alone are learnt from, the threshold comes from held-out ones, the map keeps the ranking."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from inspections import draw_part
from sklearn.metrics import roc_auc_score

from kogen.augmentation.views import evaluation_view
from kogen.backbones import make_backbone
from kogen.common.protocols import DETECTORS
from kogen.data.images import Images, from_array
from kogen.evaluation import anomalies
from kogen.evaluation.anomalies import (
    FrozenRows,
    alarm_shares,
    as_probabilities,
    choose_threshold,
    detect_anomalies,
    find_anomalies,
    hold_out_good,
    map_side,
    sample_rows,
)

VIEW = evaluation_view(32)


def parts(good: int, bad: int, start: int = 0, lots: int = 0) -> Images:
    """Parts in memory, the good ones first."""
    drawn = [draw_part(start + n, n >= good)[0] for n in range(good + bad)]
    labels = np.repeat([0, 1], [good, bad])
    clusters = None if not lots else np.arange(good + bad) % lots
    pixels = np.stack(drawn)[:, None].repeat(3, axis=1)
    return from_array(pixels, labels, ("good", "anomaly"), name=f"parts{start}", clusters=clusters)


def network(spec: str = "tiny?width=8"):
    torch.manual_seed(0)
    return make_backbone(spec, 3, 32)


@pytest.fixture(scope="module")
def table():
    train, tests = parts(40, 0), {"reference": parts(20, 12, 500), "shift": parts(5, 5, 900)}
    roles = {"reference": "reference", "shift": "shift"}
    identity = {"run": "r", "model": "m", "method": "random", "seed": 0}
    return detect_anomalies(network(), VIEW, train, tests, roles, DETECTORS, identity)


def test_every_detector_answers_every_image(table):
    assert table.groupby(["protocol", "dataset"]).size().to_dict() == {
        (name, dataset): count for name in DETECTORS for dataset, count in (("reference", 32), ("shift", 10))
    }
    for name, part in table[table.dataset == "reference"].groupby("protocol"):
        chance = np.stack(part.probabilities)[:, 1]
        assert roc_auc_score(part.label == "anomaly", chance) > 0.95, name
        assert (part.predicted == np.where(chance > 0.5, "anomaly", "good")).all()
        assert (part.correct == (part.predicted == part.label)).all()
        np.testing.assert_allclose(part.score, np.where(part.label == "anomaly", chance, 1 - chance), atol=1e-6)
        shares = np.stack(part.false_alarm)
        assert np.isnan(shares[:, 0]).all()
        assert ((shares[:, 1] <= 0.05 + 1e-6) >= (chance > 0.5)).all()


def test_defects_among_the_training_images_change_nothing():
    clean, tests = parts(30, 0), {"t": parts(6, 4, 500)}
    spoilt = parts(30, 9)
    a, b = (find_anomalies(network(), VIEW, train, tests, DETECTORS) for train in (clean, spoilt))
    for one, other in zip(a, b, strict=True):
        assert np.array_equal(np.stack(one.probabilities), np.stack(other.probabilities))


def test_test_images_do_not_change_each_other():
    whole, backbone = parts(6, 6, 500), network()
    both = find_anomalies(backbone, VIEW, parts(30, 0), {"t": whole}, DETECTORS)
    half = find_anomalies(backbone, VIEW, parts(30, 0), {"t": whole.subset(np.arange(0, 12, 2))}, DETECTORS)
    for one, other in zip(both, half, strict=True):
        np.testing.assert_allclose(np.stack(one.probabilities)[::2], np.stack(other.probabilities), rtol=1e-4)


def test_a_budget_is_that_of_good_images():
    tests = {"t": parts(6, 6, 500)}
    (few,) = find_anomalies(network(), VIEW, parts(30, 3), tests, ["knn_distance@5 shots#1"])
    assert set(few.budget) == {"5 shots"}
    assert set(few.draw) == {1}
    assert set(np.concatenate(few.false_alarm.tolist())[1::2].round(6)) <= {0.0, 1.0}  # one image is held out of five


def test_clusters_stay_together():
    good = parts(40, 0, lots=8)
    held = hold_out_good(good)
    assert not set(good.clusters[held]) & set(good.clusters[~held])
    assert 5 <= held.sum() <= 10


def test_the_threshold_is_the_lowest_with_few_alarms():
    scores = np.random.default_rng(0).permutation(100) + 1.0
    assert choose_threshold(scores) == 95
    assert (scores > choose_threshold(scores)).mean() == 0.05
    assert choose_threshold(np.array([3.0, 1.0, 2.0])) == 3  # of three images none may be called
    assert choose_threshold(np.zeros(4)) == 1
    assert choose_threshold(np.r_[np.zeros(99), 7.0]) == 7


def test_the_map_is_strict_and_half_at_the_threshold():
    scores = np.r_[0, np.geomspace(1e-3, 1e3, 200)]
    chance = as_probabilities(scores, 2.5)
    assert (np.diff(chance[:, 1]) > 0).all()
    np.testing.assert_allclose(chance.sum(1), 1, atol=1e-6)
    assert as_probabilities(np.array([2.5]), 2.5).tolist() == [[0.5, 0.5]]
    held = as_probabilities(np.arange(1.0, 101), 95.0)
    shares = alarm_shares(held, as_probabilities(np.array([0.5, 50, 95, 95.5, 200]), 95.0))[:, 1]
    np.testing.assert_allclose(shares, [1, 0.51, 0.06, 0.05, 0], atol=1e-6)


def test_of_too_many_patches_some_are_drawn(monkeypatch):
    rows, images = FrozenRows(network(), VIEW), parts(10, 0)
    every = sample_rows(rows, images, True)
    assert every.shape == (10 * 16 * 16, 48)
    monkeypatch.setattr(anomalies, "MAX_ROWS", 300)
    some = sample_rows(rows, images, True)
    assert some.shape == (300, 48)
    place = {tuple(row) for row in every.tolist()}
    assert all(tuple(row) in place for row in some.tolist())
    assert torch.equal(some, sample_rows(rows, images, True))


def test_too_few_good_images_are_named():
    tests = {"t": parts(4, 4, 500)}
    with pytest.raises(ValueError, match=r"has 1 good images in 1 groups .* a detector learns from some"):
        find_anomalies(network(), VIEW, parts(1, 5), tests, DETECTORS)
    with pytest.raises(ValueError, match=r"has 9 good images in 1 groups"):
        find_anomalies(network(), VIEW, parts(9, 0, lots=1), tests, DETECTORS)


def test_maps_are_told_and_measured(tmp_path):
    from inspections import save

    test, files = parts(6, 6, 500), []
    for number in range(12):
        place = tmp_path / f"{number}.png"
        save(place, draw_part(500 + number, True)[1])
        files.append(str(place) if number >= 6 else "")
    test = replace(test, masks=np.array(files, object))
    told = []
    find_anomalies(network(), VIEW, parts(30, 0), {"t": test}, DETECTORS, told.append)
    (record,) = told  # of the one detector that has patches
    assert (record.dataset, record.protocol.probe, record.masked, record.side) == ("t", "patch_memory", 6, 40)
    assert record.pixels["pixel_auroc"].value > 0.9
    assert record.pixels["pro"].value > 0.5
    assert record.pixels["pro"].lo <= record.pixels["pro"].value <= record.pixels["pro"].hi
    assert record.maps(np.array([7, 8]), 20).shape == (2, 20, 20)


def test_maps_of_many_images_are_smaller(monkeypatch):
    monkeypatch.setattr(anomalies, "MAX_PIXELS", 40 * 40 * 10)
    assert (map_side(parts(10, 0), 10), map_side(parts(10, 0), 11)) == (40, 38)
