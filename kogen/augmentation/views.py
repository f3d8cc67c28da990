"""Augmentation as data: a View says what may happen, a StepRng what does, `render` does it to batches on any device."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial

import torch
from torch import Tensor

from kogen.augmentation import ops
from kogen.augmentation.crop import TRIES, Range, random_boxes, resample
from kogen.common.devices import to_device
from kogen.common.rng import StepRng
from kogen.common.threads import keep_freed_memory, serial_threads

CPU_CHUNK = 2**20  # values worked on at once: so many that Python does not matter, so few that a CPU's cache holds them
GPU_CHUNK = 2**27
PerChannel = tuple[float, ...] | None  # one value for each channel
DTYPES = (torch.uint8, torch.uint16, torch.float16, torch.bfloat16, torch.float32, torch.float64)


@dataclass(frozen=True, kw_only=True)
class View:
    """What may happen to an image on its way to a network; each probability and draw is per image.

    The order is fixed: crop, flips, rotation, light, jitter, gray, blur, solarize, noise, normalise. A number
    that stands for a range is drawn uniformly.
    """

    size: int  # pixels of the square that comes out
    crop: Range | None = None  # area share of a random box; None: the whole image
    ratio: Range = (3 / 4, 4 / 3)  # width / height of that box in the true image, drawn log-uniformly
    flip: float = 0.0  # probability of mirroring left to right
    flip_vertical: float = 0.0  # probability of mirroring upside down
    quarter_turns: bool = False  # rotate by 0, 90, 180 or 270 degrees: for surfaces without an up
    rotate: float = 0.0  # and by up to so many degrees to either side; what lies outside is mirrored in
    light: float = 0.0  # illumination gradient: a ramp of up to 1 -/+ this across the image, in any direction
    jitter: float = 0.0  # probability of the next four, in random order
    brightness: float = 0.0  # factor within 1 -/+ this, but not below 0
    contrast: float = 0.0  # likewise
    saturation: float = 0.0  # likewise; three channels only
    hue: float = 0.0  # turn of the hue by up to this share of the circle, at most 0.5; three channels only
    gray: float = 0.0  # probability of becoming gray; three channels only
    blur: float = 0.0  # probability of a Gaussian blur in a window of about size / 10
    sigma: Range = (0.1, 2.0)  # of the blur, in pixels
    solarize: float = 0.0  # probability of inverting what is brighter than a half
    noise: float = 0.0  # sensor noise: normal, of a std drawn from 0 to this for each image
    mean: PerChannel = None  # in [0, 1]; None: not normalised
    std: PerChannel = None

    def __post_init__(self) -> None:
        for name in ("flip", "flip_vertical", "jitter", "gray", "blur", "solarize"):
            require(0 <= getattr(self, name) <= 1, f"a probability {name} in [0, 1]", getattr(self, name))
        for name in ("rotate", "light", "brightness", "contrast", "saturation", "noise"):
            require(getattr(self, name) >= 0, f"a strength {name} of 0 or more", getattr(self, name))
        require(self.size >= 1, "a size of at least 1 pixel", self.size)
        require(self.crop is None or 0 < self.crop[0] <= self.crop[1] <= 1, "a crop 0 < low <= high <= 1", self.crop)
        require(0 < self.ratio[0] <= self.ratio[1], "a ratio 0 < low <= high", self.ratio)
        require(0 <= self.hue <= 0.5, "a hue in [0, 0.5]", self.hue)
        require(0 < self.sigma[0] <= self.sigma[1], "a sigma 0 < low <= high", self.sigma)
        require((self.mean is None) == (self.std is None), "mean and std together or not at all", (self.mean, self.std))
        require(self.std is None or min(self.std) > 0, "a std above 0 for each channel", self.std)
        lengths = (len(self.mean or ()), len(self.std or ()))
        require(lengths[0] == lengths[1], "as many values of mean as of std", lengths)

    @property
    def kernel(self) -> int:
        """Window of the blur in pixels: the odd number nearest to a tenth of the size, at least 3 (BYOL: 23 at 224)."""
        return max(3, 2 * round((self.size / 10 - 1) / 2) + 1)


def require(holds: bool, wanted: str, got: object) -> None:
    """Raise ValueError with what was wanted and what was got unless `holds`."""
    if not holds:
        raise ValueError(f"a view wants {wanted}; got {got!r}")


ViewParameters = dict[str, Tensor]
"""What was drawn for each image of a batch, (B, ...) each, on the CPU."""


def render(pixels: Tensor, view: View, rng: StepRng, *, tag: str, aspect: Tensor | None = None) -> Tensor:
    """One view of each image: (B, C, H, W) uint8, uint16 or float in [0, 1] to (B, C, S, S) float32, on their device.

    `tag` tells the views of one step apart. `aspect` (B,) is the true width / height where stored images are squeezed.
    ValueError where pixels, rng, aspect and view do not fit together.
    """
    return render_all(pixels, (view,), rng, tags=(tag,), aspect=aspect)[0]


@torch.inference_mode(False)  # the mode belongs to a thread, and other threads write what is made here
def render_all(
    pixels: Tensor, views: Sequence[View], rng: StepRng, *, tags: Sequence[str], aspect: Tensor | None = None
) -> list[Tensor]:
    """Several views of each image, as `render` makes each; on a CPU they are made side by side."""
    for view in views:
        check_inputs(pixels, view, rng, aspect)
    shape = (pixels.shape[2], pixels.shape[3])
    aspect = torch.full((len(pixels),), shape[1] / shape[0]) if aspect is None else aspect.detach().cpu().float()
    outs = [torch.empty(len(pixels), pixels.shape[1], v.size, v.size, device=pixels.device) for v in views]
    on_cpu = pixels.device.type == "cpu"
    keep_freed_memory()
    with serial_threads(torch.get_num_threads()) as pool:
        sampled = list(pool.map(lambda view, tag: sample_view(view, rng, tag, aspect, shape), views, tags))

        def work(job: tuple[int, slice]) -> None:
            number, part = job
            parameters = {name: values[part] for name, values in sampled[number].items()}
            with torch.no_grad(), torch.autocast(pixels.device.type, enabled=False):
                apply_view(pixels[part], views[number], parameters, out=outs[number][part])

        most = CPU_CHUNK if on_cpu else GPU_CHUNK
        jobs = [(number, part) for number, out in enumerate(outs) for part in split_batch(pixels, out, most)]
        list(pool.map(work, jobs) if on_cpu else map(work, jobs))
    return outs


def split_batch(pixels: Tensor, out: Tensor, most: int) -> list[slice]:
    """The batch in parts of equal size, of at most `most` values each."""
    fitting = max(1, most // max(out[:1].numel(), pixels[:1].numel()))
    step = math.ceil(len(pixels) / math.ceil(len(pixels) / fitting))
    return [slice(start, start + step) for start in range(0, len(pixels), step)]


def check_inputs(pixels: Tensor, view: View, rng: StepRng, aspect: Tensor | None) -> None:
    """ValueError unless pixels, view, rng and aspect fit together."""
    require(pixels.ndim == 4 and pixels.numel() > 0, "pixels (B, C, H, W), none of them 0", tuple(pixels.shape))
    require(len(rng) == len(pixels), f"an rng of {len(pixels)} images, as many as there are pixels", len(rng))
    if aspect is not None:
        require(aspect.shape == pixels.shape[:1], f"one aspect for each of {len(pixels)} images", tuple(aspect.shape))
        require(bool((aspect > 0).all()), "an aspect (width / height) above 0", float(aspect.min()))
    channels = pixels.shape[1]
    require(view.mean is None or len(view.mean) == channels, f"mean and std for {channels} channels", view.mean)
    require(pixels.dtype in DTYPES, "pixels of uint8, uint16 or float; convert them first", pixels.dtype)
    if pixels.is_floating_point():
        low, high = pixels.aminmax()
        inside = bool(low >= 0) and bool(high <= 1)
        require(inside, "float pixels in [0, 1], not yet normalised", (float(low), float(high)))


def sample_view(view: View, rng: StepRng, tag: str, aspect: Tensor, shape: tuple[int, int]) -> ViewParameters:
    """Everything random of a view; an operation that cannot happen draws nothing and changes no other draw."""

    def uniform(name: str, *more: int) -> Tensor:
        return rng.uniform(f"{tag}/{name}", *more)

    parameters = {"box": torch.tensor([0, 0, *shape]).expand(len(aspect), 4)}  # the whole image
    if view.crop is not None:
        tries, place = uniform("box", TRIES, 2), uniform("place", 2)
        parameters["box"] = random_boxes(tries, place, aspect, shape, view.crop, view.ratio)
    for name in ("flip", "flip_vertical", "gray", "blur", "solarize"):
        parameters[name] = uniform(name) < getattr(view, name)
    if view.quarter_turns:
        parameters["turns"] = (uniform("turns") * 4).long()
    if view.rotate:
        parameters["degrees"] = view.rotate * (2 * uniform("degrees") - 1)
    if view.light:
        parameters |= {"light": view.light * uniform("light"), "direction": 2 * math.pi * uniform("direction")}
    if view.jitter:
        same = torch.tensor([1.0, 1.0, 1.0, 0.0])
        strength = torch.tensor([view.brightness, view.contrast, view.saturation, view.hue])
        low = torch.maximum(same - strength, torch.tensor([0.0, 0.0, 0.0, -0.5]))
        factors = low + (same + strength - low) * uniform("factors", 4)
        happens = uniform("jitter") < view.jitter
        parameters |= {"factors": torch.where(happens[:, None], factors, same), "order": uniform("order", 4).argsort(1)}
    if view.blur:
        parameters["sigma"] = view.sigma[0] + (view.sigma[1] - view.sigma[0]) * uniform("sigma")
    if view.noise:
        parameters |= {"noise": view.noise * uniform("noise"), "seed": (uniform("seed") * 2**24).int()}
    return parameters


def apply_view(pixels: Tensor, view: View, parameters: ViewParameters, *, out: Tensor) -> None:
    """Write the view of some images (B, C, H, W), with parameters that are drawn already, to `out` (B, C, S, S)."""
    images = resample(pixels, parameters["box"], view.size, (parameters["flip_vertical"], parameters["flip"]))
    if view.quarter_turns:
        images = ops.quarter_turns(images, parameters["turns"])
    if view.rotate:
        images = ops.rotate(images, parameters["degrees"])
    if view.light:
        images = ops.apply_light(images, parameters["light"], parameters["direction"])
    if view.jitter:
        images = ops.jitter(images, parameters["factors"], parameters["order"])
    if view.gray and images.shape[1] == 3:
        images = ops.apply_where(parameters["gray"], lambda some: ops.gray_values(some).repeat(1, 3, 1, 1), images)
    if view.blur:
        images = ops.apply_where(parameters["blur"], partial(ops.blur, kernel=view.kernel), images, parameters["sigma"])
    if view.solarize:
        images = ops.apply_where(parameters["solarize"], ops.solarize, images)
    if view.noise:
        images = ops.add_noise(images, parameters["noise"], parameters["seed"])
    if view.mean is None or view.std is None:
        out.copy_(images)
    else:
        mean, rate = torch.tensor(view.mean), 1 / torch.tensor(view.std)  # (C,)
        shift, rate = to_device(torch.stack([-mean * rate, rate]), images.device)[..., None, None]
        torch.addcmul(shift, images, rate, out=out)


def only_geometry(view: View) -> View:
    """The view with its crop, flips and turns, and without anything that changes a colour or blurs."""
    return replace(view, light=0.0, jitter=0.0, gray=0.0, blur=0.0, solarize=0.0, noise=0.0)


def show_at_least(view: View, area: float) -> View:
    """The view whose crop is never under this share of the image; a view that shows more stays as it is."""
    if view.crop is None or view.crop[0] >= area:
        return view
    return replace(view, crop=(area, max(area, view.crop[1])))


def evaluation_view(size: int, *, mean: PerChannel = None, std: PerChannel = None) -> View:
    """The view for evaluation: the whole image, nothing by chance."""
    return View(size=size, mean=mean, std=std)
