"""A transformer of scikit-learn: images of any kind in, the features of a run's network out."""

from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from kogen.study.run_model import RunModel


class Embedder(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Features of images by the network of a finished run, as a step of a pipeline; nothing is learnt from them.

    `run`: the folder of the run. A copy, a clone and a pickle hold this path and not the weights: whoever opens one
    needs the folder. Which checks of scikit-learn images rule out: docs/python.md.
    """

    def __init__(self, run: Any = "run") -> None:
        self.run = run

    def fit(self, X: Any, y: Any = None) -> "Embedder":
        """Check that the run is finished and that these are images that it takes; nothing is learnt.

        ValueError as `transform`.
        """
        model = self._model()
        model.open(X)
        self._n_features_out = model.dim  # what ClassNamePrefixFeaturesOutMixin counts names by
        return self

    def transform(self, X: Any) -> np.ndarray:
        """Features (N, D) float32 of images: an array (N, H, W, C), a list, a folder ..., as the verbs take them.

        ValueError for what is no images, and where one cannot be read: rows must stay with their labels.
        """
        check_is_fitted(self)
        return self._model().embed(X)

    def _model(self) -> RunModel:
        """The run, its weights loaded once for a path."""
        held = self.__dict__.get("_opened")
        if held is None or str(held.folder) != str(self.run):
            held = RunModel(self.run)
            self._opened = held
        return held

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "_n_features_out")

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        return {name: value for name, value in state.items() if name != "_opened"}

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False  # rows of numbers are no images
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []  # float32, whatever the pixels are
        tags.requires_fit = True
        return tags
