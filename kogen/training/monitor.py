"""The monitor of a training: alarms without labels by RankMe, spread of features and a loss that is stuck."""

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from kogen.common.alarms import Alarm, AlarmKind

Values = Sequence[float]  # one per epoch
COLLAPSE_SHARE = 0.1  # RankMe or spread under this share of the untrained network's is called a collapse
SETTLED = 20  # steps before which nothing is judged: of its first values batch norm then remembers .9^20, an eighth
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
    epochs: Sequence[int], ranks: Values, spreads: Values, losses: Values, floor: float | None, per_epoch: int
) -> list[Alarm]:
    """Alarms of a whole run, one of each kind at most, at the first epoch that raises it.

    `per_epoch`: steps in an epoch. In the first SETTLED steps nothing tells a collapse: batch norm still
    remembers how it began, and the loss of a classifier begins at its floor.

    `ranks` and `spreads` begin with the untrained network; `losses` has no value there (nan). `floor` is the value at
    which the loss is known to be stuck (ln of the outputs), or None.
    """
    found: dict[AlarmKind, Alarm] = {}
    measures = ((AlarmKind.RANK, "RankMe", ranks), (AlarmKind.SPREAD, "the spread of features", spreads))
    for position, (epoch, loss) in enumerate(zip(epochs, losses, strict=True)):
        if epoch * per_epoch < SETTLED:
            continue
        for kind, name, values in measures:
            first, now = values[0], values[position]
            if now < COLLAPSE_SHARE * first:
                text = f"{name} fell from {first:.3f} to {now:.3f}, under {COLLAPSE_SHARE:.0%} of its start"
                found.setdefault(kind, Alarm(kind, epoch, text))
        if floor is not None and abs(loss - floor) < STUCK * abs(floor):
            text = f"the loss is stuck at {loss:.4f}, the value of a collapse"
            found.setdefault(AlarmKind.STUCK, Alarm(AlarmKind.STUCK, epoch, text))
        elif floor is not None:
            found.pop(AlarmKind.STUCK, None)  # it moved on, so it was not stuck
    return list(found.values())
