"""Tests that would notice: one small change of the code at a time, and whether the tests of its module fail.

Run: python benchmarks/mutation.py [--module kogen/training/monitor.py ...] [--sample 40 --seed 0] [--list] [--again]

Changed are arithmetic and comparisons (+ to -, < to <=, == to !=), numbers (by one), True and False, and and or, `not`,
conditions (negated) and what is returned (None). The tests of kogen/a/b.py are tests/a/test_b.py; a change that these
do not notice is tried on the other tests below tests/a that name the module too. Of these only the tests that call the
changed function run, the quick ones first, and none that opens a browser: what only such a test would notice counts as
survived. All runs in a copy of the checkout, one process at a time, each change in a fork that finds the large
libraries loaded. What was tried is kept in work/mutation/log.jsonl and not tried again: a change that was noticed, and
one that survived the very same tests. benchmarks/harmless.toml lists changes that no test can notice, and why.

Python's own `ast` and not mutmut or cosmic-ray: mutmut 3 puts a trampoline in place of each function, which hides the
signatures that kogen reads its options and hyperparameters from; cosmic-ray writes into the checkout, and starts pytest
anew each time, which loads torch and pandas for longer than the tests take.
"""

import argparse
import json
import os
import shutil
import signal
import sys
import time
import tomllib
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from callers import Chosen, Watch, callers, digest_of, function_around
from mutants import Mutant, describe, line_at, mutants_of

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / "work" / "mutation"
TARGETS = (
    "kogen/statistics",
    "kogen/results",
    "kogen/reporting",
    "kogen/evaluation/probes",
    "kogen/training/monitor.py",
)
COPIED = ("kogen", "tests", "benchmarks", "docs", "examples", "pyproject.toml", "README.md", "CHANGELOG.md")
LOADED = (
    "numpy",
    "pandas",
    "pyarrow.parquet",
    "scipy.stats",
    "scipy.optimize",
    "pydantic",
    "jinja2",
    "plotly.graph_objects",
)
LOADED += ("pytest", "hypothesis", "torch", "sklearn.linear_model", "statsmodels.api", "PIL.Image", "tomli_w")
NO_TESTS = 5  # the exit code of pytest where no test is left of those that were chosen
SPARE, LONGER = 20.0, 4.0  # a change may take so many seconds, and times as long, as the tests did without one


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--module", action="append", help="a file or folder of kogen/; repeatable", metavar="PATH")
    parser.add_argument("--sample", type=int, help="so many changes, drawn at random over all modules")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--minutes", type=float, default=1e9, help="stop after so many, and go on another time")
    parser.add_argument("--list", action="store_true", help="print the changes and end")
    parser.add_argument("--again", action="store_true", help="try also what the log knows")
    asked = parser.parse_args()
    modules = [str(path.relative_to(ROOT)) for name in asked.module or TARGETS for path in files_of(ROOT / name)]
    sources = {module: (ROOT / module).read_bytes() for module in modules}
    mutants = [mutant for module in modules for mutant in mutants_of(module, sources[module])]
    if asked.sample is not None:
        mutants = draw_sample(mutants, sources, asked.sample, asked.seed)
    if asked.list:
        print("\n".join(describe(mutant, sources[mutant.module]) for mutant in mutants))
        return 0
    return report(try_mutants(mutants, sources, asked.minutes, again=asked.again), sources)


def draw_sample(mutants: list[Mutant], sources: dict[str, bytes], size: int, seed: int) -> list[Mutant]:
    """Some changes, drawn by their own lines: a change of the code elsewhere leaves them in the sample."""
    drawn: dict[tuple[int, bytes], Mutant] = {}
    times: dict[bytes, int] = {}
    for one in mutants:
        source = sources[one.module]
        lines = one.module, line_at(source, one.begin), line_at(one.apply(source), one.begin)
        text = "\0".join(lines).encode()
        times[text] = times.get(text, 0) + 1  # the same line stands in a module twice
        drawn[times[text], text] = one
    order = sorted(drawn, key=lambda key: digest_of(f"{seed} {key[0]}".encode(), key[1]))
    return sorted((drawn[key] for key in order[:size]), key=lambda one: (one.module, one.begin))


