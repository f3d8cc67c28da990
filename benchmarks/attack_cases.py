"""The attempts of attack.py: what is made in a folder, the command that is tried on it, and how it has to end."""

import functools
import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

Command = list[str | Path]
SMALL = ("--backbone", "tiny?width=8", "--image-size", "16", "--batch-size", "8", "--epochs", "1", "--seeds", "1")
SMALL += ("--methods", "random", "--probe", "knn")
REFUSED, DONE = (1, 2), (0,)


@dataclass(frozen=True)
class Case:
    """One attempt."""

    kind: str
    title: str
    prepare: Callable[[Path], Command]  # makes the files in a folder, returns what follows `kogen`
    codes: tuple[int, ...] = REFUSED  # exit codes that are right
    says: str = ""  # words that must be printed
    seconds: float = 120.0
    untouched: bool = True  # all files that were there stay as they were
    limits: str = ""  # bash before the command, such as ulimit
    env: Callable[[Path], dict[str, str]] = lambda folder: {}  # "" takes a variable away
    check: Callable[[Path, str], list[str]] = lambda folder, printed: []  # what else is wrong


CASES: list[Case] = []


def case(kind: str, title: str, **wanted: object) -> Callable[[Callable[[Path], Command]], Callable[[Path], Command]]:
    """Put a function that prepares an attempt on the list."""

    def decorate(prepare: Callable[[Path], Command]) -> Callable[[Path], Command]:
        CASES.append(Case(kind, title, prepare, **wanted))  # type: ignore[arg-type]
        return prepare

    return decorate


# --- what is made -------------------------------------------------------------------------------------------------


def images(folder: Path, count: int = 12, name: str = "imgs") -> Path:
    """Class folders of small images."""
    rng = np.random.default_rng(0)
    for number in range(count):
        place = folder / name / ("ok", "bad")[number % 2] / f"{number}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)).save(place)
    return folder / name


def flat_images(folder: Path, count: int = 12) -> Path:
    """Images and a table of their labels in one folder; returns the table."""
    rng = np.random.default_rng(0)
    (folder / "imgs").mkdir()
    rows = ["path,label"]
    for number in range(count):
        Image.fromarray(rng.integers(0, 255, (16, 16, 3)).astype(np.uint8)).save(folder / "imgs" / f"{number}.png")
        rows.append(f"{number}.png,{'ab'[number % 2]}")
    (folder / "imgs" / "t.csv").write_text("\n".join(rows) + "\n")
    return folder / "imgs" / "t.csv"


def results(folder: Path, sets: int = 3, models: int = 4, name: str = "accuracy.csv") -> Path:
    """A wide table of scores."""
    rng = np.random.default_rng(0)
    rows = [",".join(["model", *(f"s{number}" for number in range(sets))])]
    rows += [
        ",".join([f"m{number}", *(f"{value:.2f}" for value in rng.uniform(50, 90, sets))]) for number in range(models)
    ]
    (folder / name).write_text("\n".join(rows) + "\n")
    return folder / name


LOCK = threading.Lock()


