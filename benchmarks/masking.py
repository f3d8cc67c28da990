"""What hiding patches saves: seconds of an encoder's step with a quarter of the patches over all; prints ratios."""

import argparse
import time

import numpy as np
import torch
from torch import nn

from kogen.backbones.timm import timm
from kogen.common.rng import StepRng
from kogen.modules.masking import encode_visible, prepare_vit, sample_visible, visible_count

NETWORKS = [("vit_base_patch16_224", 224, 2), ("vit_tiny_patch16_224", 64, 32), ("vit_tiny_patch16_224", 32, 32)]


def seconds(network: nn.Module, images: torch.Tensor, visible: torch.Tensor) -> float:
    """One forward and backward of the encoder, with the visible patches only."""
    began = clock()
    encode_visible(network, images, visible).square().mean().backward()
    network.zero_grad(set_to_none=True)
    return clock() - began


def clock() -> float:
    """Seconds, once the device has finished what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--masked", type=float, default=0.75)
    parser.add_argument("--network", type=int, choices=range(len(NETWORKS)), action="append", help="only these")
    asked = parser.parse_args()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    print(f"{device}, {torch.get_num_threads()} threads; a round is both, one after the other")
    for name, size, batch in [NETWORKS[n] for n in asked.network or range(len(NETWORKS))]:
        network = prepare_vit(timm(name, image_size=size).to(device).network, "mae")
        patches, rng = network.patch_embed.num_patches, StepRng(0, 0, batch)
        images = torch.randn(batch, 3, size, size, generator=rng.generator("images")).to(device)
        every = torch.arange(patches, device=device).expand(batch, -1)  # (B, N)
        some = sample_visible(rng, patches, visible_count(patches, asked.masked)).to(device)  # (B, V)
        seconds(network, images, every), seconds(network, images, some)  # warm-up
        rounds = np.array([[seconds(network, images, v) for v in (every, some)] for _ in range(asked.rounds)])
        ratios = rounds[:, 0] / rounds[:, 1]
        whole, part = np.median(rounds, axis=0) / batch * 1000
        print(
            f"{name} {size} px, {patches} patches: {whole:.2f} ms an image with all, {part:.2f} with "
            f"{some.shape[1]}: {np.median(ratios):.2f} times faster (rounds {ratios.min():.2f} to {ratios.max():.2f})"
        )


if __name__ == "__main__":
    main()
