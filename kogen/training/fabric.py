"""Fabric started for the machine: one CPU, one GPU, or the processes that torchrun or SLURM started."""

import logging
import os
from datetime import timedelta

from lightning_fabric import Fabric
from lightning_fabric.strategies import DDPStrategy

from kogen.common.devices import default_device, resolve_precision

TIMEOUT = timedelta(hours=6)  # how long processes wait for one another: the first judges a run, the others wait


def start(precision: str) -> Fabric:
    """The launched Fabric. ValueError for an unknown precision."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it logs the precision at every start otherwise
    here, everywhere = processes()
    # Buffers are equal on every process by construction: nothing has to be broadcast.
    strategy = DDPStrategy(broadcast_buffers=False, timeout=TIMEOUT) if everywhere > 1 else "auto"
    mode = "bf16-mixed" if resolve_precision(precision) == "bf16" else "32-true"
    nodes = everywhere // here
    fabric = Fabric(accelerator=default_device(), devices=here, num_nodes=nodes, strategy=strategy, precision=mode)
    fabric.launch()
    return fabric


def processes() -> tuple[int, int]:
    """Processes on this machine and in all, as torchrun or SLURM started them; 1 and 1 without either."""
    env = os.environ
    if "LOCAL_WORLD_SIZE" in env:
        return int(env["LOCAL_WORLD_SIZE"]), int(env["WORLD_SIZE"])
    if int(env.get("SLURM_NTASKS", "1")) > 1 and env.get("SLURM_JOB_NAME") not in ("bash", "interactive"):
        return int(env["SLURM_NTASKS"]) // int(env["SLURM_NNODES"]), int(env["SLURM_NTASKS"])
    return 1, 1
