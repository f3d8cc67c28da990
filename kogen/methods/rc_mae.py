"""RC-MAE: MAE that also agrees with a slow teacher's reconstruction (Lee et al. 2022, arXiv 2210.02077)."""

import torch
from torch import Tensor, nn

from kogen.common.devices import to_device
from kogen.modules import masking
from kogen.modules.base import Backbone, PerImageMethod, Recipe, Terms, Views
from kogen.modules.ema import ema_copy, ema_update
from kogen.modules.heads import Decoder
from kogen.modules.losses import masked_mse
from kogen.modules.schedules import cosine_schedule

__all__ = ["RCMAE"]


class RCMAE(PerImageMethod):
    """Section 4: the teacher, encoder and decoder, sees the same patches; its weights are evaluated.

    The teacher follows once per optimiser step and its momentum rises over the whole training, as the paper says. The
    released loop follows at every micro-batch and reads the schedule by the step within an epoch: it stays near .996.
    """

    needs = "vit"
    recipe = Recipe(
        source="sections 4 and 5: as MAE (its appendix A.1, table 8), with a teacher of momentum .996 and weight 1",
        headline="ImageNet fine-tuned 83.6, linear 68.4 (ViT-B; MAE 83.4, 67.3)",
        family="masked",
        views=1,
        optimiser="adamw",
        rate=1.5e-4,
        weight_decay=0.05,
        betas=(0.9, 0.95),
        colour=False,
        least_area=0.2,  # youngwanLEE/rc-mae, run_pretrain.py
        revision=2,
        authors={
            "width": (512, "section 4.1, for ViT-L of 1024"),
            "depth": (8, "section 4.1, where ViT-L has 24"),
            "batch_size": (4096, "appendix A.1, table 8"),
        },
        cost=1.6,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        masked: float = 0.75,  # share of the patches that are hidden, as MAE
        width: int = 128,  # of the decoder
        depth: int = 4,  # blocks of the decoder
        consistency: float = 1.0,  # weight of the teacher's term
        momentum: float = 0.996,  # of the teacher, with a cosine to 1
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.decoder = Decoder(masking.prepare_vit(backbone.network, "rc_mae"), width, depth)
        self.target = ema_copy(nn.ModuleList([self.backbone, self.decoder]))
        self.shown = masking.visible_count(self.decoder.patches, masked)
        self.consistency, self.momentum = consistency, momentum

    @torch.no_grad()
    def make_targets(self, views: Views) -> Tensor:
        """The teacher's reconstruction from the same visible patches, (B, N, K), whatever the student is."""
        backbone, decoder = self.target  # type: ignore[attr-defined]
        visible = self.visible_patches(views)
        images = masking.as_rows(views.crops[0])
        return decoder(masking.encode_visible(backbone.network, images, visible), visible)

    def losses(self, views: Views, targets: Tensor | None = None) -> Terms:
        """The weighted terms of each image, (B,); `targets` are those of `make_targets`, which None asks for."""
        targets = self.make_targets(views) if targets is None else targets
        images, visible = masking.as_rows(views.crops[0]), self.visible_patches(views)  # (B, C, H, W), (B, V)
        predicted = self.decoder(masking.encode_visible(self.backbone.network, images, visible), visible)  # (B, N, K)
        wanted = masking.standardise_patches(masking.patchify(images, self.decoder.patch))  # (B, N, K)
        return {
            "pixels": masked_mse(predicted, wanted, visible),
            "teacher": self.consistency * masked_mse(predicted, targets, visible),
        }

    def visible_patches(self, views: Views) -> Tensor:
        """Places of the visible patches, the same for student and teacher, (B, V)."""
        return to_device(masking.sample_visible(views.rng, self.decoder.patches, self.shown), views.crops[0].device)

    def update(self, progress: float) -> None:
        student = nn.ModuleList([self.backbone, self.decoder])
        ema_update(self.target, student, cosine_schedule(progress, self.momentum, 1.0))

    def evaluation_backbone(self) -> Backbone:
        return self.target[0]  # type: ignore[index]
