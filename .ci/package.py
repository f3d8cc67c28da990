"""Wheel and sdist: built, checked, and the wheel tried alone where no source is. `make package` runs it.

The version comes from the tags. On a tag it must be the release that kogen/common/version.py says: that is part of the
id of every run, which must be the same from a clone, a wheel and an sdist of one release.
"""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
import zipfile
from collections.abc import Sequence
from pathlib import Path

HOME = Path(__file__).resolve().parents[1]
DIST, WORK = HOME / "dist", HOME / "work" / "package"
BESIDE = {"pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "CITATION.cff", "PKG-INFO", ".gitignore"}
TABLE = "model,val,line2,night\nbyol,91.0,85.2,70.1\nsimclr,90.1,86.0,72.4\nrandom,61.3,58.0,55.0\nmae,88.2,84.9,69.0\n"


def main() -> None:
    """Build, check and try; the first thing that is wrong ends it with a sentence."""
    shutil.rmtree(DIST, ignore_errors=True)
    shutil.rmtree(WORK, ignore_errors=True)
    run([sys.executable, "-m", "build", "--outdir", str(DIST), str(HOME)])
    run([sys.executable, "-m", "twine", "check", "--strict", *map(str, DIST.iterdir())])
    (wheel,), (sdist,) = DIST.glob("*.whl"), DIST.glob("*.tar.gz")
    check_version(wheel)
    check_content(wheel, sdist)
    try_wheel(wheel)
    print(f"{wheel.name} ({wheel.stat().st_size / 1e3:,.0f} kB) and {sdist.name} are as they should be")


def run(command: Sequence[str], folder: Path = HOME) -> str:
    """What a command prints; its words on stderr, and the end, where it fails."""
    kept = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PYTHONHOME")}
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, env=kept | {"PYTHONSAFEPATH": "1"})
    if done.returncode:
        sys.exit(f"{' '.join(command)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return done.stdout


def check_version(wheel: Path) -> None:
    """On a tag, the wheel, the tag and the release in kogen/common/version.py are one version."""
    text = (HOME / "kogen" / "common" / "version.py").read_text(encoding="utf-8")
    said, built = re.findall(r'VERSION = "(.+)"', text)[0], wheel.name.split("-")[1]
    for tag in run(["git", "tag", "--points-at", "HEAD", "--list", "v*"]).split():
        if not tag.removeprefix("v") == said == built:
            sys.exit(f"the tag is {tag}, kogen/common/version.py says {said}, the wheel {built}: wanted one version")


def check_content(wheel: Path, sdist: Path) -> None:
    """The wheel holds every file of kogen/ that git knows, and both hold nothing else."""
    listed = run(["git", "ls-files", "--cached", "--others", "--exclude-standard", "kogen"]).split()
    known = {name for name in listed if (HOME / name).exists()}
    with zipfile.ZipFile(wheel) as file:
        names = {name for name in file.namelist() if ".dist-info/" not in name}
    compare(wheel, names, known)
    with tarfile.open(sdist) as file:
        names = {name.split("/", 1)[1] for name in file.getnames()}
    compare(sdist, names, known | BESIDE)


def compare(file: Path, got: set[str], wanted: set[str]) -> None:
    """End with what is missing in a file, or too much."""
    if got != wanted:
        more = sorted(got - wanted)[:5]
        sys.exit(f"{file.name} lacks {sorted(wanted - got)[:5]} and has {more}, which does not belong in it")


def try_wheel(wheel: Path) -> None:
    """Install the wheel into a fresh environment and use it; what it needs is taken from this one, torch is large."""
    place, empty = WORK / "venv", WORK / "empty"
    empty.mkdir(parents=True)
    venv.create(place, with_pip=False, symlinks=os.name != "nt")
    python = place / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    target = Path(run([str(python), "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"]).strip())
    run([sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)])
    # A folder named in a .pth file: its own .pth files, such as that of an editable kogen, are not followed.
    (target / "beside.pth").write_text("\n".join(path for path in sys.path if path.endswith("site-packages")))
    kogen = str(python.with_name("kogen.exe" if os.name == "nt" else "kogen"))
    lies = run([str(python), "-c", "import kogen; print(kogen.__file__)"], empty).strip()
    if not Path(lies).is_relative_to(target):
        sys.exit(f"kogen was loaded from {lies}, wanted the wheel's in {target}")
    if "pilot" not in run([kogen, "--help"], empty):
        sys.exit("kogen --help names no pilot")
    (empty / "table.csv").write_text(TABLE)
    told = run([kogen, "lottery", "table.csv", "--reference", "val", "--n", "val=500", "--out", "lottery"], empty)
    page = (empty / "lottery" / "report.html").read_text(encoding="utf-8")
    if "</html>" not in page or len(told.splitlines()) < 2:
        sys.exit(f"kogen lottery wrote no page, and said {told!r}")
    run([kogen, "report", "--help"], empty)
    print(told.splitlines()[0])
    pages = sorted((HOME / "docs" / "tutorials").glob("*.md"))
    print(run([str(python), str(HOME / "tests" / "helpers" / "tutorials.py"), *map(str, pages)], empty), end="")


if __name__ == "__main__":
    main()
