"""The workflows are valid, do what .ci/run does, keep no secret, and call targets of the Makefile that exist."""

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

HOME = Path(__file__).parents[2]
FILES = sorted((HOME / ".github" / "workflows").glob("*.yml"))


def read(file: Path) -> dict[Any, Any]:
    return yaml.safe_load(file.read_text())


def targets() -> set[str]:
    return set(re.findall(r"^([a-z]+):", (HOME / "Makefile").read_text(), re.MULTILINE))


def commands(file: Path) -> list[str]:
    """Every line that a workflow runs."""
    steps = [step for job in read(file)["jobs"].values() for step in job["steps"]]
    assert all("run" in step or "uses" in step for step in steps)
    return [line for step in steps for line in step.get("run", "").splitlines()]


def asked(text: str) -> set[str]:
    """The targets that lines of shell ask of make."""
    return {word for words in re.findall(r"\bmake((?: [\w=.-]+)+)", text) for word in words.split() if "=" not in word}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_a_workflow_is_sound(file: Path):
    found = read(file)
    assert {"name", "jobs", "permissions"} <= set(found)
    assert found[True]  # `on`, which YAML takes for a boolean
    assert found["permissions"] == {"contents": "read"}
    assert "secrets." not in file.read_text()
    lines = [line for line in commands(file) if "make " in line and not line.startswith("choco")]
    assert lines
    assert asked("\n".join(lines)) <= targets()
    for job in found["jobs"].values():
        assert "runs-on" in job
        for step in job["steps"]:
            assert re.fullmatch(r"[\w-]+/[\w-]+@[\w./-]+", step["uses"]) if "uses" in step else step["run"]


def test_the_workflow_does_what_ci_does_on_every_system_and_python():
    file = HOME / ".github" / "workflows" / "ci.yml"
    wanted = asked((HOME / ".ci" / "run").read_text())
    assert {"test", "lint", "lowest", "package"} <= wanted <= targets()
    assert wanted <= asked("\n".join(commands(file)))
    matrix = read(file)["jobs"]["test"]["strategy"]["matrix"]
    classifiers = tomllib.loads((HOME / "pyproject.toml").read_text())["project"]["classifiers"]
    pythons = [
        line.rpartition(" ")[2] for line in classifiers if line.startswith("Programming Language :: Python :: 3.")
    ]
    assert matrix["python"] == pythons
    assert [system.partition("-")[0] for system in matrix["os"]] == ["ubuntu", "macos", "windows"]


def test_a_release_is_published_for_tags_alone_and_without_a_secret():
    found = read(HOME / ".github" / "workflows" / "release.yml")
    assert found[True] == {"push": {"tags": ["v*"]}}
    publish = found["jobs"]["publish"]
    assert publish["permissions"] == {"id-token": "write"}
    assert publish["needs"] == "package"
    assert "with" not in publish["steps"][-1]


def test_the_image_takes_what_is_built_and_runs_as_nobody_special():
    lines = (HOME / "Dockerfile").read_text().splitlines()
    copied = {word for line in lines if line.startswith("COPY ") for word in line.split()[1:-1]}
    allowed = {line[1:] for line in (HOME / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert copied == allowed
    assert all((HOME / name).exists() for name in copied)
    last = [line.split()[1] for line in lines if line.startswith("USER ")][-1]
    assert last not in ("root", "0")
    assert "VOLUME /cache" in lines
    assert any("KOGEN_CACHE=/cache" in line for line in lines)
