"""Objectives: the loss of a landscape, a method's, a probe's or anybody's, as losses of units of frozen batches."""

import copy
from bisect import bisect_right
from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn.modules.batchnorm import _BatchNorm

from kogen.common import distributed
from kogen.common.text import hint
from kogen.loss_landscape.own_loss import OwnLoss, OwnUnitLosses
from kogen.loss_landscape.parameters import Params
from kogen.loss_landscape.speedups.cached_parts import CachedForward, Memory, cache_constant_parts
from kogen.loss_landscape.speedups.class_token import skip_unread_tokens
from kogen.loss_landscape.speedups.folded_batch_norm import FoldedConv, fold_batch_norms
from kogen.modules.base import Terms, Views
from kogen.modules.losses import full_precision

BATCH_NORM = ("batch", "frozen", "interpolated")


class Objective:
    """Parameters to losses of units, (U,), on frozen batches; pure: the module is copied, the copy is in eval mode.

    `module` is a method or a Probe, or any module with a `loss` from outside (`OwnLoss`). A unit is an image where the
    module has `losses(views)`, terms of (B,) each, or the loss from outside gives as many. It is a batch where there is
    only one loss for it, which may couple images, or where batch statistics couple them (`GroupedObjective` takes less
    of a CoupledMethod).
    What does not move is constant: dropout is off, queues and centres stand still. Four things save time: targets are
    computed once (`make_targets` where the method has it); so are the outputs of parts without moving parameters, such
    as a prefix of frozen blocks; batch norms with fixed statistics are folded into the convolutions before them; a ViT
    of which only the class token is read computes no other token in its last block.

    `moves`: beginnings of the names that move. `batch_norm`: `frozen` uses the statistics of training; `batch` those of
    each frozen batch; `interpolated` lets them move as if they were parameters (between models). `terms`: names of the
    terms of the loss that count, by default all. `weight_decay`: half of it times the sum of the squares of all
    parameters that train is added to each unit's loss. With metrics beside a `loss` from outside the result is
    (U, 1 + M). A loss from outside may read weights and call parts of its module, so that none of the four things is
    done for it. Raises ValueError for no batches, nothing that moves, a term that the loss does not have, and inside a
    torch.distributed group.
    """

    def __init__(
        self,
        module: nn.Module,
        batches: Sequence[Any],
        *,
        moves: Sequence[str] = ("",),
        batch_norm: str = "frozen",
        terms: Sequence[str] = (),
        loss: OwnLoss | None = None,
        weight_decay: float = 0.0,
    ) -> None:
        if batch_norm not in BATCH_NORM:
            raise ValueError(f"unknown batch_norm {batch_norm!r}: {hint(batch_norm, list(BATCH_NORM))}")
        if not batches:
            raise ValueError("an objective needs one frozen batch or more, got none: see frozen_batches")
        if distributed.world_size() > 1:  # a method would gather over points that are not of one batch
            raise ValueError("an objective works without a process group: share points through a folder instead")
        self.batches, self.batch_norm = list(batches), batch_norm
        twin = copy.deepcopy(module)
        self.each: UnitLosses | OwnUnitLosses = UnitLosses(twin, terms) if loss is None else OwnUnitLosses(twin, loss)
        self.each.eval()
        trained = {name: p.detach() for name, p in self.each.module.named_parameters() if p.requires_grad}
        for name, parameter in self.each.module.named_parameters():
            parameter.requires_grad_(parameter.requires_grad and name.startswith(tuple(moves)))
        self.at: Params = {n: p.detach() for n, p in self.each.module.named_parameters() if p.requires_grad}
        if not self.at:
            raise ValueError(
                f"no parameter that trains begins with {' or '.join(map(repr, moves))}: nothing would move"
            )
        self.weight_decay, self.decayed = weight_decay, list(self.at)  # names of what moves and decays
        self.still = sum(float(p.double().square().sum()) for n, p in trained.items() if n not in self.at)
        self.at |= batch_norm_statistics(self.each.module, batch_norm)
        norms = any(isinstance(part, _BatchNorm) for part in self.each.modules())
        self.coupled = batch_norm == "batch" and norms  # an image's loss then depends on the others of its batch
        self.memory: Memory = {}  # outputs of constant parts, shared with copies
        with torch.inference_mode(False), torch.no_grad():
            self.targets = [self.each.make_targets(views) for views in self.batches]
            run = lambda: self.unit_losses(self.at, 0)  # noqa: E731
            self.constant: list[CachedForward] = []
            self.folds: list[FoldedConv] = []
            if loss is None:
                skip_unread_tokens(self.each)
                self.folds = fold_batch_norms(self.each.module, self.at, run)
                self.constant = cache_constant_parts(self.each.module, self.at, run, self.memory)
            self.units = [len(self.unit_losses(self.at, number)) for number in range(len(self))]
        self.name, self.metrics = (loss.name, tuple(loss.metrics)) if loss else ("", ())
        self.sizes = [len(views.labels) for views in self.batches] if loss is None else self.units  # in images

    def __len__(self) -> int:
        return len(self.batches)

    def __call__(self, params: Params) -> Tensor:
        """Losses of all units, (U,), where `params` take the place of those of the same name in `at`.

        With metrics (U, 1 + M): a column for each after that of the losses.
        """
        ready, decay = self.prepare_params(params), self.decay_of(params)
        if not isinstance(self.each, OwnUnitLosses) or not self.metrics:
            return torch.cat([self.run_batch(ready, number) for number in range(len(self))]) + decay
        with self.each.measuring():
            found = torch.cat([self.run_batch(ready, number) for number in range(len(self))])
        return torch.cat([found[:, :1] + decay, found[:, 1:]], dim=1)

    def unit_losses(self, params: Params, number: int) -> Tensor:
        """Losses of the units of one batch, (u,)."""
        return self.run_batch(self.prepare_params(params), number) + self.decay_of(params)

    def decay_of(self, params: Params) -> Tensor | float:
        """The weight decay at these parameters, a scalar; what is not among them stands where it was."""
        if not self.weight_decay:
            return 0.0
        squares = [params.get(name, self.at[name]).square().sum() for name in self.decayed]
        return self.weight_decay / 2 * (torch.stack(squares).sum() + self.still)

    def prepare_params(self, params: Params) -> Params:
        """The parameters by their names in the copy, with batch norms folded into convolutions."""
        ready = dict(params)
        if self.batch_norm == "interpolated":  # beyond the models a variance may go below 0
            ready |= {name: ready[name].clamp_min(0) for name in ready if name.endswith("running_var")}
        for one in self.folds:
            one(ready)
        return {f"module.{name}": value for name, value in ready.items()}

    def run_batch(self, ready: Params, number: int) -> Tensor:
        """Losses of the units of one batch, (u,), at parameters of `prepare_params`, without weight decay."""
        for part in self.constant:
            part.start_batch((number, len(self.batches[number].labels)))
        losses = functional_call(self.each, ready, (self.batches[number], self.targets[number]))
        return losses.mean(dim=0, keepdim=True) if self.coupled else losses

    def take_first(self, images: int) -> "Objective":
        """The same objective on the first `images`, in whole batches, at least one; all but the batches is shared."""
        few = copy.copy(self)
        part = slice(max(bisect_right(list(accumulate(self.sizes)), images), 1))
        few.batches, few.targets = self.batches[part], self.targets[part]
        few.units, few.sizes = self.units[part], self.sizes[part]
        return few

    def weighted_losses(self) -> list[tuple[float, Callable[[Params], Tensor]]]:
        """For each batch its number of images and its mean loss, a scalar with gradient, as `Hessian` takes them."""

        def of(number: int) -> Callable[[Params], Tensor]:
            return lambda params: self.unit_losses(params, number).mean()

        return [(float(size), of(number)) for number, size in enumerate(self.sizes)]

    def __deepcopy__(self, memo: dict[int, Any]) -> "Objective":
        """A copy for another thread: the network is its own, batches and constants are shared."""
        twin = copy.copy(self)
        memo[id(self.memory)] = self.memory
        twin.each, twin.constant = copy.deepcopy((self.each, self.constant), memo)
        return twin

    @property
    def facts(self) -> dict[str, Any]:
        """Images, batch, unit and batch norm, and what else the loss has, as plain values for the record."""
        images = sum(self.sizes)
        apart = sum(self.units) == images and not (self.each.scalar or self.coupled)
        unit = "image" if apart else "batch"
        facts = {"images": images, "batch": self.sizes[0], "unit": unit, "batch_norm": self.batch_norm}
        more = {"weight_decay": self.weight_decay, "metrics": list(self.metrics)}
        return facts | {name: value for name, value in more.items() if value}


