"""Foreign code: every call that could run, load or fetch what a file names stands in a short list, with its reason."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

HOUSE = Path(__file__).parents[2] / "kogen"

# Calls by their full name, or by how it begins ("os.exec": execv, execle ...), whatever they are imported as.
DANGEROUS = (
    *("exec", "eval", "compile", "__import__", "breakpoint"),
    *("importlib.", "runpy.", "code.", "pkgutil.", "imp.", "ctypes.", "subprocess.", "multiprocessing.", "pty."),
    *("os.system", "os.popen", "os.exec", "os.spawn", "os.posix_spawn", "os.startfile", "asyncio.create_subprocess"),
    *("pickle.", "cPickle.", "marshal.", "shelve.", "dill.", "cloudpickle.", "joblib.", "copyreg."),
    *("torch.load", "torch.hub.", "torch.jit.", "torch.package.", "torch.compile", "torch.serialization."),
    *(
        "timm.create_model",
        "timm.list_m",
        "timm.model_entrypoint",
        "timm.models.create",
        "timm.models.load",
        "timm.models._",
    ),
    *("onnx.load", "onnxruntime.InferenceSession"),
    *("safetensors.safe_open", "safetensors.torch.load", "numpy.load", "numpy.genfromtxt", "numpy.lib.format.read"),
    *("pandas.read_pickle", "pandas.eval", "pandas.read_hdf", "pandas.read_html", "pandas.read_xml", "pandas.read_sql"),
    *("yaml.", "jinja2.Environment", "jinja2.Template", "string.Formatter", "ast.literal_eval", "scipy.io.load"),
    *("xml.parsers.", "xml.etree.", "xml.dom.", "xml.sax.make_parser", "xml.sax.parse", "lxml.", "defusedxml."),
    *("huggingface_hub.", "urllib.", "requests.", "httpx.", "socket.", "ssl.", "ftplib.", "webbrowser."),
)
METHODS = {"query", "from_string", "load_module", "exec_module"}  # of whatever they are called on

# File, function, call: why nothing of a stranger's runs there.
JOB = "kogen itself, with the folder of a study and code that the user's own command named"
ARGUED = {
    ("study/executors/children.py", "", "subprocess.Popen"): "a type",
    ("study/executors/children.py", "start_child", "subprocess.PIPE"): "a constant",
    ("study/executors/children.py", "start_child", "subprocess.Popen"): JOB,
    ("study/executors/children.py", "stop_children", "subprocess.TimeoutExpired"): "an exception",
    (
        "statistics/resampling/draw_ahead.py",
        "draw_ahead",
        "joblib.Parallel",
    ): "processes of kogen, a function of its own",
    ("statistics/resampling/draw_ahead.py", "draw_ahead", "joblib.cpu_count"): "a number",
    ("statistics/resampling/draw_ahead.py", "draw_ahead", "joblib.delayed"): "a function of kogen",
    ("study/executors/ray.py", "check_reachable", "socket.create_connection"): "an address that the user gives",
    ("__init__.py", "__getattr__", "importlib.import_module"): "constant names",
    ("backbones/_checkpoint_formats.py", "load_inert", "pickle.UnpicklingError"): "an exception",
    ("backbones/_checkpoint_formats.py", "load_inert", "torch.load"): "weights_only=True: tensors and plain containers",
    (
        "backbones/_checkpoint_formats.py",
        "load_inert",
        "torch.serialization.safe_globals",
    ): "puts an InertObject, which does nothing, in the place of whatever is named",
    ("backbones/_checkpoint_formats.py", "read_content", "pickle.UnpicklingError"): "an exception",
    ("backbones/_checkpoint_formats.py", "unknown_global", "pickle.UnpicklingError"): "an exception",
    (
        "backbones/_descriptions.py",
        "fetch_checkpoint",
        "huggingface_hub.hf_hub_download",
    ): "two files, where a user asks for it",
    ("common/devices.py", "resolve_precision", "getattr"): "constant names",
    **{
        (f"common/{file}.py", function, call): "code that the command itself names, never what a file does"
        for file, function, call in (
            ("plugins", "open_spec", "hasattr"),
            ("plugins", "open_spec", "getattr"),
            ("own_modules", "import_file", "importlib.util.spec_from_file_location"),
            ("own_modules", "import_file", "importlib.util.module_from_spec"),
            ("own_modules", "import_file", ".exec_module"),
            ("own_modules", "import_module", "importlib.import_module"),
            ("own_modules", "", "importlib.machinery.SourceFileLoader"),
        )
    },
    **{
        (
            "common/plugins.py",
            function,
            call,
        ): "installed packages, of which names are read until one is used"
        for function, call in (
            ("installed", "importlib.metadata.entry_points"),
            ("installed", "importlib.metadata.EntryPoint"),
            ("load_installed", "importlib.metadata.EntryPoint"),
        )
    },
    ("extend.py", "__getattr__", "importlib.import_module"): "a constant name",
    ("config/plan.py", "", "compile"): "the name of a field",
    ("options/shared.py", "", "compile"): "the name of an option",
    ("training/compiled.py", "compute_eagerly", "torch.compiler.set_stance"): "turns compiling off",
    ("common/objects.py", "object_text", "importlib.import_module"): "a constant name",
    ("common/threads.py", "keep_freed_memory", "ctypes.CDLL"): "the C library that this process runs on, constant name",
    ("common/system.py", "give_back_memory", "ctypes.CDLL"): "the C library that this process runs on, constant name",
    ("common/registry.py", "load", "importlib.import_module"): "a file that lies on the shelf, by its exact name",
    ("common/registry.py", "load", "getattr"): "the one name in __all__ of that file",
    ("common/tensors.py", "_open_file", "safetensors.safe_open"): "a format without code",
    ("common/text.py", "parse_value", "ast.literal_eval"): "literals alone, of 1,000 letters at most",
    ("data/series/table_cells.py", "_holds_numbers", "getattr"): "constant names",
    ("data/array_files.py", "open_npy", "numpy.load"): "allow_pickle=False",
    ("data/array_files.py", "read", "numpy.lib.format.read_array"): "allow_pickle=False",
    ("data/array_files.py", "read_header", "numpy.lib.format.read_array_header_1_0"): "a literal, by ast.literal_eval",
    ("common/verbs.py", "load_verb", "importlib.import_module"): "one of two constant names",
    ("data/array_files.py", "read_header", "numpy.lib.format.read_magic"): "six bytes",
    **{
        ("data/boxes/voc.py", function, call): "expat makes names and texts; a document type, which alone may name "
        "entities or files, is refused when it begins"
        for function, call in (
            ("__init__", "xml.parsers.expat.ParserCreate"),
            ("__init__", "xml.parsers.expat.ExpatError"),
        )
    },
    **{
        ("data/boxes/yolo.py", function, f"yaml.{call}"): "plain values, no code; aliases and depth are refused before"
        for function, call in (
            ("load_yaml", "safe_load"),
            ("load_yaml", "YAMLError"),
            ("check_plain", "parse"),
            ("check_plain", "compose"),
            ("refuse_twin_keys", "CollectionNode"),
            ("refuse_twin_keys", "MappingNode"),
            ("check_plain", "SafeLoader"),
            ("check_plain", "CollectionStartEvent"),
            ("check_plain", "CollectionEndEvent"),
            ("check_plain", "AliasEvent"),
        )
    },
    ("data/datasets/_imagenet_labels.py", "_read_devkit_ids", "scipy.io.loadmat"): "numbers and texts, no code",
    ("data/datasets/_table_file.py", "_read_parquet", "getattr"): "constant names",
    ("data/datasets/_table_file.py", "_to_texts", "getattr"): "constant names",
    (
        "data/datasets/hf.py",
        "import_datasets",
        "importlib.import_module",
    ): "a constant name, of version 4 or later, which runs no code of a data set",
    (
        "data/datasets/torchvision.py",
        "torchvision",
        "getattr",
    ): "a name in SETS, none of which unpickles unchecked files",
    ("data/decode.py", "load", "numpy.lib.format.read_array"): "allow_pickle=False",
    ("data/lance_access.py", "import_lance", "importlib.import_module"): "a constant name, of a format without code",
    ("data/extra_formats.py", "installed_extras", "importlib.util.find_spec"): "constant names, nothing is loaded",
    (
        "evaluation/onnx_program.py",
        "make_session",
        "onnxruntime.InferenceSession",
    ): "a graph of onnxruntime's own operations, from bytes (a program of ours, or a file that was opened): it "
    "names no file that is found",
    ("handover/hub_folder.py", "compare_with_timm", "safetensors.torch.load_file"): "a format without code",
    (
        "handover/hub_folder.py",
        "compare_with_timm",
        "timm.create_model",
    ): "a folder that was just written",
    ("handover/push.py", "explain_hub", "huggingface_hub.errors.HfHubHTTPError"): "an exception",
    ("handover/push.py", "explain_hub", "huggingface_hub.errors.LocalTokenNotFoundError"): "an exception",
    ("handover/push.py", "look_at", "huggingface_hub.errors.RepositoryNotFoundError"): "an exception",
    ("handover/push.py", "look_at", "huggingface_hub.errors.RevisionNotFoundError"): "an exception",
    ("handover/push.py", "make_api", "huggingface_hub.HfApi"): "uploads what a user asks for, to where he asks",
    ("loss_landscape/export.py", "as_h5", "importlib.import_module"): "a constant name",
    ("modules/blueprint.py", "build", "getattr"): "the kind of a Layer, which our own files write",
    ("modules/blueprint.py", "build", "timm.create_model"): "name and settings went through check_timm_settings",
    ("modules/blueprint.py", "class_parameters", "timm.create_model"): "the name went through check_timm_name",
    ("modules/blueprint.py", "network_names", "timm.list_models"): "takes no name",
    ("reporting/audit/cross_checks.py", "read_seen", "numpy.load"): "allow_pickle=False",
    (
        "reporting/html.py",
        "write_page",
        "jinja2.Environment",
    ): "templates are our own files, and what they show is escaped",
    ("results/table_file.py", "is_of_type", "getattr"): "constant names",
    ("tracking/tracker.py", "check", "importlib.util.find_spec"): "a constant name, nothing is loaded",
    ("tracking/tracker.py", "load_package", "importlib.import_module"): "a constant name",
    ("training/export.py", "export_run", "safetensors.torch.load_file"): "a format without code",
    ("training/transformers_export.py", "compare_outputs", "importlib.import_module"): "a constant name",
}


def imported_names(tree: ast.AST) -> dict[str, str]:
    """What each name of a file stands for, by its imports, wherever in the file they are."""
    found = {"np": "numpy", "pd": "pandas"}
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                first = alias.name.split(".")[0]
                found[alias.asname or first] = alias.name if alias.asname else first
        elif isinstance(node, ast.ImportFrom):
            found |= {alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names}
    return found


def full_name(node: ast.AST, known: dict[str, str]) -> str:
    """`library.load` as `torch.load` where library is torch; a name that is not imported as it is; "" for others."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id)
    if isinstance(node, ast.Attribute):
        before = full_name(node.value, known)
        return f"{before}.{node.attr}" if before else ""
    return ""


