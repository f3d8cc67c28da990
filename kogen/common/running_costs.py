"""Running costs: what a network costs to run, as a study's record of it holds it; read without torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kogen.common.contracts import from_plain, to_plain
from kogen.common.files import read_sealed_json, write_sealed_json

RUNNING_COSTS = "running_costs.json"  # in the folder of a study
REMEASURE = "delete it and run `kogen pilot` or `evaluate` again: the networks are measured anew"
BATCHES = (1, 32)  # images at once
NOT_ASKED, NO_PACKAGES = "not_asked", "no_packages"  # why nothing is known through ONNX; else what the exporter said


@dataclass(frozen=True)
class Timing:
    """How long a forward pass takes: the median over repeats, and its 95 % interval (none from fewer than 6)."""

    batch: int  # images at once
    ms: float  # of the whole batch
    lo: float | None
    hi: float | None
    repeats: int

    @property
    def images_per_second(self) -> float:
        """Images that are done in a second."""
        return 1000 * self.batch / self.ms


@dataclass(frozen=True)
class RunningCost:
    """What a network costs to run on the machine where the study was judged; without its head and without decoding."""

    network: str  # its name with every setting
    image_size: int
    channels: int
    parameters: int
    gflops: float  # of an image: 2 x the multiply-adds of convolutions, matrix products and attention
    file_bytes: int  # of its safetensors file
    timings: tuple[Timing, ...]  # of BATCHES, in float32
    memory_bytes: tuple[int, ...]  # of BATCHES: weights and the tensors that are there at once
    device: str  # cpu | cuda | mps
    machine: str
    threads: int  # that computed; of a GPU 1, the GPU
    watts: float  # assumed, of all of these
    onnx: tuple[Timing, ...] = ()  # by onnxruntime on the CPU
    onnx_difference: float | None = None  # largest of a feature to torch's, as a share of the largest feature
    onnx_note: str = NOT_ASKED  # why the two above are empty; "" where they are not


def network_key(plan: Mapping[str, Any]) -> str:
    """What tells the networks of a study apart: method, seed and weights change nothing in what running them costs."""
    return f"{plan['backbone']}, {plan['image_size']} px, {plan.get('channels', 3)} channels"


def read_running_costs(study: Path) -> dict[str, RunningCost]:
    """The networks of a study that were measured, by their key; {} where none was."""
    place = study / RUNNING_COSTS
    if not place.exists():
        return {}
    known = read_sealed_json(place, REMEASURE).get("networks", {})
    return {key: from_plain(RunningCost, one, str(place)) for key, one in known.items()}


def write_running_costs(study: Path, found: Mapping[str, RunningCost]) -> None:
    """Write what was measured of the networks of a study, by their key."""
    write_sealed_json(study / RUNNING_COSTS, {"networks": {key: to_plain(one) for key, one in found.items()}})
