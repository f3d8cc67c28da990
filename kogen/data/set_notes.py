"""What a person must know of how a set of images was read: its levels, and whether it looks as if it went wrong."""

from collections.abc import Mapping

import numpy as np

from kogen.data.levels import Levels, outside_levels

SUSPICIOUS = 0.1  # share of images of one value, or the same as another, above which it is said


def set_notes(facts: Mapping[str, np.ndarray], levels: Levels | None, *, given: bool) -> tuple[str, ...]:
    """Sentences about a set (columns of FACTS) and its levels, those that look wrong first.

    `given`: the levels were asked for, or are those of another set.
    """
    good = {name: column[facts["reason"] == ""] for name, column in facts.items()}
    notes = [*_suspicious_notes(good), *_levels_notes(good, levels, given)]
    if any(mode.startswith("DICOM") for mode in set(good["mode"])):
        applied = "slope and intercept are applied, the window of a viewer is not"
        notes.append(f"DICOM: {applied}; for one window for all, give --depth LOW:HIGH")
    return tuple(notes)


def _suspicious_notes(good: Mapping[str, np.ndarray]) -> list[str]:
    """What is said of a set of which more than a tenth is of one value throughout, or the same as another image."""
    count, constant = len(good["id"]), good["low"] == good["high"]
    copies = np.ones(count, bool)
    copies[np.unique(good["id"].astype(str), return_index=True)[1]] = False  # but the first of each
    if not count or np.mean(constant | copies) <= SUSPICIOUS:
        return []
    parts = [f"of one value throughout {constant.sum()} of {count}"] if constant.any() else []
    parts += [f"the same as another, pixel for pixel, {copies.sum()} of {count}"] if copies.any() else []
    return [f"look at the images before you trust a result: {', '.join(parts)}"]


def _levels_notes(good: Mapping[str, np.ndarray], levels: Levels | None, given: bool) -> list[str]:
    """What is said of the levels of 16-bit and float images."""
    unsaid = np.isin(good["depth"], (16, 32))
    if levels is None or not unsaid.any():
        return []
    black, white, high = f"{levels.black:,.6g}", f"{levels.white:,.6g}", good["high"][unsaid]
    if given:
        cut = int(outside_levels(good, levels).sum())
        lost = f"; images with values outside, which are cut off: {cut} of {unsaid.sum()}" if cut else ""
        return [f"16-bit or float images: black is {black} and white {white}, as given{lost}"]
    half = f"{np.median(high):,.6g}"
    if levels.bits is None or (good["depth"] == 32).any():
        found = f"the least and the largest value of all (that of half of them is at most {half})"
        return [f"float images do not say what is white: black is {black} and white {white}, {found}; or give --depth"]
    found = f"their largest value is {high.max():,.6g}, that of half of them at most {half}"
    return [f"16-bit images do not say what is white: {found}; read as {levels.bits} bits; or give --depth"]
