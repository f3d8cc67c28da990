"""Holding out: groups stay whole, every class gets its share, and what cannot be judged on is said."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small import blobs

from kogen.data.images import Images
from kogen.study.hold_out import connected_groups, hold_out


def of_classes(*counts: int, clusters: list[str] | None = None) -> Images:
    """Images of as many classes as there are counts, each in a cluster of its own unless clusters say more."""
    images, labels = blobs(sum(counts)), np.repeat(np.arange(len(counts)), counts)
    images = replace(images, labels=labels, digest="")
    return images if clusters is None else replace(images, clusters=np.array(clusters))


def counts(images: Images) -> list[int]:
    return np.bincount(images.labels, minlength=2)[:2].tolist()


@pytest.mark.parametrize(
    ("given", "held_out"), [((98, 2), (20, 1)), ((40, 40), (8, 8)), ((5, 5), (1, 1)), ((2, 200), (1, 40))]
)
@pytest.mark.parametrize("seed", range(5))
def test_every_class_gets_its_share(given, held_out, seed):
    pool, test, notes = hold_out(of_classes(*given), seed)
    assert counts(test) == list(held_out)
    assert counts(pool) == [n - out for n, out in zip(given, held_out, strict=True)]
    assert notes == []


def test_the_seed_draws_other_images():
    images = of_classes(40, 40)
    first, again, other = (hold_out(images, seed)[1].ids.tolist() for seed in (0, 0, 1))
    assert first == again != other


def test_a_class_of_one_image_or_group_stays_in_train():
    pool, test, notes = hold_out(of_classes(30, 1))
    assert counts(pool)[1] == 1
    assert notes == ["not judged on, because all of its images are one group or one image: b"]
    images = of_classes(22, 2, clusters=[str(i) for i in range(22)] + ["one"] * 2)
    for seed in range(10):
        pool, test, notes = hold_out(images, seed)
        assert (counts(pool)[1], counts(test)[1]) == (2, 0)


def test_groups_larger_than_the_share():
    images = of_classes(12, 12, clusters=[str(i // 4) for i in range(24)])  # three groups of 4 in each class
    _, test, notes = hold_out(images)
    assert (counts(test), notes) == ([4, 4], [])


def test_near_copies_stay_on_one_side():
    images = of_classes(20, 20)
    stands_for = {name: images.ids[place - place % 4] for place, name in enumerate(images.ids.tolist())}
    for seed in range(10):
        pool, test, _ = hold_out(images, seed, stands_for)
        assert counts(test) == [4, 4]
        assert not {stands_for[name] for name in pool.ids} & {stands_for[name] for name in test.ids}


@given(seed=st.integers(0, 50), clusters=st.integers(5, 30))
def test_hold_out_keeps_clusters_and_copies_on_one_side(seed, clusters):
    images = blobs(60)
    rng = np.random.default_rng(seed)
    ids = images.ids.copy()
    ids[7] = ids[23]  # a copy in what may be another cluster
    images = replace(images, ids=ids, clusters=rng.integers(0, clusters, 60).astype(str))
    pool, test, _ = hold_out(images, seed=seed)
    assert len(pool) + len(test) == 60
    assert not set(pool.ids) & set(test.ids)
    assert not set(pool.clusters) & set(test.clusters)
    assert 0 < len(test) <= 30


def test_unlabelled_images_of_a_held_out_cluster_leave_the_pool_too():
    images = blobs(40)
    labels = images.labels.copy()
    labels[::2] = -1
    images = replace(images, labels=labels, clusters=np.repeat(np.arange(20), 2).astype(str))
    pool, test, _ = hold_out(images)
    assert (test.labels >= 0).all()
    assert not set(pool.clusters) & set(test.clusters)


def test_one_cluster_cannot_be_cut():
    images = replace(blobs(20), clusters=np.zeros(20, dtype=str))
    with pytest.raises(
        ValueError, match=r"the labelled images \(groups by clusters and copies: 1\) cannot be cut in two: give --test"
    ):
        hold_out(images)


def test_joined_groups_are_connected():
    first, second = np.array([0, 0, 1, 2]), np.array([0, 1, 1, 2])
    group = connected_groups(first, second)
    assert group[0] == group[1] == group[2] != group[3]


def test_labels_that_are_names_of_images():
    images = of_classes(*[1] * 4)
    with pytest.raises(
        ValueError, match=r"each of the 4 labels of blobs0 stands at one image alone: are they names or ids"
    ):
        hold_out(images)
