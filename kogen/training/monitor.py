"""Label-free alarms while a model trains: RankMe, spread of features, a loss that is stuck. Alarms, never rankings."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kogen.common.alarms import Alarm, AlarmKind

COLLAPSE_SHARE = 0.1  # of the start: RankMe or spread under this share of the untrained network's is called a collapse
STUCK = 0.01  # relative distance to the known floor (ln K) within which a loss is called stuck


def rank_me(features: Tensor) -> float:
    """RankMe (Garrido et al. 2023, arXiv 2210.02885, eq. 1) of features (N, D), over min(N - 1, D), in (0, 1].

    Singular values of the features as they are: not centred, not squared.
    """
    sigma = torch.linalg.svdvals(features.double().cpu())
    p = sigma / sigma.sum().clamp_min(1e-12) + 1e-7
    return math.exp(-(p * p.log()).sum().item()) / max(min(len(features) - 1, features.shape[1]), 1)


def feature_std(features: Tensor) -> float:
    """Mean std of L2-normalised features (N, D), times sqrt(D): 1 is spread, 0 collapsed (SimSiam, section 4)."""
    unit = torch.nn.functional.normalize(features.double().cpu(), dim=1)
    return unit.std(dim=0).mean().item() * math.sqrt(features.shape[1])


def find_alarms(
    epochs: Sequence[int],
    ranks: Sequence[float],
    spreads: Sequence[float],
    losses: Sequence[float],
    floor: float | None,
) -> list[Alarm]:
    """Alarms of a whole run, one of each kind at most, at the first epoch that raises it.

    `ranks` and `spreads` begin with the untrained network; `losses` has no value there (nan). `floor` is the value at
    which the loss is known to be stuck (ln of the outputs), or None.
    """
    found: dict[AlarmKind, Alarm] = {}
    for epoch, rank, wide, loss in zip(epochs, ranks, spreads, losses, strict=True):
        under = f"under {COLLAPSE_SHARE:.0%} of its start"
        if rank < COLLAPSE_SHARE * ranks[0]:
            text = f"RankMe fell from {ranks[0]:.3f} to {rank:.3f}, {under}"
            found.setdefault(AlarmKind.RANK, Alarm(AlarmKind.RANK, epoch, text))
        if wide < COLLAPSE_SHARE * spreads[0]:
            text = f"the spread of features fell from {spreads[0]:.3f} to {wide:.3f}, {under}"
            found.setdefault(AlarmKind.SPREAD, Alarm(AlarmKind.SPREAD, epoch, text))
        if floor is not None and epoch > 0 and abs(loss - floor) < STUCK * abs(floor):
            text = f"the loss is stuck at {loss:.4f}, the value of a collapse"
            found.setdefault(AlarmKind.STUCK, Alarm(AlarmKind.STUCK, epoch, text))
        elif floor is not None:
            found.pop(AlarmKind.STUCK, None)  # it moved on: not stuck after all
    return list(found.values())
