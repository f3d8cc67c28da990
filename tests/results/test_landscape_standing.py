"""Standing of runs: each reason is found, the worst one counts, and only what is known speaks against a run."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from landscapes import bowl, plane_rows, run_facts, slope

from kogen.common.alarms import Alarm, AlarmKind
from kogen.results.landscape_facts import RunStanding, Standing, TrainingFacts
from kogen.results.landscape_standing import (
    find_standings,
    judge_run,
    measure_shape,
    model_standings,
    ranked_models,
)
from kogen.results.landscape_summary import EMPTY_READINGS


def readings(run: str, **values: float) -> pd.DataFrame:
    rows = [{"metric": name, "values": [value - 0.01, value + 0.01]} for name, value in values.items()]
    return pd.DataFrame(rows).assign(run=run, model=run, objective="pretrain", error=0.0, images=64)


def stand(loss: Any = bowl, table: pd.DataFrame = EMPTY_READINGS, **facts: Any) -> RunStanding:
    """The standing of a run with this surface and these facts."""
    (found,) = find_standings([run_facts("a", **facts)], plane_rows("a", loss), table)
    return found


@pytest.mark.parametrize(
    ("facts", "wanted", "epoch"),
    [
        ({}, Standing.SOUND, None),
        ({"trained": False}, Standing.UNTRAINED, None),
        ({"status": "failed"}, Standing.BROKEN, None),
        ({"status": None}, Standing.BROKEN, None),
        ({"training": None}, Standing.UNKNOWN, None),
        ({"alarms": (Alarm(AlarmKind.RANK, 3, ""),)}, Standing.COLLAPSED, 3),
        ({"alarms": (Alarm(AlarmKind.SPREAD, 2, ""),)}, Standing.COLLAPSED, 2),
        ({"alarms": (Alarm(AlarmKind.STUCK, 4, ""),)}, Standing.STUCK, 4),
        ({"alarms": (Alarm(AlarmKind.BROKEN, None, ""),)}, Standing.BROKEN, None),
        ({"alarms": (Alarm(AlarmKind.STUCK, 1, ""), Alarm(AlarmKind.RANK, 5, ""))}, Standing.COLLAPSED, 5),
        ({"alarms": (Alarm(AlarmKind.RANK, 5, ""), Alarm(AlarmKind.SPREAD, 2, ""))}, Standing.COLLAPSED, 2),
        ({"alarms": (Alarm(AlarmKind.RANK, 5, ""),), "trained": False}, Standing.UNTRAINED, None),
    ],
)
def test_the_training_decides_first(facts: dict[str, Any], wanted: Standing, epoch: int | None):
    found = stand(**facts)
    assert (found.standing, found.epoch) == (wanted, epoch)


def test_every_kind_of_alarm_has_a_standing():
    for kind in AlarmKind:
        assert stand(alarms=(Alarm(kind, 1, ""),)).standing in (Standing.BROKEN, Standing.COLLAPSED, Standing.STUCK)


@pytest.mark.parametrize(
    ("loss", "wanted", "drop"),
    [
        (bowl, Standing.SOUND, 0.0),
        (slope, Standing.NOT_MINIMUM, 0.5),  # from 1 to 0, of a range of 2
        (lambda a, b: 5 + 0 * a, Standing.FLAT, None),
        (lambda a, b: 5 + 0.004 * a**2, Standing.FLAT, None),  # .004 of 5.004: below a thousandth
        (lambda a, b: 5 + 0.006 * a**2, Standing.SOUND, 0.0),
        (lambda a, b: np.where((a == 0) & (b == 0), np.nan, 1 + a**2), Standing.NOT_FINITE, None),
        (lambda a, b: np.where(a > 0.8, np.nan, bowl(a, b)), Standing.SOUND, 0.0),  # a hole elsewhere is a hole
        (lambda a, b: bowl(a, b) - 0.3 * (a == 1) * 1.0, Standing.SOUND, 0.0),
    ],
)
def test_the_planes_decide_too(loss: Any, wanted: Standing, drop: float | None):
    found = stand(loss)
    assert found.standing is wanted
    assert found.drop == (None if drop is None else pytest.approx(drop, abs=1e-9))


@pytest.mark.parametrize(("depth", "wanted"), [(0.21, Standing.SOUND), (0.24, Standing.NOT_MINIMUM)])
def test_a_lower_point_counts_from_a_tenth_of_the_range(depth: float, wanted: Standing):
    """One point of the rim lies `depth` below the weights, of a range of 2 + depth: .095 and .107 of it."""
    found = stand(lambda a, b: np.where((a == 1) & (b == 0), 1 - depth, bowl(a, b)))
    assert found.standing is wanted
    assert found.drop == pytest.approx(depth / (2 + depth))
    assert found.range == pytest.approx(2 + depth)
    assert found.level == pytest.approx(1)


@pytest.mark.parametrize(("fall", "wanted"), [(0.19, Standing.SOUND), (0.21, Standing.NOT_MINIMUM)])
def test_a_fall_along_the_gradient_counts_from_a_tenth_of_the_range(fall: float, wanted: Standing):
    found = stand(table=readings("a", gradient=3.0, fall=fall))
    assert found.standing is wanted
    assert found.fall == pytest.approx(fall / 2)
    assert found.gradient == pytest.approx(3.0)
    assert stand(table=readings("other", gradient=3.0, fall=9.0)).fall is None  # of another run


def test_the_median_plane_counts_and_a_not_finite_reading_speaks_against_nobody():
    surface = pd.concat(
        [plane_rows("a", bowl, plane=0), plane_rows("a", bowl, plane=1), plane_rows("a", slope, plane=2)]
    )
    (found,) = find_standings([run_facts("a")], surface, readings("a", fall=float("nan")))
    assert (found.standing, found.planes, found.drop, found.fall) == (Standing.SOUND, 3, 0.0, None)


def test_without_random_planes_the_training_alone_decides():
    surface = plane_rows("a", slope).assign(direction="between")
    (found,) = find_standings([run_facts("a", direction="between")], surface, EMPTY_READINGS)
    assert (found.standing, found.planes, found.drop) == (Standing.SOUND, 0, None)


def test_a_model_stands_as_the_worst_of_its_runs():
    runs = [
        run_facts("a0", "a"),
        run_facts("a1", "a", alarms=(Alarm(AlarmKind.RANK, 1, ""),)),
        run_facts("b0", "b", loss="one"),
        run_facts("b1", "b", loss="two"),
        run_facts("c", objective="probe", loss="linear probe"),
    ]
    found = find_standings(runs, pd.concat([plane_rows(run.run, bowl, run.model) for run in runs]), EMPTY_READINGS)
    listed = {model: [one.run for one in ones] for model, ones in model_standings(found, "pretrain").items()}
    assert listed == {"a": ["a1", "a0"], "b": ["b0", "b1"]}
    assert ranked_models(found, "pretrain") == {"b": None}  # of two losses: no unit that both have
    assert ranked_models(found, "probe") == {"c": "linear probe"}


def test_an_older_run_has_the_loss_of_its_method_or_its_own():
    assert stand(loss=bowl, training=None).loss == "own"
    older = find_standings([run_facts("a", loss=None, method="byol")], plane_rows("a", bowl), EMPTY_READINGS)
    oldest = find_standings([run_facts("a", loss=None)], plane_rows("a", bowl), EMPTY_READINGS)
    assert (older[0].loss, oldest[0].loss) == ("byol", "a")


def test_a_tenth_is_no_descent_and_a_run_of_unknown_shape_is_sound():
    known: dict[str, Any] = {"planes": 1, "level": 1.0, "range": 2.0, "drop": 0.1, "fall": None}
    done = TrainingFacts("done", True, [])
    assert judge_run(done, known) == (Standing.SOUND, None)
    assert judge_run(done, known | {"drop": 0.1001})[0] is Standing.NOT_MINIMUM
    assert judge_run(done, known | {"drop": 0.0, "fall": 0.1}) == (Standing.SOUND, None)
    assert judge_run(done, known | {"drop": 0.0, "fall": 0.11})[0] is Standing.NOT_MINIMUM
    assert judge_run(done, known | {"planes": 0, "level": None, "drop": None}) == (Standing.SOUND, None)
    assert judge_run(done, known | {"level": None, "drop": None})[0] is Standing.NOT_FINITE
    assert judge_run(done, known | {"drop": None})[0] is Standing.FLAT


def test_of_two_alarms_of_one_kind_the_first_epoch_is_said_and_none_only_where_nobody_knows_it():
    def epoch(*epochs: int | None) -> int | None:
        alarms = [Alarm(AlarmKind.BROKEN, one, "") for one in epochs]
        return judge_run(
            TrainingFacts("failed", True, alarms), {"planes": 0, "level": None, "drop": None, "fall": None}
        )[1]

    assert epoch(5, 2) == 2
    assert epoch(None, 5) == 5
    assert epoch(None) is None
    assert epoch(0, 5) == 0


def test_flat_planes_among_others_have_no_drop():
    surface = pd.concat(
        [plane_rows("a", loss, plane=i) for i, loss in enumerate((slope, slope, lambda a, b: 1 + 0 * a))]
    )
    found = measure_shape(surface)
    assert (found["planes"], found["range"], found["drop"]) == (3, pytest.approx(2), pytest.approx(0.5))
    assert measure_shape(None) == {"planes": 0, "level": None, "range": None, "drop": None}
    hole = measure_shape(plane_rows("a", lambda a, b: np.where((a == 0) & (b == 0), np.nan, 1.0)))
    assert hole == {"planes": 1, "level": None, "range": None, "drop": None}
