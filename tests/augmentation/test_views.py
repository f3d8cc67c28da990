"""Views: every operation against torchvision on single images, the distribution of crops, what must never change."""

from dataclasses import replace

import pytest
import torch
import torchvision.transforms as T
import torchvision.transforms.v2.functional as tv
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from kogen.augmentation import crop, ops, views
from kogen.augmentation.pixel_rng import box_muller_normal
from kogen.augmentation.view_sets import view_set
from kogen.augmentation.views import StepRng, View, evaluation_view, render

SIZES = (32, 80)  # below and above crop.LARGE, from which a CPU resizes one by one


def images(count: int = 6, channels: int = 3, height: int = 32, width: int | None = None, seed: int = 0) -> Tensor:
    """Smooth pictures with noise upon them, and with black, white and gray spots, float in [0, 1]."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.rand(count, channels, 4, 4, generator=generator)
    fine = torch.nn.functional.interpolate(coarse, (height, width or height), mode="bilinear")
    fine = (fine + 0.2 * torch.randn(fine.shape, generator=generator)).clamp(0, 1)
    fine[:, :, 0, :3] = torch.tensor([0.0, 0.5, 1.0])
    return fine


def uint8(values: Tensor) -> Tensor:
    return (values * 255).round().to(torch.uint8)


def uint16(values: Tensor) -> Tensor:
    return (values * 65535).round().to(torch.int32).to(torch.uint16)


def everything(size: int, channels: int = 3) -> View:
    """A view in which each operation happens to some of the images."""
    return View(
        size=size, crop=(0.1, 1.0), flip=0.5, flip_vertical=0.5, quarter_turns=True, rotate=20, light=0.4, jitter=0.8,
        brightness=0.4, contrast=0.4, saturation=0.4, hue=0.3, gray=0.3, blur=0.5, solarize=0.3, noise=0.1,
        mean=(0.5,) * channels, std=(0.2,) * channels,
    )  # fmt: skip


# ---- each operation against torchvision's, image by image


@pytest.mark.parametrize("side", SIZES)
@pytest.mark.parametrize("size", [24, 32, 100])
@pytest.mark.parametrize("kind", ["uint8", "uint16", "float"])
def test_resampling_is_torchvisions_resized_crop(side: int, size: int, kind: str) -> None:
    pixels = images(height=side, width=side + 9)
    pixels = {"uint8": uint8, "uint16": uint16, "float": lambda x: x}[kind](pixels)
    box = torch.tensor(
        [[0, 0, side, side + 9], [3, 5, 20, 9], [1, 2, 9, 30], [side - 1, 0, 1, 1], [0, 7, 2, 3], [9, 9, 16, 16]]
    )
    none = torch.zeros(6, dtype=torch.bool)
    out = crop.resample(pixels, box, size, (none, none))
    for image, (top, left, h, w), got in zip(pixels, box.tolist(), out, strict=True):
        if not (kind == "uint8" and side == 80):  # large uint8 images go torchvision's road for uint8, which rounds
            image = image.float() / {"uint8": 255, "uint16": 65535, "float": 1}[kind]
        wanted = tv.resized_crop(image, top, left, h, w, [size, size], tv.InterpolationMode.BICUBIC, antialias=True)
        if wanted.dtype == torch.uint8:
            assert (got * 255 - wanted.float()).abs().max() <= 1.01  # one step: torch has two programs for uint8
        else:
            torch.testing.assert_close(got, wanted.clamp(0, 1), atol=2e-5, rtol=0)


@pytest.mark.parametrize("side", SIZES)
def test_flips(side: int) -> None:
    pixels = images(4, height=side)
    box = torch.tensor([[2, 3, 20, 25]] * 4)
    up, sideways = torch.tensor([0, 0, 1, 1]).bool(), torch.tensor([0, 1, 0, 1]).bool()
    none = torch.zeros(4, dtype=torch.bool)
    out, straight = crop.resample(pixels, box, 16, (up, sideways)), crop.resample(pixels, box, 16, (none, none))
    wanted = [straight[0], tv.horizontal_flip(straight[1]), tv.vertical_flip(straight[2])]
    wanted.append(tv.vertical_flip(tv.horizontal_flip(straight[3])))
    torch.testing.assert_close(out, torch.stack(wanted), atol=1e-6, rtol=0)


FACTOR = torch.tensor([0.0, 0.3, 0.8, 1.0, 1.3, 2.0])
ZERO = torch.zeros(6)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", ["brightness", "contrast", "saturation"])
def test_tones_are_torchvisions(name: str, channels: int) -> None:
    if name == "saturation" and channels == 1:
        pytest.skip("one channel has no saturation; jitter leaves it out, see test_jitter")
    keep_gray_mean = {
        "brightness": (FACTOR, ZERO, ZERO),
        "contrast": (FACTOR, ZERO, 1 - FACTOR),
        "saturation": (FACTOR, 1 - FACTOR, ZERO),
    }[name]
    out = ops.adjust_tone(images(channels=channels), *keep_gray_mean)
    wanted = [
        getattr(tv, f"adjust_{name}")(x, float(f)) for x, f in zip(images(channels=channels), FACTOR, strict=True)
    ]
    torch.testing.assert_close(out, torch.stack(wanted), atol=2e-4, rtol=0)  # torchvision's luma sums to .9999


def test_gray_is_torchvisions() -> None:
    out = ops.adjust_tone(images(), ZERO, torch.ones(6), ZERO)
    torch.testing.assert_close(out, tv.rgb_to_grayscale(images(), 3), atol=1e-6, rtol=0)


def test_hue_is_torchvisions() -> None:
    turn = torch.tensor([-0.5, -0.2, -0.01, 0.1, 0.33, 0.5])
    corners = torch.cartesian_prod(*[torch.tensor([0.0, 0.5, 1.0])] * 3).T.reshape(3, 3, 9)  # every tie of channels
    for pixels in (images(), corners.expand(6, 3, 3, 9).clone()):
        wanted = torch.stack([tv.adjust_hue(x, float(t)) for x, t in zip(pixels, turn, strict=True)])
        torch.testing.assert_close(ops.shift_hue(pixels, turn), wanted, atol=2e-5, rtol=0)


@pytest.mark.parametrize("channels", [1, 3, 5])
def test_jitter_takes_each_image_in_its_own_order(channels: int) -> None:
    orders = torch.cartesian_prod(*[torch.arange(4)] * 4)
    orders = orders[(orders.sort(1)[0] == torch.arange(4)).all(1)]  # (24, 4), all permutations
    generator = torch.Generator().manual_seed(3)
    factors = torch.rand(24, 4, generator=generator) * torch.tensor([1.0, 1.0, 1.0, 0.8]) + torch.tensor(
        [0.5, 0.5, 0.5, -0.4]
    )
    out = ops.jitter(images(24, channels), factors, orders)
    for image, factor, order, got in zip(images(24, channels), factors.tolist(), orders.tolist(), out, strict=True):
        for step in order:
            if channels == 3:
                adjust = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)[step]
                image = adjust(image, factor[step])
            elif step == 0:
                image = (image * factor[0]).clamp(0, 1)
            elif step == 1:
                image = (image * factor[1] + (1 - factor[1]) * image.mean()).clamp(0, 1)
        torch.testing.assert_close(got, image, atol=1e-3, rtol=0)


@pytest.mark.parametrize(
    ("height", "width", "kernel"), [(32, 32, 3), (40, 33, 9), (90, 100, 23), (9, 80, 9), (100, 64, 3)]
)
def test_blur_is_torchvisions(height: int, width: int, kernel: int) -> None:
    sigma = torch.tensor([0.1, 0.4, 0.8, 1.0, 1.5, 2.0])
    pixels = images(height=height, width=width)
    wanted = [tv.gaussian_blur(x, [kernel, kernel], [float(s)] * 2) for x, s in zip(pixels, sigma, strict=True)]
    torch.testing.assert_close(ops.blur(pixels, sigma, kernel), torch.stack(wanted), atol=2e-4, rtol=0)
    one = ops.blur(pixels[1:2], sigma[1:2], kernel)  # a small sigma alone takes fewer taps
    torch.testing.assert_close(one[0], wanted[1], atol=2e-4, rtol=0)


def test_blur_leaves_an_image_of_one_pixel_alone() -> None:
    assert torch.equal(
        ops.blur(images(height=1, width=3)[..., :1], torch.ones(6), 3), images(height=1, width=3)[..., :1]
    )


def test_solarize_is_torchvisions() -> None:
    whole = torch.arange(256, dtype=torch.uint8).reshape(1, 1, 16, 16)
    out = ops.solarize(whole.float() / 255)
    torch.testing.assert_close(out, tv.solarize(whole, 128).float() / 255, atol=1e-6, rtol=0)
    torch.testing.assert_close(ops.solarize(images()), tv.solarize(images(), 0.5), atol=1e-6, rtol=0)


def test_quarter_turns_and_rotation_are_torchvisions() -> None:
    turns = torch.tensor([0, 1, 2, 3, 1, 0])
    wanted = torch.stack([torch.rot90(x, int(k), (1, 2)) for x, k in zip(images(), turns, strict=True)])
    assert torch.equal(ops.quarter_turns(images(), turns), wanted)
    degrees = torch.tensor([0.0, 10.0, -25.0, 45.0, 90.0, 133.0])
    y, x = torch.meshgrid(torch.linspace(-1, 1, 32), torch.linspace(-1, 1, 32), indexing="ij")
    inside = (x**2 + y**2) < 0.9  # the disc that any rotation keeps within the image
    for image, angle, got in zip(images(), degrees, ops.rotate(images(), degrees), strict=True):
        wanted = tv.rotate(image, float(angle), tv.InterpolationMode.BILINEAR)
        torch.testing.assert_close(got[:, inside], wanted[:, inside], atol=1e-4, rtol=0)


def test_light_is_a_ramp_from_one_corner_to_the_other() -> None:
    flat = torch.full((2, 1, 9, 9), 0.5)
    out = ops.apply_light(flat, torch.tensor([0.4, 0.4]), torch.tensor([0.0, torch.pi / 4]))
    torch.testing.assert_close(out[0, 0, 4], 0.5 * (1 + 0.4 * torch.linspace(-1, 1, 9)))
    assert out[1, 0, 0, 0].item() == pytest.approx(0.3)
    assert out[1, 0, 8, 8].item() == pytest.approx(0.7)
    assert out[1, 0, 4, 4].item() == pytest.approx(0.5)


def test_noise_is_normal_independent_and_of_the_wanted_size() -> None:
    drawn = box_muller_normal(torch.arange(200, dtype=torch.int32), 3001)  # (200, 3001)
    assert abs(drawn.mean()) < 0.005
    assert abs(drawn.std() - 1) < 0.005
    assert abs((drawn**4).mean() - 3) < 0.05
    assert (
        torch.corrcoef(drawn).fill_diagonal_(0).abs().max() < 0.1
    )  # between seeds: 5.5 standard errors of 1/sqrt(3001)
    for step in (1, 2, 32, 1500, 1501):  # along an image, the two halves of a pair included
        assert abs((drawn[:, step:] * drawn[:, :-step]).mean()) < 0.01
    gray = torch.full((2, 3, 40, 40), 0.5)
    out = ops.add_noise(gray, torch.tensor([0.0, 0.05]), torch.tensor([1, 2], dtype=torch.int32))
    assert torch.equal(out[0], gray[0])
    assert out[1].std().item() == pytest.approx(0.05, rel=0.05)


# ---- the crop's distribution


def test_random_boxes_are_distributed_as_torchvisions() -> None:
    count, height, width = 4000, 60, 90
    rng = StepRng(0, 0, count)
    got = crop.random_boxes(
        rng.uniform("a", crop.TRIES, 2),
        rng.uniform("b", 2),
        torch.full((count,), 1.5),
        (height, width),
        (0.08, 1),
        (3 / 4, 4 / 3),
    ).double()
    torch.manual_seed(0)
    blank = torch.empty(3, height, width)
    theirs = [T.RandomResizedCrop.get_params(blank, [0.08, 1.0], [3 / 4, 4 / 3]) for _ in range(count)]
    wanted = torch.tensor(theirs).double()
    for column in range(4):
        points = torch.arange(91.0).double()
        cdf = [(values[:, column, None] <= points).double().mean(0) for values in (got, wanted)]
        assert (cdf[0] - cdf[1]).abs().max() < 1.95 * (2 / count) ** 0.5  # Kolmogorov-Smirnov at 0.001
    assert (got[:, 0] + got[:, 2] <= height).all()
    assert (got[:, 1] + got[:, 3] <= width).all()


def test_a_squeezed_image_is_cropped_in_its_true_geometry() -> None:
    count = 500
    rng = StepRng(1, 0, count)
    tries, place = rng.uniform("a", crop.TRIES, 2), rng.uniform("b", 2)
    true = crop.random_boxes(tries, place, torch.full((count,), 2.0), (100, 200), (0.1, 0.4), (3 / 4, 4 / 3)).float()
    stored = crop.random_boxes(tries, place, torch.full((count,), 2.0), (100, 100), (0.1, 0.4), (3 / 4, 4 / 3)).float()
    assert ((stored * torch.tensor([1.0, 2.0, 1.0, 2.0])) - true).abs().max() <= 3  # the same boxes, up to rounding
    ratio = true[:, 3] / true[:, 2]
    assert ratio.min() > 0.72
    assert ratio.max() < 1.37


def test_a_box_that_never_fits_becomes_the_centre_of_an_allowed_ratio() -> None:
    never = torch.full((2, crop.TRIES, 2), 0.999)
    boxes = crop.random_boxes(never, torch.rand(2, 2), torch.tensor([10.0, 0.1]), (40, 40), (0.9, 1.0), (3 / 4, 4 / 3))
    assert boxes.tolist() == [[0, 17, 40, 5], [17, 0, 5, 40]]  # 40 * (4/3) / 10 columns, 40 * 0.1 / (3/4) rows
    wide = crop.random_boxes(never, torch.rand(2, 2), torch.ones(2), (40, 40), (1.0, 1.0), (1.5, 1.5))
    assert wide.tolist()[0] == [6, 0, 27, 40]
    theirs = T.RandomResizedCrop.get_params(torch.empty(3, 40, 40), [1.0, 1.0], [1.5, 1.5])
    assert list(theirs) == wide.tolist()[0]


def test_plain_sees_the_whole() -> None:
    pixels = uint8(images(2, height=40, width=80))
    whole = render(pixels, evaluation_view(20), StepRng(0, 0, 2), tag="a")
    wanted = tv.resize(pixels.float() / 255, [20, 20], tv.InterpolationMode.BICUBIC, antialias=True)
    torch.testing.assert_close(whole, wanted.clamp(0, 1), atol=2e-5, rtol=0)


# ---- the whole of render


@pytest.mark.parametrize("side", SIZES)
@pytest.mark.parametrize("which", [0, 1])
def test_byols_views_are_torchvisions_operations_in_a_row(side: int, which: int) -> None:
    view = replace(view_set("natural", 224)[which], size=side, mean=(0.4, 0.5, 0.6), std=(0.2, 0.3, 0.4))
    pixels, rng = uint8(images(24, height=side)), StepRng(5, 7, 24)
    out = render(pixels, view, rng, tag="a")
    chance = views.sample_view(view, rng, "a", torch.ones(24), (side, side))
    for i, got in enumerate(out):
        top, left, h, w = chance["box"][i].tolist()
        one = pixels[i] if side == 80 else pixels[i] / 255  # large uint8 images are rounded on the way
        one = tv.resized_crop(one, top, left, h, w, [side, side], tv.InterpolationMode.BICUBIC, antialias=True)
        one = one / 255 if side == 80 else one
        one = tv.horizontal_flip(one.clamp(0, 1)) if chance["flip"][i] else one.clamp(0, 1)
        for step in chance["order"][i].tolist():
            adjust = (tv.adjust_brightness, tv.adjust_contrast, tv.adjust_saturation, tv.adjust_hue)[step]
            one = adjust(one, float(chance["factors"][i, step]))
        one = tv.rgb_to_grayscale(one, 3) if chance["gray"][i] else one
        one = tv.gaussian_blur(one, [view.kernel] * 2, [float(chance["sigma"][i])] * 2) if chance["blur"][i] else one
        one = tv.solarize(one, 0.5) if chance["solarize"][i] else one
        one = tv.normalize(one, [0.4, 0.5, 0.6], [0.2, 0.3, 0.4])
        torch.testing.assert_close(got, one, atol=0.03 if side == 80 else 2e-3, rtol=0)  # a step of 1 / 255 over std


def test_probabilities_and_strengths_are_kept() -> None:
    count = 4000
    chance = views.sample_view(everything(8), StepRng(0, 0, count), "a", torch.ones(count), (8, 8))
    for name, wanted in {"flip": 0.5, "flip_vertical": 0.5, "gray": 0.3, "blur": 0.5, "solarize": 0.3}.items():
        assert chance[name].float().mean().item() == pytest.approx(wanted, abs=0.035)
    idle = (chance["factors"] == torch.tensor([1.0, 1.0, 1.0, 0.0])).all(1)
    assert idle.float().mean().item() == pytest.approx(0.2, abs=0.03)
    moved = chance["factors"][~idle]
    for column, (low, high) in enumerate([(0.6, 1.4), (0.6, 1.4), (0.6, 1.4), (-0.3, 0.3)]):
        assert moved[:, column].min().item() == pytest.approx(low, abs=0.01)
        assert moved[:, column].max().item() == pytest.approx(high, abs=0.01)
    orders = {tuple(row) for row in chance["order"].tolist()}
    assert len(orders) == 24
    strong = views.sample_view(
        View(size=8, jitter=1.0, brightness=3.0), StepRng(0, 0, count), "a", torch.ones(count), (8, 8)
    )
    assert 0 <= strong["factors"][:, 0].min() < 0.01  # a factor is never negative


def test_an_operation_added_shifts_no_other_draw() -> None:
    few = View(size=8, crop=(0.1, 1.0), flip=0.5)
    one, other = (views.sample_view(v, StepRng(0, 0, 50), "a", torch.ones(50), (8, 8)) for v in (few, everything(8)))
    assert torch.equal(one["box"], other["box"])
    assert torch.equal(one["flip"], other["flip"])


@settings(max_examples=40, deadline=None)
@given(
    channels=st.sampled_from([1, 2, 3, 5]),
    height=st.integers(1, 70),
    width=st.integers(1, 70),
    size=st.integers(1, 40),
    count=st.integers(1, 7),
    kind=st.sampled_from([uint8, uint16, lambda x: x]),
    seed=st.integers(0, 10**9),
    squeezed=st.booleans(),
    data=st.data(),
)
def test_views_of_anything_stay_in_range_and_do_not_depend_on_their_company(
    channels, height, width, size, count, kind, seed, squeezed, data
) -> None:
    generator = torch.Generator().manual_seed(seed)
    pixels = kind(torch.rand(count, channels, height, width, generator=generator))
    aspect = torch.rand(count, generator=generator) * 3 + 0.2 if squeezed else None
    view, rng = replace(everything(size), mean=None, std=None), StepRng(seed, 3, count)
    before = pixels.clone()
    out = render(pixels, view, rng, tag="a", aspect=aspect)
    assert out.shape == (count, channels, size, size)
    assert out.dtype == torch.float32
    assert out.isfinite().all()
    assert out.min() >= 0
    assert out.max() <= 1
    assert torch.equal(pixels, before)  # what came in is as it was
    assert torch.equal(out, render(pixels, view, rng, tag="a", aspect=aspect))  # the same rng, the same pixels
    start = data.draw(st.integers(0, count - 1))
    stop = data.draw(st.integers(start + 1, count))
    part = render(
        pixels[start:stop], view, rng.part(start, stop), tag="a", aspect=None if aspect is None else aspect[start:stop]
    )
    torch.testing.assert_close(part, out[start:stop], atol=1e-5, rtol=0)
    normalised = render(
        pixels, replace(view, mean=(0.5,) * channels, std=(0.25,) * channels), rng, tag="a", aspect=aspect
    )
    torch.testing.assert_close(normalised, (out - 0.5) / 0.25, atol=1e-4, rtol=0)  # normalising comes last


@pytest.mark.parametrize("threads", [1, 2])
def test_chunks_and_threads_change_nothing_and_leave_nothing(monkeypatch: pytest.MonkeyPatch, threads: int) -> None:
    pixels, rng, before = uint8(images(40)), StepRng(0, 0, 40), torch.get_num_threads()
    whole = render(pixels, everything(32), rng, tag="a")
    monkeypatch.setattr(views, "CPU_CHUNK", 5 * 3 * 32 * 32)
    try:
        torch.set_num_threads(threads)
        torch.testing.assert_close(render(pixels, everything(32), rng, tag="a"), whole, atol=1e-5, rtol=0)
        assert torch.get_num_threads() == threads
    finally:
        torch.set_num_threads(before)


def test_the_callers_modes_do_not_matter() -> None:
    pixels, rng = uint8(images(height=80)), StepRng(0, 0, 6)
    usual = render(pixels, everything(80), rng, tag="a")
    with torch.inference_mode():
        inferred = render(pixels.clone(), everything(80), rng, tag="a")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        cast = render(uint8(images()), everything(32), rng, tag="a")
    assert torch.equal(inferred, usual)
    assert torch.equal(cast, render(uint8(images()), everything(32), rng, tag="a"))
    torch.nn.Linear(80, 1)(inferred).sum().backward()  # a view made in inference mode can be trained on


def test_views_differ_between_tags_steps_seeds_and_images() -> None:
    pixels, view = uint8(images(1).repeat(2, 1, 1, 1)), view_set("natural", 32)[0]
    first = render(pixels, view, StepRng(0, 0, 2), tag="a")
    assert not torch.equal(first[0], first[1])  # one crop for a whole batch is a trap
    for rng, tag in ((StepRng(0, 0, 2), "b"), (StepRng(0, 1, 2), "a"), (StepRng(1, 0, 2), "a")):
        assert not torch.equal(first, render(pixels, view, rng, tag=tag))


def test_luck_of_a_part_is_a_part_of_the_luck() -> None:
    rng = StepRng(3, 4, 10)
    assert torch.equal(rng.part(2, 7).uniform("x", 3), rng.uniform("x", 3)[2:7])
    assert torch.equal(rng.part(2, 9).part(1, 3).uniform("x"), rng.uniform("x")[3:5])
    assert len(rng.part(2, 7)) == 5


def test_uint16_is_seen_as_uint8_is() -> None:
    pixels = uint8(images())
    deep = (pixels.to(torch.int32) * 257).to(torch.uint16)
    view, rng = everything(24), StepRng(0, 0, 6)
    torch.testing.assert_close(render(deep, view, rng, tag="a"), render(pixels, view, rng, tag="a"), atol=1e-4, rtol=0)


def test_hue_saturation_and_gray_do_nothing_to_gray_images() -> None:
    pixels, rng = uint8(images(channels=1)), StepRng(0, 0, 6)
    colour = View(size=32, jitter=1.0, saturation=0.9, hue=0.5, gray=1.0)
    assert torch.equal(render(pixels, colour, rng, tag="a"), render(pixels, evaluation_view(32), rng, tag="a"))


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU here")
@pytest.mark.parametrize("side", SIZES)
def test_a_gpu_sees_what_a_cpu_sees(side: int) -> None:
    pixels, rng = images(16, height=side), StepRng(0, 0, 16)
    there = render(pixels.cuda(), everything(side), rng, tag="a").cpu()
    torch.testing.assert_close(there, render(pixels, everything(side), rng, tag="a"), atol=2e-3, rtol=0)


# ---- what is refused


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: View(size=0), "a size of at least 1 pixel; got 0"),
        (lambda: View(size=8, flip=1.2), r"a probability flip in \[0, 1\]; got 1.2"),
        (lambda: View(size=8, noise=-1), "a strength noise of 0 or more; got -1"),
        (lambda: View(size=8, crop=(0.5, 0.1)), "crop 0 < low <= high <= 1"),
        (lambda: View(size=8, ratio=(0, 1)), "ratio 0 < low <= high"),
        (lambda: View(size=8, hue=0.6), r"a hue in \[0, 0.5\]; got 0.6"),
        (lambda: View(size=8, sigma=(0, 1)), "sigma 0 < low <= high"),
        (lambda: View(size=8, mean=(0.5,)), "mean and std together"),
        (lambda: View(size=8, mean=(0.5,), std=(0.0,)), "std above 0"),
        (lambda: View(size=8, mean=(0.5,), std=(0.1, 0.2)), "as many values of mean as of std"),
        (
            lambda: render(images()[0], evaluation_view(8), StepRng(0, 0, 6), tag="a"),
            r"pixels \(B, C, H, W\).*got \(3, 32, 32\)",
        ),
        (lambda: render(images(), evaluation_view(8), StepRng(0, 0, 5), tag="a"), "an rng of 6 images.*got 5"),
        (
            lambda: render(images(), evaluation_view(8), StepRng(0, 0, 6), tag="a", aspect=torch.ones(5)),
            "one aspect for each of 6",
        ),
        (
            lambda: render(images(), evaluation_view(8), StepRng(0, 0, 6), tag="a", aspect=torch.zeros(6)),
            "an aspect .* above 0; got 0.0",
        ),
        (
            lambda: render(images(), evaluation_view(8, mean=(0.5,), std=(1.0,)), StepRng(0, 0, 6), tag="a"),
            "mean and std for 3 channels",
        ),
        (
            lambda: render(images().long(), evaluation_view(8), StepRng(0, 0, 6), tag="a"),
            "uint8, uint16 or float.*got torch.int64",
        ),
        (
            lambda: render(images() * 2 - 1, evaluation_view(8), StepRng(0, 0, 6), tag="a"),
            r"float pixels in \[0, 1\], not yet normalised",
        ),
    ],
)
def test_what_does_not_fit_is_refused(make, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make()


def test_a_geometric_view_moves_pixels_and_changes_no_colour():
    for view in view_set("natural", 32):
        bare = views.only_geometry(view)
        assert (bare.size, bare.crop, bare.flip) == (view.size, view.crop, view.flip)
        whole = replace(bare, crop=None, flip=0.0)
        pixels = uint8(images(4, height=32))
        assert torch.equal(
            render(pixels, whole, StepRng(0, 0, 4), tag="0"),
            render(pixels, views.evaluation_view(32), StepRng(0, 0, 4), tag="0"),
        )
