"""Files of weights of strangers: whatever they claim, they run nothing and allocate nothing of it."""

import argparse
import io
import json
import os
import pickle
import resource
import struct
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import timm
import torch
from safetensors.torch import save_file

from kogen.backbones import _checkpoint_formats as formats
from kogen.backbones.published import published

torch.manual_seed(0)
NETWORK = timm.create_model("resnet18", num_classes=0, layers=(1, 1, 1, 1), channels=(8, 16, 32, 64)).state_dict()
KEY = "layer1.0.conv2.weight"
VALUE = NETWORK[KEY]  # (8, 8, 3, 3)


def with_value(value: torch.Tensor) -> dict[str, torch.Tensor]:
    return NETWORK | {KEY: value}


def check_refused(place: Path, message: str) -> None:
    """Refused with a message, in seconds, without gigabytes."""
    start, peak = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match=message):
        published(file=str(place))
    assert time.perf_counter() - start < 20
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak < 2**20  # KiB


@pytest.mark.parametrize(
    ("value", "message"),
    [
        (VALUE.to("meta"), f"{KEY} is a meta tensor, wanted plain tensors with their values"),
        (VALUE.to_sparse(), f"{KEY} is sparse, wanted plain tensors"),
        (torch.zeros(8, 8).to_sparse_csr(), f"{KEY} is sparse, wanted plain tensors"),
        (torch.quantize_per_tensor(VALUE, 0.1, 0, torch.qint8), f"{KEY} is quantised, wanted plain tensors"),
        (torch.nested.nested_tensor([torch.zeros(2), torch.zeros(3)]), f"{KEY} is nested, wanted plain tensors"),
        (VALUE.to(torch.complex64), r"no finite numbers \(torch.complex64\)"),
        (VALUE > 0, r"no finite numbers \(torch.bool\)"),
        (VALUE.double() * 1e300, r"no finite numbers \(torch.float64\)"),
        (torch.tensor(1.0), "shapes of none"),
        (torch.zeros(1).expand(10**6, 10**6), r"has the shape \(1000000, 1000000\), which is larger than the file"),
    ],
)
@pytest.mark.filterwarnings("ignore")
def test_tensors_of_odd_kinds(value: torch.Tensor, message: str, tmp_path: Path):
    torch.save(with_value(value), tmp_path / "weights.pth")
    check_refused(tmp_path / "weights.pth", message)


@pytest.mark.parametrize(
    "value", [VALUE.half(), VALUE.to(torch.float8_e4m3fn), VALUE.permute(3, 2, 1, 0).contiguous().permute(3, 2, 1, 0)]
)
def test_tensors_of_other_precision_or_layout_are_loaded_by_value(value: torch.Tensor, tmp_path: Path):
    torch.save(with_value(value), tmp_path / "weights.pth")
    loaded = published(file=str(tmp_path / "weights.pth")).network.state_dict()
    torch.testing.assert_close(loaded[KEY], value.float())


def many_times_itself() -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(60):
        data = {"a": data, "b": data}
    return data


def holding_itself() -> dict[str, Any]:
    data: dict[str, Any] = {}
    data["data"] = data
    return data


@pytest.mark.parametrize(
    "make",
    [
        many_times_itself,
        holding_itself,
        lambda: dict.fromkeys(map(str, range(formats.MAX_ENTRIES + 1)), torch.zeros(1)),
    ],
)
def test_dicts_without_end(make: Callable[[], Any], tmp_path: Path):
    torch.save(make(), tmp_path / "weights.pth")
    check_refused(tmp_path / "weights.pth", "no checkpoint that can be read: .*more than 100,000 entries, or more than")


def rewrite(place: Path, change: Callable[[bytes], bytes], method: int = zipfile.ZIP_STORED, extra: int = 0) -> None:
    """A file of torch.save with another pickle in it, and `extra` bytes of zeros."""
    with zipfile.ZipFile(io.BytesIO(place.read_bytes())) as before, zipfile.ZipFile(place, "w", method) as after:
        for part in before.infolist():
            content = before.read(part)
            after.writestr(part.filename, change(content) if part.filename.endswith("data.pkl") else content)
        if extra:
            after.writestr("archive/data/999", bytes(extra))


