"""Formats of published checkpoints: what a file holds, safetensors or torch's, read so that nothing in it is run."""

import re
import zipfile
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from torch import Tensor, nn

from kogen.common.files import check_regular_file
from kogen.common.tensors import load_tensors

MAX_ENTRIES, MAX_DEPTH = 100_000, 20  # of a checkpoint; the largest networks have some 3,000 tensors
MAX_KINDS = 200  # kinds of objects beside tensors; a pickled ViT has some 20
# What official files hold beside tensors and plain values: numbers of numpy, paths, options, and whole networks. None
# of it is made: an InertObject stands in its place, whatever the pickle asks for.
HARMLESS = re.compile(
    r"numpy\.(_?core\.multiarray\.(scalar|_reconstruct)|dtype|ndarray|dtypes\.\w+)"
    r"|pathlib\.(_local\.)?(Pure)?(Posix|Windows)?Path|argparse\.Namespace|functools\.partial"
    r"|(torch\.nn|torch\._C\._nn|torchvision\.(models|ops)|timm\.(models|layers)|omegaconf|typing)\.[\w.]+"
    r"|builtins\.(bool|bytes|dict|float|int|list|object|str|tuple)"  # as types: of options
)
DICTS = re.compile(r"[\w.]+\.(AttributeDict|CfgNode|EasyDict)")  # dicts of options: a plain one stands for them
KIND = "kind"  # beside the attributes of a pickled layer: the name of its class
# Of a pickled network's layers: what the shapes of its tensors do not show.
ATTRIBUTES = ("num_heads", "kernel_size", "stride", "padding", "dilation", "groups", "eps", "approximate", "filt_size")
ATTRIBUTES += ("pool_type", "global_pool", "no_embed_class")
CONVERT_COMMAND = (  # run by people where they trust the file, never by us
    "import sys, torch; from safetensors.torch import save_file; d = torch.load(sys.argv[1], map_location='cpu', "
    "weights_only=False); d = next((d[k] for k in ('state_dict', 'model', 'network', 'teacher') if k in d), d) "
    "if isinstance(d, dict) else d; d = d.state_dict() if hasattr(d, 'state_dict') else d; "
    "save_file({k: v.clone() for k, v in d.items() if torch.is_tensor(v)}, 'weights.safetensors')"
)


@dataclass(frozen=True)
class CheckpointContent:
    """What a file holds."""

    tensors: dict[str, Tensor]  # by their path: names of nested dicts are joined by `/`
    attributes: dict[str, Any] = field(default_factory=dict)  # that a pickled network keeps, by their path
    facts: dict[str, str] = field(default_factory=dict)  # of a safetensors file's metadata
    lightning: bool = False  # written by PyTorch Lightning


class InertObject:
    """Stands for any object of a pickle but tensors and plain values: takes what that is given, and does nothing."""

    state: Any = None
    kind: str = ""  # name of the class that it stands for, without its module

    def __new__(cls, *_: Any, **__: Any) -> "InertObject":
        """An object whatever the arguments, which are thrown away."""
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        self.state = state


def read_content(path: Path) -> CheckpointContent:
    """Every tensor of a checkpoint, safetensors or torch's, and what else it says of its network.

    Nothing in the file is run: torch.load(weights_only=True), which makes tensors and plain containers and nothing
    else; an InertObject stands for what is HARMLESS. ValueError says what a file holds that may not be loaded.
    """
    check_regular_file(path)
    try:
        with path.open("rb") as file:
            start = file.read(9)
        if not begins_as_safetensors(start, path) and (start[:2] == b"PK" or start[:1] == b"\x80"):
            if start[:2] == b"PK":
                check_archive(path)
            return flatten_content(load_inert(path))
        tensors, facts = load_tensors(path, "get it again")
        if len(tensors) > MAX_ENTRIES:
            raise ValueError(f"{len(tensors):,} tensors, at most {MAX_ENTRIES:,} are read")
        return CheckpointContent(tensors, facts=facts)
    except UnpicklingError as error:
        wants = unknown_global(error) or "more than tensors"
        raise ValueError(
            f"{path} is a pickle that wants to load {wants}, which could run code: refused. If you trust where it "
            f'comes from, keep its tensors only: python -c "{CONVERT_COMMAND}" {path}'
        ) from error
    except Exception as error:  # bytes of anyone: the readers of torch and safetensors raise what they meet
        reason = str(error).partition("\n")[0][:200] or type(error).__name__
        wanted = "wanted safetensors or a file of torch.save, whole and not empty"
        raise ValueError(f"{path} is no checkpoint that can be read: {wanted} ({reason})") from error