def is_dangerous(name: str, known: dict[str, str]) -> bool:
    if "." not in name:
        return name in DANGEROUS and name not in known  # a builtin
    root = name.split(".")[0]
    return root in {full.split(".")[0] for full in known.values()} and name.startswith(
        tuple(word for word in DANGEROUS if "." in word)
    )


def dangerous_uses(source: str) -> Iterator[tuple[str, str, int]]:
    """Function, full name and line of everything in a file that may run, load or fetch; not only calls of it."""
    tree = ast.parse(source)
    known = imported_names(tree)
    roots = {full.split(".")[0] for full in known.values()}

    def visit(node: ast.AST, function: str) -> Iterator[tuple[str, str, int]]:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            function = node.name
        if isinstance(node, ast.Name | ast.Attribute):
            if is_dangerous(name := full_name(node, known), known):
                yield function, name, node.lineno
                return
        elif isinstance(node, ast.Call):
            name, positional = full_name(node.func, known), node.args
            attribute = node.func.attr if isinstance(node.func, ast.Attribute) else ""
            if attribute in METHODS or (attribute == "eval" and positional):
                yield function, f".{attribute}", node.lineno
            elif name in ("getattr", "setattr", "delattr", "hasattr") and not isinstance(positional[1], ast.Constant):
                target = full_name(positional[0], known)
                if target == "module" or target.split(".")[0] in roots:
                    yield function, name, node.lineno
        for child in ast.iter_child_nodes(node):
            yield from visit(child, function)

    yield from visit(tree, "")


