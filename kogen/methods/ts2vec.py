"""TS2Vec: tell moments and series apart at every scale of time (Yue et al. 2022, arXiv 2106.10466)."""

import torch
import torch.nn.functional as F
from torch import Tensor

from kogen.common.devices import to_device
from kogen.common.distributed import gather, rank
from kogen.common.rng import StepRng
from kogen.modules.base import Backbone, CoupledMethod, Recipe, Terms, Views
from kogen.modules.losses import full_precision
from kogen.modules.time_steps import count_steps, steps_of

__all__ = ["TS2Vec"]

FEWEST_STEPS = 4  # of a window, so that two stretches can overlap and each have more than that


class TS2Vec(CoupledMethod):
    """Two stretches of a window that overlap, hidden in part, agree on the overlap, at every scale.

    The paper's encoder is `--backbone dilated1d`; any network with features along time works whose stretches may have
    another length than windows. A hidden moment is set to the mean before the network; in the paper it is set to 0
    after the first layer, a linear one, since its values have no bounds. Nothing but time is changed by views
    in the paper, so choose `--views ...?only=nothing`; what a set does to time (crop, uneven time) happens.
    When nothing is learnt (a landscape) the stretches are the first and last three quarters, and nothing is hidden.
    """

    needs = "steps"
    recipe = Recipe(
        source="the paper: loss, masks, rate of 1e-3 (eq. 1 to 3; the rate is for a batch of 256 here, of 8 there)",
        headline="125 UCR sets 83.0, 29 UEA sets 71.2 (SVM on features)",
        family="contrastive",
        views=1,
        optimiser="adamw",
        rate=1e-3,
        weight_decay=1e-2,  # AdamW's own in torch, which the authors leave as it is
        warmup=0.0,
        colour=False,
        least_area=1.0,
        authors={"batch_size": (8, "with the rate of 1e-3 (zhihanyue/ts2vec, train.py)")},
    )

    def __init__(
        self,
        backbone: Backbone,
        *,
        classes: int = 0,
        images: int = 0,
        masked: float = 0.5,  # probability that a moment is hidden in each stretch
    ) -> None:
        super().__init__()
        self.backbone, self.masked = backbone, masked
        self.stride = -(-backbone.image_size // count_steps(backbone, "ts2vec"))  # samples a step
        self.count = backbone.image_size // self.stride
        if self.count < FEWEST_STEPS:
            got = f"{backbone.spec} makes {self.count} steps of {backbone.image_size} samples"
            raise ValueError(f"ts2vec wants {FEWEST_STEPS} steps or more, and {got}: use dilated1d, or longer windows")
        for steps in (self.count - 1, self.count):
            if (made := count_steps(backbone, "ts2vec", steps * self.stride)) != steps:
                got = f"{backbone.spec} makes {made} steps of {steps * self.stride} samples"
                raise ValueError(f"ts2vec wants one step of {self.stride} samples, and {got}: use dilated1d")

    def embed(self, views: Views) -> list[Tensor]:
        windows, rng = views.crops[0], views.rng  # (B, C, T)
        first, last = self.sample_stretches(rng)  # steps from first[0] to first[1], and from last[0] to last[1]
        made = []
        for number, (begin, end) in enumerate((first, last)):
            seen = self.take(windows, rng, begin - first[0], end - begin, last[1] - first[0])  # (B, C, t)
            steps = steps_of(self.backbone, self.hide(seen, rng, f"ts2vec/{number}"))  # (B, D, t')
            made.append(steps[:, :, last[0] - begin :][:, :, : first[1] - last[0]].mT)
        return made  # (B, L, D) each, of the same moments

    def loss_of(self, embedded: list[Tensor], rng: StepRng) -> Terms:
        return hierarchical_loss(*embedded)

    def sample_stretches(self, rng: StepRng) -> tuple[tuple[int, int], tuple[int, int]]:
        """Two stretches in steps, the first beginning and ending no later: one draw for all windows of a step."""
        count = self.count
        if not self.training:
            return (0, count - count // 4), (count // 4, count)
        draws = torch.rand(3, generator=rng.generator("ts2vec/stretches")).tolist()
        shared = 2 + int(draws[0] * (count - 1))  # steps of the overlap, 2 to count
        begin = int(draws[1] * (count - shared + 1))
        early = int(draws[2] * (begin + 1))
        late = begin + shared
        late += int(float(torch.rand(1, generator=rng.generator("ts2vec/end"))) * (count - late + 1))
        return (early, begin + shared), (begin, late)

    def take(self, windows: Tensor, rng: StepRng, begin: int, steps: int, whole: int) -> Tensor:
        """Of each window the stretch of some steps, which begins `begin` after a place of its own.

        `whole`: steps of the two stretches together, for which there has to be room.
        """
        room = self.count - whole
        offset = (
            (rng.uniform("ts2vec/offset") * (room + 1)).long() if self.training else torch.zeros(len(windows)).long()
        )
        moments = (offset[:, None] + begin) * self.stride + torch.arange(steps * self.stride)  # (B, t)
        index = to_device(moments, windows.device)[:, None].expand(-1, windows.shape[1], -1)
        return windows.gather(2, index)

    def hide(self, windows: Tensor, rng: StepRng, tag: str) -> Tensor:
        """Windows (B, C, t) with moments set to the mean, 0, while the method learns."""
        if not self.training:
            return windows
        lost = rng.uniform(tag, self.count * self.stride)[:, : windows.shape[2]] < self.masked  # (B, t)
        return windows.masked_fill(to_device(lost, windows.device)[:, None], 0)


def hierarchical_loss(first: Tensor, second: Tensor) -> Terms:
    """Hierarchical contrasting: the mean over scales of half of both losses; of the same moments (B, L, D) twice.

    From one scale to the next the larger of two neighbours in time stays; at the last, of one moment, only series are
    told apart.
    """
    first, second = full_precision(first), full_precision(second)
    series, moments, scales = first.new_zeros(()), first.new_zeros(()), 0
    while True:
        scales += 1
        series = series + instance_loss(first, second)
        if first.shape[1] == 1:
            break
        moments = moments + temporal_loss(first, second)
        first, second = (F.max_pool1d(x.mT, 2).mT for x in (first, second))
    return {"series": series / (2 * scales), "moments": moments / (2 * scales)}


def temporal_loss(first: Tensor, second: Tensor) -> Tensor:
    """Eq. 1: each moment's partner in the other stretch among all moments of its series; (B, L, D) twice."""
    length = first.shape[1]
    every = torch.cat([first, second], dim=1)  # (B, 2 L, D)
    with torch.autocast(first.device.type, enabled=False):
        logits = every @ every.mT  # (B, 2 L, 2 L)
    oneself = torch.arange(2 * length, device=first.device)
    return partner_loss(logits, oneself, (oneself + length) % (2 * length))


def instance_loss(first: Tensor, second: Tensor) -> Tensor:
    """Eq. 2: each series' partner among all series, of all processes, at that moment; (B, L, D) twice to a scalar."""
    everyone = torch.cat([gather(first), gather(second)]).transpose(0, 1)  # (L, 2 W B, D)
    mine = torch.cat([first, second]).transpose(0, 1)  # (L, 2 B, D)
    with torch.autocast(first.device.type, enabled=False):
        logits = mine @ everyone.mT  # (L, 2 B, 2 W B)
    size, whole = len(first), everyone.shape[1] // 2
    here = torch.arange(size, device=first.device) + rank() * size  # our places among all first views
    return partner_loss(logits, torch.cat([here, here + whole]), torch.cat([here + whole, here]))


def partner_loss(logits: Tensor, oneself: Tensor, partner: Tensor) -> Tensor:
    """Mean cross-entropy of `partner` (R,) among all columns of logits (N, R, K) but `oneself` (R,)."""
    own = oneself[:, None].expand(len(logits), -1, 1)
    logits = logits.scatter(2, own, float("-inf"))
    return F.cross_entropy(logits.flatten(0, 1), partner.repeat(len(logits)))
