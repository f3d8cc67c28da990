"""What a state dict cannot show of a network that nobody named: said beside the candidate, never assumed in silence."""

from collections.abc import Collection

from kogen.backbones._architectures import Architecture, OpenQuestion
from kogen.backbones._checkpoint_formats import CheckpointContent
from kogen.backbones._networks_in_files import NetworkTensors
from kogen.backbones._tensor_names import EFFICIENTNET, TIMM_RESNET


def tell_assumptions(found: NetworkTensors, architecture: Architecture, said: Collection[str]) -> str:
    """What is assumed of an unnamed network, as `assumed: ReLU, no dilation`; `said` are the settings that are known.

    Empty where nothing is: a pickled network says it itself, a published EfficientNet is one of a few.
    """
    if found.attributes or found.marker == EFFICIENTNET:
        return ""
    pooled = "mean of the patches" if architecture.settings.get("global_pool") == "avg" else "class token"
    items = {"act_layer": "GELU", "global_pool": pooled, "block_fn": "norms before the layers", "": "square images"}
    if TIMM_RESNET in found.tensors:
        items = {"act_layer": "ReLU", "output_stride": "no dilation", "aa_layer": "no anti-aliasing"}
        if architecture.settings.get("stem", "original") == "original":
            items["stem"] = "max-pool after the 7x7 stem"
    left = [text for setting, text in items.items() if setting not in said]
    return f"assumed: {', '.join(left)}" if left else ""


def ask_dilation(content: CheckpointContent, found: NetworkTensors, said: Collection[str]) -> None:
    """OpenQuestion for a ResNet beside a head of convolutions: networks of segmentation dilate their last stages."""
    heads = [key for key, value in content.tensors.items() if "classifier." in key and value.ndim == 4]
    if heads and TIMM_RESNET in found.tensors and not found.attributes and "output_stride" not in said:
        raise OpenQuestion(
            f"beside its ResNet lie convolutions, {heads[0]}, as of a network of segmentation, whose last stages are "
            "dilated, which no tensor shows: add ?output_stride=8 (torchvision's FCN and DeepLab), "
            "?output_stride=16 or ?output_stride=32 (not dilated)"
        )
