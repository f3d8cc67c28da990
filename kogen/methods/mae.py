"""MAE: hide most patches of an image and rebuild their pixels from the rest (He et al. 2021, arXiv 2111.06377)."""

from kogen.common.devices import to_device
from kogen.modules import masking
from kogen.modules.base import Backbone, PerImageMethod, Recipe, Terms, Views
from kogen.modules.heads import Decoder
from kogen.modules.losses import masked_mse

__all__ = ["MAE"]


class MAE(PerImageMethod):
    """Section 3: the encoder sees visible patches only; the loss is on hidden ones, each standardised by itself.

    The encoder keeps the weights its library draws; the paper's are Xavier uniform (appendix A.1), in timm
    `--backbone "vit_...?weight_init=jax"`.
    """

    needs = "vit"
    recipe = Recipe(
        source="section 4 (masked, decoder), appendix A.1, table 8 (all else; warm-up 40 of 800 epochs)",
        headline="ImageNet fine-tuned 83.6, linear 68.0 (ViT-B, 1600 epochs)",
        family="masked",
        views=1,
        optimiser="adamw",
        rate=1.5e-4,
        weight_decay=0.05,
        betas=(0.9, 0.95),
        colour=False,
        least_area=0.2,  # facebookresearch/mae, main_pretrain.py
        revision=2,
        authors={
            "width": (512, "section 4.1, for ViT-L of 1024"),
            "depth": (8, "section 4.1, where ViT-L has 24"),
            "batch_size": (4096, "appendix A.1, table 8"),
        },
        cost=1.5,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        masked: float = 0.75,  # share of the patches that are hidden, figure 5
        width: int = 128,  # of the decoder
        depth: int = 4,  # blocks of the decoder
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.decoder = Decoder(masking.prepare_vit(backbone.network, "mae"), width, depth)
        self.shown = masking.visible_count(self.decoder.patches, masked)
        values = self.decoder.values.out_features  # K
        self.floor = 1 - 1 / values  # of a mean gray patch: the mean of K values that are standardised over K - 1

    def losses(self, views: Views) -> Terms:
        images = masking.as_rows(views.crops[0])  # (B, C, H, W)
        visible = to_device(
            masking.sample_visible(views.rng, self.decoder.patches, self.shown), images.device
        )  # (B, V)
        predicted = self.decoder(masking.encode_visible(self.backbone.network, images, visible), visible)  # (B, N, K)
        wanted = masking.standardise_patches(masking.patchify(images, self.decoder.patch))  # (B, N, K)
        return {"pixels": masked_mse(predicted, wanted, visible)}
