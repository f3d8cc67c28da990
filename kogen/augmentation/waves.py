"""Views of series as data: a Wave says what may happen, a StepRng what does, `render_waves` does it to batches."""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from kogen.augmentation import wave_ops as ops
from kogen.augmentation.crop import Range
from kogen.augmentation.views import PerChannel, split_batch
from kogen.common.devices import to_device
from kogen.common.rng import StepRng
from kogen.common.threads import keep_freed_memory, serial_threads

CPU_CHUNK = 2**17  # values worked on at once: so many that Python does not matter, so few that a CPU's cache holds them
GPU_CHUNK = 2**26
KNOTS = 6  # of a smooth curve: four and the two ends (Um et al. 2017)
STRETCHES = 3  # that a dropout is divided into
LOCAL_TIME = (0.22, 0.37)  # share of the time that a local crop shows: the sides of SwAV's areas of .05 to .14


@dataclass(frozen=True, kw_only=True)
class Wave:
    """What may happen to a window of a series on its way to a network; each draw is per window.

    Values are normalised FIRST, with the training set's mean and std of each channel: so every strength is in units of
    that std and means the same for bar, ampere and g. Then the order is fixed: crop, time warp, permutation, sign,
    scale, magnitude warp, drift, noise, frequencies, dropout, channels. Noise, scale, both warps and permutation are
    those of Um et al. 2017 (arXiv 1706.00527), the band of frequencies is that of Park et al. 2019
    (SpecAugment, arXiv 1904.08779). Channels share their time: crop, warp, order, band and gaps are the same for all.
    """

    size: int  # samples that come out
    crop: Range | None = None  # share of the time of a random stretch, drawn uniformly, resized; None: the whole window
    time_warp: float = 0.0  # std of the speed of time, 1 on average, along a smooth curve
    permute: int = 0  # cut into 1 to so many pieces of nearly one length, in random order; 0: never
    flip_sign: float = 0.0  # probability, of each channel, that its values change their sign
    scale: float = 0.0  # std of the factor, 1 on average, of each channel
    magnitude_warp: float = 0.0  # std of the factor, 1 on average, of each channel along a smooth curve
    drift: float = 0.0  # farthest that each channel walks away in the window, drawn from 0 to this, in std
    noise: float = 0.0  # normal, of a std drawn from 0 to this for each window, in std of the channel
    mask_frequency: float = 0.0  # share of the spectrum that is taken out, a band, drawn from 0 to this
    dropout: float = 0.0  # share of the time that is set to the mean, in three stretches, drawn from 0 to this
    drop_channel: float = 0.0  # probability, of each channel, of being set to its mean; one always stays
    mean: PerChannel = None  # None: values are taken as if their mean were 0 and their std 1
    std: PerChannel = None

    def __post_init__(self) -> None:
        for name in ("flip_sign", "drop_channel"):
            require(0 <= getattr(self, name) <= 1, f"a probability {name} in [0, 1]", getattr(self, name))
        for name in ("mask_frequency", "dropout"):
            require(0 <= getattr(self, name) <= 1, f"a share {name} in [0, 1]", getattr(self, name))
        for name in ("time_warp", "scale", "magnitude_warp", "drift", "noise"):
            strength = getattr(self, name)
            require(math.isfinite(strength) and strength >= 0, f"a strength {name} of 0 or more", strength)
        require(self.size >= 1, "a size of at least 1 sample", self.size)
        require(self.crop is None or 0 < self.crop[0] <= self.crop[1] <= 1, "a crop 0 < low <= high <= 1", self.crop)
        pieces = self.permute == int(self.permute) and 0 <= self.permute <= MOST_PIECES
        require(pieces, f"a whole number permute from 0 to {MOST_PIECES}", self.permute)
        require((self.mean is None) == (self.std is None), "mean and std together or not at all", (self.mean, self.std))
        require(self.std is None or min(self.std) > 0, "a std above 0 for each channel", self.std)
        lengths = (len(self.mean or ()), len(self.std or ()))
        require(lengths[0] == lengths[1], "as many values of mean as of std", lengths)


MOST_PIECES = 1000  # of a permutation


def require(holds: bool, wanted: str, got: object) -> None:
    """Raise ValueError with what was wanted and what was got unless `holds`."""
    if not holds:
        raise ValueError(f"a view of series wants {wanted}; got {got!r}")


