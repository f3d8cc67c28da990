"""Settings of a series source: windows in samples or seconds, rates, channels."""

import math
import re

from kogen.data.series.recording import MAX_CHANNELS, Refused

SECONDS = re.compile(r"(\d+\.?\d*|\.\d+)\s*s")
MOST_SAMPLES = 10_000_000  # of a window
LEAST_RATE, MOST_RATE = 1e-6, 1e9  # samples a second


def count_samples(name: str, value: int | float | str, rate: float, least: int) -> int:
    """The samples meant by `256`, or by `2.56s` where the `rate` is known (else 0). ValueError for anything else."""
    text = str(value).strip()
    match = SECONDS.fullmatch(text)
    if match and not rate:
        raise ValueError(
            f"{name} = {text!r} is in seconds, and the series say no rate: give it in samples, or own_rate="
        )
    if match:
        count = float(match[1]) * rate
    else:
        try:
            count = math.nan if isinstance(value, bool) else float(text)
        except ValueError:
            count = math.nan
        count = count if count == count and math.isfinite(count) and count == int(count) else math.nan
    if not least <= count <= MOST_SAMPLES:  # NaN, too
        wanted = f"a whole number of samples from {least} to {MOST_SAMPLES:,}, or seconds such as 2.56s"
        raise ValueError(f"{name} = {text[:100]!r}: wanted {wanted}")
    return max(least, round(count))


def check_rate(name: str, value: float | int | None) -> float | None:
    """A rate in samples a second, None where none is given. ValueError for no number or one out of bounds."""
    if value is None:
        return None
    if isinstance(value, bool) or not LEAST_RATE <= value <= MOST_RATE:
        raise ValueError(f"{name} = {value!r}: wanted samples a second, from {LEAST_RATE:g} to {MOST_RATE:g}")
    return float(value)


def split_channels(value: str | tuple[int | str, ...] | None) -> tuple[str, ...] | None:
    """The channels in a list with commas, None for all. ValueError for an empty name, or for too many."""
    if value is None:
        return None
    names = tuple(str(part).strip() for part in (value.split(",") if isinstance(value, str) else value))
    if "" in names or len(names) > MAX_CHANNELS:
        raise ValueError(f"channels = {value!r}: wanted names or numbers with commas between, at most {MAX_CHANNELS}")
    return names


def require_window(lengths: list[int], where: str) -> int:
    """The one length of all recordings. Refused where there are several: somebody must say which window is meant."""
    if len(kinds := set(lengths)) != 1:
        got = f"the recordings of {where} have {min(kinds):,} to {max(kinds):,} samples ({len(kinds)} lengths)"
        raise Refused(f"{got}: give window=SAMPLES, how many make one item, and stride= where windows may overlap")
    return kinds.pop()
