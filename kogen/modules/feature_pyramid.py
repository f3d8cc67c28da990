"""Feature pyramid: maps of one width at several strides, of a network's stages or of a Transformer's last map."""

from collections import OrderedDict
from typing import Any

import torch
from timm.layers import LayerNorm2d
from timm.models.vision_transformer import VisionTransformer
from torch import Tensor, nn
from torchvision.ops import FeaturePyramidNetwork
from torchvision.ops.feature_pyramid_network import LastLevelMaxPool

LEAST_STRIDE = 4  # of the finest map that is used; finer ones cost most of the time
LEAST_MAPS = 3
NO_MAPS = "has no maps of its stages: use a ResNet, a ConvNeXt, or a ViT of timm"


class FeaturePyramid(nn.Module):
    """The pyramid over a network: FPN over the maps of its stages (Lin et al. 2017, arXiv 1612.03144).

    Of a Transformer, which has one map, the simple pyramid of Li et al. 2022 (arXiv 2203.16527, section 3): its last
    map at four scales. In both the coarsest map once more at half the size. The network stays a part of its own:
    its weights are no weights of the pyramid.
    """

    def __init__(self, network: nn.Module, channels: int, size: int, width: int) -> None:
        super().__init__()
        self._network = [network]  # a list, so that torch does not count its weights twice
        shapes = self._map_shapes(channels, size)
        self.out_channels = width
        self.first = 0
        if isinstance(network, VisionTransformer):
            self.scales = nn.ModuleList(scale_layers(shapes[-1][0], width, factor) for factor in (4, 2, 1, 0.5))
            self.strides = [size // shapes[-1][1] / factor for factor in (4, 2, 1, 0.5)]
        else:
            strides = [size / height for _, height in shapes]
            coarse = [number for number, stride in enumerate(strides) if stride >= LEAST_STRIDE]
            self.first = min(coarse[0] if coarse else len(shapes), max(len(shapes) - LEAST_MAPS, 0))
            self.inner = FeaturePyramidNetwork([count for count, _ in shapes[self.first :]], width)
            self.strides = strides[self.first :]
        self.extra = LastLevelMaxPool()
        self.strides = [*self.strides, 2 * self.strides[-1]]

    @property
    def network(self) -> Any:
        """The network whose maps these are."""
        return self._network[0]

    def forward(self, images: Tensor) -> "OrderedDict[str, Tensor]":
        """Images (B, C, S, S) to maps (B, width, h, w), the finest first."""
        maps = self._maps(images)
        if isinstance(self.network, VisionTransformer):
            found = [scale(maps[-1]) for scale in self.scales]
        else:
            named = OrderedDict((str(n), each) for n, each in enumerate(maps[self.first :]))
            found = list(self.inner(named).values())
        found, _ = self.extra(found, found, [str(n) for n in range(len(found))])
        return OrderedDict((str(n), each) for n, each in enumerate(found))

    def _maps(self, images: Tensor) -> list[Tensor]:
        """The maps (B, C, h, w) that the network makes on its way; of a Transformer its last one, normalised."""
        last: dict[str, Any] = {"indices": 1, "norm": True} if isinstance(self.network, VisionTransformer) else {}
        network: Any = self.network
        return network.forward_intermediates(images, intermediates_only=True, **last)

    def _map_shapes(self, channels: int, size: int) -> list[tuple[int, int]]:
        """Channels and height of each map, by trying. ValueError for a network that has none."""
        network = self.network
        if not hasattr(network, "forward_intermediates"):
            raise ValueError(f"a {type(network).__name__} {NO_MAPS}")
        was = network.training
        with torch.no_grad():
            network.eval()
            maps = self._maps(torch.zeros(1, channels, size, size))
        network.train(was)
        if any(each.ndim != 4 for each in maps):
            raise ValueError(f"a {type(network).__name__} {NO_MAPS}")
        return [(each.shape[1], each.shape[2]) for each in maps]


def scale_layers(channels: int, width: int, factor: float) -> nn.Sequential:
    """Layers that bring a map (B, channels, h, w) to (B, width, factor h, factor w), as Li et al. 2022 (ViTDet) do."""
    if factor == 4:
        layers: list[nn.Module] = [
            nn.ConvTranspose2d(channels, channels // 2, 2, 2),
            LayerNorm2d(channels // 2),
            nn.GELU(),
            nn.ConvTranspose2d(channels // 2, channels // 4, 2, 2),
        ]
        channels //= 4
    elif factor == 2:
        layers = [nn.ConvTranspose2d(channels, channels // 2, 2, 2)]
        channels //= 2
    else:
        layers = [] if factor == 1 else [nn.MaxPool2d(2, 2)]
    layers += [nn.Conv2d(channels, width, 1, bias=False), LayerNorm2d(width)]
    return nn.Sequential(*layers, nn.Conv2d(width, width, 3, padding=1, bias=False), LayerNorm2d(width))
