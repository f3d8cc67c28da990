"""The proof on a GPU in one command: right, fast, resumable there, in a quarter of an hour and without a network.

Run: python benchmarks/gpu.py --minutes 8 --out DIR [--device cpu] [--only a,c] [--cifar cifar10_jpeg_train.npz]
     python benchmarks/gpu.py --wheels FOLDER     (beforehand, where there is a network)

Needs this checkout, torch 2.11, torchvision, timm, numpy, scipy, pandas, pyarrow, safetensors, typer and rich. What
else such a machine may lack is downloaded for it by --wheels: there `pip install --no-index --no-deps FOLDER/*.whl`.
Prints a table, writes DIR/gpu.json after every part and stops by itself. `--device cpu` rehearses all of it, tiny.

a  every method: loss and gradient of a step beside the CPU, three engine steps; the views
b  ResNet-50 BYOL and ViT-B/16 MAE at 224 px: the engine, the bare step, lightly's loop
c  killed and continued: the same bits
d  embedding and probes of 50,000 x 2,048, beside scikit-learn
e  a landscape: points, a plane, products with the Hessian
g  out of memory
h  b's bare step under torch.compile
s  four small runs on one card, one, two and four at a time
k  the engine under --compile
f  BYOL and SimCLR on CIFAR-10 for the time that is left
p  where the time of a step goes, only when asked for
"""

import argparse
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

# Beyond what the docstring lists: what kogen trains with, and the peer.
WHEELS = (
    "pydantic",
    "pydantic-core",
    "annotated-types",
    "typing-inspection",
    "lightning-fabric",
    "lightning-utilities",
)
WHEELS += ("threadpoolctl", "jinja2", "plotly", "narwhals", "tomli-w", "portalocker", "lightly")
PLATFORMS = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
ORDER, MORE = "abcdegskhf", "p"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--minutes", type=float, default=8.0)
    parser.add_argument("--out", type=Path, default=Path("work/gpu"))
    parser.add_argument("--device", choices=("cuda", "cpu"))
    parser.add_argument("--only", default=ORDER, help="letters of parts, a,c")
    parser.add_argument("--cifar", type=Path, help="CIFAR-10 as JPEGs, the file of the training images")
    parser.add_argument("--wheels", type=Path, metavar="FOLDER", help="download what such a machine lacks, and end")
    parser.add_argument("--markdown", type=Path, metavar="GPU.JSON", help="print its table for a page, and end")
    asked = parser.parse_args()
    if asked.wheels:
        return wheels(asked.wheels)
    if odd := set(asked.only.replace(",", "")) - set(ORDER + MORE):
        sys.exit(f"there is no part {', '.join(sorted(odd))}: choose from {', '.join(sorted(ORDER + MORE))}")
    if asked.device == "cpu" or asked.markdown:
        os.environ["CUDA_VISIBLE_DEVICES"] = ""  # before torch is loaded
    root = Path(__file__).resolve().parent.parent
    os.environ["PYTHONPATH"] = os.pathsep.join([str(root), *filter(None, [os.environ.get("PYTHONPATH")])])
    sys.path.insert(0, str(root))
    return proof(asked)


def proof(asked: argparse.Namespace) -> int:
    """Run the parts that were asked for; 1 if one broke or missed what is wanted."""
    import gpu_speed
    import gpu_studies
    import gpu_training
    import torch
    from gpu_table import Limit, Table, machine, markdown

    if asked.markdown:
        print(markdown(asked.markdown))
        return 0
    if asked.device != "cpu" and not torch.cuda.is_available():
        sys.exit("no GPU is here: rehearse with --device cpu")
    device = torch.device("cuda", 0) if torch.cuda.is_available() else torch.device("cpu")
    table = Table(asked.out, device, asked.minutes, small=device.type == "cpu")
    table.facts = machine(device)
    print(table.facts, flush=True)
    letters = [letter for letter in ORDER + MORE if letter in asked.only.replace(",", "")]
    works = {
        "a": gpu_training.methods,
        "b": gpu_speed.speed,
        "c": gpu_training.resume,
        "d": gpu_speed.probes,
        "e": gpu_speed.landscape,
        "g": gpu_training.room,
        "s": gpu_studies.shared_card,
        "k": gpu_studies.engine_compiled,
        "h": gpu_speed.compiled,
        "f": gpu_training.cifar,
        "p": gpu_speed.profile,
    }

    def over(*_: object) -> None:
        raise Limit

    signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, 60 * asked.minutes)
    try:
        for letter in letters:
            table.run(letter, works[letter], **table.share(letter, asked.cifar))
    except Limit:
        print(f"\nstopped after {asked.minutes:g} minutes, in part {table.part}", flush=True)
        table.parts[table.part]["error"] = "cut off: the minutes were over"
    signal.setitimer(signal.ITIMER_REAL, 0)
    table.write()
    rows = [row for part in table.parts.values() for row in part["rows"] if row["wanted"]]
    missed = [row["what"] for row in rows if not row["fine"]]
    broken = [letter for letter, part in table.parts.items() if part["error"]]
    print(
        f"\n{len(rows) - len(missed)} of {len(rows)} as wanted; missed: {missed or 'none'}; broken: {broken or 'none'}"
    )
    return 1 if missed or broken else 0


def wheels(folder: Path) -> int:
    """Download the wheels that a machine with Python 3.12 and torch may lack, at the versions that are here."""
    names = [f"{name}=={version(name)}" for name in WHEELS]
    print("\n".join(names))
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--python-version", "3.12"]
    command += ["--implementation", "cp", *(word for place in PLATFORMS for word in ("--platform", place))]
    return subprocess.run([*command, "-d", str(folder), *names]).returncode


if __name__ == "__main__":
    sys.exit(main())
