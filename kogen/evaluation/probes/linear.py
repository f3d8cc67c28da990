"""Linear probe: multinomial logistic regression on frozen features, with 13 penalties to choose from."""

from kogen.evaluation.probes._linear import linear

__all__ = ["linear"]