def house_uses() -> Iterator[tuple[tuple[str, str, str], int]]:
    for file in sorted(HOUSE.rglob("*.py")):
        place = file.relative_to(HOUSE).as_posix()
        yield from (((place, function, name), line) for function, name, line in dangerous_uses(file.read_text("utf-8")))


def test_every_dangerous_call_is_argued_for():
    found = list(house_uses())
    new = [
        f"{place}:{line}, {function}: {name}"
        for (place, function, name), line in found
        if (place, function, name) not in ARGUED
    ]
    assert not new, "say in ARGUED why nothing of a stranger's runs there, or take it out"
    assert not set(ARGUED) - {use for use, _ in found}, "ARGUED lists calls that are gone"


@pytest.mark.parametrize(
    ("source", "name"),
    [
        ("exec(x)", "exec"),
        ("import torch as t\nt.load(x)", "torch.load"),
        ("from torch import load as read\nf = read", "torch.load"),
        ("def f():\n    from pickle import loads\n    return map(loads, x)", "pickle.loads"),
        ("import numpy as np\nnp.load(x)", "numpy.load"),
        ("import pandas as pd\npd.read_csv(x).query(y)", ".query"),
        ("import pandas as pd\npd.read_csv(x).eval(y)", ".eval"),
        ("import os\nos.execvp(a, b)", "os.execvp"),
        ("import importlib.util as u\nu.spec_from_file_location(x)", "importlib.util.spec_from_file_location"),
        ("from torch import nn\ngetattr(nn, name)", "getattr"),
        ("import timm\nmake = timm.create_model", "timm.create_model"),
        ("__builtins__\n__import__(x)", "__import__"),
    ],
)
def test_the_walk_sees_what_it_is_for(source: str, name: str):
    assert [found for _, found, _ in dangerous_uses(source)] == [name]


