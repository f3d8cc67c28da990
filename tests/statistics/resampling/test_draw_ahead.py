"""Bootstraps drawn by other processes are those drawn here, to the bit, whatever becomes of the processes."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kogen.statistics._item_matrix import ItemMatrix, item_matrices
from kogen.statistics.resampling import bootstrap
from kogen.statistics.resampling import draw_ahead as module
from kogen.statistics.resampling.bootstrap import bootstrap_deviations, draw_deviations
from kogen.statistics.resampling.draw_ahead import draw_ahead

DRAWS = 300


def matrices_of(sets: int, items: int = 400) -> list[ItemMatrix]:
    """Matrices of three models, the last set in unequal clusters."""
    rng, rows = np.random.default_rng(0), []
    for number in range(sets):
        right = rng.integers(0, 2, (items, 3))
        cluster = np.arange(items) if number < sets - 1 else (np.arange(items) ** 0.6).astype(int)
        for model in range(3):
            part = {"item": np.arange(items), "correct": right[:, model], "cluster": cluster}
            rows.append(pd.DataFrame(part).assign(model=f"m{model}", dataset=f"set{number}", seed=0))
    return list(item_matrices(pd.concat(rows)))


def kept(matrix: ItemMatrix) -> np.ndarray | None:
    """What is kept of a matrix's bootstrap."""
    found = bootstrap._KEPT.get(matrix)
    return None if found is None else found[1]


@pytest.fixture
def two_cores(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LONG", 0)
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "2")


@pytest.mark.usefixtures("two_cores")
def test_other_processes_draw_the_same_bits_in_the_same_order() -> None:
    matrices = matrices_of(5)
    for number, matrix in enumerate(draw_ahead(matrices, DRAWS, 3)):
        assert matrix is matrices[number]
        drawn, here = kept(matrix), draw_deviations(matrix, DRAWS, 3)
        assert drawn is not None
        assert drawn.tobytes() == here.tobytes()
        assert bootstrap_deviations(matrix, DRAWS, 3) is not None


def test_little_work_one_set_or_one_core_starts_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    little = matrices_of(2)
    assert list(draw_ahead(little, DRAWS, 0)) == little
    monkeypatch.setattr(module, "LONG", 0)
    assert list(draw_ahead(little[:1], DRAWS, 0)) == little[:1]
    monkeypatch.setenv("LOKY_MAX_CPU_COUNT", "1")
    assert list(draw_ahead(little, DRAWS, 0)) == little
    assert all(kept(matrix) is None for matrix in little)


def draw_or_die(matrix: ItemMatrix, draws: int, seed: int) -> np.ndarray:
    """As the real one, but the process that is given the second set is killed."""
    if matrix.dataset == "set1":
        os.kill(os.getpid(), signal.SIGKILL)
    return draw_deviations(matrix, draws, seed)


@pytest.mark.usefixtures("two_cores")
def test_a_killed_process_costs_time_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    matrices = matrices_of(6)
    monkeypatch.setattr(module, "draw_deviations", draw_or_die)
    assert list(draw_ahead(matrices, DRAWS, 0)) == matrices
    assert kept(matrices[1]) is None
    for matrix in matrices:
        assert bootstrap_deviations(matrix, DRAWS, 0).tobytes() == draw_deviations(matrix, DRAWS, 0).tobytes()


def test_a_script_needs_no_main_guard(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import numpy as np, pandas as pd\n"
        "from kogen.statistics.resampling import draw_ahead as there\n"
        "from kogen.statistics._item_matrix import item_matrices\n"
        "print('once')\n"
        "there.LONG = 0\n"
        "rows = pd.DataFrame({'model': ['a', 'b'] * 40, 'seed': 0, 'item': np.arange(80) // 2 % 20,\n"
        "                     'dataset': ['one'] * 40 + ['two'] * 40, 'correct': np.arange(80) % 3 % 2})\n"
        "print(len(list(there.draw_ahead(list(item_matrices(rows)), 50, 0))), 'sets')\n"
    )
    env = os.environ | {"LOKY_MAX_CPU_COUNT": "2", "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(script)], capture_output=True, text=True, env=env, timeout=60)
    assert done.stdout.split() == ["once", "2", "sets"], done.stderr
