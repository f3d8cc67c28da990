"""SimMTM: rebuild a series from masked copies of it and of its neighbours (Dong et al. 2023, arXiv 2302.00861)."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from kogen.common.devices import to_device
from kogen.common.distributed import gather, rank
from kogen.common.rng import StepRng, generator_from_text
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.heads import mlp
from kogen.modules.losses import full_precision
from kogen.modules.time_steps import count_steps, steps_of

__all__ = ["SimMTM"]


class SimMTM(CoupledMethod):
    """Section 3: the clean window is rebuilt from features of all other series, weighed by how alike they are.

    The projector sees the mean of the features over time, and a linear layer decodes them step by step, so that any
    network with features along time works; the authors flatten time in both. Both losses are weighed by learnt
    uncertainties (Kendall et al. 2018, arXiv 1705.07115, eq. 7), so their sum may fall below 0. The positives of a
    series count by their mean and not their sum. When nothing is learnt (a landscape) every window has the same masks.
    """

    needs = "steps"
    recipe = Recipe(
        source="section 3; numbers: thuml/SimMTM, SimMTM_Classification (rate 1e-4 at a batch of 32)",
        headline="SleepEEG to Epilepsy 95.5, to FD-B 69.4, Gesture 80.0, EMG 97.6 (fine-tuned)",
        family="masked",
        views=1,
        optimiser="adamw",
        rate=8e-4,
        weight_decay=0.0,
        betas=(0.9, 0.99),
        warmup=0.0,
        colour=False,
        authors={"batch_size": (32, "config_files/SleepEEG_Configs.py")},
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        masked: float = 0.5,  # share of the time that is hidden
        stretch: float = 3.0,  # samples that are hidden together, on average
        copies: int = 3,  # masked series of each window
        temperature: float = 0.2,
        hidden: int = 256,
        dim: int = 128,
    ) -> None:
        super().__init__()
        if stretch < 1:
            raise ValueError(f"simmtm: stretch = {stretch!r}, wanted 1 sample or more")
        self.backbone, self.copies, self.temperature = backbone, copies, temperature
        self.masked, self.stretch = masked, stretch
        self.steps = count_steps(backbone, "simmtm")
        self.samples = backbone.image_size // self.steps  # that a step rebuilds; what is left at the end is not
        with torch.no_grad():
            width = steps_of(backbone.eval(), torch.zeros(1, backbone.channels, backbone.image_size)).shape[1]
        backbone.train()
        self.projector = mlp(width, hidden, dim)
        self.decoder = nn.Linear(width, backbone.channels * self.samples)
        self.uncertainty = nn.Parameter(torch.zeros(2))  # log of the variance of each loss

    def embed(self, views: Views) -> list[Tensor]:
        windows = views.crops[0]  # (B, C, T)
        hidden = to_device(self.hidden_moments(views.rng, len(windows), windows.shape[2]), windows.device)  # (B, M, T)
        copies = windows[:, None].masked_fill(hidden[:, :, None], 0)  # (B, M, C, T)
        series = torch.cat([windows[:, None], copies], dim=1)  # (B, 1 + M, C, T)
        steps = steps_of(self.backbone, series.flatten(0, 1))  # (B (1 + M), D, T')
        alike = self.projector(steps.mean(dim=2))  # (B (1 + M), d)
        return [alike.unflatten(0, series.shape[:2]), steps.unflatten(0, series.shape[:2]), windows]

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        alike, steps, windows = embedded
        logits, own = compare_series(alike, self.temperature)  # (B, 1 + M, K) with K = W B (1 + M)
        every = gather(steps).flatten(0, 1).flatten(1)  # (K, D T')
        with torch.autocast(steps.device.type, enabled=False):
            mixed = logits[:, 0].softmax(dim=1) @ full_precision(every)  # (B, D T')
        rebuilt = self.decoder(mixed.unflatten(1, steps.shape[2:]).mT)  # (B, T', C p)
        wanted = windows[:, :, : self.steps * self.samples].unflatten(2, (self.steps, self.samples))  # (B, C, T', p)
        wanted = wanted.transpose(1, 2).flatten(2)  # (B, T', C p)
        values = (full_precision(rebuilt) - full_precision(wanted)).square().mean()
        return {"values": self.weigh(values, 0), "series": self.weigh(positive_loss(logits, own), 1)}

    def weigh(self, loss: Tensor, which: int) -> Tensor:
        """A loss over twice its variance, and half the log of that."""
        spread = self.uncertainty[which]
        return loss * torch.exp(-spread) / 2 + spread / 2

    def hidden_moments(self, rng: StepRng, count: int, length: int) -> Tensor:
        """Which moments each copy hides, (B, M, T), on the CPU."""
        shape = (self.copies, length + 1)
        if self.training:
            draws = rng.uniform("simmtm/masks", *shape)
        else:
            draws = torch.rand(1, *shape, generator=generator_from_text("simmtm/masks")).expand(count, -1, -1)
        return draw_stretches(draws, self.masked, self.stretch)


def draw_stretches(draws: Tensor, share: float, stretch: float) -> Tensor:
    """Moments hidden in stretches of `stretch` samples on average, a `share` of all, from draws (..., T + 1): (..., T).

    Lengths of stretches, and of what lies between them, are geometric (Zerveas et al. 2021, arXiv 2010.02803). A share
    above `stretch` / (`stretch` + 1) cannot be reached, because a moment at least lies between two.
    """
    if share >= 1:
        return torch.ones_like(draws[..., 1:], dtype=torch.bool)
    ending = torch.tensor([min(share / (1 - share) / stretch, 1.0), 1 / stretch]).double()  # of what is seen, hidden
    first = (draws[..., :1] < share).long()  # 1 where the first stretch is hidden
    length = draws.shape[-1] - 1
    hidden = (first + torch.arange(length)) % 2  # (..., T), of each stretch
    lengths = torch.log1p(-draws[..., 1:].double()) / torch.log1p(-ending)[hidden]
    ends = (lengths.floor().clamp(max=length) + 1).cumsum(-1)  # (..., T)
    moments = torch.arange(length).expand(ends.shape).contiguous()
    return (first + torch.searchsorted(ends, moments.double(), right=True)) % 2 == 1


def compare_series(alike: Tensor, temperature: float) -> tuple[Tensor, Tensor]:
    """Cosines over the temperature of our series (B, R, d) and those of all processes, -inf for oneself: (B, R, K).

    And which of the K = W B R are copies of the same window, (B, R, K), not oneself.
    """
    unit = F.normalize(full_precision(alike), dim=2)
    every = gather(unit).flatten(0, 1)  # (K, d)
    with torch.autocast(alike.device.type, enabled=False):
        logits = unit @ every.T / temperature
    size, copies = alike.shape[:2]
    window = torch.arange(len(every), device=alike.device) // copies  # (K,)
    here = torch.arange(size, device=alike.device)[:, None] + rank() * size  # (B, 1)
    oneself = here * copies + torch.arange(copies, device=alike.device)  # (B, R)
    itself = oneself[..., None] == torch.arange(len(every), device=alike.device)  # (B, R, K)
    return logits.masked_fill(itself, float("-inf")), (here[..., None] == window) & ~itself


def positive_loss(logits: Tensor, own: Tensor) -> Tensor:
    """Mean of minus the log share, among all others, of each copy of the same window; (B, R, K) twice to a scalar."""
    shares = logits.log_softmax(dim=2).masked_fill(~own, 0)
    return -shares.sum() / own.sum()
