"""What more images bring: sentences from hand-made answers, who is not in the curves, the figure and its bands."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from kogen.common.metric_facts import ACCURACY
from kogen.reporting.study.evidence import ModelCost
from kogen.reporting.study.pool_section import draw_pools, pools_section
from kogen.reporting.words import say
from kogen.results.answers.pool_curves import Growth, PoolCurves, PoolGain, PoolValue


@dataclass
class Decided:
    leader: str = "byol"
    margin: float = 1.0
    metric: Any = ACCURACY


@dataclass
class Judged:
    """What the section reads of a verdict."""

    pools: PoolCurves | None
    reference: str = "test"
    metric: Any = ACCURACY
    judgement: Any = field(default_factory=Decided)
    methods: dict[str, str] = field(
        default_factory=lambda: {
            "byol": "byol",
            "simclr": "simclr",
            "random": "random",
            "sup": "supervised",
            "hub": "dino",
        }
    )
    costs: list[ModelCost] = field(
        default_factory=lambda: [ModelCost(name, 3, 1.0, 1e4, 100.0, None) for name in ("byol", "simclr", "sup")]
    )


def curve(model: str, values: list[float], dataset: str = "test", alarmed: int = 0) -> list[PoolValue]:
    sizes = zip(["10%", "30%", ""], [200.0, 600.0, 2000.0], values, strict=True)
    return [
        PoolValue(dataset, model, pool, images, 3, value, value, value - 5, value + 4, alarmed * (pool == "10%"))
        for pool, images, value in sizes
    ]


def gain(growth: Growth, model: str = "byol", less: float = 600.0) -> PoolGain:
    return PoolGain("test", model, "30%", "", less, 2000.0, 3, 2.1, 0.4, 3.8, growth)


def words(judged: Any, lang: str = "en") -> str:
    found = pools_section(judged)
    assert found is not None
    return " ".join(say(lang, one.key, **one.values) for one in found["sentences"])


@pytest.mark.parametrize(
    ("growth", "said", "japanese"),
    [
        (
            Growth.RISING,
            "3.3 times as many images (600 to 2,000) bring byol 2.1 points (0.4 to 3.8): still rising.",
            "まだ伸びています",
        ),
        (Growth.FLAT, "bring byol 2.1 points (0.4 to 3.8): flat, within the 1.0 points that matter.", "頭打ちです"),
        (Growth.FALLING, "byol changes by 2.1 points (0.4 to 3.8): it gets worse", "悪くなります"),
        (
            Growth.UNKNOWN,
            "byol changes by 2.1 points (0.4 to 3.8): whether it is still rising cannot be told.",
            "分かりません",
        ),
    ],
)
def test_each_answer_has_its_sentence(growth: Growth, said: str, japanese: str) -> None:
    judged = Judged(PoolCurves(curve("byol", [60, 70, 72]), [gain(growth)]))
    assert said in words(judged)
    assert japanese in words(judged, "ja")


def test_a_whole_number_of_times_is_written_without_decimals() -> None:
    judged = Judged(PoolCurves(curve("byol", [60, 70, 72]), [gain(Growth.RISING, less=1000.0)]))
    assert words(judged).startswith("2 times as many images (1,000 to 2,000) bring byol")


def test_who_is_not_in_the_curves_is_said_with_the_reason_and_alarms_are_named() -> None:
    other = [gain(Growth.UNKNOWN, "line2 only")]
    values = [*curve("byol", [60, 70, 72], alarmed=2), *curve("byol", [1, 2, 3], "line 2")]
    judged = Judged(PoolCurves(values, [gain(Growth.RISING), *other]))
    found = pools_section(judged)  # type: ignore[arg-type]
    assert found is not None
    assert [one.key for one in found["sentences"]] == ["pools_rising", "pools_alarmed", "pools_left", "pools_torn"]
    assert found["sentences"][2].values["models"] == ["random", "sup", "hub"]
    assert found["sentences"][3].values["models"] == ["simclr"]
    assert "Runs of byol on 200 images that raised an alarm, such as a collapse: 2 of 3;" in words(judged)
    assert words(judged, "ja")
    assert found["sizes"] == [200, 600, 2000]
    assert found["cells"]["byol", 2000].value == 72
    assert pools_section(Judged(None)) is None  # type: ignore[arg-type]


def test_the_model_that_is_best_with_all_images_stands_first() -> None:
    values = [*curve("byol", [60, 70, 72]), *curve("simclr", [65, 71, 75])]
    judged = Judged(PoolCurves(values, [gain(Growth.FLAT), gain(Growth.RISING, "simclr")]))
    found = pools_section(judged)  # type: ignore[arg-type]
    assert found is not None
    assert found["models"] == ["simclr", "byol"]
    assert [one.key for one in found["sentences"]][:2] == ["pools_rising", "pools_flat"]


def test_the_figure_holds_lines_and_bands() -> None:
    figure = draw_pools(Judged(PoolCurves(curve("byol", [60, 70, 72]), [gain(Growth.RISING)])), "en")  # type: ignore[arg-type]
    assert figure is not None
    band, line = figure["data"]
    assert line["x"] == [200, 600, 2000]
    assert line["y"] == [60, 70, 72]
    assert band["y"] == [64, 74, 76, 67, 65, 55]
    assert figure["alt"] == "accuracy by the number of images: byol."
    assert draw_pools(Judged(None), "en") is None  # type: ignore[arg-type]
