"""What the documentation says is so: links lead somewhere, examples run, the worked example of a method trains."""

import importlib.util
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from small import blobs, plan_for

from kogen import api
from kogen.cli import main
from kogen.common import registry
from kogen.modules.base import Method
from kogen.options.study import PilotOptions
from kogen.study.request import study_from_request
from kogen.training.loop import pretrain

HOME = Path(__file__).parents[2]
PAGES = [*HOME.glob("*.md"), *(HOME / "docs").rglob("*.md")]
TUTORIALS = sorted((HOME / "docs" / "tutorials").glob("*.md"))
RUN_PAGE = [sys.executable, str(HOME / "tests" / "helpers" / "tutorials.py")]
LINK = re.compile(r"(?<!!)\[[^\]]+\]\(([^)\s]+)\)")


def repository() -> str:
    return tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["urls"]["Repository"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_inside_the_repository_lead_somewhere(page: Path):
    for link in LINK.findall(page.read_text()):
        inside = re.match(rf"{repository()}/(?:blob|tree)/main/(.*)", link)
        if inside:
            assert (HOME / inside[1]).exists(), link
        elif not link.startswith(("http://", "https://", "#")):
            assert (page.parent / link.partition("#")[0]).exists(), link


def test_every_picture_is_there_said_in_words_and_they_are_small():
    named = {
        (page.parent / file).resolve(): words
        for page in PAGES
        for words, file in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", page.read_text())
    }
    assert set(named) == set((HOME / "docs" / "pictures").iterdir())
    assert all(len(words) > 10 for words in named.values())
    assert all(file.read_bytes().startswith(b"\x89PNG") for file in named)
    assert sum(file.stat().st_size for file in named) < 1e6


def test_every_page_is_in_the_navigation_of_the_site():
    text = (HOME / "mkdocs.yml").read_text()
    inside = {page.relative_to(HOME / "docs").as_posix() for page in (HOME / "docs").rglob("*.md")}
    assert inside == set(re.findall(r"[\w./]+\.md$", text, re.MULTILINE))


def test_the_readme_works_on_a_package_index():
    """There no file lies beside it: every link is whole."""
    links = LINK.findall((HOME / "README.md").read_text())
    assert len(links) > 10
    assert all(link.startswith("https://") for link in links)


def test_the_readme_is_read_in_three_minutes_and_style_is_a_page():
    words = re.sub(r"[`|*\[\]()]", " ", (HOME / "README.md").read_text()).split()
    assert len(words) < 900  # 300 words a minute
    assert len((HOME / "docs" / "style.md").read_text().splitlines()) <= 60


@pytest.mark.skipif(shutil.which("make") is None, reason="there is no make")
@pytest.mark.parametrize("given", ["", "INIT=some weights.pth"])
def test_what_make_pilot_asks_is_a_study_of_many_images_and_few_labels(given: str, monkeypatch: pytest.MonkeyPatch):
    make = ["make", "--dry-run", "--assume-old=setup", "pilot", *([given] if given else [])]
    lines = subprocess.run(make, cwd=HOME, capture_output=True, text=True, check=True).stdout.splitlines()
    (line,) = [line for line in lines if "kogen pilot" in line]
    got: dict[str, Any] = {}
    monkeypatch.setattr(api, "pilot", lambda source, **options: got.update(options, source=source) or {"words": ["x"]})
    with pytest.raises(SystemExit) as end:
        main(shlex.split(line)[1:])
    assert end.value.code == 0
    assert got["source"] == "surfaces?visible=3&labelled=400"
    assert len(got["budgets"]) == 2
    assert got.get("init") == ("some weights.pth" if given else None)
    study = study_from_request(got.pop("source"), PilotOptions(**got | {"init": None, "starts": None}))
    assert {"byol", "supervised", "random"} <= set(study.methods)


def test_every_file_that_architecture_names_is_there():
    text = (HOME / "docs" / "architecture.md").read_text()
    named = re.findall(r"`((?:[a-z_0-9]+/)+[a-z_0-9]*(?:\.[a-z0-9.]+)?)`", text)
    assert len(named) > 40
    missing = [name for name in named if not any((home / name).exists() for home in (HOME, HOME / "kogen"))]
    assert set(missing) <= {"kogen/methods/align.py"}


def test_the_worked_example_is_a_method_of_40_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    text = (HOME / "docs" / "architecture.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    assert len([line for line in code.splitlines() if line.strip()]) <= 40
    file = tmp_path / "align.py"
    file.write_text(code)
    spec = importlib.util.spec_from_file_location("align", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    (name,) = module.__all__
    made = getattr(module, name)
    assert issubclass(made, Method)
    load = registry.load
    monkeypatch.setattr(
        registry, "load", lambda shelf, n: made if (shelf, n) == ("methods", "align") else load(shelf, n)
    )
    monkeypatch.setattr("small.network_for", lambda method: "tiny?width=8")
    images = blobs()
    epochs = list(pretrain(plan_for(images, "align", epochs=4), images, tmp_path / "run"))
    losses = np.array([epoch.terms["loss"] for epoch in epochs[1:]])
    assert np.isfinite(losses).all()
    assert losses[-1] < losses[0]


# Half a minute each, on paths that other tests take with less; `make package` runs the tutorials.
LONG = dict.fromkeys(("landscape", "own_method", "pilot"), pytest.mark.slow)
EXAMPLES = [
    pytest.param(file, id=file.stem, marks=LONG.get(file.stem, ())) for file in sorted((HOME / "examples").glob("*.py"))
]


@pytest.mark.parametrize("example", EXAMPLES)
def test_examples_run(example: Path, tmp_path: Path):
    done = subprocess.run(
        [sys.executable, str(example), str(tmp_path)], capture_output=True, text=True, timeout=600, cwd=HOME
    )
    assert done.returncode == 0, done.stderr
    assert str(tmp_path) in done.stdout


@pytest.mark.slow  # `make package`, which every change passes, runs them with the wheel alone
@pytest.mark.parametrize("page", TUTORIALS, ids=lambda page: page.stem)
def test_a_tutorial_does_what_it_shows(page: Path):
    done = subprocess.run([*RUN_PAGE, str(page)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"{page.name} ran in" in done.stdout


@pytest.mark.parametrize(
    ("page", "match"),
    [
        ("```python\nprint(1)\n```\n\n```text\n2\n```\n", r"page.md, line 5: shown is\n2\n\nbut printed was\n1"),
        ("```console\n$ echo a b\na ... c\n```\n", r"page.md, line 1: shown is\na \.\.\. c"),
        ("```console\n$ echo a \\\n  b\na b\n$ exit 3\n```\n", r"page.md, line 1: exit 3 ended with 3"),
        ("\n```python\nx = 1\n```\n\n```python\n\nprint(x / 0)\n```\n", r'"page.md, line 6", line 2'),
        (
            '```python title="a.py"\nx = 1\n```\n\n```python\nimport a\nprint(a.x)\n```\n```text\n3\n```\n',
            "printed was\n1",
        ),
    ],
)
def test_a_tutorial_that_does_something_else_is_noticed(page: str, match: str, tmp_path: Path):
    (tmp_path / "page.md").write_text(page)
    done = subprocess.run([*RUN_PAGE, str(tmp_path / "page.md")], capture_output=True, text=True)
    assert done.returncode == 1
    assert re.search(match, done.stderr), done.stderr
