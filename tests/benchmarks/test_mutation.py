"""The program that changes code: which changes it makes, and that it tells noticed from survived without a trace."""

import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / "benchmarks"
sys.path.insert(0, str(FOLDER))

from callers import callers, function_around  # noqa: E402
from mutants import mutants_of  # noqa: E402

SOURCE = '''"""Doc 1 + 1."""
__all__ = ["half"]
LIMIT: int = 2


def half(x: int, *, deep: bool = True) -> float:
    """Half of x - 1."""
    if x is not None and x <= LIMIT:
        return -x / 2
    x += 3
    return f"{x * 7:.2f}" if not deep else [y for y in (x,) if y > 0]
'''


def test_every_kind_of_change_is_made_and_nothing_else():
    changes = [
        (one.line, SOURCE.encode()[one.begin : one.end].decode(), one.text)
        for one in mutants_of("m.py", SOURCE.encode())
    ]
    assert set(changes) == {
        *[(3, "2", "3"), (3, "2", "1"), (6, "True", "False")],
        *[(8, "is not", "is"), (8, "and", "or"), (8, "<=", "<")],
        (8, "x is not None and x <= LIMIT", "(not (x is not None and x <= LIMIT))"),
        *[(9, "-x", "(x)"), (9, "/", "*"), (9, "2", "3"), (9, "2", "1"), (9, "-x / 2", "None")],
        *[(10, "+=", "-="), (10, "3", "4"), (10, "3", "2")],
        *[
            (11, "*", "/"),
            (11, "7", "8"),
            (11, "7", "6"),
            (11, "not deep", "(deep)"),
            (11, "not deep", "(not (not deep))"),
        ],
        *[(11, ">", ">="), (11, "0", "1"), (11, "y > 0", "(not (y > 0))")],
        (11, 'f"{x * 7:.2f}" if not deep else [y for y in (x,) if y > 0]', "None"),
    }
    assert len(changes) == len(set(changes))


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout of one module with one test, and the program in it."""
    for name in ("benchmarks", "kogen", "tests"):
        (tmp_path / name).mkdir()
    for name in ("mutation.py", "mutants.py", "callers.py"):
        (tmp_path / "benchmarks" / name).write_bytes((FOLDER / name).read_bytes())
    (tmp_path / "kogen" / "__init__.py").touch()
    (tmp_path / "kogen" / "half.py").write_text("def half(x):\n    return x / 2 if x > 0 else 0\n")
    test = "from kogen.half import half\n\ndef test_half():\n    assert half(4) == 2\n    assert half(-4) == 0\n"
    (tmp_path / "tests" / "test_half.py").write_text(test)
    return tmp_path


def run(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "benchmarks/mutation.py", "--module", "kogen/half.py", *words]
    return subprocess.run(command, cwd=checkout, capture_output=True, text=True, timeout=300)


@pytest.mark.slow
def test_noticed_and_survived_are_told_apart_and_tried_once(checkout: Path):
    before = (checkout / "kogen" / "half.py").read_bytes()
    done = run(checkout)
    assert done.returncode == 1, done.stdout + done.stderr
    assert (
        "survived  kogen/half.py:2\n  - return x / 2 if x > 0 else 0\n  + return x / 2 if x >= 0 else 0" in done.stdout
    )
    assert "| half.py | 6 | 0 | 2 | 75 % |" in done.stdout  # x >= 0 gives the same; nothing asks about x = 1
    assert "| all | 6 | 0 | 2 | 75 % |" in done.stdout
    assert (checkout / "kogen" / "half.py").read_bytes() == before
    log = (checkout / "work" / "mutation" / "log.jsonl").read_text()
    assert run(checkout).returncode == 1
    assert (checkout / "work" / "mutation" / "log.jsonl").read_text() == log  # nothing was tried again
    harmless = '[[change]]\nmodule = "kogen/half.py"\nbefore = "return x / 2 if x > 0 else 0"\n'
    harmless += 'after = "return x / 2 if x >= 0 else 0"\nwhy = "half of 0 is 0"\n'
    (checkout / "benchmarks" / "harmless.toml").write_text(harmless)
    with (checkout / "tests" / "test_half.py").open("a") as file:
        file.write("    assert half(1) == 0.5\n")
    better = run(checkout)
    assert better.returncode == 0, better.stdout
    assert "| half.py | 7 | 1 | 0 | 100 % |" in better.stdout


def test_a_sample_is_drawn_by_its_seed_and_tests_that_fail_anyway_are_said(checkout: Path):
    assert run(checkout, "--sample", "3", "--seed", "1", "--list").stdout.count("kogen/half.py:2") == 3
    draws = {run(checkout, "--sample", "3", "--seed", str(seed), "--list").stdout for seed in (1, 1, 2)}
    assert len(draws) == 2
    (checkout / "tests" / "test_half.py").write_text("def test_half():\n    assert False\n")
    done = run(checkout, "--sample", "1")
    assert "tests/test_half.py fails without a change: see" in done.stdout
    assert (
        "there is no"
        in subprocess.run(
            [sys.executable, "benchmarks/mutation.py", "--module", "kogen/no"],
            cwd=checkout,
            capture_output=True,
            text=True,
        ).stderr
    )


def test_only_tests_that_call_the_function_run_the_quick_ones_first_and_none_with_a_browser():
    def test(seconds: float, *lines: int, browser: bool = False) -> dict[str, object]:
        return {"seconds": seconds, "browser": browser, "calls": {"kogen/half.py": list(lines)}}

    tests = {
        "a.py::slow": test(9, 1, 7),
        "b.py::other": test(1, 3),
        "b.py::twice": test(2, 7),
        "b.py::once": test(1, 8),
    }
    tests["c.py::page"] = test(0, 7, browser=True)
    assert callers(tests, "kogen/half.py", (7, 8)) == ["b.py::once", "b.py::twice", "a.py::slow"]
    assert callers(tests, "kogen/whole.py", (7, 8)) == []
    assert callers(tests, "kogen/half.py", None) == ["b.py::once", "b.py::other", "b.py::twice", "a.py::slow"]


def test_a_line_belongs_to_the_outermost_function_unless_its_results_are_kept():
    source = b"""LIMIT = 2

