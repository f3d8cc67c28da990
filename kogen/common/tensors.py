"""Tensors on disk: safetensors with a sum over everything in it, so that damage is noticed when it is read."""

import hashlib
import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kogen.common.files import check_regular_file, explain_unreadable, write_atomically

ABOUT, SUM = "kogen", "sha256"  # the one key of a file's metadata, as several come in any order; and its key of the sum


def save_tensors(path: Path, tensors: dict[str, Tensor], facts: Mapping[str, str] | None = None) -> None:
    """Write tensors and facts (texts) to a safetensors file, atomically. OSError where the disk is full."""
    texts = dict(facts or {})
    about = json.dumps({**texts, SUM: tensor_sum(tensors, texts)}, sort_keys=True)
    write_safetensors(path, tensors, {ABOUT: about})


def write_safetensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file with these metadata, atomically. OSError where the disk is full."""
    try:
        write_atomically(path, lambda place: save_file(tensors, place, metadata))
    except SafetensorError as error:  # its way to say that nothing can be written
        raise OSError(f"cannot write {path}: {error}") from error


def load_tensors(path: Path, cure: str) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and facts of a file. ValueError, with the `cure`, where it is unreadable or was changed since.

    Files of others and of older versions have no sum; what others say in their metadata are no facts of kogen.
    """
    with _open_file(path, cure) as file:
        facts, ours = _facts_of(file), ABOUT in (file.metadata() or {})
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    wanted = facts.pop(SUM, None)
    if wanted is None and ours:
        raise ValueError(f"{path} was edited: its metadata of kogen has lost its checksum; {cure}")
    if wanted is not None and wanted != tensor_sum(tensors, facts):
        raise ValueError(f"{path} is damaged (its content does not fit its checksum); {cure}")
    return tensors, facts if wanted is not None else {}


def read_facts(path: Path, cure: str) -> dict[str, str]:
    """The facts of a file alone, whose sum is not checked. ValueError, with the `cure`, where it is unreadable."""
    with _open_file(path, cure) as file:
        return _facts_of(file)


@contextmanager
def _open_file(path: Path, cure: str) -> Iterator[Any]:
    """An open file of tensors; ValueError for whatever goes wrong with it."""
    check_regular_file(path)
    with explain_unreadable(str(path), cure), safe_open(path, framework="pt") as file:
        yield file


def _facts_of(file: Any) -> dict[str, str]:
    """What a file's metadata says."""
    facts = dict(file.metadata() or {})
    return dict(json.loads(facts[ABOUT]).items()) if ABOUT in facts else facts


def tensor_sum(tensors: Mapping[str, Tensor], facts: Mapping[str, str]) -> str:
    """SHA-256 of names, types, shapes and bytes of tensors, and of the facts, hex."""
    digest = hashlib.sha256(repr(sorted(facts.items())).encode())
    for name in sorted(tensors):
        tensor = tensors[name]
        digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}".encode())
        digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()
