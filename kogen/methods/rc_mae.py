"""RC-MAE: MAE that also agrees with a slow teacher's reconstruction (Lee et al. 2022, arXiv 2210.02077)."""

import torch
from torch import Tensor, nn

from kogen.common.devices import sent
from kogen.modules.base import Backbone, PerImage, Recipe, Terms, Views
from kogen.modules.ema import copy_of, follow
from kogen.modules.heads import Decoder
from kogen.modules.losses import reconstruction
from kogen.modules.masking import encode, patchify, shown_of, standardised, transformer_of, visible_by
from kogen.modules.schedules import cosine

__all__ = ["RCMAE"]


class RCMAE(PerImage):
    """Section 4: the teacher, encoder and decoder, sees the same patches; its weights are the ones judged.

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
        cost=1.6,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        masked: float = 0.75,  # share of the patches that are hidden, as MAE
        width: int = 128,  # of the decoder; 512 in the paper, as MAE
        depth: int = 4,  # blocks of the decoder; 8 in the paper, as MAE
        consistency: float = 1.0,  # weight of the teacher's term
        momentum: float = 0.996,  # of the teacher, with a cosine to 1
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.decoder = Decoder(transformer_of(backbone.network, "rc_mae"), width, depth)
        self.target = copy_of(nn.ModuleList([self.backbone, self.decoder]))
        self.shown = shown_of(self.decoder.patches, masked)
        self.consistency, self.momentum = consistency, momentum

    @torch.no_grad()
    def teach(self, views: Views) -> Tensor:
        """What the teacher makes of the same visible patches, (B, N, K): the same for every student."""
        backbone, decoder = self.target  # type: ignore[attr-defined]
        visible = self.visible(views)
        return decoder(encode(backbone.network, views.crops[0], visible), visible)

    def losses(self, views: Views, taught: Tensor | None = None) -> Terms:
        """The weighted terms of each image, (B,); `taught` is what the teacher made of it, which is asked otherwise."""
        taught = self.teach(views) if taught is None else taught
        images, visible = views.crops[0], self.visible(views)  # (B, C, S, S), (B, V)
        predicted = self.decoder(encode(self.backbone.network, images, visible), visible)  # (B, N, K)
        wanted = standardised(patchify(images, self.decoder.patch))  # (B, N, K)
        return {
            "pixels": reconstruction(predicted, wanted, visible),
            "teacher": self.consistency * reconstruction(predicted, taught, visible),
        }

    def visible(self, views: Views) -> Tensor:
        """Places of the visible patches, the same for student and teacher, (B, V)."""
        return sent(visible_by(views.luck, self.decoder.patches, self.shown), views.crops[0].device)

    def update(self, progress: float) -> None:
        follow(self.target, nn.ModuleList([self.backbone, self.decoder]), cosine(progress, self.momentum, 1.0))

    def evaluated(self) -> Backbone:
        return self.target[0]  # type: ignore[index]
