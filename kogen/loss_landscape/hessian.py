"""Curvature of a loss at a point: exact products with its Hessian.

Everything is pure: the point is copied, no model is changed, all randomness comes from generators that are passed in.
The Hessian of a ReLU network is that of the smooth piece on which the point lies. Only finite steps (surfaces,
sharpness) see what kinks add to the shape; finite differences of gradients do not agree with the Hessian there.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import pairwise

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from kogen.common.devices import exact_arithmetic
from kogen.loss_landscape.lanczos import NotFinite
from kogen.loss_landscape.parameters import Params, flatten, unflatten

Loss = Callable[[Params], Tensor]
Losses = Loss | Sequence[tuple[float, Loss]]
"""A mean loss, or (weight, mean loss) of each frozen batch, weights being numbers of images: their weighted mean."""

NUDGE = 1e-2  # how far a point without a gradient is moved, to tell a constant loss from a detached one


class FlatLoss:
    """A loss as a function of one flat vector (P,), all of its parameters, each with memory of its own."""

    def __init__(self, loss: Losses, params: Params) -> None:
        self.parts: list[tuple[float, Loss]] = [(1.0, loss)] if callable(loss) else list(loss)
        if not self.parts or not all(0 < weight < float("inf") for weight, _ in self.parts):
            got = [weight for weight, _ in self.parts]
            raise ValueError(f"the weights of the batches are {got}: each must be its number of images, more than 0")
        total = sum(weight for weight, _ in self.parts)
        self.parts = [(weight / total, each) for weight, each in self.parts]  # shares that add up to 1
        refuse_shared_memory(params)
        with torch.inference_mode(False), torch.no_grad():
            flat = flatten(params, params)
            self.origin = flat.to(torch.promote_types(flat.dtype, torch.float32))  # (P,)
            self.like = {name: torch.empty_like(tensor, device="meta") for name, tensor in params.items()}
        self.size, self.dtype, self.device = len(self.origin), self.origin.dtype, self.origin.device

    def unflatten(self, flat: Tensor) -> Params:
        """A vector (P,) as the dict of parameters; views of it."""
        return unflatten(flat, self.like)

    def call(self, loss: Loss, flat: Tensor) -> Tensor:
        """The loss of one batch at a vector (P,), with the graph where gradients are on; NotFinite unless finite."""
        with exact_arithmetic():
            value = loss(self.unflatten(flat))
        if not value.isfinite():
            raise NotFinite(f"the loss is {value.item()} here: move the point, or take smaller steps from it")
        return value

    def value(self, flat: Tensor) -> float:
        """The loss at a vector (P,)."""
        with torch.no_grad():
            return sum(share * self.call(loss, flat).double().item() for share, loss in self.parts)

    def batch_gradients(self, flat: Tensor, twice: bool = False) -> Iterator[tuple[float, Tensor, Tensor | None]]:
        """(share, loss, gradient) of each batch at a leaf (P,); None for the gradient of a constant.

        `twice`: gradients that can be differentiated again. ValueError where the loss is detached from `flat`.
        """
        for share, loss in self.parts:
            value, slope = self.call(loss, flat), None
            if value.requires_grad:
                (slope,) = torch.autograd.grad(value, flat, create_graph=twice, allow_unused=True)
            if slope is None and (value.requires_grad or self._is_detached(loss, flat)):
                raise ValueError(
                    "the loss carries no gradient to the parameters it was given: compute it from the dict it is "
                    "called with (torch.func.functional_call), without detach or no_grad"
                )
            if slope is not None and not slope.isfinite().all():
                raise NotFinite("the gradient of the loss is not finite here: move the point, or take smaller steps")
            yield share, value, slope

    def _is_detached(self, loss: Loss, flat: Tensor) -> bool:
        """Whether a loss without a gradient changes with its parameters after all."""
        with torch.no_grad():
            return not torch.equal(self.call(loss, flat), self.call(loss, flat * (1 + NUDGE) + NUDGE))


def refuse_shared_memory(params: Params) -> None:
    """ValueError for tensors that share memory: as parts of a vector they would move apart."""
    spans = []  # first and last byte
    for name, tensor in params.items():
        if tensor.numel():
            reach = sum((size - 1) * step for size, step in zip(tensor.shape, tensor.stride(), strict=True))
            spans.append((tensor.data_ptr(), tensor.data_ptr() + reach * tensor.element_size(), name))
    for (_, last, name), (first, _, other) in pairwise(sorted(spans)):
        if first <= last:
            raise ValueError(f"{name!r} and {other!r} share memory: give tied tensors once, and clones of others")


class Hessian:
    """The Hessian of a loss at a point, a symmetric map (P,) to (P,) for `lanczos` and `trace`.

    Double backward through a graph that is made once and kept, under the attention kernel that can be differentiated
    twice. Not `jvp(jacrev(loss))`: that is silently wrong for LayerNorm's weights (by 70 % in a net of three layers,
    torch 2.15); `jvp(grad(loss))` is right.
    """

    def __init__(self, loss: Losses, params: Params) -> None:
        self.objective = FlatLoss(loss, params)
        self.size, self.dtype, self.device = self.objective.size, self.objective.dtype, self.objective.device
        self.kept: list[tuple[float, Tensor]] = []
        with differentiable():
            self.value, self.gradient = 0.0, torch.zeros_like(self.objective.origin)  # of the loss at the point
            self.leaf = self.objective.origin.clone().requires_grad_()  # (P,)
            for share, value, slope in self.objective.batch_gradients(self.leaf, twice=True):
                self.value += share * value.double().item()
                if slope is not None:
                    self.gradient += share * slope.detach()
                    self.kept.append((share, slope))

    def __call__(self, vector: Tensor) -> Tensor:
        """The product with a vector (P,)."""
        if vector.shape != (self.size,):
            raise ValueError(f"got a vector of shape {tuple(vector.shape)}: ({self.size},) is wanted")
        with differentiable():
            total, vector = torch.zeros_like(self.gradient), vector.detach().clone()  # no tensor of inference mode
            for share, slope in self.kept:
                if slope.requires_grad:
                    (image,) = torch.autograd.grad(slope, self.leaf, vector, retain_graph=True, allow_unused=True)
                    if image is not None:
                        total += share * image
        return total

    def unflatten(self, vector: Tensor) -> Params:
        """A vector (P,), such as an eigenvector, as a dict by the names of the parameters."""
        return {name: tensor.detach().clone() for name, tensor in self.objective.unflatten(vector).items()}


@contextmanager
def differentiable() -> Iterator[None]:
    """Gradients on, whatever the caller's mode, and the one attention kernel with a second derivative."""
    with torch.inference_mode(False), torch.enable_grad(), sdpa_kernel(SDPBackend.MATH), exact_arithmetic():
        yield
