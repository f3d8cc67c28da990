"""Plans: every number of a method, its recipe and a plan has a range, which the message names."""

from typing import Any

import pytest

from kogen.common import registry
from kogen.config.plan import RECIPE_NUMBERS, Plan, check_method, check_settings, continued_settings, hyperparameters
from kogen.modules.base import OPTIMISERS
from kogen.options.model import validate


@pytest.mark.parametrize("method", registry.names("methods"))
def test_no_number_of_a_method_is_without_a_range(method: str):
    recipe = registry.load("methods", method).recipe
    known = {name: getattr(recipe, name) for name in RECIPE_NUMBERS} | hyperparameters(method)
    check_settings(method, known)
    numbers = {name: value for name, value in known.items() if type(value) in (int, float)}
    for name, value in numbers.items():
        beyond = [2**60, -5, 10**5000] if type(value) is int else [float("nan"), float("inf"), -0.5, 1e300, 10**5000]
        for odd in beyond:
            with pytest.raises(
                ValueError, match=rf"{method}: {name} = .*, wanted a number (from|above) [01] to [\d,]+$"
            ):
                check_settings(method, {name: odd})


@pytest.mark.parametrize(
    ("method", "settings", "message"),
    [
        ("byol", {"momentum": 1.5}, "byol: momentum = 1.5, wanted a number from 0 to 1$"),
        ("byol", {"warmup": -5}, "byol: warmup = -5, wanted a number from 0 to 1$"),
        ("byol", {"rate": 0}, "byol: rate = 0, wanted a number above 0 to 1,000,000"),
        ("byol", {"hidden": 0}, "byol: hidden = 0, wanted a number from 1 to 1,000,000"),
        ("moco_v2", {"queue": 2**60}, "queue = 1152921504606846976, wanted a number from 1 to 10,000,000"),
        ("swav", {"prototypes": 10**12}, "prototypes = 1000000000000, wanted a number from 1 to 1,000,000"),
        ("dino", {"local_crops": 10**9}, "local_crops = 1000000000, wanted a number from 0 to 100"),
        ("dino", {"warm": 0}, "dino: warm = 0, wanted a number above 0"),
        ("pcl", {"warm": 2.0}, "pcl: warm = 2.0, wanted a number from 0 to 1$"),
        ("supervised", {"smoothing": 2.0}, "smoothing = 2.0, wanted a number from 0 to 1$"),
        ("byol", {"optimiser": "adam"}, "unknown optimiser 'adam': did you mean 'adamw'"),
        ("byol", {"hidden": True}, "byol: hidden = True, wanted a whole number such as 1024"),
        ("byol", {"momentum": (1, 2)}, r"byol: momentum = \(1, 2\), wanted a number such as 0.99"),
    ],
)
def test_a_setting_out_of_its_range(method: str, settings: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=message):
        check_settings(method, settings)


def test_no_queue_at_all_is_a_choice_of_swav_alone():
    check_settings("swav", {"queue": 0})
    with pytest.raises(ValueError, match="pcl: queue = 0, wanted a number from 1"):
        check_settings("pcl", {"queue": 0})


def test_the_optimisers_are_those_that_are_made():
    from torch import nn

    from kogen.training.optimizers import make_optimiser

    for name in OPTIMISERS:
        recipe = Plan(method="byol", settings={"optimiser": name}).recipe
        assert type(make_optimiser(nn.Linear(2, 2), recipe)).__name__.lower() == name


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"epochs": 10**13}, "epochs = 10000000000000: wanted 1,000,000,000,000 or less"),
        ({"batch_size": 10**7}, "batch_size = 10000000: wanted 1,000,000 or less"),
        ({"accumulate": 10**6}, "accumulate = 1000000: wanted 100,000 or less"),
        ({"seed": 2**63}, "seed = 9223372036854775808: wanted 9,223,372,036,854,775,807 or less"),
        ({"image_size": 10**6}, "image_size = 1000000: wanted 65,536 or less"),
        ({"channels": 0}, "channels = 0: wanted 1 or more"),
        ({"images": -1}, "images = -1: wanted 0 or more"),
        ({"mean": (0.5, 0.5)}, r"mean = .*: 2 values for 3 channels"),
        ({"std": (0.5, 0.0, 1.0)}, r"std = .*: wanted numbers above 0"),
        ({"std": (float("nan"),)}, "std = nan: no number: wanted one"),
        ({"seed": True}, "seed = True: wanted a number"),
    ],
)
def test_a_plan_of_anybody_is_refused_by_name(said: dict[str, Any], message: str):
    with pytest.raises(ValueError, match=f"plan.json: {message}"):
        validate(Plan, {"method": "byol", **said}, "plan.json")


@pytest.mark.parametrize("method", registry.names("methods"))
def test_a_training_that_goes_on_has_a_tenth_of_the_rate_and_warms_up(method: str):
    scratch, begun = Plan(method=method).recipe, Plan(method=method, init="digest").recipe
    assert begun.rate == pytest.approx(scratch.rate / 10)
    assert begun.warmup == max(scratch.warmup, 0.1)
    assert (begun.optimiser, begun.weight_decay) == (scratch.optimiser, scratch.weight_decay)
    said = Plan(method=method, init="digest", settings={"rate": 0.5, "warmup": 0.0}).recipe
    assert (said.rate, said.warmup) == (0.5, 0.0)
    assert continued_settings({"rate": 0.5, "warmup": 0.0, "momentum": 0.9}) == {
        "rate": 0.05,
        "warmup": 0.1,
        "momentum": 0.9,
    }
    assert continued_settings({}) == {}


def test_detectors_are_no_method_of_a_verb_without_boxes():
    with pytest.raises(
        ValueError, match=r"'detect' trains detectors on boxes \(kogen.detection\), and this verb has none"
    ):
        check_method("detect")
