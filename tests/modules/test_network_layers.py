"""The layers of networks in order: stem, stages or blocks, and what is beside them."""

import pytest
import timm
import torch

from kogen.modules.network_layers import split_layers


@pytest.mark.parametrize(
    ("name", "stem", "stages", "beside"),
    [
        ("resnet18", ["conv1", "bn1", "act1", "maxpool"], ["layer1", "layer2", "layer3", "layer4"], 0),
        ("convnext_atto", ["stem"], ["stages.0", "stages.1", "stages.2", "stages.3"], 0),
        ("vit_tiny_patch16_224", ["patch_embed", "pos_drop", "patch_drop", "norm_pre"], 12, 2),
        ("densenet121", ["features", "global_pool", "head_drop", "classifier"], 0, 0),  # no stages are known
    ],
)
def test_layers_are_split_by_their_names(name, stem, stages, beside):
    with torch.device("meta"):
        network = timm.create_model(name)
    names = {part: key for key, part in network.named_modules()}
    found = split_layers(network)
    assert [names[part] for part in found.stem] == stem
    if isinstance(stages, int):
        assert len(found.stages) == stages
    else:
        assert [names[part] for part in found.stages] == stages
    assert len(found.beside) == beside