def begins_as_safetensors(start: bytes, path: Path) -> bool:
    """Whether the first 9 bytes are the length of a header within the file, and its `{`.

    Asked before anything else: the length may begin with the bytes of a pickle (0x80) or of a zip file (PK).
    """
    return start[8:] == b"{" and 8 + int.from_bytes(start[:8], "little") <= path.stat().st_size


def check_archive(path: Path) -> None:
    """ValueError for TorchScript, and for a zip file that unpacks to more than it is or holds too many parts."""
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
    if any(part.filename.endswith("/constants.pkl") for part in parts):
        raise ValueError("TorchScript, which is code: save its state_dict() by torch.save")
    if len(parts) > MAX_ENTRIES or sum(part.file_size for part in parts) > path.stat().st_size:
        raise ValueError(f"{len(parts):,} parts that unpack to more than the file: nothing that torch writes")


def load_inert(path: Path) -> Any:
    """A file of torch.save; UnpicklingError names what is neither a tensor, nor a plain value, nor HARMLESS."""
    stand_ins: dict[str, Any] = {}
    while True:
        try:
            with torch.serialization.safe_globals([(made, name) for name, made in stand_ins.items()]):
                return torch.load(path, map_location="cpu", weights_only=True)
        except UnpicklingError as error:
            name = unknown_global(error)
            made: Any = OrderedDict if DICTS.fullmatch(name) else None
            if HARMLESS.fullmatch(name):
                made = type("InertObject", (InertObject,), {"kind": name.rpartition(".")[2]})
            made = make_dict if name == "collections.defaultdict" else made
            if made is None or name in stand_ins or len(stand_ins) == MAX_KINDS:
                raise
            stand_ins[name] = made


def make_dict(*_: Any) -> OrderedDict[Any, Any]:
    """An empty dict, whatever it is asked to be made with."""
    return OrderedDict()


def unknown_global(error: UnpicklingError) -> str:
    """The name that a refused pickle wants to load, empty where the message has none."""
    found = re.search(r"GLOBAL ([\w.]+)", str(error))
    name = found[1] if found else ""
    return name if "." in name or not name else f"builtins.{name}"  # torch leaves that out


def flatten_content(data: Any) -> CheckpointContent:
    """Tensors of nested dicts and networks by their path; everything else is left out.

    ValueError for more entries or levels than a checkpoint has: a dict may hold itself, or another one many times.
    """
    tensors: dict[str, Tensor] = {}
    attributes: dict[str, Any] = {}
    lightning = False
    waiting: list[tuple[str, Any, int]] = [("", data, 0)]
    for path, value, depth in waiting:  # it grows while it is read
        if isinstance(value, Tensor):
            tensors[path] = value
        elif isinstance(value, InertObject):
            for name, inner in flatten_module(value).items():
                place = f"{path}/{name}" if path else name
                (tensors if isinstance(inner, Tensor) else attributes)[place] = inner
        elif isinstance(value, Mapping):
            check_amount(len(waiting) + len(value), depth)
            waiting += [(f"{path}/{key}" if path else str(key), inner, depth + 1) for key, inner in value.items()]
            lightning = lightning or "pytorch-lightning_version" in value
    return CheckpointContent(tensors, attributes, {}, lightning)


def flatten_module(module: InertObject) -> dict[str, Any]:
    """Tensors of a pickled network under the names of its state dict, and its ATTRIBUTES that are plain values."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, InertObject, int]] = [("", module, 0)]
    for prefix, each, depth in waiting:  # it grows while it is read
        state = each.state if isinstance(each.state, Mapping) else {}
        children = entries(state, "_modules")
        check_amount(len(waiting) + len(children) + len(found), depth)
        waiting += [(f"{prefix}{k}.", child, depth + 1) for k, child in children if isinstance(child, InertObject)]
        passing = state.get("_non_persistent_buffers_set") or ()  # not in the state dict
        for name, value in [*entries(state, "_parameters"), *entries(state, "_buffers")]:
            if isinstance(value, Tensor) and name not in passing:
                found[f"{prefix}{name}"] = value.detach() if isinstance(value, nn.Parameter) else value
        plain = {name: state[name] for name in ATTRIBUTES if isinstance(state.get(name), int | float | str | tuple)}
        found |= {f"{prefix}{name}": value for name, value in (plain | {KIND: each.kind}).items()}
    return found


def entries(state: Mapping[str, Any], part: str) -> list[tuple[str, Any]]:
    """Names and values of a part of a pickled module."""
    inside = state.get(part)
    return [(str(name), value) for name, value in inside.items()] if isinstance(inside, Mapping) else []


def check_amount(count: int, depth: int) -> None:
    """ValueError for more entries or levels than a checkpoint has."""
    if depth == MAX_DEPTH or count > MAX_ENTRIES:
        raise ValueError(f"more than {MAX_ENTRIES:,} entries, or more than {MAX_DEPTH} levels of them")
