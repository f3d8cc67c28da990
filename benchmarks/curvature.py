"""Hessian products along a row of neighbouring points: both ends by warm Lanczos against two cold ARPACK calls a point.

Run: python benchmarks/curvature.py [--images 32] [--points 9] [--span 0.25] [--tolerance 1e-3] [--steps 150]

The network is a small ViT trained on drawn classes, the row a filter-normalised random direction through it. ARPACK
(scipy's eigsh, 'LA' and 'SA') stops at the same residual. Also: how many
forwards a product costs, and how far the two disagree.
"""

import argparse
import time
from collections.abc import Iterator

import numpy as np
import torch
import torch.nn.functional as F
from scipy.sparse.linalg import LinearOperator, eigsh
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torch.func import functional_call

from kogen.loss_landscape.hessian import Hessian, Params
from kogen.loss_landscape.lanczos import VALUE_FLOOR, lanczos


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=int, default=32)
    parser.add_argument("--points", type=int, default=9)
    parser.add_argument("--span", type=float, default=0.25, help="half the length of the row, in filter norms")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    parser.add_argument("--steps", type=int, default=150, help="of training before")
    asked = parser.parse_args()
    net, images, labels = trained(asked.images, asked.steps)
    params = {name: tensor.detach() for name, tensor in net.named_parameters()}

    def loss(at: Params) -> Tensor:
        return F.cross_entropy(functional_call(net, at, (images,)), labels)

    cost(loss, params)
    ours = theirs = 0
    worst, start = 0.0, None
    chance = torch.Generator().manual_seed(0)
    print("    step      loss  lambda_min  lambda_max  kogen  ARPACK")
    for step, at in row(params, asked.span, asked.points):
        hessian = Hessian(loss, at)
        found = lanczos(hessian, chance, tolerance=asked.tolerance, start=start)
        start = found.vectors
        wanted, products = arpack(hessian, asked.tolerance, found.values.numpy())
        ours, theirs = ours + found.products, theirs + products
        worst = max(worst, float(np.abs(found.values.numpy() - wanted).max() / np.abs(wanted).max()))
        low, high = found.values.tolist()
        print(f"{step:8.3f}{hessian.value:10.4f}{low:12.4f}{high:12.4f}{found.products:7d}{products:8d}", flush=True)
    print(f"ARPACK / kogen: {theirs / ours:.2f} (at least 4 wanted)    products a point: {ours / asked.points:.1f}")
    print(f"largest difference of a value, over the largest |value| of its point: {worst:.1e}")


def trained(count: int, steps: int) -> tuple[nn.Module, Tensor, Tensor]:
    """A ViT of 2 blocks after some steps of AdamW on noise with a class's pattern in it."""
    chance = torch.Generator().manual_seed(0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = VisionTransformer(img_size=16, patch_size=4, embed_dim=32, depth=2, num_heads=2, num_classes=10)
    patterns = torch.randn(10, 3, 16, 16, generator=chance)
    labels = torch.randint(0, 10, (count,), generator=chance)
    images = patterns[labels] / 2 + torch.randn(count, 3, 16, 16, generator=chance)
    optimiser = torch.optim.AdamW(net.parameters(), lr=3e-4)
    for _ in range(steps):
        optimiser.zero_grad()
        F.cross_entropy(net(images), labels).backward()
        optimiser.step()
    return net.eval(), images, labels


def row(params: Params, span: float, points: int) -> Iterator[tuple[float, Params]]:
    """Points on a line through the parameters; the direction has each output row's norm, biases and norms stay."""
    chance = torch.Generator().manual_seed(1)
    direction = {}
    for name, tensor in params.items():
        noise = torch.randn(tensor.shape, generator=chance)
        if tensor.ndim < 2 or name in {"pos_embed", "cls_token"}:
            noise.zero_()
        else:
            rows, noise = tensor.flatten(1), noise.flatten(1)
            noise = (noise * rows.norm(dim=1, keepdim=True) / noise.norm(dim=1, keepdim=True)).view_as(tensor)
        direction[name] = noise
    for step in np.linspace(-span, span, points):
        yield float(step), {name: tensor + float(step) * direction[name] for name, tensor in params.items()}


def arpack(hessian: Hessian, tolerance: float, ends: np.ndarray) -> tuple[np.ndarray, int]:
    """(lowest, highest) eigenvalue by two cold calls, and their products; `ends`, about these, for our rule's floor."""
    count, values = 0, []

    def product(vector: np.ndarray) -> np.ndarray:
        nonlocal count
        count += 1
        return hessian(torch.from_numpy(vector.ravel().astype(np.float32))).numpy()

    operator = LinearOperator((hessian.size, hessian.size), matvec=product, dtype=np.float32)  # type: ignore
    floor = VALUE_FLOOR * np.abs(ends).max()
    for which, end in zip(("SA", "LA"), np.abs(ends), strict=True):
        tol = tolerance * max(1.0, floor / end)  # the same residual as ours, also under the floor
        first = np.random.default_rng(count).normal(size=hessian.size).astype(np.float32)
        values.append(eigsh(operator, 1, which=which, tol=tol, v0=first, return_eigenvectors=False)[0])
    return np.array(values), count


def cost(loss, params: Params, rounds: int = 7) -> None:
    """Print what a product costs, in forwards without a graph."""
    hessian = Hessian(loss, params)
    vector = torch.randn(hessian.size, generator=torch.Generator().manual_seed(0))
    forward, product = [], []
    for _ in range(rounds):
        began = time.perf_counter()
        with torch.no_grad():
            loss(params)
        middle = time.perf_counter()
        hessian(vector)
        forward.append(middle - began)
        product.append(time.perf_counter() - middle)
    print(f"a product costs {np.median(product) / np.median(forward):.1f} forwards ({hessian.size} parameters)")


if __name__ == "__main__":
    main()
