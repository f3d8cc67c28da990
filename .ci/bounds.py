"""The bounds of the dependencies in pyproject.toml: they resolve everywhere, and tests pass at both ends.

`make bounds` runs it: the lowest versions, then the newest, each laid before what is installed. torch and torchvision
stay as they are installed unless TORCH=1 is set: each of their releases is hundreds of megabytes.
"""

import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
WORK = HOME / "work" / "bounds"
ENDS = {"lowest": "lowest-direct", "newest": "highest"}
PYTHONS, PLATFORMS = ("3.11", "3.12", "3.13", "3.14"), ("linux", "macos", "windows")
LARGE = re.compile(r"(torch|torchvision|triton|nvidia-.*|cuda-.*)==")
# A fast part of the tests that meets every dependency.
TESTS = "common options statistics surface_fit metrics modules backbones data/test_pixel_cache.py data/test_decode.py "
TESTS += "results/test_read.py reporting/lottery training/test_loop.py training/test_run.py handover/test_export.py"
# What belongs to the process that tests, or is measured in it.
LEFT_OUT = ["--deselect", "tests/options/test_model.py::test_help_and_version_answer_at_once_without_torch"]


def main() -> None:
    """Resolve for every system, then test both ends, or do what is named."""
    WORK.mkdir(parents=True, exist_ok=True)
    wanted = sys.argv[1:] or ["resolve", *ENDS]
    if "resolve" in wanted:
        for python in PYTHONS:
            for platform in PLATFORMS:
                for how in ENDS.values():
                    # Wheels alone: what has to be built from source does not install everywhere.
                    where = ["--python-platform", platform, "--only-binary", ":all:"]
                    compile_bounds(how, python, where, WORK / "resolved.txt")
            print(f"Python {python}: lowest and newest are there for {', '.join(PLATFORMS)}", flush=True)
    for end in ENDS:
        if end in wanted:
            try_end(end)


def compile_bounds(how: str, python: str, more: list[str], file: Path) -> None:
    """Write one end of all bounds, with what these need, to a file."""
    asked = ["--quiet", "--no-header", "--no-annotate", "--resolution", how, "--python-version", python]
    run(["compile", *asked, *more, "pyproject.toml", "-o", str(file)])


def try_end(end: str) -> None:
    """Install one end of all bounds beside the environment and run a part of the tests with it."""
    target, file = WORK / end, WORK / f"{end}.txt"
    compile_bounds(ENDS[end], f"{sys.version_info.major}.{sys.version_info.minor}", ["--extra", "formats"], file)
    lines = file.read_text(encoding="utf-8").splitlines()
    lines = [line for line in lines if os.environ.get("TORCH") == "1" or not LARGE.match(line)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.rmtree(target, ignore_errors=True)
    run(["install", "--quiet", "--no-deps", "--target", str(target), "-r", str(file)])
    shutil.rmtree(target / "benchmarks", ignore_errors=True)  # that some bring along, and that would hide ours
    project = tomllib.loads((HOME / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    own = {re.split(r"[^\w-]", name)[0] for name in project["dependencies"]}
    print(f"{end}: {', '.join(line for line in lines if line.split('==')[0] in own)}", flush=True)
    path = os.pathsep.join([str(HOME), str(target)])
    tests = [str(HOME / "tests" / part) for part in TESTS.split()]
    asked = [sys.executable, "-m", "pytest", "-m", "not slow", *LEFT_OUT, *tests]
    if subprocess.run(asked, cwd=HOME, env=os.environ | {"PYTHONPATH": path}).returncode:
        sys.exit(f"tests fail with the {end} dependencies ({file}): mend them, or a bound in pyproject.toml")


def run(asked: list[str]) -> None:
    """Ask something of uv; its words, and the end, where it fails."""
    done = subprocess.run([sys.executable, "-m", "uv", "pip", *asked], cwd=HOME, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"uv pip {' '.join(asked)}:\n{done.stdout}{done.stderr}")


if __name__ == "__main__":
    main()
