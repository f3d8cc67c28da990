"""What a few labels buy: sentences from hand-made rows, each claim where the rows bear it; the figure and its bands."""

from typing import Any

import pytest
from budgets import Judged

from kogen.reporting.study.budget_section import draw_labels, labels_section, match_sentence, round_labels
from kogen.reporting.words import say


def curve(model: str, values: list[float]) -> list[dict[str, Any]]:
    fixed = {"dataset": "test", "model": model, "draws": 5}
    return [
        fixed | {"labels": labels, "gain": value, "value": value, "lo": value - 5, "hi": value + 4}
        for labels, value in zip([40.0, 212.0, 2000.0], values, strict=True)
    ]


def match(needed: float | None, lo: float | None, hi: float | None, reached: bool = True) -> dict[str, Any]:
    ends = {"needed": needed, "needed_lo": lo, "needed_hi": hi, "reached": reached}
    return {"dataset": "test", "model": "random", "other": "byol", "labels": 40.0, **ends}


ROWS = [*curve("random", [50, 60, 70]), *curve("byol", [62, 66, 71])]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        (
            match(243.0, 181, 328),
            "random needs about 240 labels (180 to 330, 95 % sure) to be as good as byol with 40.",
        ),
        (match(243.0, None, 328), "random needs about 240 labels (at most 330, 95 % sure; 40 may do) to be as good"),
        (match(243.0, 181, None), "about 240 labels (180 or more, 95 % sure; 2,000, the most tried, may not do)"),
        (match(243.0, None, None), "but from 40 to 2,000 labels, all that was tried, the data cannot tell"),
        (match(None, 900, None, False), "within what was tried (2,000); it needs 900 or more (95 % sure)"),
        (match(None, None, None, False), "within what was tried (40 to 2,000), but the data cannot tell them apart"),
        (match(None, None, 80), "random looks no worse than byol with as few labels (40)."),
    ],
)
def test_the_labels_that_a_model_needs(row: dict[str, Any], words: str) -> None:
    found = match_sentence(row, ROWS)
    assert words in say("en", found.key, **found.values)
    assert say("ja", found.key, **found.values)


@pytest.mark.parametrize(("count", "shown"), [(1, 1), (43.2, 43), (99.4, 99), (104, 100), (243, 240), (1437, 1400)])
def test_numbers_of_labels_have_two_digits(count: float, shown: int) -> None:
    assert round_labels(count) == shown


def test_the_best_with_the_fewest_labels_stands_first_and_who_saw_all_labels_is_named() -> None:
    found = labels_section(Judged(ROWS, [match(243.0, 181, 328)]))  # type: ignore[arg-type]
    assert found is not None
    assert found["models"] == ["byol", "random"]
    assert [one.key for one in found["sentences"]] == ["labels_match", "labels_seen"]
    assert found["sentences"][1].values["models"] == ["sup"]
    assert found["sizes"] == [40, 212, 2000]
    assert labels_section(Judged([])) is None  # type: ignore[arg-type]


def test_the_leader_is_drawn_wherever_it_begins() -> None:
    others = [row for number in range(7) for row in curve(f"m{number}", [60 + number, 65, 68])]
    figure = draw_labels(Judged([*curve("byol", [40, 66, 80]), *others]), "en")  # type: ignore[arg-type]
    assert figure is not None
    lines = figure["data"][6:]
    assert [line["y"][0] for line in lines] == [66, 65, 64, 63, 62, 40]


def test_the_figure_holds_lines_and_bands() -> None:
    figure = draw_labels(Judged(ROWS), "en")  # type: ignore[arg-type]
    assert figure is not None
    bands, lines = figure["data"][:2], figure["data"][2:]
    assert bands[0]["y"] == [66, 70, 75, 66, 61, 57]  # of byol: upper ends, then lower ones backwards
    assert {tuple(line["y"]) for line in lines} == {(62, 66, 71), (50, 60, 70)}
    low, high = figure["layout"]["yaxis"]["range"]
    assert low < 45
    assert high > 75
    assert draw_labels(Judged([]), "en") is None  # type: ignore[arg-type]