class UnitLosses(nn.Module):
    """Calls `losses` of a module for each image (with its `make_targets`), or else `forward` for the batch."""

    scalar = False  # a loss from outside may be of a whole batch

    def __init__(self, module: nn.Module, terms: Sequence[str] = ()) -> None:
        super().__init__()
        self.module: Any = module
        self.terms = tuple(terms)

    def forward(self, views: Views, targets: Any) -> Tensor:
        """The sum of the terms of each unit, (u,); as `sum_terms`."""
        if not hasattr(self.module, "losses"):
            terms = self.module(views)
        else:
            terms = self.module.losses(views) if targets is None else self.module.losses(views, targets)
        return self.sum_terms(terms)

    def sum_terms(self, terms: Terms) -> Tensor:
        """The sum of the terms that count, (u,). ValueError for a name that is no term."""
        if odd := [name for name in self.terms if name not in terms]:
            raise ValueError(f"the loss has no term {odd[0]!r}, its terms are {', '.join(terms)}: give some of these")
        return torch.stack([full_precision(terms[name]) for name in self.terms or terms]).sum(0).reshape(-1)

    def make_targets(self, views: Views) -> Any:
        """The teacher's targets of a batch; None where the module has no `make_targets`."""
        return self.module.make_targets(views) if hasattr(self.module, "make_targets") else None


def batch_norm_statistics(module: nn.Module, batch_norm: str) -> Params:
    """The batch-norm statistics that move under this policy; `batch` takes the statistics out of the module."""
    moving: Params = {}
    for name, part in module.named_modules():
        if not isinstance(part, _BatchNorm) or part.running_mean is None or part.running_var is None:
            continue
        if batch_norm == "batch":
            part.running_mean = part.running_var = None  # then each batch has its own statistics in eval mode too
        elif batch_norm == "interpolated":
            moving |= {f"{name}.running_mean": part.running_mean, f"{name}.running_var": part.running_var}
    return moving
