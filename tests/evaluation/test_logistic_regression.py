"""Logistic regression under many penalties at once: scikit-learn's answers, whatever the order, parts and precision."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from kogen.evaluation import lbfgs, logistic_regression
from kogen.evaluation.logistic_regression import fit, groups_of, halvings, rotate, solve

PATH = [float(strength) for strength in np.logspace(2, -5, 15)]


def sample(n: int, d: int = 16, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Gaussian classes that overlap, in correlated features of very different size that are not centred."""
    rng, world = np.random.default_rng(seed), np.random.default_rng(99)
    centres, mix = 0.6 * world.normal(size=(classes, d)), world.normal(size=(d, d)) * world.uniform(0.1, 5, d)
    labels = np.arange(n) % classes
    return ((centres[labels] + rng.normal(size=(n, d))) @ mix + 3).astype(np.float32), labels


def objective(found: logistic_regression.Classifier, values: np.ndarray, labels: np.ndarray, strength: float) -> float:
    """What is minimised, by its definition."""
    loss = -found.log_probability(values)[np.arange(len(labels)), labels].mean()
    return float(loss + strength / 2 * (found.coefficient**2).sum())


@pytest.mark.parametrize(("n", "d", "classes"), [(400, 16, 4), (300, 8, 2), (40, 64, 4), (60, 200, 3)])
def test_every_penalty_of_a_path_is_its_own_regression(n: int, d: int, classes: int) -> None:
    (values, labels), (test, _) = sample(n, d, classes), sample(100, d, classes, seed=1)
    found = fit(values, labels, PATH, 300)
    standard = (values - values.mean(axis=0, dtype=float)) / values.std(axis=0, dtype=float)
    tested = (test - values.mean(axis=0, dtype=float)) / values.std(axis=0, dtype=float)
    assert found.converged.all()
    for place in range(0, len(PATH), 4):
        strength = PATH[place]
        theirs = LogisticRegression(C=(1 + (classes == 2)) / strength / n, tol=1e-9, max_iter=10_000)
        theirs.fit(standard, labels)
        mine = np.exp(found[place].log_probability(test))
        np.testing.assert_allclose(mine, theirs.predict_proba(tested), atol=1e-3 if strength > 1e-3 else 1e-2)


def test_a_path_ends_where_a_cold_start_does() -> None:
    values, labels = sample(400)
    warm = fit(values, labels, PATH, 300)
    for place, strength in enumerate(PATH):
        cold = fit(values, labels, [strength], 300)[0]
        assert objective(warm[place], values, labels, strength) == pytest.approx(
            objective(cold, values, labels, strength), abs=1e-8
        )


def test_no_small_change_is_better() -> None:
    values, labels = sample(200)
    found, rng = fit(values, labels, [0.01], 300)[0], np.random.default_rng(0)
    least = objective(found, values, labels, 0.01)
    for size in (1e-3, 1e-1):
        for _ in range(20):
            step = size * rng.normal(size=found.coefficient.shape)
            moved = logistic_regression.Classifier(
                found.mean, found.scale, found.coefficient + step, found.bias + size * rng.normal(size=4), True
            )
            assert objective(moved, values, labels, 0.01) > least


def test_parts_of_images_and_groups_of_penalties_are_the_same_fit(monkeypatch: pytest.MonkeyPatch) -> None:
    values, labels = sample(150)
    whole = fit(values, labels, PATH, 300)
    for module in (lbfgs, logistic_regression):
        monkeypatch.setattr(module, "MAX_PROBABILITIES", 33 * 4)
    monkeypatch.setattr(logistic_regression, "MAX_STATE", 2 * 64 * 16)
    parts = fit(values, labels, PATH, 300)
    np.testing.assert_allclose(parts.coefficient, whole.coefficient, atol=1e-2)
    for mine, other in zip(parts.judge(values, labels), whole.judge(values, labels), strict=True):
        np.testing.assert_allclose(mine, other, rtol=1e-3)


def test_what_a_path_is_judged_by() -> None:
    (values, labels), (held, wanted) = sample(150), sample(80, seed=1)
    found = fit(values, labels, PATH, 300)
    right, loss = found.judge(held, wanted)
    for place in range(len(PATH)):
        guess = found[place].log_probability(held)
        assert right[place] == (guess.argmax(axis=1) == wanted).sum()
        assert loss[place] == pytest.approx(-guess[np.arange(80), wanted].sum())


def test_a_start_is_where_it_begins() -> None:
    values, labels = sample(400)
    axes, every = rotate(values, labels, "cpu"), np.ones((1, 400), dtype=bool)
    known = fit(values, labels, [0.01], 300)[0]
    again = solve(axes, every, [0.01], 0, start=known)[0][0]
    np.testing.assert_allclose(again.log_probability(values), known.log_probability(values), atol=1e-5)
    assert again.converged
    moved = solve(axes, every, [10.0], 0, start=known)[0][0]
    np.testing.assert_allclose(moved.log_probability(values), known.log_probability(values), atol=1e-5)
    assert not moved.converged


@pytest.mark.parametrize(("n", "d"), [(200, 16), (90, 64)])
def test_all_parts_together_are_what_each_is_alone(n: int, d: int) -> None:
    """Each part standardised as all of the images are: by repeating no image outside it."""
    values, labels = sample(n, d)
    part = np.arange(n) // 4 % 3
    parts = np.array([part != fold for fold in range(3)])
    axes = rotate(values, labels, "cpu")
    together = solve(axes, parts, PATH[::3], 300)
    standard = (values - values.mean(axis=0, dtype=float)) / values.std(axis=0, dtype=float)
    for rows, found in zip(parts, together, strict=True):
        alone = solve(axes, rows[None], PATH[::3], 300)[0]
        for place in range(1, 4):
            theirs = LogisticRegression(C=1 / PATH[3 * place] / rows.sum(), tol=1e-9, max_iter=10_000)
            theirs.fit(standard[rows], labels[rows])
            wanted = theirs.predict_proba(standard[~rows])
            for one in (found, alone):
                np.testing.assert_allclose(np.exp(one[place].log_probability(values[~rows])), wanted, atol=2e-3)


def test_what_lies_behind_a_penalty_that_does_not_converge_is_left() -> None:
    values, labels = sample(120, 64)
    found = fit(values, labels, PATH, 6)
    first = int(np.flatnonzero(~found.converged)[0])
    assert 0 < first < len(PATH) - 1
    assert not found.converged[first + 1 :: 2].any()
    assert np.isfinite(found.coefficient).all()


@pytest.mark.parametrize("count", [1, 2, 7, 8, 9, 13, 45])
def test_every_penalty_is_solved_once_and_starts_from_solved_ones(count: int) -> None:
    done: list[int] = []
    for places, near in halvings(count):
        assert all({low, high} <= set(done) for low, high in near)
        assert all(low < place and high != place for place, (low, high) in zip(places, near, strict=False))
        done += places
    assert sorted(done) == list(range(count))


def test_steps_that_are_remembered_fit_into_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logistic_regression, "MAX_STATE", 16 * 100 * 3)
    assert list(groups_of([0, 1, 2, 3], 100)) == [[0, 1, 2], [3]]
    assert list(groups_of([5, 7], 10**9)) == [[5], [7]]
    assert list(groups_of([5, 7], 0)) == [[5, 7]]  # no feature varies