WaveParameters = dict[str, Tensor]
"""What was drawn for each window of a batch, (B, ...) each, on the CPU."""


@torch.inference_mode(False)  # the mode belongs to a thread, and other threads write what is made here
def render_waves(values: Tensor, waves: Sequence[Wave], rng: StepRng, *, tags: Sequence[str]) -> list[Tensor]:
    """Several views of each window: (B, C, T) float, raw, to (B, C, size) float32 each, on their device.

    `tags` tell the views of one step apart. ValueError where values, rng and waves do not fit together.
    """
    for wave in waves:
        check_windows(values, wave, rng)
    channels = values.shape[1]
    outs = [torch.empty(len(values), channels, wave.size, device=values.device) for wave in waves]
    on_cpu = values.device.type == "cpu"
    keep_freed_memory()
    with serial_threads(torch.get_num_threads()) as pool:
        sampled = list(pool.map(lambda wave, tag: sample_wave(wave, rng, tag, channels), waves, tags))

        def work(job: tuple[int, slice]) -> None:
            number, part = job
            parameters = {name: to_device(drawn[part], values.device) for name, drawn in sampled[number].items()}
            with torch.no_grad(), torch.autocast(values.device.type, enabled=False):
                outs[number][part] = apply_wave(values[part], waves[number], parameters)

        most = CPU_CHUNK if on_cpu else GPU_CHUNK
        jobs = [(number, part) for number, out in enumerate(outs) for part in split_batch(values, out, most)]
        list(pool.map(work, jobs) if on_cpu else map(work, jobs))
    return outs


def check_windows(values: Tensor, wave: Wave, rng: StepRng) -> None:
    """ValueError unless values, wave and rng fit together."""
    require(values.ndim == 3 and values.numel() > 0, "windows (B, C, T), none of them 0", tuple(values.shape))
    require(values.is_floating_point(), "values of float; convert them first", values.dtype)
    require(len(rng) == len(values), f"an rng of {len(values)} windows, as many as there are", len(rng))
    channels = values.shape[1]
    require(wave.mean is None or len(wave.mean) == channels, f"mean and std for {channels} channels", wave.mean)
    low, high = (float(end) for end in values.aminmax())
    require(math.isfinite(low) and math.isfinite(high), "values that are finite: fill gaps first", (low, high))


def sample_wave(wave: Wave, rng: StepRng, tag: str, channels: int) -> WaveParameters:
    """Everything random of a view; an operation that cannot happen draws nothing and changes no other draw."""

    def uniform(name: str, *more: int) -> Tensor:
        return rng.uniform(f"{tag}/{name}", *more)

    def gauss(name: str, *more: int) -> Tensor:
        share = uniform(name, *more).double() + 2.0**-25  # multiples of 2^-24, from 0: now inside (0, 1)
        return torch.special.ndtri(share).float()

    parameters: WaveParameters = {}
    if wave.crop is not None:
        share = wave.crop[0] + (wave.crop[1] - wave.crop[0]) * uniform("crop")
        parameters |= {"share": share, "begin": (1 - share) * uniform("place")}
    if wave.time_warp:
        parameters["speeds"] = 1 + wave.time_warp * gauss("speeds", KNOTS)
    if wave.permute:
        pieces = 1 + (uniform("pieces") * wave.permute).long()
        parameters |= {"pieces": pieces, "keys": uniform("keys", int(wave.permute))}
    if wave.flip_sign:
        parameters["sign"] = 1 - 2 * (uniform("sign", channels) < wave.flip_sign).float()
    if wave.scale:
        parameters["scale"] = 1 + wave.scale * gauss("scale", channels)
    if wave.magnitude_warp:
        parameters["magnitudes"] = 1 + wave.magnitude_warp * gauss("magnitudes", channels, KNOTS)
    if wave.drift:
        reach = wave.drift * uniform("reach", channels)
        parameters["drift"] = ops.walk_knots(gauss("drift", channels, KNOTS - 1), reach)
    if wave.noise:
        parameters |= {"noise": wave.noise * uniform("noise"), "seed": (uniform("seed") * 2**24).int()}
    if wave.mask_frequency:
        width = wave.mask_frequency * uniform("width")
        parameters |= {"width": width, "low": (1 - width) * uniform("low")}
    if wave.dropout:
        hidden = wave.dropout * uniform("hidden") / STRETCHES
        parameters |= {"hidden": hidden, "gaps": (1 - hidden[:, None]) * uniform("gaps", STRETCHES)}
    if wave.drop_channel:
        parameters["kept"] = ops.kept_channels(uniform("channels", channels), wave.drop_channel)
    return parameters