def test_the_walk_passes_what_is_harmless():
    harmless = "import re, torch\nre.compile(x)\nmodel.eval()\ngetattr(self, name)\nload(x)\nself.query\n"
    assert not list(dangerous_uses(harmless))


def keywords_of(name: str) -> Iterator[tuple[str, dict[str, object]]]:
    """File and keywords of each call of a name in the house."""
    for file in sorted(HOUSE.rglob("*.py")):
        tree = ast.parse(file.read_text("utf-8"))
        known = imported_names(tree)
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and full_name(node.func, known) == name:
                given = {
                    k.arg or "**": k.value.value if isinstance(k.value, ast.Constant) else None for k in node.keywords
                }
                yield file.name, given


@pytest.mark.parametrize(
    ("name", "keyword", "value"),
    [
        ("torch.load", "weights_only", True),
        ("numpy.load", "allow_pickle", False),
        ("jinja2.Environment", "autoescape", True),
        ("numpy.lib.format.read_array", "allow_pickle", False),
        ("timm.create_model", "pretrained", False),
    ],
)
def test_each_call_says_the_safe_thing(name: str, keyword: str, value: bool):
    calls = list(keywords_of(name))
    assert calls
    assert [(file, given.get(keyword)) for file, given in calls if given.get(keyword) is not value] == []
