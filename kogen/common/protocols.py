"""Protocols: how a model is judged, by a probe and the part of the labels that it learns from."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

PERCENT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*%")
SHOTS = re.compile(r"(\d+) shots?")
TUNINGS = "tune:head, tune:norm, tune:last2 (of the blocks or stages), tune:decay or tune:all"
TUNING = re.compile(r"tune:(head|norm|last[1-9]\d{0,2}|decay|all)")
PROTOCOL = re.compile(r"(?P<probe>[^@]+)(?:@(?P<budget>.+)#(?P<draw>\d+))?")


class Protocol(NamedTuple):
    """How a model is judged: a probe, and the labels that it learns from."""

    probe: str
    budget: str = ""  # `5%` or `10 shots`; "" for all labels
    draw: int = 0

    def __str__(self) -> str:
        return f"{self.probe}@{self.budget}#{self.draw}" if self.budget else self.probe


def protocols_of(probes: Sequence[str], budgets: Sequence[str], shots: Sequence[int], draws: int) -> list[str]:
    """Every protocol: each probe with all labels, then with each budget and draw, `linear@5%#2`.

    All labels are one budget, whether 100% is named or not, and have no draws. ValueError for a budget that is none.
    """
    named = [*map(parse_percent, budgets), *(f"{count} shot{'s' * (count > 1)}" for count in shots)]
    if len(set(named)) < len(named):
        raise ValueError(f"the budgets {', '.join(named)} name one twice: name each once")
    if any(count < 1 for count in shots):
        raise ValueError(f"--shots {','.join(map(str, shots))}: wanted 1 or more labelled images a class")
    parts = [
        Protocol(probe, name, draw) for probe in probes for name in named if name != "100%" for draw in range(draws)
    ]
    return [*probes, *map(str, parts)]


def pool_shares(pools: Sequence[str]) -> tuple[str, ...]:
    """Parts of the images to pre-train on, `10%`, as tables have them and few first; 100% is the whole, and no part.

    ValueError for a share that is none or named twice.
    """
    named = [parse_percent(text, "--images", "images") for text in pools]
    if len(set(named)) < len(named):
        raise ValueError(f"--images {','.join(named)} names a share twice: name each once")
    return tuple(sorted({*named} - {"100%"}, key=share_of))


def share_of(text: str) -> float:
    """`10%` as a share in (0, 1]."""
    return float(text.removesuffix("%")) / 100


def parse_percent(text: str, flag: str = "--budgets", of: str = "labels") -> str:
    """A share as it is written in tables, `5%` or `0.5%`; ValueError for no share above 0 and up to 100 %."""
    found = PERCENT.fullmatch(text.strip())
    if not found or not 0 < float(found[1]) <= 100:
        raise ValueError(f"{flag} {text}: write shares of the {of} above 0 and up to 100%, such as 1%,10%,100%")
    return f"{float(found[1]):g}%"


def is_budget(text: str) -> bool:
    """Whether a cell of a column `budget` is one of kogen's: columns of that name may mean another thing."""
    return bool(PERCENT.fullmatch(text) or SHOTS.fullmatch(text))


def is_share(text: str) -> bool:
    """Whether a cell of a column `pool` is one of kogen's, `10%`: columns of that name may mean another thing."""
    return bool(PERCENT.fullmatch(text))


def split_protocol(text: str) -> Protocol:
    """`linear@5%#2` as probe, budget and draw."""
    found = PROTOCOL.fullmatch(text)
    if not found:
        raise ValueError(f"{text!r} is no protocol: wanted PROBE or PROBE@BUDGET#DRAW")
    return Protocol(found["probe"], found["budget"] or "", int(found["draw"] or 0))


def layers_tuned(probe: str) -> str:
    """The layers that a probe fine-tunes, `last2`; "" for a probe of frozen features. ValueError for unknown ones."""
    if not probe.startswith("tune"):
        return ""
    if not (found := TUNING.fullmatch(probe)):
        raise ValueError(f"{probe!r} says no layers to fine-tune: write {TUNINGS}")
    return found[1]


def tunings_among(protocols: Sequence[str]) -> list[str]:
    """The protocols that fine-tune layers."""
    return [name for name in protocols if layers_tuned(split_protocol(name).probe)]


def depth_of(probe: str) -> tuple[int, int] | None:
    """Where a probe stands from frozen features to all layers, to be sorted by; None for one that does not learn.

    linear, tune:head, tune:norm, tune:last1, tune:last2 ..., tune:decay, tune:all. k-NN has no layer that learns.
    """
    if probe == "linear":
        return (0, 0)
    layers = layers_tuned(probe)
    if layers.startswith("last"):
        return (3, int(layers.removeprefix("last")))
    places = {"head": 1, "norm": 2, "decay": 4, "all": 5}
    return (places[layers], 0) if layers else None


def protocol_keys(rows: Any) -> Any:
    """The protocol of each row of predictions as `split_protocol` reads it."""
    part: Any = rows["budget"].notna() if "budget" in rows else None
    if part is None or not part.any():
        return rows["protocol"]
    keys, some = rows["protocol"].astype(object), rows[part]
    keys[part] = some["protocol"] + "@" + some["budget"] + "#" + some["draw"].astype(int).astype(str)
    return keys
