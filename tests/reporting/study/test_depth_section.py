"""Which layers to update: each sentence where the rows bear it, from hand-made rows, in both languages."""

from typing import Any

import pytest
from budgets import Judged

from kogen.reporting.study.depth_section import depths_section, layers_phrase
from kogen.reporting.words import say


def rows(gains: list[tuple[float, float, float]], model: str = "byol", deep: str = "tune:all") -> list[dict[str, Any]]:
    """A row a number of labels of the shallow protocol, and one of the deep with these differences and ends."""
    found = []
    for labels, (more, lo, hi) in zip([40.0, 212.0, 2000.0][-len(gains) :], gains, strict=True):
        fixed = {"dataset": "test", "model": model, "labels": labels, "draws": 5}
        none = {"more": None, "more_lo": None, "more_hi": None}
        found.append(fixed | {"protocol": "linear", "gain": 60, "value": 60, "lo": 55, "hi": 65} | none)
        value = {"gain": 60 + more, "value": 60 + more, "lo": 55 + more, "hi": 65 + more}
        found.append(fixed | {"protocol": deep} | value | {"more": more, "more_lo": lo, "more_hi": hi})
    return found


def section(gains: list[tuple[float, float, float]], **how: Any) -> dict[str, Any]:
    found = depths_section(Judged(labels=[], depths=rows(gains, **how)))  # type: ignore[arg-type]
    assert found is not None
    return found


def said(gains: list[tuple[float, float, float]], lang: str = "en", **how: Any) -> str:
    return " ".join(say(lang, one.key, **one.values) for one in section(gains, **how)["sentences"])


UP, OPEN, DOWN = (3.1, 1.0, 5.2), (0.4, -1.5, 2.3), (-4.0, -6.5, -1.5)
ZERO = (2.0, 0.0, 4.0)  # an interval that ends at nothing is not clear of it


D, F = "letting all layers learn", "a classifier on the frozen network"
GAIN = "3.1 points (1.0 to 5.2)"
CASES = [
    ([(-3.6, -7.2, -0.04)], f"use {F}; {D} is worse: −3.6 points (−7.2 to −0.04) with 2,000 labels."),
    ([UP, UP, UP], f"byol: {D} gains over {F} at every number of labels tried: {GAIN} with 2,000."),
    ([UP], f"byol: {D} gains {GAIN} over {F}, with 2,000 labels."),
    (
        [DOWN, OPEN, UP],
        f"byol: from 2,000 labels on, {D} gains over {F}: {GAIN} with 2,000. "
        f"With 40 labels use {F}: {D} changes it by −4.0 points (−6.5 to −1.5).",
    ),
    (
        [OPEN, UP, UP],
        f"from 210 labels on, {D} gains over {F}: {GAIN} with 2,000. "
        "With 40 labels the data cannot tell: the difference is 0.40 points (−1.5 to 2.3).",
    ),
    (
        [UP, UP, OPEN],
        f"from 40 to 2,000 labels, {D} is not clearly better than {F}; "
        "with 2,000 the difference is 0.40 points (−1.5 to 2.3).",
    ),
    (
        [ZERO],
        f"with 2,000 labels the data cannot tell whether {D} is better than {F}: "
        "the difference is 2.0 points (0.0 to 4.0).",
    ),
    ([DOWN], f"use {F}; {D} is worse: −4.0 points (−6.5 to −1.5) with 2,000 labels."),
]


@pytest.mark.parametrize(("gains", "wanted"), CASES)
def test_a_sentence_says_what_the_intervals_bear(gains: list[Any], wanted: str) -> None:
    assert wanted in said(gains)
    assert said(gains, "ja")


def test_the_table_has_a_row_a_model_and_number_of_labels_the_best_model_first() -> None:
    judged = Judged(labels=[])
    better = [row | {"gain": row["gain"] + 9} for row in rows([UP, UP, UP], "simclr")]
    judged.depths = [*rows([UP, UP, UP]), *better]
    found = depths_section(judged)  # type: ignore[arg-type]
    assert found is not None
    assert found["rows"] == [(model, labels) for model in ("simclr", "byol") for labels in (40.0, 212.0, 2000.0)]
    assert [one["name"] for one in found["protocols"]] == ["linear", "tune:all"]
    assert found["cells"]["byol", 212.0, "tune:all"]["value"] == pytest.approx(63.1)
    assert "byol" in say("en", found["sentences"][0].key, **found["sentences"][0].values)  # the study's leader


def test_layers_have_words_in_both_languages() -> None:
    for protocol, words in (
        ("linear", "a classifier on the frozen network"),
        ("tune:head", "the last layer alone"),
        ("tune:norm", "the norms"),
        ("tune:last1", "the last stage"),
        ("tune:last2", "the last 2 stages"),
        ("tune:decay", "all layers, the first ones slowly"),
        ("tune:all", "all layers"),
    ):
        found = layers_phrase(protocol)
        assert say("en", found["phrase"], **found["with"]) == words
        assert say("ja", found["phrase"], **found["with"])


def test_nothing_is_said_where_nothing_was_fine_tuned() -> None:
    judged = Judged(labels=[])
    judged.depths = []
    assert depths_section(judged) is None  # type: ignore[arg-type]