@property
def one(x=3):
    def inner():
        return x
    return inner

@cache
def two():
    return 2
"""
    assert [function_around(source, line) for line in (1, 4, 6, 7, 11)] == [None, None, (3, 7), (3, 7), None]


@pytest.mark.slow
def test_what_no_test_calls_is_said_and_what_is_called_in_a_fixture_counts(checkout: Path):
    (checkout / "kogen" / "half.py").write_text("def half(x):\n    return x / 2\n\ndef third(x):\n    return x / 3\n")
    test = "import pytest\nfrom kogen.half import half\n\n"
    test += "@pytest.fixture(scope='module')\ndef made():\n    return half(4)\n\n"
    (checkout / "tests" / "test_half.py").write_text(f"{test}def test_half(made):\n    assert made == 2\n")
    done = run(checkout)
    assert "uncalled  kogen/half.py:5\n  - return x / 3\n  + return None" in done.stdout
    assert "| half.py | 4 | 0 | 4 | 50 % |" in done.stdout


@pytest.mark.slow
def test_a_test_that_is_written_while_it_runs_is_not_asked(checkout: Path):
    """The tests of half.py write one for other.py into the checkout: it stays uncalled until the next time."""
    (checkout / "kogen" / "other.py").write_text("def other(x):\n    return x + 1\n")
    (checkout / "tests" / "test_other.py").write_text("def test_nothing():\n    assert True\n")
    late = checkout / "tests" / "test_late.py"
    text = "from kogen.other import other\n\ndef test_other():\n    assert other(1) == 2\n"
    with (checkout / "tests" / "test_half.py").open("a") as file:
        file.write(f"\ndef test_late():\n    open({str(late)!r}, 'w').write({text!r})\n")
    done = run(checkout, "--module", "kogen/other.py")
    assert late.exists(), done.stdout + done.stderr
    assert "| other.py | 0 | 0 | 4 | 0 % |" in done.stdout
    assert "| other.py | 4 | 0 | 0 | 100 % |" in run(checkout, "--module", "kogen/other.py").stdout