def apply_wave(values: Tensor, wave: Wave, parameters: WaveParameters) -> Tensor:
    """The view of some windows (B, C, T) with parameters that are drawn already: (B, C, size) float32."""
    there = parameters
    windows = to_size(normalise(values, wave), wave, there)
    factor = [there[name] for name in ("sign", "scale") if name in there]  # (B, C) each
    if factor:
        windows.mul_(math.prod(factor[1:], start=factor[0])[..., None])
    if "magnitudes" in there:
        windows.mul_(ops.smooth_curves(there["magnitudes"], wave.size))
    if "drift" in there:
        windows.add_(ops.smooth_curves(there["drift"], wave.size))
    if "noise" in there:
        windows = ops.add_noise(windows, there["noise"], there["seed"])
    if "width" in there:
        windows = ops.mask_band(windows, there["low"], there["width"])
    if "hidden" in there:
        windows = ops.hide_stretches(windows, there["gaps"], there["hidden"])
    if "kept" in there:
        windows.masked_fill_(~there["kept"][..., None], 0)
    return windows


def normalise(values: Tensor, wave: Wave) -> Tensor:
    """Values (B, C, T) of any float in units of std from the mean, a copy in float32."""
    if wave.mean is None or wave.std is None:
        return values.to(torch.float32, copy=True)
    exact = values.double() if values.dtype == torch.float64 else values.float()
    mean, std = (
        to_device(torch.tensor(one, dtype=exact.dtype), values.device)[:, None] for one in (wave.mean, wave.std)
    )
    return (exact - mean).div_(std).float()


def to_size(windows: Tensor, wave: Wave, parameters: WaveParameters) -> Tensor:
    """Windows (B, C, T) cropped, warped and in the order that was drawn, at the size of the view.

    All of it moves places only, so the values are read once, linearly between two samples. Where more samples come in
    than go out, each of those is the mean over its own time, so that no frequency folds down that it cannot hold.
    """
    count, length = len(windows), windows.shape[2]
    if length == wave.size and not {"share", "speeds", "pieces"} & parameters.keys():
        return windows
    shown = length * (1.0 if wave.crop is None else wave.crop[1])
    fine = max(1, math.ceil(shown / wave.size))  # places read for one sample that comes out
    size = wave.size * fine
    if "speeds" in parameters:
        moments = ops.warped_moments(ops.smooth_curves(parameters["speeds"], size))  # (B, size)
    else:
        moments = ((torch.arange(size, device=windows.device) + 0.5) / size).expand(count, size)
    if "share" in parameters:
        moments = parameters["begin"][:, None] + parameters["share"][:, None] * moments
    if "pieces" in parameters:
        order = ops.piece_order(parameters["keys"], parameters["pieces"], wave.size)  # (B, wave.size)
        index = order[..., None].expand(-1, -1, fine)
        moments = moments.reshape(count, wave.size, fine).gather(1, index).view(count, size)
    places = (moments * length - 0.5).clamp(0, length - 1)
    read = ops.sample_at(windows, places)  # (B, C, size)
    return read if fine == 1 else read.view(*read.shape[:2], wave.size, fine).mean(3)


def only_time(wave: Wave) -> Wave:
    """The view with its crop and time warp, and nothing that changes a value or the order: what MAE rebuilds."""
    off = dict.fromkeys(("flip_sign", "scale", "magnitude_warp", "drift", "noise"), 0.0)
    return replace(wave, permute=0, mask_frequency=0.0, dropout=0.0, drop_channel=0.0, **off)


def show_time(wave: Wave, share: float) -> Wave:
    """The view whose crop is never under this share of the time; a view that shows more stays as it is."""
    if wave.crop is None or wave.crop[0] >= share:
        return wave
    return replace(wave, crop=(share, max(share, wave.crop[1])))


def local_wave(wave: Wave, size: int) -> Wave:
    """The view of a short stretch, `size` samples, as methods with local crops see beside whole views."""
    return replace(wave, size=size, crop=LOCAL_TIME)


def evaluation_wave(size: int, *, mean: PerChannel = None, std: PerChannel = None) -> Wave:
    """The view for evaluation: the whole window, nothing by chance."""
    return Wave(size=size, mean=mean, std=std)
