"""LeJEPA: predict the mean of views, keep embeddings an isotropic Gaussian (Balestriero, LeCun 2025, 2511.08544)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kogen.common.devices import to_device
from kogen.common.distributed import sum_over_processes, world_size
from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision
from kogen.modules.multicrop import embed_views, take_local_crops

__all__ = ["LeJEPA"]


class LeJEPA(CoupledMethod):
    """Sections 4 and 5, algorithms 1 and 2: no teacher, no stop-gradient, one weight between two terms.

    Every view is compared with the mean of the two whole ones (algorithm 2); in the authors' minimal example, which has
    no local crops, with the mean of all. Their weight decay for ResNets is a hundredth of that for ViTs, and so is ours
    (rbalestr-lab/lejepa, README.md).
    """

    recipe = Recipe(
        source="section 5 and algorithm 2 (loss, lambda, directions); AdamW 2e-3, 5e-2: the paper's minimal example",
        headline="ImageNet linear 79 (ViT-H/14)",
        family="information",
        optimiser="adamw",
        rate=2e-3,
        weight_decay=5e-2,
        revision=2,
        without_attention={"weight_decay": 5e-4},
        authors={
            "rate": (5e-4, "a good start, README.md; 2e-3 in MINIMAL.md"),
            "hidden": (2048, "MINIMAL.md"),
            "dim": (16, "MINIMAL.md, for ten classes"),
            "local_crops": (6, "of 98 px beside two of 224, which then show 30 % or more (README.md)"),
        },
        cost=2.6,
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        hidden: int = 512,
        dim: int = 128,  # of the embedding
        weight: float = 0.05,  # lambda, section 5
        directions: int = 1024,  # onto which the embeddings are projected, new ones every step (section 4.3)
        knots: int = 17,  # points of the integral over the half axis (section 4.3) ...
        reach: float = 3.0,  # ... which ends here: the Gaussian window leaves 1 % beyond
        together: bool = True,  # views pass as one batch, and batch norm sees all (MINIMAL.md)
        local_crops: int = 0,  # small images have no small parts to show
    ) -> None:
        super().__init__()
        self.backbone = backbone
        self.projector = mlp(backbone.dim, hidden, hidden, dim)
        self.weight, self.directions, self.knots, self.reach = weight, directions, knots, reach
        self.together = together
        take_local_crops(backbone, local_crops, "lejepa")

    def embed(self, views: Views) -> list[Tensor]:
        return embed_views(self.backbone, self.projector, views.crops, self.together)  # (B, D) each

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        sketch = random_directions(rng, embedded[0].shape[1], self.directions)  # (D, S)
        prediction, gaussian = predict_and_spread(embedded, sketch, self.knots, self.reach)
        return {"prediction": (1 - self.weight) * prediction, "gaussian": self.weight * gaussian}


def predict_and_spread(embedded: list[Tensor], sketch: Tensor, knots: int, reach: float) -> tuple[Tensor, Tensor]:
    """The two terms before their weights, means over views: (B, D) each and directions (D, S) to two scalars."""
    with torch.autocast(embedded[0].device.type, enabled=False):
        embedded = [full_precision(each) for each in embedded]
        centre = torch.stack(embedded[:2]).mean(0)  # of the two whole views, (B, D)
        prediction = torch.stack([F.mse_loss(each, centre) for each in embedded]).mean()
        sketch = to_device(sketch, centre.device).to(centre.dtype)
        gaussian = torch.stack([epps_pulley(each @ sketch, knots, reach) for each in embedded]).mean()
    return prediction, gaussian


def random_directions(rng: StepRng, dim: int, count: int) -> Tensor:
    """Random unit vectors of a step as columns, (dim, count), the same on every process."""
    return F.normalize(torch.randn(dim, count, generator=rng.generator("directions")), dim=0)


def epps_pulley(values: Tensor, knots: int, reach: float) -> Tensor:
    """Epps and Pulley's statistic against N(0, 1), (B, S) to a scalar, the mean over S; over all processes' rows.

    N times the integral of |phi_N(t) - exp(-t^2/2)|^2 exp(-t^2/2): the trapezoid rule on [0, reach], doubled, since
    the integrand is even.
    """
    t = torch.linspace(0, reach, knots, dtype=values.dtype, device=values.device)  # (T,)
    normal = (-t.square() / 2).exp()
    turned = values[:, :, None] * t  # (B, S, T)
    count = len(values) * world_size()
    real, imaginary = (sum_over_processes(part.sum(0)) / count for part in (turned.cos(), turned.sin()))  # (S, T) each
    error = ((real - normal).square() + imaginary.square()) * normal
    return count * 2 * torch.trapezoid(error, t, dim=1).mean()