@functools.cache
def finished_pilot() -> Path:
    """A small study with two trained runs and their images, made once."""
    folder = Path(tempfile.mkdtemp(prefix="kogen-attack-"))
    source = images(folder, 24)
    command = ["pilot", str(source), *SMALL, "--methods", "simclr,random", "--out", str(folder / "study")]
    env = os.environ | {"KOGEN_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    subprocess.run([sys.executable, "-m", "kogen", *command], env=env, check=True, capture_output=True)
    return folder


def study(folder: Path) -> Path:
    """A copy of the small study; its images and its cache lie beside it."""
    with LOCK:
        made = finished_pilot()
    shutil.copytree(made, folder, dirs_exist_ok=True)
    return folder / "study"


def trained_run(folder: Path) -> Path:
    """The run of the small study that has been trained."""
    return next(plan.parent for plan in study(folder).glob("runs/*/plan.json") if "simclr" in plan.read_text())


def pipe(place: Path) -> Path:
    """A pipe that nobody writes to."""
    os.mkfifo(place)
    return place


def flip(place: Path, share: float = 0.5) -> None:
    """Change a byte of a file."""
    content = bytearray(place.read_bytes())
    content[int(len(content) * share)] ^= 0x41
    place.write_bytes(content)


class Evil:
    """What a pickle runs when it is loaded carelessly."""

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, ("touch PWNED",)


# --- A: foreign code ----------------------------------------------------------------------------------------------

INJECTION = '**(__import__("os").system("touch PWNED") or {}), act_layer=None'
BACKBONES = {
    "code in a setting": f"resnet18?layers=1,1,1,1&{INJECTION}",
    "a pickle as checkpoint_path": "resnet18?checkpoint_path=evil.pth",
    "pretrained": "resnet18?pretrained=True",
    "pretrained_cfg": "resnet18?pretrained_cfg=evil.json",
    "pretrained_cfg_overlay": "resnet18?pretrained_cfg_overlay=evil",
    "cache_dir": "resnet18?cache_dir=/tmp/x",
    "features_only": "resnet18?features_only=True",
    "a local directory": "local-dir:.",
    "a hub": "hf-hub:timm/resnet18.a1_in1k",
    "a dunder": "resnet18?__class__=int",
    "a line break": "resnet18?layers=1,1,1,1\nimport os",
    "kwargs": "resnet18?kwargs=1",
}
for title, text in BACKBONES.items():

    @case("A", f"--backbone: {title}")
    def _(folder: Path, text: str = text) -> Command:
        (folder / "evil.pth").write_bytes(pickle.dumps(Evil()))
        return ["pilot", images(folder), *SMALL, "--backbone", text, "--out", "s"]

    @case("A", f"study.toml: {title}")
    def _(folder: Path, text: str = text) -> Command:
        (folder / "evil.pth").write_bytes(pickle.dumps(Evil()))
        asked = {"source": str(images(folder)), "methods": ["random"], "seeds": 1, "backbone": text}
        (folder / "study.toml").write_text("\n".join(f"{name} = {json.dumps(value)}" for name, value in asked.items()))
        return ["pilot", folder / "study.toml", "--out", "s"]


@case("A", "export of a run whose plan.json carries code")
def _(folder: Path) -> Command:
    run = trained_run(folder)
    plan = json.loads((run / "plan.json").read_text())
    (run / "plan.json").write_text(json.dumps(plan | {"backbone": f"resnet18?{INJECTION}"}))
    return ["export", run, "--out", "w.safetensors"]


@case("A", "evaluate a run whose plan.json names a file of weights")
def _(folder: Path) -> Command:
    run = trained_run(folder)
    (folder / "evil.pth").write_bytes(pickle.dumps(Evil()))
    plan = json.loads((run / "plan.json").read_text())
    (run / "plan.json").write_text(json.dumps(plan | {"weights": "evil.pth", "name": "x"}))
    return ["evaluate", run, "--train", folder / "imgs", "--test", f"a={folder / 'imgs'}", "--out", "s"]


@case("A", "a candidate that is a pickle")
def _(folder: Path) -> Command:
    (folder / "evil.pth").write_bytes(pickle.dumps(Evil()))
    return ["pilot", images(folder), *SMALL, "--candidates", "x=evil.pth", "--out", "s"]


@case("A", "a candidate that is a torch archive with code in it")
def _(folder: Path) -> Command:
    with zipfile.ZipFile(folder / "evil.pth", "w") as archive:
        archive.writestr("archive/data.pkl", pickle.dumps({"layer1.0.conv1.weight": Evil()}))
        archive.writestr("archive/version", "3\n")
    return ["pilot", images(folder), *SMALL, "--candidates", "x=evil.pth", "--out", "s"]


@case("A", "an array of Python objects")
def _(folder: Path) -> Command:
    np.save(folder / "x.npy", np.array([Evil()], dtype=object), allow_pickle=True)
    return ["pilot", "x.npy", *SMALL, "--out", "s"]


@case("A", "labels in an npz that are Python objects")
def _(folder: Path) -> Command:
    labels = np.array([Evil()] * 4, dtype=object)
    np.savez(folder / "x.npz", images=np.zeros((4, 16, 16, 3), np.uint8), labels=labels)
    return ["pilot", "x.npz", *SMALL, "--out", "s"]


@case("A", "a column name that a careless query would run")
def _(folder: Path) -> Command:
    (folder / "t.csv").write_text("model,@__import__('os').system('touch PWNED')\na,1\nb,2\n")
    return ["lottery", "t.csv", "--out", "lot"]


CASES[-1] = Case(**{**vars(CASES[-1]), "codes": (0, 1)})

# --- B: nothing of the user's -------------------------------------------------------------------------------------


@case("B", "lottery --csv --out . beside its input")
def _(folder: Path) -> Command:
    return ["lottery", results(folder), "--reference", "s0", "--csv", "--out", "."]


@case("B", "lottery over its own input in a folder of kogen's")
def _(folder: Path) -> Command:
    (folder / ".kogen").write_text("kogen")
    return ["lottery", results(folder), "--reference", "s0", "--csv", "--out", "."]


@case("B", "views onto an image")
def _(folder: Path) -> Command:
    return ["views", flat_images(folder), "--out", folder / "imgs" / "1.png"]


@case("B", "views --force onto an image")
def _(folder: Path) -> Command:
    return ["views", flat_images(folder), "--out", folder / "imgs" / "1.png", "--force"]


@case("B", "views onto a photo elsewhere", says="--force")
def _(folder: Path) -> Command:
    shutil.copy(flat_images(folder).with_name("1.png"), folder / "photo.png")
    return ["views", folder / "imgs" / "t.csv", "--out", "photo.png"]


@case("B", "views --force onto a photo elsewhere", codes=DONE, untouched=False)
def _(folder: Path) -> Command:
    shutil.copy(flat_images(folder).with_name("1.png"), folder / "photo.png")
    return ["views", folder / "imgs" / "t.csv", "--out", "photo.png", "--force"]


@case("B", "views through a link")
def _(folder: Path) -> Command:
    flat_images(folder)
    (folder / "notes.txt").write_text("mine")
    (folder / "v.png").symlink_to(folder / "notes.txt")
    return ["views", folder / "imgs" / "t.csv", "--out", "v.png", "--force"]


@case("B", "a pilot among the images of a table")
def _(folder: Path) -> Command:
    return ["pilot", flat_images(folder), *SMALL, "--out", folder / "imgs" / "study"]


@case("B", "a pilot inside a class folder of its test set")
def _(folder: Path) -> Command:
    images(folder, name="val")
    return ["pilot", images(folder), *SMALL, "--test", folder / "val", "--out", folder / "val" / "ok" / "s"]


@case("B", "a pilot inside a named shift")
def _(folder: Path) -> Command:
    images(folder, name="val")
    return ["pilot", images(folder), *SMALL, "--shift", f"line2={folder / 'val'}", "--out", folder / "val" / "s"]


@case("B", "a pilot around its images")
def _(folder: Path) -> Command:
    return ["pilot", images(folder), *SMALL, "--out", "."]


@case("B", "a pilot through a linked folder into its images")
def _(folder: Path) -> Command:
    (folder / "out").symlink_to(images(folder))
    return ["pilot", folder / "imgs", *SMALL, "--out", folder / "out" / "study"]


@case("B", "a run on the images")
def _(folder: Path) -> Command:
    return ["pretrain", "random", images(folder), "--epochs", "0", "--batch-size", "4", "--out", folder / "imgs"]


@case("B", "a candidate as --out")
def _(folder: Path) -> Command:
    shutil.copy(trained_run(folder) / "weights.safetensors", folder / "w.safetensors")
    return ["pilot", folder / "imgs", *SMALL, "--candidates", "x=w.safetensors", "--out", "w.safetensors"]


for name in ("views.png", "data.json", "report.html", "verdict.json", "predictions.parquet", "runs", "plan.json"):

    @case("B", f"a pilot into a folder with one's own {name}")
    def _(folder: Path, name: str = name) -> Command:
        (folder / "s").mkdir()
        (folder / "s" / name).write_text("mine")
        return ["pilot", images(folder), *SMALL, "--out", "s"]


for verb, name in (("landscape", "landscape.html"), ("evaluate", "report.html"), ("lottery", "ranks.parquet")):

    @case("B", f"{verb} into a folder with one's own {name}")
    def _(folder: Path, verb: str = verb, name: str = name) -> Command:
        (folder / "s").mkdir()
        (folder / "s" / name).write_text("mine")
        if verb == "lottery":
            return ["lottery", results(folder), "--reference", "s0", "--out", "s"]
        run, source = trained_run(folder), folder / "imgs"
        more = ["--data", source] if verb == "landscape" else ["--train", source, "--test", f"a={source}"]
        return [verb, run, *more, "--out", "s"]


@case("B", "export onto a photo", says="--force")
def _(folder: Path) -> Command:
    run = trained_run(folder)
    (folder / "photo.png").write_text("photo")
    return ["export", run, "--out", "photo.png"]


@case("B", "export onto the run's own weights, with --force")
def _(folder: Path) -> Command:
    run = trained_run(folder)
    return ["export", run, "--out", run / "weights.safetensors", "--force"]


@case("B", "export again onto one's own export", codes=DONE)  # the same bytes again
def _(folder: Path) -> Command:
    run = trained_run(folder)
    command = ["export", str(run), "--out", str(folder / "w.safetensors")]
    subprocess.run([sys.executable, "-m", "kogen", *command], check=True, capture_output=True)
    return list(command)


@case("B", "links inside a study")
def _(folder: Path) -> Command:
    place = study(folder)
    (folder / "mine.html").write_text("mine")
    (place / "report.html").unlink()
    (place / "report.html").symlink_to(folder / "mine.html")
    return ["report", place]


@case("B", "a lock of the cache that is a link", codes=(0, 1))
def _(folder: Path) -> Command:
    source = images(folder)
    (folder / "mine.txt").write_text("mine")
    env = os.environ | {"KOGEN_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "kogen", "views", str(source), "--out", str(folder / "first.png")]
    subprocess.run(command, env=env, check=True, capture_output=True)
    for lock in (folder / "cache").glob("*.lock"):
        key = lock.with_suffix("")
        shutil.rmtree(key, ignore_errors=True)
        lock.unlink()
        lock.symlink_to(folder / "mine.txt")
    return ["views", source, "--out", folder / "second.png"]


# --- E: nothing hangs ---------------------------------------------------------------------------------------------

for title, name, command in (
    ("a pipe as csv", "x.csv", ["pilot", "x.csv", *SMALL, "--out", "s"]),
    ("a pipe as npy", "x.npy", ["pilot", "x.npy", *SMALL, "--out", "s"]),
    ("a pipe as npz", "x.npz", ["pilot", "x.npz", *SMALL, "--out", "s"]),
    ("a pipe as parquet", "x.parquet", ["pilot", "x.parquet", *SMALL, "--out", "s"]),
    ("a pipe as study.toml", "x.toml", ["pilot", "x.toml", "--out", "s"]),
    ("a pipe as a table of results", "x.csv", ["lottery", "x.csv", "--out", "s"]),
    ("a pipe as a parquet of results", "x.parquet", ["lottery", "x.parquet", "--out", "s"]),
):

    @case("E", title, seconds=40)
    def _(folder: Path, name: str = name, command: Command = command) -> Command:
        pipe(folder / name)
        return list(command)


@case("E", "a pipe as a candidate", seconds=40)
def _(folder: Path) -> Command:
    pipe(folder / "x.pth")
    return ["pilot", images(folder), *SMALL, "--candidates", "x=x.pth", "--out", "s"]


@case("E", "a pipe as labels", seconds=40)
def _(folder: Path) -> Command:
    pipe(folder / "x.csv")
    return ["pilot", images(folder), *SMALL, "--labels", "x.csv", "--out", "s"]


@case("E", "a pipe among the images", seconds=90, codes=(0, 1))
def _(folder: Path) -> Command:
    pipe(images(folder, 30) / "ok" / "x.png")
    return ["views", folder / "imgs", "--out", "v.png"]


@case("E", "a device as a table of results", seconds=40)
def _(folder: Path) -> Command:
    return ["lottery", "/dev/zero", "--out", "s"]


@case("E", "an npz that claims 1e11 images", seconds=40)
def _(folder: Path) -> Command:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (100000000000, 16, 16, 3), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    with zipfile.ZipFile(folder / "x.npz", "w") as archive:
        archive.writestr("images.npy", b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header + bytes(768))
    return ["pilot", "x.npz", *SMALL, "--out", "s"]


@case("E", "an npy that claims more than it holds", seconds=40)
def _(folder: Path) -> Command:
    np.save(folder / "x.npy", np.zeros((8, 16, 16, 3), np.uint8))
    content = (folder / "x.npy").read_bytes().replace(b"(8, 16, 16, 3)", b"(8000000, 16, ")
    (folder / "x.npy").write_bytes(content.replace(b"16,  }", b"3), } ")[: len(content)])
    return ["pilot", "x.npy", *SMALL, "--out", "s"]


@case("E", "a zip bomb as npz", seconds=60)
def _(folder: Path) -> Command:
    header = b"{'descr': '|u1', 'fortran_order': False, 'shape': (2000000, 32, 32, 3), }"
    header += b" " * (118 - len(header) - 1) + b"\n"
    with (
        zipfile.ZipFile(folder / "x.npz", "w", zipfile.ZIP_DEFLATED) as archive,
        archive.open("images.npy", "w", force_zip64=True) as member,
    ):
        member.write(b"\x93NUMPY\x01\x00" + len(header).to_bytes(2, "little") + header)
        for _number in range(60):
            member.write(bytes(1 << 20))
    return ["pilot", "x.npz", *SMALL, "--out", "s"]


OPTIONS = {
    "keep = 2**60": ["--keep", str(2**60)],
    "epochs = 10**18": ["--epochs", str(10**18)],
    "seeds = 10**9": ["--seeds", str(10**9)],
    "batch size 10**15": ["--batch-size", str(10**15)],
    "a million layers": ["--backbone", "resnet18?layers=999999,1,1,1"],
    "a ViT of depth 10**9": ["--backbone", "vit_tiny_patch16_224?depth=1000000000"],
    "a width of 10**9": ["--backbone", "tiny?width=1000000000"],
    "an embedding of 2**40": ["--backbone", "vit_tiny_patch16_224?embed_dim=1099511627776"],
    "a queue of 2**60": ["--methods", "moco_v2", "--set", f"moco_v2.queue={2**60}"],
    "10**12 prototypes": ["--methods", "swav", "--set", "swav.prototypes=1000000000000"],
    "a rate of infinity": ["--methods", "simclr", "--set", "simclr.rate=inf"],
    "a rate of NaN": ["--methods", "simclr", "--set", "simclr.rate=nan"],
    "an image size of 10**6": ["--image-size", "1000000"],
    "margin NaN": ["--margin", "nan"],
}
for title, more in OPTIONS.items():

    @case("E", title, seconds=60)
    def _(folder: Path, more: list[str] = more) -> Command:
        return ["pilot", images(folder), *SMALL, *more, "--out", "s"]


@case("E", "a table of 3,000 sets", seconds=150, codes=(0, 1))
def _(folder: Path) -> Command:
    return ["lottery", results(folder, sets=3000, models=12), "--reference", "s0", "--out", "s"]


@case("E", "a table of 100,000 models", seconds=150, codes=(0, 1))
def _(folder: Path) -> Command:
    return ["lottery", results(folder, sets=3, models=100_000), "--reference", "s0", "--out", "s"]


# --- F: a sentence ------------------------------------------------------------------------------------------------

TOML = {
    "probes = 3": "probes = 3",
    "probes = []": "probes = []",
    "methods = 3": "methods = 3",
    "seeds = true": "seeds = true",
    "settings that are a list": "settings = [1]",
    "deep nesting": "epochs = " + "[" * 20_000,
    "a date": "epochs = 2020-01-01",
    "an unknown key": "epcohs = 3",
}
for title, line in TOML.items():

    @case("F", f"study.toml with {title}", seconds=60)
    def _(folder: Path, line: str = line) -> Command:
        head = f"source = {json.dumps(str(images(folder)))}\n"
        (folder / "study.toml").write_text(
            head + ("" if line.startswith("methods") else 'methods = ["random"]\n') + line
        )
        return ["pilot", folder / "study.toml", "--out", "s"]


BROKEN_BACKBONES = ("resnet18?act_layer=foo", "vit_tiny_patch16_224?num_heads=0", "resnet18?layers=a", "tiny?width=-3")
for text in (*BROKEN_BACKBONES, "vit_tiny_patch16_224?patch_size=0", "resnet18?block_args=1", "wide?width=0"):

    @case("F", f"--backbone {text}")
    def _(folder: Path, text: str = text) -> Command:
        return ["pilot", images(folder), *SMALL, "--backbone", text, "--out", "s"]


for text in (
    "surfaces?n=1,2",
    "surfaces?n=10&size=a",
    "digits?x=1",
    "surfaces?n=" + "9" * 5000,
    "surfaces?n=((((((",
    "a\0b",
):
    if "\0" in text:
        continue

    @case("F", f"source {text[:24]}")
    def _(folder: Path, text: str = text) -> Command:
        return ["pilot", text, *SMALL, "--out", "s"]


@case("F", "names with markup", codes=(0, 1))
def _(folder: Path) -> Command:
    return ["pilot", images(folder, 40), *SMALL, "--shift", f"[/red]={images(folder, 8, 'val')}", "--out", "s"]


@case("F", "no HOME", codes=(0, 1), env=lambda folder: {"HOME": "", "KOGEN_CACHE": "", "XDG_CACHE_HOME": ""})
def _(folder: Path) -> Command:
    return ["views", images(folder), "--out", "v.png"]


@case("F", "a cache that is a file", says="KOGEN_CACHE", env=lambda folder: {"KOGEN_CACHE": str(folder / "file")})
def _(folder: Path) -> Command:
    (folder / "file").write_text("mine")
    return ["views", images(folder), "--out", "v.png"]


@case("F", "files of at most 8 KB (ulimit -f)", limits="ulimit -f 8; trap '' XFSZ", codes=(1,))
def _(folder: Path) -> Command:
    return ["pilot", images(folder, 40), *SMALL, "--methods", "simclr", "--out", "s"]


@case("F", "1.5 GB of address space (ulimit -v)", limits="ulimit -v 1500000", codes=(1,))
def _(folder: Path) -> Command:
    return ["pilot", images(folder, 40), *SMALL, "--out", "s"]


@case("F", "a locale that is not UTF-8, in Japanese", codes=DONE, untouched=False)
def _(folder: Path) -> Command:
    return ["report", study(folder), "--lang", "ja"]


CASES[-1] = Case(
    **{**vars(CASES[-1]), "env": lambda folder: {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}}
)


@case("F", "a report without runs", codes=DONE, untouched=False)
def _(folder: Path) -> Command:
    shutil.rmtree(study(folder) / "runs")
    return ["report", folder / "study"]


@case("F", "a plan.json that is a list")
def _(folder: Path) -> Command:
    run = trained_run(folder)
    (run / "plan.json").write_text("[1, 2]")
    return ["export", run, "--out", "w.safetensors"]


@case("F", "a plan.json nested a hundred thousand deep")
def _(folder: Path) -> Command:
    run = trained_run(folder)
    (run / "plan.json").write_text("[" * 100_000)
    return ["export", run, "--out", "w.safetensors"]


@case("F", "a table of results full of noise")
def _(folder: Path) -> Command:
    (folder / "x.parquet").write_bytes(b"PAR1" + np.random.default_rng(0).bytes(4000) + b"PAR1")
    return ["lottery", "x.parquet", "--out", "s"]


@case("F", "an output that ends in a pipe that is closed", codes=(0, 1), limits="exec 1>&-")
def _(folder: Path) -> Command:
    return ["list", "methods"]


@case("F", "a folder without permission", codes=(1,))
def _(folder: Path) -> Command:
    return ["views", images(folder), "--out", "/proc/1/v.png"]


# --- D: damage on disk --------------------------------------------------------------------------------------------

for name in ("weights.safetensors", "checkpoint/state.safetensors", "predictions.parquet", "summary.json", "plan.json"):
    for verb in ("report", "landscape"):
        needs = {"report": ("predictions.parquet", "summary.json", "plan.json")}
        needs["landscape"] = ("checkpoint/state.safetensors", "plan.json")
        if name not in needs[verb]:
            continue

        @case("D", f"{verb} with a changed byte in {name}", says=name.rpartition("/")[2])
        def _(folder: Path, name: str = name, verb: str = verb) -> Command:
            run = trained_run(folder)
            flip(
                run / name, 0.1 if name.endswith(".parquet") else 0.5
            )  # of a small table the end is what no reader reads
            return [verb, study_of(run)] if verb == "report" else [verb, run, "--data", folder / "imgs", "--out", "l"]


def study_of(run: Path) -> Path:
    """The study of a run."""
    return run.parents[1]


@case("D", "export with a changed byte in the weights", says="weights.safetensors")
def _(folder: Path) -> Command:
    run = trained_run(folder)
    flip(run / "weights.safetensors", 0.9)
    return ["export", run, "--out", "w.safetensors"]


@case("D", "an edited plan.json", says="was edited or is damaged")
def _(folder: Path) -> Command:
    run = trained_run(folder)
    (run / "plan.json").write_text((run / "plan.json").read_text().replace('"seed": 0', '"seed": 7'))
    return ["report", study_of(run)]


@case("D", "an edited summary.json", says="was edited")
def _(folder: Path) -> Command:
    run = trained_run(folder)
    text = (run / "summary.json").read_text().replace('"images_seen": ', '"images_seen": 1')
    (run / "summary.json").write_text(text)
    return ["report", study_of(run)]


for name in ("verdict.json", "report.html", "views.png", "values.parquet", "predictions.parquet"):

    @case("D", f"a report over a damaged {name}", codes=DONE, untouched=False)
    def _(folder: Path, name: str = name) -> Command:
        place = study(folder)
        (place / name).write_bytes(b"\xff damaged {")
        return ["report", place]


@case("D", "images replaced by others of the same size and time", codes=DONE, untouched=False)
def _(folder: Path) -> Command:
    pixels = np.zeros((16, 16, 3), np.uint8)
    place = folder / "imgs" / "a.bmp"
    place.parent.mkdir()
    Image.fromarray(pixels).save(place)
    status = place.stat()
    env = os.environ | {"KOGEN_CACHE": str(folder / "cache")}
    command = [sys.executable, "-m", "kogen", "views", str(folder / "imgs"), "--out", str(folder / "first.png")]
    subprocess.run(command, env=env, check=True, capture_output=True)
    Image.fromarray(pixels + 255).save(place)
    os.utime(place, ns=(status.st_atime_ns, status.st_mtime_ns))
    return ["views", folder / "imgs", "--out", folder / "second.png"]


def pictures_differ(folder: Path, printed: str) -> list[str]:
    """Whether the second picture shows the old pixels."""
    first, second = (np.asarray(Image.open(folder / f"{name}.png").convert("RGB")) for name in ("first", "second"))
    return ["old pixels were served"] if np.array_equal(first, second) else []


CASES[-1] = Case(**{**vars(CASES[-1]), "check": pictures_differ})

for damage in ("a changed byte", "half of it gone", "nothing left", "a folder in its place"):

    @case("D", f"a cache of pixels with {damage}", codes=DONE, untouched=False)
    def _(folder: Path, damage: str = damage) -> Command:
        place = study(folder)
        for file in [
            path for path in (folder / "cache").rglob("*") if path.is_file() and path.suffix in (".npy", ".parquet")
        ]:
            content = file.read_bytes()
            if damage == "a changed byte":
                flip(file, 0.6)
            elif damage == "half of it gone":
                file.write_bytes(content[: len(content) // 2])
            elif damage == "nothing left":
                file.write_bytes(b"")
            else:
                file.unlink()
                file.mkdir()
        shutil.move(place / "predictions.parquet", folder / "wanted.parquet")
        return ["pilot", folder / "imgs", *SMALL, "--methods", "simclr,random", "--out", folder / "again"]

    def same_predictions(folder: Path, printed: str) -> list[str]:
        """Whether the pilot on a damaged cache ended as the one on a whole one."""
        import pandas as pd

        key = ["run", "dataset", "protocol", "item"]
        found, wanted = (
            pd.read_parquet(path).sort_values(key, ignore_index=True)
            for path in (folder / "again" / "predictions.parquet", folder / "wanted.parquet")
        )
        return [] if found.equals(wanted) else ["other predictions than from whole pixels"]

    CASES[-1] = Case(**{**vars(CASES[-1]), "check": same_predictions})

# --- G: terminals and spreadsheets --------------------------------------------------------------------------------

ESCAPE = "\x1b]0;owned\x07\x1b[31m"


@case("G", "file names and classes with escapes", codes=(0, 1))
def _(folder: Path) -> Command:
    place = images(folder, 40)
    (place / "ok").rename(place / f"ok{ESCAPE}")
    (place / "bad" / f"x{ESCAPE}.png").write_bytes(b"no image")
    return ["pilot", place, *SMALL, "--out", "s"]


@case("G", "too many broken files, with escapes in their names")
def _(folder: Path) -> Command:
    place = images(folder, 4)
    for number in range(9):
        (place / "bad" / f"{number}x{ESCAPE}.png").write_bytes(b"no image")
    return ["pilot", place, *SMALL, "--out", "s"]


@case("G", "csv cells with escapes", codes=(0, 1))
def _(folder: Path) -> Command:
    (folder / "t.csv").write_text(f'model,"s1{ESCAPE}",s2\n"a{ESCAPE}",1,2\n"b\x9b31m",2,1\n')
    return ["lottery", "t.csv", "--reference", f"s1{ESCAPE}", "--out", "s"]


@case("G", "an unknown name with escapes")
def _(folder: Path) -> Command:
    return ["pilot", images(folder), *SMALL, "--methods", f"byol{ESCAPE}", "--out", "s"]


@case("G", "an npz whose members have escapes")
def _(folder: Path) -> Command:
    np.savez(folder / "x.npz", **{f"a{ESCAPE}": np.zeros(3)})
    return ["pilot", "x.npz", *SMALL, "--out", "s"]


@case("G", "an alarm, a candidate and a path with escapes")
def _(folder: Path) -> Command:
    return ["pilot", images(folder), *SMALL, "--candidates", f"x{ESCAPE}=/nowhere{ESCAPE}.pth", "--out", f"s{ESCAPE}"]


def no_formulas(folder: Path, printed: str) -> list[str]:
    """Whether a cell of a csv begins as a formula does."""
    import csv

    cells = [cell for path in (folder / "s").glob("*.csv") for row in csv.reader(path.open()) for cell in row]

    def is_number(cell: str) -> bool:
        try:
            float(cell)
        except ValueError:
            return False
        return True

    odd = [cell for cell in cells if cell[:1] in ("=", "+", "-", "@", "\t", "\r") and not is_number(cell)]
    return [f"a cell is a formula: {odd[0]!r}"] if odd else [] if cells else ["no csv was written"]


@case("G", "names that a spreadsheet would run", codes=DONE, check=no_formulas)
def _(folder: Path) -> Command:
    rows = [
        "model,=cmd|' /C calc'!A0,s2",
        '"=HYPERLINK(""http://x"")",80,70',
        "+1+1,75,71",
        "@SUM(1),74,70",
        "-2+3,71,69",
    ]
    (folder / "t.csv").write_text("\n".join(rows) + "\n")
    return ["lottery", "t.csv", "--reference", "s2", "--csv", "--out", "s"]


# --- C: several processes -----------------------------------------------------------------------------------------


@case("C", "SLURM_NTASKS alone", codes=DONE, env=lambda folder: {"SLURM_NTASKS": "4"})
def _(folder: Path) -> Command:
    return ["pretrain", "random", images(folder), "--epochs", "0", "--batch-size", "4", "--out", "r"]


STALE = {"RANK": "1", "WORLD_SIZE": "2", "LOCAL_RANK": "1", "LOCAL_WORLD_SIZE": "2"}
STALE |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": "29577"}


@case("C", "stale variables of torchrun", codes=(1,), says="WORLD_SIZE", seconds=200, env=lambda folder: STALE)
def _(folder: Path) -> Command:
    return ["pretrain", "random", images(folder), "--epochs", "0", "--batch-size", "4", "--out", "r"]


@case("C", "stale variables of torchrun and --processes 1", codes=DONE, env=lambda folder: STALE)
def _(folder: Path) -> Command:
    return [
        "pretrain",
        "random",
        images(folder),
        "--epochs",
        "0",
        "--batch-size",
        "4",
        "--processes",
        "1",
        "--out",
        "r",
    ]


@case(
    "C", "RANK without the others", codes=(1,), says="WORLD_SIZE", env=lambda folder: {"RANK": "0", "LOCAL_RANK": "0"}
)
def _(folder: Path) -> Command:
    return ["pretrain", "random", images(folder), "--epochs", "0", "--batch-size", "4", "--out", "r"]


@case("C", "a probe named twice")
def _(folder: Path) -> Command:
    return ["pilot", images(folder), *SMALL, "--probe", "knn", "--probe", "knn", "--out", "s"]


def three_ended_well(folder: Path, printed: str) -> list[str]:
    """Whether three pilots at once all ended with the whole study, each row once."""
    import pandas as pd

    rows = pd.read_parquet(folder / "s" / "predictions.parquet")
    key = ["run", "dataset", "protocol", "item"]
    while not (folder / "codes").exists():
        time.sleep(0.5)
    codes = (folder / "codes").read_text().split()
    wrong = [f"exit codes {codes}"] if codes != ["0", "0"] else []
    return wrong + (["rows stand twice"] if rows.duplicated(key).any() else [])


@case("C", "three pilots of one study at once", codes=DONE, check=three_ended_well, untouched=False)
def _(folder: Path) -> Command:
    command: Command = ["pilot", images(folder, 60), *SMALL, "--methods", "simclr,byol,random", "--out", folder / "s"]
    env = os.environ | {"KOGEN_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"}
    others = [
        subprocess.Popen(
            [sys.executable, "-m", "kogen", *map(str, command)],
            env=env,
            stderr=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for _number in range(2)
    ]

    def collect() -> None:
        (folder / "codes").write_text(" ".join(str(process.wait()) for process in others))

    threading.Thread(target=collect).start()
    return command
