"""The import law: docs/architecture.md holds the table, and no file of kogen escapes it.

`python tests/laws/test_imports.py` prints the numbers of the house.
"""

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

HOME = Path(__file__).parents[2]
HOUSE = HOME / "kogen"
TORCH_FREE = ("boxes", "statistics", "results", "reporting", "surface_fit", "options", "cli")
LEARNING = {"torch", "torchvision", "timm", "lightning", "lightning_fabric"}


@cache
def law() -> dict[str, tuple[int, frozenset[str]]]:
    """Package to its floor and what it may import, from the table of docs/architecture.md."""
    rows = re.findall(
        r"^\| (\d+) \| (\S+) \| (.*?) ?\|$", (HOME / "docs" / "architecture.md").read_text(), re.MULTILINE
    )
    read = {name.replace("\\", ""): (int(floor), may) for floor, name, may in rows}
    return {name: (floor, frozenset(filter(None, re.split(r",\s*", may)))) for name, (floor, may) in read.items()}


@cache
def files() -> list[Path]:
    return sorted(HOUSE.rglob("*.py"))


def package(file: Path) -> str:
    """The row a file belongs to: the folder in kogen/ it lies in, or its own name."""
    return file.relative_to(HOUSE).parts[0].removesuffix(".py")


@cache
def imports(file: Path) -> frozenset[str]:
    """Dotted names of what a file imports, wherever in it the import stands; of kogen, the modules themselves."""
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"{file} imports by a relative path: write the whole name"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner.startswith("kogen.") and module_file(inner) else str(node.module))
    return frozenset(found)


@cache
def module_file(name: str) -> Path | None:
    """The file of a module of kogen, by its dotted name; None where it is none."""
    place = HOME.joinpath(*name.split("."))
    return next((p for p in (place.with_suffix(".py"), place / "__init__.py") if p.exists()), None)


@cache
def arrows() -> list[tuple[Path, Path]]:
    """Every import of one file of kogen by another."""
    pairs = [(file, module_file(name)) for file in files() for name in imports(file) if name.split(".")[0] == "kogen"]
    assert all(target for _, target in pairs)
    return [(file, target) for file, target in pairs if target is not None]


def test_every_file_belongs_to_one_row_and_every_row_to_a_file():
    assert {package(file) for file in files()} == set(law())


def test_nothing_imports_what_it_may_not():
    bad = [
        f"{file.relative_to(HOME)} -> {target.relative_to(HOME)}"
        for file, target in arrows()
        if package(target) not in law()[package(file)][1] | {package(file)}
    ]
    assert not bad


def test_the_law_leads_down():
    up = [(name, other) for name, (floor, may) in law().items() for other in may if law()[other][0] >= floor]
    assert not [pair for pair in up if pair != ("__main__", "cli")]


def test_no_import_goes_round_in_circles():
    onward: dict[Path, set[Path]] = {file: set() for file in files()}
    for file, target in arrows():
        onward[file].add(target)
    for file in files():
        seen, new = set(), onward[file]
        while new:
            seen |= new
            new = set().union(*(onward[near] for near in new)) - seen
        assert file not in seen, f"{file.relative_to(HOME)} leads back to itself"


def test_methods_and_probes_know_no_other():
    for shelf in ("methods", "evaluation/probes", "evaluation/detectors"):
        bad = [
            f"{file.relative_to(HOME)} -> {target.relative_to(HOME)}"
            for file, target in arrows()
            if file.parent == target.parent == HOUSE / shelf and not target.name.startswith("_")
        ]
        assert not bad


def test_probes_know_no_network():
    outside = {"timm", "torchvision", "lightning_fabric"}
    shelves = [HOUSE / "evaluation" / name for name in ("probes", "detectors")]
    for file in [file for shelf in shelves for file in shelf.glob("*.py")]:
        assert not {name.split(".")[0] for name in imports(file)} & outside
        assert not [name for name in imports(file) if name.startswith(("kogen.modules", "kogen.augmentation"))]


def test_grid_hessian_and_directions_know_no_data_set():
    inside = HOUSE / "loss_landscape"
    for file in [inside / "grid.py", inside / "hessian.py", *(inside / "directions").glob("*.py")]:
        assert not [name for name in imports(file) if name.startswith("kogen.data")]


def test_only_training_knows_lightning_fabric():
    knows = [file for file in files() if "lightning_fabric" in {name.split(".")[0] for name in imports(file)}]
    assert {package(file) for file in knows} == {"training"}