def files_of(place: Path) -> list[Path]:
    """The modules at a path."""
    if not place.exists():
        sys.exit(f"there is no {place}: give a file or folder of the checkout, kogen/statistics")
    return sorted(place.rglob("*.py")) if place.is_dir() else [place]


def tests_of(module: str) -> tuple[list[str], list[str]]:
    """The test files of a module, and those of its package that name it; all of the folder where none does."""
    path = Path(module)
    own = ROOT / "tests" / Path(*path.parts[1:-1]) / f"test_{path.stem}.py"
    folder = next(place for place in own.parents if place.is_dir())
    package = ROOT / "tests" / path.parts[1] if len(path.parts) > 2 else ROOT / "tests"
    dotted = ".".join(path.with_suffix("").parts)
    words = (dotted, f"import {path.stem}", f".{path.stem} import", f'"{path.stem}"')
    others = [file for file in sorted(package.rglob("test_*.py")) if any(word in file.read_text() for word in words)]
    own = [own] if own.exists() else []
    others = [file for file in others if file not in own]
    if not own and not others:
        others = sorted(folder.rglob("test_*.py"))
    return [str(file.relative_to(ROOT)) for file in own], [str(file.relative_to(ROOT)) for file in others]


def try_mutants(
    mutants: Sequence[Mutant], sources: dict[str, bytes], minutes: float, *, again: bool
) -> list[dict[str, object]]:
    """The record of each change that was tried, now or before."""
    tree, log, began = WORK / "tree", WORK / "log.jsonl", time.monotonic()
    WORK.mkdir(parents=True, exist_ok=True)
    known = {one["key"]: one for one in map(json.loads, log.read_text().splitlines())} if log.exists() else {}
    records: list[dict[str, object]] = []
    prepared = False
    texts = {
        str(file.relative_to(ROOT)): file.read_bytes() for file in (ROOT / "tests").rglob("*.py")
    }  # as they are now
    # found once: who writes a test while this runs does not move what it is measured by
    stages_of = {name: [stage for stage in tests_of(name) if stage] for name in {mutant.module for mutant in mutants}}
    watched: dict[str, dict[str, Any] | None] = {}
    for mutant in mutants:
        stages = stages_of[mutant.module]
        digest = digest_of(*(file.encode() + texts[file] for stage in stages for file in stage))
        changed = mutant.apply(sources[mutant.module])
        key = digest_of(mutant.module.encode(), changed)
        old = known.get(key)
        if old and not again and (old["noticed"] or old["tests"] == digest):
            records.append(old)
            continue
        if time.monotonic() - began > 60 * minutes:
            continue
        if not prepared:
            copy_checkout(tree)
            for name, content in texts.items():
                (tree / name).write_bytes(content)
            prepared = True
        noticed, how = False, "uncalled" if stages else "no tests"
        for stage in stages:
            for file in set(stage) - watched.keys():
                watched[file] = watch_tests(tree, file)
            found = [watched[file] for file in stage]
            if None in found:
                how = "its tests fail without a change"
                break
            tests = {name: one for part in found for name, one in (part or {}).items()}
            names = callers(tests, mutant.module, function_around(sources[mutant.module], mutant.line))
            if not names:
                continue
            (tree / mutant.module).write_bytes(changed)
            how = run_tests(tree, names, SPARE + LONGER * sum(tests[name]["seconds"] for name in names))
            (tree / mutant.module).write_bytes(sources[mutant.module])
            if noticed := how != "survived":
                break
        record = {"key": key, "noticed": noticed, "how": how, "tests": digest, **asdict(mutant)}
        records.append(record)
        with log.open("a") as file:
            file.write(json.dumps(record) + "\n")
        print(f"{how:9} {describe(mutant, sources[mutant.module])}", flush=True)
    return records


