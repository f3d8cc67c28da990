"""What each verb loads: pages no torch, trainings no plotly, and nothing at all before a verb is asked for."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pictures import write_set

import kogen
from kogen.cli import COMMANDS
from kogen.common.registry import FOLDERS
from kogen.common.verbs import TABLE_VERBS, load_verb

LEARNING = ("torch", "torchvision", "timm", "lightning_fabric", "safetensors", "huggingface_hub")
NUMBERS = ("numpy", "pandas", "scipy", "pyarrow", "PIL")
PAGES = ("plotly", "jinja2")
ORACLES = ("sklearn", "lightly", "matplotlib", "onnx", "onnxruntime", "transformers", "h5py")
QUICK: dict[str, Any] = {"epochs": 1, "seeds": 1, "image_size": 16, "backbone": "tiny?width=8", "batch_size": 16,
         "precision": "32", "methods": ("supervised", "random")}  # fmt: skip
CODE = """
import importlib.machinery, json, sys
commands, never = json.loads(sys.argv[1])
class Refusal:  # found, as who only asks whether it is there may know, and not loaded
    def find_spec(name, path=None, target=None):
        return importlib.machinery.ModuleSpec(name, Refusal) if name.split(".")[0] in never else None
    def create_module(spec):
        raise ImportError(f"this verb loads {spec.name}")
    def exec_module(module):
        pass
sys.meta_path.insert(0, Refusal)
from kogen.cli import main
for words in commands:
    try:
        main(words)
    except SystemExit as end:
        assert not end.code, end
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished pilot in study/, its images in a/ and b/, and a table of results."""
    root = tmp_path_factory.mktemp("verbs")
    kogen.pilot(write_set(root / "a", 12, 0), test=write_set(root / "b", 6, 1), out=root / "study", **QUICK)
    (root / "table.csv").write_text("model,val,line2\nA,91.0,85.2\nB,90.1,86.0\nC,88.0,80.0\nD,87.5,82.5\n")
    return root


def run_without(never: tuple[str, ...], commands: list[list[str]], root: Path) -> subprocess.CompletedProcess[str]:
    """Verbs in a process in which some modules cannot be loaded."""
    asked = json.dumps([commands, never])
    return subprocess.run([sys.executable, "-c", CODE, asked], cwd=root, capture_output=True, text=True, timeout=300)


def test_importing_kogen_loads_next_to_nothing():
    code = "import json, sys; was = set(sys.modules); import kogen; print(json.dumps(sorted(set(sys.modules) - was)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    loaded = set(json.loads(done.stdout))
    own = {name for name in loaded if name.split(".")[0] == "kogen"}
    assert own == {"kogen", "kogen.common", "kogen.common.verbs", "kogen.common.version"}
    assert {name.split(".")[0] for name in loaded - own} <= sys.stdlib_module_names


def test_every_verb_is_found_where_it_lies():
    for name in COMMANDS:
        assert load_verb(name) is getattr(kogen, name)
        assert load_verb(name).__module__ == ("kogen.api_tables" if name in TABLE_VERBS else "kogen.api")


def test_help_and_lists_load_nothing_that_they_do_not_say(tmp_path: Path):
    commands = [["--help"], ["--version"], *([name, "--help"] for name in (*COMMANDS, "list"))]
    commands += [["list", shelf] for shelf in FOLDERS if shelf != "methods"]
    done = run_without((*LEARNING, *NUMBERS, *PAGES, *ORACLES), commands, tmp_path)
    assert done.returncode == 0, done.stderr
    assert {"linear", "surfaces", "accuracy", "tiny"} <= set(done.stdout.split())


def test_methods_are_listed_with_the_code_that_their_recipes_stand_in(tmp_path: Path):
    done = run_without((*PAGES, *ORACLES, "lightning_fabric", "scipy", "pyarrow"), [["list", "methods"]], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "ImageNet linear 74.3" in done.stdout


LOTTERY = ["lottery", "table.csv", "--reference", "val", "--n", "val=500", "--out", "lottery"]


@pytest.mark.parametrize("words", [LOTTERY, ["report", "study"], ["audit", "study"]], ids=lambda words: words[0])
def test_tables_are_judged_without_torch(words: list[str], root: Path):
    done = run_without((*LEARNING, *ORACLES), [words], root)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) >= 2


def test_what_learns_loads_nothing_that_only_pages_need(root: Path):
    run = str(next(path.parent for path in (root / "study").glob("runs/*/weights.safetensors")).relative_to(root))
    small = ["--image-size", "16", "--backbone", "tiny?width=8"]
    commands = [
        ["views", "a", "--image-size", "16", "--out", "views.png"],
        ["pretrain", "byol", "a", *small, "--epochs", "1", "--batch-size", "16"],
        ["export", run, "--out", "weights.safetensors"],
        ["export", run, "--head", "linear", "--out", "model.safetensors"],
        ["embed", run, "b", "--out", "features.parquet"],
        ["predict", "model.safetensors", "b", "--out", "predictions.csv"],
        ["compare", "model.safetensors", "model.safetensors", "--test", "b"],
    ]
    done = run_without((*PAGES, *ORACLES), commands, root)
    assert done.returncode == 0, done.stderr
    assert (root / "predictions.csv").exists()


def test_a_verb_that_loads_what_it_must_not_is_noticed(root: Path):
    done = run_without(("pandas",), [["report", "study"]], root)
    assert done.returncode == 1
    assert "this verb loads pandas" in done.stderr
