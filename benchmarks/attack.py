"""An attacker and an unlucky operator: what must never happen is tried, and counted as held or not, by kind.

Run: python benchmarks/attack.py [--only A,B] [--out work/attack] [--jobs 2]

Each attempt is `python -m kogen` as a process of its own, on files made here, in a folder of its own. It holds if the
exit code is the one that is wanted, no traceback is printed, it ends in time, and what must stay as it was did.
"""

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from attack_cases import CASES, Case

KINDS = {
    "A": "foreign code never runs",
    "B": "nothing of the user's is written to",
    "C": "several processes",
    "D": "damage on disk",
    "E": "nothing hangs",
    "F": "a sentence instead of a traceback",
    "G": "terminals and spreadsheets",
}


@dataclass
class Outcome:
    """How an attempt ended: what did not hold, and what was printed."""

    case: Case
    wrong: list[str] = field(default_factory=list)
    printed: str = ""


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", default=",".join(KINDS), help="kinds, A,B, or words of a title")
    parser.add_argument("--out", type=Path, default=Path("work/attack"))
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--verbose", action="store_true", help="print what each attempt printed")
    asked = parser.parse_args()
    shutil.rmtree(asked.out, ignore_errors=True)
    asked.out.mkdir(parents=True)
    kinds = asked.only.split(",")
    chosen = [
        case for case in CASES if case.kind in kinds or any(word in case.title for word in kinds if len(word) > 1)
    ]
    tried, held = Counter[str](), Counter[str]()
    with ThreadPoolExecutor(asked.jobs) as pool:
        for outcome in pool.map(
            lambda pair: attempt(*pair), [(case, asked.out / str(i)) for i, case in enumerate(chosen)]
        ):
            kind = outcome.case.kind
            tried[kind], held[kind] = tried[kind] + 1, held[kind] + (not outcome.wrong)
            print(f"{kind}  {'held' if not outcome.wrong else 'BROKE':5}  {outcome.case.title}", flush=True)
            if outcome.wrong or asked.verbose:
                print("".join(f"       {line}\n" for line in [*outcome.wrong, *outcome.printed.splitlines()[-6:]]))
    print()
    for kind in sorted(tried):
        print(f"{kind}  {KINDS[kind]}: tried {tried[kind]}, held {held[kind]}")
    return int(tried != held)


def attempt(case: Case, folder: Path) -> Outcome:
    """Try a case in a folder of its own."""
    folder = folder.resolve()
    folder.mkdir(parents=True)
    outcome = Outcome(case)
    command = case.prepare(folder)
    before = contents(folder) if case.untouched else {}
    env = os.environ | {"KOGEN_CACHE": str(folder / "cache"), "OMP_NUM_THREADS": "1"} | case.env(folder)
    env = {name: value for name, value in env.items() if value}
    shell = f'{case.limits}; exec "$@"' if case.limits else 'exec "$@"'
    whole = ["bash", "-c", shell, "kogen", sys.executable, "-m", "kogen", *map(str, command)]
    try:
        done = subprocess.run(whole, cwd=folder, env=env, capture_output=True, timeout=case.seconds, check=False)
    except subprocess.TimeoutExpired:
        outcome.wrong.append(f"did not end in {case.seconds} s")
        return outcome
    outcome.printed = (done.stdout + done.stderr).decode(errors="replace")
    if done.returncode not in case.codes:
        outcome.wrong.append(f"exit code {done.returncode}, wanted {' or '.join(map(str, case.codes))}")
    if "Traceback (most recent call last)" in outcome.printed:
        outcome.wrong.append("a traceback")
    if "Please report it" in outcome.printed:
        outcome.wrong.append("nobody had thought of it")
    if any(byte in done.stdout + done.stderr for byte in (b"\x1b", b"\x07", b"\x9b")):
        outcome.wrong.append("something acts on the terminal")
    if case.says not in " ".join(outcome.printed.split()):
        outcome.wrong.append(f"does not say {case.says!r}")
    after = contents(folder) if case.untouched else {}
    outcome.wrong += [f"{name} was changed" for name, digest in before.items() if after.get(name) != digest]
    outcome.wrong += case.check(folder, done.stdout.decode(errors="replace"))
    if (folder / "PWNED").exists():
        outcome.wrong.append("foreign code ran")
    return outcome


def contents(folder: Path) -> dict[str, str]:
    """A hash of every file below a folder, of links what they point to; the cache and pipes apart."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = os.readlink(path)
        elif path.is_file() and not name.startswith("cache"):
            found[name] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


if __name__ == "__main__":
    sys.exit(main())
