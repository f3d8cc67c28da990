"""The floors of the house: nothing imports upwards, nobody goes round in circles, and the plan's nevers hold."""

import ast
import os
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HOUSE = Path(__file__).parent.parent / "kogen"

# From the ground up: a room imports from its own floor and from those below. Rooms that nobody has built yet have their
# floor already; a new file that is not named here may stand between floors, but never lead from a lower to a higher.
FLOORS = [
    "shelf devices tables decode crop luck operations threads distributed masking heads layout teacher lanczos folding",
    "readout",
    "listing storage views columns clusters",
    "ondemand method points",
    "store images optim results",
    "assemble features monitor checkpoint study build sheet planes shapes journal constants",
    "tiers backbones datasets methods probes directions statistics curvature sharpness landscape",
    "engine evaluation summary objectives atlas exports readings eigenmap forecast",
    "progress sets lottery",
    "fitting",
    "plans cost run subjects survey",
    "report handover judging asking",
    "api",
    "cli",
]
FLOOR = {room: height for height, rooms in enumerate(FLOORS) for room in rooms.split()}
LEARNING = {"torch", "torchvision", "timm", "lightning", "lightning_fabric"}


def files(room: str = "") -> list[str]:
    """Dotted names of the files of a room (a folder or one file), or of the whole house."""
    found = sorted((HOUSE / room).rglob("*.py")) or [HOUSE / f"{room}.py"]
    names = [".".join(path.relative_to(HOUSE.parent).with_suffix("").parts) for path in found if path.exists()]
    return [name.removesuffix(".__init__") for name in names]


def source(name: str) -> Path:
    path = HOUSE.parent.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


@cache
def imports(name: str) -> frozenset[str]:
    """Dotted names of what a file imports, wherever in it the import stands; of kogen, the files themselves."""
    found = set()
    for node in ast.walk(ast.parse(source(name).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{name} imports by a relative path: write the whole name"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                is_file = inner.startswith("kogen.") and source(inner).exists()
                found.add(inner if is_file else str(node.module))
    return frozenset(found)


@cache
def reached(name: str) -> frozenset[str]:
    """Every file of kogen that a file leads to."""
    seen, new = set(), {name}
    while new:
        seen |= new
        new = {inner for outer in new for inner in imports(outer) if inner.startswith("kogen.")} - seen
    return frozenset(seen - {name})


def room(name: str) -> str:
    """The room of a file: the name of its folder or, on the ground of the house, its own."""
    return name.split(".")[1]


INSIDE = [name for name in files() if name != "kogen"]  # the face, kogen/__init__.py, stands before the house


def offenders(names: list[str], bad) -> list[str]:
    """`file -> import` for every direct import that is bad."""
    return [f"{name} -> {other}" for name in names for other in sorted(imports(name)) if bad(name, other)]


def test_the_house_is_read():
    assert "kogen.probes.knn" in INSIDE
    assert "kogen.features" in imports("kogen.probes.knn")
    assert "kogen.images" in reached("kogen.probes.knn")


@pytest.mark.parametrize("name", INSIDE)
def test_nothing_imports_upwards(name):
    if room(name) in FLOOR:
        above = {other for other in reached(name) if FLOOR.get(room(other), -1) > FLOOR[room(name)]}
        assert not above, f"{name} leads up to {sorted(above)}"


@pytest.mark.parametrize("name", INSIDE)
def test_no_import_goes_round_in_circles(name):
    assert name not in {far for near in reached(name) for far in imports(near)}


def test_nobody_imports_api_or_cli():
    high = {"kogen.api", "kogen.cli"}
    below = [name for name in INSIDE if name not in high]
    assert not offenders(below, lambda _, other: other in high)
    assert "kogen.cli" not in imports("kogen.api")


def test_methods_know_no_engine_no_tables_and_no_other_method():
    assert len(files("methods")) > 1
    refused = {"engine", "tables", "datasets", "evaluation", "run", "study", "statistics", "report", "methods"}
    bad = offenders(files("methods"), lambda _, other: other.startswith("kogen.") and room(other) in refused)
    assert not bad


def test_probes_know_no_network():
    refused = {"method", "backbones", "methods", "heads", "teacher", "engine", "run", "build", "views", "images"}

    def bad(_, other: str) -> bool:
        outside = other.split(".")[0] in {"timm", "torchvision", "lightning_fabric"}
        return outside or (other.startswith("kogen.") and room(other) in refused)

    assert len(files("probes")) > 1
    assert not offenders(files("probes"), bad)


def test_landscape_and_directions_know_no_data_set():
    names = [name for place in ("landscape", "curvature", "directions") for name in files(place)]
    refused = {"datasets", "images", "store", "sets"}
    assert not offenders(names, lambda _, other: other.startswith("kogen.") and room(other) in refused)


def test_statistics_and_report_name_no_torch():
    telling = [name for place in ("statistics", "report") for name in files(place)]
    assert len(telling) > 2
    for name in telling:
        for other in {name} | {far for far in reached(name)}:
            assert not {module.split(".")[0] for module in imports(other)} & LEARNING, f"{name}, by way of {other}"


def in_another_process(code: str) -> str:
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_telling_loads_no_torch():
    """Import every file of statistics and report in a fresh process and look what came along."""
    names = [name for place in ("statistics", "report") for name in files(place)]
    code = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        f"print(sorted(set({sorted(LEARNING)}) & sys.modules.keys()))"
    )
    assert in_another_process(code) == "[]"


def test_nothing_runs_at_import(tmp_path):
    """Importing the whole house prints nothing, draws no chance, sets no seed, starts no thread, writes no file."""
    code = f"""
import os, random, sys, threading
import numpy as np, torch, torchvision, timm, pandas, lightning_fabric, rich.progress, threadpoolctl  # not ours
os.chdir({str(tmp_path)!r})
state = lambda: (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(),
                 torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype(), dict(os.environ))
before, threads = state(), threading.active_count()
import importlib
for name in {INSIDE}: importlib.import_module(name)
assert state() == before, "an import changed global state"
assert threading.active_count() == threads, "an import started a thread"
assert not os.listdir("."), os.listdir(".")
"""
    assert in_another_process(code) == ""


RUNS = (ast.Expr, ast.For, ast.While, ast.With, ast.Try)


@pytest.mark.parametrize("name", files())
def test_a_file_only_defines(name):
    """At the top level stand a docstring, imports, definitions and constants: no loop, no call for its effect."""
    tree = ast.parse(source(name).read_text())
    assert ast.get_docstring(tree), f"{name} does not say on line 1 what it is"
    loose = [node for node in tree.body[1:] if isinstance(node, RUNS)]
    loose = [node for node in loose if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    assert not loose, f"{name}, line {loose[0].lineno}: runs at import"
