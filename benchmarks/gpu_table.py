"""What the parts of gpu.py share: the table they print into, the clock they keep, the sizes they work at."""

import gc
import json
import math
import os
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from kogen.backbones.timm import TimmBackbone
from kogen.config.plan import Plan
from kogen.data.images import Images, from_array
from kogen.modules.base import Method
from kogen.study.plans import with_data

RESNET, VIT = "resnet18", "vit_tiny_patch16_224?depth=4"
SMALL_RESNET, SMALL_VIT = "tiny?width=8", "vit_tiny_patch16_224?embed_dim=48&depth=1&num_heads=3"


class Limit(BaseException):
    """The minutes are over."""


@dataclass
class Table:
    """Rows as they are measured: printed at once, written to gpu.json after every part."""

    place: Path
    device: torch.device
    minutes: float
    small: bool  # a rehearsal: every size is tiny
    began: float = field(default_factory=time.perf_counter)
    parts: dict[str, dict[str, Any]] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    part: str = ""

    def left(self) -> float:
        """Seconds until the limit."""
        return 60 * self.minutes - (time.perf_counter() - self.began)

    def row(
        self, what: str, value: float, unit: str = "", *, most: float | None = None, least: float | None = None
    ) -> None:
        """One measurement, and what is wanted of it."""
        fine = (most is None or value <= most) and (least is None or value >= least) and math.isfinite(value)
        wanted = f"at most {most:g}" if most is not None else f"at least {least:g}" if least is not None else ""
        self.parts[self.part]["rows"].append(
            {"what": what, "value": value, "unit": unit, "wanted": wanted, "fine": fine}
        )
        mark = "" if not wanted else "  ok" if fine else "  MISSED"
        print(f"{self.part}  {what:<64} {value:>12.5g} {unit:<10} {wanted}{mark}", flush=True)

    def say(self, text: str) -> None:
        """A sentence of a part, kept with its rows."""
        self.parts[self.part]["notes"].append(text)
        print(f"{self.part}  {text}", flush=True)

    def share(self, part: str, cifar: Path | None) -> dict[str, Any]:
        """Settings of a part from the time that is left: compiling takes what training can spare, training the rest."""
        if part == "h":
            return {"seconds": 60.0 if self.small else min(150.0, 0.45 * self.left())}
        return {"file": cifar, "seconds": 2.0 if self.small else self.left() - 15} if part == "f" else {}

    def run(self, part: str, work: Callable[..., None], **settings: Any) -> None:
        """One part: what it raises is printed and kept, and the next one goes on."""
        self.part, began = part, time.perf_counter()
        found = self.parts[part] = {
            "title": (work.__doc__ or "").split("\n")[0],
            "rows": [],
            "notes": [],
            "error": None,
        }
        print(f"\n{part}  {found['title']}", flush=True)
        try:
            work(self, **settings)
        except Exception as error:
            found["error"] = f"{type(error).__name__}: {error}"
            traceback.print_exc()
            traceback.clear_frames(error.__traceback__)
        finally:
            found["seconds"] = time.perf_counter() - began
            print(f"{part}  {found['seconds']:.1f} s", flush=True)
            self.write()
        clear(self.device)

    def write(self) -> None:
        """gpu.json as it stands."""
        plain = {name: {**part, "rows": [known(row) for row in part["rows"]]} for name, part in self.parts.items()}
        text = json.dumps({"machine": self.facts, "parts": plain}, indent=1, allow_nan=False)
        self.place.mkdir(parents=True, exist_ok=True)
        (self.place / "gpu.json").write_text(text + "\n", encoding="utf-8")


def known(row: dict[str, Any]) -> dict[str, Any]:
    """A row with null for what is no number."""
    return row if math.isfinite(row["value"]) else row | {"value": None}


def markdown(file: Path) -> str:
    """The table of a gpu.json for a page."""
    found = json.loads(file.read_text(encoding="utf-8"))
    lines = [", ".join(f"{name} {value}" for name, value in found["machine"].items())]
    for letter, part in found["parts"].items():
        lines += ["", f"**{letter}. {part['title']}** ({part['seconds']:.0f} s)", "", "| | | wanted |", "|---|--:|---|"]
        for row in part["rows"]:
            value = "not known" if row["value"] is None else f"{row['value']:.4g} {row['unit']}".strip()
            lines.append(f"| {row['what']} | {value} | {row['wanted']}{'' if row['fine'] else ' (missed)'} |")
        lines += ["", *part["notes"]] if part["notes"] else []
        lines += ["", f"Broke off: {part['error']}"] if part["error"] else []
    return "\n".join(lines)


def machine(device: torch.device) -> dict[str, Any]:
    """What computes here, and with which versions."""
    import timm
    import torchvision

    facts: dict[str, Any] = {
        "torch": torch.__version__,
        "torchvision": torchvision.__version__,
        "timm": timm.__version__,
    }
    facts |= {"cores": len(os.sched_getaffinity(0)), "threads": torch.get_num_threads(), "device": device.type}
    if device.type == "cuda":
        facts["card"] = torch.cuda.get_device_name(device)
        facts["memory_gib"] = round(torch.cuda.get_device_properties(device).total_memory / 2**30, 1)
        facts["cuda"], facts["cudnn"] = torch.version.cuda, torch.backends.cudnn.version()
    return facts


def clear(device: torch.device) -> None:
    """Give back what is no longer used, and begin counting memory anew."""
    gc.collect()
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)


def clock(device: torch.device) -> float:
    """Seconds, once the device has done what it was given."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    return time.perf_counter()


def peak(device: torch.device) -> float:
    """GiB that were allocated at most since `clear`; not known of a CPU."""
    return torch.cuda.max_memory_allocated(device) / 2**30 if device.type == "cuda" else math.nan


def noise(count: int, size: int, classes: int = 10, seed: int = 0) -> Images:
    """Smooth coloured noise with labels, (count, 3, size, size): pixels for a clock and for a comparison."""
    rng = np.random.default_rng(seed)
    coarse = torch.from_numpy(rng.random((count, 3, 8, 8), dtype=np.float32))
    pixels = np.empty((count, 3, size, size), np.uint8)
    grain = 0.05 * torch.from_numpy(rng.standard_normal((min(count, 256), 3, size, size), dtype=np.float32))
    for start in range(0, count, 256):
        part = torch.nn.functional.interpolate(coarse[start : start + 256], size, mode="bicubic")
        pixels[start : start + 256] = ((part + grain[: len(part)]).clamp(0, 1) * 255).to(torch.uint8).numpy()
    return from_array(
        pixels, rng.integers(0, classes, count), tuple("abcdefghijklmnopqrstuvwxyz"[:classes]), name="noise"
    )


def plan_for(images: Images, method: str, **asked: Any) -> Plan:
    """A plan on these images."""
    return with_data(Plan(method=method, **asked), images)


def networks(method: Method) -> list[torch.nn.Module]:
    """The plain networks inside a method, its teacher's too."""
    return [part.inner for part in method.modules() if isinstance(part, TimmBackbone)]


def relative(found: torch.Tensor, wanted: torch.Tensor) -> float:
    """|found - wanted| / |wanted|, in float64 on the CPU; nan if either is not finite."""
    found, wanted = (values.detach().cpu().double() for values in (found, wanted))
    return float((found - wanted).norm() / wanted.norm().clamp_min(1e-12))
