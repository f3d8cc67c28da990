"""The linear probe of transfer papers: 45 penalties, as Kornblith et al. 2019 and BYOL search them."""

from collections.abc import Sequence

import numpy as np
import torch

from kogen.evaluation.features import Features, Predictions
from kogen.evaluation.probes._linear import linear

__all__ = ["linear45"]

PENALTIES = tuple(float(one) for one in np.logspace(-6, 5, 45))  # of the sum of the losses


def linear45(
    train: Features, test: Features, *, strengths: Sequence[float] | None = None, device: torch.device | str = "cpu"
) -> Predictions:
    """Fit logistic regression as `linear`, with the best of 45 penalties from 1e-6 to 1e5.

    The papers' penalty is lambda / 2 * |W|^2 beside the sum of the losses, `linear`'s beside their mean: `strengths`
    are lambda / N. Held-out parts of `train` choose it, and all of `train` is fitted with it again.

    Raises ValueError as `linear`.
    Source: Kornblith et al. 2019 (arXiv 1805.08974), A.3; BYOL (arXiv 2006.07733), appendix E.
    """
    return linear(train, test, strengths=strengths or [one / max(len(train), 1) for one in PENALTIES], device=device)
