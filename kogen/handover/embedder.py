"""A transformer of scikit-learn: images of any kind in, the features of a run's network out."""

from pathlib import Path
from typing import Any

import numpy as np

from kogen.study.run_model import RunModel

try:
    from sklearn.base import BaseEstimator, TransformerMixin
    from sklearn.utils.validation import check_is_fitted
except ImportError as error:
    raise ImportError("kogen.Embedder is a transformer of scikit-learn: pip install scikit-learn") from error

# Checks of scikit-learn's `check_estimator` that cannot pass: they give rows of numbers (N, D) in place of images, or ask
# that what is no image be taken.
NO_IMAGES = "gives rows of numbers, which are no images"


class Embedder(TransformerMixin, BaseEstimator):
    """Features of images by the network of a finished run, as a step of a pipeline; nothing is learnt from them.

    `run`: the folder of the run. A pickle holds the folder and not the weights: whoever opens it needs the folder.
    """

    def __init__(self, run: Any = None) -> None:
        self.run = run

    def fit(self, X: Any, y: Any = None) -> "Embedder":
        """Check that the run can be opened and takes these images; nothing is learnt. ValueError as `transform`."""
        model = self._open()
        images = model.open(X)
        self.n_features_out_ = int(model.embed(X[:1] if isinstance(X, np.ndarray) else X).shape[1])
        self.n_images_seen_ = len(images)
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Features (N, D) float32 of images: an array (N, H, W, C), a list, a folder ..., as verbs take them.

        ValueError for what is no images, and where some cannot be read: rows must stay with their labels.
        """
        check_is_fitted(self)
        return self._open().embed(X)