def in_another_process(code: str) -> str:
    environment = os.environ | {"PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, timeout=300)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def module_name(file: Path) -> str:
    return ".".join(file.relative_to(HOME).with_suffix("").parts).removesuffix(".__init__")


def test_telling_loads_no_torch():
    """Import every file without torch in a fresh process and look what came along."""
    names = [module_name(file) for file in files() if package(file) in TORCH_FREE]
    code = (
        f"import importlib, sys\nfor name in {names}: importlib.import_module(name)\n"
        f"print(sorted(set({sorted(LEARNING)}) & sys.modules.keys()))"
    )
    assert len(names) > 50
    assert in_another_process(code) == "[]"


def test_nothing_runs_at_import(tmp_path):
    """Importing the whole house prints nothing, draws no chance, sets no seed, starts no thread, writes no file."""
    names = [module_name(file) for file in files() if file.name != "__main__.py"]
    code = f"""
import os, random, sys, threading
import numpy as np, torch, torchvision, timm, pandas, lightning_fabric, rich.progress, sklearn, ray  # not ours
import threadpoolctl
os.chdir({str(tmp_path)!r})
state = lambda: (random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist(),
                 torch.get_num_threads(), torch.is_grad_enabled(), torch.get_default_dtype(), dict(os.environ))
before, threads = state(), threading.active_count()
import importlib
for name in {names}: importlib.import_module(name)
assert state() == before, "an import changed global state"
assert threading.active_count() == threads, "an import started a thread"
assert not os.listdir("."), os.listdir(".")
"""
    assert in_another_process(code) == ""


RUNS = (ast.Expr, ast.For, ast.While, ast.With, ast.Try)


@pytest.mark.parametrize("file", files(), ids=module_name)
def test_a_file_only_defines(file):
    """At the top level stand a docstring, imports, definitions and constants: no loop, no call for its effect."""
    tree = ast.parse(file.read_text())
    assert ast.get_docstring(tree), f"{file} does not say on line 1 what it is"
    loose = [node for node in tree.body[1:] if isinstance(node, RUNS)]
    loose = [node for node in loose if not (isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))]
    assert not loose, f"{file}, line {loose[0].lineno}: runs at import"


def test_no_folder_and_no_file_is_too_large():
    for folder in folders():
        assert len([file for file in folder.glob("*.py") if file.name != "__init__.py"]) <= 32, folder
    for file in files():
        assert len(file.read_text().splitlines()) <= 300, file


def test_each_test_file_is_named_after_what_it_tests():
    """`tests/<package>/test_<module>.py`; what spans a shelf is named in SPANNING."""
    for file in sorted((HOME / "tests").rglob("test_*.py")):
        place, name = file.parent.relative_to(HOME / "tests"), file.stem.removeprefix("test_")
        if str(place) in ("laws", "benchmarks") or f"{place}/{name}" in SPANNING:
            continue
        assert (HOUSE / place / f"{name}.py").exists() or (HOUSE / place / name).is_dir(), file


SPANNING = {"methods/losses", "methods/clustering", "methods/masked", "methods/parity"}
SHELVES = ("methods", "backbones", "data/datasets")  # whose keywords are what users set, one by one
SAME_WORD = {  # names that several files have, because they are the same thing of another part
    "cost_estimate": "what a verb will take",
    "export": "a result in the format of other programs",
    "figures": "the figures of a page",
    "page": "a page as one file",
    "random": "drawn, not chosen: the name that users type",
    "runs": "runs of a study",
    "sentences": "the sentences of a page",
    "study": "the question of a study",
    "tables": "tables of a part",
}


def test_no_two_files_have_one_name_and_two_meanings():
    found: dict[str, int] = {}
    for file in files():
        found[file.stem] = found.get(file.stem, 0) + 1
    assert {name for name, count in found.items() if count > 1} - {"__init__"} == set(SAME_WORD)


@cache
def functions() -> list[tuple[Path, ast.FunctionDef]]:
    trees = [(file, ast.parse(file.read_text())) for file in files()]
    return [(file, node) for file, tree in trees for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]


def test_no_function_has_more_than_8_parameters():
    """Faces of shelves aside, whose keywords users set (`dino`: --set outputs=...), as those of the verbs."""
    shelves = [HOUSE / shelf for shelf in SHELVES]
    for file, node in functions():
        count = len(node.args.posonlyargs) + len(node.args.args) + len(node.args.kwonlyargs)
        first = node.args.args[0].arg if node.args.args else ""
        if file.parent not in shelves:
            assert count - (first in ("self", "cls")) <= 8, f"{file}:{node.lineno} {node.name}"


PARTICIPLES = re.compile(
    r"^_?(told|kept|asked|taken|given|seen|drawn|made|said|found|left|shown|judged|opened|climbed)$"
)


def test_functions_are_no_participles_and_messages_speak_plainly():
    for file, node in functions():
        assert not PARTICIPLES.match(node.name), f"{file}:{node.lineno} {node.name}: name a verb and its object"
    for file in files():
        for number, line in enumerate(file.read_text().splitlines(), 1):
            assert not re.search(r"\bcame\b[^\n]*[\"']", line), f"{file}:{number}: say `got`, not `came`"


def numbers() -> str:
    """What the house is made of."""
    pairs = {(package(file), package(target)) for file, target in arrows() if package(file) != package(target)}
    floors = {name: floor for name, (floor, _) in law().items()}
    up = [pair for pair in pairs if floors[pair[0]] <= floors[pair[1]] and pair != ("__main__", "cli")]
    lines = [len(file.read_text().splitlines()) for file in files()]
    return (
        f"{len(files())} modules of {sum(lines)} lines in {len(law())} rows on {max(floors.values())} floors\n"
        f"{len(arrows())} imports, {len(pairs)} arrows between packages, {len(up)} of them upward\n"
        f"longest file {max(lines)} lines, largest folder {max(len(list(f.glob('*.py'))) - 1 for f in folders())} files"
    )


def folders() -> set[Path]:
    return {file.parent for file in files()}


if __name__ == "__main__":
    print(numbers())
