"""What the networks of a study cost to run: each distinct one is measured once, where the study is judged."""

from collections.abc import Sequence
from pathlib import Path

from kogen.common import devices, distributed
from kogen.common.locks import lock_output
from kogen.common.records import read_plan_record
from kogen.common.running_costs import (
    NO_PACKAGES,
    NOT_ASKED,
    RunningCost,
    network_key,
    read_running_costs,
    write_running_costs,
)
from kogen.common.speech.console import say
from kogen.common.speech.events import Caution
from kogen.evaluation.cost_measurement import measure_network, measure_onnx
from kogen.training.run import WATTS, load_run


def measure_running_costs(folder: Path, costs: str, runs: Sequence[Path] = ()) -> None:
    """Measure what the networks of a study cost to run into FOLDER/running_costs.json; those that are there stay.

    `costs`: none, torch, or onnx as well. `runs`: the finished ones, by default those of the folder. A network that
    cannot be measured is said and left out: the study is judged without it.
    """
    if costs == "none" or distributed.rank() != 0:
        return
    with lock_output(folder, "costs"):
        known = read_running_costs(folder)
        for key, run in sorted(first_runs(runs or sorted(folder.glob("runs/*"))).items()):
            found = measure_run(run, known.get(key), onnx=costs == "onnx")
            if found and found != known.get(key):
                known[key] = found
                write_running_costs(folder, known)


def first_runs(runs: Sequence[Path]) -> dict[str, Path]:
    """The first run of each distinct network, of those that have weights, by the network's key."""
    found: dict[str, Path] = {}
    for run in runs:
        if (run / "weights.safetensors").exists():
            found.setdefault(network_key(read_plan_record(run)), run)
    return found


def measure_run(run: Path, known: RunningCost | None, *, onnx: bool) -> RunningCost | None:
    """What the network of a run costs, with what is known of it already; None where it cannot be measured."""
    again = onnx and (known is None or known.onnx_note in (NOT_ASKED, NO_PACKAGES))
    if known and not again:
        return known
    device = devices.default_device()
    backbone = load_run(run)[2].to(device)
    try:
        found = known or measure_network(backbone, run / "weights.safetensors", WATTS[device])
        return measure_onnx(found, backbone) if again else found
    except (RuntimeError, MemoryError) as error:  # too little memory for 32 images, an operation nobody can count
        say(Caution(f"what {run} costs to run is not measured: {str(error)[:200]}", "costs"))
        return known
