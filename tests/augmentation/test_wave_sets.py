"""Sets of views of series: what they hold and leave alone, how settings change them, what kind each set is for."""

from dataclasses import fields, replace
from pathlib import Path

import pytest
import torch

from kogen.augmentation.view_sets import VIEW_SETS, kind_of_views, operations_of, view_set
from kogen.augmentation.wave_sets import WAVE_OPERATIONS, WAVE_SETS
from kogen.augmentation.waves import Wave, evaluation_wave, render_waves
from kogen.common import plugins
from kogen.common.rng import StepRng
from kogen.options.view_files import resolve_views


def windows(channels: int = 3) -> torch.Tensor:
    return torch.randn(64, channels, 100, generator=torch.Generator().manual_seed(0))


def test_each_set_leaves_alone_what_carries_its_label() -> None:
    vibration, motion, process = (set(operations_of(view_set(name, 64))) for name in ("vibration", "motion", "process"))
    assert not vibration & {"time_warp", "permute", "drift", "magnitude_warp"}
    assert not process & {"permute", "scale", "magnitude_warp", "mask_frequency"}
    assert "drift" in process
    assert {"time_warp", "permute", "magnitude_warp"} <= motion
    assert "flip_sign" not in vibration | motion | process
    assert view_set("vibration", 64)[0].crop[0] >= 0.8  # frequencies move by a quarter at most


@pytest.mark.parametrize("name", WAVE_SETS)
@pytest.mark.parametrize("channels", [1, 3, 6])
def test_every_set_renders_and_changes_what_it_shows(name: str, channels: int) -> None:
    pair = view_set(name, 80, channels=channels, mean=(0.0,) * channels, std=(1.0,) * channels)
    assert [type(view) for view in pair] == [Wave, Wave]
    out = render_waves(windows(channels), pair, StepRng(0, 0, 64), tags=["0", "1"])
    assert not torch.allclose(out[0], out[1], atol=0.1)
    assert ("drop_channel" in operations_of(pair)) == (channels > 1)


@pytest.mark.parametrize("name", WAVE_SETS)
def test_without_and_only_part_the_operations(name: str) -> None:
    pair = view_set(name, 64)
    for operation in operations_of(pair):
        left, alone = (view_set(f"{name}?{choice}={operation}", 64) for choice in ("without", "only"))
        assert operations_of(left) == tuple(one for one in operations_of(pair) if one != operation)
        assert operations_of(alone) == (operation,)
        assert left[0] == replace(pair[0], **WAVE_OPERATIONS[operation])
    nothing = view_set(f"{name}?only=nothing", 64)
    assert nothing == (evaluation_wave(64), evaluation_wave(64))


def test_operations_are_all_fields_in_their_order() -> None:
    own = [field.name for field in fields(Wave) if field.name not in ("size", "mean", "std")]
    assert list(WAVE_OPERATIONS) == own
    assert [list(off) for off in WAVE_OPERATIONS.values()] == [[name] for name in own]


def test_settings_change_both_views_or_one() -> None:
    first, second = view_set("motion?permute=0&first_noise=0.5&crop=0.3,0.6", 64)
    assert (first.permute, second.permute, first.noise, second.noise) == (0, 0, 0.5, 0.1)
    assert first.crop == second.crop == (0.3, 0.6)
    assert view_set("vibration?flip_sign=0.5", 64)[1].flip_sign == 0.5


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ("vibrations", "unknown set of views 'vibrations': did you mean 'vibration'"),
        ("motion?flip=0.5", r"motion\?flip=0.5: a view has no setting 'flip': did you mean 'flip_sign'"),
        ("motion?permut=2", "no setting 'permut': did you mean 'permute'"),
        ("motion?permute=2.5", "permute = 2.5, wanted a whole number"),
        ("motion?permute=true", "permute = True, wanted a whole number"),
        ("motion?dropout=2", r"motion\?dropout=2: a view of series wants a share dropout in \[0, 1\]; got 2"),
        ("motion?crop=0.5", "crop = 0.5, wanted two numbers, low,high"),
        ("process?without=permute", "no operation 'permute' to leave out"),
        ("natural?time_warp=0.2", "a view has no setting 'time_warp'"),
    ],
)
def test_settings_that_are_none_are_refused(spec: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        view_set(spec, 32)


OWN = """
from kogen.extend import View, Wave

def shaken(size):
    return Wave(size=size, noise=0.5), Wave(size=size)

def mixed(size):
    return Wave(size=size), View(size=size)
"""


def test_the_kind_of_a_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plugins, "OPENED", {})
    assert {kind_of_views(name) for name in VIEW_SETS} == {"image"}
    assert {kind_of_views(f"{name}?only=nothing") for name in WAVE_SETS} == {"series"}
    with pytest.raises(ValueError, match="unknown set of views 'motions': did you mean 'motion'"):
        kind_of_views("motions")
    (tmp_path / "mine.py").write_text(OWN)
    for name in ("shaken", "mixed"):
        plugins.open_spec("views", f"{tmp_path / 'mine.py'}:{name}")
    assert kind_of_views("shaken?noise=0.2") == "series"
    first, second = view_set("shaken?second_drift=0.3", 50, channels=2, mean=(0.0, 1.0), std=(1.0, 2.0))
    assert first == Wave(size=50, noise=0.5, mean=(0.0, 1.0), std=(1.0, 2.0))
    assert (second.drift, second.noise) == (0.3, 0.0)
    with pytest.raises(ValueError, match=r"the set of views 'mixed' returned .* or two Wave for series"):
        kind_of_views("mixed")


def test_a_file_of_settings(tmp_path: Path) -> None:
    file = tmp_path / "mine.toml"
    file.write_text('views = "motion"\nwithout = ["permute"]\ncrop = [0.6, 1.0]\n[second]\nnoise = 0.4\n')
    first, second = view_set(resolve_views(str(file)), 64)
    assert (first.permute, first.crop, first.noise, second.noise) == (0, (0.6, 1.0), 0.1, 0.4)
