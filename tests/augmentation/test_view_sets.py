"""Sets of views: what the ready-made ones hold, how settings change them, and what their operations are."""

from dataclasses import replace
from typing import Any

import pytest
import torch

from kogen.augmentation import view_sets
from kogen.augmentation.view_sets import OPERATIONS, keep_only, leave_out, operations_of, view_set
from kogen.augmentation.views import View, render
from kogen.common.rng import StepRng


def pictures(channels: int) -> torch.Tensor:
    return (torch.rand(6, channels, 32, 32, generator=torch.Generator().manual_seed(0)) * 255).to(torch.uint8)


def test_natural_is_byols_pair() -> None:
    first, second = view_set("natural", 224)
    assert (first.crop, first.jitter, first.gray, first.flip) == ((0.08, 1.0), 0.8, 0.2, 0.5)
    assert (first.brightness, first.contrast, first.saturation, first.hue) == (0.4, 0.4, 0.2, 0.1)
    assert (first.blur, second.blur, first.solarize, second.solarize) == (1.0, 0.1, 0.0, 0.2)
    assert (first.kernel, replace(first, size=32).kernel, replace(first, size=96).kernel) == (23, 3, 9)
    small = view_set("natural", 32)
    assert [(v.crop, v.blur) for v in small] == [((0.2, 1.0), 0.0)] * 2
    gray = view_set("natural", 224, channels=1)
    assert [(v.hue, v.saturation, v.gray) for v in gray] == [(0, 0, 0)] * 2


@pytest.mark.parametrize("name", view_sets.VIEW_SETS)
@pytest.mark.parametrize("channels", [1, 3, 5])
def test_every_set_renders(name: str, channels: int) -> None:
    pixels = pictures(channels)
    for i, view in enumerate(view_set(name, 32, channels=channels, mean=(0.5,) * channels, std=(0.5,) * channels)):
        out = render(pixels, view, StepRng(0, 0, 6), tag=str(i))
        assert out.abs().max() <= 1
        assert out.std() > 0.05
    if name == "inspection":
        assert all(
            v.hue == v.saturation == v.solarize == v.blur == 0 and v.noise and v.light for v in view_set(name, 32)
        )


def test_operations_stand_in_their_order_and_only_where_they_happen() -> None:
    assert operations_of(view_set("natural", 224)) == ("crop", "flip", "tone", "colour", "gray", "blur", "solarize")
    assert operations_of(view_set("natural", 32, channels=1)) == ("crop", "flip", "tone", "solarize")
    assert operations_of((View(size=8), View(size=8, brightness=0.4))) == ()  # a jitter without a probability


@pytest.mark.parametrize("name", view_sets.VIEW_SETS)
def test_without_and_only_part_the_operations(name: str) -> None:
    pair = view_set(name, 224)
    for operation in operations_of(pair):
        left, alone = (view_set(f"{name}?{choice}={operation}", 224) for choice in ("without", "only"))
        assert operations_of(left) == tuple(one for one in operations_of(pair) if one != operation)
        assert operations_of(alone) == (operation,)
        for whole, one, other in zip(pair, left, alone, strict=True):
            off = OPERATIONS[operation]
            assert one == replace(whole, **off)
            assert {key: getattr(other, key) for key in off} == {key: getattr(whole, key) for key in off}
    assert operations_of(view_set(f"{name}?only=nothing", 224)) == ()
    several = ",".join(operations_of(pair)[:2])
    assert operations_of(view_set(f"{name}?without={several}", 224)) == operations_of(pair)[2:]


def test_choices_add_up() -> None:
    for spec, left in (("natural?without=flip", {"crop", "gray"}), ("natural?only=crop,gray,flip", {"crop", "gray"})):
        found = operations_of(view_set(leave_out(spec, ["flip"]), 32))
        assert set(found) & {"crop", "gray", "flip"} == left
        assert leave_out(spec, ["crop"]).count("without=") == 1
        assert operations_of(view_set(keep_only(leave_out(spec, ["gray"]), "crop"), 32)) == ("crop",)
        assert operations_of(view_set(keep_only(spec, "nothing"), 32)) == ()
    assert leave_out("natural", ["flip"]) == "natural?without=flip"
    assert leave_out("natural?blur=1", ["flip", "gray"]) == "natural?blur=1&without=flip,gray"


def test_what_is_left_out_changes_no_other_draw() -> None:
    pixels, rng = pictures(3), StepRng(0, 0, 6)
    with_flip, bare = (view_set(f"natural?only={one}", 32)[0] for one in ("flip", "nothing"))
    there, here = (render(pixels, view, rng, tag="0") for view in (with_flip, bare))
    for one, other in zip(there, here, strict=True):
        assert torch.equal(one, other) or torch.equal(one, other.flip(-1))


@pytest.mark.parametrize(
    ("spec", "first", "second"),
    [
        ("natural?crop=0.5,1", {"crop": (0.5, 1)}, {"crop": (0.5, 1)}),
        ("natural?crop=None", {"crop": None}, {"crop": None}),
        ("natural?first_blur=0&second_blur=0.3", {"blur": 0}, {"blur": 0.3}),
        ("inspection?flip_vertical=0&quarter_turns=false", {"flip_vertical": 0}, {"quarter_turns": False}),
        ("natural?solarize=0.1&without=gray", {"solarize": 0.1, "gray": 0}, {"solarize": 0.1, "gray": 0}),
    ],
)
def test_settings_change_both_views_or_one(spec: str, first: dict[str, Any], second: dict[str, Any]) -> None:
    for view, wanted in zip(view_set(spec, 224), (first, second), strict=True):
        assert {name: getattr(view, name) for name in wanted} == wanted


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("naturel", "unknown set of views 'naturel': did you mean 'natural'"),
        ("natural?first_blurr=0", r"natural\?first_blurr=0: a view has no setting 'first_blurr': did you mean 'blur'"),
        ("natural?size=4", "a view has no setting 'size'"),
        ("natural?first=4", "a view has no setting 'first'"),
        ("natural?flip=2", r"natural\?flip=2: a view wants a probability flip in \[0, 1\]; got 2"),
        ("natural?flip=often", "flip = 'often', wanted a number"),
        ("natural?flip=true", "flip = True, wanted a number"),
        ("natural?quarter_turns=1", "quarter_turns = 1, wanted true or false"),
        ("natural?crop=0.5", "crop = 0.5, wanted two numbers, low,high"),
        ("natural?without=flap", "no operation 'flap' to leave out: did you mean 'flip'"),
        ("natural?only=noise", "no operation 'noise' to keep"),
        ("natural?without=", r"natural\?without=: without= names no operation"),
        ("natural?only=", "only= names no operation"),
        ("natural?without=nothing", "no operation 'nothing' to leave out"),
    ],
)
def test_settings_that_are_none_are_refused(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        view_set(spec, 32)
