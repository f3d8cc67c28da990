"""Protocols: how a model is judged, by a probe and the part of the labels that it learns from."""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from kogen.common import registry
from kogen.common.plugins import check_call, find_plugin, unknown_name
from kogen.common.text import hint

PERCENT = re.compile(r"(\d+(?:\.\d+)?|\.\d+)\s*%")
WRITTEN = re.compile(r"((\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?)\s*%", re.ASCII | re.IGNORECASE)  # a share as it is typed
LEAST = 0.0001  # percent: the name of a smaller share would have an exponent, which no table has
SHOTS = re.compile(r"(\d+) shots?")
TUNINGS = "tune:head, tune:norm, tune:last2 (of the blocks or stages), tune:decay or tune:all"
TUNING = re.compile(r"tune:(head|norm|last[1-9]\d{0,2}|decay|all)")
PROTOCOL = re.compile(r"(?P<probe>[^@]+)(?:@(?P<budget>.+)#(?P<draw>\d+))?")
TELL_CLASSES, FIND_ANOMALIES, FIND_BOXES = "classify", "anomaly", "detect"  # tasks of a study
GOOD, ANOMALY = "good", "anomaly"  # the classes of a set in which anomalies are looked for
DETECTORS = (
    "patch_memory",
    "mahalanobis",
    "knn_distance",
)  # what finds them unless others are named; the first decides
TASKS = (TELL_CLASSES, FIND_ANOMALIES, FIND_BOXES)
SHELVES = {TELL_CLASSES: "probes", FIND_ANOMALIES: "detectors"}  # whose names judge a model
BOX_DETECTORS = ("fcos", "faster_rcnn")  # what is trained on boxes; the first unless one is named


def check_probes(probes: Sequence[str], task: str = TELL_CLASSES) -> None:
    """ValueError for no probe, one that does not exist or is named twice: each of its answers would count twice.

    Of the task `anomaly` probes are detectors of anomalies, of the task `detect` detectors of boxes.
    """
    known = names_of_probes(task)
    if not probes:
        raise ValueError(f"no probes: name one or more, for instance --probe {known[0]}")
    for probe in probes:
        is_tuning = task == TELL_CLASSES and layers_tuned(probe)
        if not is_tuning and probe not in known:
            if owner := next((one for one in TASKS if is_probe_of(one, probe)), None):
                wanted = f"with --task {task} one of {', '.join(known)}"
                raise ValueError(f"--probe {probe} is for --task {owner}, {wanted}")
            if task == FIND_BOXES:
                raise ValueError(f"unknown detector of boxes {probe!r}: {hint(probe, known)}")
            raise ValueError(unknown_name(SHELVES[task], probe, known))
        check_own_probe(probe)
    if len(set(probes)) < len(probes):
        raise ValueError(f"probes {', '.join(probes)}: one is named twice; name each once")


def names_of_probes(task: str) -> list[str]:
    """What may judge a model in a task."""
    return [*BOX_DETECTORS] if task == FIND_BOXES else registry.names(SHELVES[task])


def is_probe_of(task: str, probe: str) -> bool:
    """Whether a probe is one of a task."""
    return probe in names_of_probes(task) or (task == TELL_CLASSES and probe.startswith("tune"))


def check_own_probe(name: str) -> None:
    """ValueError for a probe of a user's own that cannot be called with two sets of features."""
    if plugin := find_plugin("probes", name):
        wanted = "a function probe(train, test) of two kogen.extend.Features"
        check_call(f"the probe {name!r}", plugin.thing, ("train", "test"), wanted)


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
    named = [*name_shares(budgets), *(f"{count} shot{'s' * (count > 1)}" for count in check_shots(shots))]
    parts = [
        Protocol(probe, name, draw) for probe in probes for name in named if name != "100%" for draw in range(draws)
    ]
    return [*probes, *map(str, parts)]


def pool_shares(pools: Sequence[str]) -> tuple[str, ...]:
    """Parts of the images to pre-train on, `10%`, as tables have them and few first; 100% is the whole, and no part.

    ValueError for a share that is none or named twice.
    """
    return tuple(sorted({*name_shares(pools, "--images", "images")} - {"100%"}, key=share_of))


def share_of(text: str) -> float:
    """`10%` as a share in (0, 1]."""
    return float(text.removesuffix("%")) / 100


def name_shares(texts: Sequence[str], flag: str = "--budgets", of: str = "labels") -> list[str]:
    """Shares as they are written in tables. ValueError for one that is none, see `parse_percent`, or named twice."""
    named = [parse_percent(text, flag, of) for text in texts]
    refuse_twice(named, flag)
    return named


def check_shots(shots: Sequence[int]) -> Sequence[int]:
    """The numbers of labelled images a class. ValueError for one below 1, or named twice."""
    if any(count < 1 for count in shots):
        raise ValueError(f"--shots {','.join(map(str, shots))}: wanted 1 or more labelled images a class")
    refuse_twice(list(map(str, shots)), "--shots")
    return shots


def refuse_twice(named: Sequence[str], flag: str) -> None:
    """ValueError where a part is named twice: it would count twice."""
    if twice := [name for place, name in enumerate(named) if name in named[:place]]:
        raise ValueError(f"{flag} {','.join(named)} names {twice[0]} twice: name each once")


def parse_percent(text: str, flag: str = "--budgets", of: str = "labels") -> str:
    """A share as it is written in tables, `5%` or `0.5%`; ValueError for no share above 0 and up to 100 %."""
    found = WRITTEN.fullmatch(text.strip())
    share = float(found[1]) if found else 0.0
    if found and share < LEAST and found[2].strip("0."):
        raise ValueError(f"{flag} {text}: so small a share of the {of} has no name: write {LEAST:g}% or more")
    if not 0 < share <= 100:
        raise ValueError(f"{flag} {text}: write shares of the {of} above 0 and up to 100%, such as 1%,10%,100%")
    return f"{share:g}%"


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
