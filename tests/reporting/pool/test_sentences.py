"""Sentences of a pool and of a prior, for the answers that drawn sites rarely give."""

from typing import Any

import pytest

from kogen.common.metric_facts import ACCURACY
from kogen.reporting.pool.sentences import answer, pool_sentences, prior_sentences, sure
from kogen.reporting.words import say
from kogen.results.pooling.comparable import Aspect
from kogen.results.pooling.pooled_judgement import PooledJudgement, PooledPair, SiteBet, SiteFacts, SiteLottery
from kogen.results.pooling.prior import NeededImages, NeededLabels, Prior, RankedMethod


def pair(first: str, second: str, verdict: str, mean: float = 1.0, **more: Any) -> PooledPair:
    known: dict[str, Any] = {"sites": 4, "ahead_at": 3, "mean": mean, "lo": mean - 2, "hi": mean + 2, "p": 0.3}
    known |= {"p_family": 0.3, "tau": 0.5, "i2": 0.1, "next_lo": -3.0, "next_hi": 4.0, "ahead": 0.8, "needed": 30}
    return PooledPair(first=first, second=second, verdict=verdict, **(known | more))


def judged(pairs: tuple[PooledPair, ...] = (), **more: Any) -> PooledJudgement:
    site = SiteFacts("lyon", ("lyon", "lyon2"), 100, 3, ("a", "b", "c"), ("model A",), 1)
    known: dict[str, Any] = {"format": 1, "kogen": "0", "metric": ACCURACY, "protocol": "knn", "margin": 1.0}
    known |= {"task": "classify", "sites": (site,) * 4, "aspects": (Aspect("epochs", False, {}),), "generalises": True}
    known |= {"leader": "a", "proven": False, "pairs": pairs, "everywhere": ("a", "b")}
    return PooledJudgement(**(known | more))


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_part_of_a_pool_is_said_in_both_languages(lang: str):
    lottery = SiteLottery(12, 0.7, None, 0.5)
    bets = (SiteBet("a", 80.0, 3.0, "lyon"), SiteBet("b", 79.0, 1.0, "ohio"))
    found = judged((pair("a", "b", "undecided"),), lottery=lottery, bets=bets, notes=("pool_note_probe",))
    said = [say(lang, one.key, **one.values) for one in pool_sentences(found)]
    keys = [one.key for one in pool_sentences(found)]
    assert keys[:4] == ["pool_open", "pool_pair", "pool_next", "pool_needed"]
    assert {"pool_lottery", "pool_leaders", "pool_bet", "pool_note_probe", "pool_differs"} <= set(keys)
    assert {"pool_not_everywhere", "pool_same_data", "pool_left_out", "pool_one_seed"} <= set(keys)
    assert all(said)
    assert not any("{" in words for words in said)


def test_the_answer_is_as_strong_as_its_pairs():
    assert answer(judged((pair("a", "b", "equivalent"),))).key == "pool_equal"
    assert answer(judged((pair("a", "b", "equivalent"), pair("a", "c", "undecided")))).key == "pool_open"
    assert answer(judged((pair("a", "b", "better"),), proven=True)).key == "pool_better"
    assert answer(judged((pair("b", "a", "better"),))).values["others"] == ["b"]  # measured at fewer sites
    assert answer(judged()).key == "pool_no_pairs"
    assert answer(judged(generalises=False, sites=judged().sites[:1])).key == "pool_one"
    assert answer(judged(generalises=False, sites=judged().sites[:2])).key == "pool_two"


def test_the_nearest_opponent_is_the_one_ahead_of_the_leader_where_there_is_one():
    found = judged((pair("a", "b", "undecided", 0.1), pair("c", "a", "undecided", 0.5, needed=None)))
    said = sure(found)
    assert said[0].values["first"] == "c"
    assert said[-1].key == "pool_needed_none"


@pytest.mark.parametrize("lang", ["en", "ja"])
def test_every_part_of_a_prior_is_said_in_both_languages(lang: str):
    ranking = tuple(RankedMethod(name, 4, 0.5, 0.5, 0.7) for name in ("a", "b"))
    images = (NeededImages(1, None, None, 0, 4), NeededImages(3, 100, None, 3, 4), NeededImages(9, 50, 90, 4, 4))
    images = (*images, NeededImages(5, None, None, 0, 0))
    labels = (NeededLabels("lyon", "b", 40.0, 400.0), NeededLabels("ohio", "b", None, 300.0))
    known: dict[str, Any] = {"unit": "points", "protocol": "knn", "margin": 2.0, "sites": ("lyon", "ohio", "nara")}
    known |= {"seeds_behind": 1, "tau": 1.0, "ranking": ranking, "beats_untrained": False, "images": images}
    said = prior_sentences(Prior(1, "accuracy", labels=labels, **known))
    assert [one.key for one in said] == [
        *("prior_first", "prior_others", "prior_untrained", "prior_images_none", "prior_images_some", "prior_images"),
        *("prior_images_unknown", "prior_labels", "prior_labels_all", "prior_rests"),
    ]
    assert prior_sentences(Prior(1, "accuracy", labels=(), **known))[-2].key == "prior_no_labels"
    assert not any("{" in say(lang, one.key, **one.values) for one in said)
