"""A run as a transformer of scikit-learn: what its checks ask of any transformer holds, as far as images allow."""

import pickle
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import joblib
import numpy as np
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator
from sklearn.utils.validation import check_is_fitted, validate_data

import kogen
from kogen.handover.embedder import Embedder

PIXELS = np.random.default_rng(0).integers(0, 256, (24, 20, 20, 3), dtype=np.uint8)
RUN: dict[str, str] = {}  # the folder of the run that the checks make estimators of, by themselves


@pytest.fixture(scope="module", autouse=True)
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("embedder") / "run"
    kogen.pretrain(PIXELS, method="random", image_size=16, backbone="tiny?width=8", precision="32", out=folder)
    RUN["run"] = str(folder)
    return folder


def test_features_are_those_of_the_run_and_have_names(run: Path):
    embedder = kogen.Embedder(run).fit(PIXELS)
    features = embedder.transform(PIXELS)
    assert (features.dtype, features.shape) == (np.float32, (24, len(embedder.get_feature_names_out())))
    assert embedder.get_feature_names_out()[:2].tolist() == ["embedder0", "embedder1"]
    tensors = torch.from_numpy(PIXELS).permute(0, 3, 1, 2)
    np.testing.assert_array_equal(embedder.transform(tensors), features)
    np.testing.assert_array_equal(embedder.transform([*PIXELS]), features)
    assert list(embedder.set_output(transform="pandas").transform(PIXELS).columns[:1]) == ["embedder0"]


def test_pipelines_clones_and_folds(run: Path):
    labels = np.arange(24) % 2
    pipeline = make_pipeline(kogen.Embedder(run), LogisticRegression())
    assert pipeline.fit(PIXELS, labels).predict(PIXELS).shape == (24,)
    assert clone(pipeline).get_params()["embedder__run"] == run
    assert len(cross_val_score(pipeline, PIXELS, labels, cv=3)) == 3


def test_a_pickle_holds_the_path_and_not_the_weights(run: Path, tmp_path: Path):
    embedder = kogen.Embedder(run).fit(PIXELS)
    expected = embedder.transform(PIXELS)
    joblib.dump(embedder, tmp_path / "e.joblib")
    assert (tmp_path / "e.joblib").stat().st_size < 1000 < (run / "weights.safetensors").stat().st_size
    np.testing.assert_array_equal(joblib.load(tmp_path / "e.joblib").transform(PIXELS), expected)
    moved = pickle.loads(pickle.dumps(embedder)).set_params(run=tmp_path / "gone")
    with pytest.raises(ValueError, match="gone"):
        moved.transform(PIXELS)


def test_what_is_no_images_is_refused_and_a_row_is_never_lost(run: Path):
    embedder = kogen.Embedder(run)
    with pytest.raises(ValueError, match=r"images has the shape \(24, 1200\): wanted \(N, H, W\)"):
        embedder.fit(PIXELS.reshape(24, -1))
    with pytest.raises(ValueError, match="not fitted yet"):
        embedder.transform(PIXELS)
    broken = PIXELS.astype(np.float32) / 255
    broken[3, 0, 0, 0] = np.nan
    with pytest.raises(ValueError, match="nothing says which values are black and white"):
        embedder.fit(broken)
    with pytest.raises(ValueError, match=r"run"):
        kogen.Embedder(run.parent).fit(PIXELS)


def test_without_scikit_learn_a_sentence():
    code = "import sys; sys.modules['sklearn.base'] = None; import kogen; kogen.Embedder"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "kogen.Embedder is made with scikit-learn: pip install scikit-learn" in done.stderr


class Plain(Embedder):
    """The embedder as the checks may make one, said to take rows of numbers, so that they are all run."""

    def __init__(self, run: Any = None) -> None:
        self.run = run

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = True
        return tags


ROWS = "gives rows of numbers (N, D), which are no images"
KINDS = "wants another sentence on what is no image, see test_what_is_no_images_is_refused"
EXPECTED = dict.fromkeys(
    (
        *("check_fit_score_takes_y", "check_estimators_overwrite_params", "check_dont_overwrite_parameters"),
        *("check_estimators_fit_returns_self", "check_readonly_memmap_input", "check_positive_only_tag_during_fit"),
        *("check_estimators_dtypes", "check_dtype_object", "check_pipeline_consistency", "check_estimators_pickle"),
        *("check_f_contiguous_array_estimator", "check_transformer_data_not_an_array", "check_transformer_general"),
        *("check_methods_sample_order_invariance", "check_methods_subset_invariance", "check_dict_unchanged"),
        *("check_fit_idempotent", "check_fit_check_is_fitted", "check_fit2d_predict1d"),
    ),
    ROWS,
)
EXPECTED |= dict.fromkeys(
    (
        *("check_complex_data", "check_estimators_empty_data_messages", "check_estimators_nan_inf"),
        *("check_estimator_sparse_array", "check_estimator_sparse_matrix", "check_fit2d_1sample"),
        "check_fit2d_1feature",
    ),
    KINDS,
)
EXPECTED |= dict.fromkeys(
    ("check_n_features_in", "check_n_features_in_after_fitting"),
    "wants the number of columns of rows: images may be of any size",
)


class Drawn(Plain):
    """The embedder with rows of numbers drawn as images before it: all that is asked of any transformer is asked."""

    def fit(self, X: Any, y: Any = None) -> "Drawn":
        return super().fit(draw(validate_data(self, X)), y)

    def transform(self, X: Any) -> np.ndarray:
        check_is_fitted(self)
        return super().transform(draw(validate_data(self, X, reset=False)))


def draw(rows: np.ndarray) -> np.ndarray:
    """Rows (N, D) as images (N, 8, 8, 1), each from its own numbers alone."""
    few = np.resize(np.tanh(rows.astype(np.float64)).T, (64, len(rows))).T
    return np.rint((few.reshape(-1, 8, 8, 1) + 1) * 127).astype(np.uint8)


def failed(estimator: Embedder, expected: dict[str, str]) -> set[str]:
    """Names of the checks that did not pass."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = check_estimator(estimator, on_fail=None, on_skip=None, expected_failed_checks=expected)
    assert len(found) > 40
    return {one["check_name"] for one in found if one["status"] in ("failed", "xfail")}


def test_exactly_the_checks_that_want_no_images_fail():
    assert failed(Plain(RUN["run"]), EXPECTED) == set(EXPECTED)


def test_with_rows_drawn_as_images_the_checks_pass():
    assert failed(Drawn(RUN["run"]), {}) == set()


def test_the_tags_say_that_images_are_wanted(run: Path):
    with pytest.warns(UserWarning, match="which requires input"):
        assert all(one["status"] == "passed" for one in check_estimator(kogen.Embedder(run)))