def copy_checkout(tree: Path) -> None:
    """Make a fresh copy of what tests need: nothing is ever changed in the checkout."""
    shutil.rmtree(tree, ignore_errors=True)
    for name in COPIED:
        if (ROOT / name).is_dir():
            shutil.copytree(ROOT / name, tree / name, ignore=shutil.ignore_patterns("__pycache__"))
        elif (ROOT / name).exists():
            shutil.copyfile(ROOT / name, tree / name)
    text = "\n".join(file.read_text() for folder in ("kogen", "tests") for file in (tree / folder).rglob("*.py"))
    for name in LOADED:
        top = name.partition(".")[0]
        if name == "pytest" or f"import {top}" in text or f"from {top}" in text:
            __import__(name)


def watch_tests(tree: Path, file: str) -> dict[str, Any] | None:
    """Seconds and calls of each test of a file, without a change; None where they fail, and it is said.

    Kept in work/mutation/callers/ for as long as code and tests are the same.
    """
    helpers = sorted([*(tree / "kogen").rglob("*.py"), *(tree / "tests" / "helpers").rglob("*.py"), tree / file])
    place = WORK / "callers" / f"{digest_of(file.encode(), *(one.read_bytes() for one in helpers))}.json"
    place.parent.mkdir(exist_ok=True)
    if not place.exists():
        fresh = place.with_suffix(".new")
        if run_tests(tree, [file], 900, fresh) != "survived":
            print(f"{file} fails without a change: see {WORK / 'tests.log'}", flush=True)
            return None
        fresh.replace(place)
    return json.loads(place.read_text())


def run_tests(tree: Path, names: Sequence[str], seconds: float, calls: Path | None = None) -> str:
    """How tests of a copied tree end, in a fork of this process: survived, noticed or timeout.

    `names`: of tests, or of files, all of whose tests are watched then: what they call is written to `calls`.
    """
    child = os.fork()
    if not child:
        os.setsid()
        code = 70
        try:
            output = os.open(WORK / "tests.log", os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(output, 1)
            os.dup2(output, 2)
            os.chdir(tree)
            sys.dont_write_bytecode = True
            os.environ |= {"PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
            sys.path[:0] = [str(tree), str(tree / "tests" / "helpers")]
            import pytest

            import kogen

            assert Path(kogen.__file__).is_relative_to(tree), kogen.__file__
            plugin = Watch(tree) if calls else Chosen(names)
            files = dict.fromkeys(name.partition("::")[0] for name in names)
            code = int(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-m", "not slow", *files], plugins=[plugin]))
            if isinstance(plugin, Watch) and calls:
                plugin.write(calls)
        finally:
            os._exit(code)
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            return "survived" if os.waitstatus_to_exitcode(status) in (0, NO_TESTS) else "noticed"
        time.sleep(0.05)
    os.killpg(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return "timeout"


def report(records: Sequence[dict[str, object]], sources: dict[str, bytes]) -> int:
    """Print the changes that survived and the share that was noticed by module; 1 where less than 90 % were."""
    place = ROOT / "benchmarks" / "harmless.toml"
    listed = tomllib.loads(place.read_text())["change"] if place.exists() else []
    harmless = {(one["module"], one["before"], one["after"]) for one in listed}
    counts: dict[str, list[int]] = {}
    for record in records:
        mutant = Mutant(*(record[name] for name in ("module", "line", "begin", "end", "text")))  # type: ignore[arg-type]
        source = sources[mutant.module]
        lines = line_at(source, mutant.begin), line_at(mutant.apply(source), mutant.begin)
        count = counts.setdefault(mutant.module, [0, 0, 0])
        kind = 0 if record["noticed"] else 1 if (mutant.module, *lines) in harmless else 2
        count[kind] += 1
        if kind == 2:
            print(f"{record['how']}: {describe(mutant, source)}")
    print("\n| module | noticed | harmless | survived | noticed, of those not harmless |\n|---|--:|--:|--:|--:|")
    counts["all"] = [sum(column) for column in zip(*counts.values(), strict=True)] or [0, 0, 0]
    for module, (noticed, known, survived) in counts.items():
        share = 100 * noticed / max(noticed + survived, 1)
        print(f"| {module.removeprefix('kogen/')} | {noticed} | {known} | {survived} | {share:.0f} % |")
    noticed, _, survived = counts["all"]
    return int(noticed < 0.9 * (noticed + survived))


if __name__ == "__main__":
    sys.exit(main())
