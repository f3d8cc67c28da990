"""What each of N processes does in test_distributed: train every method a little, leave its gradients and weights."""

import sys
from pathlib import Path

import torch
from safetensors.torch import save_file
from small import NARROW, items_for, plan_for

from kogen.common import distributed, registry
from kogen.training.batches import Batches
from kogen.training.checkpoint import state_of
from kogen.training.fabric import start
from kogen.training.loop import prepare, pretrain, train_step


def main(out: Path) -> None:
    torch.set_num_threads(1)
    distributed.join_processes()
    for method in [*registry.names("methods"), "tune"]:
        images = items_for(method)
        # A low rate: what rounding adds grows with every step, and would hide what is to be seen.
        plan = plan_for(images, method, epochs=2, settings={**NARROW.get(method, {}), "rate": 0.005})
        if not plan.recipe.trains:
            continue
        fabric = start("32")
        module, _, wrapped = prepare(plan, fabric)
        kept: dict[str, torch.Tensor] = {}
        optimiser = Keep(module, kept)
        train_step(fabric, wrapped, optimiser, Batches(plan, images, fabric.device), 0, 1)  # type: ignore[arg-type]
        folder = out / method
        if distributed.rank() == 0:
            folder.mkdir(parents=True)
            save_file(kept, folder / "gradients.safetensors")
        list(pretrain(plan, images, folder))
        fabric.barrier()


class Keep:
    """Stands where an optimiser does and keeps the gradients instead of using them."""

    def __init__(self, module: torch.nn.Module, kept: dict[str, torch.Tensor]) -> None:
        self.module, self.kept = module, kept

    def step(self) -> None:
        for name, value in state_of(self.module).items():
            if value.grad is not None:
                self.kept[name] = value.grad.detach().contiguous().clone()

    def zero_grad(self, set_to_none: bool) -> None:
        self.module.zero_grad(set_to_none)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
