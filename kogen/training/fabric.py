"""Fabric started for the machine: one CPU, one GPU, or the processes that this one has joined."""

import logging

from lightning_fabric import Fabric
from lightning_fabric.plugins.environments import LightningEnvironment
from lightning_fabric.strategies import DDPStrategy

from kogen.common import distributed
from kogen.common.devices import default_device, resolve_precision


def start(precision: str) -> Fabric:
    """The launched Fabric, over the processes of `distributed.join_processes`. ValueError for an unknown precision."""
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)  # it logs the precision at every start otherwise
    size, device = distributed.world_size(), default_device()
    # Buffers are equal on every process by construction: nothing has to be broadcast.
    strategy = DDPStrategy(broadcast_buffers=False) if size > 1 else "auto"
    mode = "bf16-mixed" if resolve_precision(precision) == "bf16" else "32-true"
    fabric = Fabric(
        accelerator=device,
        devices=[distributed.gpu_index()] if size > 1 and device == "cuda" else 1,
        num_nodes=size,
        strategy=strategy,
        precision=mode,
        plugins=JoinedProcesses(),
    )
    fabric.launch()
    return fabric


class JoinedProcesses(LightningEnvironment):
    """Tells Fabric of the joined processes, each as a machine with one device, whatever variables are set."""

    @property
    def creates_processes_externally(self) -> bool:
        """Whether Fabric has no processes to start."""
        return True

    def node_rank(self) -> int:
        """Number of the machine."""
        return distributed.rank()

    def local_rank(self) -> int:
        """Number on the machine."""
        return 0