def test_archives_that_claim_more_than_they_are(tmp_path: Path):
    place, shape = tmp_path / "weights.pth", b"K\x08K\x08K\x03K\x03"
    torch.save(NETWORK, place)
    assert shape in zipfile.ZipFile(place).read(next(n for n in zipfile.ZipFile(place).namelist() if "data.pkl" in n))
    rewrite(place, lambda content: content.replace(shape, b"J\x00\x00\x00\x10J\x00\x00\x10\x00K\x03K\x03"))
    check_refused(place, "no checkpoint that can be read")
    torch.save(NETWORK, place)
    rewrite(place, lambda content: content, zipfile.ZIP_DEFLATED, 10**8)
    check_refused(place, "85 parts that unpack to more than the file|parts that unpack to more than the file")


def write_safetensors(place: Path, header: Any, body: bytes = b"", length: int | None = None) -> None:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    place.write_bytes(struct.pack("<Q", len(text) if length is None else length) + text + body)


NAME = "layer1.0.conv1.weight"
FLOATS = {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}


@pytest.mark.parametrize(
    ("header", "body", "length"),
    [
        (b"{}", b"", 2**62),
        (b"{" + b" " * 101 * 10**6 + b"}", b"", None),
        (b"[" * 10**5 + b"]" * 10**5, b"", None),
        ([], b"", None),
        ({NAME: FLOATS, "b": FLOATS | {"data_offsets": [4, 12]}}, bytes(12), None),
        ({NAME: FLOATS | {"shape": [10**9, 10**9]}}, bytes(8), None),
        ({NAME: FLOATS | {"shape": [2**62, 2**62]}}, bytes(8), None),
        ({NAME: FLOATS | {"shape": [-2]}}, bytes(8), None),
        ({NAME: FLOATS | {"dtype": "F99"}}, bytes(8), None),
        ({NAME: FLOATS}, bytes(10**6), None),
        ({f"k{i}": {"dtype": "U8", "shape": [0], "data_offsets": [0, 0]} for i in range(10**5 + 1)}, b"", None),
    ],
)
def test_headers_of_safetensors(header: Any, body: bytes, length: int | None, tmp_path: Path):
    write_safetensors(tmp_path / "weights.safetensors", header, body, length)
    check_refused(
        tmp_path / "weights.safetensors", "no checkpoint that can be read: wanted safetensors or a file of torch"
    )


def test_pipes_devices_and_folders_are_refused_at_once(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.pth")
    for place, kind in (
        (tmp_path / "pipe.pth", "pipe or a device"),
        ("/dev/zero", "pipe or a device"),
        (tmp_path, "folder"),
    ):
        check_refused(Path(place), f"is a {kind}, wanted a file")


class Malicious:
    """A pickle that would run a command."""

    def __init__(self, place: Path) -> None:
        self.place = place

    def __reduce__(self):
        return os.system, (f"touch {self.place}",)


@pytest.mark.parametrize("way", ["zip", "legacy", "protocol 0", "protocol 4", "inside a namespace"])
@pytest.mark.filterwarnings("ignore")
def test_no_pickle_runs(way: str, tmp_path: Path):
    place, ran = tmp_path / "weights.pth", tmp_path / "ran"
    data: Any = {"state_dict": NETWORK, "extra": Malicious(ran)}
    if way == "inside a namespace":
        data = {"state_dict": NETWORK, "args": argparse.Namespace(a=Malicious(ran))}
    if way.startswith("protocol"):
        place.write_bytes(pickle.dumps(Malicious(ran), int(way[-1])))
    else:
        torch.save(data, place, _use_new_zipfile_serialization=way != "legacy")
    with pytest.raises(ValueError, match=r"which could run code: refused|no checkpoint that can be read"):
        published(file=str(place))
    assert not ran.exists()


def test_as_many_tensors_as_networks_have_are_read(tmp_path: Path):
    save_file(NETWORK, tmp_path / "weights.safetensors")
    assert len(formats.read_content(tmp_path / "weights.safetensors").tensors) == len(NETWORK)


def test_torchscript_is_named(tmp_path: Path):
    network = torch.nn.Conv2d(3, 4, 3)
    torch.jit.trace(network, torch.zeros(1, 3, 8, 8)).save(str(tmp_path / "weights.pt"))
    check_refused(tmp_path / "weights.pt", r"TorchScript, which is code: save its state_dict\(\) by torch.save")
